"""How many independent votes several auditors are worth, whose errors go together."""

from collections.abc import Callable

import numpy as np

from medcalc_assets.errors import MedcalcError
from medcalc_assets.statistics.estimates import SEED, Estimate

FEWEST = 100
"""Labels of known truth, below which there is no figure."""
DRAWS = 2_000

Numbers = np.ndarray


def effective_number(votes: int, rho: float) -> float:
    """k / (1 + (k - 1) max(rho, 0)): the number of independent votes whose mean varies as that of k correlated ones.

    Source: Kish, Survey Sampling 1965, 8.2 (the design effect).

    >>> round(effective_number(5, 0.505), 3)
    1.656
    """
    return votes / (1 + (votes - 1) * max(rho, 0.0))


def intraclass_correlation(errors: Numbers, votes: int) -> float:
    """Of 0/1 errors, by one-way analysis of variance; `errors` counts those of each row among its `votes`.

    (MSB - MSW) / (MSB + (k - 1) MSW); NaN if no vote is wrong, or each. Source: Shrout & Fleiss, Psychol Bull 1979;86:420.
    """
    share, n = errors / votes, len(errors)
    between = votes * ((share - share.mean()) ** 2).sum() / (n - 1)
    within = votes * (share * (1 - share)).sum() / (n * (votes - 1))
    total = between + (votes - 1) * within
    return float((between - within) / total) if total else float("nan")


def correlation_from_disagreement(disagreement: float, error_rate: float, same: float = 1.0) -> float:
    """The correlation of two auditors' errors, from how often their answers differ.

    Args:
        disagreement: The mean share of pairs of votes on a row that differ.
        error_rate: Of a vote, on *randomly* chosen labels of known truth.
        same: How often two votes that are both wrong give the same answer; 1 gives an upper bound.

    Both are wrong with probability b = (2p - d) / (1 + s); rho = (b - p²) / (p (1 - p)).
    """
    p = error_rate
    both = (2 * p - disagreement) / (1 + same)
    return (both - p * p) / (p * (1 - p)) if 0 < p < 1 else float("nan")


def from_errors(wrong: Numbers) -> Estimate:
    """The effective number of votes, with its bootstrap interval (rows drawn with replacement, seeded).

    `wrong` has a row per label of known truth and a column per auditor; a missing answer counts as wrong.

    Raises:
        MedcalcError: Fewer than FEWEST labels, or a single auditor.
    """
    labels, votes = wrong.shape
    _require(labels, votes)
    errors = wrong.sum(axis=1)
    return _bootstrap(labels, lambda rows: effective_number(votes, intraclass_correlation(errors[rows], votes)))


def from_disagreement(votes: int, disagreement: float, errors: Numbers, same: float = 1.0) -> Estimate:
    """The same from votes without truth, and a few truths: `errors` are the shares of wrong votes on randomly chosen labels.

    `disagreement` and `same` are those of `correlation_from_disagreement`; the interval is that of the few truths, which is
    by far the widest part of it. Raises as `from_errors`.
    """
    _require(len(errors), votes)

    def number(rows: Numbers) -> float:
        return effective_number(votes, correlation_from_disagreement(disagreement, float(errors[rows].mean()), same))

    return _bootstrap(len(errors), number)


def _require(labels: int, votes: int) -> None:
    if labels < FEWEST or votes < 2:
        raise MedcalcError(
            f"The effective number of votes is not known from {votes} auditors and {labels} labels of known truth: it takes "
            f"2 and {FEWEST}. Wait for more physicians' answers."
        )


def _bootstrap(n: int, figure: Callable[[Numbers], float]) -> Estimate:
    generator = np.random.default_rng(SEED)
    draws = [figure(generator.integers(n, size=n)) for _ in range(DRAWS)]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Estimate(figure(np.arange(n)), float(low), float(high), n)
