"""One row of the benchmark, as it is published or as `raw_medcalc` holds it, held against its own entities."""

import json
from collections.abc import Mapping
from typing import Any

from medcalc_assets.benchmarks.reader import RowError, SourceError, entities_json, label_in
from medcalc_assets.benchmarks.spec import COLUMNS, KEY_SPELLINGS, BenchmarkVersion
from medcalc_assets.benchmarks.versions import VERSIONS, version_of
from medcalc_assets.calculators import DerivationAudit, audit_derivation
from medcalc_assets.calculators.calc import find

NEEDED = ("Calculator ID", "Relevant Entities", "Ground Truth Answer")


def audit(row: Mapping[str, object]) -> DerivationAudit:
    """Recompute the label of one row from the row's own entities, by the published rule and by that of v1.0.

    Args:
        row: The columns `Calculator ID`, `Relevant Entities` (a mapping, or the text of one) and `Ground Truth Answer` of
            MedCalc-Bench, or `calculator_id`, `entities` and `label_text` of `raw_medcalc`. Others are not looked at.

    Returns:
        The audit: its `verdict` (`reproduced`, `contradicted` or `not_computable`), the `published` result with value and
        working, the `defects` of v1.0 that explain a contradicted label, and an `explanation` in words.

    Raises:
        SourceError: A column is missing, or its cell cannot be read.
        InputError: There is no such calculator.

    >>> seen = {"eye": "eyes open spontaneously", "verbal": "inappropriate words", "motor": "withdrawal from pain"}
    >>> entities = {f"Best {what} response": found for what, found in seen.items()}
    >>> found = audit({"Calculator ID": 21, "Relevant Entities": entities, "Ground Truth Answer": "14"})
    >>> found
    Glasgow Coma Score (GCS): contradicted. v1.0 adds the verbal response twice; the published rule gives 11.
    >>> found.verdict, found.published.value.number, found.defects
    ('contradicted', 11.0, ('adds the verbal response twice',))
    """
    uid = next((row[name] for name in (*KEY_SPELLINGS, COLUMNS[KEY_SPELLINGS[0]]) if name in row), None)
    where = "row" if uid is None else f"row (uid {uid})"
    cells = {name: row.get(name, row.get(COLUMNS[name])) for name in NEEDED}
    if missing := [name for name, cell in cells.items() if cell is None]:
        raise SourceError(
            f"{where}: {', '.join(map(repr, missing))} is missing. A row of the benchmark has {', '.join(NEEDED)}; one of "
            f"raw_medcalc {', '.join(COLUMNS[name] for name in NEEDED)}."
        )
    calculator, entities, label = cells.values()
    name = str(row.get("Calculator Name", row.get("calculator_name", "")))
    known = VERSIONS.get(str(row.get("benchmark"))) or version_of([(str(calculator), name, str(entities))])
    number = known.calculators.get(name) or find(str(calculator)).id
    try:
        found = _mapping(entities, number, known)
        return audit_derivation(known.calculator(number, found), found, label_in(label, NEEDED[-1]))
    except RowError as error:
        raise SourceError(f"{where}: {error}") from None


def _mapping(entities: object, calculator_id: int, benchmark: BenchmarkVersion) -> Mapping[str, Any]:
    """JSON in `raw_medcalc`, a Python literal in the benchmark."""
    if isinstance(entities, Mapping):
        return benchmark.entities(calculator_id, entities)
    try:
        found: Any = json.loads(str(entities))
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else json.loads(entities_json(str(entities), calculator_id, benchmark))
