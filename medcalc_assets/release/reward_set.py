"""Reward sets: the same instances, order and prompts with the original labels and with ours, so that only labels differ."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

from medcalc_assets.benchmarks.v1 import V1_0
from medcalc_assets.benchmarks.versions import version_here
from medcalc_assets.grading.reward import ground_truth, prompt
from medcalc_assets.release.build import with_grounds
from medcalc_assets.release.leaks import CASE, asked_in
from medcalc_assets.release.releases import ReleaseError
from medcalc_assets.release.use import records_of
from medcalc_assets.storage import tables
from medcalc_assets.storage.warehouse import Warehouse

Arm = Literal["original", "maintained"]
Trainer = Literal["verl", "trl"]


class RewardSet(NamedTuple):
    """The rows that may train, and how many may not: by the policy of use, and as they stand in the evaluation key."""

    rows: pl.DataFrame
    not_permitted: int
    in_evaluation: int


def reward_set(warehouse: Warehouse, evaluation: Path, arm: Arm, trainer: Trainer) -> RewardSet:
    """The labels of a home that may train, in the columns that a framework reads.

    Args:
        warehouse: With maintained labels; of the training split, say.
        evaluation: The key by which the model will be judged: the CSV of a release, or another with notes and calculators.
        arm: Whose labels: the original ones, or the maintained ones of the same instances.
        trainer: Which framework is to read it.

    Raises:
        ReleaseError: The key cannot be read, or no row is left.
    """
    raw = warehouse.read(tables.RAW_MEDCALC)
    evidence = warehouse.read(tables.LABEL_EVIDENCE)
    labels = with_grounds(raw, warehouse.read(tables.MAINTAINED_LABELS), evidence, records_of(warehouse, evidence))
    permitted = labels.filter("Reward")
    standing = raw.join(asked_in(evaluation), on=CASE, how="semi").select(pl.col("uid").alias("Row Number"))
    rows = permitted.join(standing, on="Row Number", how="anti").sort("Row Number")
    found = RewardSet(rows, labels.height - permitted.height, permitted.height - rows.height)
    if rows.is_empty():
        why = f"{found.not_permitted:,} may not train, and {found.in_evaluation:,} stand in {evaluation}"
        raise ReleaseError(
            f"No row is left: {why}. Train on another split: `medcalc run --source hf:train` in its own home."
        )
    if arm == "original":
        cells = {"Ground Truth Answer": "label_text", "Lower Limit": "lower_text", "Upper Limit": "upper_text"}
        of_v1 = raw.select(pl.col("uid").alias("Row Number"), *(pl.col(ours).alias(name) for name, ours in cells.items()))
        rows = rows.drop(*cells).join(of_v1, on="Row Number", validate="1:1", maintain_order="left")
    in_fractions = arm == "original" and version_here(warehouse) is V1_0
    written = [_row(row, in_fractions, trainer) for row in rows.iter_rows(named=True)]
    return found._replace(rows=pl.DataFrame(written))


def _row(row: dict[str, Any], in_fractions: bool, trainer: Trainer) -> dict[str, Any]:
    said = [{"role": "user", "content": prompt(row["Patient Note"], row["Question"])}]
    cells = (row[name] for name in ("Ground Truth Answer", "Lower Limit", "Upper Limit", "Calculator ID", "Output Type"))
    label = ground_truth(*cells, original=in_fractions)
    uid, calculator = row["Row Number"], row["Calculator ID"]
    if trainer == "trl":
        return {"prompt": said, "ground_truth": label, "uid": uid, "calculator_id": calculator}
    return {
        "data_source": "medcalc",
        "prompt": said,
        "ability": "medical calculation",
        "reward_model": {"style": "rule", "ground_truth": label},
        "extra_info": {"index": uid, "uid": uid, "calculator_id": calculator},
    }
