"""The settings of the project, all from the environment, as a Dagster resource."""

import os
from pathlib import Path

import dagster as dg

from medcalc_assets.auditors import published, simulated
from medcalc_assets.auditors.protocol import Auditor
from medcalc_assets.auditors.published import Published
from medcalc_assets.auditors.simulated import SimulatedAuditor
from medcalc_assets.demo.benchmark import truth
from medcalc_assets.errors import MedcalcError
from medcalc_assets.release.packet import Packets
from medcalc_assets.release.release import Releases
from medcalc_assets.source import Source
from medcalc_assets.storage.warehouse import Warehouse, home_folder

NO_AUDITOR = "none"


class SettingsError(MedcalcError):
    """A setting is not usable. The message names it and what it may be."""


class Settings(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the data is, where it comes from, and whose votes count.

    `home` is MEDCALC_HOME, `source` MEDCALC_SOURCE, `published` MEDCALC_PUBLISHED ("" for none), `auditor`
    MEDCALC_AUDITOR ("" for the default: `simulated` for the demo, else `published` if its folder is set, else `none`).
    """

    home: str
    source: str
    published: str
    auditor: str

    @classmethod
    def from_environment(cls) -> "Settings":
        return cls(
            home=str(home_folder()),
            source=os.environ.get("MEDCALC_SOURCE") or "demo",
            published=os.environ.get("MEDCALC_PUBLISHED") or "",
            auditor=os.environ.get("MEDCALC_AUDITOR") or "",
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
    def published_files(self) -> Published | None:
        return Published(Path(self.published)) if self.published else None

    @property
    def auditor_that_counts(self) -> str:
        """Whose relabels are scored against the released labels and maintained."""
        if self.auditor:
            return self.auditor
        if self.benchmark.is_demo:
            return simulated.NAME
        return published.NAME if self.published else NO_AUDITOR

    def caster_of_votes(self) -> Auditor | None:
        """The auditor to ask for votes; None for `none`, and for `published`, whose votes are not public.

        Raises SettingsError for an auditor that there is not, and for `simulated` votes on anything but the demo.
        """
        name = self.auditor_that_counts
        if name in (NO_AUDITOR, published.NAME):
            return None
        if name != simulated.NAME:
            raise SettingsError(f"MEDCALC_AUDITOR is {name!r}: it may be simulated, published or none.")
        return self.simulated_auditor()

    def simulated_auditor(self) -> SimulatedAuditor:
        if not self.benchmark.is_demo:
            raise SettingsError(
                "MEDCALC_AUDITOR is 'simulated', which knows the truth of the demo only, and MEDCALC_SOURCE is "
                f"{self.source!r}. Set MEDCALC_AUDITOR to published or none."
            )
        return SimulatedAuditor(truth())
