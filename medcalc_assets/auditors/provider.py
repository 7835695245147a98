"""What a provider of models offers, and what is asked of it: the same for every API."""

import contextlib
import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.ledger import Attempt, VoteKey
from medcalc_assets.auditors.replies import Reply
from medcalc_assets.errors import MedcalcError


class AuditorError(MedcalcError):
    """No vote can be had, and trying again does not help. The message says why and what does."""


class RequestError(AuditorError):
    """One request is not accepted, and trying it again does not help. Others may be: it stops a run if none is."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent for one vote."""

    vote: VoteKey
    prompt: str
    message: str
    tools: tuple[str, ...]
    max_output_tokens: int
    thinking: str | None = None
    """How much the model is to think: `low`, `medium` or `high`; as much as it does by itself without it."""

    @property
    def tokens(self) -> int:
        """An upper estimate of the prompt's tokens, at three characters each."""
        return (len(self.prompt) + len(self.message)) // 3


def pause_in(text: str | None) -> float | None:
    """Seconds from now, of a number of them or a date; None for what is neither.

    >>> pause_in("2.5"), pause_in("soon"), pause_in("inf"), pause_in("-3")
    (2.5, None, None, 0.0)
    """
    try:
        seconds = float(text or "")
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    except ValueError:
        with contextlib.suppress(ValueError, TypeError, OverflowError, LookupError):
            return max((parsedate_to_datetime(text or "") - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)
    return None


class Jobs(Protocol):
    """Batch jobs of one model: many requests at a lower price. What is called here is free of charge, and repeated while
    that may help; then AuditorError is raised."""

    async def create(self, id: str, requests: Sequence[Request]) -> str:
        """The name of the job with this id of ours, created if no lost attempt has done so. Keys are hashes of votes."""

    async def find(self, id: str) -> str | None:
        """The name of the job with this id of ours, if it was ever created."""

    async def results(self, name: str) -> dict[str, tuple[int, str]] | None:
        """Status and body by the hash of the vote, as many as the job brought; None while it is under way."""


class Provider(Protocol):
    """The module `provider` of a provider's folder: one request, whose its errors are, what an answer contains, and jobs.

    Its SDK is imported where something is asked, never to read what is in the ledger.
    """

    TOOLS: tuple[str, ...]
    """Of the tools that a task asks for, those that there are: what a vote was cast with is part of its setup."""

    def require_key(self, model: str) -> None:
        """Raise AuditorError if no request can be made of this model: without a key in the environment."""

    async def ask(self, request: Request, run: str, deadline: float) -> tuple[Attempt, float | None]:
        """One attempt, and the pause in seconds that the service asks for. What goes wrong is part of the attempt."""

    def permanent(
        self, status: int | None, body: str | None, pause: float | None, longest: float, model: str
    ) -> AuditorError | None:
        """The error that stops the run, if trying again does not help, or not within the `longest` pause; a RequestError if
        that is certain of this request only."""

    def read(self, recorded: Attempt) -> Reply:
        """The reply in an attempt, from the ledger's bytes alone. It never raises: what cannot be read is a fault."""

    def models(self) -> dict[str, dict[str, Any]] | None:
        """The models that the key may use, by the auditor's name, with what tells one version from another; None without a
        key. Raises AuditorError."""

    def jobs(self, model: str, limits: Limits) -> Jobs | None:
        """None where there is no batch API."""
