"""One request of Chat Completions: sent once, its answer kept as bytes, every failure told apart."""

import asyncio
import datetime as dt
import re
import time
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx2
import openai

from medcalc_assets.auditors.keys import IS_KEY, OPENAI, OTHERS, keys, without_key
from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.openai.replies import message
from medcalc_assets.auditors.provider import AuditorError, Request, RequestError, pause_in
from medcalc_assets.auditors.replies import decoded, dictionaries

PREFIX = "openai:"
OF_OPENAI = "https://api.openai.com/v1"
CONNECTIONS = 256
NO_KEY = "none"
"""What a server on this machine is sent, which asks for no key."""
NO_CREDIT = re.compile(r"insufficient_quota|billing|credit|spend", re.IGNORECASE)
OF_A_DAY = re.compile(r"per day|\bRPD\b|\bTPD\b", re.IGNORECASE)
KEPT = "Every answer so far is in the ledger: run again, and only what is missing is asked for."

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], openai.AsyncOpenAI]] = WeakKeyDictionary()
"""By event loop: connections are not to be shared among loops."""


class OpenAIError(AuditorError):
    """The service refuses, and trying again does not help. The message says why and what does."""


class OpenAIRequestError(OpenAIError, RequestError):
    """The service does not accept a request."""


def endpoint(auditor: str) -> tuple[str, str, str]:
    """The model, its address and the key for it. Raises OpenAIError for a name that names none, or without a key.

    The key of OpenAI goes to OpenAI only.
    """
    model, at, address = auditor.removeprefix(PREFIX).partition("@")
    parts = urlsplit(address)
    if not model or (at and (parts.scheme not in ("http", "https") or not parts.hostname or "@" in address)):
        raise OpenAIError(
            f"{auditor!r} names no model: write {PREFIX}gpt-5.2, or {PREFIX}qwen3-8b@http://127.0.0.1:8000/v1 for one at "
            "another address, without a user or password."
        )
    variable = OTHERS if at else OPENAI
    name, key = next(iter(keys(variable)), (variable, ""))
    if not at and not key:
        raise OpenAIError(
            f"{OPENAI} is not set. Set it to a valid key (https://platform.openai.com/api-keys) and run again."
        )
    if key and not IS_KEY.fullmatch(key):
        raise OpenAIError(f"{name} is no key: it holds a character that no key has. Paste it again, alone and on one line.")
    return model, address.rstrip("/") or OF_OPENAI, key or NO_KEY


def parameters(request: Request) -> dict[str, Any]:
    """The body of the request."""
    model, address, _ = endpoint(request.vote.setup.auditor)
    # OpenAI refuses the old name for models that think, and other servers may not know the new one.
    most = "max_completion_tokens" if address == OF_OPENAI else "max_tokens"
    told = [{"role": "system", "content": request.prompt}, {"role": "user", "content": request.message}]
    thinking = {"reasoning_effort": request.thinking} if request.thinking else {}
    return {"model": model, "messages": told, most: request.max_output_tokens, **thinking}


def _client(address: str, key: str) -> openai.AsyncOpenAI:
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if (address, key) not in clients:
        limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        clients[address, key] = openai.AsyncOpenAI(
            api_key=key,
            base_url=address,
            max_retries=0,  # one call is one request is one bill
            http_client=httpx2.AsyncClient(limits=limits, follow_redirects=False, timeout=None),  # the key would go along
        )
    return clients[address, key]


def available_models() -> dict[str, dict[str, Any]]:
    """The models of OpenAI that the key may use, by the auditor's name, with when each was made. Raises OpenAIError."""
    _, address, key = endpoint(f"{PREFIX}any")
    try:
        with openai.OpenAI(api_key=key, base_url=address, max_retries=0, http_client=httpx2.Client()) as client:
            listed = client.models.with_raw_response.list().http_response.text
        return {
            PREFIX + (without_key(model["id"]) or ""): {"created": model["created"]} if "created" in model else {}
            for model in dictionaries(decoded(listed)["data"])
        }
    except openai.APIStatusError as refusal:
        raise permanent(refusal.status_code, refusal.response.text, None, 0.0, "models") or OpenAIError(
            f"The models of OpenAI could not be listed (HTTP {refusal.status_code}). Try again later."
        ) from None  # which holds what was sent back, unread
    except (openai.OpenAIError, httpx2.HTTPError, ValueError, LookupError, TypeError) as failure:
        raise OpenAIError(
            f"The models of OpenAI could not be listed: {without_key(str(failure))}. Check the network, and try again."
        ) from None


async def ask(request: Request, run: str, deadline: float) -> tuple[Attempt, float | None]:
    """One attempt, and the pause in seconds that the service asks for. What goes wrong is part of the attempt."""
    _, address, key = endpoint(request.vote.setup.auditor)
    client = _client(address, key)
    status, error, body, pause = None, None, None, None
    requested_at, started = dt.datetime.now(dt.UTC).replace(tzinfo=None), time.monotonic()
    try:
        async with asyncio.timeout(deadline):  # the client's own holds for each read, and a body may drip
            answer = await client.chat.completions.with_raw_response.create(**parameters(request))
        status, body = answer.status_code, answer.http_response.text
    except openai.APIStatusError as refusal:
        status, body = refusal.status_code, refusal.response.text
        headers = refusal.response.headers
        milliseconds = pause_in(headers.get("retry-after-ms"))
        pause = pause_in(headers.get("retry-after")) if milliseconds is None else milliseconds / 1000
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException):
        error = f"no answer within {deadline:g} s"
    except (openai.OpenAIError, httpx2.HTTPError, ValueError, RecursionError) as failure:
        cause = failure.__cause__ or failure
        error = f"{type(cause).__name__}: {cause}"
    attempt = Attempt(
        vote=request.vote,
        run=run,
        mode="online",
        requested_at=requested_at,
        seconds=time.monotonic() - started,
        status=status,
        error=without_key(error),
        body=without_key(body),
    )
    return attempt, pause


def permanent(status: int | None, body: str | None, pause: float | None, longest: float, model: str) -> AuditorError | None:
    """The error that stops the run, if trying again does not help after this refusal, or not within the `longest` pause."""
    if status is None or status < 300 or status >= 500:
        return None
    _, at, address = model.partition("@")
    where = address if at else "OpenAI"
    if status < 400:
        return OpenAIError(
            f"{where} answers with a redirect (HTTP {status}), which is not followed: the key would go along. Check the "
            "address, which ends with /v1 as a rule."
        )
    try:
        why = message(decoded(body))
    except ValueError:
        why = (body or "").strip()[:200]
    said = f"{where} refused (HTTP {status}): {why}"
    match status:
        case 401:
            return OpenAIError(f"{said} Set {OTHERS if at else OPENAI} to a valid key and run again.")
        case 402:
            return OpenAIError(f"{said} Add credits to the account of the key. {KEPT}")
        case 403:
            return OpenAIError(f"{said} This key may not use {model}: use another, or another model.")
        case 404:
            return OpenAIError(f"{said} There is no {model} for this key: check model and address in MEDCALC_AUDITOR.")
        case 429 if OF_A_DAY.search(why) or (pause or 0) > longest:
            return OpenAIError(f"{said} The quota is used up: wait until it is renewed. {KEPT}")
        case 429 if NO_CREDIT.search(why):
            return OpenAIError(f"{said} Add credits to the account of the key, or raise its spending limit. {KEPT}")
        case 408 | 409 | 425 | 429 | 499:
            return None
    return OpenAIRequestError(f"{said} The request is not accepted by {model}.")
