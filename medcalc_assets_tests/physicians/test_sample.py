"""What packets ask for, by named orders and by a plan."""

import json
import shutil

import polars as pl
import pytest

from medcalc_assets.physicians.packet import Packets
from medcalc_assets.physicians.returned import PacketError
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


def test_packets_draw_from_the_open_plan_until_all_of_it_is_out(demo, warehouse, packets):
    asked = plan(warehouse, find=3, measure=16, certify="50% of evaluation")
    alone = set(demo.read("maintained_labels").filter(reason="physician_unexplained")["uid"])
    first = uids(packets.issue(warehouse, "Dr Lee", 10))
    assert first < asked | alone
    assert first & alone, "what waits for a second opinion goes out by itself"
    assert uids(packets.issue(warehouse, "Dr Ray", 500, orders=["measure"])) == asked - first, "the rest is out with Dr Lee"
    with pytest.raises(PacketError, match="no case left in the order measure that Dr Kim has not had"):
        packets.issue(warehouse, "Dr Kim", 1, orders=["measure"])


def test_no_file_of_a_packet_tells_why_a_case_is_there(warehouse, packets):
    plan(warehouse, find=3, measure=16, certify="50% of evaluation")
    folder = packets.issue(warehouse, "Dr Lee", 20)
    told = "".join(path.read_text() for path in folder.iterdir() if path.suffix != ".xlsx").casefold()
    assert [word for word in ("certify", "stratum", "likely", "purpose", "probability") if word in told] == []


def test_without_a_plan_the_order_is_that_of_the_paper(demo, warehouse, packets):
    first = set(demo.read("review_orders").sort("paper", nulls_last=True)["uid"].head(1))
    assert uids(packets.issue(warehouse, "Dr Lee", 1)) == first
    with pytest.raises(PacketError, match="no case left in the order measure"):
        packets.issue(warehouse, "Dr Lee", 5, orders=["measure"])


def test_a_mix_of_orders_takes_from_each_by_turns(demo, warehouse, packets):
    orders = demo.read("review_orders")
    likely = orders.sort("likely")["uid"].to_list()
    queue = set(demo.read("adjudication_queue")["uid"])
    cards = (pl.col("shows_wrong") > 0).sum()  # which come first
    first = demo.read("rule_cards").select(cards).item()
    assert uids(packets.issue(warehouse, "Dr Lee", first + 4, orders=["likely"])) == set(likely[:4])
    mixed = uids(packets.issue(warehouse, "Dr Ray", 4 * first + 16, 2, orders=["likely", "paper"]))
    assert mixed > set(likely[:4])
    assert len(mixed & queue) >= first + 4
