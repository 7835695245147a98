"""The settings of the project, and what a run may choose for itself, as Dagster resources."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import dagster as dg
import polars as pl
from pydantic import Field, model_validator

from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.ledger import Ledger, Setup
from medcalc_assets.auditors.model import EarlierAuditor, ModelAuditor
from medcalc_assets.auditors.protocol import Auditor, Vote, as_seen, sample
from medcalc_assets.auditors.registry import is_model
from medcalc_assets.auditors.simulated import SimulatedAuditor
from medcalc_assets.auditors.tasks import Task
from medcalc_assets.benchmarks.demo import stated, truth
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.labels import simulated
from medcalc_assets.physicians.authors import AuthorsFiles
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.release.releases import Releases
from medcalc_assets.settings import Checked, ProjectSettings, require_auditor
from medcalc_assets.storage.files import make_home
from medcalc_assets.storage.warehouse import Warehouse


class Votes(Checked, dg.ConfigurableResource):  # type: ignore[type-arg]
    """What a run may choose for the votes of both phases: `auditor`, what it may cost (`max_usd`), `sample`, `seed`,
    `budget`."""

    auditor: str = ""
    """The auditor to ask: simulated (on the demo only), authors, none, or a model such as gemini-2.5-pro. Without it the one
    whose votes count (MEDCALC_AUDITOR). Votes of another stand beside those that count, and change no label."""
    max_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """What the calls of this run may cost, in US dollars: at most MEDCALC_MAX_USD, which holds without it, too."""
    sample: int | None = Field(default=None, gt=0)
    """Of how many instances per calculator the votes are, always the same ones. Without it of all."""
    seed: int = Field(default=0, ge=0)
    """Another seed is another sample."""
    budget: str = ""
    """Runs that name the same budget share one limit: what any of them has spent counts. Without it the run has its own."""

    @classmethod
    def called(cls, name: str) -> str:
        return f"resources:votes:config:{name}"

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.auditor:
            require_auditor(self.auditor, self.called("auditor"))
        return self


class Settings(ProjectSettings, dg.ConfigurableResource):  # type: ignore[type-arg]
    """The settings of the project, and what they lead to: the same for all runs."""

    @property
    def benchmark(self) -> Source:
        return Source(self.source, self.strict)

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(Path(self.home))

    @property
    def releases(self) -> Releases:
        return Releases(Path(self.home) / "releases")

    @property
    def packets(self) -> Packets:
        return Packets(Path(self.home))

    @property
    def authors_files(self) -> AuthorsFiles | None:
        return AuthorsFiles(Path(self.authors)) if self.authors else None

    def casters_of_votes(self, task: str, asked_for: Votes, run: str) -> tuple[Sequence[Auditor], Sequence[Auditor]]:
        """The auditors to ask for votes, and the others whose votes on this task are at hand.

        Raises SettingsError for an auditor that there is not, and for `simulated` votes on anything but the demo.
        """
        names = [asked_for.auditor] if asked_for.auditor else self.voters
        limit = min((usd for usd in (asked_for.max_usd, self.max_usd) if usd is not None), default=None)
        asked: list[Auditor] = []
        for name in names:
            require_auditor(name, (asked_for if asked_for.auditor else self).called("auditor"), self.source)
            if name == simulated.NAME:
                asked.append(self.simulated_auditor())
            elif is_model(name):
                asked.append(self.model(name, asked_for.budget or run, limit))
        is_beside = simulated.NAME not in names and self.auditor_that_counts == simulated.NAME
        others: list[Auditor] = [self.simulated_auditor()] if is_beside else []
        # The last setup of an auditor replaces its earlier ones.
        earlier = {setup.name: setup for setup in self._setups(task)}
        return asked, others + [
            EarlierAuditor(self.calls, earlier[other]) for other in sorted(earlier) if other not in names
        ]

    def votes(
        self, task: Task, raw_medcalc: pl.LazyFrame, asked_for: Votes, run: str, beside: Sequence[Task] = ()
    ) -> tuple[pl.DataFrame, dict[str, Iterable[Vote]]]:
        """The instances, and by auditor the votes on them. An auditor's method has the name of the task.

        The votes of earlier auditors stay: they are read from the ledger, which asks for nothing. Of the auditors who are
        asked they are on all instances, or on the sample that is asked for. Where nobody votes no note is read.

        Batch jobs, which take up to a day, are of this task and those `beside` it at once: the steps of those then find
        their votes in the ledger.
        """
        self.require_unchanged()
        asked, earlier = self.casters_of_votes(task.name, asked_for, run)
        instances = (raw_medcalc if asked or earlier else raw_medcalc.clear()).collect()
        seen = as_seen(task.sees, instances)
        votes = {auditor.name: getattr(auditor, task.name)(seen) for auditor in earlier}
        chosen = sample(instances, asked_for.sample, asked_for.seed) if asked_for.sample else instances
        for auditor in asked:
            if beside and isinstance(auditor, ModelAuditor) and auditor.mode == "batch":
                auditor.cast_all([(each, as_seen(each.sees, chosen)) for each in (task, *beside)])
            votes[auditor.name] = getattr(auditor, task.name)(as_seen(task.sees, chosen))
        return instances, votes

    def simulated_auditor(self) -> SimulatedAuditor:
        return SimulatedAuditor(truth(), stated())

    def model(self, name: str, run: str = "none", max_usd: float | None = None) -> ModelAuditor:
        """The auditor of this model, asked as the settings say."""
        return ModelAuditor(
            name,
            self.calls,
            run=run,
            tools=() if self.tools == "none" else tuple(self.tools.split(",")),
            voting=self.voting,
            mode=self.mode,
            thinking=None if self.thinking == "default" else self.thinking,
            max_usd=max_usd,
            max_usd_per_day=self.max_usd_per_day,
            limits=Limits(
                at_once=self.at_once,
                requests_per_minute=self.requests_per_minute,
                tokens_per_minute=self.tokens_per_minute,
            ),
        )

    @property
    def calls(self) -> Ledger:
        """The ledger of all calls that were ever made."""
        if not self.ledger:
            make_home(Path(self.home))
        return Ledger(self.ledger_url)

    def _setups(self, task: str) -> list[Setup]:
        return self.calls.setups(task) if self.has_calls else []
