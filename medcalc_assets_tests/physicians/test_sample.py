"""What packets ask for, by named orders and by a plan."""

import json
import shutil

import polars as pl
import pytest

from medcalc_assets.physicians.packet import PacketError, Packets
from medcalc_assets.release.plan import planned
from medcalc_assets.storage.tables import SAMPLING_PLAN
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets_tests.release.test_plan import NOW


@pytest.fixture
def warehouse(demo, tmp_path):
    """That of the demo, which a test may write to."""
    shutil.copy(demo.settings.warehouse.path, tmp_path)
    return Warehouse(tmp_path)


@pytest.fixture
def packets(tmp_path):
    return Packets(tmp_path)


def plan(warehouse, find=0, measure=0, certify=""):
    rows = planned(warehouse, find, measure, certify, "2026", False, NOW)
    warehouse.write(SAMPLING_PLAN, [rows])
    return set(rows.filter(rows["purpose"] != "seen")["uid"])


def uids(folder):
    return set(map(int, json.loads((folder / "packet.json").read_text())["cases"]))


def test_packets_draw_from_the_open_plan_until_all_of_it_is_out(warehouse, packets):
    asked = plan(warehouse, find=3, measure=16, certify="50% of evaluation")
    first = uids(packets.issue(warehouse, "Dr Lee", 10))
    assert first < asked
    rest = asked - first
    assert uids(packets.issue(warehouse, "Dr Ray", len(rest))) == rest, "what is out with Dr Lee comes last"
    assert first | uids(packets.issue(warehouse, "Dr Lee", 500)) == asked
    with pytest.raises(PacketError, match="no case left in the order measure that Dr Lee has not had"):
        packets.issue(warehouse, "Dr Lee", 1)


def test_no_file_of_a_packet_tells_why_a_case_is_there(warehouse, packets):
    plan(warehouse, find=3, measure=16, certify="50% of evaluation")
    folder = packets.issue(warehouse, "Dr Lee", 20)
    told = "".join(path.read_text() for path in folder.iterdir() if path.suffix != ".xlsx").casefold()
    assert [word for word in ("certify", "stratum", "likely", "purpose", "probability") if word in told] == []


def test_without_a_plan_the_order_is_that_of_the_paper(demo, warehouse, packets):
    orders = demo.read("review_orders")
    assert uids(packets.issue(warehouse, "Dr Lee", 5)) == set(orders.sort("paper", nulls_last=True)["uid"].head(5))
    with pytest.raises(PacketError, match="no case left in the order measure"):
        packets.issue(warehouse, "Dr Lee", 5, orders=["measure"])


def test_a_mix_of_orders_takes_from_each_by_turns(demo, warehouse, packets):
    orders = demo.read("review_orders")
    likely, paper = (orders.sort(name, nulls_last=True)["uid"].to_list() for name in ("likely", "paper"))
    cards = (pl.col("shows_wrong") > 0).sum()  # which come first
    first = demo.read("rule_cards").select(cards).item()
    assert uids(packets.issue(warehouse, "Dr Lee", first + 4, orders=["likely"])) == set(likely[:4])
    mixed = uids(packets.issue(warehouse, "Dr Ray", 2 * first + 8, orders=["likely", "paper"]))
    assert mixed >= {*likely[:4], *paper[: first + 4]}
    assert mixed <= {*likely, *paper[: first + 8]}
