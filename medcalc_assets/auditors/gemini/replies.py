"""What a recorded attempt of Gemini says, computed from the ledger's bytes, so that it can be computed anew."""

import json
import re
from dataclasses import replace
from typing import Any

from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.replies import TOO_LONG, Reply, parse_answer

EXCEEDS = re.compile(r"token count .*exceeds", re.IGNORECASE)
NORMAL = {"STOP", "FINISH_REASON_UNSPECIFIED", None}


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
    if status == 400 and EXCEEDS.search(message):
        return TOO_LONG
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
