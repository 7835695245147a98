"""The block at the end of an answer, whoever gives it."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcalc_assets.auditors.ledger import Attempt, Setup, VoteKey
from medcalc_assets.auditors.replies import TOO_LONG, Reply, parse_answer, tokens
from medcalc_assets.labels.value import NA, Label, day, number

VOTE = VoteKey(Setup("relabel", "a-model", "sha", "{}", "search,code"), "instance", 1, 0)
AUDIT_VOTE = VoteKey(Setup("audit", "a-model", "sha", "{}", "search"), "instance", 1, 0)
RELABEL = {
    "id": VOTE.request_id,
    "answer": "11",
    "time_point": None,
    "guideline": None,
    "assumptions": [],
    "rationale": "r",
    "sources": [],
}
AUDIT = {"id": AUDIT_VOTE.request_id, "verdict": "passed", "error_type": None, "rationale": "r", "sources": []}


def attempt(vote=VOTE, status=200):
    when = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return Attempt(vote=vote, run="r", mode="online", requested_at=when, seconds=1.0, status=status)


def block(**changes):
    return f"<answer>{json.dumps(RELABEL | changes)}</answer>"


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("11", number(11)),
        (11, number(11)),
        (0.5, number(0.5)),
        ("78.1 ml/hr", number(78.1)),
        ("09/23/2014", day(dt.date(2014, 9, 23))),
        ("33 weeks 4 days", number(235)),
        ("N/A", NA),
    ],
)
def test_an_answer_is_read_as_the_label_that_it_is(answer, label):
    found, fault = parse_answer(f"Reasoning.\n{block(answer=answer)}\n", attempt())
    assert (found.label, fault) == (label, None)


@pytest.mark.parametrize("fence", ["```json", "```"])
def test_a_fence_around_the_answer_is_no_fault(fence):
    found, _ = parse_answer(f"<answer>\n{fence}\n{json.dumps(RELABEL)}\n```\n</answer>", attempt())
    assert found.label == number(11)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("```xml\n", "\n```"),
        ("**", "**\n"),
        ("<response>\n<p>", "</p>\n</response>"),
        ("~~~\n", "\n~~~ \n"),
        ("</answer> is how it will end. ", ""),
    ],
)
def test_a_fence_or_markup_around_the_block_is_no_fault(before, after):
    found, fault = parse_answer(f"Reasoning.\n{before}{block()}{after}", attempt())
    assert (found and found.label, fault) == (number(11), None)


@pytest.mark.parametrize("after", ["```\n12\n```", "</answer>", "<p>", "</p", "** 12 **", "</12>"])
def test_whatever_says_more_than_markup_after_the_block_is_a_fault(after):
    assert parse_answer(block() + after, attempt())[1].startswith("malformed: 1 answer blocks, one at the very end")


def test_tags_depth_and_size_of_an_answer_are_bounded():
    for text, told in {
        "<answer>" * 20_000: "malformed: 0 answer blocks",
        f"<answer>{'[' * 200_000}</answer>": "malformed: an answer block of 200,000 characters, and 100,000 is the most",
        f"<answer>{'[' * 90_000}</answer>": "malformed: Invalid JSON: recursion limit exceeded",
        block() + "`" * 200_000 + "x": "malformed: 1 answer blocks",
        block(id="9" * 90_000): "the answer is to another request ('9999",
    }.items():
        fault = parse_answer(text, attempt())[1]
        assert fault.startswith(told)
        assert len(fault) < 200


@pytest.mark.parametrize(
    ("count", "known"),
    [
        (0, 0),
        (7, 7),
        ("7", 7),
        (7.0, 7),
        (-1, None),
        ("many", None),
        (None, None),
        (True, None),
        ([7], None),
        ({}, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        (2**60, None),
    ],
)
def test_a_number_of_tokens_of_any_type_is_one_or_unknown(count, known):
    assert tokens(count) == known


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("It is 11.", "malformed: 0 answer blocks, one at the very end is asked for"),
        (block() + block(), "malformed: 2 answer blocks"),
        (block() + " I hope this helps.", "malformed: 1 answer blocks, one at the very end"),
        ("<answer>" + block(), "malformed: 1 answer blocks"),
        (block().removesuffix("</answer>"), "malformed: 0 answer blocks"),
        ("<answer>11</answer>", "malformed: Input should be an object"),
        ("<answer>{}</answer>", "malformed: id Field required"),
        (block(extra=1), "malformed: extra Extra inputs are not permitted"),
        (block(answer=None), "malformed: answer"),
        (block(answer=True), "malformed: answer"),
        (block(answer="about 11"), "malformed: Value error, the answer is 'about 11', which is no number, date or N/A"),
        (block(answer="10-12"), "malformed: Value error, the answer is '10-12', which is more than one value"),
        (block(sources="UpToDate"), "malformed: sources Input should be a valid array"),
        (block(sources=[1]), "malformed: sources.0 Input should be a valid string"),
        (block(id="someone-else"), "the answer is to another request ('someone-else')"),
    ],
)
def test_a_relabel_that_is_not_as_asked_for_is_a_fault(text, fault):
    answer, found = parse_answer(text, attempt())
    assert answer is None
    assert found.startswith(fault), found


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"verdict": "likely_error", "error_type": "aggregation_logic"}, True),
        ({"verdict": "likely_error"}, False),
        ({"error_type": "aggregation_logic"}, False),
        ({"verdict": "Passed"}, False),
        ({"verdict": "likely_error", "error_type": "other"}, False),
    ],
)
def test_an_audit_has_a_verdict_and_an_error_has_a_type(changes, good):
    answer, _ = parse_answer(f"<answer>{json.dumps(AUDIT | changes)}</answer>", attempt(AUDIT_VOTE))
    assert bool(answer) == good


@given(st.text())
def test_no_text_is_ever_an_exception(text):
    answer, fault = parse_answer(f"<answer>{text}</answer>", attempt())
    assert (answer is None) == (fault is not None)
    assert answer is None or isinstance(answer.label, Label)


@pytest.mark.parametrize(
    ("status", "fault", "counts", "too_long"),
    [
        (200, None, True, False),
        (200, "empty", True, False),
        (400, TOO_LONG, True, True),
        (400, "HTTP 400", False, False),
        (199, None, False, False),
        (201, None, False, False),
        (None, "no answer within 600 s", False, False),
    ],
)
def test_what_was_answered_counts_and_so_does_a_note_that_no_repetition_makes_shorter(status, fault, counts, too_long):
    found = Reply(attempt=attempt(status=status), fault=fault)
    assert (found.counts, found.is_too_long) == (counts, too_long)


def test_what_nobody_has_read_says_nothing():
    bare = Reply(attempt=attempt())
    assert (bare.answer, bare.fault, bare.finish_reason, bare.model_version, bare.response_id) == (None,) * 5
    assert (bare.input_tokens, bare.output_tokens) == (None, None), "which is not zero"
    assert (bare.grounded, bare.queries, bare.pages, bare.code_runs, bare.code_failures) == (False, [], [], 0, 0)
