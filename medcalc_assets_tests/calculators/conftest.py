from collections.abc import Callable

import pytest

from medcalc_assets.calculators import CALCULATORS, Result, parse_inputs


@pytest.fixture(scope="session")
def evaluate() -> Callable[[int, str], Result]:
    """The published rule of a calculator on entities written as on the command line: `evaluate(21, "eye=4, verbal=5")`."""

    def evaluated(id: int, entities: str) -> Result:
        given, problems = parse_inputs(CALCULATORS[id], filter(None, entities.split(", ")))
        assert not problems, problems
        return CALCULATORS[id].published.evaluate(given)

    return evaluated


@pytest.fixture(scope="session")
def answer(evaluate: Callable[[int, str], Result]) -> Callable[..., float]:
    """The same, and the number; `with_` are entities that the case adds to those that all cases share."""

    def answered(id: int, entities: str, with_: str = "") -> float:
        result = evaluate(id, f"{entities}, {with_}" if with_ else entities)
        assert result.value is not None, (result.missing, result.problems)
        assert result.value.number is not None
        return result.value.number

    return answered
