"""Entities as a person gives them: typed (`eye=4 verbal=confused creatinine=80umol/L chf=yes`), or from Python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from medcalc_assets.calculators.calculator import Calculator
from medcalc_assets.calculators.inputs import Problem, Unusable

Given = tuple[dict[str, Any], tuple[Problem, ...]]
"""Entities as in the data, by their keys there, and what could not be understood."""


def parse_inputs(calculator: Calculator, arguments: Iterable[str]) -> Given:
    """Entities from texts `name=value`; else as `read_inputs`."""
    split = [(argument, *argument.partition("=")) for argument in arguments]
    entities, problems = read_inputs(calculator, ((name, text) for _, name, equals, text in split if equals))
    return entities, (*(Problem(each, "write name=value") for each, _, equals, _ in split if not equals), *problems)


def read_inputs(calculator: Calculator, inputs: Iterable[tuple[str, object]]) -> Given:
    """Entities from pairs of name and value. Never raises.

    A name is a key of the data, one of its aliases, or the key in lower_snake_case. A number may carry its unit
    (`"80 µmol/L"`, or `(80, "µmol/L")` as in the data), a graded category may be given as its points. None is not given.
    """
    entities: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in inputs:
        source = calculator.reader.find(name)
        if source is None:
            problems.append(Problem(name, calculator.reader.unknown(name)))
        elif source.key in entities:
            problems.append(Problem(source.key, "given twice"))
        elif value is not None:
            try:
                entities[source.key] = source.parsed(_typed(value))
            except Unusable as error:
                problems.append(Problem(source.key, str(error)))
    return entities, tuple(problems)


def _typed(value: object) -> str:
    """The value as it is typed: 4.0 as `4`, which is so many points."""
    match value:
        case [number, unit]:
            return f"{number} {unit}"
        case float():
            return str(value).removesuffix(".0")
    return str(value).strip()
