"""Phase 3: the contested labels in order of review, the physicians' own answers, and how well each label set agrees."""

from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import AFTER_LABELS, WAITS_FOR_LABELS, columns, describe, so_far, stage
from medcalc_assets.labels import simulated, value
from medcalc_assets.labels.queue import SUSPECT_DATE, SUSPECT_NUMBER, review_order
from medcalc_assets.labels.value import NA, Label
from medcalc_assets.physicians.consensus import consensus
from medcalc_assets.physicians.sample import last_plan
from medcalc_assets.statistics.agreement import compare_with_physicians
from medcalc_assets.storage.tables import ADJUDICATION_QUEUE, INSTANCE_KEYS, PHYSICIAN_AGREEMENT, PHYSICIAN_CONSENSUS


@stage("phase3_adjudication")
def adjudication_queue(context: dg.AssetExecutionContext, label_evidence: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    queue = review_order(label_evidence)
    suspects = pl.col("tier").is_in([SUSPECT_DATE, SUSPECT_NUMBER])
    counts = settings.auditor_that_counts
    describe(context, queue, counts, contested=(pl.col("tier") < SUSPECT_DATE).sum(), suspects=suspects.sum())
    return queue.select(ADJUDICATION_QUEUE.names)


@stage(
    "phase3_adjudication",
    ins={"raw_medcalc": columns(*INSTANCE_KEYS, "output_type", *value.columns("label"))},
)
def physician_labels(context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """From the authors' files, in the demo from a simulated physician, and from the packets that came back."""
    answers = settings.packets.taken_over(raw_medcalc)
    if files := settings.authors_files:
        answers = pl.concat([files.physician_labels(raw_medcalc, context.partition_keys), answers])
    elif settings.benchmark.is_demo:
        planned = set(last_plan(settings.warehouse)["uid"])
        answers = pl.concat([settings.simulated_auditor().physician_labels(raw_medcalc, planned), answers])
    describe(
        context,
        answers,
        simulated.NAME if settings.benchmark.is_demo else None,
        reviewers=pl.col("reviewer").n_unique(),
    )
    return answers


@stage("phase3_adjudication")
def physician_consensus(context: dg.AssetExecutionContext, physician_labels: pl.DataFrame) -> pl.DataFrame:
    labels = agreed(physician_labels)
    describe(context, labels, None, not_computable=(pl.col("state") == "not_computable").sum())
    return labels


def agreed(answers: pl.DataFrame) -> pl.DataFrame:
    """Rows of `physician_consensus`: the consensus of the answers to each case, the earliest answer first."""
    found = []
    in_order = answers.sort("uid", "answered_at", "reviewer", nulls_last=False)
    for (uid,), of_case in in_order.group_by("uid", maintain_order=True):
        labels = [Label(*row) for row in of_case.select(value.columns("physician")).iter_rows()]
        if stands := consensus(labels, of_case["output_type"][0]):
            found.append((uid, stands, of_case["reviewer"].to_list()))
    cells = {
        "uid": [uid for uid, _, _ in found],
        "reviewer": [", ".join(sorted(names[i] for i in stands.agreeing)) for _, stands, names in found],
        **value.as_columns("physician", [stands.label for _, stands, _ in found]),
        "state": ["not_computable" if stands.label == NA else "computable" for _, stands, _ in found],
        "n_answers": [len(names) for _, _, names in found],
        "n_agree": [len(stands.agreeing) for _, stands, _ in found],
    }
    return PHYSICIAN_CONSENSUS.of_instances(answers.select(INSTANCE_KEYS).unique(maintain_order=True), cells)


@stage(
    "phase3_adjudication",
    ins={
        "derivation_audit": so_far("uid", *value.columns("label"), *value.columns("published")),
        "relabels": so_far(),
        "physician_consensus": so_far(),
    },
    deps=WAITS_FOR_LABELS,
    automation_condition=AFTER_LABELS,
)
def physician_agreement(
    context: dg.AssetExecutionContext,
    derivation_audit: pl.DataFrame,
    relabels: pl.DataFrame,
    physician_consensus: pl.DataFrame,
    settings: Settings,
) -> pl.DataFrame:
    auditor = settings.auditor_that_counts
    rows = compare_with_physicians(derivation_audit, relabels, physician_consensus, auditor)
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
