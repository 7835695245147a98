"""How many labels are wrong, of the original ones and of the key that leaves: from the tables, as they are now."""

from typing import Any

import polars as pl

from medcalc_assets.benchmarks.demo import truth
from medcalc_assets.labels.decision import maintain
from medcalc_assets.labels.simulated import DEMO, is_simulated
from medcalc_assets.labels.value import as_columns, columns
from medcalc_assets.physicians.sample import last_plan
from medcalc_assets.release.use import records_of, with_uses
from medcalc_assets.statistics.error_rates import error_rates
from medcalc_assets.statistics.track_record import evidence_class
from medcalc_assets.storage import tables
from medcalc_assets.storage.warehouse import Warehouse

ANSWERS = ("reviewer", *columns("physician"), "n_answers", "n_answers_agree", "physician_explained")


def with_key(evidence: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """`label_evidence` with `in_key` (the maintained label may grade), `trains`, and with what would be without the
    physician's answer to it: `final_*`, `unaided` (it would grade) and `evidence_class`. `records`: see `records_of`.

    What is simulated counts as if it were not, so that the demo shows what it would come to.
    """

    def used(labels: pl.DataFrame) -> pl.DataFrame:
        return with_uses(maintain(labels).with_columns(evidence_class=evidence_class(), simulated=False), records)

    blind = used(evidence.with_columns(pl.lit(None, evidence.schema[name]).alias(name) for name in ANSWERS))
    return evidence.join(used(evidence).select("uid", in_key="evaluation", trains="reward"), on="uid", validate="1:1").join(
        blind.select("uid", *columns("final"), "evidence_class", unaided="evaluation"), on="uid", validate="1:1"
    )


def rates(warehouse: Warehouse, evidence: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of `error_rates` by all of `label_evidence` and by the last plan in the warehouse."""
    if evidence.is_empty():
        return []
    known = None
    if (evidence["source"] == DEMO).all():
        right = truth()
        known = pl.DataFrame({"uid": list(right), **as_columns("physician", right.values())})
        known = known.cast({name: evidence.schema[name] for name in known.columns})
    invented = evidence.select(is_simulated().any()).item()
    found = error_rates(with_key(evidence, records_of(warehouse, evidence)), last_plan(warehouse), known)
    return [{**dict.fromkeys(tables.ERROR_RATES.names), **row, "simulated": invented} for row in found]
