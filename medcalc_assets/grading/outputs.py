"""Stored answers of models: read from the files of five harnesses, and joined with the instances that they answer.

They are other people's text: data only. A row is joined by its note and question; by its number alone where the file has no
note.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from medcalc_assets.errors import MedcalcError

LONGEST = 4_000_000
"""Characters of a reply."""
UIDS = ("Row Number", "Unique ID", "uid", "id")
REPLIES = ("reply", "response", "completion", "output")
INSPECT_VERSION = 2
"""Of the log format of Inspect, the newest that was read."""
VERDICTS = {"correct": True, "incorrect": False, "c": True, "i": False, "1": True, "0": False, "true": True, "false": False}
SCHEMA: dict[str, pl.DataType] = {
    "uid": pl.Int64(),
    "row": pl.Int32(),
    "reply": pl.String(),
    "extracted": pl.String(),
    "explanation": pl.String(),
    "verdict": pl.Boolean(),
}


class OutputsError(MedcalcError):
    """A file of answers that cannot be used. The message names file, row and remedy; nothing of it was added."""


class Said(NamedTuple):
    """One row of a file. `reply` is all that the model said; `extracted` and `explanation` are what a harness made of it."""

    row: int
    uid: int | None
    note: str | None
    question: str | None
    reply: str | None
    extracted: str | None = None
    explanation: str | None = None
    verdict: bool | None = None
    model: str | None = None


class Joined(NamedTuple):
    """The answers, in the columns of SCHEMA, and of each row that answers no instance its number and why."""

    answers: pl.DataFrame
    refused: list[tuple[int, str]]


def read(path: Path) -> tuple[str, list[Said]]:
    """The sha256 of a file, and its rows: JSONL of the public harness or of lm-evaluation-harness, an Inspect log (`.eval`),
    HELM's `scenario_state.json`, or JSONL or CSV with a reply and a uid, or note and question. Raises OutputsError."""
    try:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        rows = list(_rows(path, content))
    except OSError as error:
        raise OutputsError(f"{path} cannot be read: {error.strerror}. Name a file of stored answers.") from error
    except (UnicodeDecodeError, zipfile.BadZipFile, csv.Error, EOFError) as error:
        raise OutputsError(f"{path} cannot be read: {error}. Get it again; it has to be UTF-8.") from error
    except RecursionError as error:
        raise OutputsError(f"{path} is nested too deeply. Give one JSON object per reply.") from error
    if not rows:
        raise OutputsError(f"{path} holds no answer. Give a file with one row per reply.")
    if len(models := {row.model for row in rows if row.model}) > 1:
        named = ", ".join(sorted(models)[:3])
        raise OutputsError(f"{path} holds answers of {len(models)} models ({named}). Split it: one file per run.")
    for row in rows:
        if any(len(text or "") > LONGEST for text in (row.reply, row.extracted, row.explanation)):
            raise OutputsError(f"{path}, row {row.row}: more than {LONGEST:,} characters, which is no reply. Take it out.")
    return digest, rows


def joined(path: Path, rows: Iterable[Said], instances: pl.DataFrame) -> Joined:
    """The rows of a file with the uids of the instances that they answer.

    `instances` has uid, note and question. Where a text occurs twice in the benchmark, the number of the row decides between
    the two. Raises OutputsError if no row is of this benchmark, or an instance is answered twice.
    """
    by_text: dict[str, list[int]] = defaultdict(list)
    for uid, note, question in instances.select("uid", "note", "question").iter_rows():
        by_text[_key(note, question)].append(uid)
    known, refused = set(instances["uid"]), []
    found: dict[int, Said] = {}
    for row in rows:
        uid, why = _joined(row, by_text, known)
        if uid is None:
            refused.append((row.row, why))
        elif (other := found.get(uid)) is None:
            found[uid] = row
        elif other.uid != row.uid:  # an earlier draft of the benchmark, which asked the same twice
            refused.append((row.row, f"it answers uid {uid}, as row {other.row} does"))
        else:
            raise OutputsError(
                f"{path}, rows {other.row} and {row.row}: both answer uid {uid}. Give one run of one model per file."
            )
    if not found:
        raise OutputsError(
            f"{path}: no row is of this benchmark ({len(refused):,} rows; row {refused[0][0]}: {refused[0][1]}). Name the "
            "file of its answers, or the home of its benchmark."
        )
    cells = [(uid, row.row, row.reply, row.extracted, row.explanation, row.verdict) for uid, row in found.items()]
    return Joined(pl.DataFrame(cells, schema=SCHEMA, orient="row").sort("uid"), refused)


def _joined(row: Said, by_text: Mapping[str, list[int]], known: Collection[int]) -> tuple[int | None, str]:
    """The uid that a row answers, or why there is none."""
    if row.note is None or row.question is None:
        return row.uid if row.uid in known else None, f"no instance has the number {row.uid}"
    candidates = by_text.get(_key(row.note, row.question), [])
    if row.uid in candidates:
        return row.uid, ""
    if len(candidates) == 1:
        return candidates[0], ""
    several = "its text stands in several instances, and its number is none of them"
    return None, several if candidates else "no instance has its note and question"


def _key(note: str, question: str) -> str:
    return hashlib.sha256(f"{' '.join(note.split())}\0{' '.join(question.split())}".encode(errors="replace")).hexdigest()


def _rows(path: Path, content: bytes) -> Iterator[Said]:
    if zipfile.is_zipfile(io.BytesIO(content)):
        yield from _inspect(path, content)
        return
    text = content.decode("utf-8-sig")
    if path.suffix == ".csv":
        csv.field_size_limit(2**31 - 1)
        for number, cells in enumerate(csv.DictReader(io.StringIO(text, newline="")), 2):
            yield _said(path, number, cells)
    elif path.suffix == ".json":
        yield from _helm(path, text)
    else:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield _said(path, number, _object(path, number, line))


def _object(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise OutputsError(f"{path}, line {number}: no JSON ({error}). Was the file cut off? Get it again.") from error
    if not isinstance(found, dict):
        raise OutputsError(f"{path}, line {number}: no JSON object. Give one per reply.")
    return found


def _said(path: Path, number: int, cells: Mapping[str, Any]) -> Said:
    """A row of JSONL or CSV: of lm-evaluation-harness the instance is in `doc` and the replies in `resps`."""
    doc = cells.get("doc")
    about = doc if isinstance(doc, dict) else cells
    if isinstance(doc, dict):
        reply = _text(_first_of(cells.get("resps")))
        extracted = None
    else:
        named = next((name for name in REPLIES if name in cells), None)
        reply = _conversation(cells.get("LLM Chat History")) or (_text(cells[named]) if named else None)
        extracted = _text(cells.get("LLM Answer"))
        if named is None and "LLM Answer" not in cells and not reply:
            raise OutputsError(f"{path}, row {number}: there is no reply. Name its column `reply`.")
    explanation = _text(cells.get("LLM Explanation"))
    note, question = (_text(about.get(name)) for name in ("Patient Note", "Question"))
    uid = next((about[name] for name in UIDS if about.get(name) not in (None, "")), None)
    if uid is None and (note is None or question is None):
        raise OutputsError(f"{path}, row {number}: neither a number nor note and question. Add `uid`.")
    verdict = VERDICTS.get(str(cells.get("Result")).casefold())
    return Said(
        number,
        _number(path, number, uid),
        note,
        question,
        reply,
        extracted,
        None if explanation in ("", "N/A") else explanation,
        verdict,
        _text(cells.get("LLM Name")),
    )


def _inspect(path: Path, content: bytes) -> Iterator[Said]:
    """The samples of an Inspect log: the id of each is its uid, or its metadata have the columns of the benchmark."""
    with zipfile.ZipFile(io.BytesIO(content)) as log:
        header = json.loads(log.read("header.json")) if "header.json" in log.namelist() else {}
        if header.get("version", 0) > INSPECT_VERSION:
            raise OutputsError(
                f"{path} is a log of version {header['version']}, and {INSPECT_VERSION} is the newest that is known here. "
                "Convert it with `inspect log convert`."
            )
        names = [name for name in log.namelist() if name.startswith("samples/") and name.endswith(".json")]
        for number, name in enumerate(sorted(names), 1):
            if log.getinfo(name).file_size > 20 * LONGEST:
                raise OutputsError(f"{path}, {name}: too large for a sample. Take it out.")
            try:
                sample = json.loads(log.read(name))
                output, about = sample.get("output") or {}, sample.get("metadata") or {}
                message = ((output.get("choices") or [{}])[0].get("message") or {}).get("content")
                note, question = (_text(about.get(each)) for each in ("Patient Note", "Question"))
                uid = next((about[each] for each in UIDS if about.get(each) not in (None, "")), sample.get("id"))
                reply = _text(output.get("completion")) or _content(message)
            except (ValueError, AttributeError, TypeError, LookupError) as error:
                raise OutputsError(f"{path}, {name}: no sample of Inspect ({error!r:.100}). Get the log again.") from error
            yield Said(number, _number(path, number, uid), note, question, reply, model=_text(output.get("model")))


def _helm(path: Path, text: str) -> Iterator[Said]:
    """The requests of HELM: the id of an instance is its uid, if it ends with one."""
    try:
        states = json.loads(text)["request_states"]
        for number, state in enumerate(states, 1):
            instance = state["instance"]
            completions = (state.get("result") or {}).get("completions") or [{}]
            uid = str(instance.get("id", "")).removeprefix("id")
            yield Said(number, _number(path, number, uid), None, None, _text(completions[0].get("text")))
    except OutputsError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise OutputsError(
            f"{path} is no scenario_state.json of HELM ({error!r:.100}). Give JSONL, or that file."
        ) from error


def _number(path: Path, row: int, uid: object) -> int | None:
    try:
        return None if uid is None else int(str(uid))
    except ValueError as error:
        raise OutputsError(f"{path}, row {row}: {uid!r:.40} is no number of an instance. Give the `Row Number`.") from error


def _conversation(history: object) -> str | None:
    """What the model said last."""
    if not isinstance(history, list):
        return None
    said = [each for each in history if isinstance(each, dict) and each.get("role") == "assistant"]
    return _content(said[-1].get("content")) if said else None


def _content(content: object) -> str | None:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return _text(content)


def _first_of(nested: object) -> object:
    while isinstance(nested, list) and nested:
        nested = nested[0]
    return None if isinstance(nested, list) else nested


def _text(value: object) -> str | None:
    return (
        None
        if value is None
        else value
        if isinstance(value, str)
        else json.dumps(value)
        if isinstance(value, dict | list)
        else str(value)
    )
