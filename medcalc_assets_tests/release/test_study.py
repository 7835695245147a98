"""The study: who judges, and how what was learned is told. Training itself is tested in frameworks/test_study.py."""

import pytest

from medcalc_assets.errors import MedcalcError
from medcalc_assets.grading.reward import ground_truth
from medcalc_assets.release.study import LIMITS, WAYS, Row, judged, table

ORIGINAL, PUBLISHED, CHECKED, NONE = range(len(WAYS))


def row(calculator_id: int, original: str, ours: str) -> Row:
    """Its rule in v1.0 gives 10, the published one 20; a number is not in the note."""
    cells = {"original": (original, True), "maintained": (ours, False)}
    labels = {
        arm: ground_truth(label, label, label, calculator_id, "decimal", original=is_v1)
        for arm, (label, is_v1) in cells.items()
    }
    return Row(calculator_id, [f"<answer>{said}</answer>" for said in ("10", "20", "unknown", "unknown")], labels)


def test_what_an_arm_gains_is_the_mean_of_its_seeds_with_an_interval_by_calculator():
    rows = [row(2, "10", "20"), row(2, "10", "20"), row(3, "10", "10"), row(7, "10", "N/A")]
    right = {2: PUBLISHED, 3: ORIGINAL, 7: NONE}
    policies = {"original": [dict.fromkeys(right, ORIGINAL)] * 2, "maintained": [right, right | {2: ORIGINAL}]}
    found = judged(rows, "maintained", policies)
    assert (found["rows"], found["calculators"]) == (4, 3)
    assert found["original"] == {"mean": 0.25, "lowest": 0.25, "highest": 0.25}
    assert found["maintained"] == {"mean": 0.75, "lowest": 0.5, "highest": 1.0}
    assert found["alone"] == {"original": 0.25, "published": 0.5, "checked": 0.25, "none": 0.25}
    assert found["gain"] == 0.5
    assert found["low"] < 0.5 < found["high"]
    assert judged(rows, "original", policies)["gain"] == pytest.approx(-0.5)


def test_a_calculator_that_no_row_trains_is_judged_by_nobody():
    policies = {"original": [{2: ORIGINAL}], "maintained": [{2: PUBLISHED}]}
    assert judged([row(2, "10", "20"), row(3, "10", "20")], "maintained", policies)["rows"] == 1
    with pytest.raises(MedcalcError, match="No row that maintained judges is of a calculator that trains"):
        judged([row(3, "10", "20")], "maintained", policies)


def test_the_table_says_first_that_this_is_no_language_model():
    policies = {"original": [{2: ORIGINAL}] * 2, "maintained": [{2: PUBLISHED}] * 2}
    found = judged([row(2, "10", "20")], "maintained", policies)
    chosen = {
        "original": dict.fromkeys(WAYS, 0.0) | {"original": 1.0},
        "maintained": dict.fromkeys(WAYS, 0.0) | {"published": 1.0},
    }
    said = table({"training_rows": 1, "steps": 3, "seeds": 2, "results": [found], "chosen": chosen})
    assert said.startswith(LIMITS)
    arms = "0.0% (0.0% to 0.0% by seed) | 100.0% (100.0% to 100.0% by seed)"
    assert f"| held out, our labels | 1 (1) | {arms} | +100.0 (no interval) |" in said
    assert "Of the calculators, trained by ours: v1.0's rule for 0.0, the published rule for 1.0" in said
