"""Gemini as a provider: see `auditors.provider.Provider`. The client is imported when something is asked.

`gemini-2.5-pro` is a model of the Developer API, `gemini-2.5-pro@my-project/europe-west4` one of Vertex AI. The place is
part of the auditor's name, and so of every vote.
"""

from typing import Any

from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.gemini.replies import read
from medcalc_assets.auditors.keys import GEMINI, keys
from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.provider import AuditorError, Jobs, Request

__all__ = ["TOOLS", "ask", "jobs", "models", "permanent", "read", "require_key"]


TOOLS: tuple[str, ...] = ("search", "code")


def require_key(model: str) -> None:
    from medcalc_assets.auditors.gemini import client

    client.client_of(model)


async def ask(request: Request, run: str, deadline: float) -> tuple[Attempt, float | None]:
    from medcalc_assets.auditors.gemini import client

    return await client.ask(request, run, deadline)


def permanent(status: int | None, body: str | None, pause: float | None, longest: float, model: str) -> AuditorError | None:
    from medcalc_assets.auditors.gemini import client

    return client.permanent(status, body, pause, longest, model)


def models() -> dict[str, dict[str, Any]] | None:
    if not keys(*GEMINI):
        return None
    from medcalc_assets.auditors.gemini import client

    return client.available_models()


def jobs(model: str, limits: Limits) -> Jobs | None:
    if "@" in model:  # those of Vertex AI go through a bucket
        return None
    from medcalc_assets.auditors.gemini import batch

    return batch.GeminiJobs(model, limits)
