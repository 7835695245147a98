"""verl itself, 0.9 and 0.4: it loads the reward function by its path, and calls it with what its trainers have."""

import inspect
from importlib.metadata import version

import numpy
import pytest
from omegaconf import OmegaConf
from verl.trainer.ppo.reward import get_custom_reward_fn

from medcalc_assets.grading.frameworks import instances, verl_reward
from medcalc_assets_tests.frameworks import replay


@pytest.fixture
def compute_score():
    function = {"path": verl_reward.__file__, "name": "compute_score"}
    nested = version("verl") >= "0.5"
    return get_custom_reward_fn(
        OmegaConf.create(
            {"reward": {"custom_reward_function": function}} if nested else {"custom_reward_function": function}
        )
    )


def call(compute_score, text, label):
    return compute_score(data_source="medcalc", solution_str=text, ground_truth=label, extra_info={"uid": 1})


def test_replayed_answers_earn_what_ours_earn_from_numpy_arrays(compute_score, tmp_path):
    key, said = replay.invented(tmp_path)
    found = {
        each.uid: call(compute_score, said[each.uid], numpy.array(each.ground_truth, dtype=object))
        for each in instances(key)
    }
    assert {uid: each["score"] for uid, each in found.items()} == replay.rewards(key, said)
    assert {each["acc"] for each in found.values()} == {0.0, 1.0}
    assert call(compute_score, "<answer>1</answer>", numpy.array([])) == {"score": 0.0, "acc": 0.0}


@pytest.mark.skipif(not replay.REAL_OUTPUTS, reason="MEDCALC_REAL_OUTPUTS is not set")
def test_real_answers_in_tags_earn_one_where_they_are_right(compute_score):
    key, said = replay.real()
    scores = [
        call(compute_score, f"<answer>{said[each.uid]}</answer>", numpy.array(each.ground_truth)) for each in instances(key)
    ]
    assert sum(score["acc"] for score in scores) == 216
    print("verl", version("verl"), len(scores))


def test_the_names_of_its_arguments_are_those_that_verl_gives():
    named = set(inspect.signature(verl_reward.compute_score).parameters)
    assert {"data_source", "solution_str", "ground_truth", "extra_info"} <= named
