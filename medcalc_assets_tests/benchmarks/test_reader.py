import csv
import re

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.reader import Source, SourceError
from medcalc_assets.calculators import KEYS
from medcalc_assets.storage.tables import RAW_MEDCALC

ROWS = original_rows()[:8]


def written(tmp_path, rows, name="benchmark.csv", columns=None):
    path = tmp_path / name
    columns = columns or list(rows[0])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(path):
    return pl.concat(Source(str(path)).instances())


def changed(row, **cells):
    names = {name.lower().replace(" ", "_"): name for name in row}
    return row | {names[name]: value for name, value in cells.items()}


def test_the_demo_is_read_as_raw_medcalc():
    demo = pl.concat(Source("demo").instances())
    assert demo.schema == RAW_MEDCALC.polars_schema
    assert demo["calculator"].n_unique() == len(KEYS)
    assert demo["source"].unique().to_list() == ["demo"]


def test_csv_and_parquet_hold_the_same_instances(tmp_path):
    path = written(tmp_path, ROWS)
    pl.DataFrame(ROWS).write_parquet(tmp_path / "benchmark.parquet")
    origin = ["source", "source_version"]
    assert read(path).drop(origin).equals(read(tmp_path / "benchmark.parquet").drop(origin))


@pytest.mark.parametrize("key", ["Row Number", "Unique ID"])
def test_the_key_column_has_two_spellings(tmp_path, key):
    rows = [{key: row["Row Number"]} | row for row in ROWS]
    path = written(tmp_path, rows, columns=[key, *list(ROWS[0])[1:]])
    assert read(path)["uid"].to_list() == list(range(1, 9))


def test_a_byte_order_mark_of_a_spreadsheet_is_no_part_of_a_name(tmp_path):
    path = written(tmp_path, ROWS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(path).height == 8


def test_the_version_is_that_of_the_content(tmp_path):
    first, again = written(tmp_path, ROWS, "a.csv"), written(tmp_path, ROWS, "b.csv")
    other = written(tmp_path, [changed(ROWS[0], question="Another?"), *ROWS[1:]], "c.csv")
    assert Source(str(first)).version == Source(str(again)).version != Source(str(other)).version
    assert read(first)["row_sha256"].equals(read(again)["row_sha256"])
    assert (read(first)["row_sha256"] != read(other)["row_sha256"]).to_list() == [True] + [False] * 7


def test_cells_are_kept_as_text_whatever_they_look_like(tmp_path):
    dates = [row for row in original_rows() if row["Calculator ID"] in (13, 69)][:8]
    rows = read(written(tmp_path, dates))
    assert rows["label_text"].to_list() == [row["Ground Truth Answer"] for row in dates]
    assert set(rows["label_kind"]) == {"date", "number"}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"row_number": "1.5"}, "row 9 .*'Row Number' is '1.5', which is no integer"),
        ({"row_number": 3}, r"row 9 \(uid 3\): row 4 has the same uid"),
        ({"calculator_id": 99}, rf"calculator 99 \('Creatinine.*is not one of the {len(KEYS)}"),
        ({"calculator_name": "Glasgow Coma Score (GCS)"}, "where 3 is 'CKD-EPI"),
        ({"ground_truth_answer": "abc"}, r"row 9 \(uid 8\): 'Ground Truth Answer' is 'abc', which is no number"),
        ({"ground_truth_answer": "01/02/2020"}, "a date, but 'Output Type' is 'decimal'"),
        ({"output_type": "text"}, "output types are decimal, integer, date"),
        ({"lower_limit": ""}, "'Lower Limit' is empty"),
        ({"relevant_entities": "{'age': "}, "which is no mapping of features"),
        ({"relevant_entities": "__import__('os').abort()"}, "which is no mapping of features"),
        ({"relevant_entities": "[" * 5_000}, "which is no mapping of features"),
        ({"relevant_entities": "[1, 2]"}, "which is no mapping of features"),
        ({"relevant_entities": "{'age': " + "9" * 100_001 + "}"}, "it has 100010 characters"),
        ({"relevant_entities": "{'age': 1e999}"}, "which is no mapping of features"),
    ],
)
def test_a_bad_cell_is_named_with_its_row_and_remedy(tmp_path, cells, message):
    if "calculator_id" in cells:
        message = rf"calculator 99 \('CKD-EPI.*is not one of the {len(KEYS)}"
    path = written(tmp_path, [*ROWS[:7], changed(ROWS[7], **cells)])
    with pytest.raises(SourceError, match=message) as error:
        read(path)
    assert str(path) in str(error.value)
    assert re.search("[Cc]orrect|[Dd]rop|lists them", str(error.value))


def test_a_missing_column_is_named(tmp_path):
    columns = [name for name in ROWS[0] if name != "Upper Limit"]
    with pytest.raises(SourceError, match="column 'Upper Limit' is missing"):
        read(written(tmp_path, ROWS, columns=columns))


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_csv_that_breaks_off_is_refused(tmp_path, share):
    path = written(tmp_path, ROWS)
    path.write_bytes(path.read_bytes()[: int(len(path.read_bytes()) * share)])
    with pytest.raises(SourceError, match="cut off"):
        read(path)


def test_a_parquet_that_breaks_off_is_refused(tmp_path):
    pl.DataFrame(ROWS).write_parquet(path := tmp_path / "half.parquet")
    path.write_bytes(path.read_bytes()[:2_000])
    with pytest.raises(SourceError, match="cut off"):
        read(path)


def test_a_file_without_instances_is_refused(tmp_path):
    path = written(tmp_path, ROWS)
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(SourceError, match="holds no instance"):
        read(path)


def test_an_empty_file_is_refused(tmp_path):
    (path := tmp_path / "empty.csv").write_text("")
    with pytest.raises(SourceError):
        read(path)


@pytest.mark.parametrize(("setting", "remedy"), [("nowhere.csv", "does not exist"), ("notes.txt", "give demo, hf")])
def test_a_source_that_is_not_there_is_named(setting, remedy):
    with pytest.raises(SourceError, match=remedy):
        read(setting)
