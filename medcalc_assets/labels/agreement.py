"""When a label agrees with a physician's: the rule of arXiv:2512.19691, section 5."""

import polars as pl

from medcalc_assets.labels.limits import TOLERANCE

LARGEST_ORDINAL = 20


def is_continuous(prefix: str) -> pl.Expr:
    """Whether a label is a measurement rather than a count of points: fractional, or beyond 20 in size.

    Source: the authors' script; the paper says "below 20", the script includes 20.
    """
    value = pl.col(f"{prefix}_number")
    return ((value != value.round()) | (value.abs() > LARGEST_ORDINAL)).fill_null(False)


def agrees(label: str, physician: str, continuous: pl.Expr) -> pl.Expr:
    """Whether the label agrees with the physician's (both given by column prefix).

    N/A only with N/A, a date only with itself; continuous values within 5% of the physician's (within 0.05 of a 0),
    ordinal ones within 1 point.
    """
    ours, theirs = pl.col(f"{label}_number"), pl.col(f"{physician}_number")
    margin = pl.when(~continuous).then(1.0).when(theirs == 0).then(TOLERANCE).otherwise(TOLERANCE * theirs.abs())
    same_kind = pl.col(f"{label}_kind") == pl.col(f"{physician}_kind")
    same_value = (
        pl.when(ours.is_not_null())
        .then((ours - theirs).abs() <= margin)
        .otherwise(pl.col(f"{label}_date").eq_missing(pl.col(f"{physician}_date")))
    )
    return same_kind & same_value
