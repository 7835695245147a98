"""Stored answers of models in a home: each run a file of its own, added whole or not at all, and never changed."""

import datetime as dt
import io
from pathlib import Path
from typing import NamedTuple

import polars as pl

from medcalc_assets.grading.outputs import SCHEMA, OutputsError, joined, read
from medcalc_assets.storage.files import locked, write_durably
from medcalc_assets.storage.tables import RAW_MEDCALC
from medcalc_assets.storage.warehouse import Warehouse

OUTPUTS = "outputs"
"""The folder of a home that has them."""
ABOUT: dict[str, pl.DataType] = {
    "run": pl.String(),
    "model": pl.String(),
    "family": pl.String(),
    "file": pl.String(),
    "file_sha256": pl.String(),
    "added_at": pl.Datetime("us", "UTC"),
}


class Added(NamedTuple):
    """What came of a file: how many answers, which rows answer no instance and why, and which have the number of another
    instance than the one whose text they have (row, number, uid)."""

    run: str
    answers: int
    refused: list[tuple[int, str]]
    renumbered: list[tuple[int, int, int]]


def add(warehouse: Warehouse, path: Path, model: str, family: str) -> Added:
    """Keep the answers of a file as a run of this model. Raises OutputsError: then nothing was added."""
    if not model.strip() or not model.isprintable() or len(model) > 80:
        raise OutputsError(f"--model {model!r:.60} is no name of a model: give one, such as gpt-4.")
    digest, rows = read(path)
    instances = warehouse.read(RAW_MEDCALC, columns=["uid", "note", "question"])
    found = joined(path, rows, instances)
    with locked(warehouse.home / f"{OUTPUTS}.lock"):
        known = stored(warehouse.home).select("run", "file", "file_sha256").unique()
        if same := known.filter(file_sha256=digest).to_dicts():
            raise OutputsError(
                f"{path} is the file {same[0]['file']} that was added as {same[0]['run']}. Nothing was added."
            )
        if not known.filter(run=model).is_empty():
            raise OutputsError(f"There is a run {model!r} of another file. Name this one otherwise, such as '{model} 2'.")
        about = [
            pl.lit(value, dtype).alias(name)
            for (name, dtype), value in zip(
                ABOUT.items(), (model, model, family, path.name, digest, dt.datetime.now(dt.UTC)), strict=True
            )
        ]
        found.answers.with_columns(about).write_parquet(content := io.BytesIO())
        write_durably(warehouse.home / OUTPUTS / f"{digest[:16]}.parquet", content.getvalue())
    return Added(model, found.answers.height, found.refused, found.renumbered)


def stored(home: Path) -> pl.DataFrame:
    """All stored answers of a home. Raises OutputsError for a file that is damaged."""
    frames = [pl.DataFrame(schema=SCHEMA | ABOUT)]
    for path in sorted((home / OUTPUTS).glob("*.parquet")):
        try:
            frames.append(pl.read_parquet(path).select(list(SCHEMA | ABOUT)).cast(pl.Schema(SCHEMA | ABOUT)))
        except (pl.exceptions.PolarsError, OSError) as error:
            why = " ".join(str(error).split())[:120]
            raise OutputsError(
                f"{path} is damaged ({why}). Restore it from a backup, or delete it and add its file."
            ) from error
    return pl.concat(frames)
