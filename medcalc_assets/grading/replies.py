"""What a model's reply says: one value, an abstention, or why neither can be read. It evaluates nothing and guesses nothing.

`parse_label` reads a cell, which is one label; a reply is prose with a label somewhere in it. A wrong value is worse than
none: what is not said plainly is `unreadable`.
"""

import re
from dataclasses import dataclass
from typing import Literal

from medcalc_assets.grading.statements import (
    A_PLACEHOLDER,
    EMPTY,
    LONGEST_PASSAGE,
    PLACEHOLDER,
    SENTENCES,
    Unreadable,
    plain,
    read_statement,
)
from medcalc_assets.grading.statements import IN_WORDS as IN_WORDS
from medcalc_assets.grading.statements import WRITTEN as WRITTEN
from medcalc_assets.grading.statements import Asked as Asked
from medcalc_assets.labels.value import NA, Label

Outcome = Literal["value", "abstained", "unreadable", "harness_error", "missing"]
OUTCOMES: tuple[Outcome, ...] = ("value", "abstained", "unreadable", "harness_error", "missing")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, read. `label` is there for a value, and is N/A for an abstention; `why` tells how it abstains, or what is
    wrong."""

    outcome: Outcome
    label: Label | None = None
    why: str | None = None


def read_reply(text: str | None, asked: Asked) -> Reply:
    r"""What a reply says, by the last `<answer>`, a JSON `answer`, `\boxed{}`, `ANSWER:` or else the closing sentence.

    Args:
        text: A model's whole reply, or the cell that a harness extracted from it; None if there is none.
        asked: What the calculator answers with. A percentage is read by it (`7%` is 7, or 0.07 where a fraction is asked
            for, and nothing for points), and so are weeks and days.

    Returns:
        The outcome. No text makes it raise, hang or evaluate anything.

    >>> read_reply("So the GFR is approximately 8.65 mL/min/1.73 m².", Asked("decimal")).label.number
    8.65
    >>> read_reply("Answer: 6‑9% 10‑year risk", Asked("decimal", "percent")).why
    'a range'
    >>> read_reply("Insufficient data to calculate HOMA-IR.", Asked("decimal"))
    Reply(outcome='abstained', label=Label(kind='na', number=None, date=None), why='in words')
    """
    if text is None:
        return Reply("missing")
    if HARNESS.fullmatch(text[: 2 * LONGEST_PASSAGE].strip()):
        return Reply("harness_error", why="the harness's exception in place of the answer")
    try:
        passage, marked = _answer(text)
        label, how = read_statement(passage, asked, marked=marked)
    except Unreadable as error:
        return Reply("unreadable", why=str(error))
    return Reply("abstained" if label == NA else "value", label, how)


TAIL = 20_000
"""Characters at the end of a reply, in which an answer without a tag is looked for."""
CELL = 60
"""Characters up to which a lone sentence is taken for the cell of a harness, which is all answer."""
CUT_OFF = "the reply is cut off"

HARNESS = re.compile(
    r"name '\w+' is not defined"
    r"|(?:cannot access )?local variable '\w+' (?:where it is not associated with a value|referenced before assignment)"
    r"|time data .+ does not match format .+"
    r"|unconverted data remains: .*"
    r"|could not convert string to float: .*"
    r"|invalid literal for int\(\) with base 10: .*"
    r"|'\w+' object (?:has no attribute|is not|cannot be) .+"
    r"|unsupported operand type\(s\) for .+"
    r"|malformed node or string.*"
    r"|(?:list|tuple|string) index out of range"
    r"|(?:float )?division by zero|math (?:domain|range) error|no such group"
    r"|(?:invalid syntax|unterminated .+|unexpected .+|leading zeros .+|invalid decimal literal).*\(<\w+>, line \d+\)",
    re.DOTALL,
)
"""What the public harnesses store in place of an answer that they failed to read: messages of Python."""

OPENS = re.compile(r"<answer>", re.IGNORECASE)
CLOSES = re.compile(r"<\\{0,2}[/\\]answer>", re.IGNORECASE)
JSON_KEY = re.compile(r"""["'](?:final[_ ]?)?answer["']\s*:\s*""", re.IGNORECASE)
JSON_VALUE = re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^{}"'\n]+)(?=[{}"'\n])""", re.DOTALL)
JSON_LIST = re.compile(r"[(\[][^()\[\]{}\n]{0,200}[)\]]")
BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
ANSWER = re.compile(r"\banswer\s*(?:is\s*)?:", re.IGNORECASE)


def _answer(text: str) -> tuple[str, bool]:
    """The passage that has the answer, and whether the reply marks it as that. Raises Unreadable."""
    text = text[text.rfind("</think>") + len("</think>") :] if "</think>" in text else text
    if "<think>" in text:
        raise Unreadable(CUT_OFF)
    marked = False
    for find in (_tagged, _in_json, _boxed):
        if (found := find(text)) is not None:
            text, marked = found, True
    text = plain(text[-TAIL:])
    if found_at := _last(ANSWER, text):
        rest = text[found_at.end() :].strip().splitlines()
        text, marked = (rest[0] if rest else ""), True
    sentences = [sentence for sentence in SENTENCES.split(text) if re.search(r"\w", sentence)]
    if not sentences:
        raise Unreadable(EMPTY)
    return (text, True) if marked else (sentences[-1], len(sentences) == 1 and len(text) <= CELL)


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    last = None
    for match in pattern.finditer(text):
        last = match
    return last


def _tagged(text: str) -> str | None:
    opens = list(OPENS.finditer(text))
    if not opens:
        return None
    blocks = [text[match.end() : end.start()] for match in opens[-2:] if (end := CLOSES.search(text, match.end()))]
    if not CLOSES.search(text, opens[-1].end()):
        raise Unreadable(CUT_OFF)
    is_quoted = text[: opens[-1].start()].endswith("`")
    if is_quoted and any(A_PLACEHOLDER.fullmatch(block[:LONGEST_PASSAGE].strip()) for block in blocks):
        raise Unreadable(PLACEHOLDER)  # it tells how an answer would look
    return blocks[-1]


def _in_json(text: str) -> str | None:
    if not (key := _last(JSON_KEY, text)):
        return None
    if pair := JSON_LIST.match(text, key.end()):
        return pair[0]
    if not (value := JSON_VALUE.match(text, key.end())):
        raise Unreadable(CUT_OFF)
    return value[1] or value[2] or (value[3] or "").strip().rstrip(",")


def _boxed(text: str) -> str | None:
    if not (start := _last(BOXED, text)):
        return None
    depth = 1
    for position in range(start.end(), min(len(text), start.end() + LONGEST_PASSAGE)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if not depth:
            return text[start.end() : position]
    raise Unreadable(CUT_OFF)
