"""A model as an auditor, whoever provides it. What the ledger holds is not asked again; what is settled, not at all."""

import asyncio
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from medcalc_assets.auditors import batches, online
from medcalc_assets.auditors.asking import Asking
from medcalc_assets.auditors.budget import MOST_QUERIES, Budget, Day
from medcalc_assets.auditors.casting import MAX_OUTPUT_TOKENS, Casting, Voting, audit_votes, input_votes, relabel_votes
from medcalc_assets.auditors.drained import Drained
from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.ledger import OF_VERSION, Attempt, Ledger, Setup
from medcalc_assets.auditors.prices import cost, known_price
from medcalc_assets.auditors.protocol import AuditVote, Derivation, Inputs, InputVote, Instance, Question, RelabelVote
from medcalc_assets.auditors.provider import AuditorError, Provider
from medcalc_assets.auditors.registry import provider_of, read
from medcalc_assets.auditors.tasks import AUDIT, INPUTS, RELABEL, Task


@dataclass(frozen=True)
class ModelAuditor:
    """A model as an auditor, or, as `model#version`, one served version of it. `run` is the run that new calls are booked
    to, and `max_usd` what it may cost; `max_usd_per_day` is what all runs of a day may.

    Raises AuditorError when the provider refuses and repeating does not help, BudgetError before a limit is crossed,
    and LedgerError when answers cannot be kept. Whatever was answered until then is in the ledger.
    """

    name: str
    ledger: Ledger
    run: str = "none"
    tools: tuple[str, ...] = ("search", "code")
    voting: Voting = "adaptive"
    mode: Literal["online", "batch"] = "online"
    thinking: str | None = None
    max_usd: float | None = None
    max_usd_per_day: float | None = None
    limits: Limits = field(default_factory=Limits)
    heartbeat_seconds: float = 2.0
    """How often a run says that it is alive; one that is silent for ten times as long is dead."""

    @property
    def model(self) -> str:
        return self.name.partition(OF_VERSION)[0]

    def audit(self, derivations: Sequence[Derivation]) -> Iterator[AuditVote]:
        return audit_votes(self.cast(AUDIT, derivations))

    def relabel(self, questions: Sequence[Question]) -> Iterator[RelabelVote]:
        return relabel_votes(self.cast(RELABEL, questions))

    def inputs(self, asked: Sequence[Inputs]) -> Iterator[InputVote]:
        return input_votes(self.cast(INPUTS, asked))

    def cast(self, task: Task, instances: Sequence[Instance]) -> Casting:
        """Ask until every instance is settled. Raises what stops the run, once the calls under way have ended."""
        return self.cast_all([(task, instances)])[0]

    def cast_all(self, asked: Sequence[tuple[Task, Sequence[Instance]]]) -> list[Casting]:
        """The same of several tasks, side by side and within one budget."""
        castings = [self.casting(task, instances) for task, instances in asked]
        if any(casting.open for casting in castings):
            with Drained() as drained:
                asyncio.run(self._ask(castings, drained))
        return castings

    def casting(self, task: Task, instances: Sequence[Instance]) -> Casting:
        return Casting(self.ledger, self.setup(task), instances, read, self.voting, self.limits.answers)

    def setup(self, task: Task) -> Setup:
        # What is not set is not in it: the answers of before it could be set are still answers.
        chosen = {"served": self.name.partition(OF_VERSION)[2], "thinking": self.thinking}
        sampling = {"max_output_tokens": MAX_OUTPUT_TOKENS} | {name: value for name, value in chosen.items() if value}
        return Setup(
            task=task.name,
            auditor=self.model,
            prompt_sha256=task.prompt_sha256,
            sampling=json.dumps(sampling),
            tools=",".join(tool for tool in task.tools if tool in self.tools and tool in provider_of(self.model).TOOLS),
        )

    def budget(self) -> Budget | None:
        """Raises AuditorError if there is a limit and no known price to keep it by."""
        limit = min((usd for usd in (self.max_usd, self.max_usd_per_day) if usd is not None), default=None)
        if limit is None:
            return None
        known = known_price(self.model)
        if known is None:
            raise AuditorError(
                f"The price of {self.name} is unknown, so a limit of ${limit:.2f} cannot be kept. Add it to "
                "$MEDCALC_HOME/prices.toml, or run without --max-usd and MEDCALC_MAX_USD_PER_DAY."
            )
        # What the cost of a call is unknown, it is counted as the highest that it can be.
        most = known.of(0, MAX_OUTPUT_TOKENS, MOST_QUERIES)

        def spent(attempt: Attempt) -> float:
            usd = cost(read(attempt))
            return most if usd is None else usd

        return Budget(
            math.inf if self.max_usd is None else self.max_usd,
            known,
            spent=sum(map(spent, self.ledger.attempts_of_run(self.run))),
            day=None if self.max_usd_per_day is None else Day(self.max_usd_per_day, self.ledger, spent),
        )

    async def _ask(self, castings: Sequence[Casting], drained: Drained) -> None:
        provider = provider_of(self.model)
        provider.require_key(self.model)
        budget = self.budget()
        await asyncio.gather(*(self._complete(casting, provider, budget, drained) for casting in castings))

    async def _complete(self, casting: Casting, provider: Provider, budget: Budget | None, drained: Drained) -> None:
        asking = Asking(casting, self.ledger, self.run, self.limits, budget, self.heartbeat_seconds)
        async with asking.alive(), drained.by(asking.flow):
            if self.mode == "online":
                await online.complete(asking, provider)
            elif jobs := provider.jobs(self.model, self.limits):
                await batches.complete(asking, jobs)
            else:
                raise AuditorError(f"There are no batch jobs for {self.name}. Run with --mode online.")


@dataclass(frozen=True)
class EarlierAuditor:
    """The votes that the ledger holds of one setup. It asks for nothing: an instance without any vote is left out."""

    ledger: Ledger
    setup: Setup

    @property
    def name(self) -> str:
        return self.setup.name

    def audit(self, derivations: Sequence[Derivation]) -> Iterator[AuditVote]:
        return audit_votes(self._votes(derivations))

    def relabel(self, questions: Sequence[Question]) -> Iterator[RelabelVote]:
        return relabel_votes(self._votes(questions))

    def inputs(self, asked: Sequence[Inputs]) -> Iterator[InputVote]:
        return input_votes(self._votes(asked))

    def _votes(self, instances: Sequence[Instance]) -> Casting:
        casting = Casting(self.ledger, self.setup, instances, read, "adaptive", Limits().answers)
        casting.instances = [instance for instance in instances if casting.outcomes(instance)]
        while open_ := casting.open:
            votes = (casting.vote(instance, index).sha256 for instance in open_ for index in casting.wanted(instance))
            casting.given_up |= dict.fromkeys(votes, "never answered")
        return casting
