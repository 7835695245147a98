"""Phase 2: every label computed anew, five times, by auditors who see note and question alone."""

import dagster as dg
import polars as pl

from medcalc_assets.auditors.protocol import Question, columns_of, votes_frame
from medcalc_assets.auditors.tasks import RELABEL, version
from medcalc_assets.defs.settings import Settings, Votes
from medcalc_assets.defs.source import instances_of
from medcalc_assets.defs.stage import CALLS, MODEL_CALLS, columns, describe, stage
from medcalc_assets.labels import panel, value
from medcalc_assets.labels.families import PANEL
from medcalc_assets.labels.voting import asked, consensus, said
from medcalc_assets.storage.tables import INSTANCE_KEYS, RELABEL_VOTES, RELABELS


@stage(
    "phase2_relabel",
    also=version(RELABEL.prompt_sha256),
    pool=MODEL_CALLS,
    ins={"raw_medcalc": columns(*INSTANCE_KEYS, *columns_of(Question)[1:])},
)
def relabel_votes(
    context: dg.AssetExecutionContext, raw_medcalc: pl.LazyFrame, settings: Settings, votes: Votes
) -> pl.DataFrame:
    instances, cast = settings.votes(RELABEL, raw_medcalc, votes, context.run.run_id)
    frame = votes_frame(RELABEL_VOTES, cast, instances)
    describe(context, frame, settings.auditor_that_counts, **CALLS)
    return frame


@stage("phase2_relabel")
def relabels(context: dg.AssetExecutionContext, relabel_votes: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """The authors' relabels stand beside the consensus of the votes, each under its auditor's name.

    An auditor who has voted on any instance of a calculator has a row for all of them.
    """
    instances = instances_of(context, settings, *value.columns("label"))
    voters = relabel_votes.select("calculator", "auditor").unique()
    agreed = (
        instances.select(INSTANCE_KEYS)
        .join(voters, on="calculator")
        .join(consensus(relabel_votes), on=["uid", "auditor"], how="left")
        .join(said(relabel_votes), on=["uid", "auditor"], how="left")
        .join(asked(relabel_votes), on=["uid", "auditor"], how="left")
        .with_columns(pl.col("n_votes", "n_agree").fill_null(0), pl.col("status").fill_null("not_relabelled"))
    )
    found = [agreed.select(pl.col(name).cast(dtype) for name, dtype in RELABELS.polars_schema.items())]
    if files := settings.authors_files:
        found.append(files.relabels(instances, context.partition_keys))
    frame = pl.concat(found)
    counts, of_panel = settings.auditor_that_counts, list(settings.voters)
    if counts == PANEL:
        decided = (
            panel.panel_relabels(frame, of_panel)
            .join(panel.panel_said(relabel_votes, of_panel), on=["uid", "auditor"], how="left")
            .join(panel.panel_asked(relabel_votes, of_panel), on=["uid", "auditor"], how="left")
        )
        together = instances.select(INSTANCE_KEYS).join(decided, on="uid")
        frame = pl.concat(
            [frame, together.select(pl.col(name).cast(dtype) for name, dtype in RELABELS.polars_schema.items())]
        )
    confident = (pl.col("status") == "high_confidence") & (pl.col("auditor") == counts)
    describe(context, frame, counts, high_confidence=confident.sum())
    return frame
