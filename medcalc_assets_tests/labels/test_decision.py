import datetime as dt
import json

import polars as pl
import pytest

from medcalc_assets.labels.cards import Card
from medcalc_assets.labels.decision import maintain
from medcalc_assets.labels.discrepancy import score_disagreement
from medcalc_assets.labels.evidence import gather
from medcalc_assets.labels.queue import SUSPECT_DATE, SUSPECT_NUMBER, UNDECIDED, review_order
from medcalc_assets.labels.simulated import is_simulated
from medcalc_assets.labels.value import NA, Label, as_columns, columns, day, from_row, number
from medcalc_assets.statistics.track_record import evidence_class as classes
from medcalc_assets.storage.tables import (
    AUDIT_FLAGS,
    DERIVATION_AUDIT,
    INPUT_CONSENSUS,
    NOTE_CHECKS,
    PHYSICIAN_CONSENSUS,
    RAW_MEDCALC,
    RELABELS,
    RULINGS,
)

DEFECTS = ["adds one", "takes the other"]
"""Of a contradicted label: the second alone gives 2, the first alone the label, both 3."""
FIRST, SECOND = (Card(15, "defect", defect).id for defect in DEFECTS)
JANUARY = day(dt.date(2024, 1, 1))
PUBLISHED = zip(columns("published"), (pl.String, pl.Float64, pl.Date), strict=True)


def labels_of(*labels, output_type="decimal"):
    uids = list(range(1, len(labels) + 1))
    cells = {"uid": uids, "source": "test.csv", "output_type": output_type, **as_columns("label", labels)}
    return pl.DataFrame(cells, schema={name: RAW_MEDCALC.polars_schema[name] for name in cells})


def relabels_of(labels, *relabels):
    cells = {
        "uid": list(range(1, len(relabels) + 1)),
        "auditor": ["model"] * len(relabels),
        "status": ["deferred" if relabel is None else "high_confidence" for relabel in relabels],
        **as_columns("relabel", relabels),
    }
    return RELABELS.of_instances(labels, cells)


def found(*kinds, uid=1, suspect=False):
    """What note_checks found of one entity each."""
    cells = {
        "uid": [uid] * len(kinds),
        "kind": list(kinds),
        "entity": [f"entity {i}" for i in range(len(kinds))],
        "suspect": [suspect] * len(kinds),
        "gives": ["{}"] * len(kinds),
        "quote_start": [0] * len(kinds),
        "explanation": ["So it is."] * len(kinds),
    }
    return pl.DataFrame(cells, schema={name: NOTE_CHECKS.polars_schema[name] for name in cells})


def evidence_of(
    labels, *relabels, physicians=None, audits=None, checks=None, attribution=None, auditor="model", rulings=(), read=None
):
    """What is known of the labels: relabels of `model`, derivation audits that reproduce them if none are given, and what
    the rule gives for the inputs that were `read`, by uid."""
    audits, confident = audits_of(labels) if audits is None else audits, relabels_of(labels, *relabels)
    scores = score_disagreement(labels, confident).with_columns(
        attribution=pl.lit(attribution, pl.String), attribution_evidence=pl.lit(None, pl.String)
    )
    flags = pl.DataFrame(schema=AUDIT_FLAGS.polars_schema)
    counted = scores.with_columns(auditor=pl.lit(auditor)), confident.with_columns(auditor=pl.lit(auditor))
    answers, checks = physicians_of({}) if physicians is None else physicians, found() if checks is None else checks
    ruled = pl.DataFrame(rulings, schema={name: RULINGS.polars_schema[name] for name in ("card", "choice")}, orient="row")
    confident, scored = reversed(counted)
    cells = as_columns("computed", (read := read or {}).values()) | {"uid": list(read)}
    cells |= {
        "auditor": [auditor] * len(read),
        "status": ["computed"] * len(read),
        "explanation": ["So they read."] * len(read),
    }
    inputs = pl.DataFrame(cells, schema={name: INPUT_CONSENSUS.polars_schema[name] for name in cells})
    return gather(audits, checks, flags, confident, inputs, scored, answers, ruled, auditor)


def physicians_of(answers, reviewer="someone"):
    one = [1] * len(answers)
    cells = {"uid": list(answers), "reviewer": [reviewer] * len(answers), "n_answers": one, "n_agree": one}
    cells |= as_columns("physician", answers.values())
    return pl.DataFrame(cells, schema={name: PHYSICIAN_CONSENSUS.polars_schema[name] for name in cells})


def audits_of(labels, *published, verdict="reproduced", missing="[]"):
    """Derivation audits in which the published rule gives these values (that of the label, if none are given)."""
    originals = [Label(*row) for row in labels.select(columns("label")).iter_rows()]
    values = published or originals
    cells = {
        "uid": labels["uid"],
        "verdict": [verdict] * labels.height,
        "likely_error": [verdict == "contradicted"] * labels.height,
        "missing": [missing] * labels.height,
        "alternatives": ['{"the published rule": "1", "another": "2"}'] * labels.height,
        "defects": [json.dumps(DEFECTS if verdict == "contradicted" else [])] * labels.height,
        "by_defects": [
            json.dumps([str(value), "2", str(label), "3"]) if verdict == "contradicted" else "[]"
            for value, label in zip(values, originals, strict=True)
        ],
        **as_columns("published", values),
    }
    audits = pl.DataFrame(cells, schema={name: DERIVATION_AUDIT.polars_schema[name] for name in cells})
    return labels.with_columns(calculator_id=pl.lit(15, pl.Int32)).join(audits, on="uid")


def maintained(original, relabel, physician=None, output_type="decimal", attribution=None, rule=None, missing="[]"):
    """The label of one instance; without a `rule`, the published rule reproduces the original, else it gives that."""
    labels = labels_of(original, output_type=output_type)
    physicians = physicians_of({1: physician} if physician else {})
    verdict = "contradicted" if rule else "reproduced"
    audits = audits_of(labels, *([rule] if rule else []), verdict=verdict, missing=missing)
    evidence = evidence_of(labels, relabel, physicians=physicians, audits=audits, attribution=attribution)
    return maintain(evidence).row(0, named=True)


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        (found("found", "converted", "time_points"), "contested"),
        (found("found", "absent"), "relabelled"),
        (found("another_number"), "relabelled"),
        (found("another_quantity", suspect=True), "relabelled"),
    ],
)
def test_a_relabel_of_not_computable_stands_where_the_note_does_not_give_an_entity(checks, reason):
    labels = labels_of(number(30))
    assert maintain(evidence_of(labels, NA, checks=checks))["reason"].to_list() == [reason]


def test_entities_that_cannot_be_meant_neither_reproduce_a_label_nor_contradict_it():
    labels = labels_of(number(30), number(30), number(30))
    audits = audits_of(labels, number(5), number(5), number(5), verdict="contradicted")
    checks = pl.concat([found("unit_slip", suspect=True), found("label_out_of_range", uid=2, suspect=True)])
    evidence = evidence_of(labels, None, None, None, audits=audits, checks=checks)
    assert evidence["verdict"].to_list() == ["suspect", "contradicted", "contradicted"]
    assert evidence["contradicted"].to_list() == [True] * 3, "what the rule gives is a fact; what it is worth is another"
    assert json.loads(evidence["findings"][0]) == ["unit slip: So it is."]
    assert evidence["findings"][2] == "[]"
    assert maintain(evidence)["reason"].to_list() == ["unresolved", "contradicted", "contradicted"]


def test_contested_labels_are_reviewed_abstentions_first_then_dates_then_numbers():
    original = [number(10), number(10), JANUARY, JANUARY, number(3), number(100), number(7)]
    relabels = [number(5), number(1), day(dt.date(2024, 1, 3)), day(dt.date(2024, 1, 9)), NA, number(99), None]
    labels = labels_of(*original)
    order = review_order(evidence_of(labels, *relabels))
    assert order["uid"].to_list() == [5, 4, 3, 2, 1, 7]
    assert order["tier"].to_list() == [0, 2, 2, 3, 3, UNDECIDED]
    assert order["severity"].to_list() == [None, 8, 2, 0.9, 0.5, None]
    assert order["why"][1] == "original 01/01/2024, relabel 01/09/2024"
    assert order["candidate_kind"].to_list() == ["na", "date", "date", "number", "number", None]


def test_suspects_come_after_the_contested_and_before_the_undecided():
    labels = labels_of(number(10), number(10), number(4), JANUARY)
    audits = audits_of(labels, number(5), number(1), number(4), day(dt.date(2024, 1, 3)), verdict="contradicted")
    order = review_order(evidence_of(labels, number(5), None, None, None, audits=audits))
    assert order["uid"].to_list() == [1, 4, 2, 3]
    assert order["tier"].to_list() == [3, SUSPECT_DATE, SUSPECT_NUMBER, SUSPECT_NUMBER]
    assert order["candidate_number"].to_list() == [5, None, 1, 4]
    assert order["why"][2] == "original 10, no relabel, its entities give 1"


def test_a_relabel_that_agrees_with_a_label_that_its_entities_contradict_settles_nothing():
    labels = labels_of(number(10), number(10))
    audits = audits_of(labels, number(5), number(5)).with_columns(likely_error=pl.Series([True, False]))
    order = review_order(evidence_of(labels, number(10), number(10), audits=audits))
    assert order.select("uid", "tier", "candidate_number").rows() == [(1, SUSPECT_NUMBER, 5)]
    assert order["why"].to_list() == ["original and relabel 10, its entities give 5"]


def test_suspect_dates_come_by_days_apart_whatever_the_direction_and_ties_by_uid():
    labels = labels_of(JANUARY, JANUARY, JANUARY, number(5), number(10), number(10))
    earlier, later = day(dt.date(2023, 12, 22)), day(dt.date(2024, 1, 6))
    published = [later, earlier, day(dt.date(2023, 12, 27)), number(4), number(5), number(5)]
    audits = audits_of(labels, *published, verdict="contradicted")
    order = review_order(evidence_of(labels, *[None] * 6, audits=audits))
    assert order["uid"].to_list() == [2, 1, 3, 5, 6, 4]
    assert order["severity"].to_list() == pytest.approx([10, 5, 5, 0.5, 0.5, 0.2])
    assert order["why"][0] == "original 01/01/2024, no relabel, its entities give 12/22/2023"
    equals = labels_of(*[number(10)] * 3)
    same = review_order(evidence_of(equals, *[number(5)] * 3))
    assert same["uid"].to_list() == [1, 2, 3]


def test_a_label_that_differs_by_convention_only_stays_and_is_ambiguous():
    row = maintained(number(2.1), number(-3), attribution="convention")
    assert (row["final_number"], row["state"], row["reason"]) == (2.1, "ambiguous", "ambiguous")
    assert json.loads(row["assumptions"]) == {"the published rule": "1", "another": "2"}


def test_a_physician_settles_what_is_ambiguous():
    row = maintained(number(2.1), number(-3), number(-3), attribution="convention")
    assert (row["final_number"], row["state"], row["assumptions"]) == (-3, "computable", None)


@pytest.mark.parametrize(
    ("original", "rule", "relabel", "physician", "final", "reason"),
    [
        (12.5, None, 12.6, None, 12.5, "confirmed"),
        (12.5, None, None, None, 12.5, "unresolved"),
        (8.96, None, 10.02, 10, 10.02, "physician_confirms"),
        (3, None, 8, 8, 8, "physician"),
        (12.5, None, None, 12.6, 12.6, "physician"),
        (9, 7, 8, 7, 7, "physician"),
        (3, None, 8, 3, 3, "physician"),
        # A value that nothing else gives may be a slip: it stands, and waits for a second opinion.
        (8.96, None, 10.02, 9.5, 9.5, "physician_unexplained"),
        (3, None, 8, 7, 7, "physician_unexplained"),
        (25.017, None, 19.79, 9, 9, "physician_unexplained"),
        (12.5, None, 12.6, 11, 11, "physician_unexplained"),
        # Two sources against the original replace it; one against one does not settle anything.
        (12.5, 13.4, 13.5, None, 13.5, "relabelled"),
        (12.5, None, 13.5, None, 13.5, "contested"),
        (12.5, 15, 13.5, None, 13.5, "contested"),
        (12.5, 15, 12.6, None, 12.5, "contested"),
        # Nobody relabelled it, but its own entities say otherwise: it is no plain number any more.
        (29, 8, None, None, None, "contradicted"),
    ],
)
def test_the_first_rule_that_holds_decides_a_label(original, rule, relabel, physician, final, reason):
    row = maintained(*(value and number(value) for value in (original, relabel, physician)), rule=rule and number(rule))
    assert (row["final_number"], row["reason"]) == (final, reason)


def test_answers_on_which_physicians_agree_need_nothing_that_explains_them():
    labels = labels_of(number(3))
    two = physicians_of({1: number(7)}).with_columns(n_answers=pl.lit(2, pl.Int32), n_agree=pl.lit(2, pl.Int32))
    row = maintain(evidence_of(labels, number(8), physicians=two)).row(0, named=True)
    assert (row["final_number"], row["reason"]) == (7, "physician")


@pytest.mark.parametrize(
    ("alternatives", "reason"),
    [('{"the published rule": "3", "another": "7"}', "physician"), ('{"another": null}', "physician_unexplained")],
)
def test_another_published_convention_explains_a_physicians_answer(alternatives, reason):
    labels = labels_of(number(3))
    audits = audits_of(labels).with_columns(alternatives=pl.lit(alternatives))
    row = maintain(evidence_of(labels, None, physicians=physicians_of({1: number(7)}), audits=audits)).row(0, named=True)
    assert row["reason"] == reason


@pytest.mark.parametrize(("missing", "reason"), [('["albumin"]', "relabelled"), ("[]", "contested")])
def test_a_relabel_of_not_computable_stands_where_the_entities_lack_an_input(missing, reason):
    row = maintained(number(30), NA, missing=missing)
    assert (row["final_kind"], row["state"], row["reason"]) == ("na", "not_computable", reason)


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
    assert (row["final_kind"], row["lower_number"], row["upper_number"]) == ("na", None, None)


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
    evidence = evidence_of(labels, number(8), number(8), physicians=physicians_of({1: number(8)}, reviewer), auditor=auditor)
    assert maintain(evidence)["simulated"].to_list() == invented


def test_a_relabel_that_agrees_confirms_nothing_where_an_entity_cannot_be_meant():
    """Urea taken for urea nitrogen: label and relabel may be of one mistake. It is contested, and queued."""
    labels = labels_of(number(283), number(283))
    evidence = evidence_of(labels, number(278.4), number(278.4), checks=found("urea", suspect=True))
    assert maintain(evidence)["reason"].to_list() == ["contested", "confirmed"]
    order = review_order(evidence)
    assert order.select("uid", "tier", "why").rows() == [
        (1, UNDECIDED, "original and relabel 283; an entity cannot be meant")
    ]


@pytest.mark.parametrize(
    ("relabel", "checks", "rulings", "expected"),
    [
        (None, None, [(FIRST, "wrong"), (SECOND, "wrong")], ("ruled", number(8))),
        (None, None, [(FIRST, "right"), (SECOND, "wrong")], ("ruled", number(29))),  # v1.0 is right: its label stays
        (None, None, [(FIRST, "wrong")], ("contradicted", None)),  # 8, or 2
        (None, None, [(FIRST, "wrong"), (SECOND, "wrong"), (SECOND, "right")], ("contradicted", None)),  # no majority
        (None, None, [(FIRST, "wrong"), *[(SECOND, "right")] * 2, (SECOND, "wrong")], ("ruled", number(2))),
        (None, None, [(FIRST, "wrong"), (SECOND, "case_by_case")], ("contradicted", None)),
        (number(29), None, [(FIRST, "wrong"), (SECOND, "wrong")], ("ruled", number(8))),  # model and v1.0 may err alike
        (number(8), None, [(FIRST, "wrong"), (SECOND, "wrong")], ("ruled", number(8))),
        (number(8), None, [(FIRST, "wrong")], ("relabelled", number(8))),
        (NA, None, [(FIRST, "wrong"), (SECOND, "wrong")], ("contested", NA)),  # a ruling does not overrule what a note lacks
        (None, found("absent"), [(FIRST, "wrong"), (SECOND, "wrong")], ("contradicted", None)),
        (None, found("unit_slip", suspect=True), [(FIRST, "wrong"), (SECOND, "wrong")], ("unresolved", number(29))),
    ],
)
def test_rulings_decide_where_they_determine_a_value_from_inputs_that_are_there(relabel, checks, rulings, expected):
    labels = labels_of(number(29), output_type="integer")
    audits = audits_of(labels, number(8), verdict="contradicted")
    evidence = evidence_of(labels, relabel, audits=audits, checks=checks, rulings=rulings)
    row = maintain(evidence).row(0, named=True)
    assert (row["reason"], from_row(row, "final")) == expected


def test_a_ruling_counts_as_evidence_of_the_original_whether_or_not_it_decides():
    labels = labels_of(number(29), number(29), output_type="integer")
    audits = audits_of(labels, number(8), number(8), verdict="contradicted")
    found_wrong = evidence_of(labels, NA, None, audits=audits, rulings=[(FIRST, "wrong")])
    assert found_wrong["ruled"].to_list() == ["wrong", "wrong"]
    found_right = evidence_of(labels, None, None, audits=audits, rulings=[(FIRST, "right"), (SECOND, "wrong")])
    assert found_right["ruled"].to_list() == ["right", "right"]
    nobody = evidence_of(labels, None, None, audits=audits)
    assert nobody["ruled"].to_list() == [None, None]
    assert json.loads(nobody["cards"][0]) == [["defect", defect] for defect in DEFECTS]


def test_a_label_outside_the_range_of_its_own_score_has_no_answer_even_if_the_rule_cannot_be_computed():
    labels = labels_of(number(18))
    audits = audits_of(labels).with_columns(pl.lit(None, dtype).alias(name) for name, dtype in PUBLISHED)
    evidence = evidence_of(labels, None, audits=audits, checks=found("label_out_of_range", suspect=True))
    row = maintain(evidence).row(0, named=True)
    assert (row["reason"], row["state"], row["final_kind"], row["final_number"]) == (
        "contradicted",
        "contradicted",
        None,
        None,
    )
    assert review_order(evidence).select("tier", "why").rows() == [
        (SUSPECT_NUMBER, "original 18, no relabel, its entities give no value")
    ]


@pytest.mark.parametrize(
    ("original", "rule", "relabel", "read", "expected", "evidence_class"),
    [
        (12.5, 15, 13.5, 13.6, ("relabelled", 13.5), "inputs"),  # the rule gives the relabel for what is in the note
        (12.5, 15, 13.5, 15, ("contested", 13.5), "neither"),
        (12.5, 15, 13.5, NA, ("contested", 13.5), "neither"),
        (12.5, None, 13.5, 13.5, ("relabelled", 13.5), "inputs"),
        (12.5, None, NA, NA, ("relabelled", None), "abstention"),
        (12.5, 13.5, 13.5, 99, ("relabelled", 13.5), "rule"),
        (12.5, None, 12.5, 99, ("confirmed", 12.5), "confirmed"),
        # Nobody agreed on a relabel: code computes from what 4 of 5 read.
        (12.5, None, None, 14, ("computed", 14), "inputs"),
        (12.5, 15, None, 14, ("computed", 14), "inputs"),
        (12.5, 15, None, 12.6, ("computed", 12.5), "inputs"),  # within the limits: the original stays
        (12.5, None, None, NA, ("computed", None), "inputs"),
        (12.5, 15, None, None, ("contradicted", None), "unchecked"),
    ],
)
def test_what_the_rule_gives_for_inputs_that_blind_readers_find_is_a_second_source(
    original, rule, relabel, read, expected, evidence_class
):
    original, rule, relabel, read = (
        value and (value if value == NA else number(value)) for value in (original, rule, relabel, read)
    )
    labels = labels_of(original)
    audits = audits_of(labels, rule, verdict="contradicted") if rule else None
    evidence = evidence_of(labels, relabel, audits=audits, read={1: read} if read else None)
    row = maintain(evidence).row(0, named=True)
    assert (row["reason"], row["final_number"]) == expected
    assert evidence.select(classes()).item() == evidence_class
    said = json.loads(row["evidence"])
    assert (said["computed"], said["inputs"]) == ((str(read), "So they read.") if read else (None, None))


def test_an_original_that_another_published_convention_gives_is_not_replaced_by_what_was_read():
    labels = labels_of(number(12.5), number(12.5))
    audits = audits_of(labels, number(15), number(15), verdict="contradicted").with_columns(likely_error=pl.lit(False))
    rows = maintain(evidence_of(labels, None, None, audits=audits, read={1: number(15), 2: number(12.4)}))
    assert rows.select("reason", "final_number").rows() == [("unresolved", 12.5), ("computed", 12.5)]


def test_what_was_read_explains_a_physicians_answer():
    labels = labels_of(number(3), number(3))
    physicians = physicians_of({1: number(7), 2: number(7)})
    reasons = maintain(evidence_of(labels, number(8), number(8), physicians=physicians, read={1: number(7)}))["reason"]
    assert reasons.to_list() == ["physician", "physician_unexplained"]
