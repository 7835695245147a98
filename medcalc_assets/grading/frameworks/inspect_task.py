"""Inspect (inspect_ai 0.3): the benchmark as a task, and a scorer that also grades stored logs.

inspect eval inspect_task.py -T key=medcalc_bench_1.1.0.csv --model ...
inspect score LOG.eval --scorer inspect_task.py@medcalc_scorer -S key=medcalc_bench_1.1.0.csv
"""

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState, generate

from medcalc_assets.grading.frameworks import Instance, instances
from medcalc_assets.grading.grader import grade
from medcalc_assets.grading.reward import truth_of


@task
def medcalc(key: str) -> Task:
    """All labels of a key, one question each."""
    samples = [
        Sample(
            id=each.uid,
            input=each.prompt,
            target=each.ground_truth[0],
            metadata={"calculator": each.calculator, "ground_truth": each.ground_truth},
        )
        for each in instances(key)
    ]
    return Task(dataset=MemoryDataset(samples, name="medcalc"), solver=generate(), scorer=medcalc_scorer())


@scorer(metrics=[accuracy(), stderr(cluster="calculator")])
def medcalc_scorer(key: str | None = None) -> Scorer:
    """Strict grades: values within the limits of the key, and a written N/A.

    Of the log of another task `key` names the CSV to grade by; a sample is found by its note and question, whatever its id.
    One that is not in the key, and an answer that a harness lost, is unscored: neither right nor wrong. The standard error
    is clustered by `calculator`, in the metadata of the samples: its rows are right or wrong together.
    """
    of_key = list(instances(key)) if key else []

    async def score(state: TaskState, target: Target) -> Score:
        label = _label(state, of_key) if key else state.metadata.get("ground_truth")
        if label is None:
            return Score.unscored(explanation="not in the key")
        text = state.output.completion if state.output.choices else None
        graded = grade(text, truth_of(label))
        said = {"outcome": graded.outcome, "lenient": graded.lenient, "label": label[0]}
        if graded.outcome in {"harness_error", "missing"}:
            return Score.unscored(explanation=graded.why or graded.outcome, metadata=said)
        value = CORRECT if graded.strict else INCORRECT
        return Score(value=value, answer=graded.answer, explanation=graded.why, metadata=said)

    return score


def _label(state: TaskState, of_key: list[Instance]) -> list[str] | None:
    text = state.input_text
    return next((each.ground_truth for each in of_key if each.note in text and each.question in text), None)
