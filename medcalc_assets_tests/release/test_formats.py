import csv
import json

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.benchmarks.spec import COLUMNS
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.value import columns
from medcalc_assets.release.build import build, export
from medcalc_assets.release.formats import BESIDE, maintained_benchmark
from medcalc_assets.release.releases import ReleaseError, Releases, labels_in, manifest_of
from medcalc_assets.release.versions import FIRST
from medcalc_assets.storage.warehouse import Warehouse, WarehouseError


@pytest.fixture(scope="module")
def files(demo, tmp_path_factory):
    written = export(demo.settings.warehouse, demo.settings.releases, tmp_path_factory.mktemp("export"))
    stem = "DEMO_medcalc_bench_1.1.0-candidate"
    return {
        ending: path for path in written for ending in (".csv", ".parquet", "_all.parquet") if path.name == stem + ending
    }


def test_a_working_copy_is_what_a_release_would_be_and_is_not_called_one(demo, tmp_path):
    (tmp_path / "notes.txt").write_text("of whoever owns the folder")
    written = export(demo.settings.warehouse, demo.settings.releases, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written} | {"notes.txt"}
    assert manifest_of(tmp_path)["version"] == "1.1.0-candidate"
    assert not demo.settings.releases.versions
    build(demo.settings.warehouse, demo.settings.releases, FIRST, tmp_path / "release")
    assert labels_in(tmp_path).equals(labels_in(tmp_path / "release"))


def test_the_card_of_a_working_copy_does_not_ask_to_be_cited(demo, tmp_path):
    export(demo.settings.warehouse, demo.settings.releases, tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "**This is no release**" in card
    assert "Cite this release" not in card
    build(demo.settings.warehouse, demo.settings.releases, FIRST, tmp_path / "release")
    card = (tmp_path / "release" / "README.md").read_text()
    assert "**This is no release**" not in card
    assert "Cite this release by its version and the sha256" in card


@pytest.mark.parametrize("name", ["README.md", "manifest.json"])
def test_a_working_copy_replaces_an_earlier_one_and_no_file_of_anybody_else(demo, tmp_path, name):
    warehouse, releases = demo.settings.warehouse, demo.settings.releases
    build(warehouse, releases, FIRST, tmp_path / "release")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("{}")
    for folder in (tmp_path / "mine", tmp_path / "release"):
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        with pytest.raises(ReleaseError, match="not ours to replace: give a folder of its own"):
            export(warehouse, releases, folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    first = export(warehouse, releases, tmp_path / "copy")
    (tmp_path / "copy" / "README.md").write_text("scribbled on")
    assert export(warehouse, releases, tmp_path / "copy") == first
    assert "scribbled" not in (tmp_path / "copy" / "README.md").read_text()


def test_the_csv_begins_with_the_columns_of_v1_and_is_read_by_the_same_reader(files):
    with files[".csv"].open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file)) == [*COLUMNS, "Evaluation", "Reward", "Use Because"]
    read = Source(str(files[".csv"])).read().instances
    assert 200 < read.height < len(original_rows())
    assert read["uid"].to_list() == pl.read_parquet(files[".parquet"])["Row Number"].to_list()


def explanations(labels, raw):
    """Of every label: what its explanation says, and what it has to say."""
    joined = labels.join(raw, left_on="Row Number", right_on="uid")
    for row in joined.iter_rows(named=True):
        mark = "[SIMULATED] " if row["Simulated"] else ""
        why = REASONS[row["Reason"]]
        if row["Ground Truth Answer"] is None:
            was, rule = row["label_text"], json.loads(row["Evidence"])["published_rule"] or "nothing"
            why = why.removeprefix("no answer: ")
            nothing = f"No label is maintained: {why}. The original label was {was}; the rule gives {rule}."
            yield row["Ground Truth Explanation"], mark + nothing
        elif row["Ground Truth Answer"] == row["label_text"]:
            yield row["Ground Truth Explanation"], mark + row["explanation"]
        else:
            now, was = row["Ground Truth Answer"], row["label_text"]
            yield row["Ground Truth Explanation"], f"{mark}Maintained label {now}: {why}. The original label was {was}."


def test_the_explanation_of_a_changed_label_names_it_and_the_original_one(demo, files):
    told = list(explanations(pl.read_parquet(files["_all.parquet"]), demo.read("raw_medcalc")))
    assert [said for said, _ in told] == [expected for _, expected in told]
    assert sum("Maintained label" in said for said, _ in told) > 100


def test_a_label_that_stays_is_spelt_as_in_v1(demo, files):
    exported = pl.read_parquet(files["_all.parquet"])
    original = pl.DataFrame(original_rows())
    stays = exported["Reason"].is_in(["confirmed", "unresolved"])
    assert stays.any()
    same = [name for name in COLUMNS if name != "Ground Truth Explanation"]
    assert exported.filter(stays).select(same).cast(pl.String).equals(original.filter(stays).select(same).cast(pl.String))


def test_the_parquet_says_beside_each_label_why_it_is_so(files):
    exported = pl.read_parquet(files["_all.parquet"])
    assert exported.columns[: len(COLUMNS) + len(BESIDE)] == [*COLUMNS, *BESIDE]
    for row in exported.filter(Reason="relabelled").iter_rows(named=True):
        assert json.loads(row["Evidence"])["relabel"]


def test_what_cannot_be_computed_is_not_applicable_in_all_three_columns(files):
    labels = pl.read_parquet(files["_all.parquet"]).filter(State="not_computable")
    assert labels.height > 10
    for column in ("Ground Truth Answer", "Lower Limit", "Upper Limit"):
        assert set(labels[column]) == {"N/A"}


def test_simulated_labels_say_so_in_every_row_of_a_file_called_demo(files):
    assert len(files) == 3
    exported = pl.read_csv(files[".csv"], infer_schema=False)
    assert exported["Ground Truth Explanation"].str.starts_with("[SIMULATED] ").all()


def test_a_changed_gestational_age_keeps_its_spelling(demo):
    raw = demo.read("raw_medcalc").filter(calculator_id=69).head(1)
    maintained = demo.read("maintained_labels").filter(uid=raw["uid"][0])
    changed = maintained.with_columns(
        final_number=pl.lit(235.0), lower_number=pl.lit(235.0), upper_number=pl.lit(235.0), reason=pl.lit("relabelled")
    )
    row = maintained_benchmark(raw, changed).row(0, named=True)
    assert row["Ground Truth Answer"] == row["Upper Limit"] == "('33 weeks', '4 days')"


def test_labels_survive_the_way_through_a_file(demo, files):
    again = Source(str(files[".csv"])).read().instances.sort("uid")
    maintained = demo.read("maintained_labels").join(again.select("uid"), on="uid", how="semi").sort("uid")
    for written, label in zip(columns("label"), columns("final"), strict=True):
        if label.endswith("number"):
            assert (again[written] - maintained[label]).abs().fill_null(0).max() < 1e-4
        else:
            assert again[written].equals(maintained[label])


def test_what_its_own_entities_contradict_has_no_answer_and_both_values_beside_it(demo):
    raw = demo.read("raw_medcalc").filter(pl.col("label_kind") == "number").head(1)
    maintained = demo.read("maintained_labels").filter(uid=raw["uid"][0])
    contradicted = maintained.with_columns(reason=pl.lit("contradicted"), evidence=pl.lit('{"published_rule": "8"}'))
    row = maintained_benchmark(raw, contradicted).row(0, named=True)
    assert [row[name] for name in ("Ground Truth Answer", "Lower Limit", "Upper Limit")] == [None] * 3
    assert (row["Original Answer"], row["Candidate Answer"]) == (raw["label_text"][0], "8")
    assert row["Ground Truth Explanation"] == (
        "[SIMULATED] No label is maintained: its own entities, or the range of its score, contradict the original "
        "label; there is no relabel. "
        f"The original label was {raw['label_text'][0]}; the rule gives 8."
    )


def test_without_labels_there_is_nothing_to_export(tmp_path):
    with pytest.raises(WarehouseError, match="run the chain first"):
        export(Warehouse(tmp_path), Releases(tmp_path / "releases"), tmp_path / "export")
