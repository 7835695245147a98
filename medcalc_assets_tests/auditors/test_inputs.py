"""Readers of inputs: they see what Phase 2 sees and the names of the inputs, over HTTP as everybody else."""

import json
from dataclasses import asdict, replace

import pytest

from medcalc_assets.auditors.protocol import Inputs, as_seen
from medcalc_assets.auditors.tasks import INPUTS, InputsAnswer
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.calculators.input_votes import all_asked
from medcalc_assets.labels.voting import inputs_settled
from medcalc_assets_tests.openai_server import OpenAIServer

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


@pytest.fixture(params=["gemini", "openai"])
def server_and_reader(request, gemini, auditor, monkeypatch):
    """A server of either shape, and a model that it serves."""
    if request.param == "gemini":
        yield gemini, auditor
        return
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", "none")
    with OpenAIServer(models=["qwen3-8b"]) as server:
        yield server, replace(auditor, name=f"openai:qwen3-8b@{server.url}/v1")


DEEP = json.loads("[" * 150 + "]" * 150)


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([READ | {"value": DEEP}], "malformed: inputs.0.value"),
        ([READ | {"quote": "61 " * 40_000}], "malformed: an answer block of 120,"),
        ([READ] * 2, "malformed: Value error, an input is there twice"),
        ([READ | {"value": {"61": "years"}}], "malformed: inputs.0.value"),
        ([READ | {"unit": 7}], "malformed: inputs.0.unit Input should be a valid string"),
        ([READ | {"quote": None}], "malformed: inputs.0.quote Input should be a valid string"),
        ([{"input": "age", "value": 61}], "malformed: inputs.0.unit Field required"),
        (["age"], "malformed: inputs.0 "),
    ],
    ids=["depth", "size", "twice", "object", "no unit", "no quote", "parts missing", "a name alone"],
)
def test_readings_that_are_not_as_asked_for_fail_their_votes_and_say_why(server_and_reader, asked, inputs, told):
    server, reader = server_and_reader
    server.reads = lambda ask: inputs
    votes = list(reader.inputs(asked[:1]))
    assert [vote.status for vote in votes] == ["failed", "failed", "not_cast", "not_cast", "not_cast"]
    assert f"no usable answer in 4, the last: {told}" in votes[0].rationale
    assert len(votes[0].rationale) < 400


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [READ | {"input": f"of nobody {n}"} for n in range(900)],
        [READ | {"unit": "furlongs"}],
        [READ | {"quote": "words that are not in the note"}],
        [READ | {"value": 10**4_000}],
        [READ | {"value": "9" * 50_000}],
    ],
    ids=["missing", "not asked for", "wrong unit", "quote of nothing", "a huge number", "a long text"],
)
def test_readings_that_are_wrong_in_what_they_say_are_kept_as_said_and_their_rule_computes(server_and_reader, asked, inputs):
    """What they are worth is judged input by input: see `calculators.input_votes`."""
    server, reader = server_and_reader
    server.reads = lambda ask: inputs
    votes = list(reader.inputs(asked[:1]))
    assert [vote.status for vote in votes] == ["ok"] * 4 + ["not_cast"] if inputs else ["ok"] * 5
    assert json.loads(votes[0].inputs) == inputs


def test_the_prompt_of_inputs_names_the_fields_of_its_answer():
    assert '"inputs"' in INPUTS.prompt
    assert "do not calculate" in INPUTS.prompt
