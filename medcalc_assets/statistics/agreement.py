"""Labels against physicians: the agreement rule, sMAPE and their intervals, as in arXiv:2512.19691, section 5."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import polars as pl
import polars.selectors as cs

from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.agreement import agrees, is_continuous
from medcalc_assets.labels.parsing import parse_labels
from medcalc_assets.labels.value import as_frame, columns
from medcalc_assets.statistics.estimates import Estimate, proportion, smape


class Agreement(NamedTuple):
    """Of one set of labels with the physicians'."""

    n_agree: int
    share: Estimate
    """Of those that agree, with its Wilson interval."""
    smape: Estimate
    """In percent, over the pairs of two numbers, with its bootstrap interval."""


def agreement(labels: Iterable[object], physicians: Iterable[object], *beside: Iterable[object]) -> Agreement:
    """How well labels agree with physicians', as in arXiv:2512.19691, section 5.

    An instance is continuous if any label of it is fractional or beyond 20 in size: a label then agrees within 5% of the
    physician's (within 0.05 of a 0), else within 1 point. N/A agrees with N/A, a date with itself.

    Args:
        labels: One per instance: a label, or what `parse_label` reads as one. None is no label: the pair does not count.
        physicians: The physicians', in the same order.
        beside: Other label sets of the same instances, which tell what is continuous, too: the paper compares the original
            labels and the relabels on the same terms.

    Returns:
        The share that agrees with its Wilson interval (95%), and sMAPE in percent with its bootstrap interval.

    Raises:
        MedcalcError: One is no label, or the sets are not of one length.

    >>> found = agreement([11, "7.5", "N/A", 30], [12, "7.6", "N/A", 40])
    >>> found.n_agree, found.share.value, found.share.n
    (3, 0.75, 4)
    >>> agreement([5], [4]).n_agree, agreement([5], [4], [4.5]).n_agree
    (1, 0)
    >>> round(found.smape.value, 1), found.smape.n
    (12.9, 3)
    """
    sets = {"label": labels, "physician": physicians} | {f"beside_{i}": each for i, each in enumerate(beside)}
    frames = [as_frame(prefix, parse_labels(each, prefix)) for prefix, each in sets.items()]
    if len(lengths := {frame.height for frame in frames}) > 1:
        raise MedcalcError(f"The label sets have {' and '.join(map(str, sorted(lengths)))} labels: give one per instance.")
    pairs = pl.concat(frames, how="horizontal").drop_nulls(["label_kind", "physician_kind"])
    return _agreement(pairs, "label", pl.any_horizontal(map(is_continuous, sets)))


def _agreement(pairs: pl.DataFrame, prefix: str, continuous: pl.Expr) -> Agreement:
    agree = int(pairs.select(agrees(prefix, "physician", continuous)).to_series().sum())
    return Agreement(agree, proportion(agree, pairs.height), smape(pairs[f"{prefix}_number"], pairs["physician_number"]))


def compare_with_physicians(
    audits: pl.DataFrame, relabels: pl.DataFrame, physicians: pl.DataFrame, auditor: str
) -> list[dict[str, Any]]:
    """Agreement and sMAPE of the original labels and of what the published rules make of the benchmark's entities (both are
    in `audits`, the derivation audits), and of every auditor's relabels, over the physicians' instances.

    An instance is continuous if the physician's, the original or the relabel of the `auditor` that counts is, and is so
    for every label set. Each set is judged where it has a label; the Ns say how many those are.
    """
    relabels = relabels.filter(pl.col("relabel_kind").is_not_null())
    reference = (
        physicians.join(audits.select("uid", *columns("label")), on="uid", validate="m:1")
        .join(relabels.filter(auditor=auditor).select("uid", *columns("relabel")), on="uid", how="left")
        .select(
            "uid",
            cs.starts_with("physician_", "label_"),
            continuous=pl.any_horizontal(is_continuous(prefix) for prefix in ("physician", "label", "relabel")),
        )
    )
    computable = audits.filter(pl.col("published_kind").is_not_null()).select("uid", *columns("published"))
    label_sets = {
        "original": ("label", reference),
        "own entities": ("published", reference.join(computable, on="uid")),
        **{
            name: ("relabel", reference.join(relabels.filter(auditor=name), on="uid"))
            for name in relabels["auditor"].unique().sort()
        },
    }
    rows: list[dict[str, Any]] = []
    for name, (prefix, labels) in label_sets.items():
        n_agree, share, error = _agreement(labels, prefix, pl.col("continuous"))
        rows.append(
            {
                "label_set": name,
                "reviewers": ", ".join(physicians["reviewer"].unique().sort()) or "none",
                "n": share.n,
                "n_agree": n_agree,
                "agreement": share.value,
                "agreement_low": share.low,
                "agreement_high": share.high,
                "smape": error.value,
                "smape_low": error.low,
                "smape_high": error.high,
                "smape_n": error.n,
            }
        )
    return rows
