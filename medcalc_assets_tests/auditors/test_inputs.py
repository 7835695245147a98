"""Readers of inputs: they see what Phase 2 sees and the names of the inputs, over HTTP as everybody else."""

import json
from dataclasses import asdict

import pytest

from medcalc_assets.auditors.protocol import Inputs, as_seen
from medcalc_assets.auditors.tasks import INPUTS, InputsAnswer
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.calculators.input_votes import all_asked
from medcalc_assets.labels.voting import inputs_settled

READ = {"input": "age", "value": 61, "unit": "years", "quote": "61-year-old"}


def vote(**values):
    return frozenset((name, (value, None)) for name, value in values.items())


def test_votes_are_settled_once_four_agree_on_every_input():
    same = vote(age=61, sex="Male")
    assert inputs_settled([same] * 3) is None
    assert inputs_settled([same] * 4) == "4 equal answers to each input"
    assert inputs_settled([same] * 3 + [vote(age=61, sex="Female")]) is None
    assert inputs_settled([same] * 3 + [vote(age=61, sex="Female"), same]) == "4 equal answers to each input"
    assert inputs_settled([vote(age=60), vote(age=61), vote(age=62), vote(age=63)]) is None, "two units may be one value"
    assert inputs_settled([None, None]) == "2 failed votes, too few are left to decide"


def test_a_reader_sees_note_question_and_the_names_of_the_inputs_and_no_value_of_the_benchmark():
    raw = Source("demo").read().instances.with_columns(all_asked())
    for seen, row in zip(as_seen(Inputs, raw), raw.iter_rows(named=True), strict=True):
        assert set(asdict(seen)) == {"uid", "note", "question", "inputs"}
        others = raw.filter(calculator_id=row["calculator_id"])
        assert others["inputs"].n_unique() == 1, "it is the same for all instances of a calculator"


def test_an_answer_with_an_input_twice_or_a_value_of_another_kind_is_of_no_use():
    whole = {"id": "x", "rationale": "", "sources": [], "inputs": [READ]}
    assert InputsAnswer.model_validate_json(json.dumps(whole)).inputs[0].value == 61
    for wrong in ([READ, READ], [READ | {"value": [61]}], [READ | {"more": 1}], [{"input": "age"}]):
        with pytest.raises(ValueError, match="validation error"):
            InputsAnswer.model_validate_json(json.dumps(whole | {"inputs": wrong}))


@pytest.fixture
def asked():
    return as_seen(Inputs, Source("demo").read().instances.with_columns(all_asked()).head(6))


def test_readings_come_over_http_and_are_kept(gemini, auditor, asked):
    gemini.reads = lambda ask: {name: (61, "years") for name in ask.inputs if name == "age"}
    votes = list(auditor.inputs(asked))
    assert {vote.status for vote in votes} == {"ok", "not_cast"}
    assert len(gemini.asked) == 4 * len(asked)
    found = [json.loads(vote.inputs) for vote in votes if vote.status == "ok"]
    assert {"input": "age", "value": 61, "unit": "years", "quote": "61"} in found[0]
    assert all(not ask.body.get("tools") for ask in gemini.asked), "nothing is searched or computed"
    list(auditor.inputs(asked))
    assert len(gemini.asked) == 4 * len(asked), "what the ledger holds is not asked again"


def test_the_prompt_of_inputs_names_the_fields_of_its_answer():
    assert '"inputs"' in INPUTS.prompt
    assert "do not calculate" in INPUTS.prompt
