"""Some 600 files of strangers: every answer is taken as it was given, or the file is refused, in one line that names the
place, and what is kept is what was there before."""

import datetime as dt
import io
import json
import random
import shutil
import zipfile

import openpyxl
import pytest

from medcalc_assets.labels.value import NA, day, number
from medcalc_assets.physicians.authors import FILE, REQUIRED, AuthorsFileError, AuthorsFiles
from medcalc_assets.physicians.forms import ASKED, GIVEN, PACKET
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.physicians.returned import PacketError
from medcalc_assets_tests.physicians.test_authors import DUE_DATE, GCS, KEYS, ROWS, instances
from medcalc_assets_tests.physicians.test_packet import types

__all__ = ["types"]
REFUSED, NOT_ANSWERED = object(), object()
WHEN = dt.datetime(2024, 5, 1)  # noqa: DTZ001

NUMBERS = [
    *(
        (text, text)
        for text in ("7", "-0.5", "1,234", "1e2", "78.1 ml/hr", "12 %", "N/A", "unknown", "33 weeks 4 days", "−3")
    ),
    *((given, str(given)) for given in (7, 7.25, 0, -3, 1e300)),
    *((" 7\t", "7"), ("7\xa0mg", "7 mg")),
    *((given, NOT_ANSWERED) for given in (None, "", "   ", "\xa0")),
    *(
        (text, REFUSED)
        for text in ("7,5", "1.234,5", "1,23,456", "7.5.1", "~7", "<7", ">= 7", "7-8", "7 or 8", "7;8", "about 7")
    ),
    *(
        (text, REFUSED)
        for text in ("７", "٧", "7\u202e", "\u202e7", "\u200b7", "\ufeff7", "=7", "'7", "TRUE", "inf", "nan", "1e999")
    ),
    *(
        (text, REFUSED)
        for text in ("9" * 101, "x" * 32_767, "05/01/2024", "2024-05-01", "2024-13-01", "#DIV/0!", "null", "None", "?")
    ),
    *((given, REFUSED) for given in (True, WHEN, dt.time(7, 30), dt.timedelta(days=7))),
]
DATES = [
    *((text, text) for text in ("03/04/2024", "2024-03-04", "N/A")),
    (WHEN, "05/01/2024"),
    (dt.datetime(2024, 5, 1, 13, 30), REFUSED),  # noqa: DTZ001
    *(
        (given, REFUSED)
        for given in (45_413, 45_413.5, "45413", "7", "31/12/2024", "02/30/2024", "1 May 2024", "05/01/24", "05.01.2024")
    ),
]
CHOSEN = [
    ("YES", True),
    (" yes ", True),
    ("No", False),
    *((each, REFUSED) for each in ("maybe", "true", "1", "ja", "y")),
]
WORDS = [
    "a cat",
    "\u202egnp.exe",
    "<script>alert(1)</script>",
    "[red]x[/]",
    "@SUM(1)",
    "𝔘🙂",
    "x" * 32_767,
    "' OR 1=1 --",
    "\x85",
    "-2+3",
]
IN_JSON_ONLY = ["=1+1", "\x1b[31m", "\x00", "\x07"]
"""What no spreadsheet holds, or the strict reader of one refuses."""


@pytest.fixture(scope="module")
def sent(demo, types, tmp_path_factory):
    """A packet of all cases."""
    packets = Packets(tmp_path_factory.mktemp("sent"))
    return packets.issue(demo.settings.warehouse, "Dr Lee", 500)


@pytest.fixture(scope="module")
def cases(sent, types):
    """What the tasks of the packet hold: two cases of numbers, then two of dates."""
    tasks = [task["data"] for task in json.loads((sent / f"{sent.name}_label_studio.json").read_text())]
    numbers, dates = ([task for task in tasks if (types[task["uid"]] == "date") == is_date] for is_date in (False, True))
    return numbers[:2] + dates[:2]


@pytest.fixture(scope="module")
def sheet(sent):
    """The spreadsheet of the packet without its rows, which are filled anew."""
    workbook = openpyxl.load_workbook(sent / f"{sent.name}.xlsx")
    workbook["cases"].delete_rows(2, 500)
    return workbook


@pytest.fixture
def packets(sent, tmp_path):
    shutil.copytree(sent.parent, tmp_path / "packets")
    return Packets(tmp_path)


def filled(cases):
    """Each case answered, as the form has it."""
    return [
        {name: case[name] for name in GIVEN} | dict.fromkeys(ASKED) | {"value": "5" if i < 2 else "03/04/2024"}
        for i, case in enumerate(cases)
    ]


def as_form(about, rows, sheet):
    return ".json", json.dumps(about | {"answers": rows}).encode()


def as_tasks(about, rows, sheet):
    def result(name, value):
        kind = "choices" if name in ("cannot_be_computed", "confidence") else "text"
        return {"from_name": name, "to_name": "note", "value": {kind: [value]}}

    tasks = [
        {
            "data": about | {name: row[name] for name in GIVEN},
            "annotations": [{"result": [result(name, row[name]) for name in ASKED if row[name] not in (None, "")]}],
        }
        for row in rows
    ]
    return ".json", json.dumps(tasks).encode()


def as_sheet(about, rows, sheet):
    for place, name in enumerate(PACKET, start=1):
        sheet["about"].cell(place, 2).value = about[name]
    for number_, row in enumerate(rows, start=2):
        for column, name in enumerate((*GIVEN, *ASKED), start=1):
            cell = sheet["cases"].cell(number_, column)
            cell.value = row[name]
            if cell.data_type == "f":
                cell.data_type = "s"
    sheet.save(content := io.BytesIO())
    sheet["cases"].delete_rows(2, 20)
    return ".xlsx", content.getvalue()


FORMS = [as_form, as_tasks, as_sheet]


def kept(packets):
    return {
        path.name: path.read_bytes() for path in packets.home.rglob("*") if path.is_file() and path.name != "packets.lock"
    }


def come_back(packets, cases, types, sheet, form, rows, about=None):
    """What is taken over, by uid, or the one line that refuses it, after which all is as before."""
    known = {name: cases[0][name] for name in PACKET}
    return bytes_back(packets, types, *form(known | (about or {}), rows, sheet))


def bytes_back(packets, types, suffix, content):
    (path := packets.home.parent / f"back{suffix}").write_bytes(content)
    before = kept(packets)
    try:
        packets.ingest(path, types)
    except PacketError as error:
        refused = str(error)
    else:
        ((_, answers),) = packets.records()
        return {answer.uid: answer for answer in answers}
    assert kept(packets) == before
    assert "\n" not in refused
    assert len(refused) < 700
    return refused


def fits(form, given):
    """Whether a file of this form can hold it."""
    if form is as_sheet:
        return not isinstance(given, str) or not any(sign < " " and sign != "\t" for sign in given)
    return isinstance(given, str | int | float | None) and not (form is as_tasks and isinstance(given, bool))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("at", "given", "expected"), [*((1, *each) for each in NUMBERS), *((2, *each) for each in DATES)])
def test_a_value_is_taken_as_given_or_refused_by_its_place(packets, cases, types, sheet, form, at, given, expected):
    if not fits(form, given):
        given, expected = str(given), REFUSED
    rows = filled(cases)
    rows[at]["value"] = given
    found = come_back(packets, cases, types, sheet, form, rows)
    place = {as_form: f"case {cases[at]['uid']}", as_tasks: f"task {at + 1}", as_sheet: f"row {at + 2}"}[form]
    if expected is REFUSED:
        assert isinstance(found, str), found
        assert place in found or f"D{at + 2}" in found
    else:
        others = {row["uid"]: row["value"] for i, row in enumerate(rows) if i != at}
        answered = {} if expected is NOT_ANSWERED else {cases[at]["uid"]: expected}
        assert {uid: answer.value for uid, answer in found.items()} == others | answered


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("given", "expected"), CHOSEN)
def test_that_a_case_cannot_be_computed_is_said_or_refused(packets, cases, types, sheet, form, given, expected):
    rows = filled(cases)
    rows[0] |= {"cannot_be_computed": given, "value": "5" if expected is False else None}
    found = come_back(packets, cases, types, sheet, form, rows)
    if expected is REFUSED:
        assert f"cannot_be_computed is {given!r}. Choose yes, no, or nothing" in found
    else:
        assert found[cases[0]["uid"]].cannot_be_computed is expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("words", [*WORDS, *IN_JSON_ONLY])
def test_words_are_kept_as_they_were_typed(packets, cases, types, sheet, form, words):
    if form is as_sheet and words in IN_JSON_ONLY[1:]:
        words = "_x001B_"  # as a spreadsheet writes it
    rows = filled(cases)
    rows[0]["rationale"] = words
    found = come_back(packets, cases, types, sheet, form, rows)
    if form is as_sheet and words.startswith("="):
        assert "I2: begins with '=', a formula" in found
    else:
        assert found[cases[0]["uid"]].rationale == (" ".join(words.split()) or None)


def put(name, value, at=0):
    return lambda rows, about: rows[at].__setitem__(name, value)


STRUCTURE = {
    "another uid": (put("uid", 999_999), "uid 999999 is not in the packet"),
    "no uid": (put("uid", None), "uid None is not in the packet"),
    "a uid with a fraction": (put("uid", 1.5), "uid 1.5 is not in the packet"),
    "a negative uid": (put("uid", -1), "uid -1 is not in the packet"),
    "a uid of words": (put("uid", "one"), "uid one is not in the packet"),
    "a uid that is true": (put("uid", True), "uid is True, no text or number"),
    "a uid twice": (lambda rows, about: rows[1].update({name: rows[0][name] for name in GIVEN}), "is there twice"),
    "a row twice": (lambda rows, about: rows.append(rows[0]), "is there twice"),
    "notes exchanged": (
        lambda rows, about: (lambda a, b: (rows[0].update(note=b), rows[1].update(note=a)))(
            rows[0]["note"], rows[1]["note"]
        ),
        "question or note of uid",
    ),
    "another note": (put("note", "a cat"), "question or note of uid"),
    "no note": (put("note", None), "question or note of uid"),
    "no question": (put("question", ""), "question or note of uid"),
    "no answer": (lambda rows, about: [row.update(value=None) for row in rows], "no case is answered"),
    "another packet": (lambda rows, about: about.update(packet="dr-lee-2"), "no packet 'dr-lee-2' was issued"),
    "a path for a packet": (lambda rows, about: about.update(packet="../../x"), "no packet '../../x' was issued"),
    "another reviewer": (lambda rows, about: about.update(reviewer="Mallory"), "the reviewer 'Mallory' is unknown"),
    "another secret": (lambda rows, about: about.update(secret="guess"), "does not hold the secret of dr-lee-1"),
    "a long secret": (lambda rows, about: about.update(secret="x" * 9_000), "does not hold the secret of dr-lee-1"),
    "very sure": (put("confidence", "very"), "confidence is 'very'. Choose high, medium, low, or nothing"),
    "a value that cannot be": (put("cannot_be_computed", "yes"), "has both a value and 'cannot be computed'"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("harm", STRUCTURE)
def test_a_packet_that_was_changed_is_refused(packets, cases, types, sheet, form, harm):
    change, said = STRUCTURE[harm]
    rows, about = filled(cases), {}
    change(rows, about)
    assert said in come_back(packets, cases, types, sheet, form, rows, about)


@pytest.mark.parametrize("form", FORMS)
def test_rows_that_are_missing_or_moved_are_no_harm(packets, cases, types, sheet, form):
    rows = filled(cases)[::-1][:3]
    found = come_back(packets, cases, types, sheet, form, rows)
    assert {uid: answer.value for uid, answer in found.items()} == {row["uid"]: row["value"] for row in rows}


@pytest.mark.parametrize(
    "raw",
    [
        *(
            "",
            " ",
            "null",
            "3",
            '"text"',
            "[]",
            "{}",
            "[1]",
            "[[]]",
            '[{"data": 1}]',
            '{"answers": 1}',
            '{"answers": [1]}',
            "[" * 9_999,
        ),
        *(
            '{"a": ' * 9_999,
            "{'a': 1}",
            '{"answers": [{}]}',
            '[{"data": {}, "annotations": [{}]}]',
            '[{"annotations": null}]',
        ),
    ],
)
def test_json_of_another_shape_is_refused_in_one_line(packets, types, raw):
    assert "is neither what the form of a packet saves nor Label Studio's export of one" in bytes_back(
        packets, types, ".json", raw.encode()
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"value": "5"', '"value": NaN', "NaN is no number of JSON"),
        ('"value": "5"', '"value": -Infinity', "-Infinity is no number of JSON"),
        ('"value": "5"', '"value": 1e999', "value is 'inf', which is no"),
        ('"value": "5"', f'"value": {"9" * 5_000}', "is neither what the form"),
        ('"value": "5"', '"value": "5", "value": "6"', "value is there twice"),
        ('"value": "5"', '"value": [5]', "value is [5], no text or number"),
        ('"value": "5"', '"value": {"a": 5}', "value is {'a': 5}, no text or number"),
        ('"value": "5"', '"value": true', "value is True, no text or number"),
        ('"value": "5"', '"valu": "5"', "KeyError('value')"),
        ('"rationale": null', '"rationale": "\\ud800"', "rationale holds half a character"),
        ('"rationale": null', f'"rationale": "{"x" * 32_768}"', "rationale has 32,768 characters; 32,767 is the limit"),
        ('"rationale": null', '"rationale": ["a"]', "rationale is ['a'], no text or number"),
        ('"packet": "dr-lee-1"', '"packet": ["dr-lee-1"]', "packet, reviewer and secret are texts"),
        ('"packet": "dr-lee-1"', '"packet": "dr-lee-1", "saved_at": "yesterday"', "Invalid isoformat string"),
        ('"packet": "dr-lee-1"', '"packet": "dr-lee-1", "saved_at": 5', "is neither what the form"),
    ],
)
def test_json_that_says_what_json_should_not_is_refused(packets, cases, types, old, new, said):
    _, content = as_form({name: cases[0][name] for name in PACKET}, filled(cases), None)
    assert old in content.decode()
    assert said in bytes_back(packets, types, ".json", content.decode().replace(old, new, 1).encode())


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_cut_or_damaged_is_refused_or_says_the_same(packets, cases, types, sheet, form, seed):
    suffix, whole = form({name: cases[0][name] for name in PACKET}, filled(cases), sheet)
    chance = random.Random(seed)
    if form is not as_sheet or seed % 2:
        content = whole[: chance.randrange(len(whole))]
    else:
        at = chance.randrange(len(whole))
        content = whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :]
    found = bytes_back(packets, types, suffix, content)
    if not isinstance(found, str):  # where nothing is read, such as the time of a part
        assert {uid: answer.value for uid, answer in found.items()} == {row["uid"]: row["value"] for row in filled(cases)}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        *((given, given) for given in ("13", 13, 13.5, "N/A", "Not applicable", "12 %", "1,234", "−3", 0, "78.1 ml/hr")),
        *(
            (given, REFUSED)
            for given in ("7,5", "abc", "~7", "7-8", True, WHEN, "05/01/2024", dt.time(1), "٧", "7\u202e", "", " ")
        ),
        *((given, REFUSED) for given in ("=1+1", "inf", "1e999", "x" * 32_767, "multiple", "#N/A", "=NA()", "9" * 101)),
        ("Multiple", "N/A"),
        (None, "N/A"),
    ],
)
@pytest.mark.parametrize("column", [3, 4])
def test_an_answer_of_the_authors_is_taken_as_given_or_refused_by_its_row(authors, column, given, said):
    if given == "":
        said = "N/A"  # no cell is written
    rows = [list(row) for row in ROWS]
    rows[0][column] = given
    table = "relabels" if column == 3 else "physician_labels"
    found = authors(rows, table)
    if said is REFUSED:
        assert isinstance(found, str), found
        assert "row 2" in found or f"cell {'ABCDEF'[column]}2" in found
    elif column == 4 and given in (None, ""):
        assert 1 not in found
    else:
        expected = (
            said
            if isinstance(said, int | float)
            else {"1,234": 1234, "12 %": 12, "−3": -3, "13": 13, "78.1 ml/hr": 78.1}.get(said)
        )
        assert found[1] == (NA if expected is None else number(expected))


@pytest.fixture
def authors(tmp_path):
    """By uid what a file of the authors says, or the one line that refuses it."""

    def one_line(refused):
        assert "\n" not in refused
        assert len(refused) < 700
        assert str(tmp_path / FILE) in refused
        return refused

    def read(rows, table="relabels", header=REQUIRED, damage=lambda content: content):
        workbook = openpyxl.Workbook()
        for row in [header, *rows]:
            workbook.active.append(row)
        workbook.save(content := io.BytesIO())
        (tmp_path / FILE).write_bytes(damage(content.getvalue()))
        try:
            found = getattr(AuthorsFiles(tmp_path), table)(instances(), KEYS)
        except AuthorsFileError as error:
            return one_line(str(error))
        kind = "relabel" if table == "relabels" else "physician"
        made = {
            "na": lambda row: NA,
            "number": lambda row: number(row[f"{kind}_number"]),
            "date": lambda row: day(row[f"{kind}_date"]),
        }
        return {row["uid"]: made[row[f"{kind}_kind"]](row) for row in found.iter_rows(named=True) if row[f"{kind}_kind"]}

    return read


@pytest.mark.parametrize(
    ("row", "said"),
    [
        *(((uid, GCS.name, 16, 13, None, None), "is not an integer") for uid in ("1", 1.5, True, WHEN)),
        ((None, GCS.name, 16, 13, None, None), "row 6: uid None is not an integer"),
        (("=1", GCS.name, 16, 13, None, None), "cell A6 (uid) is a formula without a stored value"),
        ((-1, GCS.name, 16, 13, None, None), "row 6: uid -1 is not among the source's instances"),
        ((1, GCS.name, 16, 13, None, None), "row 6: uid 1 is there twice"),
        *(
            ((9, name, 16, 13, None, None), "is not one of the")
            for name in ("Apgar", None, 21, GCS.name.upper(), f" {GCS.name}")
        ),
        ((9, GCS.name, 16, 13, None, None), "row 6: uid 9 is not among the source's instances"),
        ((9, "=A1", 16, 13, None, None), "cell B6 (Calculator Name) is a formula without a stored value"),
    ],
)
def test_a_row_of_the_authors_about_something_else_is_refused(authors, row, said):
    found = authors([*ROWS, row])
    assert said in found
    assert "row 6" in found or "6 (" in found


@pytest.mark.parametrize("original", [17, "16.5", None, "N/A", WHEN, "abc", "=16", True])
def test_a_row_about_another_original_label_is_refused(authors, original):
    found = authors([(1, GCS.name, original, 13, None, None), *ROWS[1:]])
    assert "row 2" in found or "cell C2 (y_orig)" in found


@pytest.mark.parametrize("missing", REQUIRED)
def test_a_column_of_the_authors_that_is_missing_or_there_twice_is_named(authors, missing):
    assert f"column {missing!r} is missing from row 1" in authors(
        ROWS, header=[name for name in REQUIRED if name != missing]
    )
    assert f"has column {missing!r} twice" in authors([(*row, None) for row in ROWS], header=[*REQUIRED, missing])


def test_an_answer_that_became_a_date_or_a_number_is_refused(authors):
    due = (4, DUE_DATE.name, WHEN, 45_413, None, None)
    assert "row 5: 'y_new' is the number 45413; the original label is a date" in authors([*ROWS[:3], due])
    assert "row 2: 'y_new' is the date 05/01/2024" in authors([(1, GCS.name, 16, WHEN, None, None), *ROWS[1:]])


@pytest.mark.parametrize("seed", range(20))
def test_a_file_of_the_authors_that_is_cut_or_damaged_is_refused_or_says_the_same(authors, seed):
    chance = random.Random(seed)

    def damage(content):
        at = chance.randrange(len(content))
        return content[:at] if seed % 2 else content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]

    found = authors(ROWS, damage=damage)
    assert isinstance(found, str) or found == {1: number(13), 2: NA, 3: NA, 4: day(dt.date(2024, 5, 4))}


def test_a_stored_value_of_a_formula_is_the_answer(authors):
    def computed(content):
        """As a spreadsheet program saves it."""
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
            for part in old.namelist():
                new.writestr(part, old.read(part).replace(b"<f>6+7</f><v />", b"<f>6+7</f><v>13</v>"))
        return made.getvalue()

    rows = [(1, GCS.name, 16, "=6+7", "=6+7", None), *ROWS[1:]]
    for table, place in (("relabels", "D2 (y_new)"), ("physician_labels", "E2 (y* (Physician label))")):
        assert authors(rows, table, damage=computed)[1] == number(13)
        assert "cell D2 (y_new) is a formula without a stored value" in authors(rows, table)
        only = [(*(13 if i == 3 and place[0] == "E" else each for i, each in enumerate(rows[0])),), *ROWS[1:]]
        assert f"sheet 'Sheet', cell {place} is a formula without a stored value" in authors(only, table)
