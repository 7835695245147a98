"""verl itself, 0.9 and 0.4: it loads the reward function by its path, and calls it with what its trainers have."""

import inspect
from importlib.metadata import version
from pathlib import Path

import numpy
import pytest
import verl
from hydra import compose, initialize_config_dir
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


def test_the_configuration_of_the_documents_is_one_of_this_version():
    name = "verl_0_9" if version("verl") >= "0.5" else "verl_0_4"
    folder = Path(__file__).parents[2] / "docs" / "reward"
    with initialize_config_dir(str(folder), version_base=None):
        given = ["data.train_files=a", "data.val_files=b", "trainer.experiment_name=original"]
        config = compose(
            name, [*given, f"{'reward.' if name == 'verl_0_9' else ''}custom_reward_function.path={verl_reward.__file__}"]
        )
    assert (config.data.train_batch_size, config.actor_rollout_ref.rollout.n, config.trainer.total_epochs) == (128, 8, 9)
    assert get_custom_reward_fn(config) is not None
    own = OmegaConf.load(folder / f"{name}.yaml")
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        known = compose("ppo_trainer")
    for section in ("algorithm", "data", "actor_rollout_ref", "trainer"):
        assert not list(unknown(own[section], known[section], section))


def unknown(ours, theirs, where):
    """Keys that verl does not have."""
    for key in ours:
        if key not in theirs.keys():  # noqa: SIM118 - which has those without a value, too
            yield f"{where}.{key}"
        elif OmegaConf.is_dict(ours._get_node(key)):
            yield from unknown(ours[key], theirs[key], f"{where}.{key}")
