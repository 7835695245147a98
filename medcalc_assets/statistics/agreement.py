"""Labels against physicians: the agreement rule, sMAPE and their intervals, as in arXiv:2512.19691, section 5."""

from typing import Any

import polars as pl
import polars.selectors as cs

from medcalc_assets.labels.agreement import agrees, is_continuous
from medcalc_assets.labels.value import columns
from medcalc_assets.statistics.estimates import proportion, smape


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
        agree = labels.select(agrees(prefix, "physician", pl.col("continuous"))).to_series()
        share = proportion(int(agree.sum()), len(agree))
        error = smape(labels[f"{prefix}_number"], labels["physician_number"])
        rows.append(
            {
                "label_set": name,
                "reviewers": ", ".join(physicians["reviewer"].unique().sort()) or "none",
                "n": share.n,
                "n_agree": int(agree.sum()),
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
