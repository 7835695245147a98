"""The warehouse as a DuckLake in Debian's PostgreSQL: the same tables, several writers at once, kills (make test-ducklake).

Its extensions come from packages of a third party, for DuckDB 1.5.5; users have DuckDB install the official ones.
"""

import multiprocessing
import os
import signal
import time
from importlib import resources
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from medcalc_assets.calculators import KEYS
from medcalc_assets.storage.tables import LABEL_EVENTS, RELABELS, TABLES
from medcalc_assets.storage.warehouse import FILE, FILES, Warehouse, WarehouseError, lake_address
from medcalc_assets_tests.cli import process
from medcalc_assets_tests.test_deploy import MODEL, THREE, backfill_with_a_kill, finish_quietly

NOT_COMPARED = {
    "happened_at",
    "run_id",
    "previous_sha256",
    "sha256",
    "requested_at",
    "latency_seconds",
    "made_at",
    "released_at",
}
PROCESSES = multiprocessing.get_context("spawn")


@pytest.fixture(scope="session")
def extensions(tmp_path_factory):
    """A home folder in which DuckDB finds its extensions, so that it looks for them nowhere else."""
    home = tmp_path_factory.mktemp("home")
    ((platform,),) = duckdb.sql("PRAGMA platform").fetchall()
    folder = home / ".duckdb" / "extensions" / f"v{duckdb.__version__}" / platform
    folder.mkdir(parents=True)
    for package in ("duckdb_extension_ducklake", "duckdb_extension_postgres_scanner"):
        (file,) = Path(str(resources.files(package))).rglob("*.duckdb_extension")
        (folder / file.name).symlink_to(file)
    return home


@pytest.fixture
def lake(extensions, new_database, tmp_path, monkeypatch):
    """A new lake, whose catalog is a database of its own."""
    url = new_database()
    monkeypatch.setenv("HOME", str(extensions))
    address = f"ducklake:postgres:dbname={url.database} host=127.0.0.1 port={url.port} user={url.username}"
    monkeypatch.setenv("MEDCALC_WAREHOUSE", address)
    return Warehouse(tmp_path / "shared")


def relabels(key: str, value: float) -> pl.DataFrame:
    """Two rows of a partition."""
    cells = {
        "uid": [2 * KEYS.index(key), 2 * KEYS.index(key) + 1],
        "calculator_id": [1, 1],
        "calculator": [key, key],
        "auditor": ["a", "a"],
        "relabel_kind": ["number", "number"],
        "relabel_number": [value, value],
        "status": ["high_confidence", "high_confidence"],
    }
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in RELABELS.polars_schema.items() if name not in cells]
    frame = pl.DataFrame(cells).with_columns(absent)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in RELABELS.polars_schema.items())


def write_all(home: Path, writer: int, rounds: int) -> None:
    """What one process does: every partition, in its own order, round after round."""
    warehouse = Warehouse(home)
    keys = KEYS[:8]
    for nth in range(rounds):
        for step in range(len(keys)):
            key = keys[(step + 2 * writer) % len(keys)]
            warehouse.write(RELABELS, [relabels(key, 100 * writer + nth)], [key], code_version="1", run_id=f"{writer}")


def tables_of(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    return {name: warehouse.read(TABLES[name]) for name, found in warehouse.contents().items() if found.rows}


def test_the_chain_writes_the_same_tables_to_a_lake_as_to_the_file(lake, start_chain, monkeypatch):
    on_lake = start_chain()
    on_lake.run()
    assert [check.check_name for check in on_lake.checks if not check.passed] == []
    assert not on_lake.settings.warehouse.path.exists()
    of_lake = tables_of(on_lake.settings.warehouse)
    lake_home = on_lake.settings.warehouse.home
    monkeypatch.delenv("MEDCALC_WAREHOUSE")
    in_file = start_chain()
    in_file.run()
    of_file = tables_of(in_file.settings.warehouse)
    assert of_lake.keys() == of_file.keys()
    assert len(of_lake) > 20
    for name, frame in of_lake.items():
        columns = [each for each in frame.columns if each not in NOT_COMPARED]
        assert_frame_equal(frame.select(columns), of_file[name].select(columns), check_row_order=False)
    partitions = {path.parent.name for path in (lake_home / FILES).rglob("medcalc/relabels/calculator=*/*.parquet")}
    assert partitions == {f"calculator={key}" for key in KEYS}


def test_four_processes_write_at_once_and_every_partition_is_whole(lake):
    writers = [PROCESSES.Process(target=write_all, args=(lake.home, writer, 3)) for writer in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(500)
    assert [each.exitcode for each in writers] == [0, 0, 0, 0]
    found = lake.read(RELABELS)
    assert found.height == 2 * 8, "no row twice, and none lost, though four wrote each partition for the first time"
    assert found.group_by("calculator").agg(pl.col("relabel_number").n_unique())["relabel_number"].unique().to_list() == [1]
    assert {value % 100 for value in found["relabel_number"]} == {2.0}, "the last round of somebody"
    lake.compact()
    assert lake.read(RELABELS).equals(found)


def test_a_writer_that_is_killed_leaves_every_partition_as_before_or_after(lake):
    for key in KEYS[:8]:
        lake.write(RELABELS, [relabels(key, -1)], [key])
    for nth in range(6):
        writer = PROCESSES.Process(target=write_all, args=(lake.home, nth, 50))
        writer.start()
        while writer.is_alive() and lake.read(RELABELS)["relabel_number"].max() < 100 * nth:
            time.sleep(0.05)  # until it has begun to write
        time.sleep(0.1 * nth)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert writer.exitcode == -signal.SIGKILL, "in the middle"
        found = lake.read(RELABELS)
        assert found.height == 16
        whole = found.group_by("calculator").agg(pl.col("relabel_number").n_unique())
        assert whole["relabel_number"].unique().to_list() == [1]
        assert lake.contents()["relabels"].written.keys() == set(KEYS[:8])
    assert found["relabel_number"].max() >= 500, "the last wrote before its kill, too"


def add(home: Path, events: Path) -> None:
    """What one process does: add these events, which others add as well."""
    Warehouse(home).write(LABEL_EVENTS, [pl.read_parquet(events)], KEYS[:1])


def test_events_that_four_add_at_once_are_there_once(lake, demo, tmp_path, monkeypatch):
    address = os.environ["MEDCALC_WAREHOUSE"]
    monkeypatch.delenv("MEDCALC_WAREHOUSE")
    events = demo.read("label_events").filter(calculator=KEYS[0])
    assert events.height > 30
    events.write_parquet(tmp_path / "events.parquet")
    monkeypatch.setenv("MEDCALC_WAREHOUSE", address)
    writers = [PROCESSES.Process(target=add, args=(lake.home, tmp_path / "events.parquet")) for _ in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(300)
    assert [each.exitcode for each in writers] == [0, 0, 0, 0]
    assert_frame_equal(lake.read(LABEL_EVENTS), events, check_row_order=False)


def test_runs_of_a_calculator_each_write_at_once_what_one_run_writes_to_the_file(
    lake, databases, gemini, tmp_path, monkeypatch
):
    """With Dagster's history and the ledger in that PostgreSQL, too: a team's deployment."""
    backfill_with_a_kill(databases, gemini)
    asked = len(gemini.asked)
    of_lake = tables_of(Warehouse(Path(os.environ["MEDCALC_HOME"])))
    assert not (Path(os.environ["MEDCALC_HOME"]) / FILE).exists()
    monkeypatch.delenv("MEDCALC_WAREHOUSE")
    in_file = {"MEDCALC_HOME": str(tmp_path / "in_file")}
    finish_quietly(process("run", "--auditor", MODEL, *(word for key in THREE for word in ("-c", key)), **in_file))
    assert len(gemini.asked) == asked, "the ledger has every answer"
    of_file = tables_of(Warehouse(tmp_path / "in_file"))
    assert len(of_file["maintained_labels"]) == 18
    for name in (name for name, frame in of_file.items() if TABLES[name].partitioned and frame.height):
        columns = [each for each in of_file[name].columns if each not in NOT_COMPARED]
        assert_frame_equal(of_lake[name].select(columns), of_file[name].select(columns), check_row_order=False)


def test_a_lake_that_cannot_be_opened_is_told_without_its_password(lake, monkeypatch):
    monkeypatch.setenv("MEDCALC_WAREHOUSE", "ducklake:postgres:dbname=x host=127.0.0.1 port=1 password=a-secret")
    with pytest.raises(WarehouseError, match="The lake of MEDCALC_WAREHOUSE cannot be opened") as refused:
        Warehouse(lake.home).contents()
    assert "a-secret" not in f"{refused.value!r} {refused.value.__cause__!r} {Warehouse(lake.home)!r}"
    monkeypatch.setenv("MEDCALC_WAREHOUSE", "postgresql://me:a-secret@host/db")
    with pytest.raises(WarehouseError, match="MEDCALC_WAREHOUSE begins with 'postgresql': it may be ducklake:") as refused:
        lake_address()
    assert "a-secret" not in str(refused.value)


def test_no_table_is_of_a_type_that_a_lake_has_not(lake):
    for table in TABLES.values():
        lake.write(table, [pl.DataFrame(schema=table.polars_schema)], KEYS[:1] if table.partitioned else None)
    assert lake.contents().keys() == TABLES.keys()
