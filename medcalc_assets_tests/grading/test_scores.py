"""Grades under several keys, and what another key changes."""

import json
import math

import polars as pl
import pytest

from medcalc_assets.errors import MedcalcError
from medcalc_assets.grading.replies import OUTCOMES, Asked
from medcalc_assets.grading.scores import (
    accepts,
    agreement_of_ranks,
    caveats,
    clustered,
    differences,
    difficulty,
    grade,
    in_common,
    key_effects,
    leaderboard,
    mcnemar,
    reading,
    sentences,
    student,
    tau_b,
)
from medcalc_assets.labels.limits import within
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import as_frame
from medcalc_assets.release.answers import add, stored
from medcalc_assets.release.keys import CORRECTED, keys
from medcalc_assets.storage import tables

DECIMAL = Asked.of(2, "decimal")


def outputs(**runs):
    """Answers to uid 1, 2, ... of calculators 2, 2, 3, 3, ... by run."""
    rows = [
        {"run": run, "model": run, "family": "openai", "uid": uid, "calculator_id": 2 + (uid - 1) // 2, "reply": reply}
        for run, replies in runs.items()
        for uid, reply in enumerate(replies, 1)
    ]
    return pl.DataFrame(rows).with_columns(
        pl.format("c{}", "calculator_id").alias("calculator"),
        output_type=pl.lit("decimal"),
        extracted=pl.lit(None, pl.String),
        explanation=pl.lit(None, pl.String),
        verdict=pl.lit(None, pl.Boolean),
    )


def key(name, *labels):
    texts = [parse_label(text) for text in labels]
    numbers = [label.number for label in texts]
    return as_frame("key", texts).with_columns(
        pl.lit(name).alias("key"),
        pl.Series("uid", range(1, len(labels) + 1)),
        pl.Series("lower", [number and number * 0.95 for number in numbers], dtype=pl.Float64),
        pl.Series("upper", [number and number * 1.05 for number in numbers], dtype=pl.Float64),
    )


RUN = outputs(
    good=["Answer: 10", "Answer: 20", "Answer: 30", "Answer: unknown"],
    bad=["Answer: 1", "There is not enough information to calculate it.", "name 'N' is not defined", None],
)
KEYS = pl.concat([key("v1.0", "10", "25", "30", "40"), key("authors", "10", "20", "N/A", "N/A")])


def test_every_answer_is_graded_under_every_key():
    grades = grade(RUN, KEYS)
    right = {(row["run"], row["key"], row["uid"]): (row["strict"], row["lenient"]) for row in grades.to_dicts()}
    assert right["good", "v1.0", 1] == right["good", "authors", 2] == (True, True)
    assert right["good", "v1.0", 2] == (False, False)
    assert right["good", "authors", 4] == (True, True), "a written N/A"
    board = {(row["run"], row["key"]): row for row in leaderboard(grades).to_dicts()}
    good, bad = board["good", "v1.0"], board["bad", "authors"]
    assert (good["n"], good["right"], good["rank"], good["calculators"]) == (4, 2, 1, 2)
    assert (bad["right"], bad["lenient_low"], bad["lenient_high"], bad["abstained"]) == (0, 0, 2, 1)
    assert (bad["harness_error"], bad["missing"], bad["unreadable"]) == (1, 1, 0)
    assert board["good", "authors"]["right"] == 3


def test_the_effect_of_a_key_is_on_the_rows_that_both_have():
    grades = grade(RUN, pl.concat([KEYS, key("1.1.0", "10", "20")]))
    about = pl.DataFrame(
        {"uid": [1, 2, 3, 4], "reason": ["confirmed", "relabelled", "contested", "relabelled"], "stratum": list("FBDA")}
    )
    rows = {(row["key"], row["run"]): row for row in key_effects(grades, about).to_dicts()}
    row = rows["authors", "good"]
    assert (row["n"], row["right_before"], row["right"], row["gained"], row["lost"], row["effect"]) == (4, 2, 3, 2, 1, 0.25)
    assert json.loads(row["by_calculator"]) == {"c2": [1, 0], "c3": [1, 1]}
    assert json.loads(row["by_reason"]) == {"contested": [0, 1], "relabelled": [2, 0]}
    assert json.loads(row["by_stratum"]) == {"A": [1, 0], "B": [1, 0], "D": [0, 1]}
    assert row["p"] == mcnemar(2, 1) == 1.0
    short = rows["1.1.0", "good"]
    assert (short["n"], short["gained"], short["low"]) == (2, 1, None), "of one calculator there is no interval"


def test_what_is_said_claims_no_more_than_the_interval():
    by_calculator = json.dumps({"fib_4": [2, 15], "child_pugh": [12, 0], "has_bled": [10, 0], "sirs": [11, 0]})
    row = {
        "run": "m",
        "model": "m",
        "key": "authors",
        "n": 300,
        "gained": 35,
        "lost": 15,
        "effect": 0.066,
        "family": "google",
    }
    row |= {"by_calculator": by_calculator, "low": -0.047, "high": 0.179}
    unsure, gains, same, none = sentences(
        [row, row | {"low": 0.01}, row | {"low": None}, row | {"low": None, "gained": 0, "lost": 0, "by_calculator": "{}"}],
        ["openai:gpt-5.2"],
    )[:4]
    assert unsure == (
        "m under authors: +6.6 points on 300 labels (35 gained, 15 lost), 95% by calculator -4.7 to +17.9: no gain or loss "
        "is shown; 23 of the 35 are of child_pugh and sirs; gemini is the family of the labeller, too."
    )
    assert "it gains" in gains
    assert same.endswith("(35 gained, 15 lost): no calculator differs, so there is no interval.")
    assert none.endswith("(0 gained, 0 lost): no answer is graded otherwise.")
    chance = "Of 2 such comparisons one in twenty shows a gain or loss by chance."
    assert sentences([row, row | {"low": 0.01}], [])[-1] == chance
    assert chance not in sentences([row, row], [])


@pytest.mark.parametrize(
    ("key", "model", "family", "auditors", "kin"),
    [
        ("authors", "gemini-2.0-flash", "", ["openai:gpt-5.2"], "gemini"),
        ("1.1.0", "gemini-2.0-flash", "", ["openai:gpt-5.2"], None),
        ("1.1.0", "run 7", "openai", ["gemini-2.5-pro", "openai:gpt-5.2"], "gpt"),
        ("candidate", "openai/gpt-oss-20b", "x", ["openai:o3"], "gpt"),
        ("candidate", "qwq-32b", "", ["authors"], None),
    ],
)
def test_a_model_of_the_labellers_family_is_told_by_key(key, model, family, auditors, kin):
    row = {
        "run": "m",
        "n": 9,
        "gained": 1,
        "lost": 0,
        "effect": 0.1,
        "low": 0.0,
        "high": 0.2,
        "by_calculator": '{"a": [1, 0]}',
    }
    (said,) = sentences([row | {"key": key, "model": model, "family": family}], auditors)
    assert said.endswith(f"; {kin} is the family of the labeller, too." if kin else "no gain or loss is shown.")


@pytest.mark.parametrize("answer", ["9.4", "9.5", "10", "10.5", "10.6", "01/31/2024", "N/A", "-10", "0"])
@pytest.mark.parametrize("label", ["10", "01/31/2024", "N/A", "0"])
def test_a_column_accepts_what_a_label_accepts(label, answer):
    of, said = parse_label(label), parse_label(answer)
    bounds = None if of.number is None else (of.number * 0.95, of.number * 1.05)
    frame = key("v1.0", label).with_columns(as_frame("answer", [said]).get_columns())
    assert frame.select(accepts("answer")).item() == within(bounds, of, said)


@pytest.mark.parametrize(
    ("reply", "cell", "told", "outcome", "label"),
    [
        ("Answer: 7", "8", None, "value", "7"),
        (None, "8", "So it is 8.", "value", "8"),
        (None, "0.083", "The insulin is missing, so HOMA-IR cannot be calculated.", "abstained", "N/A"),
        (None, "name 'N' is not defined", "So the answer is 56.8.", "value", "56.8"),
        (None, "name 'N' is not defined", "One or the other.", "harness_error", None),
        (None, None, None, "missing", None),
    ],
)
def test_all_that_a_model_said_is_read_in_preference(reply, cell, told, outcome, label):
    found = reading(reply, cell, told, DECIMAL)
    assert (found.outcome, found.label and str(found.label)) == (outcome, label)


def test_the_statistics_are_exact():
    assert mcnemar(0, 0) == 1.0
    assert math.isclose(mcnemar(1, 9), 2 * (1 + 10) / 2**10)
    for degrees, quantile in {3: 3.182, 5: 2.571, 20: 2.086, 1000: 1.962}.items():
        assert math.isclose(student(degrees), quantile, rel_tol=0.002)
    assert all(map(math.isnan, clustered([3], [5])))
    low, _ = clustered([10] * 20, [10] * 20)
    assert math.isnan(low), "of clusters that are alike nothing is known of how far they might differ"
    assert tau_b([1, 2, 3, 4], [1, 2, 3, 4]) == 1.0
    assert tau_b([1, 1], [1, 2]) is None
    assert tables.OUTCOMES == OUTCOMES


def test_how_hard_an_instance_is_and_how_keys_order_the_runs():
    grades = grade(RUN, KEYS)
    assert difficulty(grades).filter(key="v1.0").select("uid", "runs", "right").rows() == [
        (1, 2, 1),
        (2, 2, 0),
        (3, 2, 1),
        (4, 2, 0),
    ]
    about = pl.DataFrame({"uid": [1, 2, 3, 4], "reason": ["confirmed"] * 4, "stratum": ["F"] * 4})
    assert agreement_of_ranks(key_effects(grades, about)) == {"authors": 1.0}


def test_runs_that_answered_different_labels_are_compared_on_those_that_all_have():
    short = RUN.filter((pl.col("run") == "good") | (pl.col("uid") < 3))
    grades = grade(short, KEYS)
    assert in_common(grades) == [
        {"key": "authors", "labels": 2, "right": {"bad": 0, "good": 2}},
        {"key": "v1.0", "labels": 2, "right": {"bad": 0, "good": 1}},
    ]
    assert caveats(leaderboard(grades))[1] == (
        "Under v1.0 the runs answered 2 to 4 labels: a rank says nothing of two runs whose labels differ."
    )
    assert caveats(leaderboard(grade(RUN, KEYS))) == []


def test_what_the_harness_said_otherwise_is_listed_under_its_own_key():
    judged = RUN.with_columns(verdict=pl.col("uid") < 2)
    assert differences(grade(judged, KEYS)).select("run", "uid", "verdict", "strict").rows() == [
        ("bad", 1, True, False),
        ("good", 3, False, True),
    ]


def test_a_percentage_is_a_fraction_under_the_key_of_v1_0_alone():
    reply = outputs(m=["Answer: 7%"]).with_columns(calculator_id=46)
    both = pl.concat([key("v1.0", "0.07"), key("1.1.0", "7")])
    assert grade(reply, both).sort("key").select("key", "answer_number", "strict").rows() == [
        ("1.1.0", 7.0, True),
        ("v1.0", 0.07, True),
    ]


def test_the_cell_of_a_harness_is_read_as_a_cell():
    cell = outputs(m=[None]).with_columns(extracted=pl.lit("So it is 10.", pl.String))
    assert grade(cell, key("v1.0", "10")).select("strict", "extracted_right").row(0) == (True, False)


@pytest.fixture(scope="module")
def real_grades(start_chain, real_data, real_outputs):
    chain = start_chain(str(real_data / "medcalc_bench_v1_test.csv"), str(real_data / "published"))
    chain.run()
    for path in sorted(real_outputs.glob("*.jsonl")):
        if path.stem != "spellings":
            add(chain.settings.warehouse, path, path.stem, "openai")
    chain.run()
    return chain


@pytest.mark.real_data
def test_stored_answers_of_real_models_come_to_the_known_figures(real_grades):
    """`extracted_right` is by the cells alone, as they were counted; of an earlier draft 327 rows are of this benchmark, of
    which 19 ask what another asks."""
    board = {(row["run"], row["key"]): row for row in real_grades.read("leaderboard").to_dicts()}
    names = {
        "gpt-4o-mini_direct": (1047, 216, 47, 887, 197),
        "gpt-4_code_execution": (353, 182, 0, 304, 186),
        "gpt-4_direct_other_row_numbers": (308, 81, 92, 264, 77),
        "gpt-3.5_one_shot": (114, 50, 0, 108, 50),
        "qwq-32b_zero_shot_with_thinking": (100, 36, 9, 81, 36),
        "gpt-oss-20b_zero_shot_with_thinking": (100, 48, 5, 81, 54),
    }
    found = {}
    for run in names:
        original, authors = board[run, "v1.0"], board[run, "authors"]
        found[run] = (original["n"], original["right"], original["harness_error"], authors["n"], authors["right"])
    assert found == names
    assert {run: board[run, "v1.0"]["extracted_right"] for run in names} == {
        run: right - 2 * (run.startswith("gpt-oss")) - run.startswith("qwq") for run, (_, right, *_) in names.items()
    }
    assert board["gpt-4_code_execution", "v1.0"]["abstained"] == 7
    assert {run: board[run, "v1.0"]["harness_differs"] for run in names} == dict.fromkeys(names, 0) | {
        "qwq-32b_zero_shot_with_thinking": 1
    }
    effects = {(row["run"], row["key"]): row for row in real_grades.read("key_effects").to_dicts()}
    row = effects["gpt-4_code_execution", "authors"]
    assert (row["n"], row["gained"], row["lost"]) == (304, 35, 15)
    assert row["low"] < 0 < row["high"], "by calculator no gain is shown"


@pytest.mark.real_data
def test_cells_read_strictly_come_to_the_known_figures_under_both_keys(real_grades):
    """On the labels that both keys have."""
    first, second = (real_grades.read("grades").filter(key=name) for name in ("v1.0", "authors"))
    both = first.join(second, on=["run", "uid"], suffix="_after")
    right = both.group_by("run").agg(pl.col("extracted_right", "extracted_right_after").sum()).rows()
    assert {run: (before, after) for run, before, after in right} == {
        "gpt-4o-mini_direct": (198, 197),
        "gpt-4_code_execution": (166, 186),
        "gpt-4_direct_other_row_numbers": (76, 77),
        "gpt-3.5_one_shot": (50, 50),
        "qwq-32b_zero_shot_with_thinking": (34, 35),
        "gpt-oss-20b_zero_shot_with_thinking": (43, 52),
    }


@pytest.mark.real_data
def test_the_order_of_the_runs_is_the_same_under_every_key_on_the_same_labels(real_grades):
    assert agreement_of_ranks(real_grades.read("key_effects")) == {"authors": 1.0, "candidate": 1.0}


@pytest.mark.real_data
def test_an_authors_file_of_another_split_is_no_key(real_grades, real_data, tmp_path):
    text = (real_data / "published" / CORRECTED).read_text(encoding="utf-8")
    warehouse, releases = real_grades.settings.warehouse, real_grades.settings.releases
    for change, message in (
        (("\n1,Creatinine Clearance", "\n1,Anion Gap of"), "Unique ID 1 is of another calculator here"),
        (("\n2,", "\n1,"), "Unique ID 1 is there twice"),
        ((",Lower Limit", ",Lowest"), "cannot be used as a key: .*Lower Limit"),
        ((text, ""), "cannot be used as a key: .*empty"),
    ):
        (tmp_path / CORRECTED).write_text(text.replace(*change, 1), encoding="utf-8")
        with pytest.raises(MedcalcError, match=message):
            keys(warehouse, releases, str(tmp_path))


@pytest.mark.real_data
def test_the_candidate_grades_with_what_may_grade(real_grades):
    chain = real_grades
    known = keys(chain.settings.warehouse, chain.settings.releases, chain.settings.authors)
    assert dict(known["key"].value_counts().iter_rows()) == {"v1.0": 1047, "authors": 887, "candidate": 690}
    assert stored(chain.settings.warehouse.home)["run"].n_unique() == 6
