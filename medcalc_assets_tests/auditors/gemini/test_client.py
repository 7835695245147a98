"""The request is the same to the last byte: what was paid for was an answer to it."""

import hashlib
import json
from dataclasses import replace

import pytest

from medcalc_assets.auditors.gemini import client
from medcalc_assets.auditors.tasks import AUDIT, RELABEL
from medcalc_assets_tests.auditors.conftest import DERIVATIONS, QUESTIONS


@pytest.mark.parametrize(
    ("model", "told"),
    [("gemini-2.5-pro", {"thinking_budget": 1024}), ("gemini-3.1-pro-preview", {"thinking_level": "LOW"})],
)
def test_how_much_a_model_thinks_is_told_as_it_takes_it_and_is_another_way_to_ask(gemini, auditor, model, told):
    gemini.models.append("gemini-3.1-pro-preview")
    asked = replace(auditor, name=model)
    less = replace(asked, thinking="low")
    list(less.relabel(QUESTIONS[:1]))
    assert [ask.body["generationConfig"]["thinkingConfig"] for ask in gemini.asked] == [told] * len(gemini.asked)
    request = less.casting(RELABEL, QUESTIONS[:1]).request(QUESTIONS[0], 0)
    assert client.body(request)["generationConfig"]["thinkingConfig"] == told
    calls = len(gemini.asked)
    list(asked.relabel(QUESTIONS[:1]))
    assert len(gemini.asked) > calls, "no vote of the other is taken for one of this"
    assert "thinkingConfig" not in gemini.asked[-1].body["generationConfig"]
    assert "thinking" not in asked.setup(RELABEL).sampling, "what was paid for before is still there"


def sha256(body):
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


@pytest.mark.parametrize(
    ("task", "instance", "online", "batch"),
    [
        (
            AUDIT,
            DERIVATIONS[0],
            "82584c0ead40bcb100b2cc7ce2d2a9b6701eff39604f7c58b64ab89b24c53183",
            "7afe03b173737cc665580375f8142212db9c2dbf242a9651310d9930b95ea98b",
        ),
        (
            RELABEL,
            QUESTIONS[0],
            "f1389b819cadce6d8a09474e20cd701c9af67b370c9faf167cf2e9b09da75aa9",
            "fcbe42b63e97ba2722ed0b49b0745b690ec7418f02b17e0889d719e4f5cbfb47",
        ),
    ],
    ids=["audit", "relabel"],
)
def test_a_request_is_as_it_always_was(gemini, auditor, task, instance, online, batch):
    request = auditor.casting(task, [instance]).request(instance, 3)
    assert sha256(client.body(request)) == batch
    list(getattr(auditor, task.name)([instance]))
    first = min(gemini.asked, key=lambda ask: ask.request_id)
    assert sha256(first.body) == online
