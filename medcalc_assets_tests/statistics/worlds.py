"""Simulated worlds: which labels are wrong is drawn, so that what a plan or an order finds can be held against the truth.

Nothing in them says anything of a real label.
"""

import numpy as np
import polars as pl

from medcalc_assets.labels.cards import Hanging, in_order
from medcalc_assets.labels.discrepancy import COMPARISONS
from medcalc_assets.statistics.error_model import SHARED, probability_wrong
from medcalc_assets.statistics.sampling import ANTICIPATED, allocate, estimate

WEIGHT = 20
"""The rate of a stratum is drawn from a Beta distribution around the anticipated one, as if from so many answers."""


def rates(dice: np.random.Generator) -> dict[str, float]:
    """Per stratum, the rate of wrong labels in one world."""
    own = {h: dice.beta(WEIGHT * p, WEIGHT * (1 - p)) for h, p in ANTICIPATED.items()}
    return {h: own[SHARED.get(h, h)] for h in own}


def coverage(unseen: dict[str, int], answers: int, worlds: int, seed: int) -> float:
    """In which share of worlds the interval of a planned sample holds the number of wrong labels."""
    dice, sizes, held = np.random.default_rng(seed), allocate(unseen, answers), 0
    for _ in range(worlds):
        wrong = {h: dice.binomial(unseen[h], rate) for h, rate in rates(dice).items()}
        found = {h: dice.hypergeometric(wrong[h], n - wrong[h], sizes[h]) for h, n in unseen.items()}
        rate = estimate([(n, sizes[h], found[h]) for h, n in unseen.items()])
        held += rate.low <= sum(wrong.values()) <= rate.high
    return held / worlds


def decisions_for(
    orders: dict[str, list[list[int]]], strata: list[str], share: float, worlds: int, seed: int, varied: bool = False
) -> dict[str, float]:
    """Per order, the mean number of decisions after which this share of the wrong labels is found.

    An order lists, per decision, the rows that it shows to be wrong if they are: a single one, or all that hang on a card.
    The rates are those anticipated or, `varied`, drawn for each world.
    """
    dice = np.random.default_rng(seed)
    needed = dict.fromkeys(orders, 0.0)
    for _ in range(worlds):
        of_stratum = rates(dice) if varied else ANTICIPATED
        wrong = dice.random(len(strata)) < np.array([of_stratum[h] for h in strata])
        for name, order in orders.items():
            found = np.cumsum([wrong[rows].sum() for rows in order])
            needed[name] += float(np.searchsorted(found, share * wrong.sum()) + 1)
    return {name: total / worlds for name, total in needed.items()}


def shown_by_cards(labels: list[Hanging]) -> list[list[int]]:
    """Per card, in order: the uids of the labels that it shows wrong together with those before it."""
    rulings: dict[str, str] = {}
    before: set[int] = set()
    found = []
    for place in in_order(labels):
        rulings[place.card.id] = place.card.choices[0]
        now = {each.uid for each in labels if each.under(rulings).shown_wrong}
        found.append(sorted(now - before))
        before = now
    return found


def orders(evidence: pl.DataFrame, shown: list[list[int]]) -> tuple[dict[str, list[list[int]]], list[str]]:
    """The orders `paper` (the contested as published, then the rest by uid), `likely`, and `cards first`, of the labels that
    no physician has seen, and the strata of these. `shown` is what each card shows."""
    rows = (
        evidence.with_columns(probability_wrong(evidence)).filter(pl.col("physician_kind").is_null()).with_row_index("row")
    )
    contested = pl.col("likely_error")
    tier = pl.when(contested).then(pl.col("comparison").replace_strict(COMPARISONS, range(len(COMPARISONS)), default=None))
    severity = pl.when(contested).then(pl.coalesce(pl.col("days").cast(pl.Float64), "discrepancy"))
    paper = rows.sort(tier, severity, "uid", descending=[False, True, False], nulls_last=True)["row"]
    likely = rows.sort("probability_wrong", "uid", descending=[True, False])["row"]
    row_of = dict(rows.select("uid", "row").iter_rows())
    by_card = [[row_of[uid] for uid in uids if uid in row_of] for uids in shown]
    while not by_card[-1]:  # what shows no further label wrong is not ruled first
        by_card.pop()
    on_cards = {row for these in by_card for row in these}
    found = {
        "paper": [[row] for row in paper],
        "likely": [[row] for row in likely],
        "cards first": by_card + [[row] for row in likely if row not in on_cards],
    }
    return found, rows["stratum"].to_list()
