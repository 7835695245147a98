"""The files that the authors of arXiv:2512.19691 published: relabels without their votes, and 50 physician labels."""

import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.value import NA, Label, as_columns, columns
from medcalc_assets.physicians.spreadsheet import SheetError, Spreadsheet, content_of
from medcalc_assets.storage.tables import PHYSICIAN_LABELS, RELABELS

NAME = "authors"
FILE = "y_new_and_sampled_MD_evals.xlsx"

UID, CALCULATOR, ORIGINAL, RELABEL = "uid", "Calculator Name", "y_orig", "y_new"
PHYSICIAN, RATIONALE = "y* (Physician label)", "Physician Note (Optional)"
REQUIRED = (UID, CALCULATOR, ORIGINAL, RELABEL, PHYSICIAN, RATIONALE)

REMEDY = (
    "MEDCALC_AUTHORS (--authors) names the folder of the authors' files (repository validate-medcalc-labels); "
    "get the file again."
)
SEVERAL_ANSWERS = "Multiple"
"""A physician's cell for a note with several defensible answers. The authors' final labels hold it as N/A."""


class AuthorsFileError(MedcalcError):
    """A file of the authors cannot be used. The message names the file, the row where there is one, and the remedy."""


@dataclass(frozen=True)
class AuthorsFiles:
    """The relabels and physician labels in a folder."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / FILE

    def require(self) -> None:
        """Raise AuthorsFileError if the folder is without the file, or it is no spreadsheet."""
        if not zipfile.is_zipfile(self.path):
            there = "is no spreadsheet" if self.path.is_file() else "does not exist"
            raise AuthorsFileError(f"{self.path} {there}. {REMEDY}")

    def relabels(self, instances: pl.DataFrame, calculators: Collection[str]) -> pl.DataFrame:
        """Rows of `relabels` for all instances (`uid`, keys, `label_*`) of these calculators.

        High confidence where `y_new` is given, deferred for an instance that the file leaves out. Raises AuthorsFileError.
        """
        rows = list(self._rows(instances, calculators))
        # An empty cell means N/A in this column.
        answers = [self._label(row, RELABEL) or NA for row in rows]
        cells = {"uid": [row[UID] for row in rows], **as_columns("relabel", answers)}
        found = pl.col("relabel_kind").is_not_null()
        return RELABELS.of_instances(instances, cells, how="left").with_columns(
            auditor=pl.lit(NAME),
            status=pl.when(found).then(pl.lit("high_confidence")).otherwise(pl.lit("deferred")),
        )

    def physician_labels(self, instances: pl.DataFrame, calculators: Collection[str]) -> pl.DataFrame:
        """Rows of `physician_labels`: the instances whose physician cell is not empty. Raises AuthorsFileError."""
        rows = [row for row in self._rows(instances, calculators) if row[PHYSICIAN] is not None]
        answers = [self._label(row, PHYSICIAN) for row in rows]
        cells = {
            "uid": [row[UID] for row in rows],
            "reviewer": [NAME] * len(rows),
            **as_columns("physician", answers),
            "state": ["not_computable" if answer == NA else "computable" for answer in answers],
            "answer_text": [str(row[PHYSICIAN]) for row in rows],
            "rationale": [row[RATIONALE] and str(row[RATIONALE]) for row in rows],
        }
        return PHYSICIAN_LABELS.of_instances(instances, cells)

    def _rows(self, instances: pl.DataFrame, calculators: Collection[str]) -> Iterator[dict[str, Any]]:
        """The rows about these calculators, each checked against its instance.

        Raises AuthorsFileError for a file that is absent or unreadable, a column that is missing or there twice, a formula
        without a stored value, a uid that is no integer, occurs twice or is not among the instances, an unknown calculator,
        an answer of another type than the original label, or a row about another label than the original one (another
        version or split of the benchmark).
        """
        slugs = {calculator.name: calculator.slug for calculator in CALCULATORS.values()}
        original = {uid: Label(*label) for uid, *label in instances.select("uid", *columns("label")).iter_rows()}
        seen = set()
        for row in self._read():
            uid, slug = row[UID], slugs.get(row[CALCULATOR])
            if type(uid) is not int or uid in seen:
                self._refuse(row, f"uid {uid!r:.20} is {'not an integer' if type(uid) is not int else 'there twice'}")
            seen.add(uid)
            if slug is None:
                self._refuse(row, f"calculator {row[CALCULATOR]!r:.80} is not one of the 55 of v1.0")
            if slug not in calculators:
                continue
            if uid not in original:
                self._refuse(row, f"uid {uid} is not among the source's instances of {row[CALCULATOR]!r}")
            if self._label(row, ORIGINAL) != original[uid]:
                self._refuse(
                    row, f"{ORIGINAL} is {row[ORIGINAL]!s:.80}, but the source's label of uid {uid} is {original[uid]}"
                )
            for column in (RELABEL, PHYSICIAN):  # a program that takes 5.1 for a date changes an answer's type
                answer = self._label(row, column)
                if answer and NA not in (answer, original[uid]) and answer.kind != original[uid].kind:
                    self._refuse(
                        row, f"{column!r} is the {answer.kind} {answer}; the original label is a {original[uid].kind}"
                    )
            yield row

    def _read(self) -> Iterator[dict[str, Any]]:
        """The rows of the sheet. Its columns mix numbers, dates and text: each cell keeps the type it has there."""
        try:
            for number, cells, _ in Spreadsheet(content_of(self.path)).table(REQUIRED):
                values = {name: cell.value for name, cell in cells.items()}
                if any(value is not None for value in values.values()):  # the sheet has empty rows at its end
                    yield values | {"row": number}
        except SheetError as error:
            raise AuthorsFileError(f"{self.path}: {error} {REMEDY}") from error

    def _label(self, row: dict[str, Any], column: str) -> Label | None:
        cell = row[column]
        if cell is None or cell == SEVERAL_ANSWERS:
            return NA if cell else None
        try:
            return parse_label(cell)
        except LabelError as error:
            self._refuse(row, f"{column!r} is {cell!r:.80}, {error}")

    def _refuse(self, row: dict[str, Any], problem: str) -> NoReturn:
        raise AuthorsFileError(
            f"{self.path}, row {row['row']}: {problem}. Correct the row, or set MEDCALC_SOURCE to the benchmark that the "
            "file is about (the test split of v1.0)."
        )
