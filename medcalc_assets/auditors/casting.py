"""The votes of a model, whoever provides it. What the ledger holds is not asked again; what is settled, not at all."""

import asyncio
import contextlib
import datetime as dt
import json
import logging
import random
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

from medcalc_assets.auditors.budget import MOST_QUERIES, Budget
from medcalc_assets.auditors.flow import Flow, Limits, Stopped
from medcalc_assets.auditors.ledger import Attempt, Claim, Ledger, Setup, VoteKey, Writer
from medcalc_assets.auditors.prices import cost, known_price, total
from medcalc_assets.auditors.protocol import AuditVote, Derivation, Question, RelabelVote
from medcalc_assets.auditors.provider import AuditorError, Provider, Request
from medcalc_assets.auditors.registry import provider_of
from medcalc_assets.auditors.replies import Reply
from medcalc_assets.auditors.tasks import (
    AUDIT,
    RELABEL,
    TASKS,
    Instance,
    RelabelAnswer,
    Task,
    instance_sha256,
    message,
    version,
)
from medcalc_assets.labels.voting import RUNS, fewest_to_settle

MAX_OUTPUT_TOKENS = 32_768
PROGRESS_SECONDS = 10.0
NEW_ANSWERS = tuple(object() for _ in range(RUNS))
"""Stand for answers that nobody has given yet, when further votes are weighed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one vote: the attempts made for it, the last of which is its answer unless it `failed`."""

    replies: list[Reply]
    failed: str | None = None

    @property
    def answer(self) -> Any:
        return None if self.failed else self.replies[-1].answer

    @property
    def ballot(self) -> Hashable | None:
        return None if self.failed else self.answer.ballot

    def facts(self, searches: bool) -> dict[str, Any]:
        """The columns that votes of both phases have in common."""
        last = self.replies[-1] if self.replies else None
        return {
            "status": "failed" if self.failed else "ok",
            "rationale": self.failed or self.answer.rationale,
            "model_version": next((reply.model_version for reply in reversed(self.replies) if reply.model_version), None),
            "sources": None if self.failed or not last else json.dumps([*self.answer.sources, *last.pages]),
            "searched": last.grounded if last and searches and not self.failed else None,
            "calls": len(self.replies),
            "input_tokens": _sum(reply.input_tokens for reply in self.replies),
            "output_tokens": _sum(reply.output_tokens for reply in self.replies),
            "cost_usd": total([cost(reply) for reply in self.replies]),
            "latency_seconds": _sum(reply.attempt.seconds for reply in self.replies),
        }


@dataclass(frozen=True)
class ModelAuditor:
    """A model as an auditor. `run` is the run that new calls are booked to, and `max_usd` what it may cost.

    Raises AuditorError when the provider refuses and repeating does not help, BudgetError before `max_usd` is crossed,
    and LedgerError when answers cannot be kept. Whatever was answered until then is in the ledger.
    """

    name: str
    ledger: Ledger
    run: str = "none"
    tools: tuple[str, ...] = ("search", "code")
    voting: Literal["adaptive", "full"] = "adaptive"
    mode: Literal["online", "batch"] = "online"
    max_usd: float | None = None
    limits: Limits = field(default_factory=Limits)
    heartbeat_seconds: float = 2.0
    """How often a run says that it is alive; one that is silent for ten times as long is dead."""

    @property
    def provider(self) -> Provider:
        return provider_of(self.name)

    def audit(self, derivations: Sequence[Derivation]) -> Iterator[AuditVote]:
        return audit_votes(self.cast(AUDIT, derivations))

    def relabel(self, questions: Sequence[Question]) -> Iterator[RelabelVote]:
        return relabel_votes(self.cast(RELABEL, questions))

    def cast(self, task: Task, instances: Sequence[Instance]) -> "Casting":
        casting = self.casting(task, instances)
        asyncio.run(casting.complete())
        return casting

    def casting(self, task: Task, instances: Sequence[Instance]) -> "Casting":
        return Casting(self, self.setup(task), instances)

    def setup(self, task: Task) -> Setup:
        return Setup(
            task=task.name,
            auditor=self.name,
            prompt_sha256=task.prompt_sha256,
            sampling=json.dumps({"max_output_tokens": MAX_OUTPUT_TOKENS}),
            tools=",".join(tool for tool in task.tools if tool in self.tools),
        )

    def budget(self) -> Budget | None:
        """Raises AuditorError if there is a limit and no known price to keep it by."""
        if self.max_usd is None:
            return None
        known = known_price(self.name)
        if known is None:
            raise AuditorError(
                f"The price of {self.name} is unknown, so a limit of ${self.max_usd:.2f} cannot be kept. Add it to "
                "medcalc_assets/auditors/prices.toml, or run without --max-usd."
            )
        spent = [cost(self.provider.read(attempt)) for attempt in self.ledger.attempts_of_run(self.run)]
        # What the cost of a call is unknown, it is counted as the highest that it can be.
        most = known.of(0, MAX_OUTPUT_TOKENS, MOST_QUERIES)
        return Budget(self.max_usd, known, spent=sum(most if usd is None else usd for usd in spent))


@dataclass(frozen=True)
class EarlierAuditor:
    """The votes that the ledger holds of one setup. It asks for nothing: an instance without any vote is left out."""

    ledger: Ledger
    setup: Setup

    @property
    def name(self) -> str:
        return self.setup.auditor

    def audit(self, derivations: Sequence[Derivation]) -> Iterator[AuditVote]:
        return audit_votes(self._votes(derivations))

    def relabel(self, questions: Sequence[Question]) -> Iterator[RelabelVote]:
        return relabel_votes(self._votes(questions))

    def _votes(self, instances: Sequence[Instance]) -> "Casting":
        casting = Casting(ModelAuditor(self.name, self.ledger), self.setup, instances)
        casting.instances = [instance for instance in instances if casting.outcomes(instance)]
        for instance in casting.instances:
            while indices := casting.wanted(instance):
                casting.given_up |= {casting.vote(instance, index).sha256: "never answered" for index in indices}
        return casting


class Casting:
    """The votes of one setup on some instances: what the ledger knows, and what is being asked."""

    def __init__(self, auditor: ModelAuditor, setup: Setup, instances: Sequence[Instance]) -> None:
        self.auditor, self.setup, self.instances = auditor, setup, instances
        self.task, self.provider = TASKS[setup.task], auditor.provider
        self.owner = uuid.uuid4().hex
        self.flow = Flow(auditor.limits)
        self.writer = Writer(auditor.ledger)
        self.budget: Budget | None = None
        self.given_up: dict[str, str] = {}
        """Votes that got no answer in this run, and why. A later run may ask again."""
        self.progress = Progress(f"{setup.task} by {setup.auditor}", len(instances))
        self._hashes = {instance.uid: instance_sha256(instance) for instance in instances}
        self._known: dict[str, list[Reply]] = defaultdict(list)
        wanted = set(self._hashes.values())
        for attempt in auditor.ledger.attempts(setup):
            if attempt.vote.instance in wanted:
                self._known[attempt.vote.sha256].append(self.provider.read(attempt))

    # -- what is known

    def vote(self, instance: Instance, index: int) -> VoteKey:
        return VoteKey(self.setup, self._hashes[instance.uid], instance.uid, index)

    def outcome(self, vote: VoteKey) -> Outcome | None:
        """What became of a vote; None while it is open."""
        replies = self._known.get(vote.sha256, [])
        for number, reply in enumerate(replies, start=1):
            if reply.answer:
                return Outcome(replies[:number])
        answered = [reply for reply in replies if reply.counts]
        if len(answered) >= self.auditor.limits.answers or any(reply.is_too_long for reply in answered):
            return Outcome(replies, f"no usable answer in {len(answered)}, the last: {answered[-1].fault}")
        return Outcome(replies, self.given_up[vote.sha256]) if vote.sha256 in self.given_up else None

    def outcomes(self, instance: Instance) -> list[Outcome]:
        """The votes cast so far, in order, up to the one that settled it."""
        found: list[Outcome] = []
        while len(found) < RUNS and not self.settled(found) and (next_ := self.outcome(self.vote(instance, len(found)))):
            found.append(next_)
        return found

    def settled(self, outcomes: Sequence[Outcome]) -> str | None:
        """Why no further vote is needed. All five are in `full` voting."""
        return self.task.settled([outcome.ballot for outcome in outcomes]) if self.auditor.voting == "adaptive" else None

    def wanted(self, instance: Instance) -> list[int]:
        """The votes to ask for next, none of them in vain; empty once the outcome is settled or all are cast."""
        outcomes = self.outcomes(instance)
        if self.settled(outcomes) or len(outcomes) == RUNS:
            return []
        cast, few = len(outcomes), RUNS - len(outcomes)
        if self.auditor.voting == "adaptive":
            ballots = [outcome.ballot for outcome in outcomes]
            few = fewest_to_settle(self.task.settled, ballots, self.task.ballots or {*ballots, *NEW_ANSWERS} - {None})
        return [index for index in range(cast, cast + few) if self.outcome(self.vote(instance, index)) is None]

    def keep(self, attempt: Attempt) -> Reply:
        """Take note of an attempt that is in the ledger."""
        reply = self.provider.read(attempt)
        self._known[attempt.vote.sha256].append(reply)
        self.progress.count(reply)
        return reply

    def replies(self) -> Iterator[Reply]:
        return chain.from_iterable(self._known.values())

    # -- asking for what is missing

    async def complete(self) -> None:
        """Ask until every instance is settled. Raises what stops the run, once the calls under way have ended."""
        open_ = [instance for instance in self.instances if self.wanted(instance)]
        self.progress.done = len(self.instances) - len(open_)
        if not open_:
            return
        self.provider.require_key()
        self.budget = self.auditor.budget()
        self.auditor.ledger.beat(self.owner)
        alive = asyncio.create_task(self._stay_alive())
        try:
            if self.auditor.mode == "batch":
                await self.provider.complete_in_batch(self, open_)
            else:
                self._require_no_batch(open_)
                await asyncio.gather(*(self._guarded(self._settle(instance)) for instance in open_))
        finally:
            alive.cancel()
            log.info("%s", self.progress)
            with contextlib.suppress(Exception):  # of no weight beside what is being raised; claims of the dead expire
                self.auditor.ledger.forget(self.owner)
        if self.flow.reason:
            raise self.flow.reason

    def _require_no_batch(self, instances: Sequence[Instance]) -> None:
        """Raise AuditorError if a vote is under way in a batch job: it would be paid for twice."""
        wanted = {self.vote(instance, index).sha256 for instance in instances for index in self.wanted(instance)}
        for job in self.auditor.ledger.open_batches(self.setup):
            if wanted & set(job.votes):
                raise AuditorError(
                    f"{len(wanted & set(job.votes))} votes are under way in batch job {job.name or job.id}. Run with --mode "
                    "batch to wait for it (cancel the job first, if you would rather not), and then online."
                )

    async def claim(self, request: Request) -> bool:
        """Whether the vote is ours to ask for. If another run is asking, its answer is waited for. Raises Stopped."""
        while self.flow.reason is None:
            if (granted := await self.claim_now(request)) or self.outcome(request.vote):
                return granted
            await asyncio.sleep(self.auditor.heartbeat_seconds * random.uniform(0.5, 1.0))
        raise Stopped

    async def claim_now(self, request: Request) -> bool:
        """Whether the vote is ours to ask for; also takes note of what others have got for it."""
        texts = {request.vote.setup.prompt_sha256: request.prompt, request.vote.instance: request.message}
        granted, attempts = await self.writer.claim(Claim(request.vote, self.owner, texts))
        self._known[request.vote.sha256] = [self.provider.read(attempt) for attempt in attempts]
        return granted

    def votes(self) -> dict[str, VoteKey]:
        """Every vote that there can be, by its hash."""
        all_ = (self.vote(instance, index) for instance in self.instances for index in range(RUNS))
        return {vote.sha256: vote for vote in all_}

    def request(self, instance: Instance, index: int) -> Request:
        vote = self.vote(instance, index)
        tools = tuple(self.setup.tools.split(",")) if self.setup.tools else ()
        return Request(vote, self.task.prompt, message(instance, vote.request_id), tools, MAX_OUTPUT_TOKENS)

    async def _guarded(self, work: Any) -> None:
        """Any error stops the run, but not the calls under way: they may have been paid for."""
        try:
            await work
        except Stopped:
            pass
        except Exception as error:
            self.flow.stop(error)

    async def _settle(self, instance: Instance) -> None:
        while indices := self.wanted(instance):
            await asyncio.gather(*(self._guarded(self._cast(self.request(instance, index))) for index in indices))
            if self.flow.reason:
                return
        self.progress.done += 1

    async def _cast(self, request: Request) -> None:
        if not await self.claim(request):
            return
        began, tries = time.monotonic(), 0
        while self.outcome(request.vote) is None:
            reply = await self._attempt(request)
            if reply.counts:
                continue
            tries += 1
            if tries == self.auditor.limits.tries or time.monotonic() - began > self.auditor.limits.patience_seconds:
                self.given_up[request.vote.sha256] = f"given up after {tries} attempts, the last: {reply.fault}"
            else:
                await self.flow.pause(self.auditor.limits.backoff(tries))

    async def _attempt(self, request: Request) -> Reply:
        limits = self.auditor.limits
        async with self.flow.call(request.tokens) as started, self._within_budget(request) as paid:
            if self.flow.reason:  # while this call was waiting for the budget
                raise Stopped
            attempt, pause = await self.provider.ask(request, self.auditor.run, limits.deadline_seconds)
            await self.writer.append(attempt)
            reply = self.keep(attempt)
            paid.append(cost(reply))
        if attempt.status == 200:
            self.flow.succeeded()
        elif attempt.status == 429:
            self.flow.throttled(started, pause or limits.backoff(1))
        error = self.provider.permanent(attempt.status, attempt.body, pause, limits.longest_wait_seconds, self.setup.auditor)
        if error and not reply.is_too_long:
            raise error
        return reply

    def _within_budget(self, request: Request) -> Any:
        return self.budget.call(request) if self.budget else contextlib.nullcontext([])

    async def _stay_alive(self) -> None:
        """Beat, free the claims of runs that no longer do, and report progress."""
        seen: dict[str, tuple[int, float]] = {}
        reported = time.monotonic()
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                try:
                    beats = await asyncio.to_thread(self.auditor.ledger.beat, self.owner)
                    for owner, beat in beats.items():
                        if owner not in seen or seen[owner][0] != beat:
                            seen[owner] = (beat, time.monotonic())
                        elif time.monotonic() - seen[owner][1] > 10 * self.auditor.heartbeat_seconds:
                            await asyncio.to_thread(self.auditor.ledger.forget, owner)
                except Exception as error:
                    self.flow.stop(error)
                if time.monotonic() - reported > PROGRESS_SECONDS:
                    reported = time.monotonic()
                    log.info("%s", self.progress)
                await asyncio.sleep(self.auditor.heartbeat_seconds)


class Progress:
    """How far a casting is: instances settled, calls, rate, time left, cost, faults by kind."""

    def __init__(self, what: str, instances: int) -> None:
        self.what, self.instances, self.done, self.calls = what, instances, 0, 0
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
        known = total(self.costs)
        parts = [
            f"{self.what}: {self.done:,} of {self.instances:,} instances",
            f"{self.calls:,} calls",
            f"{60 * self.calls / seconds:,.0f} a minute",
            "cost unknown" if known is None else f"${known:,.2f}",
        ]
        if 0 < self.done < self.instances:
            parts.append(f"{dt.timedelta(seconds=round(seconds * (self.instances - self.done) / self.done))} left")
        parts += [f"{fault} ×{count}" for fault, count in self.faults.most_common(5)]
        return ", ".join(parts)


def audit_votes(casting: Casting) -> Iterator[AuditVote]:
    """All five votes of each instance, those that failed or were not needed included."""
    for facts, answer in _votes(casting):
        yield AuditVote(verdict=answer and answer.verdict, error_type=answer and answer.error_type, **facts)


def relabel_votes(casting: Casting) -> Iterator[RelabelVote]:
    """All five votes of each instance, those that failed or were not needed included."""
    for facts, answer in _votes(casting):
        yield RelabelVote(answer=answer and answer.label, assumptions=answer and _assumptions(answer), **facts)


def _votes(casting: Casting) -> Iterator[tuple[dict[str, Any], Any]]:
    searches = "search" in casting.setup.tools
    for instance in casting.instances:
        outcomes = casting.outcomes(instance)
        for index in range(RUNS):
            facts = {"uid": instance.uid, "run_index": index, "prompt_sha256": version(casting.setup.prompt_sha256)}
            if index < len(outcomes):
                yield facts | outcomes[index].facts(searches), outcomes[index].answer
            else:
                yield facts | {"status": "not_cast", "rationale": f"settled by {casting.settled(outcomes)}"}, None


def _assumptions(answer: RelabelAnswer) -> str:
    return json.dumps({name: getattr(answer, name) for name in ("time_point", "guideline", "assumptions")})


def _sum(figures: Any) -> Any:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
