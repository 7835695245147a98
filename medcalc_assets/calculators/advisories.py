"""Advisories: each known defect of the original calculators with inputs that show it, for whoever maintains a copy."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.calculator import Calculator, Rule
from medcalc_assets.calculators.cards import CONFIRMED, STANDING, UPSTREAM
from medcalc_assets.labels.cards import Card
from medcalc_assets.labels.limits import limits

AFFECTED = "MedCalc-Bench v1.0"
MAINTAINED = "MedCalc-Bench Verified, code of 2026-02-13"


def advisories() -> list[dict[str, Any]]:
    """A record per defect, in the order of the calculators. Each has:

    `id`: by which a card and a ruling name it, too. `calculator_id`, `calculator`, `name`. `defect`: what the original does.
    `versions`: of the benchmark that have it, as far as is known. `source`: of the published rule. `upstream`: in how many
    labels of v1.0's test split that their own entities contradict the maintained code gives what the published rule gives,
    None where there are none. `example`: invented `entities` under the keys of v1.0, what the `original` rule gives from
    them, all its defects included, what it gives with this defect alone (`defect_alone`), what is `fixed`: the answer by the
    published rule with its `unit` and the `limits` that accept it, None if there is no answer; and the `steps` of both in
    which they differ.

    A copy has the defect if it gives `original`, and is free of it if its answer is within `limits`. A defect of conversions
    that changes no answer of a calculator by more than its limits allow is no advisory on it.
    """
    return [
        _record(calculator, rule, example)
        for calculator in CALCULATORS.values()
        for rule in calculator.defects
        if (example := _examples().get(Card(calculator.id, "defect", rule.name).id))
    ]


@cache
def _examples() -> dict[str, dict[str, Any]]:
    """By id of the defect. Found by search among invented patients in whom the defect shows, then left with few inputs."""
    found: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return found


def _record(calculator: Calculator, rule: Rule, entities: dict[str, Any]) -> dict[str, Any]:
    assert calculator.original
    fixed, alone, original = (each.evaluate(entities) for each in (calculator.published, rule, calculator.original))
    confirmed = CONFIRMED.get(calculator.id)
    return {
        "id": Card(calculator.id, "defect", rule.name).id,
        "calculator_id": calculator.id,
        "calculator": calculator.slug,
        "name": calculator.name,
        "defect": f"v1.0 {rule.name}",
        "versions": [AFFECTED, *([MAINTAINED] if (calculator.id, rule.name) in STANDING else [])],
        "source": calculator.source,
        "upstream": confirmed and {"said": UPSTREAM, "as_published": confirmed[0], "of": confirmed[1]},
        "example": {
            "entities": entities,
            "original": original.value and str(original.value),
            "defect_alone": alone.value and str(alone.value),
            "fixed": fixed.value and str(fixed.value),
            "limits": fixed.value and limits(fixed.value, calculator.output_type),
            "unit": calculator.unit,
            "obstacle": fixed.obstacles,
            "steps": {
                "fixed": [step._asdict() for step in fixed.steps if step not in alone.steps],
                "original": [step._asdict() for step in alone.steps if step not in fixed.steps],
            },
        },
    }
