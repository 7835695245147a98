"""Certificates: what a simple random sample of labels proves about all of them, exactly (hypergeometric)."""

import math

from medcalc_assets.errors import MedcalcError

CONFIDENCE = 0.95


def probability_of_at_most(found: int, n: int, wrong: int, labels: int) -> float:
    """P(at most `found` wrong labels in a random `n` of `labels`, of which `wrong` are wrong), from whole numbers."""
    right = labels - wrong
    ways = sum(math.comb(wrong, k) * math.comb(right, n - k) for k in range(min(found, wrong, n) + 1))
    return ways / math.comb(labels, n)


def highest_allowed(share: float, labels: int) -> int:
    """How many wrong labels "at most this share" allows: floor(share · labels)."""
    return math.floor(share * labels + 1e-9)  # 0.29 · 100 is 28.999999999999996


def sample_size(labels: int, share: float, found: int = 0, confidence: float = CONFIDENCE) -> int:
    """The smallest random sample that proves "at most floor(`share` · `labels`) are wrong" if `found` in it are wrong.

    It is fixed beforehand, and never extended until it passes. `labels` counts those that no physician has decided.

    Raises:
        MedcalcError: No sample proves it: so many wrong answers are more than the share allows, or it allows all labels.

    >>> sample_size(871, 0.05), sample_size(871, 0.02, found=2)
    (56, 269)
    """
    wrong = highest_allowed(share, labels) + 1
    if not found < wrong <= labels:
        raise MedcalcError(
            f"No sample with {found} wrong answers shows that at most {wrong - 1} of {labels} labels are wrong: "
            "name another share."
        )
    low, high = found, max(2 * found, 1)
    while high < labels and probability_of_at_most(found, high, wrong, labels) > 1 - confidence:
        low, high = high, 2 * high
    high = min(high, labels)
    while high - low > 1:
        middle = (low + high) // 2
        if probability_of_at_most(found, middle, wrong, labels) <= 1 - confidence:
            high = middle
        else:
            low = middle
    return high


def bound(labels: int, n: int, found: int, confidence: float = CONFIDENCE) -> int:
    """How many of `labels` are wrong at most, after a random `n` of them with `found` wrong: valid for whatever is found.

    >>> bound(871, 100, 3), bound(871, 200, 5)
    (63, 42)
    """
    low, high = found, labels - (n - found) + 1  # more cannot be wrong, as the right ones in the sample are right
    while high - low > 1:
        middle = (low + high) // 2
        if probability_of_at_most(found, n, middle, labels) > 1 - confidence:
            low = middle
        else:
            high = middle
    return low
