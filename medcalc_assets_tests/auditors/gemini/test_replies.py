"""What a recorded answer of Gemini says."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcalc_assets.auditors.gemini.replies import read
from medcalc_assets.auditors.replies import TOO_LONG
from medcalc_assets.labels.value import number
from medcalc_assets_tests.auditors.test_replies import attempt, block


def reply(body, status=200):
    return read(replace(attempt(status=status), body=body if isinstance(body, str) else json.dumps(body)))


def said(*texts, **rest):
    parts = [{"text": text} for text in texts]
    return reply({"candidates": [{"finishReason": "STOP", "content": {"parts": parts}} | rest]})


def test_the_parts_of_an_answer_are_one_text():
    found = said("The note says so.\n" + block()[:20], block()[20:])
    assert (found.answer.label, found.fault) == (number(11), None)


@pytest.mark.parametrize("reason", ["STOP", "FINISH_REASON_UNSPECIFIED", None])
def test_an_answer_that_ended_by_itself_is_usable(reason):
    assert said(block(), finishReason=reason).answer.label == number(11)


@pytest.mark.parametrize("reason", ["MAX_TOKENS", "SAFETY", "stop"])
def test_an_answer_that_was_ended_is_not_though_it_is_whole(reason):
    assert (said(block(), finishReason=reason).answer, said(block(), finishReason=reason).finish_reason) == (None, reason)


def test_a_fault_of_the_answer_is_that_of_the_reply():
    assert said("It is 11.").fault == "malformed: 0 answer blocks, one at the very end is asked for"
    assert said(" \n").fault == "empty"


def test_thoughts_and_code_are_no_part_of_the_answer():
    parts = [
        {"text": block(answer="1"), "thought": True},
        {"executableCode": {"code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": block(answer="2")}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "3"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_DEADLINE_EXCEEDED"}},
        {"text": block(answer="3")},
    ]
    found = reply({"candidates": [{"content": {"parts": parts}}]})
    assert found.answer.label == number(3)
    assert (found.code_runs, found.code_failures) == (3, 2)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<html></html>", "HTTP 200 without JSON"),
        ("", "HTTP 200 without JSON"),
        ({}, "empty"),
        ({"candidates": []}, "empty"),
        ({"candidates": None}, "empty"),
        ({"candidates": [{"content": None}]}, "empty"),
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
    found = reply(body)
    assert found.fault.startswith(fault)
    assert found.answer is None
    assert found.counts


EXCEEDS = {"message": "The input Token count (2) exceeds the maximum", "status": "INVALID_ARGUMENT"}


@pytest.mark.parametrize(
    ("status", "body", "fault", "counts"),
    [
        (400, {"error": EXCEEDS}, TOO_LONG, True),
        (500, {"error": EXCEEDS}, f"HTTP 500 INVALID_ARGUMENT: {EXCEEDS['message']}", False),
        (400, {"error": {"message": "No.", "status": "INVALID_ARGUMENT"}}, "HTTP 400 INVALID_ARGUMENT: No.", False),
        (503, {"error": {"status": "UNAVAILABLE"}}, "HTTP 503 UNAVAILABLE", False),
        (503, {"error": {"message": "Later."}}, "HTTP 503 : Later.", False),
        (403, {"error": "no"}, "HTTP 403", False),
        (429, [], "HTTP 429", False),
        (502, "<html></html>", "HTTP 502 without JSON", False),
    ],
)
def test_a_refusal_says_why(status, body, fault, counts):
    found = reply(body, status)
    assert (found.fault, found.counts, found.answer) == (fault, counts, None)


def test_without_a_response_the_fault_is_what_went_wrong():
    found = read(replace(attempt(status=None), error="no answer within 600 s"))
    assert (found.fault, found.counts) == ("no answer within 600 s", False)


def test_tokens_of_prompt_and_tools_go_in_and_those_of_answer_and_thoughts_come_out():
    usage = {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 7}
    found = reply({"usageMetadata": usage})
    assert (found.input_tokens, found.output_tokens) == (15, 9)
    assert reply({"usageMetadata": usage | {"cachedContentTokenCount": 8}}).cached_tokens == 8
    found = reply({"usageMetadata": {"promptTokenCount": 10}})
    assert (found.input_tokens, found.output_tokens) == (10, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"usageMetadata": {"promptTokenCount": "many", "candidatesTokenCount": [7]}},
        {"usageMetadata": ["promptTokenCount"]},
        {"usageMetadata": {"promptTokenCount": 10**400, "candidatesTokenCount": -5}},
        {"modelVersion": 3, "responseId": {"a": 1}},
    ],
)
def test_facts_of_any_type_discard_no_good_answer(changes):
    content = {"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": block()}]}}]}
    found = reply(content | changes)
    assert (found.answer.label, found.fault) == (number(11), None)
    assert (found.input_tokens, found.output_tokens, found.model_version, found.response_id) == (None,) * 4


@pytest.mark.parametrize(
    "grounding", ["x", 7, {"webSearchQueries": "rule", "groundingChunks": 7}, {"groundingChunks": [None, {"web": [1]}]}]
)
def test_a_search_told_in_any_shape_discards_no_good_answer(grounding):
    found = said(block(), groundingMetadata=grounding)
    assert (found.answer.label, found.queries, found.pages) == (number(11), [], [])


@pytest.mark.parametrize("usage", [None, {}, {"candidatesTokenCount": 2}])
def test_tokens_that_were_not_reported_are_unknown(usage):
    found = reply({"usageMetadata": usage})
    assert (found.input_tokens, found.output_tokens) == (None, None)


def test_a_reply_tells_who_gave_it_and_what_was_paid_for_though_it_is_of_no_use():
    facts = {"modelVersion": "gemini-2.5-pro-001", "responseId": "abc", "usageMetadata": {"promptTokenCount": 1}}
    for useless in ({"promptFeedback": {"blockReason": "OTHER"}}, {"candidates": [{"finishReason": "MAX_TOKENS"}]}, {}):
        found = reply(facts | useless)
        assert (found.model_version, found.response_id, found.input_tokens) == ("gemini-2.5-pro-001", "abc", 1)
    assert found.attempt.body is None, "the ledger keeps it"


@pytest.mark.parametrize(
    ("grounding", "queries", "pages", "grounded"),
    [
        (None, [], [], False),
        ({"searchEntryPoint": {}}, [], [], False),
        ({"webSearchQueries": ["a", "", "b"]}, ["a", "b"], [], True),
        (
            {"groundingChunks": [{"web": {"uri": "https://x.org"}}, {"retrievedContext": {"uri": "file"}}]},
            [],
            ["https://x.org"],
            True,
        ),
    ],
)
def test_a_search_is_told_by_its_queries_or_by_what_it_found(grounding, queries, pages, grounded):
    found = said(block(), groundingMetadata=grounding)
    assert (found.queries, found.pages, found.grounded) == (queries, pages, grounded)


NAMES = ["candidates", "content", "parts", "text", "finishReason", "usageMetadata", "promptTokenCount", "groundingMetadata"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner),
)


@given(JSON)
def test_no_response_is_ever_an_exception_or_a_vote_by_chance(body):
    assert reply(body).answer is None
