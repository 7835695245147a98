import datetime as dt

import openpyxl
import polars as pl
import pytest

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.labels.value import as_columns, day, number
from medcalc_assets.physicians.authors import FILE, REQUIRED, AuthorsFileError, AuthorsFiles
from medcalc_assets.storage.tables import PHYSICIAN_LABELS, RAW_MEDCALC, RELABELS

GCS, DUE_DATE = CALCULATORS[21], CALCULATORS[13]
RELEASED = {1: number(16), 2: number(9), 3: number(11), 4: day(dt.date(2024, 5, 1))}
KEYS = [GCS.slug, DUE_DATE.slug]

ROWS = [
    (1, GCS.name, 16, 13, 13, "straightforward"),
    (2, GCS.name, 9, "N/A", "Not applicable", None),
    (3, GCS.name, 11, None, "Multiple", "several days"),
    (4, DUE_DATE.name, dt.datetime.fromisoformat("2024-05-01"), dt.datetime.fromisoformat("2024-05-04"), None, None),
]


def instances():
    of = {uid: DUE_DATE if uid == 4 else GCS for uid in RELEASED}
    cells = {
        "uid": list(RELEASED),
        "calculator_id": [calculator.id for calculator in of.values()],
        "calculator": [calculator.slug for calculator in of.values()],
        **as_columns("label", RELEASED.values()),
    }
    return pl.DataFrame(cells, schema={name: RAW_MEDCALC.polars_schema[name] for name in cells})


def authors_files(tmp_path, rows=ROWS, header=REQUIRED):
    workbook = openpyxl.Workbook()
    for row in [header, *rows, (None,) * len(header)]:
        workbook.active.append(row)
    workbook.save(tmp_path / FILE)
    return AuthorsFiles(tmp_path)


def test_a_column_of_numbers_dates_and_text_keeps_every_type(tmp_path):
    relabels = authors_files(tmp_path).relabels(instances(), KEYS).sort("uid")
    assert relabels.schema == RELABELS.polars_schema
    assert relabels["relabel_kind"].to_list() == ["number", "na", "na", "date"]
    assert relabels["relabel_date"][3] == dt.date(2024, 5, 4)
    assert set(relabels["status"]) == {"high_confidence"}


def test_an_instance_that_the_file_leaves_out_is_deferred_and_has_no_votes(tmp_path):
    row = authors_files(tmp_path, ROWS[1:]).relabels(instances(), KEYS).filter(uid=1).row(0, named=True)
    assert (row["status"], row["relabel_kind"], row["n_votes"], row["auditor"]) == ("deferred", None, None, "authors")


def test_an_empty_physician_cell_is_no_answer(tmp_path):
    labels = authors_files(tmp_path).physician_labels(instances(), KEYS).sort("uid")
    assert labels.schema == PHYSICIAN_LABELS.polars_schema
    assert labels["uid"].to_list() == [1, 2, 3]
    assert labels["state"].to_list() == ["computable", "not_computable", "not_computable"]
    assert labels["answer_text"].to_list() == ["13", "Not applicable", "Multiple"]
    assert labels["rationale"].to_list() == ["straightforward", None, "several days"]


def test_only_the_calculators_asked_for_are_compared_with_their_instances(tmp_path):
    due_dates = instances().filter(calculator=DUE_DATE.slug)
    assert authors_files(tmp_path).relabels(due_dates, [DUE_DATE.slug])["uid"].to_list() == [4]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((1, GCS.name, 16, 13, None, None), "row 6: uid 1 is there twice"),
        (("x", GCS.name, 16, 13, None, None), "row 6: uid 'x' is not an integer"),
        ((7, GCS.name, 16, 13, None, None), "row 6: uid 7 is not among the source's instances"),
        ((7, "Apgar", 16, 13, None, None), f"row 6: calculator 'Apgar' is not one of the {len(CALCULATORS)}"),
        ((5, GCS.name, 12, "abc", None, None), "row 6: 'y_new' is 'abc', which is no number, date or N/A"),
        ((5, GCS.name, 3, 13, None, None), "row 6: y_orig is 3, but the source's label of uid 5 is 12"),
    ],
)
def test_a_row_that_does_not_fit_the_source_is_refused_with_its_number(tmp_path, row, message):
    with_a_fifth = pl.concat([instances(), instances().head(1).with_columns(uid=pl.lit(5, pl.Int64), label_number=12.0)])
    with pytest.raises(AuthorsFileError, match=message):
        authors_files(tmp_path, [*ROWS, row]).relabels(with_a_fifth, KEYS)


def test_empty_cells_that_the_spreadsheet_leaves_out_are_empty(tmp_path):
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet()
    for row in [REQUIRED, (1, GCS.name, 16, 13)]:
        sheet.append(row)
    workbook.save(tmp_path / FILE)
    assert AuthorsFiles(tmp_path).physician_labels(instances(), KEYS).is_empty()


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(AuthorsFileError, match="column 'y_new' is missing"):
        authors_files(tmp_path, [], [name for name in REQUIRED if name != "y_new"]).relabels(instances(), KEYS)


def test_a_file_cut_in_half_is_refused(tmp_path):
    path = authors_files(tmp_path).path
    path.write_bytes(path.read_bytes()[:3_000])
    with pytest.raises(AuthorsFileError, match="cannot be read"):
        AuthorsFiles(tmp_path).relabels(instances(), KEYS)


def test_a_folder_without_the_file_is_named(tmp_path):
    with pytest.raises(AuthorsFileError, match=FILE):
        AuthorsFiles(tmp_path).physician_labels(instances(), KEYS)
