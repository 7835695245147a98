"""The real labels, read once for all tests of the statistics."""

import polars as pl
import pytest

from medcalc_assets.labels.cards import Hanging
from medcalc_assets_tests.statistics.real import evidence_of, hanging_of, instances_of


@pytest.fixture(scope="session")
def instances(real_data) -> pl.DataFrame:
    return instances_of(real_data)


@pytest.fixture(scope="session")
def evidence(real_data, instances) -> pl.DataFrame:
    return evidence_of(real_data, instances)


@pytest.fixture(scope="session")
def hanging_labels(evidence) -> list[Hanging]:
    return hanging_of(evidence)
