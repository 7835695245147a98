"""Whether a reply is right by a key, and that the file in a release says the same of it as the project."""

import csv
import doctest
import importlib.util
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcalc_assets.grading import grader, replies, standalone
from medcalc_assets.grading.grader import Grade, GraderError, Truth, grade, read_key, reward
from medcalc_assets.grading.replies import OUTCOMES, Asked
from medcalc_assets.release.build import export
from medcalc_assets.release.releases import tampered
from medcalc_assets_tests.grading.test_replies import PIECES

DECIMAL = Truth.of(Asked.of(7, "decimal"), "20", "19", "21")
NOT_COMPUTABLE = Truth.of(Asked.of(7, "decimal"), "N/A", "N/A", "N/A")
INTEGER = Truth.of(Asked.of(18, "integer"), "5", "5", "5")
DUE = Truth.of(Asked.of(13, "date"), "02/27/2021", "02/27/2021", "02/27/2021")
AGE = Truth.of(Asked.of(69, "integer"), *["('36 weeks', '4 days')"] * 3)
TRUTHS = [DECIMAL, NOT_COMPUTABLE, INTEGER, DUE, AGE]


@pytest.mark.parametrize(
    ("truth", "text", "right"),
    [
        (DECIMAL, "19", True),
        (DECIMAL, "18.99", False),
        (DECIMAL, "21.000000000001", True),
        (DECIMAL, "N/A", False),
        (INTEGER, "5.0", True),
        (INTEGER, "5.1", False),
        (DUE, "2021-02-27", True),
        (DUE, "02/28/2021", False),
        (AGE, "(36, 4)", True),
        (AGE, "36 weeks", False),
        (NOT_COMPUTABLE, "unknown", True),
        (NOT_COMPUTABLE, "20", False),
    ],
)
def test_a_value_is_right_by_the_limits_of_the_key_and_not_applicable_by_itself(truth, text, right):
    assert grade(text, truth).strict == right


def test_an_abstention_in_words_counts_only_in_lenient_grading():
    said = grade("There is not enough information to calculate it.", NOT_COMPUTABLE)
    assert said == Grade("abstained", "N/A", "in words", strict=False, lenient=True, reward=0.0)


@pytest.mark.parametrize(
    ("truth", "text", "earns"),
    [
        (DECIMAL, "<answer>20</answer>", 1.0),
        (DECIMAL, "<answer>2e1</answer>", 1.0),
        (DECIMAL, "<answer>7</answer>", 0.1),
        (DECIMAL, "<answer>unknown</answer>", 0.1),
        (DECIMAL, "<answer>02/27/2021</answer>", 0.0),
        (DECIMAL, "<answer>19-21</answer>", 0.0),
        (DECIMAL, "20", 0.0),
        (NOT_COMPUTABLE, "<answer>unknown</answer>", 1.0),
        (NOT_COMPUTABLE, "<answer>N/A</answer>", 1.0),
        (NOT_COMPUTABLE, "<answer>not enough information</answer>", 0.1),
        (NOT_COMPUTABLE, "<answer>7</answer>", 0.1),
        (DUE, "<answer>02/27/2021</answer>", 1.0),
        (DUE, "<answer>7</answer>", 0.0),
        (AGE, "<answer>(36 weeks, 4 days)</answer>", 1.0),
        (AGE, None, 0.0),
    ],
)
def test_a_reply_earns_one_if_right_and_a_tenth_if_it_is_of_a_permitted_type(truth, text, earns):
    assert reward(text, truth) == earns


def test_what_a_wrong_reply_earns_does_not_tell_the_kind_of_the_label():
    for said in ("<answer>7</answer>", "<answer>not enough information</answer>", "<answer>hm</answer>"):
        assert reward(said, DECIMAL) == reward(said, NOT_COMPUTABLE)


def in_a_key(folder, **cells):
    row = {"Row Number": 12, "Calculator ID": 7, "Output Type": "decimal", "Ground Truth Answer": "20"}
    row |= {"Lower Limit": "19", "Upper Limit": "21"} | {name.replace("_", " "): cell for name, cell in cells.items()}
    with (folder / "medcalc_bench_key.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    return folder / "medcalc_bench_key.csv"


def test_a_key_is_read_from_the_columns_of_the_benchmark(tmp_path):
    assert read_key(in_a_key(tmp_path)) == {12: DECIMAL}
    assert read_key(in_a_key(tmp_path, Ground_Truth_Answer="")) == {}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"Upper_Limit": "about 21"}, "row 2: an answer or limit is a cell which is no number"),
        ({"Calculator_ID": "calcium"}, "row 2: invalid literal for int"),
        ({"Row_Number": ""}, "row 2: invalid literal for int"),
    ],
)
def test_a_key_that_was_edited_is_refused_with_its_row(tmp_path, cells, said):
    with pytest.raises(GraderError, match=said):
        read_key(in_a_key(tmp_path, **cells))


@pytest.fixture(scope="module")
def released(demo, tmp_path_factory):
    """A working copy of the demo, and its own grader, as somebody has it who has nothing else."""
    folder = tmp_path_factory.mktemp("released")
    export(demo.settings.warehouse, demo.settings.releases, folder)
    spec = importlib.util.spec_from_file_location("released_grader", folder / standalone.FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their names up
    spec.loader.exec_module(module)
    return folder, module


def run(folder, *arguments):
    """With nothing of the project, nor of its packages, in reach."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "grader.py"), *map(str, arguments)], capture_output=True, text=True
    )


def test_the_grader_of_a_release_needs_the_standard_library_alone_and_grades_by_the_key_beside_it(released, tmp_path):
    folder, _ = released
    rows = list(csv.DictReader(next(path for path in folder.glob("*.csv") if "since" not in path.name).open()))
    replies = tmp_path / "replies.jsonl"
    lines = [{"Row Number": row["Row Number"], "reply": f"So the answer is: {row['Ground Truth Answer']}"} for row in rows]
    replies.write_text("".join(f"{json.dumps(line)}\n" for line in [*lines[2:], {"Row Number": 0, "reply": "1"}]))
    done = run(folder, replies)
    assert json.loads(done.stderr) == {
        "labels": len(rows),
        "missing": 2,
        **({"abstained": na} if (na := sum(row["Ground Truth Answer"] == "N/A" for row in rows[2:])) else {}),
        "value": len(rows) - 2 - na,
        "right": len(rows) - 2,
        "right_lenient": [len(rows) - 2, len(rows)],
        "not_in_the_key": 1,
    }
    assert [json.loads(line)["Row Number"] for line in done.stdout.splitlines()] == [int(row["Row Number"]) for row in rows]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"Row Number": 1, "reply": "x"}\n{"Row Nu', "line 2: no JSON. Was the file cut off?"),
        ('{"Row Number": 1, "reply": "x"}\n' * 2, "row 2: row number 1 occurs twice. Give one run of one model."),
        ('{"Row Number": 1e400, "reply": "x"}', "row 1: the row number is no whole number."),
        ('{"Row Number": 1, "answer": "x"}', "row 1: there is no 'reply or response or completion"),
        ("[1]", "line 1: no JSON object. Give one per reply."),
        ("", "no row is one of the key: is it of this benchmark, with its row numbers?"),
        ('{"Row Number": 0, "reply": "x"}', "no row is one of the key: is it of this benchmark, with its row numbers?"),
    ],
)
def test_a_file_that_cannot_be_graded_is_refused_in_one_line(released, tmp_path, text, said):
    (tmp_path / "replies.jsonl").write_text(text)
    done = run(released[0], tmp_path / "replies.jsonl")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout


def test_the_grader_is_a_file_of_the_manifest(released):
    assert tampered(released[0]) == []
    (released[0] / standalone.FILE).rename(released[0] / "other.py")
    assert tampered(released[0]) == ["grader.py is missing", "other.py is not of the release"]
    (released[0] / "other.py").rename(released[0] / standalone.FILE)


def same(released, text, truth):
    ours = grade(text, truth)
    theirs = released.grade(
        text,
        released.Truth(
            released.Label(*(getattr(truth.label, name) for name in ("kind", "number", "date"))),
            truth.limits,
            released.Asked(*truth.asked),
        ),
    )
    assert tuple(ours) == tuple(theirs)
    assert ours.outcome in OUTCOMES
    assert ours.reward in {0.0, 0.1, 1.0}


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=100), st.sampled_from(TRUTHS))
def test_the_grader_of_a_release_says_what_ours_says(released, text, truth):
    same(released[1], text, truth)


@pytest.mark.real_data
def test_the_grader_of_a_release_says_what_ours_says_of_real_replies(released, real_outputs):
    for path in sorted(real_outputs.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            for truth in TRUTHS:
                for name in ("LLM Answer", "LLM Explanation", "text"):
                    same(released[1], row.get(name), truth)


def test_two_things_of_one_name_are_no_single_file(monkeypatch):
    monkeypatch.setattr(standalone, "PARTS", (*standalone.PARTS[:-1], replies, grader))
    with pytest.raises(ValueError, match="rename one"):
        standalone.source.__wrapped__()


@pytest.mark.parametrize("module", [replies, grader])
def test_what_the_docstrings_show_is_so(module):
    assert doctest.testmod(module) == (0, doctest.testmod(module).attempted)
    assert doctest.testmod(module).attempted
