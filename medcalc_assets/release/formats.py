"""The maintained labels as files: a drop-in for the CSV of v1.0, and a Parquet file that says how each label came about."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl

from medcalc_assets.auditors import simulated
from medcalc_assets.benchmarks.spec import COLUMNS
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.value import as_text, columns
from medcalc_assets.storage.tables import MAINTAINED_LABELS, RAW_MEDCALC
from medcalc_assets.storage.warehouse import Warehouse

NAME = "medcalc_bench_maintained"
BESIDE = ("State", "Reason", "Evidence", "Assumptions", "Auditor")


def maintained_benchmark(raw: pl.DataFrame, maintained: pl.DataFrame) -> pl.DataFrame:
    """The benchmark in the columns of v1.0 with maintained labels and limits, and those of BESIDE.

    A label that stays is spelt as in v1.0, to the letter. Of a label that changed, the explanation is replaced too: the
    original one explains another value.
    """
    rows = raw.join(maintained.drop("calculator_id", "calculator"), on="uid", suffix="_maintained", validate="1:1")
    stays = pl.all_horizontal(
        pl.col(new).eq_missing(pl.col(old)) for new, old in zip(columns("final"), columns("label"), strict=True)
    )
    is_gestation = pl.col("label_text").str.contains("week")

    def spelt(number: str) -> pl.Expr:
        """A number (or the date, or N/A, that stands in all three columns) in the spelling of the release."""
        gestation = pl.format(
            "('{} weeks', '{} days')", (pl.col(number) // 7).cast(pl.Int64), (pl.col(number) % 7).cast(pl.Int64)
        )
        whole = pl.col(number).cast(pl.Int64, strict=False)
        plain = (
            pl.when(pl.col(number) == whole).then(whole.cast(pl.String)).otherwise(pl.col(number).round(6).cast(pl.String))
        )
        return pl.when(is_gestation).then(gestation).otherwise(plain).fill_null(as_text("final"))

    explanation = pl.format(
        "Maintained label {}: {}. The original label was {}.",
        spelt("final_number"),
        pl.col("reason").replace_strict(REASONS, return_dtype=pl.String),
        pl.col("label_text"),
    )
    said = pl.when(pl.col("auditor") == simulated.NAME).then(pl.lit("[SIMULATED] ")).otherwise(pl.lit(""))
    return (
        rows.with_columns(
            pl.when(stays).then(pl.col(old)).otherwise(new).alias(old)
            for old, new in {
                "label_text": spelt("final_number"),
                "lower_text": spelt("lower_number_maintained"),
                "upper_text": spelt("upper_number_maintained"),
            }.items()
        )
        .with_columns(
            explanation=pl.concat_str(said, pl.when(stays).then(pl.col("explanation")).otherwise(explanation)),
            # The release spells its entities as Python literals.
            entities=pl.col("entities").map_elements(lambda text: repr(json.loads(text)), return_dtype=pl.String),
        )
        .select(
            *(pl.col(ours).alias(theirs) for theirs, ours in COLUMNS.items()),
            *(pl.col(name.lower()).alias(name) for name in BESIDE),
        )
        .sort("Row Number")
    )


def export(warehouse: Warehouse, folder: Path) -> list[Path]:
    """Write the CSV (columns of v1.0 only) and the Parquet file, and return their paths.

    Each file appears whole or not at all. Files made from simulated votes say so in their names and in every row.
    Raises WarehouseError if there are no maintained labels yet.
    """
    maintained = warehouse.read(MAINTAINED_LABELS)
    benchmark = maintained_benchmark(warehouse.read(RAW_MEDCALC), maintained)
    name = f"{NAME}_SIMULATED" if simulated.NAME in maintained["auditor"] else NAME
    folder.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[Path], object]] = {
        "csv": benchmark.drop(BESIDE).write_csv,
        "parquet": benchmark.write_parquet,
    }
    written = []
    for suffix, write in writers.items():
        path = folder / f"{name}.{suffix}"
        unfinished = path.with_suffix(".unfinished")
        write(unfinished)
        os.replace(unfinished, path)
        written.append(path)
    return written
