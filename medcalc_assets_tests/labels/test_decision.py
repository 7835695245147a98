import datetime as dt
import json

import polars as pl
import pytest

from medcalc_assets.labels.decision import maintain
from medcalc_assets.labels.discrepancy import score_disagreement
from medcalc_assets.labels.queue import SUSPECT_DATE, SUSPECT_NUMBER, UNDECIDED, review_order
from medcalc_assets.labels.simulated import is_simulated
from medcalc_assets.labels.value import NA, Label, as_columns, columns, day, number
from medcalc_assets.storage.tables import DERIVATION_AUDIT, DISAGREEMENT_SCORES, PHYSICIAN_CONSENSUS, RAW_MEDCALC

JANUARY = day(dt.date(2024, 1, 1))


def labels_of(*labels, output_type="decimal"):
    uids = list(range(1, len(labels) + 1))
    cells = {"uid": uids, "source": "test.csv", "output_type": output_type, **as_columns("label", labels)}
    return pl.DataFrame(cells, schema={name: RAW_MEDCALC.polars_schema[name] for name in cells})


def scores_of(labels, *relabels):
    cells = {"uid": list(range(1, len(relabels) + 1)), **as_columns("relabel", relabels)}
    frame = pl.DataFrame(cells, schema={name: DISAGREEMENT_SCORES.polars_schema[name] for name in cells})
    confident = frame.with_columns(
        auditor=pl.lit("model"),
        status=pl.when(pl.col("relabel_kind").is_null()).then(pl.lit("deferred")).otherwise(pl.lit("high_confidence")),
    )
    return score_disagreement(labels, confident).with_columns(attribution=pl.lit(None, pl.String))


def physicians_of(answers, reviewer="someone"):
    cells = {"uid": list(answers), "reviewer": [reviewer] * len(answers), **as_columns("physician", answers.values())}
    return pl.DataFrame(cells, schema={name: PHYSICIAN_CONSENSUS.polars_schema[name] for name in cells})


def audits_of(labels, *published, verdict="reproduced"):
    """Derivation audits in which the published rule gives these values (that of the label, if none are given)."""
    values = published or [Label(*row) for row in labels.select(columns("label")).iter_rows()]
    cells = {
        "uid": labels["uid"],
        "verdict": [verdict] * labels.height,
        "likely_error": [verdict == "contradicted"] * labels.height,
        "alternatives": ['{"the published rule": "1", "another": "2"}'] * labels.height,
        **as_columns("published", values),
    }
    audits = pl.DataFrame(cells, schema={name: DERIVATION_AUDIT.polars_schema[name] for name in cells})
    return labels.join(audits, on="uid")


def maintained(original, relabel, physician=None, output_type="decimal", attribution=None):
    labels = labels_of(original, output_type=output_type)
    physicians = physicians_of({1: physician} if physician else {})
    scores = scores_of(labels, relabel).with_columns(attribution=pl.lit(attribution, pl.String))
    return maintain(audits_of(labels), scores, physicians, "model").row(0, named=True)


def test_contested_labels_are_reviewed_abstentions_first_then_dates_then_numbers():
    original = [number(10), number(10), JANUARY, JANUARY, number(3), number(100), number(7)]
    relabels = [number(5), number(1), day(dt.date(2024, 1, 3)), day(dt.date(2024, 1, 9)), NA, number(99), None]
    labels = labels_of(*original)
    order = review_order(audits_of(labels), scores_of(labels, *relabels))
    assert order["uid"].to_list() == [5, 4, 3, 2, 1, 7]
    assert order["tier"].to_list() == [0, 2, 2, 3, 3, UNDECIDED]
    assert order["severity"].to_list() == [None, 8, 2, 0.9, 0.5, None]
    assert order["why"][1] == "original 01/01/2024, relabel 01/09/2024"
    assert order["candidate_kind"].to_list() == ["na", "date", "date", "number", "number", None]


def test_suspects_come_after_the_contested_and_before_the_undecided():
    labels = labels_of(number(10), number(10), number(4), JANUARY)
    audits = audits_of(labels, number(5), number(1), number(4), day(dt.date(2024, 1, 3)), verdict="contradicted")
    order = review_order(audits, scores_of(labels, number(5), None, None, None))
    assert order["uid"].to_list() == [1, 4, 2, 3]
    assert order["tier"].to_list() == [3, SUSPECT_DATE, SUSPECT_NUMBER, SUSPECT_NUMBER]
    assert order["candidate_number"].to_list() == [5, None, 1, 4]
    assert order["why"][2] == "original 10, no relabel, its entities give 1"


def test_suspect_dates_come_by_days_apart_whatever_the_direction_and_ties_by_uid():
    labels = labels_of(JANUARY, JANUARY, JANUARY, number(5), number(10), number(10))
    earlier, later = day(dt.date(2023, 12, 22)), day(dt.date(2024, 1, 6))
    published = [later, earlier, day(dt.date(2023, 12, 27)), number(4), number(5), number(5)]
    order = review_order(audits_of(labels, *published, verdict="contradicted"), scores_of(labels, *[None] * 6))
    assert order["uid"].to_list() == [2, 1, 3, 5, 6, 4]
    assert order["severity"].to_list() == pytest.approx([10, 5, 5, 0.5, 0.5, 0.2])
    assert order["why"][0] == "original 01/01/2024, no relabel, its entities give 12/22/2023"
    equals = labels_of(*[number(10)] * 3)
    same = review_order(audits_of(equals), scores_of(equals, *[number(5)] * 3))
    assert same["uid"].to_list() == [1, 2, 3]


def test_a_label_that_differs_by_convention_only_stays_and_is_ambiguous():
    row = maintained(number(2.1), number(-3), attribution="convention")
    assert (row["final_number"], row["state"], row["reason"]) == (2.1, "ambiguous", "ambiguous")
    assert json.loads(row["assumptions"]) == {"the published rule": "1", "another": "2"}


def test_a_physician_settles_what_is_ambiguous():
    row = maintained(number(2.1), number(-3), number(-3), attribution="convention")
    assert (row["final_number"], row["state"], row["assumptions"]) == (-3, "computable", None)


@pytest.mark.parametrize(
    ("original", "relabel", "physician", "final", "reason"),
    [
        (12.5, 13.5, None, 13.5, "relabelled"),
        (12.5, 12.6, None, 12.5, "confirmed"),
        (12.5, None, None, 12.5, "unresolved"),
        (8.96, 10.02, 10, 10.02, "physician_confirms"),
        (8.96, 10.02, 9, 9, "physician"),
        (3, 8, 7, 7, "physician"),
        (3, 8, 8, 8, "physician"),
        (12.5, None, 12.6, 12.6, "physician"),
        (12.5, 12.6, 11, 11, "physician"),
    ],
)
def test_the_first_rule_that_holds_decides_a_label(original, relabel, physician, final, reason):
    row = maintained(number(original), relabel and number(relabel), number(physician) if physician is not None else None)
    assert (row["final_number"], row["reason"]) == (final, reason)


def test_a_physician_may_say_that_the_note_has_no_answer_and_that_it_has_one():
    assert maintained(number(4), number(4.5), NA)["state"] == "not_computable"
    row = maintained(number(6.305), NA, number(6.3))
    assert (row["state"], row["final_number"], row["reason"]) == ("computable", 6.3, "physician")


@pytest.mark.parametrize(("output_type", "limits"), [("decimal", (19, 21)), ("integer", (20, 20))])
def test_limits_follow_the_output_type(output_type, limits):
    row = maintained(number(30), number(20), output_type=output_type)
    assert (row["lower_number"], row["upper_number"]) == pytest.approx(limits)


def test_a_label_that_cannot_be_computed_has_no_limits():
    row = maintained(number(30), NA)
    assert (row["final_kind"], row["lower_number"], row["upper_number"], row["reason"]) == ("na", None, None, "relabelled")


def test_the_evidence_names_every_label_that_was_compared():
    evidence = json.loads(maintained(number(8.96), number(10.02), number(10))["evidence"])
    assert evidence["original"] == "8.96"
    assert evidence["relabel"] == "10.02"
    assert evidence["physician"] == "10"
    assert (evidence["auditor"], evidence["reviewer"], evidence["comparison"]) == ("model", "someone", "relative")
    assert (evidence["derivation"], evidence["published_rule"]) == ("reproduced", "8.96")
    assert evidence["discrepancy"] == pytest.approx((10.02 - 8.96) / 10.02)
    assert (evidence["days"], evidence["attribution"]) == (None, None)


def test_the_evidence_of_a_date_is_its_days_and_of_a_deferred_relabel_that_nobody_is_named():
    evidence = json.loads(maintained(JANUARY, day(dt.date(2024, 1, 9)), attribution="not_aggregation")["evidence"])
    assert (evidence["days"], evidence["discrepancy"], evidence["attribution"]) == (8, None, "not_aggregation")
    nobody = json.loads(maintained(number(5), None)["evidence"])
    assert [nobody[name] for name in ("auditor", "relabel", "reviewer", "physician")] == [None] * 4
    assert nobody["original"] == "5"


@pytest.mark.parametrize(
    ("source", "auditor", "reviewer", "invented"),
    [
        ("test.csv", "authors", None, False),
        ("test.csv", "authors", "Dr Lee, Dr Simulated", False),
        ("demo", "none", None, True),
        ("test.csv", "simulated", None, True),
        ("test.csv", "authors", "simulated", True),
        ("test.csv", "authors", "Dr Lee, simulated", True),
    ],
)
def test_a_label_that_rests_on_anything_invented_is_simulated(source, auditor, reviewer, invented):
    row = pl.DataFrame({"source": [source], "auditor": [auditor], "reviewer": pl.Series([reviewer], dtype=pl.String)})
    assert row.select(is_simulated()).item() is invented


@pytest.mark.parametrize(
    ("source", "auditor", "reviewer", "invented"),
    [
        ("test.csv", "model", "Dr Lee", [False, False]),
        ("test.csv", "model", "Dr Lee, simulated", [True, False]),
        ("test.csv", "simulated", "Dr Lee", [True, True]),
        ("demo", "none", "Dr Lee", [True, True]),
    ],
)
def test_a_simulated_reviewer_marks_the_labels_that_he_saw_and_source_and_auditor_all(source, auditor, reviewer, invented):
    labels = labels_of(number(3), number(3)).with_columns(source=pl.lit(source))
    scores, physicians = scores_of(labels, number(8), number(8)), physicians_of({1: number(8)}, reviewer)
    assert maintain(audits_of(labels), scores, physicians, auditor)["simulated"].to_list() == invented
