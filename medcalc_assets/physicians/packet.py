"""Packets for physicians: blind cases from the head of the queue, as a form for the browser, a spreadsheet and Label Studio
tasks, and back.

A packet holds note and question, and nothing that was ever computed from them. What comes back is kept as it came, below
`$MEDCALC_HOME/answers/`, with what was read from it beside it: the warehouse can always be made again.
"""

import datetime as dt
import hashlib
import json
import random
import re
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from xml.etree.ElementTree import ParseError

import polars as pl

from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.value import NA, Label, as_columns
from medcalc_assets.storage import tables
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets.templates import templates

if TYPE_CHECKING:
    import openpyxl

GIVEN = ("uid", "question", "note")
ASKED = ("value", "cannot_be_computed", "assumptions", "time_point", "guideline", "rationale", "confidence")
WIDTHS = (7, 24, 80, 12, 20, 22, 16, 18, 30, 12)
"""Of the columns, in characters: note and answers are seen side by side."""
HIGHEST = 409
"""Points: the highest row of a spreadsheet. What a note has beyond it is read in the formula bar, or in the form."""
CHOICES = {"cannot_be_computed": ("yes", "no"), "confidence": ("high", "medium", "low")}
CASES, ABOUT = "cases", "about"
HOW_TO = (
    "Read each note and question, and answer by yourself, with any calculator or guideline that you trust.",
    "value: one number, or one date as MM/DD/YYYY; a gestational age as '33 weeks 4 days'.",
    "cannot_be_computed: yes, if the note does not allow an answer; then leave value empty.",
    "assumptions, time_point, guideline: what your answer rests on, where the note leaves a choice.",
    "confidence: high, medium or low. A case without value and without 'yes' counts as not answered.",
    "Leave uid, question and note as they are. The cases are in no particular order.",
)


class PacketError(MedcalcError):
    """A packet cannot be made, or what came back cannot be used. Nothing of it was taken over."""


@dataclass(frozen=True, slots=True)
class Case:
    uid: int
    question: str
    note: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One physician's answer to one case, as typed."""

    uid: int
    value: str
    cannot_be_computed: bool
    assumptions: str | None
    time_point: str | None
    guideline: str | None
    rationale: str | None
    confidence: str | None

    @property
    def label(self) -> Label:
        return NA if self.cannot_be_computed else parse_label(self.value)


@dataclass(frozen=True)
class Packets:
    """The packets that were issued below `home`, and the answers that came back."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "packets"

    @property
    def answers(self) -> Path:
        return self.home / "answers"

    def issued(self) -> Iterator[dict[str, Any]]:
        """What is known of every packet: id, reviewer, time, and the hash of each case."""
        for path in sorted(self.folder.glob("*/packet.json")):
            yield json.loads(path.read_text(encoding="utf-8"))

    def out_for_review(self, answered: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
        """By uid the reviewers who have the case, and are not among the uids and reviewers that have `answered`."""
        known, out = set(answered), defaultdict(list)
        for packet in self.issued():
            for uid in map(int, packet["cases"]):
                if (uid, packet["reviewer"]) not in known:
                    out[uid].append(packet["reviewer"])
        return out

    def issue(self, warehouse: Warehouse, reviewer: str, n: int, per_case: int = 1) -> Path:
        """Write a packet of the first `n` cases that this reviewer has not had, and that fewer than `per_case` reviewers
        have answered, or on which there is no majority yet.

        Raises PacketError if there is none left, or for a name that is none.
        """
        slug = re.sub(r"\W+", "-", reviewer.casefold()).strip("-")
        if not slug or not reviewer.isprintable() or len(reviewer) > 80:
            raise PacketError(f"{reviewer!r} is no name of a reviewer: give letters, such as 'Dr Lee'.")
        sent = [packet for packet in self.issued() if packet["reviewer"] == reviewer]
        had = {int(uid) for packet in sent for uid in packet["cases"]}
        had |= set(warehouse.read(tables.PHYSICIAN_LABELS, columns=["uid", "reviewer"]).filter(reviewer=reviewer)["uid"])
        settled = warehouse.read(tables.PHYSICIAN_CONSENSUS, columns=["uid", "n_answers"])
        had |= set(settled.filter(pl.col("n_answers") >= per_case)["uid"])
        queue = warehouse.read(tables.ADJUDICATION_QUEUE, columns=["uid", "tier", "severity"])
        queue = queue.sort("tier", "severity", "uid", descending=[False, True, False], nulls_last=True)
        head = queue.filter(~pl.col("uid").is_in(list(had)))["uid"].head(n)
        if head.is_empty():
            raise PacketError(f"There is no case left in the queue that {reviewer} has not had and nobody has settled.")
        raw = warehouse.read(tables.RAW_MEDCALC, columns=["uid", "question", "note"]).filter(
            pl.col("uid").is_in(head.implode())
        )
        cases = [Case(*row) for row in raw.select("uid", "question", "note").sort("uid").iter_rows()]
        name = f"{slug}-{len(sent) + 1}"
        random.Random(name).shuffle(cases)
        folder = self.folder / name
        if folder.exists():
            raise PacketError(f"{folder} exists, for another reviewer of nearly the same name: spell the name otherwise.")
        unfinished = self.folder / f".{name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        about = {
            "packet": name,
            "reviewer": reviewer,
            "issued_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "cases": {case.uid: fingerprint(case.question, case.note) for case in cases},
        }
        (unfinished / f"{name}.html").write_text(form_of(name, reviewer, cases), encoding="utf-8")
        workbook_of(name, reviewer, cases).save(unfinished / f"{name}.xlsx")
        write_json(unfinished / f"{name}_label_studio.json", label_studio_tasks(name, reviewer, cases))
        (unfinished / "label_studio_config.xml").write_text(label_studio_config(), encoding="utf-8")
        write_json(unfinished / "packet.json", about)
        unfinished.rename(folder)
        return folder

    def ingest(self, path: Path, output_types: Mapping[int, str]) -> int | None:
        """Take over the answers in a file that came back, and return how many they are; None for a file taken before.

        `output_types` says of every uid what its question asks for. Raises PacketError naming cell and remedy if
        anything in the file cannot be used; then nothing of it is taken over.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise PacketError(f"{path} cannot be read: {error}. Give the file that the reviewer sent back.") from error
        kept = self.answers / hashlib.sha256(content).hexdigest()[:16]
        if (record := kept.with_suffix(".json")).exists():
            return None
        name, reviewer, rows = read_json(path) if path.suffix.lower() == ".json" else read_workbook(path)
        packet = next((packet for packet in self.issued() if packet["packet"] == name), None)
        if packet is None:
            raise PacketError(f"{path}: no packet {name!r} was issued from {self.home}. Is MEDCALC_HOME the right one?")
        if packet["reviewer"] != reviewer:
            raise PacketError(f"{path}: the reviewer {reviewer!r} is unknown: {name} was issued for {packet['reviewer']!r}.")
        answers = list(_checked(path, rows, packet["cases"], output_types))
        if not answers:
            raise PacketError(f"{path}: no case is answered. Fill in value, or 'yes' in cannot_be_computed.")
        self.answers.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, kept.with_suffix(f"{path.suffix}.received"))
        about = {
            "packet": name,
            "reviewer": reviewer,
            "file": path.name,
            "ingested_at": dt.datetime.now(dt.UTC).isoformat(timespec="microseconds"),
            "answers": [asdict(answer) for answer in answers],
        }
        unfinished = kept.with_suffix(".unfinished")
        write_json(unfinished, about)
        unfinished.rename(record)
        return len(answers)

    def taken_over(self, instances: pl.DataFrame, files: Iterable[Path] | None = None) -> pl.DataFrame:
        """Rows of `physician_labels` for these instances: of every reviewer the last answer to each case, in these files or
        in all that came back."""
        paths = self.answers.glob("*.json") if files is None else files
        records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        last = {
            (answer["uid"], record["reviewer"]): (record, Answer(**answer))
            for record in sorted(records, key=lambda record: str(record["ingested_at"]))
            for answer in record["answers"]
        }
        labels = [answer.label for _, answer in last.values()]
        cells: dict[str, list[Any]] = {
            "uid": [uid for uid, _ in last],
            "reviewer": [reviewer for _, reviewer in last],
            **as_columns("physician", labels),
            "state": ["not_computable" if label == NA else "computable" for label in labels],
            "answer_text": [answer.value or "cannot be computed" for _, answer in last.values()],
            **{
                name: [getattr(answer, name) for _, answer in last.values()]
                for name in ("assumptions", "time_point", "guideline", "rationale", "confidence")
            },
            "packet": [record["packet"] for record, _ in last.values()],
            "answered_at": [dt.datetime.fromisoformat(record["ingested_at"]) for record, _ in last.values()],
        }
        return tables.PHYSICIAN_LABELS.of_instances(instances, cells)


def fingerprint(question: str, note: str) -> str:
    """Of a case, whatever an editor did to line ends and spaces."""
    return hashlib.sha256(" ".join(f"{printable(question)} {printable(note)}".split()).encode()).hexdigest()[:16]


def printable(text: str) -> str:
    """What a spreadsheet can hold: a space for every control character but line ends and tabs, and for other spaces."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in text)


def form_of(name: str, reviewer: str, cases: list[Case]) -> str:
    """A page on which the cases are read and answered, and which saves the answers as JSON. It asks nobody for anything."""
    form = templates().get_template("form.html.j2")
    asked = {"asked": ASKED, "choices": {field: CHOICES.get(field) for field in ASKED}, "how_to": HOW_TO}
    drafts = f"medcalc {name} {fingerprint('', ''.join(f'{case.uid} {case.note}' for case in cases))}"
    return form.render(packet=name, reviewer=reviewer, cases=cases, printable=printable, drafts=drafts, **asked)


def workbook_of(name: str, reviewer: str, cases: Iterable[Case]) -> "openpyxl.Workbook":
    """The spreadsheet. Text that begins with `=` stays text, and answers stay as typed; the rest is protected."""
    import openpyxl  # here, as it is slow to import, and a trace does without
    from openpyxl.styles import Alignment, Font, Protection
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    workbook = openpyxl.Workbook()
    about, sheet = workbook.worksheets[0], workbook.create_sheet(CASES)
    about.title = ABOUT
    for line in (("packet", name), ("reviewer", reviewer), (), *((text,) for text in HOW_TO)):
        about.append(line)
    about.column_dimensions["A"].width = 100
    sheet.append([*GIVEN, *ASKED])
    top = Alignment(wrap_text=True, vertical="top")
    for row, case in enumerate(cases, start=2):
        sheet.cell(row, 1, case.uid)
        for column, text in enumerate((case.question, case.note), start=2):
            cell = sheet.cell(row, column)
            cell.value, cell.data_type = printable(text), "s"
        lines = sum(1 + len(line) // WIDTHS[2] for line in case.note.splitlines())
        sheet.row_dimensions[row].height = min(HIGHEST, 15 * max(lines, 4))
        for column in range(len(GIVEN) + 1, len(GIVEN) + len(ASKED) + 1):
            sheet.cell(row, column).protection = Protection(locked=False)
            sheet.cell(row, column).number_format = "@"  # text: no 78% that becomes 0.78, no date of another order
        for cell in sheet[row]:
            cell.alignment = top
    for column, width in enumerate(WIDTHS, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
        sheet.cell(1, column).font, sheet.cell(1, column).alignment = Font(bold=True), top
    for field, permitted in CHOICES.items():
        validation = DataValidation("list", formula1=f'"{",".join(permitted)}"', allow_blank=True, showErrorMessage=True)
        letter = get_column_letter(len(GIVEN) + 1 + ASKED.index(field))
        validation.add(f"{letter}2:{letter}{sheet.max_row}")
        sheet.add_data_validation(validation)
    sheet.freeze_panes = "B2"
    sheet.protection.sheet = True
    return workbook


def read_workbook(path: Path) -> tuple[str, str, list[dict[str, Any]]]:
    """Packet, reviewer and rows of a spreadsheet, each row with its place. Raises PacketError."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        workbook = openpyxl.load_workbook(path)
        cases, about = workbook[CASES], workbook[ABOUT]
    except (OSError, zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError) as error:
        raise PacketError(
            f"{path} is no packet: {error}. It has to be .xlsx with the sheets {CASES} and {ABOUT}, or "
            "the JSON of the form or of Label Studio."
        ) from error
    head = [cell.value for cell in cases[1]][: len(GIVEN) + len(ASKED)]
    if head != [*GIVEN, *ASKED]:
        raise PacketError(f"{path}: row 1 of {CASES} is {head}. Restore the columns: {', '.join((*GIVEN, *ASKED))}.")
    rows: list[dict[str, Any]] = []
    for cells in cases.iter_rows(min_row=2, max_col=len(head)):
        for cell in cells[len(GIVEN) :]:
            if cell.data_type == "f" or str(cell.value or "").startswith("="):
                _refuse(path, cell.coordinate, "begins with '=', a formula", "Type the value itself")
            if "%" in cell.number_format and cell.value is not None:
                _refuse(path, cell.coordinate, f"is a percentage, which is kept as {cell.value}", "Format the cell as text")
        row: dict[str, Any] = {name: cell.value for name, cell in zip((*GIVEN, *ASKED), cells, strict=True)}
        if any(value is not None for value in row.values()):
            rows.append(row | {"place": f"row {cells[0].row}"})
    return str(about["B1"].value), str(about["B2"].value), rows


def label_studio_tasks(name: str, reviewer: str, cases: Iterable[Case]) -> list[dict[str, Any]]:
    return [{"data": {"packet": name, "reviewer": reviewer, **asdict(case)}} for case in cases]


def label_studio_config() -> str:
    """The labelling interface that the tasks are made for."""
    lines = ['<Header value="$question"/>', '<Text name="note" value="$note"/>']
    for name in ASKED:
        lines.append(f'<Header value="{name}"/>')
        if name in CHOICES:
            choices = "".join(f'<Choice value="{each}"/>' for each in CHOICES[name])
            lines.append(f'<Choices name="{name}" toName="note">{choices}</Choices>')
        else:
            lines.append(f'<TextArea name="{name}" toName="note" maxSubmissions="1" editable="true"/>')
    return "\n".join(["<View>", *(f"  {line}" for line in lines), "</View>", ""])


def read_json(path: Path) -> tuple[str, str, list[dict[str, Any]]]:
    """The same of what the form saves, or of Label Studio's JSON export: of each task its last annotation that was not
    cancelled."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            filled = ({name: answer[name] for name in (*GIVEN, *ASKED)} for answer in content["answers"])
            return content["packet"], content["reviewer"], [row | {"place": f"case {row['uid']}"} for row in filled]
        rows = []
        for number, task in enumerate(content, start=1):
            done = [each for each in task.get("annotations", []) if not each.get("was_cancelled")]
            results = done[-1]["result"] if done else []
            answers = {each["from_name"]: _only(each["value"]) for each in results}
            rows.append(
                dict.fromkeys(ASKED)
                | {name: task["data"][name] for name in GIVEN}
                | {name: answers.get(name) for name in ASKED}
                | {"place": f"task {number}"}
            )
        (about,) = {(task["data"]["packet"], task["data"]["reviewer"]) for task in content}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PacketError(
            f"{path} is neither what the form of a packet saves nor Label Studio's export of one: {error!r}. Save it again."
        ) from error
    return *about, rows


def _only(value: Mapping[str, Any]) -> str:
    """The answer in a result of Label Studio, which has it as text or as a list of one."""
    found = value.get("text") or value["choices"]
    (answer,) = [found] if isinstance(found, str) else found
    return str(answer)


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _checked(
    path: Path, rows: Iterable[Mapping[str, Any]], cases: Mapping[str, str], output_types: Mapping[int, str]
) -> Iterator[Answer]:
    seen = set()
    for row in rows:
        place, uid = row["place"], str(row["uid"])
        if uid not in cases or int(uid) not in output_types:
            _refuse(path, place, f"uid {uid} is not in the packet, or no longer in the benchmark", "Restore the uid")
        if uid in seen:
            _refuse(path, place, f"uid {uid} is there twice", "Leave one of them")
        seen.add(uid)
        if fingerprint(str(row["question"] or ""), str(row["note"] or "")) != cases[uid]:
            _refuse(
                path, place, f"question or note of uid {uid} is not what was sent", "Put the answers into the file as sent"
            )
        said = {name: " ".join(str(row[name]).split()) if isinstance(row[name], str) else row[name] for name in ASKED}
        said = {name: None if value == "" else value for name, value in said.items()}
        if said["value"] is None and str(said["cannot_be_computed"]).casefold() in ("none", "no"):
            continue  # not answered
        yield _answer(path, place, int(uid), said, output_types[int(uid)])


def _answer(path: Path, place: str, uid: int, said: Mapping[str, Any], output_type: str) -> Answer:
    chosen = {name: None if said[name] is None else str(said[name]).casefold() for name in CHOICES}
    for name, permitted in CHOICES.items():
        if chosen[name] not in (None, *permitted):
            _refuse(path, place, f"{name} is {said[name]!r}", f"Choose {', '.join(permitted)}, or nothing")
    not_computable = chosen["cannot_be_computed"] == "yes"
    if not_computable and said["value"] is not None:
        _refuse(path, place, "has both a value and 'cannot be computed'", "Give one of them")
    value = said["value"]
    text = "" if value is None else f"{value:%m/%d/%Y}" if isinstance(value, dt.date) else str(value)
    if not not_computable:
        try:
            label = parse_label(text)
        except LabelError as error:
            _refuse(path, place, f"value is {text!r}, {error}", "Correct it")
        if label.kind != "na" and (label.kind == "date") != (output_type == "date"):
            _refuse(path, place, f"value is {text!r}, and the question asks for a {output_type}", "Correct it")
    free = {name: None if said[name] is None else str(said[name]) for name in ASKED if name not in (*CHOICES, "value")}
    return Answer(uid, text, not_computable, confidence=chosen["confidence"], **free)


def _refuse(path: Path, place: str, problem: str, remedy: str) -> NoReturn:
    raise PacketError(f"{path}, {place}: {problem}. {remedy}; nothing was taken over.")
