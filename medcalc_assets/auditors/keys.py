"""The keys, and nothing that is written down holds one: whatever a server echoes, in whatever spelling."""

import base64
import html
import os
import re
from collections.abc import Iterator
from functools import cache

GEMINI = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
"""Where a key of Gemini is looked for, as the SDK does."""
OPENAI, OTHERS = "OPENAI_API_KEY", "OPENAI_COMPATIBLE_API_KEY"
"""The key of OpenAI, and the one of other servers of its API: neither goes to the other."""
IS_KEY = re.compile(r"[A-Za-z0-9_.-]+")
PART = 8
"""So many characters of a key in a row are a part of it that gives it away."""
WITHHELD = "[withheld: it spells the key]"
# That a run of backslashes begins is asked after the first of them: a pattern that begins with a sign is found faster.
ESCAPED = re.compile(r"\\(?<!\\\\)\\*(?:u00|x)([0-9a-f]{2})|%([0-9a-f]{2})", re.IGNORECASE)
LINE_BREAK = re.compile(r"\\(?<!\\\\)\\*[nrt]")
BETWEEN = bytes(sign for sign in range(128) if not re.fullmatch(r"[\w.+/-]", chr(sign)))
"""What may stand between the parts of a key that was cut in pieces, besides an escaped line break and what is not ASCII."""


def keys(*variables: str) -> list[tuple[str, str]]:
    """Of these variables those that are set, with their keys; the first counts."""
    return [(name, key) for name in variables if (key := os.environ.get(name, "").strip())]


def without_key(text: str | None) -> str | None:
    """The text with `[key]` for each part of a key, plain, in base64 or in hex; WITHHELD if it spells one in another way.

    What is shorter than a part is no secret: a server that needs no key is given a word such as `none` or `EMPTY`.
    """
    if not text:
        return text
    lines = {line for _, key in keys(*GEMINI, OPENAI, OTHERS) for line in key.split() if len(line) >= PART}
    forms = {form for line in lines for form in _forms(line)}
    if not forms or not _holds(text, forms):
        return text
    for form in sorted(forms, key=len, reverse=True):
        for length in range(len(form), _shortest(form) - 1, -1):
            for start in range(len(form) - length + 1):
                text = text.replace(form[start : start + length], "[key]")
    return WITHHELD if _holds(text, forms) else text


def _holds(text: str, forms: set[str]) -> bool:
    """Whether a part of any form is in the text, its escapes undone and what may stand between its characters left out; or
    its escapes cannot be undone."""
    for _ in range(2):  # one that was escaped twice
        try:
            text = html.unescape(text)
        except ValueError:  # of a character whose number has thousands of digits
            return True
        text = ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    plain = LINE_BREAK.sub("", text).lower().encode("ascii", "ignore").translate(None, BETWEEN)
    return any(part in plain for form in forms for part in _parts(form))


@cache
def _parts(form: str) -> frozenset[bytes]:
    length = _shortest(form)
    return frozenset(form[start : start + length].lower().encode() for start in range(len(form) - length + 1))


def _shortest(form: str) -> int:
    return min(2 * PART if re.fullmatch("[0-9a-f]+", form) else PART, len(form))


@cache
def _forms(key: str) -> frozenset[str]:
    return frozenset((key, key.encode().hex(), *_in_base64(key)))


def _in_base64(key: str) -> Iterator[str]:
    """As it stands in the base64 of a longer text, wherever it begins there; both alphabets."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + key.encode()).decode().rstrip("=")
        whole = coded[-(-8 * before // 6) : len(coded) - bool((before + len(key)) % 3)]
        yield from (whole, whole.replace("+", "-").replace("/", "_"))
