"""How far each relabel is from the released label."""

import dagster as dg
import polars as pl

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import columns, describe, stage
from medcalc_assets.labels import discrepancy, value
from medcalc_assets.labels.discrepancy import score_disagreement
from medcalc_assets.storage.tables import DISAGREEMENT_SCORES


@dg.asset(
    **stage("disagreement_scores", "disagreement", discrepancy),
    ins={"raw_medcalc": columns("uid", *value.columns("label"))},
)
def disagreement_scores(
    context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame, relabels: pl.DataFrame, settings: Settings
) -> pl.DataFrame:
    scores = score_disagreement(raw_medcalc, relabels).select(
        pl.col(name).cast(dtype) for name, dtype in DISAGREEMENT_SCORES.polars_schema.items()
    )
    describe(context, scores, settings.auditor_that_counts, likely_errors=pl.col("likely_error").sum())
    return scores
