"""How many independent votes several auditors are worth, whose errors go together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.agreement import agrees, is_continuous
from medcalc_assets.labels.families import PANEL, family
from medcalc_assets.labels.value import columns
from medcalc_assets.labels.voting import NOT_CAST
from medcalc_assets.statistics.estimates import SEED, Estimate

FEWEST = 100
"""Labels of known truth, below which there is no figure."""
DRAWS = 2_000
SCOPES = ("auditor", "family", PANEL, "all")
UNASKED = ("not_audited", "not_relabelled")
SCHEMA = {
    **dict.fromkeys(("phase", "scope", "name"), pl.String),
    **dict.fromkeys(("votes", "labels"), pl.Int32),
    **dict.fromkeys(("error_rate", "correlation", "effective", "effective_low", "effective_high"), pl.Float64),
}

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


def effective_votes(
    votes: Mapping[str, pl.DataFrame],
    outcomes: Mapping[str, pl.DataFrame],
    originals: pl.DataFrame,
    physicians: pl.DataFrame,
    voters: Sequence[str] = (),
) -> pl.DataFrame:
    """Rows of `effective_votes`, by phase (`audit`, `relabel`, `inputs`): of each auditor's votes, and of what the auditors
    of a family, and all of them, decide. The answer of readers of inputs is what the published rule makes of them.

    Where several auditors count together, `voters`, theirs are those of the `panel`, too.

    An answer is wrong where it does not agree with the physicians' (see `labels.agreement`); a verdict, where it differs
    from whether the original label does. A vote that failed is wrong, and so is an outcome without a decision.
    """
    truth = physicians.join(originals.select("uid", *columns("label")), on="uid").with_columns(
        continuous=is_continuous("physician") | is_continuous("label")
    )
    rows: list[dict[str, object]] = []
    for phase, given in outcomes.items():
        decided = _wrong(phase, given.filter((pl.col("auditor") != PANEL) & ~pl.col("status").is_in(UNASKED)), truth)
        cast = _wrong(phase, votes[phase].filter(pl.col("status") != NOT_CAST), truth)
        auditors = decided["auditor"].unique().sort().to_list()
        rows += [_row(phase, "auditor", name, _of_runs(cast.filter(auditor=name))) for name in auditors]
        for kind in sorted({family(name) for name in auditors}):
            kindred = [name for name in auditors if family(name) == kind]
            if len(kindred) > 1:
                rows.append(_row(phase, "family", kind, _of_auditors(decided, kindred)))
        together = [name for name in auditors if name in voters]
        if len(together) > 1:
            rows.append(_row(phase, PANEL, PANEL, _of_auditors(decided, together)))
        if len(auditors) > max(len(together), 1):
            rows.append(_row(phase, "all", "all", _of_auditors(decided, auditors)))
    return pl.DataFrame(rows, schema=SCHEMA)


def amount(rows: Iterable[Mapping[str, Any]], phase: str) -> str:
    """How many independent votes those of a phase amount to, in a sentence by auditor, family and all; "" without votes.

    `rows` are those of `effective_votes`.
    """
    of_phase = sorted((row for row in rows if row["phase"] == phase), key=lambda row: SCOPES.index(row["scope"]))
    labels = max((row["labels"] for row in of_phase), default=0)
    known = [row for row in of_phase if row["effective"]]
    if not known:
        unknown = (
            f"How many independent votes these amount to is not known: it takes {FEWEST} labels that physicians answered, "
            f"of 2 votes each, and there are {labels:,}."
        )
        return unknown if of_phase else ""
    first, *others = known
    told = [f"{_whose(first)} amount to {amount_of(first)} independent ones"]
    told += [f"{_whose(row)} to {amount_of(row)}" for row in others]
    return f"{', '.join(told)}; by {labels:,} labels that physicians answered."


def worth(rows: Iterable[Mapping[str, Any]], phase: str, auditor: str) -> str:
    """The same of one auditor, or of the panel, in a few words."""
    scope, many = (PANEL, "auditors") if auditor == PANEL else ("auditor", "votes")
    for row in rows:
        if (row["phase"], row["scope"], row["name"]) == (phase, scope, auditor) and row["effective"]:
            return f"{row['votes']} {many} worth {row['effective']:.1f} independent ones"
    return "how independent, is not known"


def amount_of(row: Mapping[str, Any]) -> str:
    """The figure of one row with its interval."""
    return f"{row['effective']:.2f} ({row['effective_low']:.2f} to {row['effective_high']:.2f})"


def _whose(row: Mapping[str, Any]) -> str:
    match row["scope"]:
        case "auditor":
            return f"{row['votes']} votes of {row['name']}"
        case "family":
            return f"{row['votes']} auditors of the family {row['name']}"
        case "panel":
            return f"the panel's {row['votes']} auditors"
    return f"{row['votes']} auditors together"


def _wrong(phase: str, given: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """The votes, or outcomes, on labels of known truth, with whether each is `wrong`."""
    beside = given.join(truth, on="uid")
    if phase != "audit":
        outcome = "relabel" if phase == "relabel" else "computed"
        prefix = "answer" if "answer_kind" in given.columns else outcome
        right = agrees(prefix, "physician", pl.col("continuous") | is_continuous(prefix))
    else:
        verdict = "verdict" if "verdict" in given.columns else "status"
        decided = pl.when(pl.col(verdict).is_in(["likely_error", "passed"])).then(pl.col(verdict) == "likely_error")
        right = decided != agrees("label", "physician", pl.col("continuous"))
    return beside.with_columns(wrong=~right.fill_null(False))


def _of_runs(cast: pl.DataFrame) -> Numbers:
    """A row per label, a column per run that all labels have: a run that settled a label is the last of it."""
    runs = min(cast.group_by("uid").len()["len"].to_list(), default=0)
    kept = cast.filter(pl.col("run_index") < runs).sort("uid", "run_index")
    return kept["wrong"].to_numpy().reshape(-1, runs) if runs else np.zeros((0, 0), dtype=bool)


def _of_auditors(decided: pl.DataFrame, auditors: list[str]) -> Numbers:
    """A row per label that each of these auditors was asked about, a column per auditor."""
    of_these = decided.filter(pl.col("auditor").is_in(auditors))
    kept = of_these.filter(pl.len().over("uid") == len(auditors)).sort("uid", "auditor")
    return kept["wrong"].to_numpy().reshape(-1, len(auditors))


def _row(phase: str, scope: str, name: str, wrong: Numbers) -> dict[str, object]:
    labels, votes = wrong.shape
    is_known = labels >= FEWEST and votes > 1
    number = from_errors(wrong) if is_known else None
    correlation = intraclass_correlation(wrong.sum(axis=1), votes) if is_known else None
    return {
        "phase": phase,
        "scope": scope,
        "name": name,
        "votes": votes or None,
        "labels": labels,
        "error_rate": float(wrong.mean()) if wrong.size else None,
        "correlation": correlation,
        "effective": number and number.value,
        "effective_low": number and number.low,
        "effective_high": number and number.high,
    }
