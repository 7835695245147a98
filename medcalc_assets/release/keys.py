"""The keys by which stored answers are graded: the benchmark's, the authors', every release, and our labels as they are."""

from pathlib import Path

import polars as pl

from medcalc_assets.benchmarks.versions import version_here
from medcalc_assets.errors import MedcalcError
from medcalc_assets.grading.scores import AUTHORS, CANDIDATE
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.value import as_frame, columns
from medcalc_assets.release.rates import with_key
from medcalc_assets.release.releases import Releases
from medcalc_assets.release.use import records_of
from medcalc_assets.storage import tables
from medcalc_assets.storage.warehouse import Warehouse

CORRECTED = "medcalc_v1_corrected.csv"
"""In the authors' folder, their own key with its limits."""
CELLS = ("Ground Truth Answer", "Lower Limit", "Upper Limit")
NAMES = ["key", "uid", *columns("key"), "lower", "upper"]


def keys(warehouse: Warehouse, releases: Releases, authors: str) -> pl.DataFrame:
    """Every label of every key: `key`, uid, `key_*`, and the `lower` and `upper` numbers that it accepts.

    Of a release the evaluation set, and of our labels as they are now those that may grade; in the demo as if they might.
    Raises MedcalcError where a file cannot be read.
    """
    raw = warehouse.read(
        tables.RAW_MEDCALC, columns=["uid", "calculator_name", *columns("label"), "lower_number", "upper_number"]
    )
    evidence = warehouse.read(tables.LABEL_EVIDENCE)
    grades = with_key(evidence, records_of(warehouse, evidence)).filter("in_key").select("uid")
    maintained = warehouse.read(tables.MAINTAINED_LABELS).join(grades, on="uid", how="semi")
    parts = [_typed(version_here(warehouse).name, raw, "label"), _typed(CANDIDATE, maintained, "final")]
    corrected = Path(authors) / CORRECTED
    if authors and corrected.exists():
        parts.append(_read(AUTHORS, _of_authors(corrected, raw), "Unique ID", str(corrected)))
    for version in releases.versions:
        labels = releases.labels(str(version)).filter("Evaluation")
        parts.append(_read(str(version), labels, "Row Number", f"release {version}"))
    return pl.concat(parts)


def _typed(key: str, labels: pl.DataFrame, prefix: str) -> pl.DataFrame:
    typed = (pl.col(ours).alias(name) for ours, name in zip(columns(prefix), columns("key"), strict=True))
    return labels.select(pl.lit(key).alias("key"), "uid", *typed, lower="lower_number", upper="upper_number").select(NAMES)


def _of_authors(path: Path, raw: pl.DataFrame) -> pl.DataFrame:
    """Raises MedcalcError for a file that is none, or is about another benchmark."""
    try:
        labels = pl.read_csv(path, infer_schema=False)
        uids = labels["Unique ID"].cast(pl.Int64)
        named = labels.select("Calculator Name", uid=uids).join(raw.select("uid", "calculator_name"), on="uid")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise MedcalcError(f"{path} cannot be used as a key: {' '.join(str(error).split())[:200]}. Get it again.") from error
    other = named.filter(pl.col("Calculator Name") != pl.col("calculator_name"))["uid"]
    if uids.is_duplicated().any() or other.len():
        uid = uids.filter(uids.is_duplicated()).append(other)[0]
        why = "there twice" if uids.is_duplicated().any() else "of another calculator here: it is about another split"
        raise MedcalcError(f"{path}: Unique ID {uid} is {why}. Name the folder of this benchmark's file (MEDCALC_AUTHORS).")
    return labels


def _read(key: str, labels: pl.DataFrame, number: str, file: str) -> pl.DataFrame:
    """From the texts of a file."""
    try:
        found = [[parse_label(cell) for cell in row] for row in labels.select(CELLS).iter_rows()]
        uids = labels[number].cast(pl.Int64)
    except (LabelError, pl.exceptions.PolarsError) as error:
        raise MedcalcError(f"{file} cannot be used as a key: {' '.join(str(error).split())[:200]}. Get it again.") from error
    limits = (
        pl.Series(name, [row[i].number for row in found], dtype=pl.Float64) for i, name in ((1, "lower"), (2, "upper"))
    )
    frame = as_frame("key", [row[0] for row in found]).with_columns(pl.lit(key).alias("key"), uids.alias("uid"), *limits)
    return frame.select(NAMES)
