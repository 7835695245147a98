"""What is invented for the demo, and how a label that rests on it is known."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

NAME = "simulated"
"""Of the auditor and of the physician that are invented."""
DEMO = "demo"
"""The source that is no MedCalc-Bench but an invented benchmark."""


def is_simulated() -> "pl.Expr":
    """Whether a label rests on anything invented: its source, its auditor or a reviewer.

    For frames with `source`, `auditor` and `reviewer` (several names joined by ", "; null for none).
    """
    import polars as pl  # the names alone are wanted where nothing else needs it

    reviewers = pl.col("reviewer").str.split(", ").list.contains(NAME)
    return pl.any_horizontal(pl.col("source") == DEMO, pl.col("auditor") == NAME, reviewers).fill_null(False)
