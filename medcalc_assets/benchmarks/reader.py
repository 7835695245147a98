"""MedCalc-Bench v1.0 as its authors ship it: read through Hugging Face `datasets`, checked row by row, and typed.

Khandekar et al., "MedCalc-Bench: Evaluating Large Language Models for Medical Calculations", NeurIPS 2024.
"""

import ast
import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.spec import COLUMNS, KEY_SPELLINGS, KIND_OF_OUTPUT, REPOSITORY, REVISION
from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.simulated import DEMO
from medcalc_assets.labels.value import Label, as_columns
from medcalc_assets.storage.tables import RAW_MEDCALC

if TYPE_CHECKING:
    import datasets


BATCH = 1_000
LONGEST_ENTITIES = 100_000


class SourceError(MedcalcError):
    """The benchmark cannot be read as it is. The message names the file, the row where there is one, and the remedy."""


@dataclass(frozen=True)
class Source:
    """Where the benchmark comes from: `demo`, `hf` (the test split), `hf:train`, or a path to a CSV or Parquet file."""

    setting: str

    @property
    def is_demo(self) -> bool:
        return self.setting == DEMO

    @property
    def version(self) -> str:
        """What identifies the content: the revision and split, the sha256 of the file, or that of the demo's rows."""
        if self.setting in ("hf", "hf:train"):
            return f"{REVISION}:{self._split}"
        if self.is_demo:
            return hashlib.sha256(json.dumps(original_rows()).encode()).hexdigest()
        with self._file().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def require(self) -> None:
        """Raise SourceError if this is no benchmark, as far as the head of a file shows; the Hub is not asked."""
        if self.setting in (DEMO, "hf", "hf:train"):
            return
        path = self._file()
        try:
            columns = list(pl.read_parquet_schema(path)) if path.suffix.lower() == ".parquet" else _header(path)
        except (OSError, UnicodeDecodeError, csv.Error, pl.exceptions.PolarsError) as error:
            raise SourceError(
                f"{self.setting} is no {path.suffix.lower()} file that can be read: {error}. "
                "Check MEDCALC_SOURCE (--source)."
            ) from error
        self._require_columns([KEY_SPELLINGS[0] if name == KEY_SPELLINGS[1] else name for name in columns])

    def instances(self) -> Iterator[pl.DataFrame]:
        """All instances in batches, as rows of `raw_medcalc`.

        Raises SourceError, at the latest when the offending row is reached, for a source that is not there or cannot be
        reached, a missing column, and a row that is cut off, has a uid that is no integer or occurred before, a
        calculator that is not one of the 55, or a label, limit or entities cell that cannot be read.
        """
        origin = {"source": Path(self.setting).name, "source_version": self.version}
        first_row: dict[int, int] = {}
        row_number = 1  # the header
        for batch in self._batches():
            self._require_columns(batch.columns)
            rows = []
            for cells in batch.select(list(COLUMNS)).iter_rows(named=True):
                row_number += 1
                rows.append(row := self._instance(cells, row_number) | origin)
                if (earlier := first_row.setdefault(row["uid"], row_number)) != row_number:
                    raise SourceError(
                        f"{self.setting}, row {row_number} (uid {row['uid']}): row {earlier} has the same uid. "
                        "Every instance needs its own; drop or renumber one of the two."
                    )
            yield pl.DataFrame(rows, schema=RAW_MEDCALC.polars_schema)
        if not first_row:
            raise SourceError(f"{self.setting} holds no instance: is it the right file?")

    def _instance(self, cells: dict[str, str], row_number: int) -> dict[str, Any]:
        where = f"{self.setting}, row {row_number} (uid {cells['Row Number']})"
        if empty := [column for column in COLUMNS if not cells[column]]:
            raise SourceError(
                f"{where}: {', '.join(map(repr, empty))} is empty. Fill it in or drop the row; if it is the last one, the "
                "file has been cut off there: get it again."
            )

        def integer(column: str) -> int:
            try:
                return int(cells[column])
            except ValueError:
                raise SourceError(f"{where}: {column!r} is {cells[column]!r}, which is no integer. Correct it.") from None

        calculator = CALCULATORS.get(integer("Calculator ID"))
        name = cells["Calculator Name"]
        if calculator is None or name != calculator.name:
            raise SourceError(
                f"{where}: calculator {cells['Calculator ID']} ({name!r}) is not one of the 55 of v1.0"
                + (f", where {calculator.id} is {calculator.name!r}. " if calculator else ". ")
                + "`medcalc calculators` lists them."
            )
        output_type = cells["Output Type"]
        of_label = ("Ground Truth Answer", "Lower Limit", "Upper Limit")
        answer, lower, upper = (label_in(cells[column], column, where) for column in of_label)
        if answer.kind not in (KIND_OF_OUTPUT.get(output_type), "na"):
            raise SourceError(
                f"{where}: 'Ground Truth Answer' is {cells['Ground Truth Answer']!r}, a {answer.kind}, but 'Output Type' "
                f"is {output_type!r}. Correct one of the two; output types are {', '.join(KIND_OF_OUTPUT)}."
            )
        return {
            **{ours: cells[column] for column, ours in COLUMNS.items()},
            "uid": integer("Row Number"),
            "calculator_id": calculator.id,
            "calculator": calculator.slug,
            "entities": entities_json(cells["Relevant Entities"], where),
            **{name: values[0] for name, values in as_columns("label", [answer]).items()},
            "lower_number": lower.number,
            "upper_number": upper.number,
            "row_sha256": hashlib.sha256(json.dumps(list(cells.values())).encode()).hexdigest(),
        }

    def _require_columns(self, names: Sequence[str]) -> None:
        if missing := [name for name in COLUMNS if name not in names]:
            raise SourceError(
                f"{self.setting} (MEDCALC_SOURCE, --source): column {', '.join(map(repr, missing))} is missing. A "
                f"MedCalc-Bench v1.0 file has {', '.join(COLUMNS)} ({KEY_SPELLINGS[1]!r} will do for {KEY_SPELLINGS[0]!r})."
            )

    @property
    def _split(self) -> str:
        return "train" if self.setting.endswith(":train") else "test"

    def _file(self) -> Path:
        path = Path(self.setting)
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise SourceError(
                f"MEDCALC_SOURCE (--source) is {self.setting!r}: give demo, hf, hf:train, or a .csv or .parquet file."
            )
        if not path.is_file():
            missing = "is no file" if path.exists() else "does not exist"
            raise SourceError(f"{self.setting} {missing} (seen from {Path.cwd()}): check MEDCALC_SOURCE (--source).")
        return path

    def _batches(self) -> Iterator[pl.DataFrame]:
        """The source as text columns with the names of v1.0."""
        try:
            for table in self._dataset().with_format("arrow").iter(batch_size=BATCH):
                batch = pl.DataFrame(table).cast(pl.String)
                yield batch.rename({KEY_SPELLINGS[1]: KEY_SPELLINGS[0]}, strict=False)
        except (ValueError, OSError) as error:  # what pandas and pyarrow raise for a file that breaks off
            raise SourceError(
                f"{self.setting} cannot be read to its end: {error}. It may have been cut off or is no such file; "
                "get it again."
            ) from error

    def _dataset(self) -> "datasets.Dataset | datasets.IterableDataset":
        import datasets  # a second to import, and needed by no other asset

        if self.is_demo:
            return datasets.Dataset.from_list(original_rows())
        if self.setting in ("hf", "hf:train"):
            try:
                return datasets.load_dataset(REPOSITORY, revision=REVISION, split=self._split)
            except Exception as error:  # network, Hub, file or cache: their libraries share no class of errors
                raise SourceError(
                    f"{REPOSITORY} at revision {REVISION[:7]} could not be loaded from the Hugging Face Hub: "
                    f"{error.__cause__ or error}. "
                    "Check the network (and HF_ENDPOINT, HF_HUB_OFFLINE), or point MEDCALC_SOURCE at a local file."
                ) from error
        path = self._file()
        # Streamed, so that nothing is cached by path and modification time, and memory does not grow with the file.
        if path.suffix.lower() == ".parquet":
            return datasets.load_dataset("parquet", data_files=str(path), split="train", streaming=True)
        # All cells as text: types inferred by column would turn '01/02/2003' and 'N/A' into something else.
        text = datasets.Features({name: datasets.Value("string") for name in _header(path)})
        return datasets.load_dataset(
            "csv",
            data_files=str(path),
            split="train",
            streaming=True,
            features=text,
            keep_default_na=False,
            chunksize=BATCH,
        )


def _header(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return next(csv.reader(file), [])


def label_in(cell: object, column: str, where: str) -> Label:
    try:
        return parse_label(cell)
    except LabelError as error:
        raise SourceError(f"{where}: {column!r} is {cell!r:.80}, {error}. Correct the cell or drop the row.") from None


def entities_json(text: str, where: str) -> str:
    """The entities as a JSON object. They are spelt as a Python literal, which is parsed, never evaluated."""
    problem = f"{where}: 'Relevant Entities' is {text[:80]!r}..., which is no mapping of features to values"
    if len(text) > LONGEST_ENTITIES:
        raise SourceError(f"{problem}: it has {len(text)} characters. Correct the cell or drop the row.")
    try:
        entities = ast.literal_eval(text)
        if isinstance(entities, dict):
            return json.dumps(entities, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        pass
    raise SourceError(f"{problem}. Correct the cell or drop the row.")
