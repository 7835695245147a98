"""Gemini as a provider: see `auditors.provider.Provider`. The client is imported when something is asked."""

from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.gemini.replies import read
from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.provider import AuditorError, Jobs, Request

__all__ = ["ask", "jobs", "permanent", "read", "require_key"]


def require_key() -> None:
    from medcalc_assets.auditors.gemini import client

    client.client()


async def ask(request: Request, run: str, deadline: float) -> tuple[Attempt, float | None]:
    from medcalc_assets.auditors.gemini import client

    return await client.ask(request, run, deadline)


def permanent(status: int | None, body: str | None, pause: float | None, longest: float, model: str) -> AuditorError | None:
    from medcalc_assets.auditors.gemini import client

    return client.permanent(status, body, pause, longest, model)


def jobs(model: str, limits: Limits) -> Jobs:
    from medcalc_assets.auditors.gemini import batch

    return batch.GeminiJobs(model, limits)
