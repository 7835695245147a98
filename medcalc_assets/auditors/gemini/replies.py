"""What a recorded attempt says. Everything here is computed from the ledger's bytes, so that it can be computed anew."""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.tasks import TASKS, AuditAnswer, RelabelAnswer

BLOCK = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
TOO_LONG = re.compile(r"token count .*exceeds", re.IGNORECASE)
NORMAL = {"STOP", "FINISH_REASON_UNSPECIFIED", None}


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
        return self.fault == "the request is longer than the model's window"


def read(recorded: Attempt) -> Reply:
    """The reply in an attempt. It never raises: what cannot be read is a fault."""
    attempt = replace(recorded, body=None)  # which the ledger keeps
    if attempt.status is None:
        return Reply(attempt=attempt, fault=attempt.error)
    try:
        body = json.loads(recorded.body or "")
    except ValueError:
        return Reply(attempt=attempt, fault=f"HTTP {attempt.status} without JSON")
    if attempt.status != 200:
        return Reply(attempt=attempt, fault=_refusal(attempt.status, body))
    try:
        return _read_response(attempt, body)
    except (AttributeError, TypeError, KeyError, IndexError) as error:
        return Reply(attempt=attempt, fault=f"no response of the expected shape ({error})")


def _refusal(status: int, body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    details = error if isinstance(error, dict) else {}
    message = str(details.get("message", ""))
    if status == 400 and TOO_LONG.search(message):
        return "the request is longer than the model's window"
    return f"HTTP {status} {details.get('status', '')}: {message}".strip(": ")


def _read_response(attempt: Attempt, body: dict[str, Any]) -> Reply:
    candidate = (body.get("candidates") or [{}])[0]
    parts = (candidate.get("content") or {}).get("parts") or []
    text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
    results = [part["codeExecutionResult"].get("outcome") for part in parts if "codeExecutionResult" in part]
    grounding = candidate.get("groundingMetadata") or {}
    facts: dict[str, Any] = {
        "attempt": attempt,
        "finish_reason": candidate.get("finishReason"),
        "model_version": body.get("modelVersion"),
        "response_id": body.get("responseId"),
        **_tokens(body.get("usageMetadata") or {}),
        # An empty query is not billed and found nothing.
        "queries": [query for query in grounding.get("webSearchQueries") or [] if query],
        "pages": [chunk["web"]["uri"] for chunk in grounding.get("groundingChunks") or [] if "web" in chunk],
        "grounded": bool(grounding.get("webSearchQueries") or grounding.get("groundingChunks")),
        "code_runs": len(results),
        "code_failures": sum(outcome != "OUTCOME_OK" for outcome in results),
    }
    if blocked := (body.get("promptFeedback") or {}).get("blockReason"):
        return Reply(**facts, fault=f"the prompt was blocked: {blocked}")
    if facts["finish_reason"] == "MAX_TOKENS":
        return Reply(**facts, fault="truncated: MAX_TOKENS")
    if facts["finish_reason"] not in NORMAL:
        return Reply(
            **facts, fault=f"the answer was stopped: {facts['finish_reason']} {candidate.get('finishMessage', '')}".strip()
        )
    if not text.strip():
        return Reply(**facts, fault="empty")
    answer, fault = parse_answer(text, attempt)
    return Reply(**facts, answer=answer, fault=fault)


def _tokens(usage: dict[str, int]) -> dict[str, int | None]:
    if "promptTokenCount" not in usage:
        return {"input_tokens": None, "output_tokens": None}
    return {
        "input_tokens": usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0),
        "output_tokens": usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
    }


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
