"""What a stranger's spreadsheet may be, and what is said of each that may not."""

import io
import tracemalloc
import zipfile

import openpyxl
import pytest

from medcalc_assets.physicians.spreadsheet import LARGEST, LENGTH, TAGS, SheetError, Spreadsheet, content_of

SHEET = "xl/worksheets/sheet1.xml"
HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'


def saved(workbook):
    workbook.save(content := io.BytesIO())
    return content.getvalue()


def workbook_of(*rows):
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    return workbook


def with_part(name, part, content=None):
    """The spreadsheet with another part in place of one."""
    with zipfile.ZipFile(io.BytesIO(content or saved(workbook_of()))) as file:
        parts = {each: file.read(each) for each in file.namelist()} | {name: part}
    with zipfile.ZipFile(made := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as file:
        for each, xml in parts.items():
            file.writestr(each, xml)
    return made.getvalue()


def with_cells(xml, header=HEADER):
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return with_part(SHEET, f'<worksheet xmlns="{namespace}"><sheetData>{header}{xml}</sheetData></worksheet>')


def table(content, columns=("a", "b"), sheet=None):
    return [
        {name: cell.value for name, cell in row.cells.items()}
        for row in Spreadsheet(content).table(columns, sheet)
        if row.cells
    ]


def test_a_cell_in_the_last_row_takes_no_memory_and_is_refused_if_it_holds_anything():
    workbook = workbook_of(("a", "b"), (1, 2))
    workbook.active.cell(1_048_576, 16_384).number_format = "0.00"
    content = saved(workbook)
    tracemalloc.start()
    assert table(content) == [{"a": 1, "b": 2}]
    assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    tracemalloc.stop()
    workbook.active.cell(1_048_576, 1).value = "x"
    with pytest.raises(SheetError, match="cell A1048576 is beyond row 20,000 or column 100, which is the limit"):
        table(saved(workbook))


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (
            "<f>1+1</f>",
            "cell B2 (b) is a formula without a stored value. Open the file in a spreadsheet program and save it",
        ),
        ("<f>1+1</f><v></v>", "cell B2 (b) is a formula without a stored value"),
        ('<f t="array" ref="B2">1+1</f>', "cell B2 (b) is a formula without a stored value"),
    ],
)
def test_a_formula_has_the_value_that_was_stored_or_is_refused_by_its_place(cell, said):
    with pytest.raises(SheetError) as refused:
        table(with_cells(f'<row r="2"><c r="B2">{cell}</c></row>'))
    assert said in str(refused.value)
    assert "sheet 'Sheet'" in str(refused.value)
    assert table(with_cells('<row r="2"><c r="B2"><f>1+1</f><v>2</v></c></row>')) == [{"a": None, "b": 2}]


@pytest.mark.parametrize("second", ["b", "B", " b "])
def test_a_column_that_is_there_twice_is_refused_with_both_places(second):
    with pytest.raises(SheetError, match=r"has column '.*' twice, in B1 and D1. Leave one of them"):
        table(saved(workbook_of(("a", "b", "c", second), (1, 2, 3, 4))))


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ('<row r="2"><c r="A2" t="e"><v>#DIV/0!</v></c></row>', r"cell A2 \(a\) holds the error #DIV/0!"),
        ('<row r="2"><c r="A2"><v>twelve</v></c></row>', "cell A2 cannot be read"),
        ('<row r="2"><c r="A2" t="s"><v>99</v></c></row>', "cell A2 cannot be read"),
        ('<row r="2"><c r="A2" s="99"><v>1</v></c></row>', "cell A2 cannot be read"),
        ('<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>', "has cell A2 twice or out"),
        ('<row r="2"><c r="A2"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>', "has row 2 after row 2"),
        ('<row r="2"><c r="A3"><v>1</v></c></row>', "has cell A3 twice or out of place"),
        (
            f'<row r="2"><c r="A2" t="str"><v>{"x" * (LENGTH + 1)}</v></c></row>',
            "cell A2 has 32,768 characters; 32,767 is the",
        ),
        ('<row r="2"><c r="CW2"><v>1</v></c></row>', "cell CW2 is beyond row 20,000 or column 100"),
        ('<row r="2"><c r="A2"><v>1</v>', "cannot be read"),
        ("<c/>" * TAGS, "more than 1,000,000 XML tags, which is the limit"),
        (" " * LARGEST, "more than 33,554,432 bytes unpacked, which is the limit"),
    ],
)
def test_a_cell_or_a_sheet_that_cannot_be_read_is_named(xml, said):
    with pytest.raises(SheetError, match=said) as refused:
        table(with_cells(xml))
    assert "\n" not in str(refused.value)


def chart_only():
    workbook = openpyxl.Workbook()
    workbook.create_chartsheet("cases").add_chart(openpyxl.chart.BarChart())
    workbook.remove(workbook.active)
    return saved(workbook)


def many_parts():
    with zipfile.ZipFile(made := io.BytesIO(), "w") as file:
        for i in range(1_001):
            file.writestr(str(i), "")
    return made.getvalue()


BOMB = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><worksheet>&c;</worksheet>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cut short, damaged or no spreadsheet"),
        (b"a,b\n1,2\n", "cut short, damaged or no spreadsheet"),
        (saved(workbook_of(("a", "b")))[:3_000], "cut short, damaged or no spreadsheet"),
        (bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600), "is encrypted, or in the old format .xls. Save it as .xlsx"),
        (chart_only(), "has no sheet 'cases' with cells"),
        (saved(workbook_of(("a", "b"))), r"has no sheet 'cases' with cells \(it has 'Sheet'\)"),
        (with_part(SHEET, BOMB), "has a document type in xl/worksheets/sheet1.xml"),
        (with_part("xl/workbook.xml", "<workbook/>"), "has no sheet 'cases'|cut short, damaged or no spreadsheet"),
        (many_parts(), "more than 1,000 parts, which is the limit"),
    ],
    ids=["empty", "csv", "cut", "xls", "chart", "wrong sheet", "entities", "no workbook", "parts"],
)
def test_what_is_no_spreadsheet_with_the_sheet_is_told_in_one_line(content, said):
    with pytest.raises(SheetError, match=said) as refused:
        table(content, sheet="cases")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_absent_a_folder_or_too_large_is_not_read(tmp_path):
    with pytest.raises(SheetError, match="cannot be read: No such file"):
        content_of(tmp_path / "absent.xlsx")
    with pytest.raises(SheetError, match="cannot be read: Is a directory"):
        content_of(tmp_path)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(SheetError, match="has more than 33,554,432 bytes"):
        content_of(tmp_path / "large")
