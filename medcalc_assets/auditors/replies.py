"""What is read of a recorded attempt, whoever answered: the one block that a model is asked for, or why there is none."""

import json
import re
from dataclasses import dataclass, field, fields
from typing import Any

from pydantic import ValidationError

from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.tasks import TASKS, Answer

OPEN, CLOSE = "<answer>", "</answer>"
MARKUP = re.compile(r"(?:[\s`*_~]|</[A-Za-z][\w-]{0,40}>)*")
"""What may stand after the block: the end of a fence, of emphasis or of a tag around it, which models add unasked."""
LONGEST_BLOCK = 100_000
TOO_LONG = "the request is longer than the model's window"
ANOTHER = "the answer is to another request"
OTHER_VERSION = "another version of the model answered"
OF_FORM = (
    "malformed",
    "empty",
    "truncated",
    "HTTP 200 without JSON",
    "no response of the expected shape",
    ANOTHER,
    OTHER_VERSION,
)
"""How the faults begin that are of an answer's form, and not of what it answers."""
EXCERPT, LONGEST_MESSAGE = 300, 2_000
MOST_TOKENS = 1_000_000_000
"""More than any request takes: a higher count is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One attempt, read: a usable `answer`, or the `fault` that there is none. Tokens are None where none were reported."""

    attempt: Attempt
    answer: Answer | None = None
    fault: str | None = None
    finish_reason: str | None = None
    model_version: str | None = None
    response_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the input, what the service had from an earlier request."""
    grounded: bool = False
    queries: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    code_runs: int = 0
    code_failures: int = 0
    excerpt: str | None = None
    """The end of the text of an answer that cannot be used."""

    def __post_init__(self) -> None:
        for each in fields(self):  # half a surrogate pair, which JSON can spell and no table can keep
            value = getattr(self, each.name)
            if isinstance(value, str):
                object.__setattr__(self, each.name, _whole(value))
            elif isinstance(value, list):
                object.__setattr__(self, each.name, [_whole(text) for text in value])

    @property
    def fault_of_form(self) -> str | None:
        """Which of OF_FORM the fault is."""
        return next((kind for kind in OF_FORM if self.fault and self.fault.startswith(kind)), None)

    @property
    def counts(self) -> bool:
        """Whether the attempt was answered: then it may have been paid for, and is never repeated without bound."""
        return self.attempt.status == 200 or self.is_too_long

    @property
    def is_too_long(self) -> bool:
        return self.fault == TOO_LONG


def decoded(body: str | None) -> Any:
    """What a body of JSON holds. Raises ValueError for what is none, or is nested too deeply."""
    try:
        return json.loads(body or "")
    except RecursionError:
        raise ValueError("nested too deeply") from None


def tokens(count: Any) -> int | None:
    """A number of tokens, however it is spelled; None if it is none."""
    try:
        number = float(count)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if 0 <= number <= MOST_TOKENS and not isinstance(count, bool) else None


def dictionaries(listed: Any) -> list[dict[str, Any]]:
    """Of what should be a list of JSON objects, those that are."""
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def parse_answer(text: str, attempt: Attempt) -> tuple[Answer | None, str | None]:
    """The one block at the end of the text, or what is wrong with it."""
    _, _, rest = text.partition(OPEN)
    block, closed, after = rest.partition(CLOSE)
    if not closed or OPEN in rest or CLOSE in after or not MARKUP.fullmatch(after):
        blocks = min(text.count(OPEN), text.count(CLOSE))
        return None, f"malformed: {blocks} answer blocks, one at the very end is asked for"
    if len(block) > LONGEST_BLOCK:
        return None, f"malformed: an answer block of {len(block):,} characters, and {LONGEST_BLOCK:,} is the most"
    try:
        answer = TASKS[attempt.vote.setup.task].answer.model_validate_json(_bare(block))
    except ValidationError as error:
        first = error.errors()[0]
        return None, f"malformed: {'.'.join(map(str, first['loc']))} {first['msg']}".replace("malformed:  ", "malformed: ")
    if answer.id != attempt.vote.request_id:
        return None, f"{ANOTHER} ({answer.id!r:.80})"
    return answer, None


def _bare(block: str) -> str:
    """The block without a Markdown fence around it, which models add whatever they are told."""
    return block.strip().removeprefix("```json").removeprefix("```").removesuffix("```")


def _whole(text: str) -> str:
    return text.encode(errors="replace").decode()
