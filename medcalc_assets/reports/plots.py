"""Pictures for the UI, as markdown. Each names the auditor whose relabels it shows."""

import base64
import io
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONTESTED, AGREED, DEFERRED, INK = "#c2410c", "#94a3b8", "#e2e8f0", "#1e293b"


def disagreement_by_calculator(figures: pl.DataFrame, auditor: str) -> str:
    """Of each calculator's labels, the share that are likely errors, agree, or have no high-confidence relabel.

    Marks show the share that Phase 1 flags, and the share that its own entities contradict.
    """
    shares = figures.select(
        "calculator",
        contested=100 * pl.col("likely_errors") / pl.col("instances"),
        confident=100 * pl.col("high_confidence") / pl.col("instances"),
        flagged=100 * pl.col("audit_flags") / pl.col("instances"),
        contradicted=100 * pl.col("contradicted") / pl.col("instances"),
    ).sort("contested", "calculator", descending=[False, True])
    names = shares["calculator"]
    figure = _figure(8, 1.6 + 0.2 * len(shares))
    axes = figure.subplots()
    axes.barh(names, 100, color=DEFERRED, label="no high-confidence relabel")
    axes.barh(names, shares["confident"], color=AGREED, label="relabel agrees")
    axes.barh(names, shares["contested"], color=CONTESTED, label="likely error")
    for share, mark, name in (("flagged", "o", "flagged by Phase 1"), ("contradicted", "D", "own entities contradict")):
        some = shares.filter(pl.col(share) > 0)
        axes.plot(some[share], some["calculator"], mark, color=INK, markersize=4, fillstyle="none", label=name)
    axes.set(xlim=(-1, 101), xlabel=f"% of instances; relabels of: {auditor}")
    axes.margins(y=0.01)
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return _image(figure, "Share of each calculator's labels that are likely errors")


def original_against_relabels(scores: pl.DataFrame, auditor: str) -> str:
    """Original against recomputed numbers, both on a symmetric log scale."""
    numbers = scores.filter(comparison="relative")
    figure = _figure(6, 6)
    axes = figure.subplots()
    for likely_error, color, name in ((False, AGREED, "within 5%"), (True, CONTESTED, "likely error")):
        part = numbers.filter(likely_error=likely_error)
        axes.scatter(
            part["label_number"], part["relabel_number"], s=14, color=color, alpha=0.7, label=f"{name} ({len(part)})"
        )
    axes.axline((0, 0), slope=1, color=INK, linewidth=0.6)
    axes.set_xscale("symlog")
    axes.set_yscale("symlog")
    axes.set(xlabel="original label", ylabel=f"recomputed label ({auditor})")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return _image(figure, "Original against recomputed labels")


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure  # half a second, and most of what loads this module draws nothing

    return Figure(figsize=(width, height), layout="constrained")


def _image(figure: "Figure", alternative_text: str) -> str:
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=80)
    return f"![{alternative_text}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})"
