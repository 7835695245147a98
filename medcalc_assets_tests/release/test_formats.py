import csv
import json

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.benchmarks.spec import COLUMNS
from medcalc_assets.labels.value import columns
from medcalc_assets.release.formats import BESIDE, export, maintained_benchmark
from medcalc_assets.storage.warehouse import Warehouse, WarehouseError


@pytest.fixture(scope="module")
def files(demo, tmp_path_factory):
    return {path.suffix: path for path in export(demo.settings.warehouse, tmp_path_factory.mktemp("export"))}


def test_the_csv_has_the_columns_of_the_release_and_is_read_by_the_same_reader(files):
    with files[".csv"].open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file)) == list(COLUMNS)
    assert pl.concat(Source(str(files[".csv"])).instances()).height == len(original_rows())


def test_a_label_that_stays_is_spelt_original_to_the_letter(demo, files):
    exported = pl.read_parquet(files[".parquet"])
    original = pl.DataFrame(original_rows())
    stays = exported["Reason"].is_in(["confirmed", "unresolved"])
    assert stays.any()
    same = [name for name in COLUMNS if name != "Ground Truth Explanation"]
    assert exported.filter(stays).select(same).cast(pl.String).equals(original.filter(stays).select(same).cast(pl.String))


def test_the_parquet_says_beside_each_label_why_it_is_so(files):
    exported = pl.read_parquet(files[".parquet"])
    assert exported.columns == [*COLUMNS, *BESIDE]
    for row in exported.filter(Reason="relabelled").iter_rows(named=True):
        assert json.loads(row["Evidence"])["relabel"]
        assert "Maintained label" in row["Ground Truth Explanation"]


def test_what_cannot_be_computed_is_not_applicable_in_all_three_columns(files):
    labels = pl.read_parquet(files[".parquet"]).filter(State="not_computable")
    assert labels.height > 10
    for column in ("Ground Truth Answer", "Lower Limit", "Upper Limit"):
        assert set(labels[column]) == {"N/A"}


def test_simulated_files_say_so_in_their_name_and_every_row(files):
    assert all("SIMULATED" in path.name for path in files.values())
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
    again = pl.concat(Source(str(files[".csv"])).instances()).sort("uid")
    maintained = demo.read("maintained_labels").sort("uid")
    for written, label in zip(columns("label"), columns("final"), strict=True):
        if label.endswith("number"):
            assert (again[written] - maintained[label]).abs().fill_null(0).max() < 1e-4
        else:
            assert again[written].equals(maintained[label])


def test_without_labels_there_is_nothing_to_export(tmp_path):
    with pytest.raises(WarehouseError, match="run the chain first"):
        export(Warehouse(tmp_path), tmp_path)
