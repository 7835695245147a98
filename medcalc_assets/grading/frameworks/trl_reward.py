"""TRL 1: the reward function of a `GRPOTrainer`.

    rows = load_dataset("parquet", data_files="medcalc_maintained_trl.parquet")["train"]
    trainer = GRPOTrainer(model, reward_funcs=medcalc_reward, train_dataset=rows)

The data set is that of `medcalc reward export --for trl`, whose column `ground_truth` comes in here.
"""

from collections.abc import Sequence
from typing import Any

from medcalc_assets.grading.reward import reward_of


def medcalc_reward(completions: Sequence[Any], ground_truth: Sequence[Any] | None = None, **_: Any) -> list[float | None]:
    """1.0 right, 0.1 readable and of a permitted type, 0.0 otherwise; None, which TRL leaves out, without a label."""
    labels = [None] * len(completions) if ground_truth is None else ground_truth
    return [reward_of(completion, label) for completion, label in zip(completions, labels, strict=True)]
