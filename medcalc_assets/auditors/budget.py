"""What a run may cost: a call is made only if the highest price that it can have keeps within the limit."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from medcalc_assets.auditors.prices import Price, total
from medcalc_assets.auditors.provider import AuditorError, Request

MOST_QUERIES = 10
"""Searches that a request is assumed to make at most, when its price is estimated before it is made."""


class BudgetError(AuditorError):
    """The next call could cross the limit of what a run may cost."""


@dataclass
class Budget:
    """What a run may cost. A call is admitted only if its highest price, beside those under way, keeps within it."""

    limit: float
    price: Price
    spent: float
    reserved: dict[str, float] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def call(self, request: Request) -> AsyncIterator[list[float | None]]:
        """Wait until the call is within the limit; gives a list for its cost. Raises BudgetError."""
        while not self._admits(request, batch=False):
            if not self.reserved:
                raise self._exhausted(request)
            await asyncio.sleep(0.05)
        costs: list[float | None] = []
        try:
            yield costs
        finally:
            self.settle([request.vote.sha256], costs)

    def affordable(self, requests: Sequence[Request]) -> list[Request]:
        """As many of the requests as one batch job can be made of within the limit. Raises BudgetError if that is none."""
        chosen = [request for request in requests if self._admits(request, batch=True)]
        if not chosen:
            raise self._exhausted(requests[0])
        return chosen

    def settle(self, votes: Sequence[str], costs: Sequence[float | None]) -> None:
        """These calls have ended and cost that much; where it is unknown, as much as they could have cost."""
        most = [self.reserved.pop(vote, 0.0) for vote in votes]
        known = total(costs) if costs else None
        self.spent += sum(most) if known is None else known

    def _admits(self, request: Request, batch: bool) -> bool:
        most = self._most(request, batch)
        fits = self.spent + sum(self.reserved.values()) + most <= self.limit
        if fits:
            self.reserved[request.vote.sha256] = most
        return fits

    def _most(self, request: Request, batch: bool) -> float:
        return self.price.of(
            request.tokens, request.max_output_tokens, MOST_QUERIES if "search" in request.tools else 0, batch=batch
        )

    def _exhausted(self, request: Request) -> BudgetError:
        return BudgetError(
            f"${self.spent:.2f} of ${self.limit:.2f} is spent, and one more call could cost "
            f"${self._most(request, batch=False):.2f}. Every answer so far is in the ledger: run again with a higher "
            "--max-usd to ask for what is missing only."
        )
