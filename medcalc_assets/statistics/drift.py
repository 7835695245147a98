"""How the results of one auditor differ from those of another."""

import polars as pl

from medcalc_assets.labels.value import columns
from medcalc_assets.labels.voting import at_two_decimals
from medcalc_assets.statistics.estimates import kappa

KEYS = ["calculator_id", "calculator", "auditor"]


def drift(flags: pl.DataFrame, relabels: pl.DataFrame, reference: str) -> pl.DataFrame:
    """By calculator, and by every auditor but `reference`: what it flags and relabels otherwise than `reference` does.

    Flags are compared where both have a verdict (`likely_error` or `passed`), relabels where both have answered. A
    relabel is gained or lost where only one of the two is confident, and changed where both are and the values differ.
    """
    decided = flags.filter(pl.col("status").is_in(["likely_error", "passed"]))
    flag, flag_before = pl.col("status") == "likely_error", pl.col("status_reference") == "likely_error"
    of_flags = (
        _beside(decided, reference)
        .group_by(KEYS)
        .agg(
            audited=pl.len(),
            flagged_by_both=(flag & flag_before).sum(),
            passed_by_both=(~flag & ~flag_before).sum(),
            flags_gained=(flag & ~flag_before).sum(),
            flags_lost=(~flag & flag_before).sum(),
        )
    )
    answered = relabels.filter(pl.col("status") != "not_relabelled").with_columns(at_two_decimals(pl.col("relabel_number")))
    sure, sure_before = pl.col("status") == "high_confidence", pl.col("status_reference") == "high_confidence"
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_reference")) for name in columns("relabel"))
    of_relabels = (
        _beside(answered, reference)
        .group_by(KEYS)
        .agg(
            relabelled=pl.len(),
            relabels_kept=(sure & sure_before & same).sum(),
            relabels_changed=(sure & sure_before & ~same).sum(),
            relabels_gained=(sure & ~sure_before).sum(),
            relabels_lost=(~sure & sure_before).sum(),
        )
    )
    counts = of_flags.join(of_relabels, on=KEYS, how="full", coalesce=True).with_columns(pl.col(pl.UInt32).fill_null(0))
    return with_kappa(counts).with_columns(reference=pl.lit(reference)).sort(KEYS)


def drift_of_all(flags: pl.DataFrame, relabels: pl.DataFrame, scores: pl.DataFrame, first: str) -> pl.DataFrame:
    """`drift` of every pair of auditors, once: against the one that comes `first`, and of the others by their names.

    Of an auditor without flags (`authors`, whose Phase 1 is not published) a label that its relabel contradicts, by
    `scores`, is a likely error, and one that it confirms has passed.
    """
    judged = scores.join(flags.filter(pl.col("n_votes") > 0).select("auditor").unique(), on="auditor", how="anti")
    status = pl.when("likely_error").then(pl.lit("likely_error")).otherwise(pl.lit("passed"))
    flags = pl.concat([flags, judged.with_columns(status=status)], how="diagonal_relaxed").unique(
        ["uid", "auditor"], keep="last", maintain_order=True
    )
    others = sorted({*flags["auditor"], *relabels["auditor"]} - {first})
    order = [first, *others]
    of_rest = [pl.col("auditor").is_in(order[place:]) for place in range(len(order))]
    pairs = [drift(flags.filter(rest), relabels.filter(rest), each) for each, rest in zip(order, of_rest, strict=True)]
    return pl.concat(pairs)


def with_kappa(counts: pl.DataFrame) -> pl.DataFrame:
    """Adds `flag_kappa` to counts of flags."""
    numbers = [pl.col(name).cast(pl.Float64) for name in ("flagged_by_both", "passed_by_both", "flags_gained", "flags_lost")]
    return counts.with_columns(flag_kappa=kappa(*numbers))


def _beside(results: pl.DataFrame, reference: str) -> pl.DataFrame:
    """The results of every other auditor, with those of the reference on the same instance beside them."""
    others, of_reference = results.filter(pl.col("auditor") != reference), results.filter(auditor=reference)
    return others.join(of_reference, on="uid", suffix="_reference")
