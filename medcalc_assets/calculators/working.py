"""Pieces of markdown for a person to read. What stands in them is untrusted: its text is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$#@]|:(?=//)|(?<=www)\.)")
_BLOCK = re.compile(r"^(\d*)([-+=.)])")
"""What would begin a list, a heading or a rule at the start of a line."""


def escaped(text: object) -> str:
    """`text` on one line, with nothing that markdown, HTML or a terminal would act on."""
    return _inert(" ".join(str(text).split()))


def block_quoted(text: object) -> str:
    """All of `text`, line by line, as a block quote with nothing that markdown, HTML or a terminal would act on."""
    lines = (_BLOCK.sub(r"\1\\\2", _inert(" ".join(line.split()))) for line in str(text).splitlines())
    return "\n".join(f"> {line}  " if line else ">" for line in lines)


def _inert(line: str) -> str:
    return _SPECIAL.sub(r"\\\1", "".join(sign for sign in line if sign.isprintable()))


def table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines = [f"| {' | '.join(map(escaped, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|" + " --- |" * len(head), *lines]) if lines else ""


def bullets(title: str, entries: Iterable[object]) -> str:
    lines = [f"* {escaped(entry)}" for entry in entries]
    return "\n".join([f"{title}:", "", *lines]) if lines else ""
