"""Dagster's history as the commands keep it: what they say when it is damaged, and how it is kept small."""

import os
import random
import shutil
from pathlib import Path

import dagster as dg
import pytest

from medcalc_assets.cli.instance import DagsterHomeError, instance_of_dagster
from medcalc_assets.defs.housekeeping import housekeeping
from medcalc_assets.defs.settings import Settings
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


PARTS = dg.StaticPartitionsDefinition(["a", "b"])


@dg.asset(partitions_def=PARTS)
def labels(context: dg.AssetExecutionContext) -> None:
    pass


@dg.asset_check(asset=labels)
def labels_are_right() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_old_runs_go_with_their_files_and_every_partition_stays_materialized(dagster_home, tmp_path, monkeypatch):
    """Dagster's own deletion takes the materializations of a run with it: all materialized partitions became none."""
    home = shutil.copytree(dagster_home, tmp_path / "dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    resources = {"settings": Settings(home=str(tmp_path / "data"))}
    with instance_of_dagster() as instance:
        dg.materialize([labels, labels_are_right], instance=instance, partition_key="a")
        for _ in range(6):
            last = dg.materialize([labels, labels_are_right], instance=instance, partition_key="b").run_id
        files, before = len(list(home.rglob("*"))), size_of(home)
        kept = housekeeping.execute_in_process(instance=instance, run_config=older_than(30), resources=resources)
        assert instance.get_runs_count() == 9, "nothing is that old"
        done = housekeeping.execute_in_process(instance=instance, run_config=older_than(0), resources=resources)
        left = {run.run_id for run in instance.get_runs()}
        assert last in left
        assert len(left) == 3, "of a, of b, and the one that is tidying"
        assert {done.run_id} < left
        assert kept.run_id not in left
        assert instance.get_materialized_partitions(labels.key) == {"a", "b"}
        assert {path.stem for path in (home / "history" / "runs").glob("*.db")} == left | {"index"}
    assert len(list(home.rglob("*"))) < files
    assert size_of(home) < before


def older_than(days: int) -> dict[str, object]:
    return {"ops": {"tidy": {"config": {"days": days}}}, "loggers": {"console": {"config": {"log_level": "ERROR"}}}}
