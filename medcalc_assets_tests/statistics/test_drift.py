import polars as pl
import pytest

from medcalc_assets.labels.value import NA, as_columns, number
from medcalc_assets.statistics.drift import drift, drift_of_all
from medcalc_assets.statistics.estimates import kappa
from medcalc_assets.storage.tables import AUDIT_FLAGS, RELABELS


def table(declared, **cells):
    n = len(cells["uid"])
    cells = {"calculator_id": [2] * n, "calculator": ["c"] * n, **cells}
    schema = declared.polars_schema
    return pl.DataFrame(cells, schema={name: schema[name] for name in cells})


def flags(**by_auditor):
    rows = [(uid, name, status) for name, statuses in by_auditor.items() for uid, status in enumerate(statuses)]
    return table(
        AUDIT_FLAGS, uid=[row[0] for row in rows], auditor=[row[1] for row in rows], status=[row[2] for row in rows]
    )


def relabels(**by_auditor):
    rows = [(uid, name, answer) for name, answers in by_auditor.items() for uid, answer in enumerate(answers)]
    answers = [None if isinstance(answer, str) else answer for _, _, answer in rows]
    return table(
        RELABELS,
        uid=[row[0] for row in rows],
        auditor=[row[1] for row in rows],
        status=[answer if isinstance(answer, str) else "high_confidence" for _, _, answer in rows],
        **as_columns("relabel", answers),
    )


ERROR, PASSED = "likely_error", "passed"
NO_FLAGS, NO_RELABELS = flags(), relabels()


def test_flags_are_gained_and_lost_where_both_have_a_verdict():
    found = drift(
        flags(
            old=[ERROR, ERROR, PASSED, PASSED, "undecided", ERROR],
            new=[ERROR, PASSED, ERROR, PASSED, ERROR, "not_audited"],
        ),
        NO_RELABELS,
        "old",
    ).row(0, named=True)
    assert (found["auditor"], found["reference"], found["audited"]) == ("new", "old", 4)
    assert [found[name] for name in ("flagged_by_both", "passed_by_both", "flags_gained", "flags_lost")] == [1, 1, 1, 1]
    assert found["flag_kappa"] == 0


def test_relabels_are_gained_lost_changed_or_kept():
    old = [number(1), number(2), NA, "deferred", number(5), "not_relabelled", "deferred"]
    new = [number(1.001), NA, NA, number(4), "deferred", number(6), "deferred"]
    found = drift(NO_FLAGS, relabels(old=old, new=new), "old").row(0, named=True)
    assert found["relabelled"] == 6
    assert [found[f"relabels_{kind}"] for kind in ("kept", "changed", "gained", "lost")] == [2, 1, 1, 1]
    assert found["flag_kappa"] is None


def test_a_relabel_is_kept_only_where_both_are_sure():
    """Deferred relabels may have a value of the vote beside them: it counts for nothing."""
    answers = relabels(old=["deferred", number(5)], new=[number(5), "deferred"]).with_columns(
        relabel_kind=pl.lit("number"), relabel_number=pl.lit(5.0)
    )
    found = drift(NO_FLAGS, answers, "old").row(0, named=True)
    assert [found[f"relabels_{kind}"] for kind in ("kept", "changed", "gained", "lost")] == [0, 0, 1, 1]


def test_an_auditor_alone_drifts_from_nobody():
    assert drift(flags(old=[ERROR]), relabels(old=[NA]), "old").is_empty()


@pytest.mark.parametrize(
    ("both", "neither", "gained", "lost", "expected"),
    [(20, 15, 5, 10, 0.4), (5, 5, 0, 0, 1.0), (0, 0, 5, 5, -1.0), (0, 9, 0, 0, None)],
)
def test_kappa_is_cohens(both, neither, gained, lost, expected):
    found = pl.select(kappa(*(pl.lit(float(count)) for count in (both, neither, gained, lost)))).item()
    assert found == (None if expected is None else pytest.approx(expected))


def test_each_pair_of_auditors_is_compared_once_and_relabels_stand_in_for_flags_that_are_not_published():
    """The authors publish no flags: what their relabels say of a label is compared with those of the others."""
    given = flags(a=[ERROR, PASSED, ERROR], authors=["not_audited"] * 3, b=[ERROR, ERROR, "undecided"]).with_columns(
        n_votes=pl.when(pl.col("auditor") != "authors").then(5).otherwise(0)
    )
    scores = (
        given.filter(auditor="authors").with_columns(likely_error=pl.Series([True, True, False])).drop("status", "n_votes")
    )
    found = drift_of_all(given, NO_RELABELS, scores, "authors")
    counts = ("flagged_by_both", "passed_by_both", "flags_gained", "flags_lost")
    assert {row[:2]: row[2:] for row in found.select("reference", "auditor", *counts).iter_rows()} == {
        ("authors", "a"): (1, 0, 1, 1),
        ("authors", "b"): (2, 0, 0, 0),
        ("a", "b"): (1, 0, 1, 0),
    }
