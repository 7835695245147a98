"""The settings of the project, all from the environment, as a Dagster resource."""

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import dagster as dg
import polars as pl

from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.ledger import Ledger, Setup
from medcalc_assets.auditors.model import EarlierAuditor, ModelAuditor
from medcalc_assets.auditors.protocol import Auditor, Vote, as_seen, sample
from medcalc_assets.auditors.simulated import SimulatedAuditor
from medcalc_assets.auditors.tasks import Task, Tool
from medcalc_assets.benchmarks.demo import truth
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels import simulated
from medcalc_assets.labels.simulated import DEMO
from medcalc_assets.physicians import authors
from medcalc_assets.physicians.authors import AuthorsFiles
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.release.releases import Releases
from medcalc_assets.storage.warehouse import Warehouse, home_folder

NO_AUDITOR = "none"
GEMINI = "gemini-"
ASKED_AUDITOR, MAX_USD, BUDGET, SAMPLE = (f"medcalc/{name}" for name in ("auditor", "max_usd", "budget", "sample"))
"""Tags of a run: whom to ask for votes, what that may cost, the name under which runs share this limit, and of how many
instances a calculator, if not of all."""


class SettingsError(MedcalcError):
    """A setting is not usable. The message names it and what it may be."""


class Settings(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the data is, where it comes from, and whose votes count.

    `home` is MEDCALC_HOME, `source` MEDCALC_SOURCE, `authors` MEDCALC_AUTHORS ("" for none), `auditor`
    MEDCALC_AUDITOR ("" for the default: `simulated` for the demo, else `authors` if its folder is set, else `none`).
    """

    home: str
    source: str
    authors: str
    auditor: str

    # How Gemini is asked. "" is the default of each.
    tools: str = ""
    """MEDCALC_TOOLS: `search,code` (the default), one of them, or `none`. Mind the terms of grounding with Google Search."""
    voting: str = ""
    """MEDCALC_VOTING: `adaptive` (the default: until it is settled) or `full` (always five)."""
    mode: str = ""
    """MEDCALC_MODE: `online` (the default) or `batch` (half the price, within a day)."""
    max_usd: str = ""
    """MEDCALC_MAX_USD: what the calls of a run may cost; no limit by default."""
    at_once: str = ""
    """MEDCALC_AT_ONCE: how many calls are under way at most."""
    requests_per_minute: str = ""
    tokens_per_minute: str = ""
    """MEDCALC_REQUESTS_PER_MINUTE, MEDCALC_TOKENS_PER_MINUTE: what the key allows; no limit by default."""
    watch: str = ""
    """MEDCALC_WATCH: which models are watched, as a pattern; `gemini-*-pro*` by default."""
    reaudit_max_usd: str = ""
    reaudit_sample: str = ""
    """MEDCALC_REAUDIT_MAX_USD: what a re-audit with a new model may cost; there is none without it.
    MEDCALC_REAUDIT_SAMPLE: of how many instances a calculator it is; of all by default."""
    ledger: str = ""
    """MEDCALC_LEDGER: URL of the ledger of calls; an SQLite file in `home` by default."""

    @classmethod
    def from_environment(cls) -> "Settings":
        return cls(
            home=str(home_folder()),
            source=os.environ.get("MEDCALC_SOURCE") or DEMO,
            authors=os.environ.get("MEDCALC_AUTHORS") or "",
            auditor=os.environ.get("MEDCALC_AUDITOR") or "",
            **{
                name: os.environ.get(f"MEDCALC_{name.upper()}", "")
                for name, field in cls.model_fields.items()
                if not field.is_required()
            },
        )

    @property
    def benchmark(self) -> Source:
        return Source(self.source)

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

    @property
    def auditor_that_counts(self) -> str:
        """Whose relabels are scored against the original labels and maintained."""
        if self.auditor:
            return self.auditor
        if self.source == DEMO:
            return simulated.NAME
        return authors.NAME if self.authors else NO_AUDITOR

    def casters_of_votes(self, task: str, run: dg.DagsterRun) -> tuple[Auditor | None, Sequence[Auditor]]:
        """The auditor to ask for votes, if there is one, and the others whose votes on this task are at hand.

        Asked is the one named by the run's tag `medcalc/auditor`, else the one that counts. Raises SettingsError for an
        auditor that there is not, and for `simulated` votes on anything but the demo.
        """
        name = run.tags.get(ASKED_AUDITOR, self.auditor_that_counts)
        asked: Auditor | None = None
        if name == simulated.NAME:
            asked = self.simulated_auditor()
        elif name.startswith(GEMINI):
            asked = self.gemini(name, run.tags.get(BUDGET, run.run_id), run.tags.get(MAX_USD))
        elif name not in (NO_AUDITOR, authors.NAME):
            raise SettingsError(
                f"MEDCALC_AUDITOR is {name!r}: it may be simulated, authors, none, or the id of a Gemini model such as "
                "gemini-2.5-pro."
            )
        others: list[Auditor] = [self.simulated_auditor()] if name != simulated.NAME == self.auditor_that_counts else []
        # The last setup of an auditor replaces its earlier ones.
        earlier = {setup.auditor: setup for setup in self._setups(task)}
        return asked, others + [EarlierAuditor(self.calls, earlier[other]) for other in sorted(earlier) if other != name]

    def votes(
        self, task: Task, raw_medcalc: pl.LazyFrame, run: dg.DagsterRun
    ) -> tuple[pl.DataFrame, dict[str, Iterable[Vote]]]:
        """The instances, and by auditor the votes on them. An auditor's method has the name of the task.

        The votes of earlier auditors stay: they are read from the ledger, which asks for nothing. Of the auditor who is
        asked they are on all instances, or on the sample that the run's tags name. Where nobody votes no note is read.
        """
        asked, earlier = self.casters_of_votes(task.name, run)
        instances = (raw_medcalc if asked or earlier else raw_medcalc.clear()).collect()
        seen = as_seen(task.sees, instances)
        votes = {auditor.name: getattr(auditor, task.name)(seen) for auditor in earlier}
        if asked:
            chosen = sample(instances, int(run.tags[SAMPLE])) if SAMPLE in run.tags else instances
            votes[asked.name] = getattr(asked, task.name)(as_seen(task.sees, chosen))
        return instances, votes

    @property
    def watched(self) -> str:
        return self.watch or "gemini-*-pro*"

    def gemini(self, model: str, run: str = "none", max_usd: str | None = None) -> ModelAuditor:
        """The auditor of this model id. Raises SettingsError for a setting that is not usable."""
        if not model.startswith(GEMINI):
            raise SettingsError(f"MEDCALC_AUDITOR is {model!r}: give the id of a Gemini model, such as gemini-2.5-pro.")
        tools = {"": ("search", "code"), "none": ()}.get(self.tools, tuple(self.tools.split(",")))
        if unknown := set(tools) - set(get_args(Tool)):
            raise SettingsError(
                f"MEDCALC_TOOLS names {', '.join(sorted(unknown))}: it may name search and code, or be none."
            )
        limits = {name: self._number(name) for name in ("at_once", "requests_per_minute", "tokens_per_minute")}
        return ModelAuditor(
            model,
            self.calls,
            run=run,
            tools=tools,
            voting=self._one_of("voting", "adaptive", "full"),
            mode=self._one_of("mode", "online", "batch"),
            max_usd=self._number("max_usd", max_usd),
            limits=Limits(**{name: int(limit) for name, limit in limits.items() if limit}),
        )

    @property
    def calls(self) -> Ledger:
        """The ledger of all calls that were ever made."""
        if not self.ledger:
            Path(self.home).mkdir(parents=True, exist_ok=True)
        return Ledger(self.ledger or f"sqlite:///{self._ledger_file}")

    @property
    def has_calls(self) -> bool:
        return bool(self.ledger) or self._ledger_file.exists()

    @property
    def _ledger_file(self) -> Path:
        return Path(self.home) / "ledger.sqlite"

    def _setups(self, task: str) -> list[Setup]:
        return self.calls.setups(task) if self.has_calls else []

    def simulated_auditor(self) -> SimulatedAuditor:
        if not self.benchmark.is_demo:
            raise SettingsError(
                "MEDCALC_AUDITOR is 'simulated', which knows the truth of the demo only, and MEDCALC_SOURCE is "
                f"{self.source!r}. Set MEDCALC_AUDITOR to authors or none."
            )
        return SimulatedAuditor(truth())

    def _one_of(self, name: str, *choices: str) -> Any:
        value = getattr(self, name) or choices[0]
        if value not in choices:
            raise SettingsError(f"MEDCALC_{name.upper()} is {value!r}: it may be {' or '.join(choices)}.")
        return value

    def _number(self, name: str, value: str | None = None) -> float | None:
        value = value or getattr(self, name)
        try:
            number = float(value) if value else None
        except ValueError:
            number = math.nan
        if number is not None and not 0 < number < math.inf:
            raise SettingsError(f"MEDCALC_{name.upper()} is {value!r}: give a number above 0, or leave it unset.")
        return number
