"""The faults that a run survives, and those that stop it, in all tasks, with a server of OpenAI's shape."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given

from medcalc_assets.auditors.ledger import Ledger
from medcalc_assets.auditors.model import ModelAuditor
from medcalc_assets.auditors.openai import client
from medcalc_assets.auditors.openai.client import OpenAIError
from medcalc_assets.auditors.openai.replies import read
from medcalc_assets.auditors.provider import AuditorError
from medcalc_assets.auditors.replies import TOO_LONG
from medcalc_assets.auditors.tasks import RELABEL
from medcalc_assets.labels.value import number
from medcalc_assets.labels.voting import RUNS
from medcalc_assets_tests.auditors.conftest import (
    DERIVATIONS,
    EACH_TASK,
    IMPATIENT,
    QUESTIONS,
    QUICK,
    UIDS,
    attempts,
    ballots,
    phase,
    undisturbed_by,
)
from medcalc_assets_tests.auditors.gemini.test_replies import JSON
from medcalc_assets_tests.auditors.test_replies import attempt, block
from medcalc_assets_tests.gemini_server import CONTENT, HUGE, PASSING, TRANSPORT, sometimes
from medcalc_assets_tests.openai_server import KEY, ODD, REFUSALS, OpenAIServer

HARMLESS = ("other_model", "odd_usage", "thinks_aloud")
OURS = tuple(fault for fault in PASSING if fault not in ("no_search", "code_failed"))


@pytest.fixture
def server(monkeypatch):
    with OpenAIServer(models=["qwen3-8b"]) as server:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", KEY)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        yield server


@pytest.fixture
def auditor(server, ledger):
    name = f"openai:qwen3-8b@{server.url}/v1"
    return ModelAuditor(name, ledger, run="test", limits=QUICK, heartbeat_seconds=0.2)


@pytest.fixture
def undisturbed(request, server, auditor, tmp_path):
    return undisturbed_by(server, auditor, tmp_path, request.node)


@EACH_TASK
@pytest.mark.parametrize("fault", [*OURS, *ODD, *HUGE])
def test_a_passing_fault_costs_attempts_and_no_verdict(server, auditor, ledger, undisturbed, task, fault):
    server.fault = lambda ask: fault if ask.nth == 0 and int(ask.request_id, 16) % 2 else None
    votes = phase(replace(auditor, limits=IMPATIENT if fault in ("stall", "drip") else QUICK), task)
    assert ballots(votes) == undisturbed[task.name]
    assert len(attempts(ledger)) == len(server.asked)
    repeated = [vote for vote in votes if vote.calls and vote.calls > 1]
    assert bool(repeated) == (fault not in HARMLESS)
    if fault in (*OURS, *HUGE):
        assert set(server.answered.values()) == {1}


@EACH_TASK
def test_every_fault_at_once(server, auditor, ledger, undisturbed, task):
    server.fault = sometimes(0.005, OURS)
    assert ballots(phase(replace(auditor, limits=IMPATIENT), task)) == undisturbed[task.name]
    assert len(attempts(ledger)) == len(server.asked)
    assert set(server.answered.values()) == {1}


@EACH_TASK
@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        ("bad_key", "Set OPENAI_COMPATIBLE_API_KEY to a valid key"),
        ("402", "Add credits to the account"),
        ("403", "use another, or another model"),
        ("404", "check model and address in MEDCALC_AUDITOR"),
        ("429_day", "The quota is used up"),
        ("credits", "Add credits to the account of the key, or raise its spending limit"),
    ],
)
def test_a_permanent_error_stops_the_run_at_once_with_the_remedy(server, auditor, task, fault, remedy):
    server.fault = lambda ask: fault
    with pytest.raises(OpenAIError, match=remedy):
        phase(auditor, task)
    assert len(server.asked) <= 4 * len(UIDS), "nothing is repeated"


@EACH_TASK
def test_requests_of_which_none_is_accepted_stop_the_run_and_one_of_many_fails_its_vote(server, auditor, undisturbed, task):
    server.fault = lambda ask: "400" if ask.fields["note"] in ("note 1", "note 2", "note 3") else None
    votes = phase(auditor, task)
    assert {vote.status for vote in votes[:15]} <= {"failed", "not_cast"}
    assert ballots(votes[15:]) == undisturbed[task.name][15:]
    server.fault = lambda ask: "400"
    with pytest.raises(
        OpenAIError, match=r"invalid_value: Invalid value: 'x'\. The request is not accepted by openai:qwen3-8b@"
    ):
        phase(replace(auditor, ledger=Ledger(f"{auditor.ledger.url}.new")), task)


@pytest.mark.parametrize("fault", [*sorted(set(CONTENT)), "error_in_200", "no_choices"])
def test_a_vote_that_never_gets_a_usable_answer_failed_and_is_not_paid_for_again(server, auditor, fault):
    server.fault = lambda ask: fault
    votes = list(auditor.audit(DERIVATIONS[:1]))
    assert [vote.status for vote in votes] == ["failed", "failed", "not_cast", "not_cast", "not_cast"]
    assert "no usable answer in 4, the last: " in votes[0].rationale
    asked = len(server.asked)
    server.fault = lambda ask: None
    assert [vote.status for vote in auditor.audit(DERIVATIONS[:1])] == [vote.status for vote in votes]
    assert len(server.asked) == asked


def test_a_note_longer_than_the_window_fails_its_votes_and_nothing_else(server, auditor):
    server.fault = lambda ask: "too_long" if ask.fields["note"] == "note 1" else None
    votes = list(auditor.relabel(QUESTIONS[:2]))
    assert [vote.status for vote in votes] == ["failed"] * RUNS + ["ok"] * 4 + ["not_cast"]
    assert "longer than the model's window" in votes[0].rationale


def test_a_window_too_small_for_the_answer_is_no_fault_of_the_note():
    said = "'max_tokens' is too large: 32768. This model's maximum context length is 32768 tokens"
    refused = replace(attempt(status=400), body=f'{{"error": {{"message": "{said}", "code": 400}}}}')
    assert read(refused).fault != TOO_LONG
    assert not read(refused).counts


def test_a_request_has_prompt_and_message_and_no_tool_and_its_votes_say_so(server, auditor, ledger):
    vote = next(iter(auditor.relabel(QUESTIONS[:1])))
    body = server.asked[0].body
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"] == RELABEL.prompt
    assert {"model", "messages", "max_tokens"} == set(body)
    assert (vote.model_version, vote.input_tokens, vote.output_tokens, vote.searched) == ("qwen3-8b", 1500, 1500, None)
    assert ledger.setups("relabel")[0].tools == ""
    assert server.keys >= {f"Bearer {KEY}"}


def test_one_model_at_two_addresses_shares_no_vote(server, auditor, ledger):
    with OpenAIServer(models=["qwen3-8b"]) as other:
        elsewhere = replace(auditor, name=f"openai:qwen3-8b@{other.url}/v1")
        for each in (auditor, elsewhere, auditor, elsewhere):
            list(each.relabel(QUESTIONS[:1]))
        assert (len(server.asked), len(other.asked)) == (4, 4)
    assert Counter(setup.auditor for setup in ledger.setups("relabel")) == {auditor.name: 1, elsewhere.name: 1}


def test_the_key_of_openai_goes_to_openai_only_and_a_server_here_needs_none(server, auditor, monkeypatch):
    monkeypatch.delenv("OPENAI_COMPATIBLE_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai-itself")
    list(auditor.relabel(QUESTIONS[:1]))
    assert server.keys - {""} == {"Bearer none"}
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    assert client.endpoint("openai:gpt-5.2") == ("gpt-5.2", "https://api.openai.com/v1", "sk-of-openai-itself")


@pytest.mark.parametrize(
    "name", ["openai:", "openai:@http://127.0.0.1/v1", "openai:x@", "openai:x@127.0.0.1", "openai:x@http://me:pw@host/v1"]
)
def test_a_name_that_names_no_model_or_holds_a_password_is_refused(server, auditor, name):
    with pytest.raises(AuditorError, match=r"names no model: write openai:gpt-5\.2, or"):
        list(replace(auditor, name=name).relabel(QUESTIONS[:1]))


def test_without_a_key_of_openai_the_remedy_is_named(auditor):
    with pytest.raises(OpenAIError, match="OPENAI_API_KEY is not set"):
        list(replace(auditor, name="openai:gpt-5.2").relabel(QUESTIONS[:1]))


def test_a_key_that_is_sent_back_is_in_no_file(server, auditor, ledger, tmp_path):
    server.answer = lambda ask: {"answer": KEY} if ask.nth == 0 else {"answer": "1"}
    assert {vote.status for vote in auditor.relabel(QUESTIONS[:2])} == {"ok", "not_cast"}
    ledger.engine.dispose()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize("key", ["none", "EMPTY", "x", "ollama"])
def test_a_word_in_the_place_of_a_key_withholds_no_answer_that_says_it(server, auditor, ledger, monkeypatch, key):
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", key)
    server.answer = lambda ask: {"answer": "N/A", "rationale": f"There is {key} in the note."}
    assert [vote.status for vote in auditor.relabel(QUESTIONS[:1])] == ["ok"] * 4 + ["not_cast"]
    assert all(f"There is {key} in the note." in attempt.body for attempt in attempts(ledger))
    assert f"Bearer {key}" in server.keys


def test_parts_of_an_answer_are_one_text():
    content = [{"type": "text", "text": block()[:20]}, {"type": "text", "text": block()[20:]}, {"type": "image"}]
    found = read(replace(attempt(), body=json.dumps({"choices": [{"message": {"content": content}}]})))
    assert found.answer.label == number(11)


@given(JSON)
def test_no_response_is_ever_an_exception_or_a_vote_by_chance(body):
    for status in (200, 400, 503):
        assert read(replace(attempt(status=status), body=json.dumps(body))).answer is None


def test_every_refusal_of_the_server_is_tested():
    assert set(REFUSALS) - set(OURS) == {"400", "too_long", "bad_key", "402", "403", "404", "429_day", "credits"}
    assert set(TRANSPORT) <= set(OURS)
