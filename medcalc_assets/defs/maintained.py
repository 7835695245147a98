"""The labels from now on, and the figures of the whole chain."""

import dagster as dg
import polars as pl

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import AFTER_LABELS, WAITS_FOR_LABELS, describe, link_labels, so_far, stage
from medcalc_assets.defs.trace import PLAYGROUND
from medcalc_assets.labels.decision import REASONS, maintain
from medcalc_assets.release.use import records_of
from medcalc_assets.reports.pages import FOLDER, SERVED, write_pages
from medcalc_assets.reports.plots import disagreement_by_calculator, original_against_relabels
from medcalc_assets.statistics import summary
from medcalc_assets.statistics.summary import summarise
from medcalc_assets.statistics.track_record import evidence_class
from medcalc_assets.storage.tables import BENCHMARK_SUMMARY, MAINTAINED_LABELS, TRACK_RECORD

DRAWN = "relabel_number"
"""What the plots need besides."""


@stage(
    "release",
    see=f"[All labels]({SERVED}/index.html) and [the report]({SERVED}/report.html), as `medcalc ui` serves them. "
    f"[Why is a label what it is? Trace it by its uid.]({PLAYGROUND})",
)
def maintained_labels(context: dg.AssetExecutionContext, label_evidence: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    settings.remember()
    labels = maintain(label_evidence).with_columns(evidence_class=evidence_class()).select(MAINTAINED_LABELS.names)
    reasons = {reason: (pl.col("reason") == reason).sum() for reason in REASONS}
    describe(context, labels, settings.auditor_that_counts, **reasons)
    link_labels(context)
    return labels


@stage(
    "release",
    ins={
        name: so_far(*summary.KEYS, *needed, *([DRAWN] if name == "label_evidence" else ()))
        for name, needed in summary.NEEDED.items()
    },
    automation_condition=AFTER_LABELS,
)
def benchmark_summary(context: dg.AssetExecutionContext, settings: Settings, **tables: pl.DataFrame) -> pl.DataFrame:
    auditor = settings.auditor_that_counts
    figures = summarise(tables).select(BENCHMARK_SUMMARY.names)
    context.add_asset_metadata(
        {
            "auditor": auditor,
            "disagreement by calculator": dg.MarkdownMetadataValue(disagreement_by_calculator(figures, auditor)),
            "original against relabels": dg.MarkdownMetadataValue(
                original_against_relabels(tables["label_evidence"], auditor)
            ),
        }
    )
    return figures


@stage("release", ins={"label_evidence": so_far()}, deps=WAITS_FOR_LABELS, automation_condition=AFTER_LABELS)
def track_record(label_evidence: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    found = records_of(settings.warehouse, label_evidence, settings.grades_from, settings.trains_from)
    return found.select(pl.col(name).cast(dtype) for name, dtype in TRACK_RECORD.polars_schema.items())


@dg.asset(
    group_name="release",
    description="The report, the index of all labels and a page for each, in `$MEDCALC_HOME/report`: no network needed.",
    owners=["team:label-stewards"],
    kinds={"html"},
    deps=["benchmark_summary", "physician_agreement", "effective_votes", "label_events"],
    automation_condition=AFTER_LABELS,
)
def label_pages(settings: Settings) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """For maintainers and readers; a page says if its case is out with a reviewer who must not see it."""
    folder = settings.warehouse.home / FOLDER
    count = write_pages(settings.warehouse, settings.packets, folder)
    return dg.MaterializeResult(
        metadata={
            "pages": count,
            "report": dg.MetadataValue.url(f"{SERVED}/report.html"),
            "all labels": dg.MetadataValue.url(f"{SERVED}/index.html"),
            "file": dg.MetadataValue.path(str((folder / "report.html").absolute())),
        }
    )
