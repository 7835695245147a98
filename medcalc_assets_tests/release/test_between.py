"""Two benchmarks by note and question: what upstream corrected, what it kept, and where conventions differ."""

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.defs.derivation import audited
from medcalc_assets.release.between import RELATIONS, between, counted
from medcalc_assets.storage.tables import DERIVATION_AUDIT, RAW_MEDCALC
from medcalc_assets_tests.cli import document, medcalc

AUDIT = ["uid", *(name for name in DERIVATION_AUDIT.names if name not in RAW_MEDCALC.names)]
LIMITS = ("Ground Truth Answer", "Lower Limit", "Upper Limit")
CYCLE = "{'Last menstrual date': '01/05/2020', 'cycle length': [35, 'days']}"
SIRS = "{'Temperature': [37, 'degC'], 'Heart Rate or Pulse': [70, '/min'], 'respiratory rate': [15, '/min'], "
SIRS += "'White blood cell count': [8000, '/µL']}"


def row(uid, calculator_id, label, **cells):
    """Of a benchmark: an invented case with this label."""
    found = next(row for row in original_rows() if row["Calculator ID"] == calculator_id)
    return (
        {name: str(cell) for name, cell in found.items()} | {"Row Number": str(uid)} | dict.fromkeys(LIMITS, label) | cells
    )


def frame(tmp_path, name, *rows):
    path = tmp_path / f"{name}.csv"
    pl.DataFrame(rows).write_csv(path)
    instances = Source(str(path)).read().instances
    return instances.join(audited(instances).select(AUDIT), on="uid")


def pairs(tmp_path, before, after):
    return between(frame(tmp_path, "before", *before), frame(tmp_path, "after", *after))


@pytest.mark.parametrize(
    ("before", "after", "relation"),
    [("1", "0", "corrected"), ("1", "1", "kept"), ("0", "0", "same"), ("0", "2", "otherwise"), ("1", "2", "otherwise")],
)
def test_a_contradiction_is_confirmed_by_the_label_that_the_published_rule_gives(tmp_path, before, after, relation):
    said = {"Relevant Entities": SIRS}
    (found,) = pairs(tmp_path, [row(7001, 51, before, **said)], [row(8001, 51, after, **said)]).to_dicts()
    assert (found["uid"], found["uid_after"], found["relation"]) == (7001, 8001, relation)
    assert (found["label"], found["label_after"], found["published"]) == (before, after, "0")


def test_labels_of_other_entities_differ_by_their_reading(tmp_path):
    other = {"Relevant Entities": SIRS.replace("70", "99")}
    before, after = row(7001, 51, "0", **{"Relevant Entities": SIRS}), row(8001, 51, "1", **other)
    assert pairs(tmp_path, [before], [after])["relation"].to_list() == ["entities"]


def test_upstreams_question_without_a_cycle_is_for_another_convention(tmp_path):
    """The same note; the label is wrong by the question that names the cycle, and right by the one that does not."""
    before = row(7001, 68, "01/19/2020", **{"Relevant Entities": CYCLE})
    asked = {"Relevant Entities": "{'Last menstrual date': '01/05/2020'}", "Question": "When was conception?"}
    after = row(8001, 68, "01/19/2020", **asked, **{"Calculator Name": "Estimated Date of Conception"})
    (found,) = pairs(tmp_path, [before], [after]).to_dicts()
    assert (found["relation"], found["reworded"]) == ("convention", True)
    assert found["convention"] == "LMP + 14 days where the question names no cycle length"
    assert (found["verdict"], found["verdict_after"]) == ("contradicted", "reproduced")


def test_a_case_is_the_same_by_its_question_first_and_another_note_or_calculator_is_another_case(tmp_path):
    said = {"Relevant Entities": SIRS}
    first, second = row(7001, 51, "0", **said), row(7002, 51, "0", **said, Question="And on the next day?")
    there = [row(8002, 51, "0", **said, Question="And on  the next day?"), row(8001, 51, "0", **said)]
    found = pairs(
        tmp_path, [first, second], [*there, row(8003, 45, "1"), row(8004, 51, "0", **said, **{"Patient Note": "x"})]
    )
    assert found.select("uid", "uid_after", "reworded").rows() == [(7001, 8001, False), (7002, 8002, False)]
    assert counted(found) == dict.fromkeys(RELATIONS, 0) | {"same": 2}


def test_the_command_holds_the_home_against_the_file_of_another_benchmark(own_demo, tmp_path):
    home, path = own_demo.settings.home, tmp_path / "other.csv"
    raw = own_demo.read("raw_medcalc")
    audits = own_demo.read("derivation_audit").filter("likely_error", calculator_id=45)
    rows = [
        {name: str(cell) for name, cell in each.items()}
        | {"Row Number": str(9_000 + each["Row Number"])}
        | dict.fromkeys(LIMITS, f"{label:g}")
        for each in original_rows()
        for label in audits.filter(uid=each["Row Number"])["published_number"]
    ]
    pl.DataFrame(rows).write_csv(path)
    found = document("diff", "v1.0", str(path), MEDCALC_HOME=home)
    assert found["relations"]["corrected"] == len(found["cases"]) == audits.height > 0
    assert found["contradicted"] == own_demo.read("derivation_audit")["likely_error"].sum()
    said = " ".join(medcalc("diff", "v1.0", str(path), "--home", str(home)).output.split())
    assert f"{audits.height} of {raw.height} cases are in {path}, 0 of them in other words." in said
    refused = medcalc("diff", "1.1.0", str(path), "--home", str(home))
    assert refused.exit_code == 1
    assert "held against original labels, not '1.1.0'" in refused.stderr
