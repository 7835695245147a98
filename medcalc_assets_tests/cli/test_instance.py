"""Dagster's history as the commands keep it: what they say when it is damaged, and how it is kept small."""

import os
import random
import shutil
from pathlib import Path

import dagster as dg
import pytest

from medcalc_assets.cli.instance import DagsterHomeError, instance_of_dagster
from medcalc_assets_tests.cli import process


@dg.job
def some_job() -> None:
    @dg.op
    def nothing() -> None:
        pass

    nothing()


@pytest.fixture(scope="module")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the history of one run. Tests that harm it take a copy."""
    folder = tmp_path_factory.mktemp("dagster")
    shutil.copy(Path(__file__).parents[2] / "dagster.yaml", folder)
    os.environ["DAGSTER_HOME"] = str(folder)
    with instance_of_dagster() as instance:
        some_job.execute_in_process(instance=instance)
    del os.environ["DAGSTER_HOME"]
    return folder


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(60_000))


def cut_short(path: Path) -> None:
    os.truncate(path, 20_000)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(101, len(content), 997):
        content[place] ^= 0xA5
    path.write_bytes(content)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [garbage, cut_short, flipped, a_folder])
@pytest.mark.parametrize("file", ["runs.db", "runs/index.db"])
def test_a_damaged_history_is_told_with_the_remedy(file, harm, dagster_home, tmp_path, monkeypatch):
    home = shutil.copytree(dagster_home, tmp_path / "dagster")
    for log in home.rglob("*-wal"):
        log.unlink()
    harm(home / "history" / file)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with pytest.raises(DagsterHomeError) as caught, instance_of_dagster() as instance:
        some_job.execute_in_process(instance=instance)
    told = str(caught.value)
    assert told.startswith(f"DAGSTER_HOME {home} has a history that cannot be used: ")
    assert "move its folders history and schedules away, which hold no label, and run again." in told


def test_a_command_on_a_damaged_history_ends_with_one_line(dagster_home, tmp_path):
    home = shutil.copytree(dagster_home, tmp_path / "dagster")
    garbage(home / "history" / "runs" / "index.db")
    run = process("run", "-c", "body_mass_index", MEDCALC_HOME=str(tmp_path / "home"), DAGSTER_HOME=str(home))
    _, err = run.communicate()
    assert run.returncode == 1
    assert err.startswith(f"DagsterHomeError DAGSTER_HOME {home} has a history that cannot be used: ")
    assert err.count("\n") == 1, err


def test_settings_of_dagster_that_are_none_are_told_with_the_remedy(dagster_home, tmp_path, monkeypatch):
    home = shutil.copytree(dagster_home, tmp_path / "dagster")
    (home / "dagster.yaml").write_text("telemetry: [")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with (
        pytest.raises(DagsterHomeError, match=r"(?s)has a dagster.yaml that is none: .*Correct it, and run again."),
        instance_of_dagster(),
    ):
        pass
