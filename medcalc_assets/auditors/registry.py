"""Which provider serves a model, by how the model's name begins.

A provider of another package is found by its entry point in the group `medcalc_assets.auditors`: the name is the prefix
of its models, the value the module.
"""

from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from medcalc_assets.auditors.gemini import provider as gemini
from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.openai import provider as openai
from medcalc_assets.auditors.provider import AuditorError, Provider
from medcalc_assets.auditors.replies import OTHER_VERSION, Reply

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


def available_models() -> dict[str, dict[str, Any]]:
    """The models of all providers that there is a key for, by the auditor's name. Raises AuditorError, also without any."""
    listed = [found for prefix in providers() if (found := provider_of(prefix).models()) is not None]
    if not listed:
        raise AuditorError("No key is set. Set GEMINI_API_KEY, or OPENAI_API_KEY for models of OpenAI, and run again.")
    return {name: facts for models in listed for name, facts in models.items()}


def read(attempt: Attempt) -> Reply:
    """The reply in an attempt, as the provider of its model reads it. An answer of another version than the one that may
    answer is a fault. What it cannot read is a fault, whatever it raises:
    an error here would be one of every run, for ever."""
    setup = attempt.vote.setup
    provider = provider_of(setup.auditor)
    try:
        reply = provider.read(attempt)
        if reply.answer and setup.served not in (None, reply.model_version):
            return replace(reply, answer=None, fault=f"{OTHER_VERSION}: {reply.model_version}")
        return reply
    except Exception as error:
        return Reply(attempt=replace(attempt, body=None), fault=f"no response of the expected shape ({error!r:.200})")
