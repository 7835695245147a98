"""One request to Gemini: sent once, its answer kept as bytes, every failure told apart."""

import asyncio
import datetime as dt
import json
import os
import re
import time
from functools import cache
from typing import Any

import google.auth
import httpx2
from google import genai
from google.auth.credentials import Credentials
from google.genai import errors, types

from medcalc_assets.auditors.keys import GEMINI, IS_KEY, keys, without_key
from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.provider import AuditorError, Request, RequestError, pause_in
from medcalc_assets.auditors.replies import LONGEST_MESSAGE, decoded, dictionaries

API_VERSION = "v1beta"
"""Pinned: the SDK's default changed between its versions, and context caching and `-latest` aliases are only here."""
TOOLS = {
    "search": types.Tool(google_search=types.GoogleSearch()),
    "code": types.Tool(code_execution=types.ToolCodeExecution()),
}
THINKING_BUDGETS = {"low": 1_024, "medium": 8_192, "high": 24_576}
"""In tokens: https://ai.google.dev/gemini-api/docs/openai, "Thinking"."""
CONNECTIONS = 256
NO_REDIRECT = {"follow_redirects": False, "allow_redirects": False}
"""The key is in a header that would go along, to wherever. For httpx, and for aiohttp, which the SDK prefers where it is."""
ASYNC_ARGUMENTS: dict[str, Any] = {
    "limits": httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
    **NO_REDIRECT,
}
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
PLACE = re.compile(r"(?P<project>[a-z][a-z0-9:.-]+)/(?P<location>[a-z0-9-]+)")
LOGIN = "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS, and run again."
KEY_REMEDY = "Set GEMINI_API_KEY to a valid key (https://aistudio.google.com/apikey) and run again."


NO_CREDIT = re.compile(r"spend(ing)? (cap|limit)|credits?\b.{0,40}\b(depleted|exhausted|used up)|prepay", re.IGNORECASE)
USED_UP = re.compile(r"PerDay|per day|limit: 0\b")


class GeminiError(AuditorError):
    """Gemini refuses, and trying again does not help. The message says why and what does."""


class GeminiRequestError(GeminiError, RequestError):
    """Gemini does not accept a request."""


def config(request: Request) -> types.GenerateContentConfig:
    """The request's parameters for the SDK."""
    return types.GenerateContentConfig(
        system_instruction=request.prompt,
        max_output_tokens=request.max_output_tokens,
        tools=[TOOLS[name] for name in request.tools],
        thinking_config=types.ThinkingConfig(**thinking) if (thinking := _thinking(request)) else None,
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
        "generationConfig": {"maxOutputTokens": request.max_output_tokens}
        | ({"thinkingConfig": thinking} if (thinking := _thinking(request)) else {}),
    }


def _thinking(request: Request) -> dict[str, Any]:
    """A level, or, for models before Gemini 3, which know none, the budget that Google gives for it."""
    if not request.thinking:
        return {}
    if request.vote.setup.auditor.startswith("gemini-2"):
        return {"thinking_budget": THINKING_BUDGETS[request.thinking]}
    return {"thinking_level": request.thinking.upper()}


def client() -> genai.Client:
    """The client of this process, for the key and the address in the environment. Raises GeminiError without a key, and for
    what cannot be one: to be refused further down it would be shown."""
    if not (given := keys(*GEMINI)):
        raise GeminiError(f"Neither GEMINI_API_KEY nor GOOGLE_API_KEY is set. {KEY_REMEDY}")
    name, key = given[0]
    if not IS_KEY.fullmatch(key):
        raise GeminiError(
            f"{name} is no key: it holds a character that no key has, such as a space or a line break. Paste it again, "
            "alone and on one line."
        )
    return _client(key, os.environ.get("GOOGLE_GEMINI_BASE_URL"))


@cache
def _client(key: str, base_url: str | None) -> genai.Client:
    options = types.HttpOptions(
        api_version=API_VERSION,
        base_url=base_url,
        client_args=NO_REDIRECT,
        async_client_args=ASYNC_ARGUMENTS,
    )
    return genai.Client(api_key=key, enterprise=False, http_options=options)


def client_of(auditor: str) -> genai.Client:
    """The client for the models of an auditor: `gemini-2.5-pro@project/location` is one of Vertex AI's, for which the
    default credentials of Google Cloud stand in for a key. Raises GeminiError without them."""
    _, at, place = auditor.partition("@")
    if not at:
        return client()
    if not (found := PLACE.fullmatch(place)):
        raise GeminiError(f"{auditor!r} names no place of Vertex AI: write gemini-2.5-pro@my-project/europe-west4.")
    try:
        credentials, _ = google.auth.default(scopes=[CLOUD])
    except google.auth.exceptions.GoogleAuthError as error:
        raise GeminiError(f"There are no credentials for {auditor}: {error}. {LOGIN}") from None
    return _vertex(found["project"], found["location"], credentials)


@cache
def _vertex(project: str, location: str, credentials: Credentials) -> genai.Client:
    options = types.HttpOptions(
        base_url=os.environ.get("GOOGLE_VERTEX_BASE_URL"), client_args=NO_REDIRECT, async_client_args=ASYNC_ARGUMENTS
    )
    return genai.Client(enterprise=True, project=project, location=location, credentials=credentials, http_options=options)


def available_models() -> dict[str, dict[str, Any]]:
    """The models that this key may generate with, by id, with what tells one version from another. Raises GeminiError."""
    try:
        models = list(client().models.list(config=types.ListModelsConfig(page_size=1000)))
    except errors.APIError as refusal:
        raise permanent(refusal.code, body_of(refusal), None, 0.0, "models") or GeminiError(
            f"The models could not be listed: {without_key(str(refusal))}. Try again later."
        ) from None  # which holds what was sent back, unread
    except (httpx2.HTTPError, ValueError) as failure:
        raise GeminiError(
            f"Gemini cannot be reached: {without_key(str(failure))}. Check the network, and try again."
        ) from None
    facts = {"version", "display_name", "description", "input_token_limit", "output_token_limit"}
    return {
        (without_key(model.name) or "").removeprefix("models/"): {
            fact: without_key(value) if isinstance(value, str) else value
            for fact, value in model.model_dump(include=facts, exclude_none=True).items()
        }
        for model in models
        if "generateContent" in (model.supported_actions or [])
    }


async def ask(request: Request, run: str, deadline: float) -> tuple[Attempt, float | None]:
    """One attempt, and the pause in seconds that the service asks for. What goes wrong is part of the attempt."""
    auditor = request.vote.setup.auditor
    gemini = client_of(auditor)
    parameters = config(request)
    parameters.http_options = types.HttpOptions(timeout=round(deadline * 1000))
    status, error, answer, pause = None, None, None, None
    requested_at, started = dt.datetime.now(dt.UTC).replace(tzinfo=None), time.monotonic()
    try:
        # The client's own timeout holds for each read, and a body that drips would go on without end.
        async with asyncio.timeout(deadline):
            response = await gemini.aio.models.generate_content(
                model=auditor.partition("@")[0], contents=request.message, config=parameters
            )
        status, answer = 200, response.sdk_http_response.body if response.sdk_http_response else ""
    except errors.APIError as refusal:
        status, answer = refusal.code, body_of(refusal)
        pause = pause_asked_for(refusal)
    except (TimeoutError, httpx2.TimeoutException):
        error = f"no answer within {deadline:g} s"
    except google.auth.exceptions.GoogleAuthError as refusal:
        if not refusal.retryable:
            raise GeminiError(f"The credentials for {auditor} are not accepted: {refusal}. {LOGIN}") from None
        error = f"{type(refusal).__name__}: {refusal}"
    except (httpx2.HTTPError, ValueError, RecursionError) as failure:  # or a refusal that the SDK cannot read
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
    header = refusal.response.headers.get("retry-after") if isinstance(refusal.response, httpx2.Response) else None
    asked = [str(detail["retryDelay"]).rstrip("s") for detail in _details(refusal) if "retryDelay" in detail]
    return max((seconds for text in (*asked, header) if (seconds := pause_in(text)) is not None), default=None)


def permanent(status: int | None, body: str | None, pause: float | None, longest: float, model: str) -> GeminiError | None:
    """The error that stops the run, if trying again does not help after this refusal, or not within the `longest` pause."""
    if status is None or status < 300:
        return None
    if status < 400:
        return GeminiError(
            f"Gemini's address answers with a redirect (HTTP {status}), which is not followed: the key would go along. "
            "Check GOOGLE_GEMINI_BASE_URL, and whether the network wants you to sign in."
        )
    said = f"Gemini refused (HTTP {status}): {_message(body)}"
    if "API_KEY" in (body or "") or status == 401:
        return GeminiError(f"{said} {LOGIN if '@' in model else KEY_REMEDY}")
    match status:
        case 403:
            return GeminiError(
                f"{said} This key may not use {model}: enable the API and billing for its project, or use another."
            )
        case 404:
            return GeminiError(
                f"{said} There is no model {model!r} for this key: `medcalc models` lists them. Set MEDCALC_AUDITOR."
            )
        case 402 | 429 if status == 402 or NO_CREDIT.search(body or ""):
            return GeminiError(
                f"{said} Add credits to the key's project, or raise its spending cap (https://aistudio.google.com), and run "
                "again: every answer so far is in the ledger, and only what is missing will be asked for."
            )
        case 429 if USED_UP.search(body or "") or (pause or 0) > longest:
            return GeminiError(
                f"{said} The quota is used up. Run again when it is renewed (that of a day: tomorrow), or with a higher "
                "tier: every answer so far is in the ledger, and only what is missing will be asked for."
            )
        case 408 | 409 | 425 | 429 | 499:
            return None
        case _ if status < 500:
            return GeminiRequestError(
                f"{said} The request is not accepted by {model}; MEDCALC_TOOLS switches search and code execution off."
            )
    return None


def body_of(refusal: errors.APIError) -> str:
    """What was sent back, without the key."""
    text = refusal.response.text if isinstance(refusal.response, httpx2.Response) else json.dumps(refusal.details)
    return without_key(text) or ""


def _details(refusal: errors.APIError) -> list[dict[str, Any]]:
    error = refusal.details.get("error") if isinstance(refusal.details, dict) else None
    return dictionaries(error.get("details") if isinstance(error, dict) else None)


def _message(body: str | None) -> str:
    try:
        return str(decoded(body)["error"]["message"])[:LONGEST_MESSAGE]
    except (ValueError, LookupError, TypeError):
        return (body or "").strip()[:200]
