"""A run that asks for votes: what it has claimed, how fast it asks, what it may spend, and how far it is."""

import asyncio
import contextlib
import datetime as dt
import logging
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

from medcalc_assets.auditors.budget import Budget
from medcalc_assets.auditors.casting import GIVEN_UP, Casting
from medcalc_assets.auditors.flow import Flow, Limits, Stopped
from medcalc_assets.auditors.ledger import Attempt, Claim, Ledger, Writer
from medcalc_assets.auditors.prices import cost, spelled
from medcalc_assets.auditors.provider import AuditorError, Request, RequestError
from medcalc_assets.auditors.replies import ANOTHER, EXCERPT, Reply

PROGRESS_SECONDS = 10.0
FIRST_ANSWERS = 20
"""If so many answers, the first of a run, share one fault of form, the next ones will, too."""
SEVERAL = 3
"""Of so many instances at least, however many answers that takes: what one note leads to says nothing of the others."""

log = logging.getLogger(__name__)


@dataclass
class Asking:
    """`run` is what new calls are booked to; of the votes of `casting`, those that are wanted are asked for."""

    casting: Casting
    ledger: Ledger
    run: str
    limits: Limits
    budget: Budget | None
    heartbeat_seconds: float

    def __post_init__(self) -> None:
        self.owner = uuid.uuid4().hex
        self.flow = Flow(self.limits)
        self.writer = Writer(self.ledger)
        setup, instances = self.casting.setup, len(self.casting.instances)
        self.first_faults: list[tuple[str | None, int]] = []
        """The fault of form, if any, of each of the first answers of this run, and on which instance."""
        self.is_answered = any(reply.counts for reply in self.casting.replies())
        """Whether the setup ever got an answer, and is not refused as such."""
        self.refused: list[int] = []
        """The instances of calls that were not accepted, in this run."""
        self.unanswered: set[int] = set()
        """The instances of calls that got no answer since the last one that was answered."""
        unable = "" if "search" in setup.tools else " without search"
        self.progress = Progress(f"{setup.task} by {setup.name}{unable}", instances, instances - len(self.casting.open))

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """While votes are asked for. At the end all claims are free; raises what stopped the run."""
        self.ledger.beat(self.owner)
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            log.info("%s", self.progress)
            with contextlib.suppress(Exception):  # of no weight beside what is being raised; claims of the dead expire
                self.ledger.forget(self.owner)
        if self.flow.reason:
            raise self.flow.reason

    async def _beat(self) -> None:
        """Beat, free the claims of runs that no longer do, and report progress."""
        seen: dict[str, tuple[int, float]] = {}
        reported = time.monotonic()
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(self.heartbeat_seconds)
                try:
                    beats = await asyncio.to_thread(self.ledger.beat, self.owner)
                    for owner, beat in beats.items():
                        if owner not in seen or seen[owner][0] != beat:
                            seen[owner] = (beat, time.monotonic())
                        elif time.monotonic() - seen[owner][1] > 10 * self.heartbeat_seconds:
                            await asyncio.to_thread(self.ledger.forget, owner)
                except Exception as error:
                    self.flow.stop(error)
                if time.monotonic() - reported > PROGRESS_SECONDS:
                    reported = time.monotonic()
                    log.info("%s", self.progress)

    async def claim(self, request: Request) -> bool:
        """Whether the vote is ours to ask for. If another run is asking, its answer is waited for. Raises Stopped."""
        while self.flow.reason is None:
            if (granted := await self.claim_now(request)) or self.casting.outcome(request.vote):
                return granted
            await asyncio.sleep(self.heartbeat_seconds * random.uniform(0.5, 1.0))
        raise Stopped

    async def claim_now(self, request: Request) -> bool:
        """Whether the vote is ours to ask for; also takes note of what others have got for it."""
        texts = {request.vote.setup.prompt_sha256: request.prompt, request.vote.instance: request.message}
        granted, attempts = await self.writer.claim(Claim(request.vote, self.owner, texts))
        self.casting.replace(request.vote, attempts)
        return granted

    def keep(self, attempt: Attempt) -> Reply:
        """Take note of an attempt of this run that is in the ledger."""
        reply = self.casting.keep(attempt)
        self.progress.count(reply)
        if reply.counts and not self.is_form_known:
            self._watch_form(reply, attempt)
        return reply

    @property
    def is_form_known(self) -> bool:
        """Whether the first answers, of several instances, were looked at."""
        return len(self.first_faults) >= FIRST_ANSWERS and len({uid for _, uid in self.first_faults}) >= SEVERAL

    def answered(self) -> None:
        """A call was answered: the service works, and accepts what is asked."""
        self.is_answered = True
        self.unanswered.clear()
        self.flow.succeeded()

    def refuse(self, request: Request, error: RequestError) -> None:
        """Give a vote up that is not accepted. Raises the error if that is so of several instances, and of all calls."""
        self.casting.given_up[request.vote.sha256] = f"{GIVEN_UP}: {error}"
        self.refused.append(request.vote.uid)
        if not self.is_answered and len(set(self.refused)) >= SEVERAL and len(self.refused) >= self.flow.in_flight:
            raise error

    @property
    def is_down(self) -> bool:
        """Whether nothing is answered, whatever is asked. Raises AuditorError when patience with that has run out."""
        since, patience = self.flow.failing_since, self.limits.patience_seconds
        if since is None or len(self.unanswered) < SEVERAL:
            return False
        if time.monotonic() - since > patience:
            raise AuditorError(
                f"{self.casting.setup.auditor} has answered nothing for {dt.timedelta(seconds=round(patience))}: "
                f"{self.progress}. Run again when it does: only what is missing is asked for."
            )
        return True

    def _watch_form(self, reply: Reply, attempt: Attempt) -> None:
        fault = reply.fault_of_form
        # That a job has mixed up its answers says nothing of the next one.
        self.first_faults.append((None if fault == ANOTHER and attempt.mode == "batch" else fault, attempt.vote.uid))
        if self.is_form_known and {each for each, _ in self.first_faults} == {fault} != {None}:
            said = reply.excerpt if reply.excerpt is not None else (attempt.body or "")[:EXCERPT]
            self.flow.stop(
                AuditorError(
                    f"The first {len(self.first_faults)} answers of {self.casting.setup.name} have the same fault, of the "
                    f"last: {reply.fault}. It ends with {said!r}. No more is asked for: see whether the model can follow "
                    "the prompt, and whether MEDCALC_TOOLS gives it tools that it has."
                )
            )


class Progress:
    """How far a run is: instances settled, calls, rate, time left, cost, faults by kind."""

    def __init__(self, what: str, instances: int, done: int) -> None:
        self.what, self.instances, self.done, self.calls = what, instances, done, 0
        self.began = time.monotonic()
        self.faults: Counter[str] = Counter()
        self.costs: list[float | None] = []

    def count(self, reply: Reply) -> None:
        self.calls += 1
        self.costs.append(cost(reply))
        if reply.fault:
            self.faults[reply.fault.split(":")[0]] += 1

    def __str__(self) -> str:
        seconds = max(time.monotonic() - self.began, 1e-3)
        parts = [
            f"{self.what}: {self.done:,} of {self.instances:,} instances",
            f"{self.calls:,} calls",
            f"{60 * self.calls / seconds:,.0f} a minute",
            spelled(self.costs),
        ]
        if 0 < self.done < self.instances:
            parts.append(f"{dt.timedelta(seconds=round(seconds * (self.instances - self.done) / self.done))} left")
        parts += [f"{fault} ×{count}" for fault, count in self.faults.most_common(5)]
        return ", ".join(parts)
