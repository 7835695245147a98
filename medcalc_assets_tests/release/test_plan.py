import datetime as dt
import shutil
from contextlib import nullcontext
from itertools import pairwise

import dagster as dg
import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.cli import instance as cli_instance
from medcalc_assets.definitions import assemble
from medcalc_assets.errors import MedcalcError
from medcalc_assets.physicians.sample import last_plan, open_cases, waiting
from medcalc_assets.release.backup import restore
from medcalc_assets.release.plan import Claim, PlanError, planned, promise
from medcalc_assets.storage.tables import SAMPLING_PLAN
from medcalc_assets.storage.warehouse import Warehouse, WarehouseError
from medcalc_assets_tests.cli import document, medcalc

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ASKED = ("--find", "10", "--measure", "40", "--certify", "20% of evaluation", "--seed", "2026")


@pytest.fixture(scope="module")
def chain(demo_again):
    """A demo with a plan."""
    chain = demo_again()
    chain.shown = medcalc("plan", *ASKED, MEDCALC_HOME=chain.settings.home)
    assert chain.shown.exit_code == 0, chain.shown.output
    return chain


@pytest.fixture(scope="module", autouse=True)
def in_memory():
    """As `dagster_in_memory`, and for the module's demo, too."""
    with pytest.MonkeyPatch.context() as patch:
        instance = dg.DagsterInstance.ephemeral()
        patch.setattr(cli_instance, "_opened", lambda: nullcontext(instance))
        yield


def test_a_plan_is_written_down_with_what_anybody_needs_to_repeat_it(chain):
    made = chain.read("sampling_plan")
    assert dict(made["purpose"].value_counts().iter_rows()) == {
        "seen": chain.read("physician_consensus").height,
        "find": 10,
        "measure": 40,
        "certify": 13,
    }
    assert set(made["seed"]) == {"2026"}
    again = planned(chain.settings.warehouse, 10, 40, "20% of evaluation", "2026", True, NOW)
    same = [name for name in SAMPLING_PLAN.names if name not in ("plan", "planned_at")]
    assert again.select(same).sort(same).equals(made.select(same).sort(same))
    assert again["plan"].unique().to_list() == [2]
    measured = made.filter(purpose="measure")
    assert (measured["inclusion_probability"] * measured["labels"] - measured["answers"]).abs().max() < 1e-9
    assert not set(made.filter(made["purpose"] != "seen")["uid"]) & set(chain.read("physician_consensus")["uid"])


def test_a_plan_says_what_it_will_prove(chain):
    said = " ".join(chain.shown.output.split())
    assert "find: the 10 most likely wrong, of which about 10 are." in said
    assert "measure: 40 at random (A " in said
    assert f"% of all {len(original_rows())}, if the rates are as anticipated." in said
    assert "certify: 13 of the 152 labels of evaluation at random: if all are right, at most 30 of them are wrong" in said
    assert promise(chain.read("sampling_plan"), len(original_rows()))[0] in said


def test_no_second_plan_while_one_is_open_unless_asked_for(chain):
    refused = medcalc("plan", "--find", "1", MEDCALC_HOME=chain.settings.home)
    assert refused.exit_code == 1
    asked = chain.read("sampling_plan").filter(chain.read("sampling_plan")["purpose"] != "seen")["uid"].n_unique()
    assert f"Plan 1 is open: {asked} of its cases have no answer." in refused.output
    assert "or give --again to leave it" in " ".join(refused.output.split())
    assert chain.read("sampling_plan")["plan"].unique().to_list() == [1]


def test_a_plan_cannot_be_changed(chain):
    changed = chain.read("sampling_plan").with_columns(seed=pl.lit("another"))
    with pytest.raises(WarehouseError, match="sampling_plan"):
        chain.settings.warehouse.write(SAMPLING_PLAN, [changed])


def test_a_plan_outlasts_the_warehouse(chain, tmp_path):
    shutil.copytree(chain.settings.home, tmp_path / "lost")
    (tmp_path / "lost" / "warehouse.duckdb").unlink()
    restore(tmp_path / "lost", tmp_path / "again")
    assert Warehouse(tmp_path / "again").read(SAMPLING_PLAN).equals(chain.read("sampling_plan"))


def test_without_a_purpose_nothing_is_planned(demo_again):
    """As where all assets are materialized in the UI."""
    other = demo_again()
    job = assemble(other.settings).resolve_job_def("plan")
    assert job.execute_in_process(instance=other.instance).success
    assert other.read("sampling_plan").is_empty()
    assert open_cases(other.settings.warehouse) == []
    assert planned(other.settings.warehouse, 1, 0, "", "2026", False, NOW)["plan"][0] == 1


def test_packets_ask_for_all_purposes_at_the_same_pace(chain):
    made = last_plan(chain.settings.warehouse)
    order = open_cases(chain.settings.warehouse)
    half = made.filter(made["uid"].is_in(order[: len(order) // 2]), made["purpose"] != "seen")
    counts = dict(half["purpose"].value_counts().iter_rows())
    assert 4 <= counts["find"] <= 7
    assert 16 <= counts["measure"] <= 24
    assert 5 <= counts["certify"] <= 9
    by_stratum = made.filter(purpose="measure").sort("draw").group_by("stratum", maintain_order=True)
    for _, of_stratum in by_stratum:
        places = [order.index(uid) for uid in of_stratum["uid"]]
        assert sum(a > b for a, b in pairwise(places)) <= 2, "but where another purpose asks earlier"
    assert waiting(made, order[:5], order[5:7])[-2:] == order[5:7], "what is out with somebody comes last"


def test_answers_flow_back_and_the_demo_shows_the_rate_beside_the_truth(chain):
    asked = chain.read("sampling_plan").filter(purpose="measure").row(0, named=True)
    told = medcalc("trace", str(asked["uid"]), MEDCALC_HOME=chain.settings.home).output
    assert (
        f"Plan 1 asks for it to measure: number {asked['draw']} of {asked['answers']} from the {asked['labels']} of "
        f"{asked['stratum']}."
    ) in " ".join(told.split())
    assert "by P(the original is wrong) 0." in told
    chain.run()
    found = document("summary", MEDCALC_HOME=chain.settings.home)
    assert found["plan"] == {
        "find": {"cases": 10, "answered": 10},
        "measure": {"cases": 40, "answered": 40},
        "certify": {"cases": 13, "answered": 13},
    }
    assert open_cases(chain.settings.warehouse) == []
    rates = {(each["labels"], each["part"], each["terms"], each["basis"]): each for each in found["error_rates"]}
    rate = rates["original", "all", "paper", "design"]
    assert rate["low"] <= rate["truth"] <= rate["high"]
    assert rate["not_covered"] == 0
    assert rate["simulated"]
    stored = chain.read("error_rates")
    assert stored.height == len(found["error_rates"])
    shown = " ".join(medcalc("summary", MEDCALC_HOME=chain.settings.home).output.split())
    assert f"by a planned random sample; in truth {rate['truth']}, as the demo knows." in shown
    assert "Of the 152 labels of evaluation that no physician had decided, at most" in shown
    assert "The last plan, cases answered: find 10 of 10, measure 40 of 40, certify 13 of 13." in shown


@pytest.mark.parametrize("text", ["5%", "5 of evaluation", "0% of evaluation", "100% of evaluation", "5% of labels", ""])
def test_what_is_no_claim_is_refused_with_an_example(text):
    with pytest.raises(PlanError, match="such as '5% of evaluation'"):
        Claim.parse(text)


def test_a_claim_that_no_sample_proves_and_a_plan_for_nothing_are_refused(chain):
    warehouse = chain.settings.warehouse
    with pytest.raises(MedcalcError, match="are more than there are without a physician's answer"):
        planned(warehouse, 400, 0, "", "2026", True, NOW)
    with pytest.raises(PlanError, match="give --find, --measure or --certify"):
        planned(warehouse, 0, 0, "", "2026", True, NOW)
