"""The working of a result as markdown, for a person to follow. Entities are untrusted: their text is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from medcalc_assets.calculators.calculator import Result
from medcalc_assets.calculators.inputs import Problem, Reader, quoted

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$#@]|:(?=//)|(?<=www)\.)")
_BLOCK = re.compile(r"^(\d*)([-+=.)])")
"""What would begin a list, a heading or a rule at the start of a line."""


def markdown(result: Result) -> str:
    """Entities as given and as used, each step with what it found and gives, the answer, and what to know about it."""
    reading, body = result.reading, result.rule.body
    reader = result.rule.reader
    used = [
        (i.name, _raw(raw), i.shown(reading.values[i.key]) if reading.values[i.key] is not None else "not usable")
        for name, raw in (reading.entities.items() if isinstance(reading.entities, Mapping) else ())
        if (i := reader.find(str(name)))
    ]
    answer = "not computable" if result.value is None else body.shown(result.value.date or result.value.number)
    blocks = [
        f"**{escaped(body.name)}**, {escaped(result.rule.name)}",
        f"{'Source' if result.rule.name == 'published' else 'Published rule'}: {escaped(result.rule.source)}",
        table(("Entity", "As given", "Used as"), used),
        table(("Step", "Found", "Gives"), result.steps),
        f"**Answer: {escaped(answer)}**",
        bullets("Missing", map(reader.name, result.missing)),
        bullets("Cannot be used", (_short(_named(reader, problem)) for problem in result.problems)),
        bullets("Worth a second look", (_named(reader, problem) for problem in result.implausible)),
        bullets("Taken for granted", result.assumptions),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def escaped(text: object) -> str:
    """`text` on one line, with nothing that markdown, HTML or a terminal would act on."""
    return _inert(" ".join(str(text).split()))


def block_quoted(text: object) -> str:
    """All of `text`, line by line, as a block quote with nothing that markdown, HTML or a terminal would act on."""
    lines = (_BLOCK.sub(r"\1\\\2", _inert(" ".join(line.split()))) for line in str(text).splitlines())
    return "\n".join(f"> {line}  " if line else ">" for line in lines)


def _inert(line: str) -> str:
    return _SPECIAL.sub(r"\\\1", "".join(sign for sign in line if sign.isprintable()))


def _raw(raw: Any) -> str:
    try:
        return _short(" ".join(map(str, raw)) if isinstance(raw, list | tuple) else str(raw))
    except ValueError:  # an integer of more digits than Python writes out
        return quoted(raw)


def _short(text: str) -> str:
    return text if len(text) <= 500 else text[:500] + " …"


def _named(reader: Reader, problem: Problem) -> str:
    return f"{reader.name(problem.entity)}: {problem.message}"


def table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines = [f"| {' | '.join(map(escaped, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|" + " --- |" * len(head), *lines]) if lines else ""


def bullets(title: str, entries: Iterable[object]) -> str:
    lines = [f"* {escaped(entry)}" for entry in entries]
    return "\n".join([f"{title}:", "", *lines]) if lines else ""
