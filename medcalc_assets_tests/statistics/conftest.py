"""What is known of the real labels, from the functions of the chain, without Dagster."""

import polars as pl
import pytest

from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.calculators import KEYS
from medcalc_assets.defs.derivation import audited
from medcalc_assets.defs.disagreement import attributed
from medcalc_assets.defs.phase3_adjudication import agreed
from medcalc_assets.labels.discrepancy import score_disagreement
from medcalc_assets.labels.value import columns
from medcalc_assets.physicians.authors import AuthorsFiles
from medcalc_assets.statistics.strata import stratum


@pytest.fixture(scope="session")
def instances(real_data) -> pl.DataFrame:
    return Source(str(real_data / "medcalc_bench_v1_test.csv")).read().instances


@pytest.fixture(scope="session")
def evidence(real_data, instances) -> pl.DataFrame:
    """Of every instance of the test split, with its `stratum`, the columns that the statistics read."""
    files = AuthorsFiles(real_data / "published")
    audits = pl.concat(map(audited, instances.partition_by("calculator")))
    scores = attributed(score_disagreement(audits.drop("calculator_id", "calculator"), files.relabels(instances, KEYS)))
    physicians = agreed(files.physician_labels(instances, KEYS))
    return (
        audits.rename({"likely_error": "contradicted"})
        .join(scores.select("uid", "comparison", "likely_error", "attribution", *columns("relabel")), on="uid", how="left")
        .join(physicians.select("uid", *columns("physician")), on="uid", how="left")
        .with_columns(stratum=stratum())
    )
