"""MedCalc-Bench v1.0 as its authors ship it: opened once, checked row by row, and typed.

Khandekar et al., "MedCalc-Bench: Evaluating Large Language Models for Medical Calculations", NeurIPS 2024.
"""

import ast
import csv
import datetime as dt
import hashlib
import io
import json
import re
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from pyarrow.parquet import ParquetFile

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.known import V1, known_as, note_sha256, row_sha256
from medcalc_assets.benchmarks.spec import COLUMNS, KEY_SPELLINGS, KIND_OF_OUTPUT, REPOSITORY, REVISION, BenchmarkVersion
from medcalc_assets.benchmarks.v1 import V1_0
from medcalc_assets.benchmarks.versions import version_of
from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.simulated import DEMO
from medcalc_assets.labels.value import Label, as_columns
from medcalc_assets.storage.tables import QUARANTINE, RAW_MEDCALC

Cells = Mapping[str, str | None]
"""A row as text, by the names and in the order of COLUMNS."""
KEY, OTHER_KEY = KEY_SPELLINGS
ANSWER = "Ground Truth Answer"
LIMITS = ("Lower Limit", "Upper Limit")
SIGNS = ("Calculator ID", "Calculator Name", "Relevant Entities")
"""The cells that tell which version of the benchmark a row is of."""
ROUNDED = 1e-4
"""How far, relatively, the rounding of v1.0 may put a limit on the wrong side of its label."""
BATCH = 1_000
LONGEST_ENTITIES = 100_000
LONGEST_CELL = 131_072
"""Characters: what Python's csv module reads as a cell."""
LARGEST_FILE = 1 << 30
MOST_ROWS = 1_000_000
CORRECT = "Correct the cell or drop the row"


class SourceError(MedcalcError):
    """The benchmark cannot be read as it is. The message names the file, the row where there is one, and the remedy."""


class RowError(SourceError):
    """A row that cannot be read. The message may quote a cell; `why` does not, as it may be of a patient's note."""

    def __init__(self, why: str, remedy: str = CORRECT, quoting: str = ""):
        super().__init__(f"{quoting or why}. {remedy}.")
        self.why, self.remedy = why, remedy

    @classmethod
    def of_cell(cls, column: str, cell: object, found: str, remedy: str = CORRECT) -> "RowError":
        """`found` follows "is '...', ", and quotes the cell at most in parentheses."""
        unquoted = re.sub(r" \(.*", "", found, flags=re.DOTALL)
        return cls(f"{column!r} holds a value {unquoted}", remedy, f"{column!r} is {cell!r:.80}, {found}")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a source holds: rows of `raw_medcalc`, and rows of `quarantine` for those that cannot be read.

    `version` identifies the content: the revision and split, the sha256 of the bytes that were read, or that of the demo's
    rows.
    """

    version: str
    instances: pl.DataFrame
    quarantine: pl.DataFrame


@dataclass(frozen=True)
class Source:
    """Where the benchmark comes from: `demo`, `hf` (the test split), `hf:train`, or a path to a CSV or Parquet file.

    `strict` refuses the whole of it for one row that cannot be read.
    """

    setting: str
    strict: bool = False

    @property
    def is_demo(self) -> bool:
        return self.setting == DEMO

    @property
    def version(self) -> str:
        """That of the benchmark which `read` would return now."""
        if self._is_of_hub:
            return f"{REVISION}:{self._split}"
        return hashlib.sha256(json.dumps(original_rows()).encode() if self.is_demo else self._bytes()).hexdigest()

    def require(self) -> None:
        """Raise SourceError if this is no benchmark, by its columns and the shape of its rows; the Hub is not asked."""
        if not self._is_of_hub:
            self._content()

    def read(self) -> Benchmark:
        """All rows, each as it is or in quarantine.

        Raises SourceError for a source that is not there or cannot be reached, is no CSV or Parquet file, is cut off, lacks
        a column or has both key columns, or holds no row that can be read. A strict one raises it for the first row whose
        cells are empty or cannot be read: a uid of its own, one of the 55 calculators, entities, a label of the calculator's
        type, limits of the same type around it.
        """
        version, rows = self._content()
        if not rows:
            raise self._refused("holds no instance", "Is it the right file?")
        hashes = {number: row_sha256(cells.values()) for number, cells in rows}
        same_uid = _repeated(rows, hashes)
        known = {known_as(cells[KEY], hashes[number]) for number, cells in rows}
        signs = (tuple(cells[name] or "" for name in SIGNS) for _, cells in rows)
        benchmark = V1_0 if known & {V1["test"], DEMO} else version_of(signs)
        frames: list[pl.DataFrame] = []
        quarantined: list[dict[str, Any]] = []
        for start in range(0, len(rows), BATCH):
            instances = []
            for number, cells in rows[start : start + BATCH]:
                origin = {"row_sha256": hashes[number], "source": Path(self.setting).name, "source_version": version}
                try:
                    if number in same_uid:
                        raise same_uid[number]
                    instances.append(_instance(cells, benchmark) | origin)
                except RowError as error:
                    uid, name = (" ".join((cells[column] or "").split())[:80] for column in (KEY, "Calculator Name"))
                    if self.strict:
                        raise SourceError(f"{self.setting}, row {number} (uid {uid}): {error}") from None
                    told = {"uid_text": uid or None, "calculator_name": name or None}
                    quarantined.append({"row": number, "why": error.why, "remedy": error.remedy} | told | origin)
            frames.append(pl.DataFrame(instances, schema=RAW_MEDCALC.polars_schema))
        if len(quarantined) == len(rows):
            first = quarantined[0]
            raise self._refused(
                f"has {len(rows):,} rows, none of which can be read: in row {first['row']} {first['why']}", first["remedy"]
            )
        return Benchmark(version, pl.concat(frames), pl.DataFrame(quarantined, schema=QUARANTINE.polars_schema))

    @property
    def _is_of_hub(self) -> bool:
        return self.setting in ("hf", "hf:train")

    @property
    def _split(self) -> str:
        return "train" if self.setting.endswith(":train") else "test"

    def _content(self) -> tuple[str, list[tuple[int, Cells]]]:
        """The version, and each row under its number, of which 1 is the header."""
        if self._is_of_hub:
            return self.version, self._of_frame(self._from_hub())
        if self.is_demo:
            return self.version, self._of_frame(pl.DataFrame(original_rows()))
        content = self._bytes()
        version = hashlib.sha256(content).hexdigest()
        if Path(self.setting).suffix.lower() == ".csv":
            return version, self._of_csv(content)
        try:
            file = ParquetFile(io.BytesIO(content))  # of a harmed one polars would panic, on stderr
            parts, size = [], 0
            for part in file.iter_batches(BATCH):  # what the file says of its size is not what it unpacks to
                parts.append(part)
                size += part.nbytes
                if size > LARGEST_FILE or len(parts) * BATCH > MOST_ROWS + BATCH:
                    raise self._refused(
                        f"unpacks to more than {LARGEST_FILE:,} bytes or {MOST_ROWS:,} rows", "Give a benchmark"
                    )
            table = pa.Table.from_batches(parts, file.schema_arrow)
            table.validate(full=True)  # its texts are UTF-8
            return version, self._of_frame(pl.DataFrame(table))
        except (pa.ArrowException, pl.exceptions.PolarsError, OSError, ValueError) as error:
            what = f"is no Parquet file that can be read to its end: {error}"
            raise self._refused(what, "It may be cut off: get it again") from None

    def _bytes(self) -> bytes:
        """What is in the file of exactly this name."""
        path = Path(self.setting)
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise SourceError(
                f"MEDCALC_SOURCE (--source) is {self.setting!r}: give demo, hf, hf:train, or a .csv or .parquet file."
            )
        try:
            if not path.is_file():
                missing = "is no file" if path.exists() else "does not exist"
                raise self._refused(f"{missing} (seen from {Path.cwd()})", "Check MEDCALC_SOURCE (--source)")
            with path.open("rb") as file:
                content = file.read(LARGEST_FILE + 1)
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL
            raise self._refused(f"cannot be opened: {error}", "Check MEDCALC_SOURCE (--source)") from None
        if len(content) > LARGEST_FILE:
            raise self._refused(f"has more than {LARGEST_FILE:,} bytes", "Give a benchmark, which is smaller")
        return content

    def _refused(self, what: str, remedy: str) -> SourceError:
        told = (sign if sign.isprintable() else " " for sign in what)  # of a library's error, maybe
        return SourceError(f"{self.setting} {' '.join(''.join(told).split())}. {remedy}.")

    def _of_csv(self, content: bytes) -> list[tuple[int, Cells]]:
        """No cell is taken for anything but text: '01/02/2003' and 'N/A' stay what they are. A blank line is no row."""
        text = self._decoded(content)
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows: list[tuple[int, Cells]] = []
        number = 0
        try:
            header = next(lines, [])
            places = {name: header.index(column) for name, column in zip(COLUMNS, self._required(header), strict=True)}
            for number, cells in enumerate(lines, start=2):
                if cells and len(cells) != len(header):
                    raise self._refused(
                        f"has {len(cells)} cells in row {number}, and {len(header)} columns",
                        "If that is its last row it was cut off there, so get it again; else correct quotes and commas",
                    )
                if cells:
                    rows.append((number, {name: cells[place] for name, place in places.items()}))
        except csv.Error as error:
            raise self._refused(
                f"is no CSV file that can be read to its end: {error} in the row after row {max(number, 1)}",
                f"It was cut off, a quote is not doubled, or a cell has more than {LONGEST_CELL:,} characters: get it again",
            ) from None
        if rows and text[-1] not in "\r\n" and not known_as(rows[-1][1][KEY], row_sha256(rows[-1][1].values())):
            raise self._refused(
                f"has no line break after row {number}, where it may be cut off",
                "Get it again; if it is whole, put a line break after that row",
            )
        return rows

    def _decoded(self, content: bytes) -> str:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]:
            raise self._refused("is in UTF-16, not in UTF-8", 'Save it as "CSV UTF-8"')
        try:
            return content.decode("utf-8-sig")  # the byte order mark of a spreadsheet is no part of a name
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                raise self._refused("ends within a character", "It has been cut off there: get it again") from None
            line = content.count(b"\n", 0, error.start) + 1
            raise self._refused(
                f"is not in UTF-8 (byte 0x{content[error.start]:02x} in line {line}), and most likely in cp1252 (Windows)",
                'Save it as "CSV UTF-8"',
            ) from None

    def _of_frame(self, frame: pl.DataFrame) -> list[tuple[int, Cells]]:
        text = frame.select(self._required(frame.columns)).cast(pl.String)
        text.columns = list(COLUMNS)
        return list(enumerate(text.iter_rows(named=True), start=2))

    def _required(self, names: Sequence[str]) -> list[str]:
        """The columns of v1.0 as they are called here. Others, such as an index that pandas has saved, are not read."""
        if KEY in names and OTHER_KEY in names:
            raise self._refused(f"has both {KEY!r} and {OTHER_KEY!r}", "Drop the one that is not the key of its instances")
        columns = [OTHER_KEY if name == KEY and OTHER_KEY in names else name for name in COLUMNS]
        if missing := [name for name in columns if name not in names]:
            raise SourceError(
                f"{self.setting} (MEDCALC_SOURCE, --source): column {', '.join(map(repr, missing))} is missing. A "
                f"MedCalc-Bench v1.0 file has {', '.join(COLUMNS)} ({OTHER_KEY!r} will do for {KEY!r})."
            )
        if twice := [name for name in columns if names.count(name) > 1]:
            raise self._refused(f"has column {', '.join(map(repr, twice))} twice", "Drop the one that is not of v1.0")
        return columns

    def _from_hub(self) -> pl.DataFrame:
        import datasets  # a second to import, and needed by no other asset

        try:
            found = datasets.load_dataset(REPOSITORY, revision=REVISION, split=self._split)
            return pl.concat(map(pl.DataFrame, found.with_format("arrow").iter(batch_size=BATCH)))
        except Exception as error:  # network, Hub, file or cache: their libraries share no class of errors
            raise SourceError(
                f"{REPOSITORY} at revision {REVISION[:7]} could not be loaded from the Hugging Face Hub: "
                f"{error.__cause__ or error}. "
                "Check the network (and HF_ENDPOINT, HF_HUB_OFFLINE), or point MEDCALC_SOURCE at a local file."
            ) from error


def _instance(cells: Cells, benchmark: BenchmarkVersion) -> dict[str, Any]:
    """The row as one of `raw_medcalc`, but for where it is from. Raises RowError."""
    if empty := [name for name, cell in cells.items() if not (cell or "").strip()]:
        raise RowError(f"{', '.join(map(repr, empty))} is empty", "Fill it in or drop the row")
    given = {name: cell or "" for name, cell in cells.items()}
    for name, cell in given.items():
        if len(cell) > LONGEST_CELL:
            raise RowError(f"{name!r} has {len(cell):,} characters, and a cell at most {LONGEST_CELL:,}", "Drop the row")
        if "\0" in cell:
            raise RowError(f"{name!r} holds a NUL character")
    uid = _integer(given, KEY)
    name = given["Calculator Name"]
    calculator = CALCULATORS.get(benchmark.calculators.get(name, _integer(given, "Calculator ID")))
    if calculator is None or (name != calculator.name and benchmark.calculators.get(name) != calculator.id):
        known = f", where {calculator.id} is {calculator.name!r}" if calculator else ""
        raise RowError(
            f"its calculator is not one of the 55 of v1.0{known}",
            "`medcalc calculators` lists them",
            f"calculator {given['Calculator ID']} ({given['Calculator Name']!r:.80}) is not one of the 55 of v1.0{known}",
        )
    if given["Output Type"] not in KIND_OF_OUTPUT:  # which of them does not matter: the calculator knows
        raise RowError.of_cell("Output Type", given["Output Type"], f"which is none of {', '.join(KIND_OF_OUTPUT)}")
    label, lower, upper = (label_in(given[name], name) for name in (ANSWER, *LIMITS))
    if label.kind not in (kind := KIND_OF_OUTPUT[calculator.output_type], "na"):
        raise RowError.of_cell(ANSWER, given[ANSWER], f"which is a {label.kind}, and the calculator gives a {kind}")
    _require_limits(given, label, lower, upper)
    return {
        **{ours: given[theirs] for theirs, ours in COLUMNS.items()},
        "uid": uid,
        "calculator_id": calculator.id,
        "calculator": calculator.slug,
        "output_type": calculator.output_type,
        "benchmark": benchmark.name,
        "note_sha256": note_sha256(given["Patient Note"]),
        "entities": entities_json(given["Relevant Entities"], calculator.id, benchmark),
        **{name: values[0] for name, values in as_columns("label", [label]).items()},
        "lower_number": lower.number,
        "upper_number": upper.number,
    }


def _integer(given: Mapping[str, str], column: str) -> int:
    if not re.fullmatch("0|[1-9][0-9]{0,17}", given[column]):
        raise RowError.of_cell(column, given[column], "which is no integer that v1.0 could have")
    return int(given[column])


def _require_limits(given: Mapping[str, str], label: Label, lower: Label, upper: Label) -> None:
    """Raise RowError unless the limits are of the label's type, and around it."""
    for name, limit in zip(LIMITS, (lower, upper), strict=True):
        if limit.kind != label.kind:
            raise RowError.of_cell(name, given[name], f"which is a {limit.kind}, and the label a {label.kind}")
    if label.kind == "na":
        return
    least, value, most = (each.date or each.number for each in (lower, label, upper))
    slack: Any = dt.timedelta(0) if label.number is None else ROUNDED * max(1.0, abs(label.number))
    quoted = " and ".join(f"{name!r} is {given[name]!r:.80}" for name in LIMITS)
    if least > most:  # type: ignore[operator]  # of one kind
        raise RowError("the lower limit is above the upper", quoting=f"{quoted}: the lower is above the upper")
    if not least - slack <= value <= most + slack:
        raise RowError("the limits do not contain the label", quoting=f"{quoted}: they do not contain the label {label}")


def _repeated(rows: Sequence[tuple[int, Cells]], hashes: Mapping[int, str]) -> dict[int, RowError]:
    """By number the rows whose uid occurs again. Of rows that are the same the first is read, of others none."""
    of_uid: dict[str | None, list[int]] = defaultdict(list)
    for number, cells in rows:
        of_uid[cells[KEY]].append(number)
    found = {}
    for same in of_uid.values():
        differ = len({hashes[number] for number in same}) > 1
        for number in same if differ else same[1:]:
            other = same[0] if number != same[0] else same[1]
            what = f"row {other} has the same uid" + (" and another content" if differ else ", and is the same")
            found[number] = RowError(what, "Every instance needs its own: drop or renumber one of the two")
    return found


def label_in(cell: object, column: str) -> Label:
    """Raises RowError."""
    try:
        return parse_label(cell)
    except LabelError as error:
        raise RowError.of_cell(column, cell, str(error)) from None


def entities_json(text: str, calculator_id: int, benchmark: BenchmarkVersion) -> str:
    """The entities as a JSON object, under the keys of v1.0. They are spelt as a Python literal, which is parsed, never
    evaluated.

    Raises RowError.
    """
    problem = "which is no mapping of features to values"
    if len(text) > LONGEST_ENTITIES:
        raise RowError.of_cell("Relevant Entities", text, f"{problem}: it has {len(text):,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # it is nobody's code
            literal = ast.parse(text.lstrip(" \t"), mode="eval")
        for node in ast.walk(literal):
            if isinstance(node, ast.Dict):
                names = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
                if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
                    raise RowError.of_cell("Relevant Entities", text, "which names a feature twice, or not by a text")
        entities = ast.literal_eval(literal)
        if isinstance(entities, dict):
            found = json.dumps(benchmark.entities(calculator_id, entities), ensure_ascii=False, allow_nan=False)
            found.encode()  # half a character cannot be
            return found
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        pass
    raise RowError.of_cell("Relevant Entities", text, problem)
