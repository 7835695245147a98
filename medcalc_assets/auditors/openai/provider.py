"""OpenAI and what speaks its API, as a provider: see `auditors.provider.Provider`.

`openai:gpt-5.2` is a model of OpenAI's, `openai:qwen3-8b@http://127.0.0.1:8000/v1` one at another address. That is part
of the auditor's name, and so of every vote. The client is imported when something is asked.
"""

from typing import Any

from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.keys import OPENAI, keys
from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.openai.replies import read
from medcalc_assets.auditors.provider import AuditorError, Jobs, Request

__all__ = ["TOOLS", "ask", "jobs", "models", "permanent", "read", "require_key"]

TOOLS: tuple[str, ...] = ()
"""Chat Completions has no search of its own: the votes are those of a model without search."""


def require_key(model: str) -> None:
    from medcalc_assets.auditors.openai import client

    client.endpoint(model)


async def ask(request: Request, run: str, deadline: float) -> tuple[Attempt, float | None]:
    from medcalc_assets.auditors.openai import client

    return await client.ask(request, run, deadline)


def permanent(status: int | None, body: str | None, pause: float | None, longest: float, model: str) -> AuditorError | None:
    from medcalc_assets.auditors.openai import client

    return client.permanent(status, body, pause, longest, model)


def models() -> dict[str, dict[str, Any]] | None:
    if not keys(OPENAI):
        return None
    from medcalc_assets.auditors.openai import client

    return client.available_models()


def jobs(_model: str, _limits: Limits) -> Jobs | None:
    return None
