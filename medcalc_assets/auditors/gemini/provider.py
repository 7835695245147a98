"""Gemini as a provider: see `auditors.provider.Provider`. The client is imported when something is asked."""

from collections.abc import Sequence

from medcalc_assets.auditors.casting import Casting
from medcalc_assets.auditors.gemini.replies import read
from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.provider import AuditorError, Request
from medcalc_assets.auditors.tasks import Instance

__all__ = ["ask", "complete_in_batch", "permanent", "read", "require_key"]


def require_key() -> None:
    from medcalc_assets.auditors.gemini import client

    client.client()


async def ask(request: Request, run: str, deadline: float) -> tuple[Attempt, float | None]:
    from medcalc_assets.auditors.gemini import client

    return await client.ask(request, run, deadline)


def permanent(status: int | None, body: str | None, pause: float | None, longest: float, model: str) -> AuditorError | None:
    from medcalc_assets.auditors.gemini import client

    return client.permanent(status, body, pause, longest, model)


async def complete_in_batch(casting: Casting, instances: Sequence[Instance]) -> None:
    from medcalc_assets.auditors.gemini import batch

    await batch.complete(casting, instances)
