import numpy as np
import polars as pl
import pytest

from medcalc_assets.errors import MedcalcError
from medcalc_assets.statistics.effective_votes import (
    amount,
    correlation_from_disagreement,
    effective_number,
    effective_votes,
    from_disagreement,
    from_errors,
    intraclass_correlation,
    worth,
)


def test_five_families_are_worth_less_than_two_votes():
    assert effective_number(5, 0.505) == pytest.approx(1.655, abs=0.001)  # design/statistics: on a public benchmark
    assert effective_number(5, 0.0) == 5
    assert effective_number(5, 1.0) == 1
    assert effective_number(5, -0.2) == 5  # no more than there are


def test_the_correlation_is_that_of_the_analysis_of_variance():
    # three rows of two votes, of which 2, 1, 0 err: MSB = 1/2, MSW = 1/6, so that (1/2 - 1/6) / (1/2 + 1/6) = 1/2
    assert intraclass_correlation(np.array([2, 1, 0]), 2) == pytest.approx(0.5)


def test_errors_that_go_together_are_one_vote_and_independent_ones_are_all():
    dice = np.random.default_rng(5)
    together = np.repeat(dice.random((400, 1)) < 0.3, 4, axis=1)
    assert from_errors(together).value == pytest.approx(1)
    apart = from_errors(dice.random((400, 4)) < 0.3)
    assert apart.low < 4 <= apart.high + 1e-9
    assert apart.value > 3.5
    assert apart.n == 400


def test_votes_and_a_few_truths_give_the_same_correlation_as_all_truths():
    """Two auditors err together on 20% of the rows, alone on 10% each, and say the same in half of the common errors."""
    both, alone, same = 0.2, 0.1, 0.5
    rate, disagreement = both + alone, 2 * alone + both * (1 - same)
    expected = (both - rate**2) / (rate * (1 - rate))
    assert correlation_from_disagreement(disagreement, rate, same) == pytest.approx(expected)
    assert correlation_from_disagreement(disagreement, rate) < expected  # fewer common errors than there were
    errors = np.repeat([1.0, 0.5, 0.0], [200, 200, 600])
    assert from_disagreement(2, disagreement, errors, same).value == pytest.approx(effective_number(2, expected))


def test_below_a_hundred_labels_of_known_truth_nothing_is_said():
    with pytest.raises(MedcalcError, match="not known from 4 auditors and 99 labels"):
        from_errors(np.zeros((99, 4)))
    with pytest.raises(MedcalcError, match="not known from 1 auditors"):
        from_errors(np.zeros((200, 1)))


N = 120
AUDITORS = ("authors", "gemini-2.5-pro", "openai:gpt-5.2")


def given(errs, voters=()):
    """Two families, five runs each, on labels that are all 7 to physicians and 9 in the original: `errs` says of auditor,
    label and run whether the vote is wrong. The authors' votes are not published."""
    votes = {
        phase: pl.DataFrame(
            {
                "uid": uid,
                "auditor": auditor,
                "run_index": run,
                "status": "not_cast" if run == 4 and uid % 2 else "ok",
                "verdict": "passed" if errs(auditor, uid, run) else "likely_error",
                "answer_kind": "number",
                "answer_number": 30.0 if errs(auditor, uid, run) else 7.0,
                "answer_date": None,
            }
            for auditor in AUDITORS[1:]
            for uid in range(N)
            for run in range(5)
        )
        for phase in ("audit", "relabel")
    }
    outcomes = {
        phase: pl.DataFrame(
            {
                "uid": uid,
                "auditor": auditor,
                "status": {"audit": "passed" if errs(auditor, uid, 0) else "likely_error", "relabel": "high_confidence"}[
                    phase
                ]
                if phase == "relabel" or auditor != "authors"
                else "not_audited",
                "relabel_kind": "number",
                "relabel_number": 30.0 if errs(auditor, uid, 0) else 7.0,
                "relabel_date": None,
            }
            for auditor in (*AUDITORS, "panel")
            for uid in range(N)
        )
        for phase in ("audit", "relabel")
    }
    originals = pl.DataFrame({"uid": range(N), "label_kind": "number", "label_number": 9.0, "label_date": None})
    physicians = originals.select(
        "uid", physician_kind="label_kind", physician_number=pl.lit(7.0), physician_date="label_date"
    )
    return effective_votes(votes, outcomes, originals, physicians, voters)


def test_the_votes_of_an_auditor_of_a_family_and_of_all_are_told_apart():
    dice = np.random.default_rng(7)
    hard = dice.random(N) < 0.4
    alone = dice.random((N, 5)) < 0.4
    found = given(lambda auditor, uid, run: bool(alone[uid, run] if auditor == "openai:gpt-5.2" else hard[uid]))
    by = {(row["phase"], row["scope"], row["name"]): row for row in found.iter_rows(named=True)}
    assert set(by) == {
        *(("audit", "auditor", name) for name in AUDITORS[1:]),
        *(("relabel", "auditor", name) for name in AUDITORS),
        ("audit", "all", "all"),
        ("relabel", "all", "all"),
        ("relabel", "family", "gemini"),
    }
    for phase in ("audit", "relabel"):
        same = by[phase, "auditor", "gemini-2.5-pro"]
        assert (same["votes"], same["labels"], same["effective"]) == (4, N, pytest.approx(1)), (
            "the fifth was not cast everywhere"
        )
        assert same["error_rate"] == pytest.approx(hard.mean())
        assert by[phase, "auditor", "openai:gpt-5.2"]["effective"] > 2.5
        assert by[phase, "all", "all"]["votes"] == {"audit": 2, "relabel": 3}[phase]
    assert by["relabel", "family", "gemini"]["effective"] == pytest.approx(1)
    assert [by["relabel", "auditor", "authors"][name] for name in ("votes", "labels", "effective")] == [None, 0, None]


def test_the_auditors_that_count_together_are_told_apart_from_all_and_not_twice():
    dice = np.random.default_rng(7)
    hard = dice.random(N) < 0.4
    for voters, scopes in {
        (): ["all"],
        AUDITORS: ["panel"],
        AUDITORS[1:]: ["panel", "all"],
        ("gemini-2.5-pro",): ["all"],
    }.items():
        found = given(lambda auditor, uid, run: bool(hard[uid]), voters).filter(phase="relabel")
        together = found.filter(pl.col("scope").is_in(["panel", "all"]))
        assert together["scope"].to_list() == scopes
        assert together["votes"].to_list()[0] == (len(voters) if "panel" in scopes else 3)


def test_of_few_labels_the_error_rate_is_told_and_no_number_of_votes(monkeypatch):
    monkeypatch.setattr("medcalc_assets_tests.statistics.test_effective_votes.N", 99)
    found = given(lambda auditor, uid, run: uid % 3 == 0)
    assert found["effective"].null_count() == found.height
    assert found.filter(name="gemini-2.5-pro")["error_rate"].to_list() == pytest.approx([1 / 3] * 2)


def row(phase, scope, name, votes, labels, effective=None):
    low, high = (effective - 0.25, effective + 0.25) if effective else (None, None)
    figures = {"votes": votes, "labels": labels, "effective": effective, "effective_low": low, "effective_high": high}
    return {"phase": phase, "scope": scope, "name": name, **figures}


KNOWN = [
    row("audit", "auditor", "gemini-2.5-pro", 2, 60),
    row("audit", "all", "all", 2, 60),
    row("relabel", "auditor", "gemini-2.5-pro", 4, 1_200, 1.5),
    row("relabel", "auditor", "openai:gpt-5.2", None, 0),
    row("relabel", "family", "gemini", 2, 1_190, 1.25),
    row("relabel", "panel", "panel", 2, 1_190, 1.75),
    row("relabel", "all", "all", 3, 1_180, 2.0),
]


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        (
            "audit",
            "How many independent votes these amount to is not known: it takes 100 labels that physicians answered, of 2 "
            "votes each, and there are 60.",
        ),
        (
            "relabel",
            "4 votes of gemini-2.5-pro amount to 1.50 (1.25 to 1.75) independent ones, 2 auditors of the family gemini to "
            "1.25 (1.00 to 1.50), the panel's 2 auditors to 1.75 (1.50 to 2.00), 3 auditors together to 2.00 (1.75 to "
            "2.25); by 1,200 labels that physicians answered.",
        ),
        ("inputs", ""),
    ],
)
def test_what_the_votes_of_a_phase_amount_to_is_one_sentence(phase, told):
    assert amount(KNOWN[::-1], phase) == told, "by auditor, family and all, in whatever order they are stored"


@pytest.mark.parametrize(
    ("phase", "auditor", "told"),
    [
        ("relabel", "gemini-2.5-pro", "4 votes worth 1.5 independent ones"),
        ("relabel", "panel", "2 auditors worth 1.8 independent ones"),
        ("relabel", "openai:gpt-5.2", "how independent, is not known"),
        ("audit", "panel", "how independent, is not known"),
    ],
)
def test_what_the_votes_of_an_auditor_are_worth_is_a_few_words(phase, auditor, told):
    assert worth(KNOWN, phase, auditor) == told
