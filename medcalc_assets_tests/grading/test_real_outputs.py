"""The reader on stored answers of real models, which stay outside the project (`MEDCALC_REAL_OUTPUTS`)."""

import json
from collections import Counter

import pytest

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.grading.replies import Asked, read_reply

pytestmark = pytest.mark.real_data


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def asked(calculator_id):
    return Asked.of(calculator_id, CALCULATORS[calculator_id].output_type)


def test_every_collected_spelling_is_read_and_none_wrongly(real_outputs):
    spellings = read(real_outputs / "spellings.jsonl")
    assert len(spellings) == 43
    for spelling in spellings:
        reply, meant = read_reply(spelling["text"], asked(spelling["calculator_id"] or 5)), spelling["reading"]
        kind = {"value": reply.label and reply.label.kind, "abstained": "na"}.get(reply.outcome, reply.outcome)
        assert kind == meant["kind"], spelling
        if reply.outcome == "value":
            assert meant["value"] == (reply.label.number if kind == "number" else str(reply.label.date)), spelling


@pytest.mark.parametrize(
    ("file", "outcomes"),
    [
        ("gpt-4o-mini_direct", {"value": 1000, "harness_error": 47}),
        ("gpt-4_code_execution", {"value": 320, "unreadable": 26, "abstained": 7}),
        ("gpt-4_direct_other_row_numbers", {"value": 254, "harness_error": 93}),
        ("gpt-3.5_one_shot", {"value": 114}),
        ("qwq-32b_zero_shot_with_thinking", {"value": 89, "harness_error": 9, "unreadable": 2}),
        ("gpt-oss-20b_zero_shot_with_thinking", {"value": 95, "harness_error": 5}),
    ],
)
def test_the_cells_of_the_harness_are_read_as_counted(real_outputs, file, outcomes):
    rows = read(real_outputs / f"{file}.jsonl")
    assert Counter(read_reply(row["LLM Answer"], asked(int(row["Calculator ID"]))).outcome for row in rows) == outcomes


def test_a_conversation_says_what_its_cell_says(real_outputs):
    for row in read(real_outputs / "gpt-4_code_execution.jsonl"):
        said = [message["content"] for message in row["LLM Chat History"] if message["role"] == "assistant"][-1]
        of = asked(int(row["Calculator ID"]))
        assert read_reply(said, of).label == read_reply(row["LLM Answer"], of).label, row["Row Number"]


def test_what_the_harness_made_of_an_abstention_is_not_what_the_model_said(real_outputs):
    rows = {int(row["Row Number"]): row for row in read(real_outputs / "qwq-32b_zero_shot_with_thinking.jsonl")}
    for row_number in (322, 425, 825):
        of = asked(int(rows[row_number]["Calculator ID"]))
        assert read_reply(rows[row_number]["LLM Answer"], of).outcome == "value"
        assert read_reply(rows[row_number]["LLM Explanation"], of).why == "in words"
