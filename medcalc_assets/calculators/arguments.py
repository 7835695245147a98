"""Entities as a person types them on a command line: `eye=4 verbal=confused creatinine=80umol/L chf=yes`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from medcalc_assets.calculators.calculator import Calculator
from medcalc_assets.calculators.inputs import Problem, Unusable


def parse_inputs(calculator: Calculator, arguments: Iterable[str]) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Entities as in the data, by their keys there, and what could not be understood. Never raises.

    A name is a key of the data, one of its aliases, or the key in lower_snake_case. A number may carry its unit, a
    graded category may be given as its points.
    """
    entities: dict[str, Any] = {}
    problems: list[Problem] = []
    for argument in arguments:
        name, equals, text = argument.partition("=")
        source = calculator.reader.find(name)
        if not equals:
            problems.append(Problem(argument, "write name=value"))
        elif source is None:
            problems.append(Problem(name, calculator.reader.unknown(name)))
        elif source.key in entities:
            problems.append(Problem(source.key, "given twice"))
        else:
            try:
                entities[source.key] = source.parsed(text.strip())
            except Unusable as error:
                problems.append(Problem(source.key, str(error)))
    return entities, tuple(problems)
