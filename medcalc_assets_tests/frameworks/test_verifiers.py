"""verifiers 0.4 itself: its own command, with a model that replays answers over HTTP."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medcalc_assets_tests.frameworks import replay

OURS = "from medcalc_assets.grading.frameworks.verifiers_taskset import MedCalcTaskset\n__all__ = ['MedCalcTaskset']\n"


def run(key, said, folder, monkeypatch, *options):
    (folder / "medcalc.py").write_text(OURS)
    monkeypatch.setenv("MEDCALC_NO_KEY", "none")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{Path(__file__).parents[2]}")
    with replay.server(replay.Replay(key, said)) as url:
        done = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "vf-eval"), "medcalc", "--env.taskset.key", str(key)),
                *(
                    "--env.agent.harness.id",
                    "null",
                    "--env.agent.runtime.type",
                    "subprocess",
                    "--model",
                    "replay",
                    "--client.base-url",
                    url,
                ),
                *(
                    "--client.api-key-var",
                    "MEDCALC_NO_KEY",
                    "--no-push",
                    "--no-rich",
                    "--output-dir",
                    str(folder / "out"),
                    *options,
                ),
            ],
            capture_output=True,
            text=True,
            cwd=folder,
        )
    assert done.returncode == 0, (done.stdout + done.stderr)[-9000:]
    (traces,) = (folder / "out").rglob("traces.jsonl")
    return [json.loads(line) for line in traces.read_text().splitlines()]


def earned(found):
    """Reward and metric of every task, by uid."""
    (trace,) = zip(*(each["traces"] for each in found), strict=True)
    return {
        int(each["task"]["data"]["id"]): (one["rewards"]["label"]["score"], one["metrics"]["right"])
        for each, one in zip(found, trace, strict=True)
    }


def test_the_taskset_rewards_as_ours(tmp_path, monkeypatch):
    key, said = replay.invented(tmp_path)
    found = run(key, said, tmp_path, monkeypatch)
    graded, rewards = replay.expected(key, said), replay.rewards(key, said)
    assert earned(found) == {uid: (rewards[uid], float(each.strict)) for uid, each in graded.items()}


@pytest.mark.skipif(not replay.REAL_OUTPUTS, reason="MEDCALC_REAL_OUTPUTS is not set")
def test_real_answers_are_graded_as_by_ours(tmp_path, monkeypatch):
    key, said = replay.real()
    found = earned(run(key, said, tmp_path, monkeypatch, "-n", "40"))  # a process each
    graded = replay.expected(key, {uid: text for uid, text in replay.Replay(key, said).said.items() if uid in found})
    assert {uid: right for uid, (_, right) in found.items()} == {uid: float(each.strict) for uid, each in graded.items()}
    assert len(found) == 40
    assert sum(each.strict for each in graded.values())
