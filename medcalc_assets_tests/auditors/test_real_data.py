"""What a model would be sent about the real instances: in Phase 2 nothing that v1.0 gives beside note and question."""

import json
import re

import polars as pl
import pytest

from medcalc_assets.auditors.gemini import client
from medcalc_assets.auditors.ledger import Setup, VoteKey
from medcalc_assets.auditors.protocol import Derivation, Question, as_seen
from medcalc_assets.auditors.provider import Request
from medcalc_assets.auditors.tasks import AUDIT, RELABEL, instance_sha256, message
from medcalc_assets.benchmarks.reader import Source

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def original(real_data):
    return Source(str(real_data / "medcalc_bench_v1_test.csv")).read().instances


def sent(task, instance):
    vote = VoteKey(
        Setup(task.name, "gemini-2.5-pro", task.prompt_sha256, "{}", "search,code"), instance_sha256(instance), 0, 0
    )
    request = Request(vote, task.prompt, message(instance, vote.request_id), (), 1)
    return json.dumps(client.body(request), ensure_ascii=False), vote.request_id


def test_no_original_value_enters_the_relabel_request_but_through_note_and_question(original):
    """The request is the same, to the letter, whatever label, limits, entities and explanation are."""
    secrets = ["label_text", "lower_text", "upper_text", "entities", "explanation"]
    other = original.with_columns(pl.lit(f"SECRET {name}").alias(name) for name in secrets)
    pairs = list(zip(as_seen(Question, original), as_seen(Question, other), strict=True))
    assert len(pairs) == original.height
    assert all(sent(RELABEL, ours) == sent(RELABEL, theirs) for ours, theirs in pairs)
    # And what is left of it without note and question is the same text for all instances.
    rests = set()
    for question, _ in pairs:
        request, request_id = sent(RELABEL, question)
        for text in (
            json.dumps(question.note, ensure_ascii=False)[1:-1],
            json.dumps(question.question, ensure_ascii=False)[1:-1],
        ):
            assert text in request
            request = request.replace(text, "", 1)
        rests.add(request.replace(request_id, ""))
    assert len(rests) == 1


def test_the_audit_request_has_the_whole_derivation_in_view(original):
    for derivation in as_seen(Derivation, original):
        text = message(derivation, "id")
        assert re.findall(r"^<(\w+) id>$", text, re.MULTILINE) == [
            "note",
            "question",
            "entities",
            "label_text",
            "explanation",
        ]
        assert all(part in text for part in (derivation.label_text, derivation.entities, derivation.explanation))
    assert AUDIT.prompt.count("<answer>") == 1


def test_every_vote_has_an_id_of_its_own(original):
    ids = {
        sent(task, seen)[1] for task, kind in ((AUDIT, Derivation), (RELABEL, Question)) for seen in as_seen(kind, original)
    }
    assert len(ids) == 2 * original.height
