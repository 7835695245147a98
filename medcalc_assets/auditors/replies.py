"""What is read of a recorded attempt, whoever answered: the one block that a model is asked for, or why there is none."""

import re
from dataclasses import dataclass, field

from pydantic import ValidationError

from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.tasks import TASKS, AuditAnswer, RelabelAnswer

BLOCK = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
TOO_LONG = "the request is longer than the model's window"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One attempt, read: a usable `answer`, or the `fault` that there is none. Tokens are None where none were reported."""

    attempt: Attempt
    answer: AuditAnswer | RelabelAnswer | None = None
    fault: str | None = None
    finish_reason: str | None = None
    model_version: str | None = None
    response_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    grounded: bool = False
    queries: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    code_runs: int = 0
    code_failures: int = 0

    @property
    def counts(self) -> bool:
        """Whether the attempt was answered: then it may have been paid for, and is never repeated without bound."""
        return self.attempt.status == 200 or self.is_too_long

    @property
    def is_too_long(self) -> bool:
        return self.fault == TOO_LONG


def parse_answer(text: str, attempt: Attempt) -> tuple[AuditAnswer | RelabelAnswer | None, str | None]:
    """The one block at the end of the text, or what is wrong with it."""
    blocks = list(BLOCK.finditer(text))
    if len(blocks) != 1 or text.count("<answer>") != 1 or text[blocks[0].end() :].strip():
        return None, f"malformed: {len(blocks)} answer blocks, one at the very end is asked for"
    try:
        answer = TASKS[attempt.vote.setup.task].answer.model_validate_json(_bare(blocks[0][1]))
    except ValidationError as error:
        first = error.errors()[0]
        return None, f"malformed: {'.'.join(map(str, first['loc']))} {first['msg']}".replace("malformed:  ", "malformed: ")
    if answer.id != attempt.vote.request_id:
        return None, f"the answer is to another request ({answer.id!r})"
    return answer, None


def _bare(block: str) -> str:
    """The block without a Markdown fence around it, which models add whatever they are told."""
    return block.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
