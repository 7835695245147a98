import pytest

from medcalc_assets.release.rulings import ruled_since
from medcalc_assets.release.versions import FIRST


def ruled(ruling, **by):
    return {"ruling": ruling, "by": [{"reviewer": who, "choice": said, "rationale": None} for who, said in by.items()]}


@pytest.mark.parametrize(
    ("before", "now", "what"),
    [
        (None, ruled("wrong", Lee="wrong"), ""),
        (
            ruled("wrong", Lee="wrong"),
            ruled("right", Lee="right"),
            "ruling changed after release 1.1.0, where it was: wrong",
        ),
        (
            ruled("wrong", Lee="wrong"),
            ruled(None, Lee="wrong", Ray="right"),
            "ruling changed after release 1.1.0, where it was: wrong",
        ),
        (
            ruled(None, Lee="wrong", Ray="right"),
            ruled("wrong", Ida="wrong", Lee="wrong", Ray="right"),
            "ruling changed after release 1.1.0, where it was: no majority",
        ),
        (
            ruled("wrong", Lee="wrong"),
            ruled("wrong", Lee="wrong", Ray="wrong"),
            "stands as in release 1.1.0; who ruled, or why, has changed",
        ),
        (ruled("case_by_case", Lee="case_by_case"), None, "taken back after release 1.1.0, where it was: case by case"),
    ],
)
def test_a_ruling_that_changes_after_its_release_is_said_to_have(before, now, what):
    (row,) = ruled_since({"21-defect-1": before} if before else {}, {"21-defect-1": now} if now else {}, FIRST)
    assert row["what"] == what
    assert (row["ruling"], row["by"]) == ((now["ruling"], now["by"]) if now else (None, []))


def test_a_ruling_that_stands_as_it_stood_is_not_said_again():
    of_release = {"21-defect-1": ruled("wrong", Lee="wrong") | {"labels": 20}}
    assert ruled_since(of_release, {"21-defect-1": ruled("wrong", Lee="wrong") | {"labels": 19}}, FIRST) == []
