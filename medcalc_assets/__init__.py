"""Stewardship of the labels of MedCalc-Bench: recompute, audit, vote, adjudicate, release.

>>> import medcalc_assets as mc
>>> mc.calc("glasgow_coma_score", eye=4, verbal=5, motor=6)
Glasgow Coma Score (GCS): 15 points

The chain itself is a Dagster project (`medcalc_assets.definitions`) and a command (`medcalc`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medcalc_assets.benchmarks.row import audit
    from medcalc_assets.calculators import CALCULATORS
    from medcalc_assets.calculators.calc import calc
    from medcalc_assets.errors import MedcalcError
    from medcalc_assets.labels.limits import accepts
    from medcalc_assets.labels.parsing import parse_label
    from medcalc_assets.labels.value import Label
    from medcalc_assets.labels.voting import vote
    from medcalc_assets.release.releases import load_release
    from medcalc_assets.statistics.agreement import agreement
    from medcalc_assets.version import __version__

_HOMES = {
    "CALCULATORS": "calculators",
    "Label": "labels.value",
    "MedcalcError": "errors",
    "__version__": "version",
    "accepts": "labels.limits",
    "agreement": "statistics.agreement",
    "audit": "benchmarks.row",
    "calc": "calculators.calc",
    "load_release": "release.releases",
    "parse_label": "labels.parsing",
    "vote": "labels.voting",
}
"""Where each name is defined: it is imported when it is used, so that the package itself costs nothing."""

__all__ = [
    "CALCULATORS",
    "Label",
    "MedcalcError",
    "__version__",
    "accepts",
    "agreement",
    "audit",
    "calc",
    "load_release",
    "parse_label",
    "vote",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return __all__
