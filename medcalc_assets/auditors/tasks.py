"""The questions that a model is asked: what it is sent, what it must answer, and when its votes are enough."""

import hashlib
import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from medcalc_assets.auditors.protocol import Derivation, Inputs, Instance, Question, columns_of
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.value import Label
from medcalc_assets.labels.voting import audit_settled, ballot, inputs_settled, relabel_settled

PARSER_VERSION = 2
"""Raised when the reading of answers changes: the votes are read anew from the ledger, and no call is made."""

PACKAGE = Path(__file__).parents[1]
PROMPTS = next(folder for folder in (PACKAGE / "prompts", PACKAGE.parent / "prompts") if folder.is_dir())
"""Inside the package where it is installed from a wheel, beside it in a checkout."""

Tool = Literal["search", "code"]


class Answer(BaseModel):
    """The final block of an answer. Nothing may be missing, added or of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: str
    rationale: str
    sources: list[str]


class AuditAnswer(Answer):
    verdict: Literal["likely_error", "passed"]
    error_type: Literal["feature_extraction", "aggregation_logic", "not_answerable"] | None

    @model_validator(mode="after")
    def _an_error_has_a_type(self) -> "AuditAnswer":
        if (self.verdict == "likely_error") != (self.error_type is not None):
            raise ValueError("an error has a type, and a label that passed has none")
        return self

    @property
    def ballot(self) -> Hashable:
        return self.verdict


class RelabelAnswer(Answer):
    answer: str | int | float
    time_point: str | None
    guideline: str | None
    assumptions: list[str]

    @model_validator(mode="after")
    def _the_answer_is_a_label(self) -> "RelabelAnswer":
        try:
            parse_label(self.answer)
        except LabelError as error:
            raise ValueError(f"the answer is {self.answer!r}, {error}") from None
        return self

    @property
    def label(self) -> Label:
        return parse_label(self.answer)

    @property
    def ballot(self) -> Hashable:
        return ballot(self.label)


class ReadInput(BaseModel):
    """What was found for one input: no value where the note states none."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    input: str
    value: str | int | float | bool | None
    unit: str | None
    quote: str


class InputsAnswer(Answer):
    inputs: list[ReadInput]

    @model_validator(mode="after")
    def _an_input_is_there_once(self) -> "InputsAnswer":
        names = [each.input for each in self.inputs]
        if len(set(names)) < len(names):
            raise ValueError("an input is there twice")
        return self

    @property
    def ballot(self) -> Hashable:
        return frozenset((each.input, (each.value, each.unit if each.value is not None else None)) for each in self.inputs)


@dataclass(frozen=True)
class Task:
    """What a model is asked, as it sees it. `settled` says why no further vote is needed; see `labels.voting`."""

    name: Literal["audit", "relabel", "inputs"]
    sees: type[Derivation] | type[Question] | type[Inputs]
    answer: type[AuditAnswer] | type[RelabelAnswer] | type[InputsAnswer]
    tools: tuple[Tool, ...]
    settled: Callable[[Sequence[Hashable | None]], str | None]
    ballots: frozenset[Hashable] | None = None
    """All that a vote can be; None if it can be anything."""

    @cached_property
    def prompt(self) -> str:
        """What the model is told to do: the text of `prompts/<name>.md` with the fields of the answer."""
        _, front, text = _prompt_file(self.name).split("---\n", 2)
        fields = yaml.safe_load(front)["answer"]
        if set(fields) != set(self.answer.model_fields):
            raise ValueError(
                f"prompts/{self.name}.md names the fields {sorted(fields)}: they must be those of {self.answer}"
            )
        return text.strip().replace("{answer}", json.dumps(fields, indent=2))

    @cached_property
    def prompt_sha256(self) -> str:
        """Hash of all that makes a request of an instance, and of the answer's schema. Another hash is another call."""
        empty = self.sees(0, *("" for _ in columns_of(self.sees)[1:]))
        schema = json.dumps(self.answer.model_json_schema(), sort_keys=True)
        return _sha256(_prompt_file(self.name), message(empty, "id"), schema)


def version(prompt_sha256: str) -> str:
    """Hash of prompt, answer schema and parser: it is in every vote, and the code version of the votes."""
    return _sha256(prompt_sha256, str(PARSER_VERSION))


AUDIT = Task("audit", Derivation, AuditAnswer, ("search",), audit_settled, frozenset({"likely_error", "passed"}))
RELABEL = Task("relabel", Question, RelabelAnswer, ("search", "code"), relabel_settled)
INPUTS = Task("inputs", Inputs, InputsAnswer, (), inputs_settled)
TASKS: dict[str, Task] = {task.name: task for task in (AUDIT, RELABEL, INPUTS)}


def instance_sha256(instance: Instance) -> str:
    """Hash of everything about an instance that its requests are built from."""
    return _sha256(json.dumps(asdict(instance), sort_keys=True))


def message(instance: Instance, request_id: str) -> str:
    """What the model is given: every field of the instance but its number, each between marks that no note can know."""
    fields = {name: text for name, text in asdict(instance).items() if name != "uid"}
    fenced = [f"<{name} {request_id}>\n{text}\n</{name} {request_id}>" for name, text in fields.items()]
    return "\n\n".join([*fenced, f"Request id: {request_id}"])


def _prompt_file(name: str) -> str:
    return (PROMPTS / f"{name}.md").read_text("utf-8")


def _sha256(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
