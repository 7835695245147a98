"""Other versions of the benchmark: their spellings are read, their labels stay theirs, and v1.0's defects are not theirs."""

import json

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.known import ONE_SHOT, identify
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.benchmarks.row import audit
from medcalc_assets.benchmarks.verified import VERIFIED
from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.defs.derivation import audited

CONCEPTION = "Estimated Date of Conception"
OF_CONCEPTION = {
    "Calculator Name": CONCEPTION,
    "Category": "date",
    "Relevant Entities": "{'Last menstrual date': '01/05/2020'}",
    "Ground Truth Answer": "01/19/2020",
    "Lower Limit": "01/19/2020",
    "Upper Limit": "01/19/2020",
}


def of_demo(calculator_id, uid=1, **cells):
    """A row of the demo under another uid, so that it is no known one."""
    row = next(row for row in original_rows() if row["Calculator ID"] == calculator_id)
    return {name: str(cell) for name, cell in row.items()} | {"Row Number": str(7_000 + uid)} | cells


def read(tmp_path, *rows):
    path = tmp_path / "other.csv"
    pl.DataFrame(rows).write_csv(path)
    return Source(str(path)).read()


def test_every_name_and_key_of_verified_means_one_that_is_known_here():
    assert set(VERIFIED.calculators.values()) <= CALCULATORS.keys()
    for calculator_id, keys in VERIFIED.keys.items():
        reader = CALCULATORS[calculator_id].reader
        assert [key for key in keys.values() if key and not reader.find(key)] == []
        assert [key for key in keys if CALCULATORS[calculator_id].reader.find(key) and keys[key] is None] == []
    for calculator_id, convention in VERIFIED.declares.items():
        assert CALCULATORS[calculator_id].publishing(convention).published.name == convention


def test_a_file_of_verified_is_told_by_its_spellings_and_loads_with_its_own_labels(tmp_path):
    found = read(tmp_path, of_demo(68, **OF_CONCEPTION), of_demo(45, uid=2))
    assert found.quarantine.is_empty()
    assert found.instances["benchmark"].to_list() == ["Verified", "Verified"]
    assert found.instances.filter(calculator_id=68).select("calculator_name", "label_text").row(0) == (
        CONCEPTION,
        "01/19/2020",
    )


def test_a_row_of_verified_in_a_file_of_v1_is_set_aside_and_leaves_the_others_what_they_are(tmp_path):
    found = read(tmp_path, of_demo(68, **OF_CONCEPTION), {name: str(cell) for name, cell in original_rows()[0].items()})
    assert found.instances["benchmark"].to_list() == ["v1.0"]
    assert found.quarantine["calculator_name"].to_list() == [CONCEPTION]


def test_the_rule_is_that_of_the_question_two_weeks_after_the_period_where_no_cycle_is_named(tmp_path):
    rows = read(tmp_path, of_demo(68, **OF_CONCEPTION)).instances
    (found,) = audited(rows).to_dicts()
    assert found["verdict"] == "reproduced"
    assert found["original_rule_kind"] is None
    assert found["original_rule_reproduces"] is False
    cycle = "{'Last menstrual date': '01/05/2020', 'cycle length': [35, 'days']}"
    of_v1 = of_demo(68, **OF_CONCEPTION | {"Calculator Name": CALCULATORS[68].name, "Relevant Entities": cycle})
    (found,) = audited(read(tmp_path, of_v1).instances).to_dicts()
    assert (found["verdict"], found["original_rule_reproduces"]) == ("contradicted", True)


def test_a_contradiction_of_verified_is_not_explained_by_a_defect_of_v1(tmp_path):
    wrong = OF_CONCEPTION | dict.fromkeys(("Ground Truth Answer", "Lower Limit", "Upper Limit"), "01/26/2020")
    (found,) = audited(read(tmp_path, of_demo(68, **wrong)).instances).to_dicts()
    assert (found["verdict"], found["likely_error"]) == ("contradicted", True)
    assert "v1.0" not in found["explanation"]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("mmol/L", {"Blood Urea Nitrogen (BUN)": [8.0, "mmol/L"]}), ("mg/dL", {"Urea": [8.0, "mg/dL"]})],
)
def test_urea_is_its_nitrogen_in_amounts_and_not_in_mass(unit, expected):
    assert VERIFIED.entities(45, {"Urea": [8.0, unit]}) == expected


def test_what_is_given_under_both_keys_keeps_both():
    twice = {"Congestive Heart Failure": True, "Congestive Heart Faliure": False}
    assert VERIFIED.entities(4, twice) == twice
    assert VERIFIED.entities(10, {"weight": [70, "kg"], "height": [180, "cm"]}) == {"height": [180, "cm"]}


def test_one_row_of_verified_can_be_audited_by_itself():
    found = audit({**of_demo(68), **OF_CONCEPTION})
    assert (found.verdict, found.original) == ("reproduced", None)


@pytest.mark.real_data
def test_the_one_shot_examples_of_verified_load_whole_and_none_is_accused(real_data):
    found = Source(str(real_data / "verified_one_shot_2026.csv")).read()
    rows = list(found.instances.select(pl.col("uid").cast(pl.String), "row_sha256").iter_rows())
    assert identify(rows, "copy.csv", "") == (ONE_SHOT, ())
    assert found.instances["benchmark"].unique().to_list() == ["Verified"]
    audits = audited(found.instances)
    assert dict(audits["verdict"].value_counts().iter_rows()) == {"reproduced": 53, "contradicted": 1, "not_computable": 1}
    assert audits["likely_error"].sum() == 0
    (convention,) = audits.filter(verdict="contradicted").to_dicts()
    assert "a cough that is not mentioned is absent" in convention["explanation"]
    assert json.loads(audits.filter(verdict="not_computable")["missing"].item()) == [
        "Electrocardiogram Test",
        "Initial troponin",
    ]
