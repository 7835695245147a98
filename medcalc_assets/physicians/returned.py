"""What comes back from physicians: their answers and rulings, as a file says them, and whether they can be used."""

import datetime as dt
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.value import NA, Label
from medcalc_assets.physicians.forms import ABOUT, ASKED, CASES, CHOICES, GIVEN, NEW, PACKET, fingerprint
from medcalc_assets.physicians.spreadsheet import LENGTH, Spreadsheet

MOST = 100
"""How many faults of a file are told at once."""


class PacketError(MedcalcError):
    """A packet cannot be made, or what came back cannot be used. Nothing of it was taken over."""


class Fault(NamedTuple):
    """What of a file that came back cannot be used, where, and what to do."""

    place: str
    problem: str
    remedy: str


def refused(path: Path, faults: Sequence[Fault]) -> PacketError:
    """All of them in one error."""
    if len(faults) == 1:
        (only,) = faults
        return PacketError(f"{path}, {only.place}: {only.problem}. {only.remedy}; nothing was taken over.")
    told = " ".join(f"{each.place}: {each.problem}. {each.remedy}." for each in faults[:MOST])
    more = f" And {len(faults) - MOST:,} more." if len(faults) > MOST else ""
    return PacketError(f"{path} has {len(faults):,} faults; nothing was taken over. {told}{more}")


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
    missing_input: str | None = None

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


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """That an earlier answer or ruling of the same reviewer counts no longer."""

    uid: int | str


class Returned(NamedTuple):
    """What a file that came back says of one packet."""

    packet: str
    reviewer: str
    secret: str | None
    saved_at: dt.datetime | None
    """By the clock of the reviewer's machine; None if the file does not say."""
    rows: list[dict[str, Any]]
    """What was given and answered, each with its place in the file."""
    faults: tuple[Fault, ...] = ()
    """Cells that cannot be read as they are."""
    withdrawn: tuple[int | str, ...] = ()
    annotator: str | None = None
    """Of Label Studio, who gave the answers; None in other files, or if it does not say."""


Said = Answer | Ruling | Withdrawn


def read_workbook(path: Path, content: bytes) -> Returned:
    """What a spreadsheet says. Raises PacketError, or SheetError for a file that is none."""
    workbook = Spreadsheet(content)
    about = {cells[0][1].value: str(cells[1][1].value) for cells in workbook.rows(ABOUT).values() if len(cells) > 1}
    header = {cell.value for _, cell in workbook.rows(CASES).get(1, [])}
    asked = [name for name in ASKED if name in header or name not in NEW]
    rows: list[dict[str, Any]] = []
    faults = []
    for number, cells, others in workbook.table((*GIVEN, *asked), CASES):
        for cell in others:
            faults.append(
                Fault(cell.place, f"{str(cell.value)!r:.80} is in no column of the packet", "Move it to rationale")
            )
        for cell in (cells[name] for name in asked):
            if str(cell.value or "").startswith("="):
                faults.append(Fault(cell.place, "begins with '=', a formula", "Type the value itself"))
            if "%" in cell.number_format and cell.value is not None:
                problem = f"is a percentage, which is kept as {cell.value}"
                faults.append(Fault(cell.place, problem, "Format the cell as text"))
        row: dict[str, Any] = {name: cell.value for name, cell in cells.items()}
        if any(value is not None for value in row.values()):
            rows.append(dict.fromkeys(NEW) | row | {"place": f"row {number}"})
    saved_at = workbook.saved_at
    return Returned(
        about.get("packet", ""),
        about.get("reviewer", ""),
        about.get("secret"),
        saved_at and (saved_at if saved_at.tzinfo else saved_at.replace(tzinfo=dt.UTC)),
        rows,
        tuple(faults),
    )


def read_json(path: Path, content: bytes) -> list[Returned]:
    """What the form saves says, or Label Studio's export as JSON or JSON_MIN: by packet and annotator, of each task the last
    annotation that was not cancelled. Raises PacketError."""
    try:
        said = json.loads(content, object_pairs_hook=_once_each, parse_constant=_no_number)
        if isinstance(said, dict):
            rows = [dict.fromkeys(NEW) | answer | {"place": f"case {answer['uid']}"} for answer in said["answers"]]
            for row in rows:
                _ = [row[name] for name in (*GIVEN, *ASKED)]
            withdrawn = tuple(said.get("withdrawn", ()))
            if not all(type(each) in (int, str) for each in withdrawn):
                raise ValueError("withdrawn are uids")
            return [_returned(said, said.get("saved_at"), rows, withdrawn=withdrawn)]
        return _annotated(said)
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


def _annotated(tasks: Iterable[Mapping[str, Any]]) -> list[Returned]:
    """What an export of Label Studio says."""
    rows: dict[tuple[Any, ...], dict[Any, dict[str, Any]]] = {}
    saved: dict[tuple[Any, ...], list[str]] = {}
    for number, task in enumerate(tasks, start=1):
        data = task.get("data", task)  # JSON_MIN has no inner parts: an annotation is a task of its own
        about = tuple(data.get(name) for name in PACKET)
        given = {name: data[name] for name in GIVEN} | {"place": f"task {number}"}
        if "data" not in task:
            answers = {name: _only(task[name]) for name in ASKED if task.get(name) is not None}
            at = task.get("id", number)
            annotations = [(task.get("annotator"), task.get("updated_at") or task.get("created_at"), answers)]
        else:
            at = number
            annotations = [
                (
                    each.get("completed_by"),
                    each.get("updated_at") or each.get("created_at"),
                    _once_each((result["from_name"], _only(result["value"])) for result in each["result"]),
                )
                for each in task.get("annotations", [])
                if not each.get("was_cancelled")
            ]
        for who, when, answers in annotations:
            part = (*about, _annotator(who))
            rows.setdefault(part, {})[at] = dict.fromkeys(ASKED) | given | answers
            saved.setdefault(part, []).extend([when] if when else [])
        if not annotations:
            rows.setdefault((*about, None), {})
    if not rows:
        raise ValueError("there is no task")
    if len(rows) > 1:  # a task that nobody answered says nothing
        rows = {part: of_part for part, of_part in rows.items() if of_part}
    return [
        _returned(
            dict(zip(PACKET, part, strict=False)),
            max(saved.get(part, []), default=None),
            [*of_part.values()],
            annotator=part[-1],
        )
        for part, of_part in rows.items()
    ]


def _annotator(who: Any) -> str | None:
    """By which an export names who annotated: the address if it has one, or the number."""
    found = who.get("email") or who.get("id") if isinstance(who, dict) else who
    return None if found is None else str(found)


def _returned(
    about: Mapping[str, Any],
    saved_at: str | None,
    rows: list[dict[str, Any]],
    withdrawn: tuple[int | str, ...] = (),
    annotator: str | None = None,
) -> Returned:
    packet, reviewer, secret = (about.get(name) for name in PACKET)
    if not (isinstance(packet, str) and isinstance(reviewer, str) and isinstance(secret, str | None)):
        raise ValueError("packet, reviewer and secret are texts")
    saved = time_of(saved_at) if saved_at else None
    return Returned(packet, reviewer, secret, saved, rows, withdrawn=withdrawn, annotator=annotator)


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


def _only(value: Any) -> str:
    """The answer in a result of Label Studio, which has it as text or as a list of one."""
    found = value.get("text") or value["choices"] if isinstance(value, dict) else value
    (answer,) = [found] if isinstance(found, str) else found
    return str(answer)


def time_of(text: str) -> dt.datetime:
    """Raises ValueError."""
    time = dt.datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def calculator_of(card: str) -> int | None:
    """Of a card, by its id; None if that is none."""
    found = re.match(r"([1-9]\d?)-[a-z]+-[0-9a-f]{8}$", card) if isinstance(card, str) else None
    return int(found[1]) if found else None


def checked(
    rows: Iterable[Mapping[str, Any]], packet: Mapping[str, Any], output_types: Mapping[int, str]
) -> tuple[list[Answer | Ruling], list[Fault]]:
    """What the rows of a packet answer, and everything in them that cannot be used."""
    cards = packet.get("cards", {})
    cases = packet["cases"] | {card: asked["case"] for card, asked in cards.items()}
    seen: set[str] = set()
    answers: list[Answer | Ruling] = []
    faults: list[Fault] = []
    for row in rows:
        place, uid = row["place"], str(row["uid"])
        found = [fault for name in (*GIVEN, *ASKED) for fault in _not_plain(place, name, row[name])]
        if uid not in cases or (uid not in cards and int(uid) not in output_types):
            problem = f"uid {uid:.20} is not in the packet, or no longer in the benchmark"
            found.append(Fault(place, problem, "Restore the uid"))
        elif uid in seen:
            found.append(Fault(place, f"uid {uid} is there twice", "Leave one of them"))
        elif fingerprint(str(row["question"] or ""), str(row["note"] or "")) != cases[uid]:
            problem = f"question or note of uid {uid} is not what was sent"
            found.append(Fault(place, problem, "Put the answers into the file as sent"))
        seen.add(uid)
        said = {name: " ".join(str(row[name]).split()) if isinstance(row[name], str) else row[name] for name in ASKED}
        said = {name: None if value == "" else value for name, value in said.items()}
        if not found and not (said["value"] is None and str(said["cannot_be_computed"]).casefold() in ("none", "no")):
            if uid in cards:
                ruling, found = _ruling(place, uid, said, cards[uid]["choices"])
                answers += [ruling] if ruling else []
            else:
                answer, found = _answer(place, int(uid), said, output_types[int(uid)])
                answers += [answer] if answer else []
        faults += found
    return answers, faults


def _ruling(place: str, card: str, said: Mapping[str, Any], choices: Collection[str]) -> tuple[Ruling | None, list[Fault]]:
    faults = []
    confidence = None if said["confidence"] is None else str(said["confidence"]).casefold()
    if confidence not in (None, *CHOICES["confidence"]):
        faults.append(Fault(place, f"confidence is {confidence!r:.80}", "Choose high, medium, low, or nothing"))
    if said["value"] not in choices or said["cannot_be_computed"] is not None:
        remedy = f"Give one of {', '.join(choices)} as value, and nothing else there"
        faults.append(Fault(place, f"the ruling on the card is {said['value']!r:.80}", remedy))
    if faults:
        return None, faults
    guideline, rationale = (None if said[name] is None else str(said[name]) for name in ("guideline", "rationale"))
    return Ruling(card, str(said["value"]), guideline, rationale, confidence), []


def _answer(place: str, uid: int, said: Mapping[str, Any], output_type: str) -> tuple[Answer | None, list[Fault]]:
    faults = []
    chosen = {name: None if said[name] is None else str(said[name]).casefold() for name in CHOICES}
    for name, permitted in CHOICES.items():
        if chosen[name] not in (None, *permitted):
            problem = f"{name} is {said[name]!r:.80}"
            faults.append(Fault(place, problem, f"Choose {', '.join(permitted)}, or nothing"))
    not_computable = chosen["cannot_be_computed"] == "yes"
    value = said["value"]
    text = "" if value is None else f"{value:%m/%d/%Y}" if isinstance(value, dt.date) else str(value)
    if not_computable and value is not None:
        faults.append(Fault(place, "has both a value and 'cannot be computed'", "Give one of them"))
    elif isinstance(value, dt.datetime) and value.time() != dt.time():
        faults.append(Fault(place, f"value is {value}, a date with a time", "Give the date as MM/DD/YYYY"))
    elif value is not None:
        try:
            label = parse_label(text)
        except LabelError as error:
            faults.append(Fault(place, f"value is {text!r:.80}, {error}", "Correct it"))
        else:
            if label.kind != "na" and (label.kind == "date") != (output_type == "date"):
                problem = f"value is {text!r:.80}, and the question asks for a {output_type}"
                faults.append(Fault(place, problem, "Correct it"))
    if faults:
        return None, faults
    free = {name: None if said[name] is None else str(said[name]) for name in ASKED if name not in (*CHOICES, "value")}
    return Answer(uid, text, not_computable, confidence=chosen["confidence"], **free), []


def _not_plain(place: str, name: str, value: object) -> Iterator[Fault]:
    """Plain is a text, a number, or what a spreadsheet makes of a date or time."""
    if isinstance(value, bool | list | dict):
        yield Fault(place, f"{name} is {value!r:.80}, no text or number", "Correct it")
        return
    text = str(value)
    if len(text) > LENGTH:
        yield Fault(place, f"{name} has {len(text):,} characters; {LENGTH:,} is the limit", "Shorten it")
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        yield Fault(place, f"{name} holds half a character, {text!r:.80}", "Type it again")
