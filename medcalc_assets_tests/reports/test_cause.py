import json

import pytest

from medcalc_assets.reports.cause import cause, listed
from medcalc_assets.reports.trace import rows_of


@pytest.fixture
def rows(demo):
    """A label of which everything is said anew: a score of 7 that nothing contests."""
    found = rows_of(demo.settings.warehouse, demo.read("raw_medcalc").filter(calculator="apache_ii")["uid"][0])
    found["label_evidence"][0] |= {
        "verdict": "reproduced", "contradicted": False, "defects": "[]", "missing": "[]", "out_of_range": False,
        "published_kind": "number", "published_number": 7.0, "alternatives": '{"the published rule": "7"}',
        "relabel_kind": "number", "relabel_number": 7.0, "likely_error": False, "attribution": None, "n_votes": None,
        "physician_kind": None, "physician_number": None, "n_answers_agree": None,
    }  # fmt: skip
    found["raw_medcalc"][0] |= {"label_kind": "number", "label_number": 7.0}
    found["maintained_labels"][0] |= {"final_kind": "number", "final_number": 7.0, "reason": "confirmed"}
    found["note_checks"] = []
    return found


def finding(kind, entity, given, found=None, explanation=""):
    return {"kind": kind, "entity": entity, "given": given, "found": found, "explanation": explanation, "gives": "{}"}


def test_a_label_that_nothing_contests_says_who_gives_it(rows):
    assert cause(rows) == "The published rule gives the original from its own entities, and the relabel agrees."
    rows["label_evidence"][0] |= {"n_votes": 5, "n_agree": 4}
    assert cause(rows).endswith(", and the relabel of 4 in 5 blind votes agrees.")


def test_an_abstention_names_the_inputs_that_are_wrong_or_nowhere(rows):
    rows["label_evidence"][0] |= {"relabel_kind": "na", "relabel_number": None, "likely_error": True}
    rows["maintained_labels"][0] |= {"final_kind": "na", "final_number": None, "reason": "relabelled"}
    rows["note_checks"] = [
        finding("another_number", "pH", "7.53", "7.29"),
        finding("absent", "A-a gradient", "375 mm Hg"),
        finding("absent", "Sodium", "140 mmol/L"),
        finding("absent", "Potassium", "4 mmol/L"),
    ]
    assert cause(rows) == (
        "The relabel says that it cannot be computed: pH 7.53 stands as 7.29 in the note, and A-a gradient 375 mm Hg, "
        "Sodium 140 mmol/L and 1 more are nowhere in it."
    )
    rows["note_checks"] = []
    assert cause(rows).endswith("; the rule gives 7 from the entities, and the note shows nothing against them.")


@pytest.mark.parametrize(
    ("relabel", "reason", "expected"),
    [
        (9, "relabelled", "v1.0 adds the score itself; else its entities give 9, and so does the relabel."),
        (5, "contested", "v1.0 adds the score itself: by the published rule its entities give 9; the relabel says 5."),
        (None, "contradicted", "v1.0 adds the score itself: by the published rule its entities give 9; {nobody}."),
    ],
)
def test_a_rule_of_v1_that_departs_from_the_published_one_is_named(rows, relabel, reason, expected):
    rows["label_evidence"][0] |= {
        "published_number": 9.0, "contradicted": True, "defects": json.dumps(["adds the score itself"]),
        "likely_error": bool(relabel), "relabel_number": relabel, "relabel_kind": "number" if relabel else None,
    }  # fmt: skip
    rows["maintained_labels"][0] |= {"reason": reason, "final_number": relabel}
    rows["relabels"] = []
    assert cause(rows) == expected.format(nobody="nobody has relabelled it")


def test_of_two_conventions_each_is_named_with_its_value(rows):
    rows["label_evidence"][0] |= {
        "attribution": "convention", "relabel_number": 8.0, "likely_error": True,
        "alternatives": '{"the published rule": "7", "the upper band": "8"}',
    }  # fmt: skip
    rows["maintained_labels"][0]["reason"] = "ambiguous"
    expected = "7 follows from the published rule, 8 from “the upper band”: the question does not say which is meant."
    assert cause(rows) == expected


def test_an_answer_that_nothing_else_gives_is_told_with_what_others_say(rows):
    rows["label_evidence"][0] |= {"physician_kind": "number", "physician_number": 9.0, "relabel_number": 5.0}
    rows["maintained_labels"][0]["reason"] = "physician_unexplained"
    assert cause(rows) == (
        "One physician says 9, which nothing else gives (v1.0 7, rule 7 and relabel 5): a second physician is asked."
    )


def test_an_entity_that_cannot_be_meant_is_the_cause_where_nobody_has_answered(rows):
    rows["maintained_labels"][0]["reason"] = "unresolved"
    rows["relabels"] = [{"auditor": rows["maintained_labels"][0]["auditor"], "status": "deferred", "n_votes": None}]
    rows["note_checks"] = [
        finding("urea", "Blood Urea Nitrogen (BUN)", "60", "28", "The note gives urea, not urea nitrogen.")
    ]
    assert cause(rows) == (
        "The blind votes do not agree, and no physician has answered; the note gives urea, not urea nitrogen."
    )


def test_physicians_who_differ_have_answered(rows):
    rows["relabels"] = [{"auditor": rows["maintained_labels"][0]["auditor"], "status": "deferred", "n_votes": None}]
    rows["physician_labels"] = [
        {"physician_kind": "number", "physician_number": value, "physician_date": None} for value in (7.0, 99.0)
    ]
    rows["maintained_labels"][0]["reason"] = "unresolved"
    assert cause(rows) == "The blind votes do not agree, and 2 physicians differ (7 and 99)."
    rows["maintained_labels"][0]["reason"] = "contradicted"
    assert cause(rows).endswith("; the blind votes do not agree, and 2 physicians differ (7 and 99).")


def test_a_relabel_that_repeats_a_label_of_wrong_entities_says_what_is_wrong_with_them(rows):
    rows["maintained_labels"][0]["reason"] = "contested"
    rows["note_checks"] = [
        finding("urea", "Blood Urea Nitrogen (BUN)", "60", "28", "The note gives urea, not urea nitrogen.")
    ]
    assert cause(rows) == "The note gives urea, not urea nitrogen, while the relabel gives the original."


def test_a_list_names_the_first_and_counts_the_rest():
    assert [listed(list(names)) for names in ("a", "ab", "abcd")] == ["a", "a and b", "a, b and 2 more"]


@pytest.mark.parametrize(
    ("told", "value", "expected"),
    [
        (
            "model a: blind readers read every input as the benchmark has it; model b: 4 of 5 blind readers read Sodium as "
            "135 mmol/L, and the benchmark has 140 mmol/L",
            7.123456,
            "model b: 4 of 5 blind readers read Sodium as 135 mmol/L, and the benchmark has 140 mmol/L, and from what they "
            "read the published rule gives 7.12346.",
        ),
        (
            "blind readers read every input as the benchmark has it",
            7.0,
            "blind readers read every input as the benchmark has it, and from what they read the published rule gives 7.",
        ),
        (
            "5 of 5 blind readers find no pH in the note, and the benchmark has 7.53",
            None,
            "5 of 5 blind readers find no pH in the note, and the benchmark has 7.53, and from what they read it cannot be "
            "computed.",
        ),
    ],
)
def test_what_was_computed_from_inputs_says_what_was_read_otherwise(rows, told, value, expected):
    kind = "na" if value is None else "number"
    rows["maintained_labels"][0] |= {"reason": "computed", "final_kind": kind, "final_number": value}
    rows["label_evidence"][0] |= {
        "inputs_status": "computed", "inputs_told": told, "computed_kind": kind, "computed_number": value,
    }  # fmt: skip
    rows["relabels"] = [
        {"auditor": rows["maintained_labels"][0]["auditor"], "status": "deferred", "n_agree": 2, "n_votes": 5}
    ]
    assert cause(rows) == f"Only 2 of 5 blind votes agree; {expected}"
    rows["relabels"][0] |= {"n_agree": 8, "n_votes": 8}
    assert cause(rows) == f"The blind votes do not agree; {expected}"


def test_readers_who_read_as_the_benchmark_has_it_are_no_reason_for_an_abstention(rows):
    rows["label_evidence"][0] |= {"relabel_kind": "na", "relabel_number": None, "likely_error": True}
    rows["label_evidence"][0] |= {"inputs_status": "computed"}
    rows["label_evidence"][0] |= {"inputs_told": "blind readers read every input as the benchmark has it"}
    rows["maintained_labels"][0] |= {"final_kind": "na", "final_number": None, "reason": "contested"}
    assert cause(rows).endswith("; the rule gives 7 from the entities, and the note shows nothing against them.")
