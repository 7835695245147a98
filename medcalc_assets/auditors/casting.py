"""The votes of one setup on some instances: what the ledger knows of them, which are asked for next, and what they say."""

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from medcalc_assets.auditors.ledger import Attempt, Ledger, Setup, VoteKey
from medcalc_assets.auditors.prices import cost, total
from medcalc_assets.auditors.protocol import AuditVote, InputVote, Instance, RelabelVote
from medcalc_assets.auditors.provider import Request
from medcalc_assets.auditors.replies import Reply
from medcalc_assets.auditors.tasks import TASKS, RelabelAnswer, instance_sha256, message, version
from medcalc_assets.labels.voting import RUNS, fewest_to_settle

MAX_OUTPUT_TOKENS = 32_768
GIVEN_UP, OF_NO_USE = "given up", "no usable answer"
"""How it begins, why a vote failed: it got no answer in this run, or none that can be used."""
NEW_ANSWERS = tuple(object() for _ in range(RUNS))
"""Stand for answers that nobody has given yet, when further votes are weighed."""
Voting = Literal["adaptive", "full"]


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


class Casting:
    """Nothing is asked here: that is for `asking`, which keeps here what it gets.

    `read` reads an attempt, and `answers` is how many answers of no use make a vote fail.
    """

    def __init__(
        self,
        ledger: Ledger,
        setup: Setup,
        instances: Sequence[Instance],
        read: Callable[[Attempt], Reply],
        voting: Voting,
        answers: int,
    ) -> None:
        self.setup, self.instances, self.task = setup, instances, TASKS[setup.task]
        self.given_up: dict[str, str] = {}
        """Votes that got no answer in this run, and why. A later run may ask again."""
        self._read, self._voting, self._answers = read, voting, answers
        self._hashes = {instance.uid: instance_sha256(instance) for instance in instances}
        self._known: dict[str, list[Reply]] = defaultdict(list)
        wanted = set(self._hashes.values())
        for attempt in ledger.attempts(setup):
            if attempt.vote.instance in wanted:
                self.keep(attempt)

    # -- what is known

    def vote(self, instance: Instance, index: int) -> VoteKey:
        return VoteKey(self.setup, self._hashes[instance.uid], instance.uid, index)

    def votes(self) -> dict[str, VoteKey]:
        """Every vote that there can be, by its hash."""
        all_ = (self.vote(instance, index) for instance in self.instances for index in range(RUNS))
        return {vote.sha256: vote for vote in all_}

    def outcome(self, vote: VoteKey) -> Outcome | None:
        """What became of a vote; None while it is open."""
        replies = self._known.get(vote.sha256, [])
        for number, reply in enumerate(replies, start=1):
            if reply.answer:
                return Outcome(replies[:number])
        answered = [reply for reply in replies if reply.counts]
        if len(answered) >= self._answers or any(reply.is_too_long for reply in answered):
            return Outcome(replies, f"{OF_NO_USE} in {len(answered)}, the last: {answered[-1].fault}")
        return Outcome(replies, self.given_up[vote.sha256]) if vote.sha256 in self.given_up else None

    def outcomes(self, instance: Instance) -> list[Outcome]:
        """The votes cast so far, in order, up to the one that settled it."""
        found: list[Outcome] = []
        while len(found) < RUNS and not self.settled(found) and (next_ := self.outcome(self.vote(instance, len(found)))):
            found.append(next_)
        return found

    def settled(self, outcomes: Sequence[Outcome]) -> str | None:
        """Why no further vote is needed. All five are in `full` voting."""
        return self.task.settled([outcome.ballot for outcome in outcomes]) if self._voting == "adaptive" else None

    def asked(self, instance: Instance) -> int:
        """How many votes on it were asked for."""
        return sum(self.vote(instance, index).sha256 in self._known for index in range(RUNS))

    def spent(self, instance: Instance, index: int) -> Outcome | None:
        """What became of a vote that was asked for and turned out not to be needed; None if it was not asked for."""
        replies = self._known.get(self.vote(instance, index).sha256)
        return Outcome(replies, "not needed") if replies else None

    def replies(self) -> Iterator[Reply]:
        return chain.from_iterable(self._known.values())

    def keep(self, attempt: Attempt) -> Reply:
        """Take note of an attempt that is in the ledger."""
        self._known[attempt.vote.sha256].append(reply := self._read(attempt))
        return reply

    def replace(self, vote: VoteKey, attempts: Sequence[Attempt]) -> None:
        """Take note of all attempts on a vote that are in the ledger, of other runs as well."""
        self._known[vote.sha256] = [self._read(attempt) for attempt in attempts]

    # -- what is asked next

    @property
    def open(self) -> list[Instance]:
        """The instances of which a vote is wanted."""
        return [instance for instance in self.instances if self.wanted(instance)]

    def wanted(self, instance: Instance) -> list[int]:
        """The votes to ask for next, none of them in vain; empty once the outcome is settled or all are cast."""
        outcomes = self.outcomes(instance)
        if self.settled(outcomes) or len(outcomes) == RUNS:
            return []
        cast, few = len(outcomes), RUNS - len(outcomes)
        if self._voting == "adaptive":
            ballots = [outcome.ballot for outcome in outcomes]
            few = fewest_to_settle(self.task.settled, ballots, self.task.ballots or {*ballots, *NEW_ANSWERS} - {None})
        return [index for index in range(cast, cast + few) if self.outcome(self.vote(instance, index)) is None]

    def next_wave(self, instance: Instance) -> list[int]:
        """The votes to ask for next where that takes long: those that are wanted, and once there are any, all others."""
        if not (outcomes := self.outcomes(instance)):
            return self.wanted(instance)
        left = () if self.settled(outcomes) else range(len(outcomes), RUNS)
        return [index for index in left if self.outcome(self.vote(instance, index)) is None]

    def request(self, instance: Instance, index: int) -> Request:
        vote = self.vote(instance, index)
        tools = tuple(self.setup.tools.split(",")) if self.setup.tools else ()
        return Request(
            vote, self.task.prompt, message(instance, vote.request_id), tools, MAX_OUTPUT_TOKENS, self.setup.thinking
        )

    def requests(self, instance: Instance) -> list[Request]:
        """Those of the votes to ask for next."""
        return [self.request(instance, index) for index in self.wanted(instance)]


def audit_votes(casting: Casting) -> Iterator[AuditVote]:
    """All five votes of each instance, those that failed or were not needed included."""
    for facts, answer in _votes(casting):
        yield AuditVote(verdict=answer and answer.verdict, error_type=answer and answer.error_type, **facts)


def relabel_votes(casting: Casting) -> Iterator[RelabelVote]:
    """All five votes of each instance, those that failed or were not needed included."""
    for facts, answer in _votes(casting):
        yield RelabelVote(answer=answer and answer.label, assumptions=answer and _assumptions(answer), **facts)


def input_votes(casting: Casting) -> Iterator[InputVote]:
    """All five votes of each instance, those that failed or were not needed included."""
    for facts, answer in _votes(casting):
        yield InputVote(
            inputs=answer and json.dumps([each.model_dump() for each in answer.inputs], ensure_ascii=False), **facts
        )


def _votes(casting: Casting) -> Iterator[tuple[dict[str, Any], Any]]:
    searches = "search" in casting.setup.tools
    for instance in casting.instances:
        outcomes = casting.outcomes(instance)
        for index in range(RUNS):
            facts = {"uid": instance.uid, "run_index": index, "prompt_sha256": version(casting.setup.prompt_sha256)}
            if index < len(outcomes):
                yield facts | outcomes[index].facts(searches), outcomes[index].answer
            else:
                paid_for = spent.facts(searches) if (spent := casting.spent(instance, index)) else {}
                not_cast = {"status": "not_cast", "rationale": f"settled by {casting.settled(outcomes)}"}
                yield facts | paid_for | not_cast, None


def _assumptions(answer: RelabelAnswer) -> str:
    return json.dumps({name: getattr(answer, name) for name in ("time_point", "guideline", "assumptions")})


def _sum(figures: Any) -> Any:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
