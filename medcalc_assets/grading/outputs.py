"""Stored answers of models: read from the files of five harnesses, and joined with the instances that they answer.

They are other people's text: data only. A row is joined by its note and question, or by the prompt that has both; by its
number alone where the file has neither.
"""

import csv
import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

from medcalc_assets.errors import MedcalcError

LONGEST = 4_000_000
"""Characters of a reply."""
UIDS = ("Row Number", "Unique ID", "uid", "id")
REPLIES = ("reply", "response", "completion", "output")
INSPECT_VERSION = 2
"""Of the log format of Inspect, the newest that was read."""
ZSTANDARD = 93
"""How Inspect compresses its logs; the zipfile of Python reads it from 3.14 on."""
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
    """One row of a file. `reply` is all that the model said; `extracted` and `explanation` are what a harness made of it;
    `prompt` is what the model was asked, where note and question do not stand by themselves."""

    row: int
    uid: int | None
    note: str | None
    question: str | None
    reply: str | None
    extracted: str | None = None
    explanation: str | None = None
    verdict: bool | None = None
    model: str | None = None
    prompt: str | None = None


class Joined(NamedTuple):
    """The answers, in the columns of SCHEMA; of each row that answers no instance, which row and why; and of each whose
    number is that of another instance (or of none) than the one whose text it has, the row, that number and the uid."""

    answers: pl.DataFrame
    refused: list[tuple[int, str]]
    renumbered: list[tuple[int, int, int]]


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
    except (RuntimeError, NotImplementedError) as error:  # a zip that is encrypted, or compressed in a way not known here
        raise OutputsError(f"{path} cannot be read: {error}. Write the log again, without that.") from error
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
    texts, refused, renumbered = _Texts(instances), [], []
    found: dict[int, Said] = {}
    for row in rows:
        uid, why = texts.uid_of(path, row)
        if uid is None:
            refused.append((row.row, why))
        elif (other := found.get(uid)) is None:
            found[uid] = row
            if row.uid not in (None, uid):
                renumbered.append((row.row, row.uid, uid))
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
    return Joined(pl.DataFrame(cells, schema=SCHEMA, orient="row").sort("uid"), refused, renumbered)


class _Texts:
    """Finds the instance that a row answers."""

    def __init__(self, instances: pl.DataFrame) -> None:
        self.instances = instances
        self.known = set(instances["uid"])
        self.by_text: dict[str, list[int]] = defaultdict(list)
        for uid, note, question in instances.select("uid", "note", "question").iter_rows():
            self.by_text[_key(note, question)].append(uid)

    @cached_property
    def by_question(self) -> Mapping[str, list[tuple[int, str]]]:
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for uid, note, question in self.instances.select("uid", "note", "question").iter_rows():
            found[_plain(question)].append((uid, _plain(note)))
        return found

    def uid_of(self, path: Path, row: Said) -> tuple[int | None, str]:
        """The uid that a row answers, or why there is none. Raises OutputsError for numbers that are an index."""
        if row.note is not None and row.question is not None:
            candidates = self.by_text.get(_key(row.note, row.question), [])
        elif row.prompt is not None:
            candidates = self._in(_plain(row.prompt))
        elif row.uid in self.known:
            return row.uid, ""
        elif row.uid == 0:
            raise OutputsError(
                f"{path}, row {row.row}: its number is 0, and those of the benchmark begin with 1. If it is an index, give "
                "the `Row Number` instead, or note and question."
            )
        else:
            return None, f"no instance has the number {row.uid}"
        if row.uid in candidates:
            return row.uid, ""
        if len(candidates) == 1:
            return candidates[0], ""
        several = "its text stands in several instances, and its number is none of them"
        return None, several if candidates else "no instance has its note and question"

    def _in(self, prompt: str) -> list[int]:
        """The instances whose note and question are in a prompt, but for those that are so within another's."""
        found = [
            (uid, note, question)
            for question, of in self.by_question.items()
            if question in prompt
            for uid, note in of
            if note in prompt
        ]
        return [
            uid
            for uid, note, question in found
            if not any((note, question) != (n, q) and note in n and question in q for _, n, q in found)
        ]


def _plain(text: str) -> str:
    return " ".join(text.split())


def _key(note: str, question: str) -> str:
    return hashlib.sha256(f"{_plain(note)}\0{_plain(question)}".encode(errors="replace")).hexdigest()


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
        for number, line in enumerate(text.split("\n"), 1):  # in a note there may be what splitlines takes for an end
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
    prompt = _prompt(cells.get("arguments")) if isinstance(doc, dict) else None
    if uid is None and (note is None or question is None) and prompt is None:
        raise OutputsError(f"{path}, row {number}: neither a number nor note and question. Add `uid`.")
    try:
        uid = None if uid is None else int(str(uid).removesuffix(".0"))
    except ValueError as error:
        raise OutputsError(
            f"{path}, row {number}: {uid!r:.40} is no number of an instance. Give the `Row Number`."
        ) from error
    return Said(
        number,
        uid,
        note,
        question,
        reply,
        extracted,
        None if explanation in ("", "N/A") else explanation,
        _verdict(cells.get("Result")),
        _text(cells.get("LLM Name") or cells.get("model")),
        prompt,
    )


def _inspect(path: Path, content: bytes) -> Iterator[Said]:
    """The samples of an Inspect log. Each has its prompt; its id is a uid only if that says so."""
    with zipfile.ZipFile(io.BytesIO(content)) as log:
        names = sorted(log.namelist())
        header = _member(path, content, log, "header.json") if "header.json" in names else {}
        version = header.get("version", 0)
        if not isinstance(version, int) or version > INSPECT_VERSION:
            raise OutputsError(
                f"{path} is a log of version {version!r:.20}, and {INSPECT_VERSION} is the newest that is known here. "
                "Convert it with `inspect log convert`."
            )
        samples = [name for name in names if name.startswith("samples/") and name.endswith(".json")]
        for number, name in enumerate(samples, 1):
            sample = _member(path, content, log, name)
            try:
                output, about = sample.get("output") or {}, sample.get("metadata") or {}
                message = ((output.get("choices") or [{}])[0].get("message") or {}).get("content")
                scores = list((sample.get("scores") or {}).values())
                yield Said(
                    number,
                    _whole(next((about[each] for each in UIDS if about.get(each) not in (None, "")), sample.get("id"))),
                    _text(about.get("Patient Note")),
                    _text(about.get("Question")),
                    _text(output.get("completion")) or _content(message),
                    verdict=_verdict(scores[0].get("value")) if scores else None,
                    model=_text(output.get("model")),
                    prompt=_prompt(sample.get("input")),
                )
            except (AttributeError, TypeError, LookupError) as error:
                raise OutputsError(f"{path}, {name}: no sample of Inspect ({error!r:.100}). Get the log again.") from error


def _member(path: Path, content: bytes, log: zipfile.ZipFile, name: str) -> dict[str, Any]:
    """A JSON object in a log. Raises OutputsError."""
    about = log.getinfo(name)
    if about.file_size > 20 * LONGEST:
        raise OutputsError(f"{path}, {name}: too large for a sample. Take it out.")
    try:
        if about.compress_type == ZSTANDARD:
            lengths = struct.unpack_from(
                "<HH", content, about.header_offset + 26
            )  # of name and extra field, before the data
            start = about.header_offset + 30 + sum(lengths)
            packed = pa.py_buffer(content[start : start + about.compress_size])
            text = pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read(about.file_size)
            if zlib.crc32(text) != about.CRC:
                raise ValueError("its checksum is another")
        else:
            text = log.read(name)
        if not isinstance(found := json.loads(text), dict):
            raise TypeError("no JSON object")
    except (ValueError, TypeError, OSError, struct.error, zlib.error) as error:
        raise OutputsError(f"{path}, {name}: it cannot be read ({error!s:.100}). Get the log again.") from error
    return found


def _helm(path: Path, text: str) -> Iterator[Said]:
    """The requests of HELM. Each has its prompt; the id of its instance is a uid only if that says so."""
    try:
        states = json.loads(text)["request_states"]
        for number, state in enumerate(states, 1):
            instance = state["instance"]
            completions = (state.get("result") or {}).get("completions") or [{}]
            yield Said(
                number,
                _whole(str(instance.get("id")).removeprefix("id")),
                None,
                None,
                _text(completions[0].get("text")),
                model=_text((state.get("request") or {}).get("model")),
                prompt=_text((instance.get("input") or {}).get("text")),
            )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise OutputsError(
            f"{path} is no scenario_state.json of HELM ({error!r:.100}). Give JSONL, or that file."
        ) from error


def _whole(number: object) -> int | None:
    try:
        return int(str(number))
    except ValueError:
        return None


def _verdict(said: object) -> bool | None:
    return VERDICTS.get(str(said).casefold().removesuffix(".0"))


def _prompt(asked: object) -> str | None:
    """All texts in what a model was asked: one, or messages, or the arguments of lm-evaluation-harness."""
    if isinstance(asked, str) or asked is None:
        return asked
    inner = asked.values() if isinstance(asked, dict) else asked if isinstance(asked, list) else ()
    return "\n".join(filter(None, map(_prompt, inner))) or None


def _conversation(history: object) -> str | None:
    """What the model said last."""
    if not isinstance(history, list):
        return None
    said = [each for each in history if isinstance(each, dict) and each.get("role") == "assistant"]
    return _content(said[-1].get("content")) if said else None


def _content(content: object) -> str | None:
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return _text(content)


def _first_of(nested: object) -> object:
    while isinstance(nested, list) and nested:
        nested = nested[0]
    return None if isinstance(nested, list) else nested


def _text(value: object) -> str | None:
    """Half of a sign, as a cut reply ends with and JSON can hold, is a `?`."""
    if value is None:
        return None
    text = json.dumps(value) if isinstance(value, dict | list) else str(value)
    return text.encode(errors="replace").decode()
