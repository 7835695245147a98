"""Phase 1: five votes on whether each released label is wrong, the release's derivation in view."""

import dagster as dg
import polars as pl

from medcalc_assets.auditors import protocol, simulated
from medcalc_assets.auditors.protocol import Derivation, votes_frame
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import columns, describe, stage
from medcalc_assets.labels import voting
from medcalc_assets.labels.voting import audit_verdicts
from medcalc_assets.storage.tables import AUDIT_FLAGS, AUDIT_VOTES, INSTANCE_KEYS


@dg.asset(
    **stage("audit_votes", "phase1_audit", protocol, simulated),
    ins={"raw_medcalc": columns(*INSTANCE_KEYS, "note", "question", "entities", "label_text", "explanation")},
)
def audit_votes(context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    auditor = settings.caster_of_votes()
    derivations = [Derivation(*row) for row in raw_medcalc.drop("calculator_id", "calculator").iter_rows()]
    votes = auditor.audit(derivations) if auditor else []
    frame = votes_frame(AUDIT_VOTES, settings.auditor_that_counts, votes, raw_medcalc)
    describe(context, frame, settings.auditor_that_counts, failed=(pl.col("status") == "failed").sum())
    return frame


@dg.asset(**stage("audit_flags", "phase1_audit", voting), ins={"raw_medcalc": columns(*INSTANCE_KEYS)})
def audit_flags(
    context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame, audit_votes: pl.DataFrame, settings: Settings
) -> pl.DataFrame:
    """An instance that the auditor has not voted on is `not_audited`, which is not `passed`."""
    flags = (
        raw_medcalc.join(audit_verdicts(audit_votes), on="uid", how="left")
        .with_columns(
            pl.col("auditor").fill_null(settings.auditor_that_counts),
            pl.col("n_votes", "n_flags").fill_null(0),
            pl.col("status").fill_null("not_audited"),
        )
        .cast(AUDIT_FLAGS.polars_schema)
    )
    describe(context, flags, settings.auditor_that_counts, likely_errors=(pl.col("status") == "likely_error").sum())
    return flags
