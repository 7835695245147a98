"""The labels from now on, and the figures of the whole chain."""

import dagster as dg
import polars as pl

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import AFTER_LABELS, columns, describe, so_far, stage
from medcalc_assets.defs.trace import PLAYGROUND
from medcalc_assets.labels import value
from medcalc_assets.labels.decision import REASONS, maintain
from medcalc_assets.reports.pages import write_pages
from medcalc_assets.reports.plots import disagreement_by_calculator, original_against_relabels
from medcalc_assets.statistics import summary
from medcalc_assets.statistics.summary import summarise
from medcalc_assets.storage.tables import BENCHMARK_SUMMARY, INSTANCE_KEYS, MAINTAINED_LABELS

DRAWN = ("label_number", "relabel_number")
"""What the plots need besides."""


@stage(
    "release",
    see=f"[Why is a label what it is? Trace it by its uid.]({PLAYGROUND})",
    ins={
        "derivation_audit": columns(
            *(*INSTANCE_KEYS, "output_type", "source", "verdict", "alternatives"),
            *(*value.columns("label"), *value.columns("published")),
        )
    },
)
def maintained_labels(
    context: dg.AssetExecutionContext,
    derivation_audit: pl.DataFrame,
    disagreement_scores: pl.DataFrame,
    physician_consensus: pl.DataFrame,
    settings: Settings,
) -> pl.DataFrame:
    settings.remember()
    auditor = settings.auditor_that_counts
    scores = disagreement_scores.filter(auditor=auditor)
    labels = maintain(derivation_audit, scores, physician_consensus, auditor).select(MAINTAINED_LABELS.names)
    describe(context, labels, auditor, **{reason: (pl.col("reason") == reason).sum() for reason in REASONS})
    return labels


@stage(
    "release",
    ins={
        name: so_far(*summary.KEYS, *needed, *(DRAWN if name == "disagreement_scores" else ()))
        for name, needed in summary.NEEDED.items()
    },
    automation_condition=AFTER_LABELS,
)
def benchmark_summary(context: dg.AssetExecutionContext, settings: Settings, **tables: pl.DataFrame) -> pl.DataFrame:
    auditor = settings.auditor_that_counts
    figures = summarise(tables, auditor).select(BENCHMARK_SUMMARY.names)
    context.add_asset_metadata(
        {
            "auditor": auditor,
            "disagreement by calculator": dg.MarkdownMetadataValue(disagreement_by_calculator(figures, auditor)),
            "original against relabels": dg.MarkdownMetadataValue(
                original_against_relabels(tables["disagreement_scores"].filter(auditor=auditor), auditor)
            ),
        }
    )
    return figures


@dg.asset(
    group_name="release",
    description="The report, the index of all labels and a page for each, in `$MEDCALC_HOME/report`: no network needed.",
    owners=["team:label-stewards"],
    kinds={"html"},
    deps=["benchmark_summary", "physician_agreement", "label_events"],
    automation_condition=AFTER_LABELS,
)
def label_pages(settings: Settings) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """For maintainers and readers; a page says if its case is out with a reviewer who must not see it."""
    folder = settings.warehouse.home / "report"
    count = write_pages(settings.warehouse, settings.packets, folder)
    return dg.MaterializeResult(
        metadata={"pages": count, "report": dg.MetadataValue.path(str((folder / "report.html").absolute()))}
    )
