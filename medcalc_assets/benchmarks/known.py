"""Which benchmarks are known, down to the hash of every row: a copy that is cut short or edited is told apart from them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.spec import COLUMNS, INSTANCES, REVISION
from medcalc_assets.labels.simulated import DEMO

UNKNOWN = "unknown"
MARK = "UNKNOWN SOURCE"
"""What every file says that is made of a benchmark which is not known."""
V1 = {split: f"MedCalc-Bench v1.0, {split} split" for split in INSTANCES}
ONE_SHOT = "MedCalc-Bench Verified, one-shot examples of February 2026"
DIGITS = 8
"""Hexadecimal digits of a row's hash that are kept."""
NOTE_DIGITS = 12
"""The same of a note's, of which any may be any other's."""
EXAMPLES = 5


class Identity(NamedTuple):
    """What a benchmark is (`UNKNOWN` if it shares no row with a known one), and how it differs from what it should be."""

    name: str
    differences: tuple[str, ...] = ()


def row_sha256(cells: Iterable[str | None]) -> str:
    """The hash of a row: of all its cells as text, in the order of COLUMNS."""
    return hashlib.sha256(json.dumps(list(cells)).encode()).hexdigest()


def note_sha256(note: str) -> str:
    """The hash by which a note is the same in two benchmarks: of its words, whatever white space is between them."""
    return hashlib.sha256(" ".join(note.split()).encode()).hexdigest()


def known_as(uid: str | None, row_hash: str) -> str | None:
    """The name of the known benchmark that has this row; None if there is none."""
    return next((name for name, rows in _known().items() if row_hash[:DIGITS] == rows.get(uid or "")), None)


def identify(rows: Sequence[tuple[str | None, str]], source: str, source_version: str) -> Identity:
    """Which known benchmark these rows (uid as text and hash, those in quarantine included) are of.

    The splits that come from the Hub are known by their pinned revision, of which the number of rows is compared. Any other
    source that shares a row with a known benchmark has to have each of its rows, and no other.
    """
    for split, instances in INSTANCES.items():
        if source_version == f"{REVISION}:{split}":
            return Identity(V1[split], () if len(rows) == instances else (f"it has {len(rows):,} rows, not {instances:,}",))
    found = {uid or "": row_hash[:DIGITS] for uid, row_hash in rows}
    twice = {uid or "" for uid, n in Counter(uid for uid, _ in rows).items() if n > 1}
    for name, known in _known().items():
        if source == name or known.items() & found.items():
            uids = {
                "missing": known.keys() - found.keys(),
                "not of it": found.keys() - known.keys(),
                "there twice": twice,
                "another than there": {uid for uid in known.keys() & found.keys() if known[uid] != found[uid]},
            }
            return Identity(name, tuple(_told(what, which) for what, which in uids.items() if which))
    return Identity(UNKNOWN)


def _told(what: str, uids: set[str]) -> str:
    few = sorted(uids, key=lambda uid: (len(uid), uid))[:EXAMPLES]
    verb = "row is" if len(uids) == 1 else "rows are"
    return f"{len(uids):,} {verb} {what} (uid {', '.join(few)}{', ...' if len(uids) > len(few) else ''})"


@cache
def asked_in_test() -> frozenset[tuple[int, str]]:
    """Calculator and first digits of the note's hash, of every row of v1.0's test split."""
    lines = _lines("v1_test_notes.txt")
    return frozenset((int(number), digits) for number, _, digits in (line.partition(":") for line in lines))


def _lines(file: str) -> list[str]:
    return Path(__file__).with_name(file).read_text(encoding="ascii").split()


@cache
def _known() -> dict[str, Mapping[str, str]]:
    """By benchmark and uid the first digits of each row's hash. Of the training split nobody here has the rows."""
    files = {V1["test"]: "v1_test_rows.txt", ONE_SHOT: "verified_one_shot_rows.txt"}
    return {
        **{name: {str(uid): each for uid, each in enumerate(_lines(file), start=1)} for name, file in files.items()},
        DEMO: {str(row["Row Number"]): row_sha256(str(row[name]) for name in COLUMNS)[:DIGITS] for row in original_rows()},
    }
