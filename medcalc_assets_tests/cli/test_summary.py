from unittest.mock import patch

import polars as pl

from medcalc_assets.benchmarks.demo import instances, original_rows
from medcalc_assets.benchmarks.known import NOTE_DIGITS
from medcalc_assets.calculators import KEYS
from medcalc_assets.cli.summary import _counted
from medcalc_assets.statistics.effective_votes import amount
from medcalc_assets_tests.cli import document, medcalc


def test_the_finding_is_the_last_that_a_summary_says(demo):
    shown = medcalc("summary", MEDCALC_HOME=demo.settings.home, COLUMNS="300")
    assert shown.exit_code == 0
    simulated, errors, contradicted, wrong, in_key, changed = shown.output.splitlines()[-6:]
    assert simulated.startswith("SIMULATED: votes and physicians are invented")
    share = f"44.5% (Wilson 95% 39.3% to 49.9%) of all {len(original_rows())}, 48.4%"
    assert errors.startswith(f"147 likely errors in {len(KEYS)} calculators: {share}")
    assert "labels contradicted by the instance's own entities: 16.7%" in contradicted
    assert wrong.startswith(
        "Original labels: of the 154 that are contested, or contradicted without a relabel, about 138 are"
    )
    assert wrong.endswith("; the other 176 are not covered; in truth 139, as the demo knows.")
    assert in_key.startswith("Our key: of all 315 about 3 are wrong (0 to 9; 1.0% of them), by a model")
    assert changed.startswith("193 labels changed; of the maintained labels 53 are N/A,")


def test_a_summary_says_how_many_independent_votes_the_votes_amount_to(demo):
    shown = medcalc("summary", MEDCALC_HOME=demo.settings.home, COLUMNS="300").output.splitlines()
    rows = document("summary", MEDCALC_HOME=demo.settings.home)["effective_votes"]
    assert rows == demo.read("effective_votes").to_dicts()
    for heading, phase in (("Phase 1", "audit"), ("Phase 2", "relabel"), ("Inputs read", "inputs")):
        assert f"{heading}: {amount(rows, phase)}" in shown
    assert any(line.startswith("Phase 2: 5 votes of simulated amount to 4.") for line in shown)


def test_calculators_have_their_rows_on_request_only(demo):
    short, long = (medcalc("summary", *more, MEDCALC_HOME=demo.settings.home).output for more in ((), ("--by-calculator",)))
    assert "glasgow_coma_score" not in short
    assert "glasgow_coma_score" in long
    assert long.splitlines()[-8:] == short.splitlines()[-8:]


def test_a_summary_fits_80_columns(demo):
    shown = medcalc("summary", "--by-calculator", MEDCALC_HOME=demo.settings.home, COLUMNS="80").output
    tables = [line for line in shown.splitlines() if " instances of " not in line]
    assert max(map(len, tables)) <= 80
    assert "framingham_risk " in shown


def test_export_names_the_demo(demo, tmp_path):
    exported = medcalc("export", "--to", str(tmp_path), MEDCALC_HOME=demo.settings.home)
    assert exported.exit_code == 0
    assert "DEMO_medcalc_bench_1.1.0-candidate.csv" in exported.output.replace("\n", "")


def test_the_document_adds_up(demo):
    found = document("summary", MEDCALC_HOME=demo.settings.home)
    assert found["simulated"] is True
    assert sum(found["likely_errors"]["by_cause"].values()) == found["likely_errors"]["labels"] == 147
    assert found["relabels"]["agree"] + found["likely_errors"]["labels"] == found["relabels"]["high_confidence"]
    assert sum(found["maintained"]["by_reason"].values()) == found["instances"]
    assert sum(each["likely_errors"] for each in found["by_calculator"]) == 147
    assert {each["label_set"] for each in found["physicians"]} == {"original", "own entities", "simulated"}


def test_another_split_says_that_contradictions_are_rare_and_what_it_shares_with_the_test_split(start_chain, tmp_path):
    """Of rows that are of no known benchmark, one note of which stands in the test split with its calculator."""
    rows = [row | {"Row Number": 7_000 + row["Row Number"]} for row in original_rows()[:12]]
    right = [row for row, known in zip(rows, instances(), strict=False) if known.planted is None]
    pl.DataFrame(right).write_csv(tmp_path / "train.csv")
    chain = start_chain(str(tmp_path / "train.csv"), auditor="none")
    chain.run(KEYS[:2])
    uid, number, digest = chain.read("raw_medcalc").select("uid", "calculator_id", "note_sha256").row(0)
    known_as_asked = frozenset({(number, digest[:NOTE_DIGITS])})
    with patch("medcalc_assets.release.leaks.asked_in_test", return_value=known_as_asked):
        found = document("summary", MEDCALC_HOME=chain.settings.home)
        said = " ".join(medcalc("summary", MEDCALC_HOME=chain.settings.home).output.split())
    assert found["leaks"] == {"cases": [uid], "notes": []}
    assert "Contradictions are rare here: the calculators with the most defects" in said
    assert "Rules have little more to show; votes or physicians have to." in said
    assert "note and calculator of 1 label, and the note alone of 0 more" in said
    assert document("summary", MEDCALC_HOME=chain.settings.home)["leaks"] == {"cases": [], "notes": []}


def test_the_test_split_and_the_demo_say_nothing_of_it(demo):
    assert document("summary", MEDCALC_HOME=demo.settings.home)["leaks"] is None
    assert "Contradictions are rare" not in medcalc("summary", MEDCALC_HOME=demo.settings.home).output


def test_one_is_no_plural():
    assert [_counted(count, "label") for count in (0, 1, 4_711)] == ["0 labels", "1 label", "4,711 labels"]
