"""What a provider of models offers, and what is asked of it: the same for every API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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

    @property
    def tokens(self) -> int:
        """An upper estimate of the prompt's tokens, at three characters each."""
        return (len(self.prompt) + len(self.message)) // 3


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

    def require_key(self) -> None:
        """Raise AuditorError if no request can be made: without a key in the environment."""

    async def ask(self, request: Request, run: str, deadline: float) -> tuple[Attempt, float | None]:
        """One attempt, and the pause in seconds that the service asks for. What goes wrong is part of the attempt."""

    def permanent(
        self, status: int | None, body: str | None, pause: float | None, longest: float, model: str
    ) -> AuditorError | None:
        """The error that stops the run, if trying again does not help, or not within the `longest` pause; a RequestError if
        that is certain of this request only."""

    def read(self, recorded: Attempt) -> Reply:
        """The reply in an attempt, from the ledger's bytes alone. It never raises: what cannot be read is a fault."""

    def jobs(self, model: str, limits: Limits) -> Jobs | None:
        """None where there is no batch API."""
