"""The derivation audit of one label: is it what its own entities give?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import compress, product
from typing import Literal, NamedTuple

from medcalc_assets.calculators.calculator import Calculator, Result, Rule
from medcalc_assets.calculators.inputs import Problem, numeral
from medcalc_assets.calculators.working import escaped
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.value import Label

Verdict = Literal["reproduced", "contradicted", "not_computable"]


class Outcome(NamedTuple):
    """What another rule makes of the entities: another published convention, or the published rule with one defect.

    `differs`: the limits of the published answer do not accept it.
    """

    name: str
    value: Label | None
    reaches_label: bool
    differs: bool


@dataclass(frozen=True, slots=True, repr=False)
class DerivationAudit:
    """What the rules make of the entities of an instance, held against its label.

    `verdict` and `likely_error` are about the published rule, `original_rule_reproduces` about the original rule;
    `conventions` are all other published ones.
    Of a version whose own rule is not known, `original` is None. A notebook shows the explanation and the working.
    """

    calculator: Calculator
    label: Label
    verdict: Verdict
    published: Result
    original: Result | None
    original_rule_reproduces: bool
    conventions: tuple[Outcome, ...]
    implausible: tuple[Problem, ...]

    @property
    def alternatives(self) -> tuple[Outcome, ...]:
        """The conventions that give another answer than the published rule."""
        return tuple(convention for convention in self.conventions if convention.differs)

    @property
    def likely_error(self) -> bool:
        """The published rule leaves the label's limits, and no published alternative reaches them."""
        return self.verdict == "contradicted" and not any(a.reaches_label for a in self.alternatives)

    @property
    def missing(self) -> tuple[str, ...]:
        return self.published.missing

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.published.problems

    @property
    def working(self) -> str:
        """By the published rule, as markdown."""
        return self.published.working

    @property
    def decisive_defects(self) -> tuple[Outcome, ...]:
        """Each known defect of v1.0 that alone changes the answer, whether or not it explains the label."""
        each = (_convention(self.calculator, self.label, self.published, rule) for rule in self.calculator.defects)
        return tuple(defect for defect in each if defect.differs)

    @property
    def defects(self) -> tuple[str, ...]:
        """The known defects of v1.0 that explain a contradicted label, each completing "v1.0 ..."."""
        if not self.likely_error or not self.original_rule_reproduces:
            return ()
        decisive = tuple(defect.name for defect in self.decisive_defects)
        return decisive or tuple(defect.name for defect in self.calculator.defects)

    @property
    def by_defects(self) -> tuple[Label | None, ...]:
        """What the rule gives by which of `defects` it has, in product order: first none of them, last all."""
        return tuple(
            _having(self.calculator, frozenset(compress(self.defects, some))).apply(self.published.reading).value
            for some in product((False, True), repeat=len(self.defects))
        )

    @property
    def explanation(self) -> str:
        """The verdict in one sentence, and in another what is worth a second look."""
        doubts = "; ".join(f"{self._name(problem.entity)}: {problem.message}" for problem in self.implausible)
        return self._verdict_in_words + (f" Worth a second look: {doubts}." if doubts else "")

    def __repr__(self) -> str:
        return f"{self.calculator.name}: {self.verdict.replace('_', ' ')}. {self.explanation}"

    def _repr_markdown_(self) -> str:
        return f"{escaped(self.explanation)}\n\n{self.working}"

    def _name(self, key: str) -> str:
        return self.calculator.reader.name(key)

    @property
    def _verdict_in_words(self) -> str:
        value = self.published.value
        if self.verdict == "reproduced":
            return f"The published rule reproduces the label {_shown(self.label)}."
        if value is None:
            return f"The published rule cannot be computed: {self.published.obstacles}."
        if convention := next((a.name for a in self.alternatives if a.reaches_label), None):
            return f"The label follows another convention ({convention}); the published rule gives {_shown(value)}."
        if self.original_rule_reproduces:
            return f"v1.0 {' and '.join(self.defects)}; the published rule gives {_shown(value)}."
        return f"The label {_shown(self.label)} follows no known rule; the published rule gives {_shown(value)}."


@cache
def _having(calculator: Calculator, defects: frozenset[str]) -> Rule:
    return calculator.having(defects)


def audit_derivation(calculator: Calculator, entities: Mapping[str, object], label: Label) -> DerivationAudit:
    """Recompute `label` from the entities of its own instance. Never raises, whatever the entities are."""
    reading = calculator.reader.read(entities)
    published = calculator.published.apply(reading)
    original = calculator.original.apply(reading) if calculator.original else None
    return DerivationAudit(
        calculator,
        label,
        _verdict(calculator, label, published.value),
        published,
        original,
        original is not None and _same(calculator, label, original.value),
        tuple(_convention(calculator, label, published, rule) for rule in calculator.alternatives),
        reading.implausible + _outside_range(calculator, label),
    )


def _convention(calculator: Calculator, label: Label, published: Result, rule: Rule) -> Outcome:
    value = rule.apply(published.reading).value
    reaches_label = value is not None and _same(calculator, label, value)
    return Outcome(rule.name, value, reaches_label, not _same(calculator, published.value, value))


def _verdict(calculator: Calculator, label: Label, value: Label | None) -> Verdict:
    if value is None:
        return "reproduced" if label.kind == "na" else "not_computable"
    return "reproduced" if _same(calculator, label, value) else "contradicted"


def _shown(value: Label) -> str:
    return str(value) if value.number is None else numeral(value.number)


def _same(calculator: Calculator, truth: Label | None, answer: Label | None) -> bool:
    if truth is None or answer is None:
        return truth is answer
    return accepts(truth, answer, calculator.output_type)


def _outside_range(calculator: Calculator, label: Label) -> tuple[Problem, ...]:
    low, high = calculator.range
    if label.number is None or low <= label.number <= high:
        return ()
    return (Problem("label", f"{_shown(label)} is outside {low:g} to {high:g}, the range of the answer"),)
