"""Which provider serves a model, by how the model's name begins.

A provider of another package is found by its entry point in the group `medcalc_assets.auditors`: the name is the prefix
of its models, the value the module.
"""

from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from medcalc_assets.auditors.gemini import provider as gemini
from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.openai import provider as openai
from medcalc_assets.auditors.provider import AuditorError, Provider
from medcalc_assets.auditors.replies import Reply

# Imported, not named: the code version of the votes reaches what reads them. An SDK is imported by whoever asks.
OURS: dict[str, Provider] = {"gemini-": gemini, "openai:": openai}
GROUP = "medcalc_assets.auditors"


@cache
def providers() -> dict[str, Provider | EntryPoint]:
    """By prefix, every provider that is installed."""
    return {**OURS, **{found.name: found for found in entry_points(group=GROUP) if found.name not in OURS}}


def is_model(name: str) -> bool:
    """Whether a provider serves models of this name, which may end with an address, without a user or password."""
    return any(map(name.startswith, providers())) and name.count("@") <= 1


@cache
def provider_of(model: str) -> Provider:
    """The provider of a model; one of another package is imported here. Raises AuditorError if there is none."""
    for prefix, found in providers().items():
        if model.startswith(prefix):
            return cast(Provider, found.load()) if isinstance(found, EntryPoint) else found
    known = ", ".join(f"{prefix}..." for prefix in providers())
    raise AuditorError(
        f"No provider serves {model!r}: the models known here are {known}. Install the package of its provider, or name "
        "another model."
    )


def read(attempt: Attempt) -> Reply:
    """The reply in an attempt, as the provider of its model reads it. What it cannot read is a fault, whatever it raises:
    an error here would be one of every run, for ever."""
    provider = provider_of(attempt.vote.setup.auditor)
    try:
        return provider.read(attempt)
    except Exception as error:
        return Reply(attempt=replace(attempt, body=None), fault=f"no response of the expected shape ({error!r:.200})")
