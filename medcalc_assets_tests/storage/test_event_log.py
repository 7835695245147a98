"""Dagster's event log with kept connections: the same events as stock, whatever happens in between."""

import inspect
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from medcalc_assets.storage.event_log import KEPT, KeptEventLogStorage

PARTITIONS = dg.StaticPartitionsDefinition([f"p{i}" for i in range(40)])
OVERRIDDEN = [
    name for name, member in vars(KeptEventLogStorage).items() if callable(member) or isinstance(member, classmethod)
]


@dg.asset(partitions_def=PARTITIONS, backfill_policy=dg.BackfillPolicy.single_run())
def many(context: dg.AssetExecutionContext) -> None:
    for key in context.partition_keys:
        context.add_asset_metadata({"key": key}, partition_key=key)


@dg.asset_check(asset=many)
def is_there() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


JOB = dg.Definitions(assets=[many], asset_checks=[is_there], jobs=[dg.define_asset_job("job")]).resolve_job_def("job")
DONE = dg.DagsterEventType.ASSET_MATERIALIZATION
ALL = {"dagster/asset_partition_range_start": "p0", "dagster/asset_partition_range_end": "p39"}


@contextmanager
def instance_of(folder: Path, storage: type[SqliteEventLogStorage] = KeptEventLogStorage) -> Iterator[dg.DagsterInstance]:
    folder.mkdir(exist_ok=True)
    place = {"module": storage.__module__, "class": storage.__name__, "config": {"base_dir": str(folder / "events")}}
    with dg.DagsterInstance.local_temp(str(folder), overrides={"event_log_storage": place}) as instance:
        assert type(instance.event_log_storage) is storage
        yield instance


def run(instance: dg.DagsterInstance) -> str:
    return JOB.execute_in_process(instance=instance, tags=ALL).run_id


def events(instance: dg.DagsterInstance, run_id: str) -> Counter[tuple[object, ...]]:
    found = instance.all_logs(run_id)
    return Counter(
        (each.dagster_event_type, each.step_key, each.dagster_event and each.dagster_event.partition) for each in found
    )


def test_it_overrides_public_names_of_the_base_only():
    """What of Dagster moves is then noticed here, or by the type checker."""
    public = [name for name in OVERRIDDEN if not name.startswith("_")]
    assert set(public) >= {
        "run_connection",
        "index_connection",
        "store_event_batch",
        "watch",
        "end_watch",
        "wipe",
        "dispose",
    }
    for name in public:
        assert hasattr(SqliteEventLogStorage, name), name
        theirs, ours = (inspect.signature(getattr(of, name)) for of in (SqliteEventLogStorage, KeptEventLogStorage))
        assert list(theirs.parameters) == list(ours.parameters), name
    hidden = [name for name in OVERRIDDEN if name.startswith("_") and not name.startswith("__")]
    assert [name for name in hidden if hasattr(SqliteEventLogStorage, name)] == []


def test_the_events_are_those_of_stock_and_stock_reads_them(tmp_path):
    with instance_of(tmp_path / "stock", SqliteEventLogStorage) as stock:
        expected = events(stock, run(stock))
    with instance_of(tmp_path / "kept") as kept:
        run_id = run(kept)
        found = events(kept, run_id)
        assert kept.get_materialized_partitions(dg.AssetKey("many")) == {f"p{i}" for i in range(40)}
    assert found == expected
    assert expected[DONE, "many", "p7"] == 1
    with instance_of(tmp_path / "kept", SqliteEventLogStorage) as back:
        assert events(back, run_id) == expected
        assert back.get_materialized_partitions(dg.AssetKey("many")) == {f"p{i}" for i in range(40)}
        assert run(back)


def test_who_watches_a_run_is_told_of_every_event_to_its_end(tmp_path):
    with instance_of(tmp_path) as instance:
        told: list[object] = []
        run_id = run(instance)
        instance.watch_event_logs(run_id, None, lambda event, cursor: told.append(event.dagster_event_type))
        for _ in range(100):
            if dg.DagsterEventType.RUN_SUCCESS in told:
                break
            time.sleep(0.1)
        assert told.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == 40
        assert dg.DagsterEventType.RUN_SUCCESS in told


def test_a_batch_is_stored_whole_or_not_at_all_and_then_one_by_one(tmp_path, monkeypatch, capfd):
    stored, stock = [], SqliteEventLogStorage.store_event

    def fails_once(self, event):
        stored.append(event)
        if event.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and len(stored) < 60:
            stored.extend([event] * 60)
            raise OSError("No space left on device")
        stock(self, event)

    with instance_of(tmp_path / "kept") as instance:
        monkeypatch.setattr(SqliteEventLogStorage, "store_event", fails_once)
        run_id = run(instance)
        assert "Falling back to storing" in capfd.readouterr().err
        found = events(instance, run_id)
    assert {found[DONE, "many", f"p{i}"] for i in range(40)} == {1}


def test_few_files_are_kept_open_and_one_that_was_replaced_is_opened_anew(tmp_path):
    with instance_of(tmp_path) as instance:
        before = len(os.listdir("/proc/self/fd"))
        ids = [run(instance) for _ in range(8)]
        assert len(os.listdir("/proc/self/fd")) - before <= 3 * KEPT
        storage = instance.event_log_storage
        assert isinstance(storage, KeptEventLogStorage)
        expected = events(instance, ids[-1])
        file = Path(storage.path_for_shard(ids[-1]))
        with closing(sqlite3.connect(file)) as old, closing(sqlite3.connect(copy := file.with_suffix(".copy"))) as new:
            old.backup(new)
            new.execute("DELETE FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'")
            new.commit()
        for ending in ("-wal", "-shm"):
            file.with_name(f"{file.name}{ending}").unlink(missing_ok=True)
        copy.rename(file)
        found = events(instance, ids[-1])
        assert sum(expected.values()) - sum(found.values()) == 40


PROGRAM = """
import os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from medcalc_assets_tests.storage.test_event_log import instance_of, run
with instance_of(Path({folder!r})) as instance:
    {body}
"""


def process(folder: Path, body: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    program = PROGRAM.format(root=root, folder=str(folder), body=body)
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    with instance_of(tmp_path) as instance:
        expected = events(instance, run(instance))
        others = [process(tmp_path, "print(run(instance), run(instance))") for _ in range(2)]
        own = run(instance)
        ids = [own, *(run_id for each in others for run_id in each.communicate(timeout=120)[0].split()[-2:])]
        assert len(set(ids)) == 5
        assert [events(instance, run_id) == expected for run_id in ids] == [True] * 5


def test_a_forked_process_writes_by_itself_and_its_parent_goes_on(tmp_path):
    body = "first = run(instance); pid = os.fork(); second = run(instance); " + (
        "print(first, second, flush=True) if pid == 0 else (os.waitpid(pid, 0), print(second, flush=True)); "
        "os._exit(0) if pid == 0 else None"
    )
    ids = process(tmp_path, body).communicate(timeout=120)[0].split()
    assert len(set(ids)) == 3
    with instance_of(tmp_path) as instance:
        assert [events(instance, run_id) for run_id in ids] == [events(instance, ids[0])] * 3


@pytest.mark.parametrize("after", [0.02, 0.2, 0.5])
def test_a_kill_leaves_a_log_that_can_be_read_and_gone_on_with(tmp_path, after):
    killed = process(tmp_path, "print('ready', flush=True); [run(instance) for _ in range(50)]")
    assert killed.stdout is not None
    assert killed.stdout.readline() == "ready\n"
    time.sleep(after)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with instance_of(tmp_path) as instance:
        expected = events(instance, run(instance))
        for each in instance.get_runs():
            found = events(instance, each.run_id)
            assert found <= expected, "nothing twice, and nothing that was not said"
            made = sum(n for (kind, *_), n in found.items() if kind == DONE)
            assert made in (0, 40), "a batch is there whole or not at all"
