"""lm-evaluation-harness itself, with a model that replays answers."""

from pathlib import Path

import pytest
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

from medcalc_assets.grading import frameworks
from medcalc_assets_tests.frameworks import replay


class Replaying(LM):
    def __init__(self, key, said):
        super().__init__()
        self.answers = replay.Replay(key, said)

    def generate_until(self, requests, disable_tqdm=False):
        return [self.answers(request.args[0]) or "" for request in requests]

    def loglikelihood(self, requests, disable_tqdm=False):
        raise NotImplementedError  # the harness wants the method, and a task that generates never calls it

    loglikelihood_rolling = loglikelihood


def run(key, said):
    manager = TaskManager(
        include_path=str(Path(frameworks.__file__).parent), include_defaults=False, metadata={"key": str(key)}
    )
    found = simple_evaluate(model=Replaying(key, said), tasks=["medcalc"], task_manager=manager, bootstrap_iters=0)
    return {name.split(",")[0]: value for name, value in found["results"]["medcalc"].items()}


def test_the_task_grades_as_our_grader(tmp_path):
    key, said = replay.invented(tmp_path)
    found, graded = run(key, said), replay.expected(key, said).values()
    assert found["acc"] == pytest.approx(sum(each.strict for each in graded) / len(graded))
    assert found["lenient"] == pytest.approx(sum(each.lenient for each in graded) / len(graded))
    assert found["lenient"] > found["acc"]


@pytest.mark.skipif(not replay.REAL_OUTPUTS, reason="MEDCALC_REAL_OUTPUTS is not set")
def test_real_answers_have_the_accuracy_that_is_known_of_them():
    key, said = replay.real()
    graded = replay.expected(key, replay.Replay(key, said).said).values()
    found = run(key, said)
    assert found["acc"] == pytest.approx(sum(each.strict for each in graded) / len(graded))
    assert sum(each.strict for each in graded) == 214  # 216, but for two texts that occur twice
    assert found["lost"] == pytest.approx(47 / len(graded))
    print("lm_eval:", found)
