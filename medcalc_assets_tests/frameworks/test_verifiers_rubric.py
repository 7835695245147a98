"""verifiers below 0.1.12 itself, with a model that replays answers over HTTP."""

import pytest

from medcalc_assets.grading.frameworks.verifiers_rubric import load_environment
from medcalc_assets_tests.frameworks import replay


def run(key, said):
    environment = load_environment(str(key))
    with replay.server(replay.Replay(key, said)) as url:
        import verifiers as vf

        config = vf.ClientConfig(api_key_var="MEDCALC_NO_KEY", api_base_url=url)
        found = environment.evaluate_sync(client=config, model="replay", num_examples=-1, rollouts_per_example=1)
    return {output["info"]["uid"]: (output["reward"], output["metrics"]["right"]) for output in found["outputs"]}


def test_the_environment_rewards_as_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDCALC_NO_KEY", "none")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    key, said = replay.invented(tmp_path)
    found, graded = run(key, said), replay.expected(key, said)
    assert {uid: reward for uid, (reward, _) in found.items()} == pytest.approx(replay.rewards(key, said))
    assert {uid: right for uid, (_, right) in found.items()} == {uid: float(each.strict) for uid, each in graded.items()}


@pytest.mark.skipif(not replay.REAL_OUTPUTS, reason="MEDCALC_REAL_OUTPUTS is not set")
def test_real_answers_have_the_accuracy_that_is_known_of_them(monkeypatch):
    monkeypatch.setenv("MEDCALC_NO_KEY", "none")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = run(*replay.real())
    assert sum(right for _, right in found.values()) == 214  # 216, but for two texts that occur twice
    print("verifiers (Rubric):", len(found))
