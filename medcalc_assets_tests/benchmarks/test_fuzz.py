"""Hundreds of bad sources: each row is read exactly as it is given, or set aside, or the file is refused in one line.

Made by a seeded die from rows and bytes of the demo. What must hold of a source is held against the rows that were given,
not against what another reader makes of them.
"""

import ast
import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.known import row_sha256
from medcalc_assets.benchmarks.reader import Benchmark, Source, SourceError
from medcalc_assets.benchmarks.spec import COLUMNS, KIND_OF_OUTPUT
from medcalc_assets.calculators import CALCULATORS, KEYS
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import from_row
from medcalc_assets_tests.defs.test_chain import CHAIN

Row = dict[str, str]
ROWS: list[Row] = [{name: str(row[name]) for name in COLUMNS} for row in original_rows()[::11]]
GOOD = {row_sha256(row.values()) for row in ROWS}
OWN = {"uid", "calculator_id", "output_type", "entities"}
"""Columns that are typed, or the calculator's, and not the text of the cell."""
CELLS = (
    *("", " ", "\t", "\n", "\r\n", "\0", "\x1b[31mred", "\u202egnp", "\ufeff", "\ud7ff", "a,b", '"', '""', "'", "\\"),
    *("nan", "inf", "-inf", "1e400", "1" + "0" * 400, "-0", "007", "1_000", "+5", "0x1F", "٣", "12 spoons", "> 3", "1.5.2"),
    *("N/A", "null", "None", "True", "01/02/2020", "02/30/2020", "2020-01-02", "('33 weeks', '4 days')", "=1+1", "#REF!"),
    *("{}", "{'a': 1, 'a': 2}", "{1: 2}", "{'age': nan}", "{'age': 1e999}", "{'age': {'b': [{'c': ()}]}}", "{'a': {1}}"),
    *(
        "[" * 300,
        "{'a':" * 300,
        "-" * 9_000 + "1",
        "{'age': '\\ud800'}",
        "{'a': b'x'}",
        "{**{}}",
        "__import__('os').abort()",
    ),
    *("{'age': " + "9" * 5_000 + "}", "{'x': '" + "y" * 100_000 + "'}", "z" * 140_000, "Mrs Invented fell, twice (again)."),
)


def as_csv(rows: list[Row], columns: list[str] | None = None, **dialect: object) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns or list(rows[0]), **dialect)  # type: ignore[arg-type]
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def read(path: Path, content: bytes) -> Benchmark | None:
    """What is read; None if it is refused, which takes one line that names the file and a remedy."""
    path.write_bytes(content)
    try:
        return Source(str(path)).read()
    except SourceError as error:
        told = str(error)
        assert told.startswith((str(path), "MEDCALC_SOURCE")), told
        assert told.isprintable(), told
        assert told.endswith("."), told
        assert len(told) < 1_500, told
        return None


def require_as_given(found: Benchmark, rows: list[Row]) -> None:
    """Every row that was given is read as it is, or set aside; a good one is read, unless another claims its uid."""
    given = {number: row_sha256(row.values()) for number, row in enumerate(rows, start=2)}
    aside = dict(found.quarantine.select("row", "row_sha256").iter_rows())
    assert aside.items() <= given.items()
    assert Counter(found.instances["row_sha256"]) + Counter(aside.values()) == Counter(given.values())
    uids = Counter(row["Row Number"] for row in rows)
    assert not {number for number in aside if given[number] in GOOD and uids[rows[number - 2]["Row Number"]] == 1}
    by_hash = {given[number]: rows[number - 2] for number in given.keys() - aside.keys()}
    for read_row in found.instances.iter_rows(named=True):
        row, calculator = by_hash[read_row["row_sha256"]], CALCULATORS[read_row["calculator_id"]]
        assert {ours: read_row[ours] for ours in set(COLUMNS.values()) - OWN} == {
            ours: row[theirs] for theirs, ours in COLUMNS.items() if ours not in OWN
        }
        assert (str(read_row["uid"]), str(calculator.id)) == (row["Row Number"], row["Calculator ID"])
        assert (read_row["calculator"], read_row["output_type"]) == (calculator.slug, calculator.output_type)
        assert read_row["entities"] == json.dumps(ast.literal_eval(row["Relevant Entities"]), ensure_ascii=False)
        label = parse_label(row["Ground Truth Answer"])
        assert from_row(read_row, "label") == label
        assert label.kind in (KIND_OF_OUTPUT[calculator.output_type], "na")
        if label.number is not None:
            assert read_row["lower_number"] - 1e-3 <= label.number <= read_row["upper_number"] + 1e-3
    for told in found.quarantine.select("why", "remedy").iter_rows():
        assert all(text and text.isprintable() and "Invented" not in text for text in told), told


def harmed_rows(dice: random.Random) -> list[Row]:
    """The demo with one to three cells or rows harmed."""
    rows = [dict(row) for row in ROWS]
    for _ in range(dice.choice((1, 1, 2, 3))):
        row, other = dice.sample(rows, 2)
        name = dice.choice(list(COLUMNS))
        match dice.randrange(6):
            case 0 | 1 | 2:
                row[name] = dice.choice(CELLS)
            case 3:
                row[name] = other[name]
            case 4:
                left, right = dice.sample(list(COLUMNS), 2)
                row[left], row[right] = row[right], row[left]
            case 5:
                rows.insert(dice.randrange(len(rows)), dict(row))
    return rows


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("seed", range(90))
def test_a_harmed_row_is_read_as_given_or_set_aside(tmp_path, kind, seed):
    rows = harmed_rows(random.Random(f"{kind} {seed}"))
    file = io.BytesIO()
    pl.DataFrame(rows).write_parquet(file)
    content = as_csv(rows) if kind == "csv" else file.getvalue()
    found = read(tmp_path / f"bad.{kind}", content)
    longest = max(len(cell) for row in rows for cell in row.values())
    if kind == "csv" and longest > csv.field_size_limit():
        assert found is None
    else:
        assert found is not None
        require_as_given(found, rows)


BYTES = as_csv(ROWS)
TEXT = BYTES.decode()
PARQUET = io.BytesIO()
pl.DataFrame(ROWS).write_parquet(PARQUET)


@pytest.mark.parametrize("seed", range(60))
def test_a_csv_that_is_cut_is_refused_or_has_fewer_whole_rows(tmp_path, seed):
    at = random.Random(f"cut {seed}").randrange(len(BYTES))
    found = read(tmp_path / "cut.csv", BYTES[:at])
    if found:
        require_as_given(found, ROWS[: found.instances.height])


@pytest.mark.parametrize("seed", range(60))
def test_a_byte_that_is_changed_harms_one_row_at_most(tmp_path, seed):
    """Signs that matter to a CSV file, or any byte, taken away, put in or replaced."""
    dice = random.Random(f"byte {seed}")
    at = dice.choice([place for place, byte in enumerate(BYTES) if byte in b'",\r\n' or dice.random() < 0.05])
    put = dice.choice([b"", b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\xe4", b"x", bytes([dice.randrange(256)])])
    found = read(tmp_path / "harmed.csv", BYTES[:at] + put + BYTES[at + dice.choice((0, 1)) :])
    if found:
        assert found.instances.height + found.quarantine.height == len(ROWS)
        assert found.quarantine.height + len(set(found.instances["row_sha256"]) - GOOD) <= 1


@pytest.mark.parametrize("seed", range(40))
def test_a_parquet_file_that_is_cut_or_harmed_is_no_traceback(tmp_path, seed):
    dice, content = random.Random(f"parquet {seed}"), PARQUET.getvalue()
    at = dice.randrange(len(content))
    cut = content[:at]
    harmed = cut + bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1 :]
    assert read(tmp_path / "cut.parquet", cut) is None
    found = read(tmp_path / "harmed.parquet", harmed)
    if found:
        assert found.instances.height + found.quarantine.height == len(ROWS)


def renamed(name: str, to: str) -> bytes:
    return as_csv([{to if key == name else key: cell for key, cell in row.items()} for row in ROWS])


SHUFFLED = random.Random(1).sample(list(COLUMNS), len(COLUMNS))
SAME: dict[str, bytes] = {
    "byte order mark": b"\xef\xbb\xbf" + BYTES,
    "line feeds": as_csv(ROWS, lineterminator="\n"),
    "carriage returns": as_csv(ROWS, lineterminator="\r"),
    "every cell in quotes": as_csv(ROWS, quoting=csv.QUOTE_ALL),
    "columns in another order": as_csv(ROWS, SHUFFLED),
    "an index": as_csv([{"": str(number)} | row for number, row in enumerate(ROWS)]),
    "a named index": as_csv([{"Unnamed: 0": str(number)} | row for number, row in enumerate(ROWS)]),
    "another column": as_csv([row | {"Remark": "mine"} for row in ROWS]),
    "the other key": renamed("Row Number", "Unique ID"),
    "blank lines at the end": BYTES + b"\r\n\r\n",
}
REFUSED: dict[str, bytes] = {
    **{f"without {name}": as_csv([{k: v for k, v in row.items() if k != name} for row in ROWS]) for name in COLUMNS},
    **{f"{name} in lower case": renamed(name, name.lower()) for name in COLUMNS},
    **{f"{name} twice": renamed("Category", name) for name in COLUMNS if name != "Category"},
    **{code: TEXT.encode(code) for code in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")},
    **{code: TEXT.replace("₂", "é").replace("−", "-").encode(code, "replace") for code in ("cp1252", "latin-1", "cp850")},
    **{f"separated by {sign!r}": as_csv(ROWS, delimiter=sign) for sign in ";\t|"},
    "both keys": as_csv([{"Unique ID": "1"} | row for row in ROWS]),
    "quotes with backslashes": as_csv(ROWS, doublequote=False, escapechar="\\"),
    "single quotes": as_csv(ROWS, quotechar="'"),
    "nothing": b"",
    "a header": BYTES.splitlines(keepends=True)[0],
    "half a header": BYTES[:50],
    "line breaks": b"\r\n" * 99,
    "commas": b"," * 99_999,
    "quotes": b'"' * 99_999,
    "zeros": bytes(9_999),
    "any bytes": random.Random(2).randbytes(9_999),
    "a zip archive": b"PK\x03\x04" + random.Random(3).randbytes(999),
    "a web page": b"<!doctype html><title>404</title>",
    "JSON": json.dumps(ROWS).encode(),
    "twice in one": BYTES + BYTES.replace(b"\r\n", b"\n", 1)[:-9],
    "Parquet": PARQUET.getvalue(),
}


@pytest.mark.parametrize("content", SAME.values(), ids=SAME)
def test_another_spelling_of_the_same_file_holds_the_same(tmp_path, content):
    found = read(tmp_path / "same.csv", content)
    assert found is not None
    assert set(found.instances["row_sha256"]) == GOOD
    require_as_given(found, ROWS)


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_no_benchmark_is_refused(tmp_path, content, suffix):
    if (suffix, content) != (".parquet", PARQUET.getvalue()):
        assert read(tmp_path / f"bad{suffix}", content) is None


TYPED: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "as numbers": lambda column: column.cast(pl.Float64, strict=False),
    "as bytes": lambda column: column.cast(pl.Binary),
    "as lists": lambda column: pl.concat_list(column),
    "as structs": lambda column: pl.struct(column.alias("x")),
    "as categories": lambda column: column.cast(pl.Categorical),
    "as truth": lambda column: column.is_null(),
    "as nulls": lambda _: pl.lit(None),
    "as days": lambda column: column.str.to_date("%m/%d/%Y", strict=False),
}


@pytest.mark.parametrize("name", ["Row Number", "Calculator ID", "Ground Truth Answer", "Relevant Entities", "Patient Note"])
@pytest.mark.parametrize("how", TYPED)
def test_a_column_of_another_type_is_read_as_text_set_aside_or_refused(tmp_path, name, how):
    file = io.BytesIO()
    pl.DataFrame(ROWS).with_columns(TYPED[how](pl.col(name)).alias(name)).write_parquet(file)
    found = read(tmp_path / "typed.parquet", file.getvalue())
    if found:
        assert found.instances.height + found.quarantine.height == len(ROWS)
        for column in set(COLUMNS.values()) - OWN:
            if name != next(theirs for theirs, ours in COLUMNS.items() if ours == column):
                given = {row["Row Number"]: row[next(t for t, o in COLUMNS.items() if o == column)] for row in ROWS}
                assert all(given[str(uid)] == cell for uid, cell in found.instances.select("uid", column).iter_rows())


def bad_sources() -> Iterator[bytes]:
    yield BYTES[: len(BYTES) // 2]
    yield REFUSED["both keys"]
    yield REFUSED["cp1252"]
    yield as_csv([row | {"Upper Limit": "low"} for row in ROWS])


def test_after_a_refusal_every_table_is_as_it_was(start_chain, tmp_path):
    path = tmp_path / "benchmark.csv"
    path.write_bytes(as_csv([{name: str(row[name]) for name in COLUMNS} for row in original_rows()[:12]]))
    chain = start_chain(str(path))
    chain.run(KEYS[:2])
    before = {name: chain.read(name) for name in CHAIN}
    for content in bad_sources():
        path.write_bytes(content)
        with pytest.raises(SourceError):
            chain.run(KEYS[:2])
        assert all(chain.read(name).equals(before[name]) for name in CHAIN)
