"""One request to Gemini: sent once, its answer kept as bytes, every failure told apart."""

import asyncio
import datetime as dt
import json
import os
import time
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx2
from google import genai
from google.genai import errors, types

from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.provider import AuditorError, Request

API_VERSION = "v1beta"
"""Pinned: the SDK's default changed between its versions, and context caching and `-latest` aliases are only here."""
TOOLS = {
    "search": types.Tool(google_search=types.GoogleSearch()),
    "code": types.Tool(code_execution=types.ToolCodeExecution()),
}
CONNECTIONS = 256
KEY_REMEDY = "Set GEMINI_API_KEY to a valid key (https://aistudio.google.com/apikey) and run again."


class GeminiError(AuditorError):
    """Gemini refuses, and trying again does not help. The message says why and what does."""


def config(request: Request) -> types.GenerateContentConfig:
    """The request's parameters for the SDK."""
    return types.GenerateContentConfig(
        system_instruction=request.prompt,
        max_output_tokens=request.max_output_tokens,
        tools=[TOOLS[name] for name in request.tools],
        # One call is one request is one bill.
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
        # The typed response drops finishMessage and billedToolCalls, and fails on fields that are new.
        should_return_http_response=True,
    )


def body(request: Request) -> dict[str, Any]:
    """The request as JSON, for a batch file."""
    return {
        "systemInstruction": {"parts": [{"text": request.prompt}]},
        "contents": [{"role": "user", "parts": [{"text": request.message}]}],
        "tools": [TOOLS[name].model_dump(mode="json", by_alias=True, exclude_none=True) for name in request.tools],
        "generationConfig": {"maxOutputTokens": request.max_output_tokens},
    }


def client() -> genai.Client:
    """The client of this process, for the key and the address in the environment. Raises GeminiError without a key."""
    key = api_key()
    if key is None:
        raise GeminiError(f"Neither GEMINI_API_KEY nor GOOGLE_API_KEY is set. {KEY_REMEDY}")
    return _client(key, os.environ.get("GOOGLE_GEMINI_BASE_URL"))


def api_key() -> str | None:
    return (os.environ.get("GOOGLE_API_KEY") or os.environ.get("GEMINI_API_KEY") or "").strip() or None


@cache
def _client(key: str, base_url: str | None) -> genai.Client:
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    options = types.HttpOptions(api_version=API_VERSION, base_url=base_url, async_client_args={"limits": limits})
    return genai.Client(api_key=key, enterprise=False, http_options=options)


def available_models() -> dict[str, dict[str, Any]]:
    """The models that this key may generate with, by id, with what tells one version from another. Raises GeminiError."""
    try:
        models = list(client().models.list(config=types.ListModelsConfig(page_size=1000)))
    except errors.APIError as refusal:
        raise permanent(refusal.code, body_of(refusal), None, 0.0, "models") or GeminiError(
            f"The models could not be listed: {without_key(str(refusal))}. Try again later."
        ) from refusal
    except httpx2.HTTPError as failure:
        raise GeminiError(f"Gemini cannot be reached: {failure}. Check the network, and try again.") from failure
    facts = {"version", "display_name", "description", "input_token_limit", "output_token_limit"}
    return {
        (model.name or "").removeprefix("models/"): model.model_dump(include=facts, exclude_none=True)
        for model in models
        if "generateContent" in (model.supported_actions or [])
    }


async def ask(request: Request, run: str, deadline: float) -> tuple[Attempt, float | None]:
    """One attempt, and the pause in seconds that the service asks for. What goes wrong is part of the attempt."""
    gemini = client()
    parameters = config(request)
    parameters.http_options = types.HttpOptions(timeout=round(deadline * 1000))
    status, error, answer, pause = None, None, None, None
    requested_at, started = dt.datetime.now(dt.UTC).replace(tzinfo=None), time.monotonic()
    try:
        # The client's own timeout holds for each read, and a body that drips would go on without end.
        async with asyncio.timeout(deadline):
            response = await gemini.aio.models.generate_content(
                model=request.vote.setup.auditor, contents=request.message, config=parameters
            )
        status, answer = 200, response.sdk_http_response.body if response.sdk_http_response else ""
    except errors.APIError as refusal:
        status, answer = refusal.code, body_of(refusal)
        pause = pause_asked_for(refusal)
    except (TimeoutError, httpx2.TimeoutException):
        error = f"no answer within {deadline:g} s"
    except httpx2.HTTPError as failure:
        error = f"{type(failure).__name__}: {failure}"
    attempt = Attempt(
        vote=request.vote,
        run=run,
        mode="online",
        requested_at=requested_at,
        seconds=time.monotonic() - started,
        status=status,
        error=without_key(error),
        body=without_key(answer),
    )
    return attempt, pause


def pause_asked_for(refusal: errors.APIError) -> float | None:
    """RetryInfo of the body or Retry-After of the header, in seconds; the SDK follows neither."""
    asked = [float(detail["retryDelay"].rstrip("s")) for detail in _details(refusal) if "retryDelay" in detail]
    header = refusal.response.headers.get("retry-after") if isinstance(refusal.response, httpx2.Response) else None
    if header:
        try:
            asked.append(float(header))
        except ValueError:
            asked.append((parsedate_to_datetime(header) - dt.datetime.now(dt.UTC)).total_seconds())
    return max(asked, default=None)


def permanent(status: int | None, body: str | None, pause: float | None, longest: float, model: str) -> GeminiError | None:
    """The error that stops the run, if trying again does not help after this refusal, or not within the `longest` pause."""
    if status is None or status < 400:
        return None
    said = f"Gemini refused (HTTP {status}): {_message(body)}"
    if "API_KEY" in (body or "") or status == 401:
        return GeminiError(f"{said} {KEY_REMEDY}")
    match status:
        case 403:
            return GeminiError(
                f"{said} This key may not use {model}: enable the API and billing for its project, or use another."
            )
        case 404:
            return GeminiError(
                f"{said} There is no model {model!r} for this key: `medcalc models` lists them. Set MEDCALC_AUDITOR."
            )
        case 429 if "PerDay" in (body or "") or (pause or 0) > longest:
            return GeminiError(
                f"{said} The quota is used up. Run again when it is renewed (that of a day: tomorrow), or with a higher "
                "tier: every answer so far is in the ledger, and only what is missing will be asked for."
            )
        case 408 | 429:
            return None
        case _ if status < 500:
            return GeminiError(
                f"{said} The request is not accepted by {model}; MEDCALC_TOOLS switches search and code execution off."
            )
    return None


def without_key(text: str | None) -> str | None:
    """Nothing that is written down holds the key, whatever a server echoes."""
    key = api_key()
    return text.replace(key, "[key]") if text and key else text


def body_of(refusal: errors.APIError) -> str:
    return refusal.response.text if isinstance(refusal.response, httpx2.Response) else json.dumps(refusal.details)


def _details(refusal: errors.APIError) -> list[dict[str, Any]]:
    error = refusal.details.get("error") if isinstance(refusal.details, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    return [detail for detail in details or [] if isinstance(detail, dict)]


def _message(body: str | None) -> str:
    try:
        return str(json.loads(body or "")["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return (body or "").strip()[:200]
