"""What keys say of stored answers: a grade per answer and key, a score per run and key, and what another key changes.

The unit of inference is the calculator, of which instances share the rule: intervals are clustered by it.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from medcalc_assets.benchmarks.v1 import V1_0
from medcalc_assets.benchmarks.versions import VERSIONS
from medcalc_assets.grading.replies import Reply, read_reply
from medcalc_assets.grading.statements import FRACTIONS, IN_WORDS, Asked
from medcalc_assets.labels import families
from medcalc_assets.labels.limits import SLACK
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.value import Label, as_frame
from medcalc_assets.statistics.estimates import proportion

AUTHORS = "authors"
CANDIDATE = "candidate"
"""Of the keys that are no release of ours: that of the paper's authors, and our labels as they are now. The benchmark's own
has its name, one of VERSIONS."""
LOST = ("harness_error", "missing")
"""Outcomes that say nothing of the model."""
CARRIED = 10
"""Of fewer gained answers it is not told which calculators carry them."""


def reading(reply: str | None, extracted: str | None, explanation: str | None, asked: Asked) -> Reply:
    """What a stored answer says. All that the model said is read in preference to what a harness made of it.

    Of an answer that came in two parts, the cell is read; but where the explanation says that there is no answer, the number
    in the cell is the harness's, and where the cell cannot be read, a value in the explanation is the answer.
    """
    if reply is not None:
        return read_reply(reply, asked)
    cell, told = read_reply(extracted, asked), read_reply(explanation, asked)
    if told.outcome == "abstained" and explanation is not None:
        return told
    return told if cell.label is None and told.outcome == "value" else cell


def read_answers(outputs: pl.DataFrame, *, original: bool) -> pl.DataFrame:
    """`model_outputs`, which have calculator_id and output_type, with `outcome`, `why`, `answer_*`, and `extracted_*`: the
    harness's cell as `parse_label` reads it. `original` reads for the key of v1.0, which has a percentage as a fraction."""
    kinds = {
        each: Asked.of(*each, original=original)
        for each in outputs.select("calculator_id", "output_type").unique().iter_rows()
    }
    rows = outputs.select("calculator_id", "output_type", "reply", "extracted", "explanation").rows()
    found = [reading(reply, cell, told, kinds[number, kind]) for number, kind, reply, cell, told in rows]
    cells = [_cell(cell) for _, _, _, cell, _ in rows]
    return outputs.with_columns(
        pl.Series("outcome", [each.outcome for each in found], dtype=pl.String),
        pl.Series("why", [each.why for each in found], dtype=pl.String),
        *as_frame("answer", [each.label for each in found]).get_columns(),
        *as_frame("extracted", cells).get_columns(),
    )


def _cell(text: str | None) -> Label | None:
    try:
        return parse_label(text)
    except LabelError:
        return None


def accepts(prefix: str) -> pl.Expr:
    """Whether a label accepts the answer with this column prefix, in a frame with `key_*`, `lower` and `upper`: by the
    limits of the key itself, or where it has none (a date, N/A) if it is the same."""
    number, low, high = pl.col(f"{prefix}_number"), pl.col("lower"), pl.col("upper")
    slack = SLACK * pl.max_horizontal(1.0, high.abs())
    same = (pl.col(f"{prefix}_kind") == pl.col("key_kind")) & pl.col(f"{prefix}_date").eq_missing(pl.col("key_date"))
    bounded = pl.col("key_number").is_not_null()
    inside = number.is_between(low - slack, high + slack)
    return pl.when(bounded).then(inside).otherwise(same & number.is_null()).fill_null(False)


def grade(outputs: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """A grade for every answer to a label of a key.

    `keys` has `key`, uid, `key_*`, `lower` and `upper`. `strict` counts values and a written N/A; `lenient` also an
    abstention in words. `verdict` came with the answer; `extracted_right` is what its cell alone would earn.
    """
    of_fractions, of_original = pl.col("calculator_id").is_in(FRACTIONS), pl.col("key") == V1_0.name
    read = read_answers(outputs, original=False)
    original = pl.concat([read.filter(~of_fractions), read_answers(outputs.filter(of_fractions), original=True)])
    parts = [original.join(keys.filter(of_original), on="uid"), read.join(keys.filter(~of_original), on="uid")]
    right = accepts("answer")
    return pl.concat(parts).with_columns(
        lenient=right,
        strict=right & (pl.col("why").is_null() | (pl.col("why") != IN_WORDS)),
        extracted_right=accepts("extracted"),
        answer=pl.coalesce(pl.col("answer_number").cast(pl.String), pl.col("answer_date").cast(pl.String), "answer_kind"),
    )


def clustered(values: Sequence[float], n: Sequence[int]) -> tuple[float, float]:
    """The 95% interval of a mean with one entry per cluster: the sum of its values, and how many they are. NaN where no
    cluster differs from the others, which says nothing of how far they might.

    The ratio estimator's variance between clusters, C/(C-1) Σ (x - p n)² / N², with Student's t of C - 1 degrees (Cochran,
    Sampling Techniques, 3rd ed. 1977, 9A).

    >>> [round(each, 3) for each in clustered([9, 5, 1], [10, 10, 10])]
    [-0.494, 1.494]
    """
    clusters, total = len(n), sum(n)
    if clusters < 2 or not total:
        return math.nan, math.nan
    p = sum(values) / total
    squares = sum((x - p * size) ** 2 for x, size in zip(values, n, strict=True))
    if squares < SLACK:
        return math.nan, math.nan
    half = student(clusters - 1) * math.sqrt(clusters / (clusters - 1) * squares) / total
    return p - half, p + half


def student(degrees: int) -> float:
    """The 97.5% quantile of Student's t: from its Cornish-Fisher expansion, exact for 1 and 2 degrees.

    Source: Abramowitz & Stegun, 26.7.5; within 0.3% from 3 degrees on.

    >>> [round(student(degrees), 2) for degrees in (1, 2, 10, 54)]
    [12.71, 4.3, 2.23, 2.0]
    """
    if degrees <= 2:
        return (12.706204736, 4.302652730)[degrees - 1]
    z = 1.959963984540054
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(degrees) ** power for power, term in enumerate(terms, 1))


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p of McNemar's test: of discordant pairs, as many on one side by a fair coin.

    >>> round(mcnemar(25, 3), 6)
    2.7e-05
    """
    n, few = gained + lost, min(gained, lost)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(few + 1)) / 2**n) if n else 1.0


def tau_b(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Kendall's tau-b of two scores of the same runs; None where one of them is constant. Source: Kendall 1945.

    >>> tau_b([1, 2, 3], [1, 3, 2])
    0.3333333333333333
    """
    pairs = [((a[i] > a[j]) - (a[i] < a[j]), (b[i] > b[j]) - (b[i] < b[j])) for i in range(len(a)) for j in range(i)]
    of_a, of_b = sum(x != 0 for x, _ in pairs), sum(y != 0 for _, y in pairs)
    return sum(x * y for x, y in pairs) / math.sqrt(of_a * of_b) if of_a and of_b else None


def leaderboard(grades: pl.DataFrame) -> pl.DataFrame:
    """A score per run and key: of its answers to labels of the key, how many are right, strictly and within bounds.

    `low`, `high`: Wilson; `clustered_low`, `clustered_high`: by calculator. `lenient_low` counts lost answers as wrong,
    `lenient_high` as right. `rank` is that of the strict share among the runs under the same key, ties the best.
    """
    by = ["key", "run", "model", "family"]
    outcomes = {name: (pl.col("outcome") == name).sum() for name in ("value", "abstained", "unreadable", *LOST)}
    lost = pl.col("outcome").is_in(LOST)
    found = grades.group_by(by).agg(
        n=pl.len(),
        right=pl.col("strict").sum(),
        lenient_low=pl.col("lenient").sum(),
        lenient_high=(pl.col("lenient") | lost).sum(),
        extracted_right=pl.col("extracted_right").sum(),
        harness_right=pl.col("verdict").sum(),
        harness_differs=(pl.col("verdict") != pl.col("strict")).sum(),
        calculators=pl.col("calculator_id").n_unique(),
        **outcomes,
    )
    of_cluster = grades.group_by(*by, "calculator_id").agg(right=pl.col("strict").sum(), n=pl.len())
    intervals = {key: clustered(cells["right"].to_list(), cells["n"].to_list()) for key, cells in of_cluster.group_by(by)}
    rows = []
    for row in found.to_dicts():
        share = proportion(row["right"], row["n"])
        low, high = intervals[tuple(row[name] for name in by)]
        rows.append(
            row
            | {"share": share.value, "low": share.low, "high": share.high}
            | {"clustered_low": _bounded(low), "clustered_high": _bounded(high)}
        )
    ranked = pl.DataFrame(rows, infer_schema_length=None)
    return ranked.with_columns(rank=pl.col("share").rank("min", descending=True).over("key").cast(pl.Int32)).sort(
        "key", "rank", "run"
    )


def _bounded(share: float) -> float | None:
    return None if math.isnan(share) else min(1.0, max(0.0, share))


def key_effects(grades: pl.DataFrame, evidence: pl.DataFrame) -> pl.DataFrame:
    """What another key than the benchmark's own changes for a run, on the answers to labels that both have.

    `effect` is the difference of the shares with its interval clustered by calculator; `p` is McNemar's, which takes rows
    for independent. `by_calculator`, `by_reason` and `by_stratum` are JSON: of each that gained or lost, [gained, lost].
    `evidence` has uid, reason and stratum.
    """
    own_key = pl.col("key").is_in(list(VERSIONS))
    first = grades.filter(own_key).select("run", "uid", before="strict")
    both = (
        grades.filter(~own_key)
        .join(first, on=["run", "uid"], how="inner")
        .join(evidence.select("uid", "reason", "stratum"), on="uid", how="left")
        .with_columns(gained=pl.col("strict") & ~pl.col("before"), lost=pl.col("before") & ~pl.col("strict"))
    )
    rows = []
    for (key, run, model, family), own in both.group_by("key", "run", "model", "family", maintain_order=True):
        of = own.group_by("calculator_id").agg(pl.col("gained", "lost").sum(), n=pl.len())
        differences = (of["gained"].cast(pl.Int64) - of["lost"].cast(pl.Int64)).to_list()
        low, high = clustered(differences, of["n"].to_list())
        gained, lost, n = int(own["gained"].sum()), int(own["lost"].sum()), own.height
        rows.append(
            {
                "key": key,
                "run": run,
                "model": model,
                "family": family,
                "n": n,
                "right_before": int(own["before"].sum()),
                "right": int(own["strict"].sum()),
                "gained": gained,
                "lost": lost,
                "effect": (gained - lost) / n,
                "low": None if math.isnan(low) else low,
                "high": None if math.isnan(high) else high,
                "p": mcnemar(gained, lost),
                **{f"by_{name}": _changes(own, column) for name, column in BY.items()},
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


BY = {"calculator": "calculator", "reason": "reason", "stratum": "stratum"}


def _changes(own: pl.DataFrame, by: str) -> str:
    found = own.filter(pl.col("gained") | pl.col("lost")).group_by(by).agg(pl.col("gained", "lost").sum()).sort(by)
    return json.dumps({str(name): [int(gained), int(lost)] for name, gained, lost in found.iter_rows()})


def agreement_of_ranks(effects: pl.DataFrame) -> dict[str, float | None]:
    """By key, Kendall's tau-b of its scores and those of the benchmark's own, which are of the same labels for each run."""
    shares = effects.sort("key", "run").select(
        "key", before=pl.col("right_before") / pl.col("n"), now=pl.col("right") / pl.col("n")
    )
    return {
        key: tau_b(of["before"].to_list(), of["now"].to_list()) for (key,), of in shares.group_by("key", maintain_order=True)
    }


def in_common(grades: pl.DataFrame) -> list[dict[str, Any]]:
    """By key, on how many labels all its runs gave an answer, and how many of these each has `right`: what can be ranked."""
    found = []
    for (key,), own in grades.sort("key", "run").group_by("key", maintain_order=True):
        shared = own.filter(pl.len().over("uid") == own["run"].n_unique())
        right = shared.group_by("run", maintain_order=True).agg(pl.col("strict").sum())
        found.append({"key": key, "labels": shared["uid"].n_unique(), "right": dict(right.iter_rows())})
    return found


def caveats(board: pl.DataFrame) -> list[str]:
    """What the ranks of a leaderboard do not say: of runs that answered different labels, which is the better one."""
    spans = board.group_by("key").agg(fewest=pl.col("n").min(), most=pl.col("n").max()).sort("key")
    return [
        f"Under {key} the runs answered {fewest:,} to {most:,} labels: a rank says nothing of two runs whose labels differ."
        for key, fewest, most in spans.iter_rows()
        if fewest < most
    ]


def differences(grades: pl.DataFrame) -> pl.DataFrame:
    """The answers of which the harness said otherwise than the benchmark's own key does, with what was read of them."""
    found = grades.filter(pl.col("key").is_in(list(VERSIONS)) & (pl.col("verdict") != pl.col("strict"))).sort("run", "uid")
    return found.select("run", "uid", "calculator", "verdict", "strict", "answer", "outcome")


def sentences(effects: Sequence[Mapping[str, Any]], auditors: Collection[str]) -> list[str]:
    """What another key does to each run, in words that claim no more than the intervals do; on the relabels of `auditors`
    the keys rest, but for that of the paper's authors."""
    said = []
    for row in effects:
        by_calculator: dict[str, tuple[int, int]] = json.loads(row["by_calculator"])
        points = f"{100 * row['effect']:+.1f} points"
        head = (
            f"{row['run']} under {row['key']}: {points} on {row['n']:,} labels ({row['gained']} gained, {row['lost']} lost)"
        )
        if row["low"] is None:
            nothing = (
                "no answer is graded otherwise" if not by_calculator else "no calculator differs, so there is no interval"
            )
            said.append(f"{head}: {nothing}.")
            continue
        interval = f"95% by calculator {100 * row['low']:+.1f} to {100 * row['high']:+.1f}"
        sure = "it gains" if row["low"] > 0 else "it loses" if row["high"] < 0 else "no gain or loss is shown"
        labellers = {families.family(name) for name in ([AUTHORS] if row["key"] == AUTHORS else auditors)}
        kin = labellers & {families.family(row["family"]), families.family(row["model"])}
        caveat = f"; {min(kin)} is the family of the labeller, too" if kin else ""
        said.append(f"{head}, {interval}: {sure}{_carried(by_calculator, row['gained'])}{caveat}.")
    if len(said) > 1 and any("it gains" in each or "it loses" in each for each in said):
        said.append(f"Of {len(said)} such comparisons one in twenty shows a gain or loss by chance.")
    return said


def _carried(by_calculator: Mapping[str, Sequence[int]], gained: int) -> str:
    """Which two calculators carry most of what was gained, if two do."""
    most = sorted(by_calculator, key=lambda name: -by_calculator[name][0])[:2]
    carried = sum(by_calculator[name][0] for name in most)
    return f"; {carried} of the {gained} are of {' and '.join(most)}" if gained >= CARRIED and 2 * carried > gained else ""


def difficulty(grades: pl.DataFrame) -> pl.DataFrame:
    """Per key and instance, in how many runs it was answered and in how many rightly."""
    return grades.group_by("key", "uid", "calculator").agg(runs=pl.len(), right=pl.col("strict").sum()).sort("key", "uid")
