"""What a run, and all runs of a day, may cost: a call is made only if the highest price that it can have keeps within."""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from medcalc_assets.auditors.ledger import Attempt, Ledger
from medcalc_assets.auditors.prices import Price, total
from medcalc_assets.auditors.provider import AuditorError, Request

MOST_QUERIES = 10
"""Searches that a request is assumed to make at most, when its price is estimated before it is made."""

SECONDS = 0.05
"""How often it is looked what has become of calls under way, of this run and of others."""


class BudgetError(AuditorError):
    """The next call could cross the limit of what a run, or a day, may cost."""


@dataclass
class Day:
    """What the calls of all runs of this day (UTC) may cost, and have cost, as the ledger tells it."""

    limit: float
    ledger: Ledger
    cost: Callable[[Attempt], float]
    seen: dt.date | None = None
    last: int = 0
    known: float = 0.0
    looked: float | None = None

    def spent(self) -> float:
        """As of now, or of SECONDS ago where no call of this run has ended since."""
        if self.looked is None or time.monotonic() - self.looked > SECONDS:
            now = dt.datetime.now(dt.UTC)
            if now.date() != self.seen:
                self.seen, self.known, self.last = now.date(), 0.0, 0
            midnight = dt.datetime.combine(now.date(), dt.time())
            attempts, self.last = self.ledger.attempts_since(midnight, self.last)
            self.known += sum(map(self.cost, attempts))
            self.looked = time.monotonic()
        return self.known


@dataclass
class Budget:
    """What a run may cost. A call is admitted only if its highest price, beside those under way, keeps within it, and
    within what is left of the day."""

    limit: float
    price: Price
    spent: float
    day: Day | None = None
    reserved: dict[str, float] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def call(self, request: Request) -> AsyncIterator[list[float | None]]:
        """Wait until the call is within the limit; gives a list for its cost. Raises BudgetError."""
        while not self._admits(request, batch=False):
            if not self.reserved:
                raise self._exhausted(request)
            await asyncio.sleep(SECONDS)
        costs: list[float | None] = []
        try:
            yield costs
        finally:
            self.settle([request.vote.sha256], costs)

    async def affordable(self, requests: Sequence[Request]) -> list[Request]:
        """As many of the requests as one batch job can be made of within the limit, as soon as that is one. Raises
        BudgetError if it never is."""
        while not (chosen := [request for request in requests if self._admits(request, batch=True)]):
            if not self.reserved:
                raise self._exhausted(requests[0])
            await asyncio.sleep(SECONDS)
        return chosen

    def settle(self, votes: Sequence[str], costs: Sequence[float | None]) -> None:
        """These calls have ended and cost that much; where it is unknown, as much as they could have cost."""
        most = [self.reserved.pop(vote, 0.0) for vote in votes]
        known = total(costs) if costs else None
        self.spent += sum(most) if known is None else known
        if self.day:  # the ledger has them now
            self.day.looked = None

    def _admits(self, request: Request, batch: bool) -> bool:
        most = self._most(request, batch)
        under_way = sum(self.reserved.values())
        fits = self.spent + under_way + most <= self.limit
        fits = fits and (self.day is None or self.day.spent() + under_way + most <= self.day.limit)
        if fits:
            self.reserved[request.vote.sha256] = most
        return fits

    def _most(self, request: Request, batch: bool) -> float:
        return self.price.of(
            request.tokens, request.max_output_tokens, MOST_QUERIES if "search" in request.tools else 0, batch=batch
        )

    def _exhausted(self, request: Request) -> BudgetError:
        most = self._most(request, batch=False)
        if self.day and self.spent + most <= self.limit:
            spent = f"${self.day.spent():.2f} of ${self.day.limit:.2f} is spent by all runs of this day (UTC)"
            again = "tomorrow, or with a higher MEDCALC_MAX_USD_PER_DAY,"
        else:
            spent, again = f"${self.spent:.2f} of ${self.limit:.2f} is spent", "with a higher --max-usd"
        return BudgetError(
            f"{spent}, and one more call could cost ${most:.2f}. Every answer so far is in the ledger: run again {again} to "
            "ask for what is missing only."
        )
