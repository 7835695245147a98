"""Files of stored answers: read, joined by note and question, and kept whole or not at all."""

import json
import random
import struct
import zipfile
import zlib

import polars as pl
import pyarrow as pa
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


def test_a_number_that_is_not_that_of_the_text_is_listed(tmp_path):
    path = written(tmp_path, UPSTREAM | {"Row Number": 99}, {"uid": 3, "reply": "7"})
    assert answers(path).renumbered == [(1, 99, 2)]


def test_a_note_may_have_what_python_takes_for_the_end_of_a_line(tmp_path):
    note = "A\u2028note\x85with\x0bsigns."
    instances = pl.DataFrame({"uid": [5], "note": [note], "question": ["How much?"]})
    path = written(
        tmp_path, json.dumps({"Patient Note": note, "Question": "How much?", "LLM Answer": "7"}, ensure_ascii=False)
    )
    assert joined(path, read(path)[1], instances).answers["uid"].to_list() == [5]


def test_half_a_sign_at_the_end_of_a_cut_reply_is_no_harm(tmp_path):
    path = written(tmp_path, '{"uid": 2, "reply": "So it is 7 \\ud83d"}')
    assert answers(path).answers["reply"].to_list() == ["So it is 7 ?"]


def test_where_a_text_stands_twice_the_number_decides_or_the_row_is_left_out_and_listed(tmp_path):
    twice = {"Patient Note": "A note.", "Question": "How much?", "LLM Answer": "1"}
    path = written(tmp_path, twice | {"Row Number": 3}, twice | {"Row Number": 1}, UPSTREAM, twice | {"Row Number": 7})
    found = answers(path)
    assert found.answers.select("uid", "row").rows() == [(1, 2), (2, 3), (3, 1)]
    assert found.refused == [(4, "its text stands in several instances, and its number is none of them")]


def test_a_text_that_an_earlier_draft_asks_twice_counts_once(tmp_path):
    path = written(tmp_path, UPSTREAM | {"Row Number": 180}, UPSTREAM | {"Row Number": 181})
    assert answers(path).refused == [(2, "it answers uid 2, as row 1 does")]


PROMPT = "Compute it.\n\nPatient note: Another\nnote.\n\nQuestion: How much?\n"


def zstandard_log(tmp_path):
    """As Inspect writes it: each member compressed with Zstandard, which Python reads from 3.14 on."""
    sample = {
        "id": 1,
        "input": PROMPT,
        "output": {"model": "m", "completion": "Answer: 7"},
        "scores": {"match": {"value": "C"}},
    }
    members = {"header.json": {"version": 2}, "samples/1_epoch_1.json": sample}
    path = tmp_path / "zstandard.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as log:
        for name, document in members.items():
            log.writestr(name, pa.compress(json.dumps(document).encode(), codec="zstd", asbytes=True))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as log:
        for about in log.infolist():  # what is stored is said to be compressed, and how long it really is
            text = json.dumps(members[about.filename]).encode()
            directory = content.rindex(about.filename.encode()) - 46
            for at, method, crc, size in ((about.header_offset, 8, 14, 22), (directory, 10, 16, 24)):
                struct.pack_into("<H", content, at + method, 93)
                struct.pack_into("<I", content, at + crc, zlib.crc32(text))
                struct.pack_into("<I", content, at + size, len(text))
    path.write_bytes(content)
    return path


def test_a_log_as_inspect_compresses_it_is_read_with_its_verdict_and_joined_by_its_prompt(tmp_path):
    path = zstandard_log(tmp_path)
    found = answers(path)
    assert found.answers.select("uid", "reply", "verdict").rows() == [(2, "Answer: 7", True)]
    assert found.renumbered == [(1, 1, 2)], "the id is an index, and counts for nothing"
    content = bytearray(path.read_bytes())
    content[content.index(b"samples/") + 40] ^= 1
    path.write_bytes(content)
    with pytest.raises(OutputsError, match=r"zstandard.eval, samples/1_epoch_1.json: it cannot be read"):
        read(path)


def test_a_request_of_helm_is_joined_by_its_prompt(tmp_path):
    state = {"instance": {"id": "id0", "input": {"text": PROMPT}}, "result": {"completions": [{"text": "7"}]}}
    foreign = {"instance": {"id": "1", "input": {"text": "Another benchmark."}}, "result": {"completions": [{"text": "7"}]}}
    path = written(tmp_path, {"request_states": [state, foreign]}, name="scenario_state.json")
    found = answers(path)
    assert found.answers["uid"].to_list() == [2]
    assert found.refused == [(2, "no instance has its note and question")]


def test_a_document_of_lm_eval_without_a_note_is_joined_by_its_prompt(tmp_path):
    row = {
        "doc_id": 0,
        "doc": {"target": "7"},
        "arguments": {"gen_args_0": {"arg_0": PROMPT, "arg_1": {}}},
        "resps": [["7"]],
    }
    assert answers(written(tmp_path, row)).answers["uid"].to_list() == [2]


def test_of_a_note_within_another_the_longer_one_is_meant(tmp_path):
    instances = pl.DataFrame({"uid": [1, 2], "note": ["Fever.", "Fever. Cough."], "question": ["How much?", "How much?"]})
    state = {"instance": {"input": {"text": "Fever. Cough. How much?"}}, "result": {"completions": [{"text": "7"}]}}
    path = written(tmp_path, {"request_states": [state]}, name="scenario_state.json")
    assert joined(path, read(path)[1], instances).answers["uid"].to_list() == [2]


def test_whatever_is_in_a_file_is_read_or_refused_in_one_line(tmp_path):
    draw, refused = random.Random(12), []
    made = [each(tmp_path).read_bytes() for each in (inspect_log, zstandard_log, helm, lm_eval, plain_csv, conversations)]
    for turn in range(1_500):
        content = bytearray(draw.choice(made))
        for _ in range(draw.randint(1, 6)):
            at = draw.randrange(len(content))
            content[at : at + draw.randint(0, 4)] = draw.choice(
                [b"", b"\x00", b"{", b'"', b"[[", b"null", b"9e999", b"\xff"]
            )
        path = tmp_path / f"fuzz.{('eval', 'json', 'jsonl', 'csv')[turn % 4]}"
        path.write_bytes(content)
        try:
            answers(path)
        except OutputsError as error:
            refused.append(str(error))
    assert len(refused) > 1_000
    assert not [message for message in refused if "\n" in message]


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
        (
            [{"uid": 1, "reply": "7"}, {"uid": 0, "reply": "7"}],
            "row 2: its number is 0, and those of the benchmark begin with 1",
        ),
        ([{"uid": 9, "reply": "7"}], "no row is of this benchmark (1 rows; row 1: no instance has the number 9)"),
        ([UPSTREAM | {"Patient Note": "other"}], "no instance has its note and question"),
        ([{"uid": 1, "reply": "7"}, {"uid": 1, "reply": "8"}], "rows 1 and 2: both answer uid 1"),
        ([UPSTREAM | {"LLM Name": "a"}, UPSTREAM | {"LLM Name": "b"}], "holds answers of 2 models (a, b)"),
        ([{"uid": each, "reply": "7", "model": f"m{each}"} for each in (1, 2)], "holds answers of 2 models (m1, m2)"),
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
    said = json.loads(CliRunner().invoke(main, ["leaderboard", "--json", "--items", "--home", str(home)]).stdout)
    assert said["in_common"][-1]["key"] == "v1.0"
    assert said["in_common"][-1]["labels"] == 2
    assert (said["differences"], len(said["items"])) == ([], grades.height)
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
