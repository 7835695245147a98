"""The working of a result as markdown, for a person to follow. Entities are untrusted: their text is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from medcalc_assets.calculators.calculator import Result

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$#@]|:(?=//)|(?<=www)\.)")


def markdown(result: Result) -> str:
    """Entities as given and as used, each step with what it found and gives, the answer, and what to know about it."""
    reading, body = result.reading, result.rule.body
    reader = result.rule.reader
    used = [
        (i.key, _raw(raw), i.shown(reading.values[i.key]) if reading.values[i.key] is not None else "not usable")
        for name, raw in (reading.entities.items() if isinstance(reading.entities, Mapping) else ())
        if (i := reader.find(str(name)))
    ]
    answer = "not computable" if result.value is None else body.shown(result.value.date or result.value.number)
    blocks = [
        f"**{escaped(body.name)}**, {escaped(result.rule.name)}",
        _table(("Entity", "As given", "Used as"), used),
        _table(("Step", "Found", "Gives"), result.steps),
        f"**Answer: {escaped(answer)}**",
        _list("Missing", result.missing),
        _list("Cannot be used", result.problems),
        _list("Hard to believe", result.implausible),
        _list("Taken for granted", result.assumptions),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def escaped(text: object) -> str:
    """`text` on one line, of bearable length, with nothing that markdown or HTML would act on."""
    line = " ".join(str(text).split())
    return _SPECIAL.sub(r"\\\1", line if len(line) <= 500 else line[:500] + " …")


def _raw(raw: Any) -> str:
    return " ".join(map(str, raw)) if isinstance(raw, list | tuple) else str(raw)


def _table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines = [f"| {' | '.join(map(escaped, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|" + " --- |" * len(head), *lines]) if lines else ""


def _list(title: str, entries: Iterable[object]) -> str:
    lines = [f"* {escaped(entry)}" for entry in entries]
    return "\n".join([f"{title}:", "", *lines]) if lines else ""
