"""Which provider serves a model, by how the model's name begins.

A provider of another package is found by its entry point in the group `medcalc_assets.auditors`: the name is the prefix
of its models, the value the module.
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from medcalc_assets.auditors.provider import AuditorError, Provider

OURS = {"gemini-": "medcalc_assets.auditors.gemini.provider"}
GROUP = "medcalc_assets.auditors"


@cache
def providers() -> dict[str, str]:
    """By prefix, the module of every provider that is installed."""
    return OURS | {found.name: found.value for found in entry_points(group=GROUP)}


def is_model(name: str) -> bool:
    """Whether a provider serves models of this name."""
    return any(map(name.startswith, providers()))


def provider_of(model: str) -> Provider:
    """The provider of a model; it is imported here. Raises AuditorError if there is none."""
    for prefix, module in providers().items():
        if model.startswith(prefix):
            return cast(Provider, import_module(module))
    known = ", ".join(f"{prefix}..." for prefix in providers())
    raise AuditorError(f"No provider serves {model!r}: the models known here are {known} `medcalc models` lists them.")
