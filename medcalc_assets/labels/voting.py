"""From single votes to a verdict: the supermajorities of arXiv:2512.19691, sections 3 and 4.2."""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from itertools import product
from typing import Literal, NamedTuple, TypeVar

import polars as pl

from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.parsing import parse_labels
from medcalc_assets.labels.value import Label, as_frame, as_text, columns, from_row, number

RUNS = 5
SUPERMAJORITY = 4
MINORITY = RUNS - SUPERMAJORITY
"""As many votes as may be lost or lost to the other side."""

USABLE = pl.col("status") == "ok"
Numbers = TypeVar("Numbers", pl.Series, pl.Expr)
NOT_CAST = "not_cast"
"""The status of a vote that was not asked for, because those before it had settled the outcome."""


def audit_settled(votes: Sequence[Hashable | None]) -> str | None:
    """Phase 1: why no further vote can change the verdict, or None while one can.

    Votes are `likely_error`, `passed` or None (failed), in the order of casting. Two failed votes settle it as well:
    fewer than 4 usable ones decide nothing.
    """
    if votes.count("likely_error") >= SUPERMAJORITY:
        return f"{SUPERMAJORITY} flags"
    if votes.count(None) > MINORITY:
        return f"{MINORITY + 1} failed votes, too few are left to decide"
    if votes.count("passed") > MINORITY:
        return f"{MINORITY + 1} passes"
    return None


def relabel_settled(votes: Sequence[Hashable | None]) -> str | None:
    """Phase 2: why no further vote can change the consensus, or None while one can.

    Votes are ballots (equal iff the answers are) or None (failed), in the order of casting.
    """
    most = max(Counter(vote for vote in votes if vote is not None).values(), default=0)
    if most >= SUPERMAJORITY:
        return f"{SUPERMAJORITY} equal answers"
    # Without any answer, one more still tells "deferred" from "not relabelled".
    if most and most + RUNS - len(votes) < SUPERMAJORITY:
        return f"no answer can reach {SUPERMAJORITY}"
    return None


def inputs_settled(votes: Sequence[Hashable | None]) -> str | None:
    """Whether no further vote can change what is agreed on any input, and why; None while one can.

    Votes are frozen sets of an input and what was said of it, or None (failed). Two spellings of a value, in two units say,
    are told apart here and not where they are read: so only agreement settles it, and what fails to agree takes all votes.
    """
    if votes.count(None) > MINORITY:
        return f"{MINORITY + 1} failed votes, too few are left to decide"
    given = [dict(vote) if isinstance(vote, frozenset) else vote for vote in votes if vote is not None]
    names = {name for vote in given if isinstance(vote, dict) for name in vote} or {None}
    for name in names:
        said = Counter(vote.get(name) if isinstance(vote, dict) else vote for vote in given)
        if max(said.values(), default=0) < SUPERMAJORITY:
            return None
    return f"{SUPERMAJORITY} equal answers to each input"


def fewest_to_settle(
    settled: Callable[[Sequence[Hashable | None]], str | None],
    votes: Sequence[Hashable | None],
    outcomes: Collection[Hashable],
) -> int:
    """How many more votes it takes at the least until the outcome is settled; all that are left, if fewer cannot.

    That many may be asked for at once, and none of them in vain.
    """
    left = RUNS - len(votes)
    can_settle = (n for n in range(1, left) if any(settled([*votes, *more]) for more in product(outcomes, repeat=n)))
    return next(can_settle, left)


def ballot(answer: Label) -> Label:
    """The answer as votes are counted: equal ballots are the same answer."""
    return answer if answer.number is None else number(at_two_decimals(pl.Series([answer.number])).item())


def at_two_decimals(numbers: Numbers) -> Numbers:
    """Rounded half away from zero. Adding zero makes -0.0 the same answer as 0.0."""
    return numbers.round(2, mode="half_away_from_zero") + 0.0


def asked(votes: pl.DataFrame) -> pl.DataFrame:
    """Who was asked what, by instance and auditor: the distinct `model_version` and `prompt_sha256` of the votes."""
    distinct = pl.col("model_version", "prompt_sha256").unique().drop_nulls().sort().str.join(", ").replace("", None)
    return votes.group_by("uid", "auditor").agg(distinct)


def said(votes: pl.DataFrame) -> pl.DataFrame:
    """Phase 2, by instance and auditor: all votes that were cast as one text, `answers`, a failed one as `failed`."""
    cast = votes.filter(pl.col("status") != NOT_CAST)
    text = pl.coalesce(as_text("answer"), pl.lit("failed"))
    return cast.group_by("uid", "auditor").agg(answers=text.sort().str.join(", "))


def audit_verdicts(votes: pl.DataFrame) -> pl.DataFrame:
    """Phase 1, by instance and auditor: `n_votes` (usable), `n_flags` and `status`.

    `likely_error` iff at least 4 of the 5 votes say so; `passed` once at least 2 usable votes say it is right and fewer
    than 2 have failed, so that no further vote could change it; else `undecided`. A failed vote is no vote; one that was
    not cast, since the outcome was settled, is not a failed one.
    """
    n_votes, n_flags = pl.col("n_votes"), pl.col("n_flags")
    could_be_had = n_votes + pl.col("n_not_cast")
    return (
        votes.group_by("uid", "auditor")
        .agg(
            n_votes=USABLE.sum(),
            n_flags=(USABLE & (pl.col("verdict") == "likely_error")).sum(),
            n_not_cast=(pl.col("status") == NOT_CAST).sum(),
        )
        .with_columns(
            status=pl.when(n_flags >= SUPERMAJORITY)
            .then(pl.lit("likely_error"))
            .when(could_be_had >= SUPERMAJORITY, n_votes - n_flags > MINORITY)
            .then(pl.lit("passed"))
            .otherwise(pl.lit("undecided"))
        )
    )


def consensus(votes: pl.DataFrame) -> pl.DataFrame:
    """Phase 2, by instance and auditor: `n_votes` (usable), `n_agree`, `status` and the typed `relabel_*`.

    `high_confidence` iff at least 4 of the 5 answers agree in type and in value: numbers at two decimals (half away
    from zero), dates exactly, N/A with N/A. The relabel of any other instance is null and its status `deferred`, or
    `not_relabelled` when no answer could be used.
    """
    answer = columns("answer")
    relabel = dict(zip(columns("relabel"), answer, strict=True))
    agreed = pl.col("n_agree") >= SUPERMAJORITY
    return (
        votes.with_columns(at_two_decimals(pl.col("answer_number")))
        .group_by("uid", "auditor", *answer)
        .agg(n_agree=USABLE.sum())
        .sort("n_agree", "answer_kind", *answer[1:], descending=True, nulls_last=True)
        .group_by("uid", "auditor", maintain_order=True)
        .agg(pl.first(*answer), n_votes=pl.sum("n_agree"), n_agree=pl.first("n_agree"))
        .with_columns(pl.when(agreed).then(pl.col(source)).alias(target) for target, source in relabel.items())
        .with_columns(
            status=pl.when(agreed)
            .then(pl.lit("high_confidence"))
            .when(pl.col("n_votes") > 0)
            .then(pl.lit("deferred"))
            .otherwise(pl.lit("not_relabelled"))
        )
        .drop(answer)
    )


class Relabel(NamedTuple):
    """The consensus of one instance: `label` is None unless it is of high confidence."""

    status: Literal["high_confidence", "deferred", "not_relabelled"]
    label: Label | None
    n_votes: int
    n_agree: int


def vote(answers: Sequence[object]) -> Relabel:
    """The consensus of Phase 2 on one instance, by the same rule as the table `relabels`.

    Args:
        answers: At most 5, one per vote: labels, or what `parse_label` reads as one. None is a vote that failed, and the
            same as one that was not cast; N/A is an answer.

    Returns:
        `high_confidence` with the label if at least 4 answers agree in type and in value (numbers at two decimals); else
        `deferred`, or `not_relabelled` without any answer. `n_votes` are the answers, `n_agree` those that agree most.

    Raises:
        MedcalcError: There are more than 5 answers, or one is no label.

    >>> vote([11, "11.0", 11.004, None, "11 points"])
    Relabel(status='high_confidence', label=Label(kind='number', number=11.0, date=None), n_votes=4, n_agree=4)
    >>> vote([11, 11, 11, "N/A", "N/A"]).status
    'deferred'
    """
    if len(answers) > RUNS:
        raise MedcalcError(
            f"There are {len(answers)} answers: the rule, {SUPERMAJORITY} of {RUNS}, is about {RUNS} at most."
        )
    labels = parse_labels((*answers, *[None] * (RUNS - len(answers))), "answer")
    votes = as_frame("answer", labels).with_columns(
        uid=0, auditor=pl.lit(""), status=pl.when(pl.col("answer_kind").is_not_null()).then(pl.lit("ok"))
    )
    found = consensus(votes).row(0, named=True)
    return Relabel(found["status"], from_row(found, "relabel"), found["n_votes"], found["n_agree"])
