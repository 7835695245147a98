"""What a benchmark shares with the one that judges: its notes, and its notes with the same calculator."""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from medcalc_assets.benchmarks.known import NOTE_DIGITS, V1, asked_in_test, known_as, note_sha256
from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.labels.simulated import DEMO
from medcalc_assets.release.releases import ReleaseError

CASE = ["note_sha256", "calculator_id"]
"""What is asked: two questions of one note and one calculator are the same question."""


class Leaks(NamedTuple):
    """The uids of what must not train, as a model that has seen it is judged by v1.0's test split."""

    cases: list[int]
    """Note and calculator stand there."""
    notes: list[int]
    """The note does, with another calculator."""


def leaks_into_test(raw: pl.DataFrame) -> Leaks | None:
    """Of rows of `raw_medcalc`; None for the test split itself and for the demo, whose rows are known."""
    if any(known_as(str(uid), digest) in (V1["test"], DEMO) for uid, digest in raw.select("uid", "row_sha256").iter_rows()):
        return None
    asked = asked_in_test()
    rows = raw.select("uid", "calculator_id", note=pl.col("note_sha256").str.head(NOTE_DIGITS)).sort("uid")
    there = rows.filter(pl.col("note").is_in([digits for _, digits in asked]))
    cases = [uid for uid, number, digits in there.iter_rows() if (number, digits) in asked]
    return Leaks(cases, there.filter(~pl.col("uid").is_in(cases))["uid"].to_list())


def asked_in(evaluation: Path) -> pl.DataFrame:
    """CASE of every row of a key; the authors' has no id of a calculator, but its name. Raises ReleaseError."""
    ids = {calculator.name: calculator.id for calculator in CALCULATORS.values()}
    try:
        key = pl.read_csv(evaluation, infer_schema=False)
        by_id = "Calculator ID" in key.columns
        number = (
            pl.col("Calculator ID").cast(pl.Int32) if by_id else pl.col("Calculator Name").replace_strict(ids, default=None)
        )
        notes = pl.col("Patient Note").fill_null("").map_elements(note_sha256, return_dtype=pl.String)
        return key.select(note_sha256=notes, calculator_id=number.cast(pl.Int32)).unique()
    except (pl.exceptions.PolarsError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise ReleaseError(f"{evaluation} cannot be read as a key: {said}. Give the CSV of a release.") from error
