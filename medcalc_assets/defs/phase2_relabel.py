"""Phase 2: every label computed anew, five times, by auditors who see note and question alone."""

import dagster as dg
import polars as pl

from medcalc_assets.auditors import protocol, published, simulated
from medcalc_assets.auditors.protocol import Question, votes_frame
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import columns, describe, stage
from medcalc_assets.labels import value, voting
from medcalc_assets.labels.voting import consensus
from medcalc_assets.storage.tables import INSTANCE_KEYS, RELABEL_VOTES, RELABELS


@dg.asset(
    **stage("relabel_votes", "phase2_relabel", protocol, simulated),
    ins={"raw_medcalc": columns(*INSTANCE_KEYS, "note", "question")},
)
def relabel_votes(context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    auditor = settings.caster_of_votes()
    questions = [Question(*row) for row in raw_medcalc.drop("calculator_id", "calculator").iter_rows()]
    votes = auditor.relabel(questions) if auditor else []
    frame = votes_frame(RELABEL_VOTES, settings.auditor_that_counts, votes, raw_medcalc)
    describe(context, frame, settings.auditor_that_counts, failed=(pl.col("status") == "failed").sum())
    return frame


@dg.asset(
    **stage("relabels", "phase2_relabel", voting, published),
    ins={"raw_medcalc": columns(*INSTANCE_KEYS, *value.columns("label"))},
)
def relabels(
    context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame, relabel_votes: pl.DataFrame, settings: Settings
) -> pl.DataFrame:
    """The published relabels stand beside the consensus of the votes, each under its auditor's name."""
    agreed = raw_medcalc.select(INSTANCE_KEYS).join(consensus(relabel_votes), on="uid").cast(RELABELS.polars_schema)
    found = [agreed.select(RELABELS.names)]
    if files := settings.published_files:
        found.append(files.relabels(raw_medcalc, context.partition_keys))
    frame = pl.concat(found)
    describe(context, frame, settings.auditor_that_counts, high_confidence=(pl.col("status") == "high_confidence").sum())
    return frame
