"""What a model must not have seen of the test split: notes are known by their words, cases by note and calculator."""

import polars as pl
import pytest

from medcalc_assets.benchmarks.known import NOTE_DIGITS, asked_in_test, note_sha256
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.release.leaks import Leaks, asked_in, leaks_into_test


def rows(*cells):
    return pl.DataFrame(
        cells, {"uid": pl.Int64, "note_sha256": pl.String, "calculator_id": pl.Int32}, orient="row"
    ).with_columns(row_sha256=pl.lit("of nothing known"))


def test_a_note_is_the_same_whatever_white_space_is_between_its_words():
    assert note_sha256("a note\nof two  lines ") == note_sha256(" a note of two lines")
    assert note_sha256("a note") != note_sha256("another note")


def test_cases_and_notes_of_the_test_split_are_told_and_it_has_all_of_them():
    number, digits = sorted(asked_in_test())[0]
    others = {each for each, known in asked_in_test() if known == digits}
    stranger = next(each for each in range(2, 70) if each not in others)
    there = digits + "0" * (64 - NOTE_DIGITS)
    found = leaks_into_test(rows((1, there, number), (2, there, stranger), (3, note_sha256("a note"), number)))
    assert found == Leaks(cases=[1], notes=[2])
    assert len({digits for _, digits in asked_in_test()}) > 900


def test_the_demo_leaks_nothing():
    assert leaks_into_test(Source("demo").read().instances) is None


def test_a_key_is_known_by_the_ids_of_its_calculators_or_by_their_names(tmp_path):
    by_id, by_name = tmp_path / "id.csv", tmp_path / "name.csv"
    by_id.write_text("Patient Note,Calculator ID\na  note,45\n")
    by_name.write_text("Patient Note,Calculator Name\na note,CURB-65 Score for Pneumonia Severity\na note,no such\n")
    case = (note_sha256("a note"), 45)
    assert asked_in(by_id).rows() == [case]
    assert set(asked_in(by_name).rows()) == {case, (case[0], None)}


@pytest.mark.real_data
def test_of_the_training_sample_six_cases_and_38_more_notes_are_in_the_test_split(real_data):
    test, train = (
        Source(str(real_data / f"medcalc_bench_v1_{split}.csv")).read().instances for split in ("test", "train_sample")
    )
    assert {(number, digest[:NOTE_DIGITS]) for number, digest in test.select("calculator_id", "note_sha256").rows()} == set(
        asked_in_test()
    )
    assert leaks_into_test(test) is None
    found = leaks_into_test(train)
    assert (len(found.cases), len(found.notes)) == (6, 38)
