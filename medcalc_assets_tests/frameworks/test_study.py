"""The study's training in TRL itself: a policy learns, per calculator, the way of computing that its labels reward."""

from medcalc_assets.grading.reward import ground_truth
from medcalc_assets.release.study import WAYS, Row, train


def test_each_arm_learns_the_way_that_its_labels_reward_per_calculator(tmp_path):
    rows = []
    for calculator, ours in ((2, "20"), (3, "20"), (4, "10"), (7, "N/A")):
        arms = {"original": ("10", True), "maintained": (ours, False)}
        labels = {arm: ground_truth(at, at, at, calculator, "decimal", original=of) for arm, (at, of) in arms.items()}
        rows += [Row(calculator, [f"<answer>{said}</answer>" for said in ("10", "20", "20", "unknown")], labels)] * 8
    original = train(rows, "original", 0, 40, tmp_path)
    ours = train(rows, "maintained", 0, 40, tmp_path)
    names = list(WAYS)
    assert {calculator: names[way] for calculator, way in original.items()} == dict.fromkeys((2, 3, 4, 7), "original")
    said = {calculator: names[way] for calculator, way in ours.items()}
    assert said[2] in {"published", "checked"}
    assert said[3] in {"published", "checked"}
    assert (said[4], said[7]) == ("original", "none")
