"""Several physicians on one case: the label on which they agree, and how well they agree beyond chance."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import krippendorff
import numpy as np
import polars as pl

from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.value import Label, OutputType
from medcalc_assets.statistics.estimates import kappa


class Consensus(NamedTuple):
    """The label, and the positions of the answers that agree with it."""

    label: Label
    agreeing: tuple[int, ...]


def consensus(answers: Sequence[Label], output_type: OutputType) -> Consensus | None:
    """The label of a case from the answers of its reviewers, the earliest first; None without one.

    The written rule: a single answer stands. Of several, the one stands with which more than half of the reviewers agree,
    itself included: the same type of answer, and numbers within its limits (±5% for decimals, exact for integers and
    dates). Of several such answers the one with most agreement stands, then the earliest. Without a majority there is no
    physician label, and the case stays in the queue for another reviewer.
    """
    found = [
        Consensus(label, tuple(i for i, other in enumerate(answers) if accepts(label, other, output_type)))
        for label in answers
    ]
    best = max(found, key=lambda each: len(each.agreeing), default=None)
    return best if best and len(best.agreeing) > len(answers) / 2 else None


class Agreement(NamedTuple):
    """How well reviewers agree; None where it is not defined (no case in common, or no answer that varies)."""

    cases: int
    """Cases with at least two answers."""
    alpha_computable: float | None
    """Krippendorff's alpha, nominal: whether the question can be answered at all."""
    alpha_value: float | None
    """Krippendorff's alpha with the ratio metric, over answers that are numbers above 0."""
    kappa: Mapping[tuple[str, str], float | None]
    """Cohen's kappa of every two reviewers: whether the question can be answered."""


def agreement(answers: Mapping[str, Mapping[int, Label]]) -> Agreement:
    """The agreement of reviewers, from their answers by uid. Sources: Krippendorff 2011; Cohen 1960."""
    asked = Counter(uid for each in answers.values() for uid in each)
    shared = sorted(uid for uid, n in asked.items() if n > 1)
    computable = {who: {uid: float(label.kind != "na") for uid, label in each.items()} for who, each in answers.items()}
    values = {
        who: {uid: label.number for uid, label in each.items() if label.number and label.number > 0}
        for who, each in answers.items()
    }
    return Agreement(
        len(shared),
        _alpha(computable, shared, "nominal"),
        _alpha(values, shared, "ratio"),
        {
            (a, b): cohens_kappa([(computable[a][uid], computable[b][uid]) for uid in computable[a] if uid in computable[b]])
            for a, b in combinations(sorted(answers), 2)
        },
    )


def cohens_kappa(pairs: Sequence[tuple[float, float]]) -> float | None:
    """`kappa` of two raters by what each said of every case, 1 or 0; None without a case in common."""
    said = Counter(pairs)
    counts = (float(said[each]) for each in ((1, 1), (0, 0), (1, 0), (0, 1)))
    found: float | None = pl.select(kappa(*map(pl.lit, counts))).item()
    return found


def _alpha(
    ratings: Mapping[str, Mapping[int, float]], uids: Sequence[int], level: Literal["nominal", "ratio"]
) -> float | None:
    matrix = np.array([[each.get(uid, np.nan) for uid in uids] for each in ratings.values()], dtype=float)
    pairable = matrix[:, (~np.isnan(matrix)).sum(axis=0) > 1] if matrix.size else matrix
    if len(np.unique(pairable[~np.isnan(pairable)])) < 2:
        return None
    return float(krippendorff.alpha(reliability_data=pairable, level_of_measurement=level))
