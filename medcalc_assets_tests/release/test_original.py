"""A home of another version than v1.0 calls its original labels by their own name, in all that it says and releases."""

import ast
import json
import re

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.versions import VERSIONS, version_here
from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.grading.scores import differences, grade, key_effects
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.release.build import build
from medcalc_assets.release.card import CITED, cited
from medcalc_assets.release.gates import GATES, Candidate
from medcalc_assets.release.keys import keys
from medcalc_assets.release.releases import Releases, changed_since_original, manifest_of
from medcalc_assets.reports.cause import cause
from medcalc_assets.reports.pages import write_pages
from medcalc_assets.reports.trace import rows_of, trace
from medcalc_assets_tests.benchmarks.test_versions import OF_CONCEPTION
from medcalc_assets_tests.cli import medcalc

WRONG = dict.fromkeys(("Ground Truth Answer", "Lower Limit", "Upper Limit"), "01/26/2020")
VERIFIED_FILES = ("README.md", "CHANGELOG.md", "manifest.json", "croissant.json")


def invented():
    """A file in the spellings of Verified: the demo's rows under other uids, one without what its rule needs, and two
    dates of conception, one wrong."""
    rows = [row | {"Row Number": 7_000 + row["Row Number"]} for row in original_rows() if row["Calculator ID"] != 68]
    of_68 = next(row for row in original_rows() if row["Calculator ID"] == 68)
    dates = (of_68 | {"Row Number": 8_000 + i} | OF_CONCEPTION | also for i, also in enumerate(({}, WRONG)))
    heart = next(row for row in rows if row["Calculator ID"] == 18)
    entities = ast.literal_eval(heart["Relevant Entities"])
    less = {name: value for name, value in entities.items() if name != "Initial troponin"}
    without = heart | {"Row Number": 8_002, "Relevant Entities": repr(less)}
    return pl.DataFrame([{name: str(cell) for name, cell in row.items()} for row in (*rows, *dates, without)])


@pytest.fixture(scope="module")
def verified(start_chain, tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "verified.csv"
    invented().write_csv(path)
    chain = start_chain(str(path))
    chain.run()
    return chain


@pytest.fixture(scope="module")
def candidate(verified):
    found = Candidate(verified.settings.warehouse, verified.settings.releases)
    build(found.warehouse, found.releases, None, found.folder)
    return found


@pytest.fixture(scope="module")
def pages(verified, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages") / "report"
    write_pages(verified.settings.warehouse, Packets(folder.parent), folder)
    return folder


def words(page):
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")).split())


def test_a_release_of_verified_names_it_wherever_it_speaks_of_the_original_labels(candidate):
    assert version_here(candidate.warehouse).name == "Verified"
    manifest = manifest_of(candidate.folder)
    assert (manifest["original"], list(manifest["changes"])) == ("Verified", ["Verified"])
    assert manifest["name"] == "MedCalc-Bench Verified with maintained labels (UNKNOWN SOURCE)"
    stem = "UNKNOWN_SOURCE_medcalc_bench_verified_1.1.0"
    assert {f"{stem}.csv", f"{stem}_all.parquet", f"{stem}_changes_since_Verified.csv"} <= manifest["files"].keys()
    card, changelog, *_ = texts = [(candidate.folder / name).read_text(encoding="utf-8") for name in VERIFIED_FILES]
    assert [re.findall(r".*v1\.0.*", text) for text in texts] == [[]] * len(texts)
    assert "# MedCalc-Bench Verified with maintained labels (UNKNOWN SOURCE), 1.1.0" in card
    assert "a drop-in for Verified, with its columns by name" in card
    assert "The line begins after Verified, which had neither abstentions nor an evaluation key; its numbers are not" in card
    assert f"## Since Verified: {changed_since_original(manifest)} labels" in changelog


def test_its_gates_are_open_but_for_those_that_say_that_nobody_has_voted(candidate):
    closed = {name: found for name, gate in GATES.items() if (found := list(gate(candidate)))}
    assert set(closed) == {"evaluation_key_does_not_shrink"}


def test_whoever_cites_it_cites_verified_too_and_it_stays_under_the_licence_of_both(candidate):
    verified, card = VERSIONS["Verified"], (candidate.folder / "README.md").read_text(encoding="utf-8")
    assert cited(VERSIONS["v1.0"]) == CITED
    assert "@misc{medcalcbenchverified,\n  title = {{MedCalc-Bench Verified}}" in cited(verified)
    assert cited(verified) in card
    assert f"and so is [MedCalc-Bench Verified]({verified.address}), by which its authors maintain it" in card
    assert "license: cc-by-sa-4.0" in card
    croissant = json.loads((candidate.folder / "croissant.json").read_text(encoding="utf-8"))
    assert croissant["name"] == "MedCalc-Bench Verified with maintained labels (UNKNOWN SOURCE), 1.1.0"
    assert croissant["citeAs"] == cited(verified)


def test_its_pages_say_verified_and_claim_no_rule_of_its_own_that_nobody_here_knows(pages):
    report, wrong = words(pages / "report.html"), words(pages / "labels" / "8001.html")
    assert "of Verified’s labels" in report
    assert "Entities, as Verified has them and in the note" in wrong
    assert "Computed from Verified’s entities. " in wrong
    assert "Original, Verified 01/26/2020" in wrong
    assert "own rule goes the same way" not in wrong
    assert "Initial troponin not given ∅ missing, and the rule needs it" in words(pages / "labels" / "8002.html")
    told = {path.name for path in pages.rglob("*.html") if "v1.0" in path.read_text(encoding="utf-8")}
    assert told == set()


def test_its_history_begins_with_verified_and_its_trace_names_it(verified):
    events = verified.read("label_events")
    assert events.filter(event="imported")["actor"].unique().to_list() == ["Verified"]
    assert set(events.filter(event="imported")["detail"].str.len_chars()) == {len("row ") + 12}
    told = trace(rows_of(verified.settings.warehouse, 8001), [])
    assert told.startswith("# Label 8001 has no answer: Verified says 01/26/2020, and its own entities give 01/19/2020")
    assert "v1.0" not in told


@pytest.mark.parametrize(
    ("reason", "also", "told"),
    [
        ("physician", {"physician_kind": "number"}, "a physician, blind to both labels, says 7, as Verified does"),
        ("physician_unexplained", {}, "which nothing else gives (Verified 7, rule 9 and relabel 9)"),
        ("relabelled", {"likely_error": True, "n_votes": None}, "give 9, and Verified says 7."),
    ],
)
def test_the_sentence_of_a_label_names_the_benchmark_that_says_otherwise(verified, reason, also, told):
    rows = rows_of(verified.settings.warehouse, 7001)
    number = {"kind": "number", "date": None}
    typed = {
        f"{prefix}_{name}": value
        for prefix, answer in (("label", 7.0), ("published", 9.0), ("relabel", 9.0), ("physician", 7.0))
        for name, value in {**number, "number": answer}.items()
    }
    said = {"reason": reason, "final_kind": "number", "final_number": 7.0, "final_date": None}
    evidence = {"contradicted": False, "attribution": None, "defects": "[]", "n_answers_agree": 1}
    rows["raw_medcalc"][0] |= {name: cell for name, cell in typed.items() if name.startswith("label_")}
    rows["maintained_labels"][0] |= said
    rows["label_evidence"][0] |= typed | evidence | also
    rows["note_checks"] = []
    assert told.lower() in cause(rows).lower()


def test_answers_are_graded_by_verified_as_the_benchmarks_own_key_and_its_percentages_are_no_fractions(verified):
    settings = verified.settings
    known = keys(settings.warehouse, settings.releases, "")
    assert known["key"].unique().to_list() == ["Verified"]
    raw = verified.read("raw_medcalc").filter(calculator_id=46, output_type="decimal").head(1)
    said = f"{100 * raw['label_number'].item():g}%"
    percent = known.join(raw.select("uid"), on="uid").with_columns(
        key_number=100 * pl.col("key_number"), lower=100 * pl.col("lower"), upper=100 * pl.col("upper")
    )
    outputs = raw.select("uid", "calculator_id", "calculator", "output_type").with_columns(
        run=pl.lit("gpt"), model=pl.lit("gpt"), family=pl.lit("openai"), reply=pl.lit(f"<answer>{said}</answer>"),
        extracted=pl.lit(None, pl.String), explanation=pl.lit(None, pl.String), verdict=pl.lit(False),
    )  # fmt: skip
    both = pl.concat([percent, percent.with_columns(key=pl.lit("1.1.0"))])
    grades = grade(outputs, both)
    assert grades.select("key", "strict").sort("key").rows() == [("1.1.0", True), ("Verified", True)]
    assert differences(grades)["run"].to_list() == ["gpt"]
    evidence = pl.DataFrame({"uid": outputs["uid"], "reason": ["confirmed"], "stratum": ["A"]})
    assert key_effects(grades, evidence).select("key", "right_before", "right").rows() == [("1.1.0", 1, 1)]


def test_a_difference_is_asked_for_by_the_name_of_the_original(verified, tmp_path):
    home, path = verified.settings.home, tmp_path / "v1.csv"
    pl.DataFrame([{name: str(cell) for name, cell in row.items()} for row in original_rows()]).write_csv(path)
    refused = medcalc("diff", "v1.0", str(path), "--home", home)
    assert "is held against original labels, not 'v1.0': `medcalc diff Verified" in refused.stderr
    said = " ".join(medcalc("diff", "Verified", str(path), "--home", home).output.split())
    apart = sum(row["Calculator ID"] == 68 for row in original_rows()) + 1  # of one case there are two here
    assert f"{len(original_rows()) - apart} of {invented().height} cases are in {path}" in said


def test_a_rule_that_was_never_its_own_explains_none_of_its_labels(verified):
    assert verified.read("rule_cards").filter(kind="defect").is_empty()
    assert verified.read("derivation_audit")["defects"].unique().to_list() == ["[]"]
    assert set(verified.read("raw_medcalc")["calculator_id"]) == set(CALCULATORS)


@pytest.mark.real_data
def test_the_one_shot_examples_of_verified_become_a_candidate_that_never_says_v1(start_chain, real_data, tmp_path):
    chain = start_chain(str(real_data / "verified_one_shot_2026.csv"))
    chain.run()
    store, releases = chain.settings.warehouse, Releases(tmp_path / "releases")
    manifest = build(store, releases, None, releases.candidate)
    assert manifest["benchmark"] == "MedCalc-Bench Verified, one-shot examples of February 2026"
    assert manifest["changes"] == {"Verified": {"major": 1}}, "a decimal of which the limits are not of the rule"
    assert next(releases.candidate.glob("*_changes_since_Verified.csv")).read_text().splitlines()[1].startswith("7,Wells")
    write_pages(store, Packets(tmp_path), tmp_path / "report")
    said = [*(releases.candidate / name for name in VERIFIED_FILES), *(tmp_path / "report").rglob("*.html")]
    assert len(said) == len(VERIFIED_FILES) + 2 + chain.read("raw_medcalc").height
    assert {path.name for path in said if "v1.0" in path.read_text(encoding="utf-8")} == set()
    assert {name for name, gate in GATES.items() if list(gate(Candidate(store, releases)))} == {
        "evaluation_key_does_not_shrink"
    }


@pytest.mark.real_data
def test_labels_of_the_training_split_are_told_as_those_of_v1(start_chain, real_data, tmp_path):
    chain = start_chain(str(real_data / "medcalc_bench_v1_train_sample.csv"))
    chain.run()
    store, releases = chain.settings.warehouse, Releases(tmp_path / "releases")
    manifest = build(store, releases, None, releases.candidate)
    assert (manifest["original"], manifest["benchmark"]) == ("v1.0", "unknown")
    assert manifest["name"] == "MedCalc-Bench with maintained labels (UNKNOWN SOURCE)"
    card = (releases.candidate / "README.md").read_text(encoding="utf-8")
    assert "**UNKNOWN SOURCE.** No row of" in card
    assert "The line begins after v1.0, which had neither abstentions nor an evaluation key. A released" in card
