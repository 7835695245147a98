"""Pictures for the UI and the report, as markdown."""

import base64
import io

import polars as pl
from matplotlib.figure import Figure

CONTESTED, AGREED, DEFERRED = "#c2410c", "#94a3b8", "#e2e8f0"


def disagreement_by_calculator(figures: pl.DataFrame) -> str:
    """The share of each calculator's instances that are likely errors, agree, or have no high-confidence relabel."""
    contested = pl.sum_horizontal("contested_numbers", "contested_dates", "contested_abstentions")
    shares = figures.select(
        "calculator",
        contested=100 * contested / pl.col("instances"),
        agreed=100 * (pl.col("high_confidence") - contested) / pl.col("instances"),
    ).sort("contested", "calculator", descending=[False, True])
    figure = Figure(figsize=(8, 1.2 + 0.2 * len(shares)), layout="constrained")
    axes = figure.subplots()
    axes.barh(shares["calculator"], 100, color=DEFERRED, label="no high-confidence relabel")
    axes.barh(shares["calculator"], shares["contested"] + shares["agreed"], color=AGREED, label="relabel agrees")
    axes.barh(shares["calculator"], shares["contested"], color=CONTESTED, label="likely error")
    axes.set(xlim=(0, 100), xlabel="% of instances")
    axes.margins(y=0.01)
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return _image(figure, "Share of each calculator's labels that are likely errors")


def released_against_recomputed(scores: pl.DataFrame) -> str:
    """Released against recomputed numbers, both on a symmetric log scale."""
    numbers = scores.filter(comparison="relative")
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    for likely_error, color, name in ((False, AGREED, "within 5%"), (True, CONTESTED, "likely error")):
        part = numbers.filter(likely_error=likely_error)
        axes.scatter(
            part["label_number"], part["relabel_number"], s=14, color=color, alpha=0.7, label=f"{name} ({len(part)})"
        )
    axes.axline((0, 0), slope=1, color="#475569", linewidth=0.8)
    axes.set_xscale("symlog")
    axes.set_yscale("symlog")
    axes.set(xlabel="released label", ylabel="recomputed label")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return _image(figure, "Released against recomputed labels")


def _image(figure: Figure, alternative_text: str) -> str:
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=80)
    return f"![{alternative_text}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})"
