"""How fast calls are made: as many at once as the service takes, not more a minute than allowed, none after a stop."""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key allows, and how patient we are. `None` is no limit."""

    at_once: int = 64
    at_first: int = 16
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    deadline_seconds: float = 600.0
    first_backoff_seconds: float = 2.0
    longest_backoff_seconds: float = 120.0
    tries: int = 8
    """Attempts that got no answer (reset, timed out, failed there) while others did, by vote and run."""
    answers: int = 4
    """Answers that were of no use (blocked, empty, truncated, malformed), by vote, ever: each may have been paid for."""
    patience_seconds: float = 3600.0
    """How long a vote is pursued after its first failure before it is given up, and how long a service that answers
    nothing at all is waited for before the run stops."""
    batch_poll_seconds: float = 60.0
    longest_wait_seconds: float = 900.0
    """A service that asks for a longer pause than this has no quota left."""

    def backoff(self, tries: int) -> float:
        """Seconds to wait after so many tries: doubled each time, and anywhere in the upper half, to spread the load."""
        longest = min(self.longest_backoff_seconds, self.first_backoff_seconds * 2 ** min(tries - 1, 30))
        return float(longest * random.uniform(0.5, 1.0))


class Stopped(Exception):
    """No new call is made: see `Flow.reason`."""


class Flow:
    """Admits calls: more at once with every success, fewer with every sign of congestion.

    A 429 halves the width, once for all calls that were under way; an answer that was lost, or an error of the service,
    takes one off. While everything fails one call is left, the probe of all, after a pause that doubles. With successes
    the width doubles by the round up to half of what it was, and then grows by one.

    Only the monotonic clock is used: the time of day may jump.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.width = float(min(limits.at_first, limits.at_once))
        self.in_flight = 0
        self.reason: Exception | None = None
        self.failing_since: float | None = None
        """When the first call failed since the last success."""
        self._goal = float(limits.at_once)
        """The width up to which every success adds one."""
        self._probes = 0
        self._fell_at: float | None = None
        self._pause_until = 0.0
        self._next_start = 0.0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._turnstile = asyncio.Lock()

    @asynccontextmanager
    async def call(self, tokens: int) -> AsyncIterator[float]:
        """Wait for a place; gives the time of starting. Raises Stopped."""
        while self.in_flight >= int(self.width) and self.reason is None:
            place = asyncio.get_running_loop().create_future()
            self._queue.append(place)
            await place
        self.in_flight += 1
        try:
            await self._pace(tokens)
            yield time.monotonic()
        finally:
            self.in_flight -= 1
            self._admit()

    def succeeded(self) -> None:
        """One more at once; after congestion, from half of what it was, one more for every round of calls."""
        self.failing_since, self._probes = None, 0
        self.width = min(float(self.limits.at_once), self.width + (1 if self.width < self._goal else 1 / self.width))
        self._admit()

    def throttled(self, started: float, pause: float) -> None:
        """A call that began at `started` was refused: nothing starts for `pause` seconds."""
        if self._is_news(started):
            self._fall(self.width / 2)
        self._pause_until = max(self._pause_until, time.monotonic() + pause)

    def lost(self, started: float) -> None:
        """A call that began at `started` got no answer, or an error of the service."""
        if self.width > 1 or self._is_news(started):
            self._fall(self.width - 1)

    def _is_news(self, started: float) -> bool:
        """Whether a call began after the width fell the last time: those before it were under way with too many others."""
        return self._fell_at is None or started >= self._fell_at

    def _fall(self, width: float) -> None:
        now = time.monotonic()
        if self.failing_since is None:
            self.failing_since, self._goal = now, self.width / 2
        if width <= 1:
            self._probes += 1
            self._pause_until = max(self._pause_until, now + self.limits.backoff(self._probes))
        self.width, self._fell_at = max(1.0, width), now

    def stop(self, reason: Exception) -> None:
        """Admit nothing more. Calls under way end by themselves: they may have been paid for."""
        self.reason = self.reason or reason
        while self._queue:
            self._wake()

    async def pause(self, seconds: float) -> None:
        """Wait, unless there is a stop."""
        await self._sleep_until(time.monotonic() + seconds)

    async def _pace(self, tokens: int) -> None:
        requests, per_minute = self.limits.requests_per_minute, self.limits.tokens_per_minute
        spacing = max(60 / requests if requests else 0.0, 60 * tokens / per_minute if per_minute else 0.0)
        if spacing:
            start = max(self._next_start, time.monotonic())
            self._next_start = start + spacing
            await self._sleep_until(start)
        while self._pause_until > time.monotonic() and self.reason is None:
            await self._sleep_until(self._pause_until)
        # An SDK keeps the event loop while it makes a request: of calls that start together, one a turn of the loop, or the
        # first would not be on its way before the last is made.
        async with self._turnstile:
            await asyncio.sleep(0)
        if self.reason is not None:
            raise Stopped

    async def _sleep_until(self, moment: float) -> None:
        while self.reason is None and (left := moment - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 1.0))

    def _admit(self) -> None:
        free = int(self.width) - self.in_flight
        for _ in range(min(free, len(self._queue))):
            self._wake()

    def _wake(self) -> None:
        place = self._queue.popleft()
        if not place.done():
            place.set_result(None)
