"""verl: the reward function of `reward.custom_reward_function` (0.9) and of `custom_reward_function` (0.4), by its path.

The data set is that of `medcalc reward export --for verl`; docs/reward/ has configurations for both.
"""

from typing import Any

from medcalc_assets.grading.reward import reward_of


def compute_score(
    data_source: Any = None, solution_str: Any = None, ground_truth: Any = None, extra_info: Any = None, **_: Any
) -> dict[str, float]:
    """`score` is the reward: 1.0 right, 0.1 readable and of a permitted type, 0.0 otherwise. `acc`, which verl reports, is
    1.0 for what is right.

    `ground_truth` arrives as a numpy array of texts. verl has no reward that leaves a row out: export decides who trains.
    """
    score = reward_of(solution_str, ground_truth) or 0.0
    return {"score": score, "acc": float(score == 1.0)}
