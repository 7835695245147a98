"""Inspect itself, with a model that replays answers: the task, and the scorer on a stored log of another task."""

import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match

from medcalc_assets.grading.frameworks import inspect_task, instances
from medcalc_assets_tests.frameworks import replay


def model_of(answers):
    """Tokens are said, so that nobody downloads a tokenizer to count them."""

    def answer(messages, *_):
        output = ModelOutput.from_content("mockllm", answers(messages[-1].text))
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    return get_model("mockllm/model", custom_outputs=answer)


def outcome(log):
    assert log.status == "success", log.error
    return {name: metric.value for name, metric in log.results.scores[-1].metrics.items()}


def test_the_task_grades_as_our_grader(tmp_path):
    key, said = replay.invented(tmp_path)
    (log,) = eval(
        inspect_task.medcalc(str(key)), model=model_of(replay.Replay(key, said)), log_dir=str(tmp_path), display="none"
    )
    graded = replay.expected(key, said)
    assert outcome(log)["accuracy"] == pytest.approx(sum(each.strict for each in graded.values()) / len(graded))
    assert outcome(log)["stderr"] > 0


def test_a_stored_log_of_another_task_is_scored_by_note_and_question(tmp_path):
    key, said = replay.invented(tmp_path)
    samples = [
        Sample(id=f"other-{each.uid}", input=each.prompt, target="?", metadata={"calculator": each.calculator})
        for each in instances(key)
    ]
    samples.append(Sample(id="foreign", input="Another benchmark.", target="?", metadata={"calculator": "none"}))
    answers = replay.Replay(key, said)
    answers.by_prompt["Another benchmark."] = "<answer>1</answer>"
    task = Task(dataset=MemoryDataset(samples), scorer=match(), name="another")
    (log,) = eval(task, model=model_of(answers), log_dir=str(tmp_path), display="none")
    command = [str(Path(sys.executable).parent / "inspect"), "score", log.location, "--action", "append", "--overwrite"]
    scorer = ["--scorer", f"{inspect_task.__file__}@medcalc_scorer", "-S", f"key={key}"]
    done = subprocess.run([*command, *scorer], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    again = read_eval_log(log.location)
    graded = replay.expected(key, said)
    assert outcome(again)["accuracy"] == pytest.approx(sum(each.strict for each in graded.values()) / len(graded))
    foreign = next(sample for sample in again.samples if sample.id == "foreign")
    assert foreign.scores["medcalc_scorer"].explanation == "not in the key"


@pytest.mark.skipif(not replay.REAL_OUTPUTS, reason="MEDCALC_REAL_OUTPUTS is not set")
def test_real_answers_have_the_accuracy_that_is_known_of_them(tmp_path):
    key, said = replay.real()
    (log,) = eval(
        inspect_task.medcalc(str(key)), model=model_of(replay.Replay(key, said)), log_dir=str(tmp_path), display="none"
    )
    scores = [sample.scores["medcalc_scorer"] for sample in log.samples]
    assert sum(score.value == "C" for score in scores) == 214  # 216, but for two texts that occur twice
    assert sum(score.metadata["outcome"] == "harness_error" for score in scores) == 47
    print("inspect:", outcome(log))
