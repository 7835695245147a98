"""The versions of the benchmark that are known, and which of them a row or a file is of."""

from collections.abc import Iterable

from medcalc_assets.benchmarks.spec import BenchmarkVersion
from medcalc_assets.benchmarks.v1 import V1_0
from medcalc_assets.benchmarks.verified import VERIFIED
from medcalc_assets.storage.tables import RAW_MEDCALC
from medcalc_assets.storage.warehouse import Warehouse

VERSIONS = {version.name: version for version in (V1_0, VERIFIED)}


def version_of(rows: Iterable[tuple[str, ...]]) -> BenchmarkVersion:
    """The version that wrote these rows (the cells with id and name of the calculator, and with the entities): v1.0, unless
    one of them has a spelling that only another version has."""
    return next((version for row in rows for version in VERSIONS.values() if version.wrote(*row)), V1_0)


def version_here(warehouse: Warehouse) -> BenchmarkVersion:
    """The version whose labels are the original ones of this home: by its name they are told. Raises WarehouseError."""
    return VERSIONS[warehouse.read(RAW_MEDCALC, columns=["benchmark"])["benchmark"][0]]
