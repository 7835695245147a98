"""What a recorded attempt of Gemini says, computed from the ledger's bytes, so that it can be computed anew."""

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

EXCEEDS = re.compile(r"token count .*exceeds", re.IGNORECASE)
NORMAL = {"STOP", "FINISH_REASON_UNSPECIFIED", None}


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
        return Reply(attempt=attempt, fault=_refusal(attempt.status, body))
    try:
        return _read_response(attempt, body)
    except (AttributeError, TypeError, KeyError, IndexError) as error:
        return Reply(attempt=attempt, fault=f"no response of the expected shape ({error})")


def _refusal(status: int, body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    details = error if isinstance(error, dict) else {}
    message = str(details.get("message", ""))[:LONGEST_MESSAGE]
    if status == 400 and EXCEEDS.search(message):
        return TOO_LONG
    return f"HTTP {status} {details.get('status', '')}: {message}".strip(": ")


def _read_response(attempt: Attempt, body: dict[str, Any]) -> Reply:
    candidate = (body.get("candidates") or [{}])[0]
    parts = (candidate.get("content") or {}).get("parts") or []
    text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
    results = dictionaries([part.get("codeExecutionResult") for part in parts])
    grounding = next(iter(dictionaries([candidate.get("groundingMetadata")])), {})
    searched, found = grounding.get("webSearchQueries"), dictionaries(grounding.get("groundingChunks"))
    webs = dictionaries([chunk.get("web") for chunk in found])
    facts: dict[str, Any] = {
        "attempt": attempt,
        "finish_reason": candidate.get("finishReason"),
        "model_version": body["modelVersion"] if isinstance(body.get("modelVersion"), str) else None,
        "response_id": body["responseId"] if isinstance(body.get("responseId"), str) else None,
        **_tokens(body.get("usageMetadata")),
        # An empty query is not billed and found nothing.
        "queries": [query for query in searched if query and isinstance(query, str)] if isinstance(searched, list) else [],
        "pages": [web["uri"] for web in webs if isinstance(web.get("uri"), str)],
        "grounded": bool(searched or found),
        "code_runs": len(results),
        "code_failures": sum(result.get("outcome") != "OUTCOME_OK" for result in results),
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
    return Reply(**facts, answer=answer, fault=fault, excerpt=text[-EXCERPT:] if fault else None)


def _tokens(usage: Any) -> dict[str, int | None]:
    if not isinstance(usage, dict) or "promptTokenCount" not in usage:
        return {"input_tokens": None, "output_tokens": None, "cached_tokens": None}

    def total(*names: str) -> int | None:
        counts = [tokens(usage.get(name) or 0) for name in names]
        return None if None in counts else sum(filter(None, counts))

    return {
        "input_tokens": total("promptTokenCount", "toolUsePromptTokenCount"),
        "output_tokens": total("candidatesTokenCount", "thoughtsTokenCount"),
        "cached_tokens": total("cachedContentTokenCount"),
    }
