"""What is known of the real labels, from the functions of the chain, without Dagster."""

from pathlib import Path

import polars as pl

from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.calculators import KEYS
from medcalc_assets.defs.derivation import audited
from medcalc_assets.defs.disagreement import attributed
from medcalc_assets.defs.phase3_adjudication import agreed
from medcalc_assets.labels.cards import Hanging, hanging
from medcalc_assets.labels.discrepancy import score_disagreement
from medcalc_assets.labels.value import columns
from medcalc_assets.physicians.authors import AuthorsFiles
from medcalc_assets.statistics.strata import stratum

COMPARED = ("uid", "comparison", "discrepancy", "days", "likely_error", "attribution")


def instances_of(folder: Path) -> pl.DataFrame:
    return Source(str(folder / "medcalc_bench_v1_test.csv")).read().instances


def evidence_of(folder: Path, instances: pl.DataFrame) -> pl.DataFrame:
    """Of every instance of the test split, with its `stratum`, the columns that the statistics read; its note is not looked
    at, so that the figures are those of the design."""
    files = AuthorsFiles(folder / "published")
    audits = pl.concat(map(audited, instances.partition_by("calculator")))
    no_checks = pl.DataFrame(schema={"uid": pl.Int64, "kind": pl.String, "gives": pl.String})
    compared = score_disagreement(audits.drop("calculator_id", "calculator"), files.relabels(instances, KEYS))
    scores = attributed(compared, no_checks)
    physicians = agreed(files.physician_labels(instances, KEYS))
    return (
        audits.rename({"likely_error": "contradicted"})
        .join(scores.select(*COMPARED, *columns("relabel")), on="uid", how="left")
        .join(physicians.select("uid", *columns("physician")), on="uid", how="left")
        .with_columns(
            *(
                pl.lit(None, dtype=kind).alias(name)
                for prefix in ("ruled", "computed")
                for name, kind in zip(columns(prefix), (pl.String, pl.Float64, pl.Date), strict=True)
            ),
            pl.lit(None, dtype=pl.String).alias("ruled"),
            suspect=pl.lit(False),
            not_in_note=pl.lit("[]"),
            stratum=stratum(),
        )
    )


def hanging_of(evidence: pl.DataFrame) -> list[Hanging]:
    """The contradicted labels, on the cards of their defects: without readings, as the figures of the design are."""
    rows = evidence.filter("contradicted").with_columns(relabel_kind=pl.lit("number"), likely_error=pl.lit(False)).to_dicts()
    return [each for row in rows if (each := hanging(row, ()))]
