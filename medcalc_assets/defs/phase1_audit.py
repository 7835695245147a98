"""Phase 1: five votes on whether each original label is wrong, the original derivation in view."""

import dagster as dg
import polars as pl

from medcalc_assets.auditors.protocol import Derivation, columns_of, votes_frame
from medcalc_assets.auditors.tasks import AUDIT, RELABEL, version
from medcalc_assets.defs.settings import Settings, Votes
from medcalc_assets.defs.source import instances_of
from medcalc_assets.defs.stage import CALLS, MODEL_CALLS, columns, describe, stage
from medcalc_assets.labels import panel
from medcalc_assets.labels.families import PANEL
from medcalc_assets.labels.voting import asked, audit_verdicts
from medcalc_assets.storage.tables import AUDIT_FLAGS, AUDIT_VOTES, INSTANCE_KEYS


@stage(
    "phase1_audit",
    also=version(AUDIT.prompt_sha256),
    pool=MODEL_CALLS,
    op_tags={"dagster/priority": 1},  # so that it comes before Phase 2, of which it then takes care, too
    ins={"raw_medcalc": columns(*INSTANCE_KEYS, *columns_of(Derivation)[1:])},
)
def audit_votes(
    context: dg.AssetExecutionContext, raw_medcalc: pl.LazyFrame, settings: Settings, votes: Votes
) -> pl.DataFrame:
    both = any(node.name == "relabel_votes" for node in context.job_def.nodes)
    instances, cast = settings.votes(AUDIT, raw_medcalc, votes, context.run.run_id, [RELABEL] if both else [])
    frame = votes_frame(AUDIT_VOTES, cast, instances)
    describe(context, frame, settings.auditor_that_counts, **CALLS)
    return frame


@stage("phase1_audit")
def audit_flags(context: dg.AssetExecutionContext, audit_votes: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """An instance that an auditor has not voted on is `not_audited`, which is not `passed`."""
    counts, voters = settings.auditor_that_counts, list(settings.voters)
    auditors = pl.DataFrame({"auditor": sorted({*voters, *audit_votes["auditor"]})})
    flags = (
        instances_of(context, settings)
        .join(auditors, how="cross")
        .join(audit_verdicts(audit_votes), on=["uid", "auditor"], how="left")
        .join(asked(audit_votes), on=["uid", "auditor"], how="left")
        .with_columns(pl.col("n_votes", "n_flags").fill_null(0), pl.col("status").fill_null("not_audited"))
    )
    if counts == PANEL:
        decided = panel.panel_flags(flags, voters).join(
            panel.panel_asked(audit_votes, voters), on=["uid", "auditor"], how="left"
        )
        flags = pl.concat([flags, instances_of(context, settings).join(decided, on="uid")], how="diagonal_relaxed")
    flags = flags.select(pl.col(name).cast(dtype) for name, dtype in AUDIT_FLAGS.polars_schema.items())
    flagged = (pl.col("status") == "likely_error") & (pl.col("auditor") == counts)
    describe(context, flags, counts, likely_errors=flagged.sum())
    return flags
