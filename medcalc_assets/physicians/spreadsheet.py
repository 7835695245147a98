"""Spreadsheets of others, read strictly: each cell as it was typed or computed there, or an error that names it."""

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, iterparse

from medcalc_assets.errors import MedcalcError

LARGEST = 32 * 2**20
"""Bytes of a file, and of all that is packed in it. The authors' file has 1 and 4 MiB."""
PARTS, TAGS = 1_000, 1_000_000
"""Files in the zip file that a spreadsheet is, and XML tags in all of them. The authors' file has 10 and 75,000."""
ROWS, COLUMNS, LENGTH = 20_000, 100, 32_767
"""The last row and column that may hold anything, and the characters of a cell."""
ENCRYPTED_OR_XLS = bytes.fromhex("D0CF11E0A1B11AE1")
FORMULA = "is a formula without a stored value. Open the file in a spreadsheet program and save it, or type the value itself"


class SheetError(MedcalcError):
    """A file or a cell that cannot be used. The message names sheet, cell and remedy; whoever asked adds the file."""


class Cell(NamedTuple):
    place: str
    """Such as D2."""
    value: Any
    """A text, number, truth value, date or time; of a formula, what it was when the file was saved; None if empty."""
    number_format: str
    flaw: str | None
    """Why the value is none, such as `#DIV/0!`."""


class Row(NamedTuple):
    number: int
    cells: dict[str, Cell]
    """By column that was asked for."""
    others: list[Cell]
    """What else the row holds."""


def content_of(path: Path) -> bytes:
    """The bytes of a file, of which there may be LARGEST. Raises SheetError."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise SheetError(f"cannot be read: {error.strerror}.") from error
    if len(content) > LARGEST:
        raise SheetError(f"has more than {LARGEST:,} bytes, which is the limit.")
    return content


class Spreadsheet:
    """An .xlsx file. Every method raises SheetError."""

    def __init__(self, content: bytes) -> None:
        import openpyxl  # here, as it is slow to import, and a trace does without

        if content.startswith(ENCRYPTED_OR_XLS):
            raise SheetError("is encrypted, or in the old format .xls. Save it as .xlsx without a password.")
        with _of_openpyxl("cannot be read, as it is cut short, damaged or no spreadsheet (.xlsx)"):
            _bounded(content)
            self._workbook: Any = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)

    @property
    def saved_at(self) -> Any:
        """When a spreadsheet program last saved it, as a date and time in UTC; None if it does not say."""
        return self._workbook.properties.modified

    def rows(self, sheet: str | None = None) -> dict[int, list[tuple[int, Cell]]]:
        """The cells that hold anything, with their columns, by row; of the first sheet, if none is named."""
        from openpyxl.worksheet._reader import CELL_TAG, DATA_TAG, ROW_TAG, WorkSheetParser

        found, book = self._sheet(sheet), self._workbook
        rows: dict[int, list[tuple[int, Cell]]] = {}
        with _of_openpyxl(f"sheet {found.title!r} cannot be read"), found._get_source() as source:
            parser = WorkSheetParser(
                source, found._shared_strings, True, book.epoch, book._date_formats, book._timedelta_formats
            )
            last = 0
            # Cell by cell, and of no row or column that is empty: one cell in the last row takes no more than another.
            for event, element in iterparse(source, events=("start", "end")):
                if event == "start" and element.tag == ROW_TAG:
                    number = int(element.get("r", last + 1))
                    if number <= last:
                        raise SheetError(f"sheet {found.title!r} has row {number} after row {last}. Save it again.")
                    parser.row_counter, parser.col_counter, last = number, 0, number
                elif event == "end" and element.tag == CELL_TAG:
                    row, column, cell = self._cell(found, parser, element)
                    element.clear()
                    if row != last or any(column == before for before, _ in rows.get(row, ())):
                        raise SheetError(
                            f"sheet {found.title!r} has cell {cell.place} twice or out of place. Save it again."
                        )
                    if cell.value is not None or cell.flaw:
                        rows.setdefault(row, []).append((column, cell))
                elif event == "end" and element.tag == ROW_TAG:
                    element.clear()
                elif event == "end" and element.tag == DATA_TAG:
                    break
        return rows

    def table(self, columns: Sequence[str], sheet: str | None = None) -> Iterator[Row]:
        """The rows below a first row that names each of these columns once."""
        rows = self.rows(sheet)
        title = self._sheet(sheet).title
        header = rows.pop(1, [])
        places: dict[str, Cell] = {}
        names: dict[int, str] = {}
        for column, cell in header:
            name = str(cell.value)
            if (twin := places.setdefault(name.strip().casefold(), cell)) is not cell:
                raise SheetError(
                    f"sheet {title!r} has column {name!r} twice, in {twin.place} and {cell.place}. Leave one of them."
                )
            names[column] = name
        if missing := [name for name in columns if name not in names.values()]:
            raise SheetError(
                f"column {', '.join(map(repr, missing))} is missing from row 1 of sheet {title!r}. "
                f"Restore the columns: {', '.join(columns)}."
            )
        at = {name: next(column for column, each in names.items() if each == name) for name in columns}
        for number, cells in rows.items():
            held = dict(cells)
            for name, column in at.items():
                if column in held and (flaw := held[column].flaw):
                    raise SheetError(f"sheet {title!r}, cell {held[column].place} ({name}) {flaw}.")
            wanted = {
                name: held.pop(column, Cell(_place(number, column), None, "General", None)) for name, column in at.items()
            }
            yield Row(number, wanted, list(held.values()))

    def _sheet(self, name: str | None) -> Any:
        """Charts have sheets of their own, which hold no cells."""
        sheets: list[Any] = self._workbook.worksheets
        found = next((sheet for sheet in sheets if name in (None, sheet.title)), None)
        if found is None:
            there = ", ".join(repr(sheet.title) for sheet in sheets) or "none"
            raise SheetError(f"has no sheet {name!r} with cells (it has {there})." if name else "has no sheet with cells.")
        return found

    def _cell(self, sheet: Any, parser: Any, element: Element) -> tuple[int, int, Cell]:
        from openpyxl.cell.read_only import ReadOnlyCell
        from openpyxl.worksheet._reader import FORMULA_TAG

        try:
            parsed: dict[str, Any] = parser.parse_cell(element)
            row, column, value = parsed["row"], parsed["column"], parsed["value"]
            number_format = ReadOnlyCell(sheet, **parsed).number_format
        except Exception as error:  # as below
            raise SheetError(f"sheet {sheet.title!r}, cell {element.get('r')} cannot be read. Type it again.") from error
        place = _place(row, column)
        flaw = None
        if value is None and element.find(FORMULA_TAG) is not None:
            flaw = FORMULA
        elif parsed["data_type"] == "e":
            flaw = f"holds the error {value}. Correct it"
        if value is not None and (row > ROWS or column > COLUMNS):
            raise SheetError(
                f"sheet {sheet.title!r}, cell {place} is beyond row {ROWS:,} or column {COLUMNS}, which is the limit. "
                "Delete what is outside the table."
            )
        if isinstance(value, str) and len(value) > LENGTH:
            raise SheetError(
                f"sheet {sheet.title!r}, cell {place} has {len(value):,} characters; {LENGTH:,} is the limit. Shorten it."
            )
        return row, column, Cell(place, value, number_format, flaw)


def _place(row: int, column: int) -> str:
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(column)}{row}"


@contextmanager
def _of_openpyxl(problem: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except SheetError:
        raise
    except Exception as error:  # openpyxl raises whatever a strange file leads it to
        raise SheetError(f"{problem}: {' '.join(str(error).split()):.200}.") from error


def _bounded(content: bytes) -> None:
    """Raise SheetError if unpacking would take more than the limits, which the directory of the zip file tells."""
    if content.count(b"PK\x01\x02") > PARTS:
        raise SheetError(f"has more than {PARTS:,} parts, which is the limit.")
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        parts = file.infolist()
        if sum(part.file_size for part in parts) > LARGEST:
            raise SheetError(f"holds more than {LARGEST:,} bytes unpacked, which is the limit.")
        if len({part.filename for part in parts}) < len(parts):
            raise SheetError("holds a part twice. Save it again.")
        tags = 0
        for part in parts:
            xml = file.read(part)  # with its checksum
            tags += xml.count(b"<")
            if tags > TAGS:
                raise SheetError(f"holds more than {TAGS:,} XML tags, which is the limit.")
            if b"<!DOCTYPE" in xml[:LENGTH]:
                raise SheetError(f"has a document type in {part.filename}, which no spreadsheet has. Save it again.")
