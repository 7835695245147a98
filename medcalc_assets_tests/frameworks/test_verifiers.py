"""verifiers 0.4 itself: its own command, with a model that replays answers over HTTP."""

import json
import subprocess
import sys
from pathlib import Path

from medcalc_assets_tests.frameworks import replay

OURS = "from medcalc_assets.grading.frameworks.verifiers_taskset import MedCalcTaskset\n__all__ = ['MedCalcTaskset']\n"


def run(key, said, folder, monkeypatch):
    (folder / "medcalc.py").write_text(OURS)
    monkeypatch.setenv("MEDCALC_NO_KEY", "none")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{Path(__file__).parents[2]}")
    with replay.server(replay.Replay(key, said)) as url:
        done = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "vf-eval"), "medcalc", "--env.taskset.key", str(key)),
                *("--env.agent.harness.id", "null", "--model", "replay", "--client.base-url", url),
                *("--client.api-key-var", "MEDCALC_NO_KEY", "--no-push", "--no-rich", "--output-dir", str(folder / "out")),
            ],
            capture_output=True,
            text=True,
            cwd=folder,
        )
    assert done.returncode == 0, (done.stdout + done.stderr)[-9000:]
    (traces,) = (folder / "out").rglob("traces.jsonl")
    return [json.loads(line) for line in traces.read_text().splitlines()]


def test_the_taskset_rewards_as_ours(tmp_path, monkeypatch):
    key, said = replay.invented(tmp_path)
    found = run(key, said, tmp_path, monkeypatch)
    print(json.dumps(found[0])[:3000])
    assert len(found) == 15
