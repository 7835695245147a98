"""What the chain asks of an auditor, and what it gets back: votes.

An auditor answers for many instances at once, because a real one (a model behind a network) keeps many calls in flight.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol, TypeVar

import polars as pl

from medcalc_assets.labels.value import Label
from medcalc_assets.storage.tables import Table


@dataclass(frozen=True, slots=True)
class Question:
    """All that Phase 2 may see of an instance. There is no field for a label, limits, entities or an explanation."""

    uid: int
    note: str
    question: str


@dataclass(frozen=True, slots=True)
class Derivation:
    """What Phase 1 judges: the question, and the label with the features and the explanation that led to it."""

    uid: int
    note: str
    question: str
    entities: str
    label_text: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that readers of inputs may see of an instance: what Phase 2 sees, and what its calculator asks for. The names,
    units and permitted values in `inputs` are the calculator's: there is no field for a value of the benchmark."""

    uid: int
    note: str
    question: str
    inputs: str


Instance = Question | Derivation | Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What is recorded of every run of an auditor on an instance, failed ones included."""

    uid: int
    run_index: int
    status: Literal["ok", "failed", "not_cast"]
    model_version: str | None = None
    prompt_sha256: str | None = None
    rationale: str | None = None
    sources: str | None = None
    searched: bool | None = None
    calls: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    latency_seconds: float | None = None

    def row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVote(Vote):
    """Phase 1: whether the label is wrong, and in what way; None without a vote."""

    verdict: Literal["likely_error", "passed"] | None
    error_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelabelVote(Vote):
    """Phase 2: the auditor's own answer, N/A included, and what it assumes; None without a vote."""

    answer: Label | None
    assumptions: str | None = None

    def row(self) -> dict[str, Any]:
        row = asdict(self)
        answer = row.pop("answer") or {}
        return row | {f"answer_{part}": answer.get(part) for part in ("kind", "number", "date")}


@dataclass(frozen=True, slots=True, kw_only=True)
class InputVote(Vote):
    """What was found in the note for each input, as JSON; None without a vote."""

    inputs: str | None


class Auditor(Protocol):
    """Returns `voting.RUNS` votes on each instance. One that could not be had, or was not needed, says so as its status."""

    @property
    def name(self) -> str: ...

    def audit(self, derivations: Sequence[Derivation]) -> Iterable[AuditVote]: ...

    def relabel(self, questions: Sequence[Question]) -> Iterable[RelabelVote]: ...

    def inputs(self, asked: Sequence[Inputs]) -> Iterable[InputVote]: ...


Seen = TypeVar("Seen", bound=Instance)


def as_seen(kind: type[Seen], instances: pl.DataFrame) -> list[Seen]:
    """Instances as a phase may see them: of a frame with more columns, only those that `kind` has a field for."""
    names = [field.name for field in fields(kind)]
    return [kind(*row) for row in instances.select(names).iter_rows()]


def columns_of(kind: type[Instance]) -> list[str]:
    return [field.name for field in fields(kind)]


def sample(instances: pl.DataFrame, of_each_calculator: int, seed: int = 0) -> pl.DataFrame:
    """So many instances of each calculator, for a seed always the same."""
    return instances.filter(pl.col("uid").hash(seed).rank("ordinal").over("calculator") <= of_each_calculator)


def cost() -> pl.Expr:
    """What the votes of a frame cost in US dollars, as far as it is known."""
    return pl.col("cost_usd").sum()


def of_unknown_cost() -> pl.Expr:
    """How many calls the votes took whose cost is unknown."""
    return pl.col("calls").filter(pl.col("cost_usd").is_null()).sum()


def votes_frame(table: Table, votes: Mapping[str, Iterable[Vote]], instances: pl.DataFrame) -> pl.DataFrame:
    """The votes of each auditor as rows of `table`, which is one of votes."""
    rows = [vote.row() | {"auditor": auditor} for auditor, cast in votes.items() for vote in cast]
    names = rows[0] if rows else ["uid"]
    return table.of_instances(instances, {name: [row[name] for row in rows] for name in names})
