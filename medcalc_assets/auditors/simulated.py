"""The auditor of the demo: it knows the planted truth and errs at random. Its votes say nothing about any real label."""

import json
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from medcalc_assets.auditors.protocol import AuditVote, Derivation, Inputs, InputVote, Question, RelabelVote
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.simulated import NAME
from medcalc_assets.labels.value import NA, Label, as_columns, number
from medcalc_assets.labels.voting import RUNS
from medcalc_assets.storage.tables import PHYSICIAN_LABELS

FAILS, ERRS = 0.02, 0.06
"""How often a vote fails, and how often a usable one is wrong."""
ANSWERED = 0.5
"""The share of instances that the simulated physician has answered."""


@dataclass(frozen=True)
class SimulatedAuditor:
    """Votes from the truth of the demo benchmark, seeded by instance and run, so that they are always the same."""

    truth: Mapping[int, Label]
    stated: Mapping[int, Mapping[str, Any]]
    """The inputs that each note states."""
    name: str = NAME

    def audit(self, derivations: Sequence[Derivation]) -> Iterator[AuditVote]:
        """Flags the labels that differ from the truth, but for simulated mistakes and failures."""
        for derivation in derivations:
            wrong = _to_cents(parse_label(derivation.label_text)) != _to_cents(self.truth[derivation.uid])
            for run in range(RUNS):
                draw = random.Random(f"audit {derivation.uid} {run}").random()
                if draw < FAILS:
                    yield AuditVote(verdict=None, **_failed(derivation.uid, run))
                else:
                    flags = wrong != (draw > 1 - ERRS)
                    yield AuditVote(verdict="likely_error" if flags else "passed", **_cast(derivation.uid, run))

    def relabel(self, questions: Sequence[Question]) -> Iterator[RelabelVote]:
        """Answers with the truth, but for simulated mistakes (another value, or an abstention) and failures."""
        for question in questions:
            errs = _errs(question.uid)
            for run in range(RUNS):
                random_ = random.Random(f"relabel {question.uid} {run}")
                draw, answer = random_.random(), self.truth[question.uid]
                if draw < FAILS:
                    yield RelabelVote(answer=None, **_failed(question.uid, run))
                    continue
                if draw > 1 - errs:
                    answer = NA if answer.number is None else number(answer.number + random_.randint(1, 5))
                yield RelabelVote(answer=answer, **_cast(question.uid, run))

    def inputs(self, asked: Sequence[Inputs]) -> Iterator[InputVote]:
        """Finds what the note states, but for simulated mistakes (an input overlooked) and failures."""
        for instance in asked:
            stated, errs = self.stated[instance.uid], _errs(instance.uid)
            for run in range(RUNS):
                dice = random.Random(f"inputs {instance.uid} {run}")
                if dice.random() < FAILS:
                    yield InputVote(inputs=None, **_failed(instance.uid, run))
                    continue
                found = {key: None if dice.random() < errs else value for key, value in stated.items()}
                yield InputVote(inputs=json.dumps([_read(*each) for each in found.items()]), **_cast(instance.uid, run))

    def physician_labels(self, instances: pl.DataFrame, planned: Collection[int] = ()) -> pl.DataFrame:
        """Rows of `physician_labels`: a simulated physician, who is never wrong, has answered every other instance, and what
        a plan asks for."""
        by_chance = {uid for uid in instances["uid"] if random.Random(f"physician {uid}").random() < ANSWERED}
        answered = [uid for uid in instances["uid"] if uid in by_chance or uid in planned]
        answers = [self.truth[uid] for uid in answered]
        cells = {
            "uid": answered,
            "reviewer": [NAME] * len(answered),
            **as_columns("physician", answers),
            "state": ["not_computable" if answer == NA else "computable" for answer in answers],
            "answer_text": [str(answer) for answer in answers],
            "rationale": ["simulated answer"] * len(answered),
        }
        return PHYSICIAN_LABELS.of_instances(instances, cells)


def _errs(uid: int) -> float:
    """Some notes are harder than others, so that some instances are deferred, and readers differ on some inputs."""
    return 4 * ERRS if uid % 7 == 0 else ERRS


def _read(key: str, value: Any) -> dict[str, Any]:
    """An input as a model would answer it."""
    if not isinstance(value, list):
        return {"input": key, "value": value, "unit": None, "quote": "" if value is None else key}
    *amount, unit = value
    shown = amount[0] if len(amount) == 1 else " ".join(map(str, value))
    return {"input": key, "value": shown, "unit": unit if len(amount) == 1 else None, "quote": f"{key} {shown}"}


def _to_cents(label: Label) -> Label:
    return label if label.number is None else number(round(label.number, 2))


def _cast(uid: int, run: int) -> dict[str, Any]:
    return {"uid": uid, "run_index": run, "status": "ok", "rationale": "simulated vote"}


def _failed(uid: int, run: int) -> dict[str, Any]:
    return {"uid": uid, "run_index": run, "status": "failed", "rationale": "simulated failure"}
