"""Packets for physicians: blind cases from the head of the queue or a planned sample, and cards, as a form for the browser,
a spreadsheet and Label Studio tasks, and back.

Of a case a packet holds note and question, and nothing that was ever computed from them; of a card what its rules say, and
nothing that a model said. What comes back is kept as it came, below
`$MEDCALC_HOME/answers/`, with what was read from it beside it: the warehouse can always be made again. No record is changed
or taken away; a later answer supersedes an earlier one.
"""

import datetime as dt
import hashlib
import io
import json
import logging
import random
import re
import secrets
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from itertools import count, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

import polars as pl

from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.cards import all_in_order
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.value import NA, Label, as_columns
from medcalc_assets.physicians.sample import open_cases
from medcalc_assets.physicians.spreadsheet import LENGTH, SheetError, Spreadsheet, content_of
from medcalc_assets.storage import tables
from medcalc_assets.storage.files import flush, locked, write_durably
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets.templates import templates

if TYPE_CHECKING:
    import openpyxl

Order = Literal["paper", "likely", "measure", "cards"]
"""As published (by tiers and severity); by falling P(wrong), after the cards that show a label wrong, as each such ruling
settles more than an answer could; as the open plan drew them, all of its purposes mixed; or the open cards."""
GIVEN = ("uid", "question", "note")
ASKED = ("value", "cannot_be_computed", "assumptions", "time_point", "guideline", "rationale", "confidence")
FOR_CARDS = ("value", "guideline", "rationale", "confidence")
"""What of it is asked on a card."""
WIDTHS = (7, 24, 80, 12, 20, 22, 16, 18, 30, 12)
"""Of the columns, in characters: note and answers are seen side by side."""
HIGHEST = 409
"""Points: the highest row of a spreadsheet. What a note has beyond it is read in the formula bar, or in the form."""
CHOICES = {"cannot_be_computed": ("yes", "no"), "confidence": ("high", "medium", "low")}
CASES, ABOUT = "cases", "about"
RECORD = "packet.json"
"""What is known here of a packet, its secret and the cases: it is not sent."""
PACKET = ("packet", "reviewer", "secret")
"""What every form of a packet holds of it. Without the secret, whoever has seen one packet could answer another."""
HOW_TO = (
    "Read each note and question, and answer by yourself, with any calculator or guideline that you trust.",
    "value: one number, or one date as MM/DD/YYYY; a gestational age as '33 weeks 4 days'.",
    "cannot_be_computed: yes, if the note does not allow an answer; then leave value empty.",
    "assumptions, time_point, guideline: what your answer rests on, where the note leaves a choice.",
    "confidence: high, medium or low. A case without value and without 'yes' counts as not answered.",
    "Some ask about a rule instead of a patient: then value is one of the choices named there.",
    "Leave uid, question and note as they are. The cases are in no particular order.",
)


log = logging.getLogger(__name__)


class PacketError(MedcalcError):
    """A packet cannot be made, or what came back cannot be used. Nothing of it was taken over."""


@dataclass(frozen=True, slots=True)
class Case:
    """A case, or a card: that has its id for a uid, what it is about for a note, and `choices` with their meaning."""

    uid: int | str
    question: str
    note: str
    choices: Mapping[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class Ruling:
    """One physician's ruling on a card. `uid` is the id of the card."""

    uid: str
    choice: str
    guideline: str | None
    rationale: str | None
    confidence: str | None


class Returned(NamedTuple):
    """What a file that came back says."""

    packet: str
    reviewer: str
    secret: str | None
    saved_at: dt.datetime | None
    """By the clock of the reviewer's machine; None if the file does not say."""
    rows: list[dict[str, Any]]
    """What was given and answered, each with its place in the file."""


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
        """What is known of every packet: id, reviewer, secret, time, and the hash of each case."""
        for path in sorted(self.folder.glob(f"[!.]*/{RECORD}")):  # with a dot begins what a kill left unfinished
            try:
                packet = json.loads(path.read_bytes())
                known = all(isinstance(packet[name], str) for name in ("packet", "reviewer", "issued_at"))
                if not known or any(int(uid) < 0 or not isinstance(case, str) for uid, case in packet["cases"].items()):
                    raise ValueError("it is not as it was written")
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                log.warning(
                    "%s is set aside, as it is damaged (%r): no answer to this packet can be taken over, and its cases are "
                    "asked again. Restore the file from a backup.",
                    path,
                    error,
                )
            else:
                yield packet

    def records(self, files: Iterable[Path] | None = None) -> Iterator[tuple[dict[str, Any], list[Answer | Ruling]]]:
        """What was taken over (in these files, or in all), each record with its answers and rulings, in the order in which
        they count: a later one supersedes."""
        found = []
        for path in sorted(self.answers.glob("*.json") if files is None else files):
            if record := self._record(path):
                found.append(record)
        yield from sorted(found, key=lambda each: (_counts_from(each[0]), each[0]["ingested_at"]))

    def _record(self, path: Path) -> tuple[dict[str, Any], list[Answer | Ruling]] | None:
        try:
            record = json.loads(path.read_bytes())
            answers = [Answer(**answer) for answer in record["answers"]]
            rulings = [Ruling(**ruling) for ruling in record.get("rulings", [])]
            known = all(isinstance(record[name], str) for name in ("packet", "reviewer"))
            readable = all(type(answer.uid) is int and answer.label for answer in answers)
            if not (known and readable and (answers or rulings) and all(calculator_of(each.uid) for each in rulings)):
                raise ValueError("it is not as it was written")
            _counts_from(record)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            received = ", ".join(str(each) for each in path.parent.glob(f"{path.stem}*.received"))
            remedy = f"medcalc ingest {received}" if received else "ingest the reviewer's file again"
            log.warning(
                "%s is set aside, as it is damaged (%r): its answers do not count. To restore it: %s", path, error, remedy
            )
            return None
        return record, [*answers, *rulings]

    def lock(self) -> AbstractContextManager[None]:
        """One process at a time issues a packet or takes over answers."""
        return locked(self.home / "packets.lock")

    def out_for_review(self, answered: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
        """By uid the reviewers who have the case, and are not among the uids and reviewers that have `answered`."""
        known, out = set(answered), defaultdict(list)
        for packet in self.issued():
            for uid in map(int, packet["cases"]):
                if (uid, packet["reviewer"]) not in known:
                    out[uid].append(packet["reviewer"])
        return out

    def issue(self, warehouse: Warehouse, reviewer: str, n: int, per_case: int = 1, orders: Sequence[Order] = ()) -> Path:
        """Write a packet of the first `n` cases that this reviewer has not had, and that fewer than `per_case` reviewers
        have answered, or on which there is no majority yet.

        They are the first in this order, by turns in several: without one, in the plan that is open, else in that of the
        paper. The packet is shuffled, and says of no case why it is there. What is said of cases holds of cards, too.

        Raises PacketError if there is none left, or for a name that is none.
        """
        slug = _slug(reviewer)
        if not slug or not reviewer.isprintable() or len(reviewer) > 80:
            raise PacketError(f"{reviewer!r} is no name of a reviewer: give letters, such as 'Dr Lee'.")
        with self.lock():
            return self._issue(warehouse, reviewer, slug, n, per_case, orders)

    def _issue(self, warehouse: Warehouse, reviewer: str, slug: str, n: int, per_case: int, orders: Sequence[Order]) -> Path:
        issued = list(self.issued())
        if other := next(
            (each for each in issued if _slug(each["reviewer"]) == slug and each["reviewer"] != reviewer), None
        ):
            raise PacketError(
                f"{self.folder / other['packet']} exists, for {other['reviewer']!r}, nearly the same name: spell "
                "the name otherwise."
            )
        sent = [packet for packet in issued if packet["reviewer"] == reviewer]
        had: set[int | str] = {int(uid) for packet in sent for uid in packet["cases"]}
        had |= {card for packet in sent for card in packet.get("cards", {})}
        had |= set(warehouse.read(tables.PHYSICIAN_LABELS, columns=["uid", "reviewer"]).filter(reviewer=reviewer)["uid"])
        settled = warehouse.read(tables.PHYSICIAN_CONSENSUS, columns=["uid", "n_answers"])
        reasons = warehouse.read(tables.MAINTAINED_LABELS, columns=["uid", "reason"])
        waits = reasons.filter(reason="physician_unexplained")["uid"].implode()  # for a second opinion
        enough = pl.col("n_answers") >= pl.max_horizontal(per_case, pl.when(pl.col("uid").is_in(waits)).then(2).otherwise(0))
        had |= set(settled.filter(enough)["uid"])
        out = {int(uid) for packet in issued for uid in packet["cases"]}
        named = orders or (["measure"] if open_cases(warehouse) else ["paper"])
        turns = zip_longest(
            *([uid for uid in _in_order(warehouse, order, out, per_case) if uid not in had] for order in named)
        )
        head = list(dict.fromkeys(uid for turn in turns for uid in turn if uid is not None))[:n]
        if not head:
            raise PacketError(
                f"There is no case left in the order {' and '.join(named)} that {reviewer} has not had and nobody has "
                "settled."
            )
        uids, ids = ([each for each in head if isinstance(each, kind)] for kind in (int, str))
        raw = warehouse.read(tables.RAW_MEDCALC, columns=["uid", "question", "note"]).filter(pl.col("uid").is_in(uids))
        cases = [Case(*row) for row in raw.select("uid", "question", "note").sort("uid").iter_rows()]
        if ids:
            cases += [_case_of(row) for row in warehouse.read(tables.RULE_CARDS).to_dicts() if row["card"] in ids]
        # A folder may be there that holds no readable record.
        name = next(name for i in count(len(sent) + 1) if not (self.folder / (name := f"{slug}-{i}")).exists())
        random.Random(name).shuffle(cases)
        folder = self.folder / name
        unfinished = self.folder / f".{name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        packet = dict(zip(PACKET, (name, reviewer, secrets.token_urlsafe(16)), strict=True))
        about = {
            **packet,
            "issued_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "cases": {case.uid: fingerprint(case.question, case.note) for case in cases if not case.choices},
            "cards": {
                case.uid: {"case": fingerprint(case.question, case.note), "choices": [*case.choices]}
                for case in cases
                if case.choices
            },
        }
        workbook_of(packet, cases).save(workbook := io.BytesIO())
        for file, content in {
            f"{name}.html": form_of(packet, cases).encode(),
            f"{name}.xlsx": workbook.getvalue(),
            f"{name}_label_studio.json": as_json(label_studio_tasks(packet, cases)),
            "label_studio_config.xml": label_studio_config().encode(),
            RECORD: as_json(about),
        }.items():
            write_durably(unfinished / file, content)
        unfinished.rename(folder)
        flush(self.folder)
        return folder

    def ingest(self, path: Path, output_types: Mapping[int, str]) -> int | None:
        """Take over the answers in a file that came back, and return how many they are; None for a file taken before.

        `output_types` says of every uid what its question asks for. An answer that was saved before the one that is known is
        kept, and does not count. Raises PacketError naming cell and remedy if anything in the file cannot be used; then
        nothing of it is taken over.
        """
        try:
            content = content_of(path)
            name = path.name.removesuffix(".received")
            with self.lock():
                return self._ingest(path, Path(name).suffix, content, output_types)
        except SheetError as error:
            raise PacketError(f"{path}: {error} Nothing was taken over.") from error

    def _ingest(self, path: Path, suffix: str, content: bytes, output_types: Mapping[int, str]) -> int | None:
        kept = self.answers / hashlib.sha256(content).hexdigest()[:16]
        record = kept.with_suffix(".json")
        if record.exists() and self._record(record):
            return None
        said, answers = self._read(path, suffix, content, output_types)
        if not answers:
            raise PacketError(f"{path}: no case is answered. Fill in value, or 'yes' in cannot_be_computed.")
        now = dt.datetime.now(dt.UTC)
        about: dict[str, Any] = {
            "packet": said.packet,
            "reviewer": said.reviewer,
            "file": path.name,
            # A clock that runs ahead must not make its answers the last for ever.
            "saved_at": said.saved_at and min(said.saved_at, now).isoformat(),
            "ingested_at": now.isoformat(timespec="microseconds"),
            "answers": [asdict(answer) for answer in answers if isinstance(answer, Answer)],
            "rulings": [asdict(answer) for answer in answers if isinstance(answer, Ruling)],
        }
        about |= self._superseding(about, answers)
        write_durably(kept.with_suffix(f"{suffix}.received"), content)
        write_durably(record, as_json(about))
        return len(answers)

    def _read(
        self, path: Path, suffix: str, content: bytes, output_types: Mapping[int, str]
    ) -> tuple[Returned, list[Answer | Ruling]]:
        said = read_json(path, content) if suffix.lower() == ".json" else read_workbook(path, content)
        packet = next((packet for packet in self.issued() if packet["packet"] == said.packet), None)
        if packet is None:
            raise PacketError(
                f"{path}: no packet {said.packet!r:.80} was issued from {self.home}. Is MEDCALC_HOME the right one?"
            )
        if packet["reviewer"] != said.reviewer:
            raise PacketError(
                f"{path}: the reviewer {said.reviewer!r:.60} is unknown: {said.packet} is for {packet['reviewer']!r}."
            )
        if (secret := packet.get("secret")) is None:
            log.warning("%s was issued without a secret, by an earlier version: who answered is not proven.", said.packet)
        elif not secrets.compare_digest(secret.encode(), (said.secret or "").encode(errors="replace")):
            raise PacketError(
                f"{path} does not hold the secret of {said.packet}. Use the file that was issued; nothing was taken over."
            )
        return said, list(_checked(path, said.rows, packet, output_types))

    def read_again(self, received: Path, output_types: Mapping[int, str]) -> list[Answer | Ruling]:
        """The answers of a file that was taken over, from the file itself. Raises PacketError."""
        try:
            suffix = Path(received.name.removesuffix(".received")).suffix
            return self._read(received, suffix, content_of(received), output_types)[1]
        except SheetError as error:
            raise PacketError(f"{received}: {error}") from error

    def _superseding(self, about: Mapping[str, Any], answers: Iterable[Answer | Ruling]) -> dict[str, list[int | str]]:
        """The uids to which the reviewer answered otherwise before: where these answers supersede, and where they come too
        late. Both are said."""
        known = {
            answer.uid: (record, answer)
            for record, of_record in self.records()
            if record["reviewer"] == about["reviewer"]
            for answer in of_record
        }
        differ = [answer.uid for answer in answers if answer.uid in known and known[answer.uid][1] != answer]
        older = [uid for uid in differ if _counts_from(about) < _counts_from(known[uid][0])]
        newer = [uid for uid in differ if uid not in older]
        if newer:
            log.warning(
                "%s supersedes the earlier answers of %s to uid %s.", about["file"], about["reviewer"], _listed(newer)
            )
        if older:
            log.warning(
                "%s was saved before the answers of %s that are known to uid %s, which still count. If these are to count, "
                "save the file again.",
                about["file"],
                about["reviewer"],
                _listed(older),
            )
        return {"supersedes": newer, "superseded": older}

    def taken_over(self, instances: pl.DataFrame, files: Iterable[Path] | None = None) -> pl.DataFrame:
        """Rows of `physician_labels` for these instances: of every reviewer the last answer to each case, in these files or
        in all that came back."""
        last = {
            (answer.uid, record["reviewer"]): (record, answer)
            for record, answers in self.records(files)
            for answer in answers
            if isinstance(answer, Answer)
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

    def rulings(self, files: Iterable[Path] | None = None) -> list[dict[str, Any]]:
        """Rows of `rulings`, but for the calculator: of every reviewer the last ruling on each card."""
        return list(
            {
                (ruling.uid, record["reviewer"]): {
                    "card": ruling.uid,
                    "reviewer": record["reviewer"],
                    "choice": ruling.choice,
                    "guideline": ruling.guideline,
                    "rationale": ruling.rationale,
                    "confidence": ruling.confidence,
                    "packet": record["packet"],
                    "ruled_at": dt.datetime.fromisoformat(record["ingested_at"]),
                }
                for record, answers in self.records(files)
                for ruling in answers
                if isinstance(ruling, Ruling)
            }.values()
        )


def _in_order(warehouse: Warehouse, order: Order, out: Collection[int], per_case: int) -> Sequence[int | str]:
    """The uids of a named order, and ids of cards; in that of the plan, those that are `out` with somebody come last."""
    if order == "measure":
        return open_cases(warehouse, out)
    if order in ("cards", "likely"):
        cards = warehouse.read(tables.RULE_CARDS).to_dicts() if warehouse.has(tables.RULE_CARDS) else []
        if order == "cards":
            again = [row for row in cards if row["ruling"] and row["rulings"] < per_case]
            return [row["card"] for row in (*all_in_order(cards), *again)]
        first = [row["card"] for row in all_in_order(cards) if row["shows_wrong"]]
        likely = warehouse.read(tables.REVIEW_ORDERS, columns=["uid", "likely"]).sort("likely")["uid"]
        return [*first, *likely]
    queue = warehouse.read(tables.ADJUDICATION_QUEUE, columns=["uid", "tier", "severity"])
    return queue.sort("tier", "severity", "uid", descending=[False, True, False], nulls_last=True)["uid"].to_list()


def _case_of(card: Mapping[str, Any]) -> Case:
    """A card of `rule_cards`, as a packet asks it: everything else on it is for maintainers."""
    choices = json.loads(card["choices"])
    how = "\n".join(f"* {choice}: {meaning}" for choice, meaning in choices.items())
    return Case(card["card"], card["question"], f"{card['about']}\n\nRule, as value:\n{how}", choices)


def _slug(reviewer: str) -> str:
    return re.sub(r"\W+", "-", reviewer.casefold()).strip("-")


def _counts_from(record: Mapping[str, Any]) -> dt.datetime:
    """When the reviewer saved the answers; when they were taken over, if the file did not say. Raises ValueError."""
    taken = _time(record["ingested_at"])
    return _time(record["saved_at"]) if record.get("saved_at") else taken


def _time(text: str) -> dt.datetime:
    """Raises ValueError."""
    time = dt.datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _listed(uids: list[int | str]) -> str:
    return ", ".join(sorted(map(str, uids), key=lambda each: (len(each), each)))


def fingerprint(question: str, note: str) -> str:
    """Of a case, whatever an editor did to line ends and spaces."""
    return hashlib.sha256(" ".join(f"{printable(question)} {printable(note)}".split()).encode()).hexdigest()[:16]


def printable(text: str) -> str:
    """What a spreadsheet can hold: a space for every control character but line ends and tabs, and for other spaces."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in text)


def form_of(packet: Mapping[str, str], cases: list[Case]) -> str:
    """A page on which the cases are read and answered, and which saves the answers as JSON. It asks nobody for anything."""
    form = templates().get_template("form.html.j2")
    asked = {
        "asked": ASKED,
        "for_cards": FOR_CARDS,
        "choices": {field: CHOICES.get(field) for field in ASKED},
        "how_to": HOW_TO,
    }
    drafts = f"medcalc {packet['packet']} {fingerprint('', ''.join(f'{case.uid} {case.note}' for case in cases))}"
    return form.render(packet=packet, cases=cases, printable=printable, drafts=drafts, **asked)


def workbook_of(packet: Mapping[str, str], cases: Iterable[Case]) -> "openpyxl.Workbook":
    """The spreadsheet. Text that begins with `=` stays text, and answers stay as typed; the rest is protected."""
    import openpyxl  # here, as it is slow to import, and a trace does without
    from openpyxl.styles import Alignment, Font, Protection
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    workbook = openpyxl.Workbook()
    about, sheet = workbook.worksheets[0], workbook.create_sheet(CASES)
    about.title = ABOUT
    for line in (*packet.items(), (), *((text,) for text in HOW_TO)):
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
        if case.choices:
            rule = DataValidation("list", formula1=f'"{",".join(case.choices)}"', allow_blank=True, showErrorMessage=True)
            rule.add(sheet.cell(row, 1 + len(GIVEN)).coordinate)
            sheet.add_data_validation(rule)
        for cell in sheet[row]:
            cell.alignment = top
    for column, width in enumerate(WIDTHS, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
        sheet.cell(1, column).font, sheet.cell(1, column).alignment = Font(bold=True), top
    for name, permitted in CHOICES.items():
        validation = DataValidation("list", formula1=f'"{",".join(permitted)}"', allow_blank=True, showErrorMessage=True)
        letter = get_column_letter(len(GIVEN) + 1 + ASKED.index(name))
        validation.add(f"{letter}2:{letter}{sheet.max_row}")
        sheet.add_data_validation(validation)
    sheet.freeze_panes = "B2"
    sheet.protection.sheet = True
    return workbook


def read_workbook(path: Path, content: bytes) -> Returned:
    """What a spreadsheet says. Raises PacketError, or SheetError for a file that is none."""
    workbook = Spreadsheet(content)
    about = {cells[0][1].value: str(cells[1][1].value) for cells in workbook.rows(ABOUT).values() if len(cells) > 1}
    rows: list[dict[str, Any]] = []
    for number, cells, others in workbook.table((*GIVEN, *ASKED), CASES):
        for cell in others:
            _refuse(path, cell.place, f"{str(cell.value)!r:.80} is in no column of the packet", "Move it to rationale")
        for cell in (cells[name] for name in ASKED):
            if str(cell.value or "").startswith("="):
                _refuse(path, cell.place, "begins with '=', a formula", "Type the value itself")
            if "%" in cell.number_format and cell.value is not None:
                _refuse(path, cell.place, f"is a percentage, which is kept as {cell.value}", "Format the cell as text")
        row: dict[str, Any] = {name: cell.value for name, cell in cells.items()}
        if any(value is not None for value in row.values()):
            rows.append(row | {"place": f"row {number}"})
    saved_at = workbook.saved_at
    return Returned(
        about.get("packet", ""),
        about.get("reviewer", ""),
        about.get("secret"),
        saved_at and (saved_at if saved_at.tzinfo else saved_at.replace(tzinfo=dt.UTC)),
        rows,
    )


def label_studio_tasks(packet: Mapping[str, str], cases: Iterable[Case]) -> list[dict[str, Any]]:
    return [{"data": {**packet, **{name: getattr(case, name) for name in GIVEN}}} for case in cases]


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


def read_json(path: Path, content: bytes) -> Returned:
    """What the form saves says, or Label Studio's JSON export: of each task its last annotation that was not cancelled."""
    try:
        said = json.loads(content, object_pairs_hook=_once_each, parse_constant=_no_number)
        if isinstance(said, dict):
            rows = [{name: answer[name] for name in (*GIVEN, *ASKED)} for answer in said["answers"]]
            return _returned(said, said.get("saved_at"), [row | {"place": f"case {row['uid']}"} for row in rows])
        rows, saved = [], []
        for number, task in enumerate(said, start=1):
            done = [each for each in task.get("annotations", []) if not each.get("was_cancelled")]
            last = done[-1] if done else {"result": []}
            answers = _once_each((each["from_name"], _only(each["value"])) for each in last["result"])
            saved.append(last.get("updated_at") or last.get("created_at"))
            rows.append(
                dict.fromkeys(ASKED)
                | {name: task["data"][name] for name in GIVEN}
                | {name: answers.get(name) for name in ASKED}
                | {"place": f"task {number}"}
            )
        (about,) = {tuple(task["data"].get(name) for name in PACKET) for task in said}
        return _returned(dict(zip(PACKET, about, strict=True)), max(filter(None, saved), default=None), rows)
    except UnicodeDecodeError as error:
        raise PacketError(
            f"{path} is not encoded as UTF-8 (byte {error.start + 1}), but as cp1252 of Windows, or damaged. Save it as "
            "UTF-8; nothing was taken over."
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise PacketError(
            f"{path} is neither what the form of a packet saves nor Label Studio's export of one: {error!r:.200}. Save it "
            "again; nothing was taken over."
        ) from error


def _returned(about: Mapping[str, Any], saved_at: str | None, rows: list[dict[str, Any]]) -> Returned:
    packet, reviewer, secret = (about.get(name) for name in PACKET)
    if not (isinstance(packet, str) and isinstance(reviewer, str) and isinstance(secret, str | None)):
        raise ValueError("packet, reviewer and secret are texts")
    return Returned(packet, reviewer, secret, _time(saved_at) if saved_at else None, rows)


def _once_each(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which no key may occur twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key} is there twice")
        found[key] = value
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _only(value: Mapping[str, Any]) -> str:
    """The answer in a result of Label Studio, which has it as text or as a list of one."""
    found = value.get("text") or value["choices"]
    (answer,) = [found] if isinstance(found, str) else found
    return str(answer)


def as_json(content: object) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def calculator_of(card: str) -> int | None:
    """Of a card, by its id; None if that is none."""
    found = re.match(r"([1-9]\d?)-[a-z]+-[0-9a-f]{8}$", card) if isinstance(card, str) else None
    return int(found[1]) if found else None


def _checked(
    path: Path, rows: Iterable[Mapping[str, Any]], packet: Mapping[str, Any], output_types: Mapping[int, str]
) -> Iterator[Answer | Ruling]:
    cards = packet.get("cards", {})
    cases = packet["cases"] | {card: asked["case"] for card, asked in cards.items()}
    seen = set()
    for row in rows:
        for name in (*GIVEN, *ASKED):
            _require_plain(path, row["place"], name, row[name])
        place, uid = row["place"], str(row["uid"])
        if uid not in cases or (uid not in cards and int(uid) not in output_types):
            _refuse(path, place, f"uid {uid:.20} is not in the packet, or no longer in the benchmark", "Restore the uid")
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
        if uid in cards:
            yield _ruling(path, place, uid, said, cards[uid]["choices"])
        else:
            yield _answer(path, place, int(uid), said, output_types[int(uid)])


def _ruling(path: Path, place: str, card: str, said: Mapping[str, Any], choices: Sequence[str]) -> Ruling:
    confidence = None if said["confidence"] is None else str(said["confidence"]).casefold()
    if confidence not in (None, *CHOICES["confidence"]):
        _refuse(path, place, f"confidence is {confidence!r:.80}", "Choose high, medium, low, or nothing")
    if said["value"] not in choices or said["cannot_be_computed"] is not None:
        remedy = f"Give one of {', '.join(choices)} as value, and nothing else there"
        _refuse(path, place, f"the ruling on the card is {said['value']!r:.80}", remedy)
    guideline, rationale = (None if said[name] is None else str(said[name]) for name in ("guideline", "rationale"))
    return Ruling(card, str(said["value"]), guideline, rationale, confidence)


def _answer(path: Path, place: str, uid: int, said: Mapping[str, Any], output_type: str) -> Answer:
    chosen = {name: None if said[name] is None else str(said[name]).casefold() for name in CHOICES}
    for name, permitted in CHOICES.items():
        if chosen[name] not in (None, *permitted):
            _refuse(path, place, f"{name} is {said[name]!r:.80}", f"Choose {', '.join(permitted)}, or nothing")
    not_computable = chosen["cannot_be_computed"] == "yes"
    if not_computable and said["value"] is not None:
        _refuse(path, place, "has both a value and 'cannot be computed'", "Give one of them")
    value = said["value"]
    if isinstance(value, dt.datetime) and value.time() != dt.time():
        _refuse(path, place, f"value is {value}, a date with a time", "Give the date as MM/DD/YYYY")
    text = "" if value is None else f"{value:%m/%d/%Y}" if isinstance(value, dt.date) else str(value)
    if not not_computable:
        try:
            label = parse_label(text)
        except LabelError as error:
            _refuse(path, place, f"value is {text!r:.80}, {error}", "Correct it")
        if label.kind != "na" and (label.kind == "date") != (output_type == "date"):
            _refuse(path, place, f"value is {text!r:.80}, and the question asks for a {output_type}", "Correct it")
    free = {name: None if said[name] is None else str(said[name]) for name in ASKED if name not in (*CHOICES, "value")}
    return Answer(uid, text, not_computable, confidence=chosen["confidence"], **free)


def _require_plain(path: Path, place: str, name: str, value: object) -> None:
    """A text, a number, or what a spreadsheet makes of a date or time."""
    if isinstance(value, bool | list | dict):
        _refuse(path, place, f"{name} is {value!r:.80}, no text or number", "Correct it")
    text = str(value)
    if len(text) > LENGTH:
        _refuse(path, place, f"{name} has {len(text):,} characters; {LENGTH:,} is the limit", "Shorten it")
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        _refuse(path, place, f"{name} holds half a character, {text!r:.80}", "Type it again")


def _refuse(path: Path, place: str, problem: str, remedy: str) -> NoReturn:
    raise PacketError(f"{path}, {place}: {problem}. {remedy}; nothing was taken over.")
