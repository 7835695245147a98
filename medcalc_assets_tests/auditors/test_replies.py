import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcalc_assets.auditors.gemini.replies import read
from medcalc_assets.auditors.ledger import Attempt, Setup, VoteKey
from medcalc_assets.auditors.replies import Reply
from medcalc_assets.labels.value import NA, Label, day, number

VOTE = VoteKey(Setup("relabel", "gemini-2.5-pro", "sha", "{}", "search,code"), "instance", 1, 0)
AUDIT_VOTE = VoteKey(Setup("audit", "gemini-2.5-pro", "sha", "{}", "search"), "instance", 1, 0)
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


def reply(body, vote=VOTE, status=200):
    text = body if isinstance(body, str) else json.dumps(body)
    when = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return read(Attempt(vote=vote, run="r", mode="online", requested_at=when, seconds=1.0, status=status, body=text))


def said(text, vote=VOTE):
    return reply({"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": text}]}}]}, vote)


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
    assert said(f"Reasoning.\n{block(answer=answer)}\n").answer.label == label


def test_a_fence_around_the_answer_is_no_fault():
    assert said(f"<answer>\n```json\n{json.dumps(RELABEL)}\n```\n</answer>").answer.label == number(11)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("It is 11.", "malformed: 0 answer blocks"),
        (block() + block(), "malformed: 2 answer blocks"),
        (block() + " I hope this helps.", "malformed: 1 answer blocks, one at the very end"),
        ("<answer>" + block(), "malformed: 1 answer blocks"),
        ("<answer>11</answer>", "malformed: Input should be an object"),
        ("<answer>{}</answer>", "malformed: id Field required"),
        (block(extra=1), "malformed: extra Extra inputs are not permitted"),
        (block(answer=None), "malformed: answer"),
        (block(answer=True), "malformed: answer"),
        (block(answer="about 11"), "malformed: Value error, the answer is 'about 11', which is no number, date or N/A"),
        (block(answer="10-12"), "malformed: Value error, the answer is '10-12', which is more than one value"),
        (block(sources="UpToDate"), "malformed: sources Input should be a valid array"),
        (block(id="someone-else"), "the answer is to another request ('someone-else')"),
        ("   ", "empty"),
    ],
)
def test_a_relabel_that_is_not_to_the_letter_is_a_fault(text, fault):
    found = said(text)
    assert found.answer is None
    assert found.fault.startswith(fault), found.fault


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
    assert bool(said(f"<answer>{json.dumps(AUDIT | changes)}</answer>", AUDIT_VOTE).answer) == good


def test_thoughts_and_code_are_no_part_of_the_answer():
    parts = [
        {"text": block(answer="1"), "thought": True},
        {"executableCode": {"code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": block(answer="2")}},
        {"text": block(answer="3")},
    ]
    found = reply({"candidates": [{"content": {"parts": parts}}]})
    assert found.answer.label == number(3)
    assert (found.code_runs, found.code_failures) == (1, 1)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<html></html>", "HTTP 200 without JSON"),
        ("", "HTTP 200 without JSON"),
        ({}, "empty"),
        ({"candidates": []}, "empty"),
        ({"candidates": None}, "empty"),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "the prompt was blocked: SAFETY"),
        ({"candidates": [{"finishReason": "MAX_TOKENS"}]}, "truncated: MAX_TOKENS"),
        ({"candidates": [{"finishReason": "RECITATION", "finishMessage": "why"}]}, "the answer was stopped: RECITATION why"),
        ({"candidates": [{"finishReason": "SOMETHING_NEW"}]}, "the answer was stopped: SOMETHING_NEW"),
        ({"candidates": "x"}, "no response of the expected shape"),
        ([], "no response of the expected shape"),
        ("null", "no response of the expected shape"),
    ],
)
def test_a_response_that_holds_no_answer_is_a_fault(body, fault):
    assert reply(body).fault.startswith(fault)
    assert reply(body).counts


def test_tokens_that_were_not_reported_are_unknown():
    nothing = reply({})
    assert (nothing.input_tokens, nothing.output_tokens, nothing.model_version, nothing.response_id) == (None,) * 4
    assert (nothing.grounded, nothing.queries, nothing.pages, nothing.code_runs, nothing.code_failures) == (
        False,
        [],
        [],
        0,
        0,
    )
    usage = {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 7}
    found = reply({"usageMetadata": usage})
    assert (found.input_tokens, found.output_tokens) == (15, 9)


NAMES = ["candidates", "content", "parts", "text", "finishReason", "usageMetadata", "promptTokenCount", "groundingMetadata"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner),
)


def test_what_nobody_has_read_says_nothing():
    bare = Reply(attempt=reply({}).attempt)
    assert (bare.answer, bare.fault, bare.finish_reason, bare.counts, bare.is_too_long) == (None, None, None, True, False)
    assert (bare.grounded, bare.queries, bare.pages, bare.code_runs, bare.code_failures) == (False, [], [], 0, 0)


@given(JSON)
def test_no_response_is_ever_an_exception_or_a_vote_by_chance(body):
    assert reply(body).answer is None


@given(st.text())
def test_no_text_is_ever_an_exception(text):
    found = said(f"<answer>{text}</answer>")
    assert (found.answer is None) == (found.fault is not None)
    assert found.answer is None or isinstance(found.answer.label, Label)
