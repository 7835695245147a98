"""A provider of another package: found by its entry point, and asked as ours are."""

import sys
from dataclasses import replace

import pytest

from medcalc_assets.auditors import registry
from medcalc_assets.auditors.casting import MAX_OUTPUT_TOKENS
from medcalc_assets.auditors.gemini import provider as gemini
from medcalc_assets.auditors.model import EarlierAuditor, ModelAuditor
from medcalc_assets.auditors.provider import AuditorError
from medcalc_assets_tests.auditors.conftest import QUESTIONS, attempts

MODULE = """
import datetime as dt
import json

from medcalc_assets.auditors.ledger import Attempt
from medcalc_assets.auditors.provider import AuditorError
from medcalc_assets.auditors.replies import Reply, parse_answer

TOOLS = ()
asked = []


def require_key(model):
    pass


async def ask(request, run, deadline):
    asked.append(request)
    rest = {"time_point": None, "guideline": None, "assumptions": [], "rationale": "r", "sources": []}
    text = f"<answer>{json.dumps({'id': request.vote.request_id, 'answer': '42'} | rest)}</answer>"
    when = dt.datetime(2026, 1, 1)
    return Attempt(vote=request.vote, run=run, mode="online", requested_at=when, seconds=1.0, status=200, body=text), None


def permanent(status, body, pause, longest, model):
    return None


def read(recorded):
    answer, fault = parse_answer(recorded.body, recorded)
    return Reply(attempt=recorded, answer=answer, fault=fault, input_tokens=10, output_tokens=20)


def jobs(model, limits):
    return None
"""


@pytest.fixture
def oracle(tmp_path, monkeypatch):
    """The module of the provider of `oracle-` models, whose package also lays claim to Gemini's."""
    (tmp_path / "oracle_of_tests.py").write_text(MODULE)
    installed = tmp_path / "oracle_of_tests-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: oracle-of-tests\nVersion: 1.0\n")
    lines = ["[medcalc_assets.auditors]", "oracle- = oracle_of_tests", "gemini- = oracle_of_tests"]
    (installed / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path))
    caches = (registry.providers, registry.provider_of)
    for cache in caches:
        cache.cache_clear()
    yield lambda: sys.modules.get("oracle_of_tests")
    for cache in caches:
        cache.cache_clear()
    sys.modules.pop("oracle_of_tests", None)


def test_a_provider_of_another_package_casts_votes_without_an_edit_of_this_one(oracle, ledger):
    assert registry.is_model("oracle-1")
    assert oracle() is None, "it is imported when it is needed"
    auditor = ModelAuditor("oracle-1", ledger, voting="full")
    votes = list(auditor.relabel(QUESTIONS[:2]))
    assert [vote.answer.number for vote in votes] == [42] * 10
    assert {(vote.input_tokens, vote.output_tokens, vote.calls, vote.cost_usd) for vote in votes} == {(10, 20, 1, None)}
    assert {request.max_output_tokens for request in oracle().asked} == {MAX_OUTPUT_TOKENS}
    assert len(oracle().asked) == len(attempts(ledger)) == 10
    assert list(EarlierAuditor(ledger, ledger.setups("relabel")[0]).relabel(QUESTIONS[:2]))[:4] == votes[:4]
    assert len(oracle().asked) == 10


def test_what_a_provider_cannot_read_is_a_fault_and_no_error_of_every_run(oracle, ledger):
    auditor = ModelAuditor("oracle-1", ledger, voting="full")
    list(auditor.relabel(QUESTIONS[:1]))
    oracle().parse_answer = None
    failed = next(iter(auditor.relabel(QUESTIONS[:1])))
    assert (failed.status, failed.calls) == ("failed", 4)
    assert "no response of the expected shape (TypeError(\"'NoneType' object is not callable\"))" in failed.rationale


def test_where_there_are_no_batch_jobs_the_mode_is_refused_with_the_remedy(oracle, ledger):
    with pytest.raises(AuditorError, match=r"There are no batch jobs for oracle-1\. Run with --mode online"):
        list(ModelAuditor("oracle-1", ledger, mode="batch").relabel(QUESTIONS[:1]))
    assert attempts(ledger) == []


def test_a_package_cannot_take_the_place_of_a_provider_of_ours(oracle):
    assert registry.provider_of("gemini-2.5-pro") is gemini


def test_a_model_that_nobody_serves_is_refused_with_what_there_is(auditor):
    assert not registry.is_model("gpt-5")
    assert not registry.is_model("my-gemini-pro")
    remedy = r"^No provider serves 'gpt-5': the models known here are gemini-.*, openai:\.\.\.\. Install the package of"
    with pytest.raises(AuditorError, match=remedy):
        list(replace(auditor, name="gpt-5").relabel(QUESTIONS[:1]))
