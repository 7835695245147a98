"""What a recorded attempt of Chat Completions says, computed from the ledger's bytes, so that it can be computed anew."""

import re
from dataclasses import replace
from typing import Any

from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.replies import (
    EXCERPT,
    LONGEST_MESSAGE,
    TOO_LONG,
    Reply,
    decoded,
    dictionaries,
    parse_answer,
    tokens,
)

EXCEEDS = re.compile(r"context_length_exceeded|(maximum|exceeds?)[^.]{0,80}context (length|window|size)", re.IGNORECASE)
NORMAL = {"stop", None}
THOUGHT = "</think>"
"""Models whose server does not part what they think from what they answer end the first with this."""


def read(recorded: Attempt) -> Reply:
    """The reply in an attempt. It never raises: what cannot be read is a fault."""
    attempt = replace(recorded, body=None)  # which the ledger keeps
    if attempt.status is None:
        return Reply(attempt=attempt, fault=attempt.error)
    try:
        body = decoded(recorded.body)
    except ValueError:
        return Reply(attempt=attempt, fault=f"HTTP {attempt.status} without JSON")
    if attempt.status != 200:
        said = message(body)
        return Reply(
            attempt=attempt,
            fault=TOO_LONG if attempt.status == 400 and _is_too_long(said) else f"HTTP {attempt.status} {said}".strip(),
        )
    try:
        return _read_response(attempt, body)
    except (AttributeError, TypeError, LookupError) as error:
        return Reply(attempt=attempt, fault=f"no response of the expected shape ({error})")


def _is_too_long(said: str) -> bool:
    """Whether the note is; the window may be too small for the answer that is asked for, which says nothing of a note."""
    return bool(EXCEEDS.search(said)) and "is too large" not in said


def message(body: Any) -> str:
    """What a refusal says, its code first, in whatever shape."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error or "")[:LONGEST_MESSAGE]
    parts = (error.get("code") or error.get("type"), error.get("message") or error.get("detail"))
    return ": ".join(str(part) for part in parts if part)[:LONGEST_MESSAGE]


def _read_response(attempt: Attempt, body: dict[str, Any]) -> Reply:
    choice = next(iter(dictionaries(body.get("choices"))), {})
    said = choice.get("message") or {}
    content = said.get("content") or ""
    if isinstance(content, list):
        content = "".join(part["text"] for part in dictionaries(content) if isinstance(part.get("text"), str))
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    served = (body.get("model"), body.get("system_fingerprint"))
    facts: dict[str, Any] = {
        "attempt": attempt,
        "finish_reason": choice.get("finish_reason"),
        # What served the model may change under one name: then only the fingerprint does.
        "model_version": "+".join(part for part in served if isinstance(part, str) and part) or None,
        "response_id": body["id"] if isinstance(body.get("id"), str) else None,
        "input_tokens": tokens(usage.get("prompt_tokens")),
        "output_tokens": tokens(usage.get("completion_tokens")),
        "cached_tokens": tokens(details.get("cached_tokens") or 0) if isinstance(details, dict) else None,
    }
    if body.get("error") and not choice:
        return Reply(**facts, fault=f"an error instead of an answer: {message(body)}")
    if refusal := said.get("refusal"):
        return Reply(**facts, fault=f"the model refused: {refusal!s:.{EXCERPT}}")
    if facts["finish_reason"] == "length":
        return Reply(**facts, fault="truncated: length", excerpt=content[-EXCERPT:])
    if facts["finish_reason"] not in NORMAL:
        return Reply(**facts, fault=f"the answer was stopped: {facts['finish_reason']}")
    text = content.rpartition(THOUGHT)[2]
    if not text.strip():
        return Reply(**facts, fault="empty")
    answer, fault = parse_answer(text, attempt)
    return Reply(**facts, answer=answer, fault=fault, excerpt=text[-EXCERPT:] if fault else None)
