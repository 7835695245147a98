"""Files of stored answers: read, joined by note and question, and kept whole or not at all."""

import json
import zipfile

import polars as pl
import pytest
from click.testing import CliRunner

from medcalc_assets.cli import main
from medcalc_assets.grading.outputs import OutputsError, joined, read
from medcalc_assets.release.answers import add, stored

INSTANCES = pl.DataFrame(
    {"uid": [1, 2, 3], "note": ["A note.", "Another  note.", "A note."], "question": ["How much?", "How much?", "How much?"]}
)
UPSTREAM = {"Patient Note": "Another note.", "Question": "How much?", "LLM Answer": "7", "LLM Explanation": "So it is 7."}


def written(tmp_path, *rows, name="answers.jsonl"):
    path = tmp_path / name
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def answers(path):
    return joined(path, read(path)[1], INSTANCES)


def test_a_row_is_joined_by_its_text_whatever_its_number_says(tmp_path):
    path = written(tmp_path, UPSTREAM | {"Row Number": 99, "Result": "Correct"})
    (row,) = answers(path).answers.to_dicts()
    assert row == {"uid": 2, "row": 1, "reply": None, "extracted": "7", "explanation": "So it is 7.", "verdict": True}


def test_where_a_text_stands_twice_the_number_decides_or_the_row_is_left_out_and_listed(tmp_path):
    twice = {"Patient Note": "A note.", "Question": "How much?", "LLM Answer": "1"}
    path = written(tmp_path, twice | {"Row Number": 3}, twice | {"Row Number": 1}, UPSTREAM, twice | {"Row Number": 7})
    found = answers(path)
    assert found.answers.select("uid", "row").rows() == [(1, 2), (2, 3), (3, 1)]
    assert found.refused == [(4, "its text stands in several instances, and its number is none of them")]


def test_a_text_that_an_earlier_draft_asks_twice_counts_once(tmp_path):
    path = written(tmp_path, UPSTREAM | {"Row Number": 180}, UPSTREAM | {"Row Number": 181})
    assert answers(path).refused == [(2, "it answers uid 2, as row 1 does")]


def inspect_log(tmp_path, version=2):
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as log:
        log.writestr("header.json", json.dumps({"version": version}))
        for uid in (1, 2):
            output = {"model": "m", "completion": f"<answer>{uid}</answer>", "choices": []}
            log.writestr(f"samples/{uid}_epoch_1.json", json.dumps({"id": uid, "output": output, "metadata": {}}))
    return path


def helm(tmp_path):
    states = [{"instance": {"id": f"id{uid}"}, "result": {"completions": [{"text": f"Answer: {uid}"}]}} for uid in (1, 2)]
    return written(tmp_path, {"request_states": states}, name="scenario_state.json")


def lm_eval(tmp_path):
    rows = ({"doc_id": 0, "doc": {"Row Number": uid}, "resps": [[f"Answer: {uid}"]]} for uid in (1, 2))
    return written(tmp_path, *rows, name="samples.jsonl")


def plain_csv(tmp_path):
    return written(tmp_path, "uid,reply", "1,Answer: 1", "2,Answer: 2", name="answers.csv")


def conversations(tmp_path):
    rows = (
        {
            "uid": uid,
            "LLM Answer": "9",
            "LLM Chat History": [{"role": "user", "content": "?"}, {"role": "assistant", "content": f"Answer: {uid}"}],
        }
        for uid in (1, 2)
    )
    return written(tmp_path, *rows)


@pytest.mark.parametrize("made", [inspect_log, helm, lm_eval, plain_csv, conversations])
def test_the_logs_of_other_harnesses_are_read(tmp_path, made):
    found = answers(made(tmp_path))
    assert found.answers["uid"].to_list() == [1, 2]
    assert [reply[-1] if reply[-1].isdigit() else reply for reply in found.answers["reply"]] in (
        ["1", "2"],
        ["<answer>1</answer>", "<answer>2</answer>"],
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["{"], "line 1: no JSON"),
        ([UPSTREAM, '{"Row Number": 2, "LLM'], "line 2: no JSON"),
        (["[1]"], "line 1: no JSON object"),
        ([""], "holds no answer"),
        ([{"uid": 1}], "row 1: there is no reply. Name its column `reply`"),
        ([{"reply": "7"}], "row 1: neither a number nor note and question"),
        ([{"uid": "x", "reply": "7"}], "row 1: 'x' is no number of an instance"),
        ([{"uid": 9, "reply": "7"}], "no row is of this benchmark (1 rows; row 1: no instance has the number 9)"),
        ([UPSTREAM | {"Patient Note": "other"}], "no instance has its note and question"),
        ([{"uid": 1, "reply": "7"}, {"uid": 1, "reply": "8"}], "rows 1 and 2: both answer uid 1"),
        ([UPSTREAM | {"LLM Name": "a"}, UPSTREAM | {"LLM Name": "b"}], "holds answers of 2 models (a, b)"),
        ([{"uid": 1, "reply": "x" * 4_000_001}], "row 1: more than 4,000,000 characters"),
        (["[" * 100_000], "Give one"),
    ],
)
def test_what_cannot_be_used_is_told_with_file_row_and_remedy(tmp_path, rows, message):
    path = written(tmp_path, *rows)
    with pytest.raises(OutputsError) as refused:
        answers(path)
    assert str(path) in str(refused.value)
    assert message in str(refused.value)
    assert str(refused.value).count("\n") == 0


def test_a_log_of_a_newer_version_and_a_file_that_is_cut_off_are_refused(tmp_path):
    with pytest.raises(OutputsError, match="is a log of version 3, and 2 is the newest"):
        read(inspect_log(tmp_path, version=3))
    path = tmp_path / "cut.eval"
    path.write_bytes(inspect_log(tmp_path).read_bytes()[:-40])
    with pytest.raises(OutputsError, match=r"cut.eval"):
        read(path)
    with pytest.raises(OutputsError, match=r"there.jsonl cannot be read: No such file"):
        read(tmp_path / "there.jsonl")
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes('{"uid": 1, "reply": "\xb5"}'.encode("latin-1"))
    with pytest.raises(OutputsError, match="it has to be UTF-8"):
        read(latin)


@pytest.fixture
def home(own_demo):
    return own_demo.settings.warehouse.home


def test_a_file_is_added_whole_once_and_under_one_name(own_demo, home, tmp_path):
    warehouse = own_demo.settings.warehouse
    path = written(tmp_path, *({"uid": uid, "reply": f"Answer: {uid}"} for uid in (1, 2, 9999)))
    added = add(warehouse, path, "gpt-4", "openai")
    assert (added.run, added.answers, added.refused) == ("gpt-4", 2, [(3, "no instance has the number 9999")])
    with pytest.raises(OutputsError, match=r"is the file answers.jsonl that was added as gpt-4. Nothing was added"):
        add(warehouse, path, "another", "openai")
    with pytest.raises(OutputsError, match="There is a run 'gpt-4' of another file"):
        add(warehouse, written(tmp_path, {"uid": 1, "reply": "2"}, name="b.jsonl"), "gpt-4", "openai")
    with pytest.raises(OutputsError, match="is no name of a model"):
        add(warehouse, path, "\n", "openai")
    assert stored(home).select("run", "uid").rows() == [("gpt-4", 1), ("gpt-4", 2)]
    own_demo.run()
    assert own_demo.read("model_outputs")["reply"].to_list() == ["Answer: 1", "Answer: 2"]
    grades = own_demo.read("grades")
    assert set(grades["key"]) <= {"v1.0", "candidate"}
    assert own_demo.read("leaderboard").filter(key="v1.0")["n"].to_list() == [2]
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["leaderboard", "--home", str(home)])
    assert shown.exit_code == 0, shown.output
    assert "gpt-4" in shown.output
    (kept,) = (home / "outputs").glob("*.parquet")
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises(OutputsError, match=r"is damaged .* Restore it from a backup"):
        stored(home)


def test_the_command_lists_what_it_leaves_out(own_demo, tmp_path):
    path = written(tmp_path, {"uid": 3, "reply": "7"}, {"uid": 99999, "reply": "7"}, name="c.jsonl")
    for damaged in (own_demo.settings.warehouse.home / "outputs").glob("*.parquet"):
        damaged.unlink()
    run = CliRunner(env={"COLUMNS": "200"}).invoke(
        main, ["outputs", "add", str(path), "--model", "m", "--home", own_demo.settings.home]
    )
    assert f"{path}, row 2: left out, no instance has the number 99999." in run.output
    assert "added 1 answers as m, 1 rows left out." in run.output
