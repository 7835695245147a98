"""Phase 3: the contested labels in order of review, the physicians' own answers, and how well each label set agrees."""

from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.auditors import published, simulated
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import columns, describe, so_far, stage
from medcalc_assets.labels import adjudication, agreement, value
from medcalc_assets.labels.adjudication import SUSPECT_DATE, SUSPECT_NUMBER, review_order
from medcalc_assets.labels.agreement import compare_with_physicians
from medcalc_assets.storage.tables import ADJUDICATION_QUEUE, INSTANCE_KEYS, PHYSICIAN_AGREEMENT, PHYSICIAN_LABELS


@dg.asset(
    **stage("adjudication_queue", "phase3_adjudication", adjudication),
    ins={
        "raw_medcalc": columns(*INSTANCE_KEYS, *value.columns("label")),
        "derivation_audit": columns("uid", "likely_error", *value.columns("published")),
    },
)
def adjudication_queue(
    context: dg.AssetExecutionContext,
    raw_medcalc: pl.DataFrame,
    derivation_audit: pl.DataFrame,
    disagreement_scores: pl.DataFrame,
    settings: Settings,
) -> pl.DataFrame:
    auditor = settings.auditor_that_counts
    queue = review_order(raw_medcalc, disagreement_scores.filter(auditor=auditor), derivation_audit)
    suspects = pl.col("tier").is_in([SUSPECT_DATE, SUSPECT_NUMBER])
    describe(context, queue, auditor, contested=(pl.col("tier") < SUSPECT_DATE).sum(), suspects=suspects.sum())
    return queue.with_columns(auditor=pl.lit(auditor)).select(ADJUDICATION_QUEUE.names)


@dg.asset(
    **stage("physician_labels", "phase3_adjudication", published, simulated),
    ins={"raw_medcalc": columns(*INSTANCE_KEYS, *value.columns("label"))},
)
def physician_labels(context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """From the authors' files; in the demo, from a simulated physician."""
    if files := settings.published_files:
        answers = files.physician_labels(raw_medcalc, context.partition_keys)
    elif settings.benchmark.is_demo:
        answers = settings.simulated_auditor().physician_labels(raw_medcalc)
    else:
        answers = pl.DataFrame(schema=PHYSICIAN_LABELS.polars_schema)
    describe(
        context,
        answers,
        simulated.NAME if settings.benchmark.is_demo else None,
        not_computable=(pl.col("state") == "not_computable").sum(),
    )
    return answers


@dg.asset(
    **stage("physician_agreement", "phase3_adjudication", agreement),
    ins={
        "raw_medcalc": so_far("uid", *value.columns("label")),
        "derivation_audit": so_far("uid", *value.columns("published")),
        "relabels": so_far(),
        "physician_labels": so_far(),
    },
)
def physician_agreement(
    context: dg.AssetExecutionContext,
    raw_medcalc: pl.DataFrame,
    derivation_audit: pl.DataFrame,
    relabels: pl.DataFrame,
    physician_labels: pl.DataFrame,
    settings: Settings,
) -> pl.DataFrame:
    auditor = settings.auditor_that_counts
    rows = compare_with_physicians(raw_medcalc, derivation_audit, relabels, physician_labels, auditor)
    context.add_asset_metadata({"agreement": dg.MarkdownMetadataValue("\n".join(_lines(rows)))})
    return pl.DataFrame(rows, schema=PHYSICIAN_AGREEMENT.polars_schema).fill_nan(None)


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    return [
        "| label set | reference | agree | 95% (Wilson) | sMAPE % | 95% (bootstrap) | N |",
        "|---|---|---|---|---|---|---|",
        *(
            "| {label_set} | {reviewers} | {n_agree}/{n} | {agreement_low:.1%} to {agreement_high:.1%} "
            "| {smape:.2f} | {smape_low:.1f} to {smape_high:.1f} | {smape_n} |".format(**row)
            for row in rows
        ),
    ]
