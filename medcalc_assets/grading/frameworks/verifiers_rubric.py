"""verifiers below 0.1.12 (`Rubric`, `load_environment`), which trainers still pin.

Name the CSV of a release: `vf.load_environment` finds a module `medcalc` of yours that has this `load_environment`.
"""

from typing import Any

import verifiers as vf
from datasets import Dataset

from medcalc_assets.grading.frameworks import instances
from medcalc_assets.grading.grader import grade
from medcalc_assets.grading.reward import reward_of, text_of, truth_of


def load_environment(key: str, **options: Any) -> vf.SingleTurnEnv:
    """All labels of a key, one question each; `options` are those of `SingleTurnEnv`."""
    rows = [
        {
            "prompt": [{"role": "user", "content": each.prompt}],
            "answer": each.ground_truth[0],
            "info": {"ground_truth": each.ground_truth, "calculator": each.calculator, "uid": each.uid},
        }
        for each in instances(key)
    ]
    rubric = vf.Rubric(funcs=[label, right], weights=[1.0, 0.0])
    return vf.SingleTurnEnv(dataset=Dataset.from_list(rows), rubric=rubric, **options)


def label(completion: Any, info: dict[str, Any]) -> float:
    """The reward: 1.0 right, 0.1 readable and of a permitted type, 0.0 otherwise."""
    return reward_of(completion, info.get("ground_truth")) or 0.0


def right(completion: Any, info: dict[str, Any]) -> float:
    """Strictly right, wherever the answer stands in the reply."""
    return float(grade(text_of(completion), truth_of(info["ground_truth"])).strict)
