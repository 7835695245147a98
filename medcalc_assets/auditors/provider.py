"""What a provider of models offers, and what is asked of it: the same for every API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from medcalc_assets.auditors.ledger import Attempt, VoteKey
from medcalc_assets.auditors.replies import Reply
from medcalc_assets.errors import MedcalcError


class AuditorError(MedcalcError):
    """No vote can be had, and trying again does not help. The message says why and what does."""


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


class Provider(Protocol):
    """The module `provider` of a provider's folder: which models it has, one request, its errors, and its answers."""

    def require_key(self) -> None:
        """Raise AuditorError if no request can be made: without a key in the environment."""

    async def ask(self, request: Request, run: str, deadline: float) -> tuple[Attempt, float | None]:
        """One attempt, and the pause in seconds that the service asks for. What goes wrong is part of the attempt."""

    def permanent(
        self, status: int | None, body: str | None, pause: float | None, longest: float, model: str
    ) -> AuditorError | None:
        """The error that stops the run, if trying again does not help, or not within the `longest` pause."""

    def read(self, recorded: Attempt) -> Reply:
        """The reply in an attempt, from the ledger's bytes alone. It never raises: what cannot be read is a fault."""

    async def complete_in_batch(self, casting: Any, instances: Sequence[Any]) -> None:
        """Ask in batch jobs until every instance is settled. Raises AuditorError where there is no batch API."""
