"""lm-evaluation-harness (lm_eval 0.4): what `medcalc.yaml` beside it calls.

lm_eval run --include_path FOLDER --tasks medcalc --metadata '{"key": "medcalc_bench_1.1.0.csv"}' --model ...
"""

from typing import Any

import datasets

from medcalc_assets.grading.frameworks import instances
from medcalc_assets.grading.grader import grade
from medcalc_assets.grading.reward import truth_of


def load(key: str, **_: Any) -> dict[str, datasets.Dataset]:
    """All labels of a key, one question each."""
    return {"test": datasets.Dataset.from_list([each._asdict() for each in instances(key)])}


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """`acc` counts values within the limits of the key and a written N/A; `lenient` also an abstention in words; `lost` the
    answers that are neither right nor wrong."""
    graded = grade(results[0] if results else None, truth_of(doc["ground_truth"]))
    lost = graded.outcome in {"harness_error", "missing"}
    return {"acc": float(graded.strict), "lenient": float(graded.lenient), "lost": float(lost)}
