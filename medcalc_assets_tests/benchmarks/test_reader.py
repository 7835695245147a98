import csv
import hashlib
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
    return Source(str(path)).read().instances


def changed(row, **cells):
    names = {name.lower().replace(" ", "_"): name for name in row}
    return row | {names[name]: value for name, value in cells.items()}


def test_the_demo_is_read_as_raw_medcalc():
    demo = Source("demo").read().instances
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


BAD_CELLS = [
    ({"row_number": "1.5"}, "'Row Number' is '1.5', which is no integer"),
    ({"row_number": "007"}, "'Row Number' is '007', which is no integer"),
    ({"row_number": "9" * 400}, "which is no integer"),
    ({"row_number": 3}, r"row 4 \(uid 3\): row 9 has the same uid and another content"),
    ({"calculator_id": 99}, rf"calculator 99 \('CKD-EPI.*is not one of the {len(KEYS)}"),
    ({"calculator_name": "Glasgow Coma Score (GCS)"}, "where 3 is 'CKD-EPI"),
    ({"ground_truth_answer": "abc"}, r"row 9 \(uid 8\): 'Ground Truth Answer' is 'abc', which is no number"),
    ({"ground_truth_answer": "01/02/2020"}, "which is a date, and the calculator gives a number"),
    ({"ground_truth_answer": "12 spoons"}, r"a unit unknown here \('spoons' after 12\)"),
    ({"output_type": "text"}, "'Output Type' is 'text', which is none of decimal, integer, date"),
    ({"lower_limit": ""}, "'Lower Limit' is empty"),
    ({"lower_limit": " "}, "'Lower Limit' is empty"),
    ({"lower_limit": "01/02/2020"}, "'Lower Limit' is '01/02/2020', which is a date, and the label a number"),
    ({"upper_limit": "N/A"}, "'Upper Limit' is 'N/A', which is a na, and the label a number"),
    ({"lower_limit": "900", "upper_limit": "-900"}, "'Lower Limit' is '900' and .*: the lower is above the upper"),
    ({"lower_limit": "900", "upper_limit": "901"}, "they do not contain the label"),
    ({"relevant_entities": "{'age': "}, "which is no mapping of features"),
    ({"relevant_entities": "__import__('os').abort()"}, "which is no mapping of features"),
    ({"relevant_entities": "[" * 5_000}, "which is no mapping of features"),
    ({"relevant_entities": "-" * 90_000 + "1"}, "which is no mapping of features"),
    ({"relevant_entities": "[1, 2]"}, "which is no mapping of features"),
    ({"relevant_entities": "{'age': " + "9" * 100_001 + "}"}, "it has 100,010 characters"),
    ({"relevant_entities": "{'age': 1e999}"}, "which is no mapping of features"),
    ({"relevant_entities": "{'age': '\\ud800'}"}, "which is no mapping of features"),
    ({"relevant_entities": "{'age': 61, 'age': 16}"}, "which names a feature twice"),
    ({"relevant_entities": "{1: 61}"}, "which names a feature twice, or not by a text"),
    ({"patient_note": "a\0b"}, "'Patient Note' holds a NUL character"),
]


@pytest.mark.parametrize(("cells", "message"), BAD_CELLS)
def test_a_bad_cell_is_named_with_its_row_and_remedy(tmp_path, cells, message):
    path = written(tmp_path, [*ROWS[:7], changed(ROWS[7], **cells)])
    with pytest.raises(SourceError, match=message) as error:
        Source(str(path), strict=True).read()
    assert str(path) in str(error.value)
    assert re.search("[Cc]orrect|[Dd]rop|lists them", str(error.value))


@pytest.mark.parametrize(("cells", "message"), BAD_CELLS)
def test_a_row_that_cannot_be_read_is_set_aside_and_the_others_are_read(tmp_path, cells, message):
    path = written(tmp_path, [*ROWS[:7], changed(ROWS[7], **cells)])
    found = Source(str(path)).read()
    twice = cells.get("row_number") == 3  # nobody knows which of the two is right
    assert found.instances["uid"].to_list() == [uid for uid in range(1, 8) if not (twice and uid == 3)]
    assert found.quarantine["row"].to_list() == ([4, 9] if twice else [9])
    assert found.quarantine["source"].to_list() == [path.name] * found.quarantine.height
    assert all(found.quarantine["why"].str.len_chars() > 10)


def test_quarantine_holds_nothing_of_a_note(tmp_path):
    """Not even where cells were moved, and the note stands where the label should."""
    note = "Mrs Invented, 61, fell (twice) at home"
    cells = ("ground_truth_answer", "lower_limit", "relevant_entities", "output_type", "row_number", "calculator_id")
    for cell in cells[:4]:
        path = written(tmp_path, [*ROWS[:7], changed(ROWS[7], **{cell: note})])
        (aside,) = Source(str(path)).read().quarantine.to_dicts()
        assert not any("Invented" in str(value) or "twice" in str(value) for value in aside.values()), cell


def test_of_rows_that_are_the_same_the_first_is_read(tmp_path):
    found = Source(str(written(tmp_path, [*ROWS, ROWS[2]]))).read()
    assert found.instances["uid"].to_list() == list(range(1, 9))
    assert found.quarantine["why"].to_list() == ["row 4 has the same uid, and is the same"]


@pytest.mark.parametrize("said", ["date", "decimal", "integer"])
def test_the_calculator_decides_the_type_of_a_label(tmp_path, said):
    gestation = next(row for row in original_rows() if row["Calculator ID"] == 69)
    found = read(written(tmp_path, [changed(gestation, output_type=said)]))
    assert found.select("output_type", "label_kind").row(0) == ("integer", "number")


@pytest.mark.parametrize("name", ["x[12].csv", "x?.csv", "*.csv", "{a,b}.csv", "a b%20c.csv", "x[12].parquet"])
def test_the_file_that_is_named_is_the_one_that_is_read(tmp_path, name):
    others = ("x1.csv", "x2.csv", "a.csv", "x1.parquet")
    for other in others:
        pl.DataFrame(ROWS[4:]).write_csv(tmp_path / other)
    path = tmp_path / name
    (pl.DataFrame(ROWS[:2]).write_parquet if name.endswith("parquet") else pl.DataFrame(ROWS[:2]).write_csv)(path)
    found = Source(str(path)).read()
    assert found.instances["uid"].to_list() == [1, 2]
    assert found.version == Source(str(path)).version == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_another_encoding_is_named(tmp_path, encoding):
    path = written(tmp_path, [changed(ROWS[0], patient_note="Müller was seen."), *ROWS[1:]])
    text = path.read_text().replace("₂", "2").replace("−", "-")
    path.write_bytes(text.encode(encoding))
    found = "is in UTF-16, not in UTF-8" if "16" in encoding else r"is not in UTF-8 \(byte 0xfc in line 2\), .* in cp1252"
    with pytest.raises(SourceError, match=found) as error:
        read(path)
    assert str(error.value).endswith('Save it as "CSV UTF-8".')


def test_the_index_that_pandas_saves_is_no_column_of_the_benchmark(tmp_path):
    path = written(tmp_path, [{"": number} | row for number, row in enumerate(ROWS)])
    assert path.read_text().startswith(",Row Number")
    assert read(path).drop("source_version").equals(read(written(tmp_path, ROWS)).drop("source_version"))


def test_two_keys_are_one_too_many(tmp_path):
    path = written(tmp_path, [{"Unique ID": 100 + row["Row Number"]} | row for row in ROWS])
    with pytest.raises(SourceError, match=r"has both 'Row Number' and 'Unique ID'\. Drop the one"):
        read(path)
    pl.read_csv(path, infer_schema=False).write_parquet(tmp_path / "two.parquet")
    with pytest.raises(SourceError, match="has both"):
        read(tmp_path / "two.parquet")


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    path = written(tmp_path, ROWS)
    path.write_text(path.read_text().replace("Category,", "Question,", 1).replace("Note Type,", "Category,", 1))
    with pytest.raises(SourceError, match="column 'Note Type' is missing"):
        read(path)
    path = written(tmp_path, [row | {"Other": "x"} for row in ROWS])
    path.write_text(path.read_text().replace("Explanation,Other", "Explanation,Question", 1))
    with pytest.raises(SourceError, match="has column 'Question' twice"):
        read(path)


def test_a_row_of_another_length_is_named(tmp_path):
    path = written(tmp_path, ROWS)
    path.write_text(path.read_text() + "9,3,too short\n")
    with pytest.raises(SourceError, match=r"has 3 cells in row 10, and 14 columns.*cut off there"):
        read(path)


def test_a_cell_without_end_is_refused_with_its_row(tmp_path):
    path = written(tmp_path, [*ROWS[:7], changed(ROWS[7], patient_note="x" * 200_000)])
    with pytest.raises(SourceError, match=r"in the row after row 8.*more than 131,072 characters"):
        read(path)
    pl.DataFrame([*ROWS[:7], changed(ROWS[7], patient_note="x" * 200_000)]).write_parquet(tmp_path / "giant.parquet")
    aside = Source(str(tmp_path / "giant.parquet")).read().quarantine["why"].item()
    assert aside == "'Patient Note' has 200,000 characters, and a cell at most 131,072"


def test_a_last_line_without_end_may_be_cut_off(tmp_path):
    """The test split as its authors ship it has none: it is known by its rows."""
    path = written(tmp_path, [changed(row, question=f"{row['Question']} Now?") for row in ROWS])
    path.write_bytes(path.read_bytes().rstrip())
    with pytest.raises(SourceError, match="has no line break after row 9, where it may be cut off"):
        read(path)
    path = written(tmp_path, ROWS)
    path.write_bytes(path.read_bytes().rstrip())
    assert read(path).height == 8


def test_a_source_of_which_no_row_can_be_read_is_refused(tmp_path):
    path = written(tmp_path, [changed(row, lower_limit="low") for row in ROWS])
    with pytest.raises(SourceError, match="has 8 rows, none of which can be read: in row 2 'Lower Limit' holds"):
        read(path)


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
