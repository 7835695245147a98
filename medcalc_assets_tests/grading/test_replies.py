"""What is read of a reply. No sentence here is of the real benchmark; those are in test_real_outputs.py."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.grading.replies import OUTCOMES, Asked, Reply, read_reply
from medcalc_assets.grading.statements import PERCENT
from medcalc_assets.labels.value import NA, number

CALCIUM, HEART, FENA, FRAMINGHAM, DUE, AGE, QTC = (
    Asked.of(id, CALCULATORS[id].output_type) for id in (7, 18, 40, 46, 13, 69, 11)
)


def said(text, asked=CALCIUM):
    reply = read_reply(text, asked)
    return f"{reply.outcome}: {reply.label or reply.why}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("First <answer>3</answer>, no: <answer> 9.5 mg/dL <\\answer>", "9.5"),
        ("<answer>\\boxed{9.5}</answer> ANSWER: 3", "9.5"),
        ('{"step_by_step_thinking": "1 + 2", "answer": "9.5 mg/dL"}', "9.5"),
        ('{"answer": 9,240, "sure": "yes"}', "9240"),
        ("Hence $\\boxed{9{,}240}$ mg/dL. I took 3.", "9240"),
        ("\\boxed{6.4 \\times 10^{-8}}", "6.4e-08"),
        ("**Final Answer:** ≈ 9.5 mg/dL\n\nLet me know if I can help with 2 more.", "9.5"),
        ("<think>It is 5.</think>\n\nSo the corrected calcium is **−9.5** mg/dL (2.3 mmol/L).", "-9.5"),
        ("With 70 kg and 1.75 m, the result is 22.9.", "22.9"),
        ("7.2 + 0.8\\*(4.0 - 3.2) = 7.84 mg/dL, or 7.8 rounded.", "7.8"),
        ("| Total | **4** |", "4"),
        ("9\u202f240 mg/dL", "9240"),
    ],
)
def test_an_answer_is_found_where_the_reply_marks_it_then_where_it_concludes(text, value):
    assert said(text) == f"value: {value}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \n**\n", "empty"),
        ("None", "empty"),
        ('{"answer": null}', "empty"),
        ("YOUR_ANSWER_HERE", "a placeholder or a variable name"),
        (
            "If it were 400, say `<answer> YOUR_ANSWER_HERE </answer>`, that is `<answer>400</answer>`.",
            "a placeholder or a variable name",
        ),
        ("<answer>12", "the reply is cut off"),
        ('{"answer": "12', "the reply is cut off"),
        ("\\boxed{12", "the reply is cut off"),
        ("<think>It is 12", "the reply is cut off"),
        ("Answer: 5–10 mg/dL", "a range"),
        ("Answer: between 5 and 10", "a range"),
        ("Answer: 5 ± 1", "a range"),
        ("> 5 mg/dL", "a bound, no value"),
        ("Answer: at least 5", "a bound, no value"),
        ("5 or more", "a bound, no value"),
        ("Answer: 5 or 6", "two values"),
        ("Thus MAP = 93; PP = 40", "two values"),
        ("The age is 65 and the result 3", "two values"),
        ("9 240", "two values"),
        ("So the score is 4/10.", "a fraction"),
        ("\\boxed{10^400}", "a fraction"),
        ("1e400", "no plain figure"),
        ("3,5", "no plain figure"),
        ("0,083", "no plain figure"),
        ("So the risk is 12%.", "a percentage"),
        ("So the corrected calcium is 2.15 mmol/L.", "a value in another unit"),
        ("<answer>Class B</answer>", "no value"),
        ("I cannot provide medical advice.", "no value"),
        ("We begin. The measured calcium, of the first of several days, is 9.5.", "no conclusion"),
        ("The value cannot be calculated exactly, but is about 5.", "a value and an abstention"),
        ("5 (cannot be determined)", "a value and an abstention"),
    ],
)
def test_what_is_not_said_plainly_is_unreadable_and_says_why(text, why):
    assert said(text) == f"unreadable: {why}"


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("N/A", "written"),
        ("<answer> unknown </answer>", "written"),
        ("\\boxed{\\text{N/A}}", "written"),
        ("Not available", "in words"),
        ("As the weight is 70 kg and the height is missing, the BMI cannot be calculated.", "in words"),
        ('{"answer": "Insufficient data."}', "in words"),
        ("Hence there is not enough information to determine the score.", "in words"),
    ],
)
def test_an_abstention_is_read_and_told_apart_by_how_it_is_made(text, how):
    assert read_reply(text, CALCIUM) == Reply("abstained", NA, how)


def test_a_value_for_which_something_was_not_given_is_a_value():
    assert said("Because the troponin is not provided, the total score is 3.", HEART) == "value: 3"


def test_a_percentage_is_read_by_what_the_calculator_answers_with():
    assert said("So it is 7%.", FENA) == said("So it is 7 percent.", FRAMINGHAM) == said("7", FRAMINGHAM) == "value: 7"
    assert said("7%", Asked.of(46, "decimal", original=True)) == "value: 0.07"
    assert said("The HEART score is therefore 5, with a risk of 12%.", HEART) == "value: 5"


def test_the_units_are_those_of_the_calculators():
    for id, calculator in CALCULATORS.items():
        asked = Asked.of(id, calculator.output_type)
        assert (calculator.unit == "%") == (id in PERCENT)
        if asked.kind in {"decimal", "integer"}:
            assert not asked.is_foreign(f" {calculator.unit}"), calculator.slug
            assert bool(asked.unit) == (calculator.unit not in {"", "points", "%"}), calculator.slug


@pytest.mark.parametrize(
    "text",
    [
        "2/27/2021",
        "2021-02-27",
        "2021-02-27T00:00:00Z",
        "Feb. 27th, 2021",
        "So it is 27 February 2021, or 02/27/2021.",
        "2/20/2021 + 7 days = 2/27/2021",
    ],
)
def test_a_date_is_read_in_every_spelling(text):
    assert said(text, DUE) == "value: 02/27/2021"


@pytest.mark.parametrize("text", ["27/02/2021", "30 February 2021", "2/7/21", "2021-02-27T23:30:00+02:00", "soon"])
def test_what_may_be_another_day_is_no_date(text):
    assert said(text, DUE) == "unreadable: no date of the calendar"


@pytest.mark.parametrize(
    "text", ["(36, 4)", "('36 weeks', '4 days')", "[36, 4]", "36w4d", "36+4 weeks", "256 days", "So: 36 weeks and 4 days."]
)
def test_weeks_and_days_are_read_as_days(text):
    assert said(text, AGE) == "value: 256"


@pytest.mark.parametrize("text", ["(202, 2)", "(1, 8)", "36", "99 weeks"])
def test_what_is_no_pregnancy_is_no_answer(text):
    assert said(text, AGE) == "unreadable: no weeks and days of a pregnancy"


def test_the_harness_exception_is_no_answer_of_the_model():
    for text in (
        "name 'N' is not defined",
        "time data 'N/A' does not match format '%m/%d/%Y'",
        "invalid syntax (<string>, line 1)",
    ):
        assert read_reply(text, DUE).outcome == "harness_error"
    assert read_reply(None, DUE) == Reply("missing")


def test_a_value_of_another_type_is_a_value():
    assert said("02/27/2021", HEART) == "value: 02/27/2021"
    assert said("5", DUE) == "value: 5"


KINDS = [CALCIUM, HEART, FENA, FRAMINGHAM, DUE, AGE, QTC]
PIECES = st.sampled_from(
    [
        *"0123456789.,-+=≈→*^/%()[]{}<>\\'\"`$|~:; \n",
        "<answer>",
        "</answer>",
        "\\boxed{",
        '"answer":',
        "answer:",
        "<think>",
        "</think>",
        "weeks",
        " days",
        "Feb ",
        "2021",
        "10^",
        "\\text{",
        "cannot compute",
        "is ",
        "N/A",
        "\\u2011",
        "e400",
        "missing data",
        " mg/dL",
        "between ",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=200), st.sampled_from(KINDS))
@example("<answer>(99999999999, 3)</answer>", AGE)
@example("\ud800 <answer>\ud800</answer>", CALCIUM)
def test_no_text_makes_the_reader_raise(text, asked):
    reply = read_reply(text, asked)
    assert reply.outcome in OUTCOMES
    assert (reply.label is not None) == (reply.outcome in {"value", "abstained"})


@given(
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(["<answer>{}</answer>", '{{"answer": {}}}', "So it equals {}."]),
)
@settings(max_examples=200, deadline=None)
def test_whatever_value_is_marked_comes_back(value, form):
    assert read_reply(form.format(value), CALCIUM) == Reply("value", number(value))


MEGABYTE = 2**20


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "9",
        "1 ",
        "is 5. ",
        "<answer>",
        '"answer":"',
        '{"answer": ',
        "\\boxed{",
        "\\text{",
        "answer:",
        "a_",
        "missing data ",
        "\\",
        "*",
        "`",
        "\n",
        ". A",
        "time data ",
        "<think>",
    ],
)
def test_a_megabyte_of_anything_is_read_and_is_no_value(piece):
    text = piece * (MEGABYTE // len(piece))
    for asked in KINDS:
        for reply in (text, f"<answer>{text}</answer>", f"<answer>{text}"):
            assert read_reply(reply, asked).outcome in {"unreadable", "abstained"} or piece == "is 5. "


def test_json_of_any_depth_is_read():
    deep = json.dumps({"answer": "9.5"})
    assert said("[" * 100_000 + deep + "]" * 100_000) == "value: 9.5"
