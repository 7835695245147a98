"""What the warehouse accepts, what it refuses, and that a refusal, a full disk or a kill leaves the old table behind.

The tables are real ones of the chain; the other processes are real processes.
"""

import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from dagster import DagsterExecutionInterruptedError

from medcalc_assets.storage.chain import LINKS, chained
from medcalc_assets.storage.tables import AUDIT_FLAGS, LABEL_EVENTS, PHYSICIAN_LABELS, RELABELS, TABLES, Table
from medcalc_assets.storage.warehouse import Warehouse, WarehouseError

ROOT = Path(__file__).parents[2]
ABSENT = pl.Null()


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "home", lock_timeout=0.3)


def flags(calculator: str, *uids: int, n_votes: int = 5, calculator_id: int = 1) -> pl.DataFrame:
    """What Phase 1 decided on these instances."""
    return pl.DataFrame(
        {
            "uid": uids,
            "calculator_id": calculator_id,
            "calculator": calculator,
            "auditor": "a model",
            "n_votes": n_votes,
            "n_flags": 0,
            "status": "passed",
            "model_version": None,
            "prompt_sha256": None,
        },
        schema=AUDIT_FLAGS.polars_schema,
    )


def with_column(column: str, value: Any, dtype: pl.DataType | None = None) -> pl.DataFrame:
    """Flags on uids 1 and 2 with another value in one column."""
    values = pl.lit(value, dtype or AUDIT_FLAGS.polars_schema[column])
    return flags("map", 1, 2).with_columns(values.alias(column))


def uids(warehouse: Warehouse, table: Table = AUDIT_FLAGS) -> list[int]:
    return warehouse.read(table)["uid"].to_list()


def start(function: str, *arguments: object) -> "subprocess.Popen[str]":
    """A function of this module in a process of its own."""
    call = f"from {__name__} import {function}; import sys; {function}(*sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", call, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def is_held(path: Path) -> bool:
    """Whether this process holds the file's lock, as another process sees it (a lock of DuckDB's is one of POSIX)."""
    ask = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    answer = subprocess.run([sys.executable, "-S", "-c", ask, path], capture_output=True, text=True)
    assert answer.returncode == 0 or "BlockingIOError" in answer.stderr, answer.stderr
    return answer.returncode != 0


# What a table accepts


def test_columns_go_by_name_in_whatever_order_they_come(warehouse: Warehouse) -> None:
    frame = flags("map", 1, 2).with_columns(n_votes=pl.lit(5, pl.Int32), n_flags=pl.lit(3, pl.Int32))
    warehouse.write(AUDIT_FLAGS, [frame.select(reversed(frame.columns))], ["map"])
    assert warehouse.read(AUDIT_FLAGS).equals(frame)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_an_empty_table_is_read_back_with_the_declared_schema(warehouse: Warehouse, table: Table) -> None:
    assert warehouse.write(table, [pl.DataFrame(schema=table.polars_schema)], ["map"] if table.partitioned else None) == 0
    assert warehouse.read(table).schema == table.polars_schema


def test_a_partition_without_a_single_frame_is_written_too(warehouse: Warehouse) -> None:
    warehouse.write(AUDIT_FLAGS, iter([]), ["map"])
    assert warehouse.read(AUDIT_FLAGS, ["map"]).is_empty()


def test_values_of_every_type_come_back_as_they_went_in(warehouse: Warehouse) -> None:
    row = dict.fromkeys(PHYSICIAN_LABELS.names, "Größe 体 \x00 ' \" \n\r , ; ('33 weeks', '4 days')") | {
        "uid": 2**63 - 1,
        "calculator_id": -(2**31),
        "physician_number": 5e-324,
        "physician_date": date(1, 1, 1),
        "rationale": None,
        "assumptions": "",
        "answered_at": None,
    }
    frame = pl.DataFrame([row], schema=PHYSICIAN_LABELS.polars_schema)
    warehouse.write(PHYSICIAN_LABELS, [frame], [row["calculator"]])
    assert warehouse.read(PHYSICIAN_LABELS).equals(frame, null_equal=True)


def test_a_time_is_the_same_moment_wherever_it_is_read(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    row = dict.fromkeys(PHYSICIAN_LABELS.names, "x") | {"uid": 1, "calculator_id": 9, "physician_number": 1.0}
    at = pl.Series([1_766_000_000_123_456]).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame([row | {"physician_date": None, "answered_at": at[0]}], schema=PHYSICIAN_LABELS.polars_schema)
    warehouse.write(PHYSICIAN_LABELS, [frame], ["x"])
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert warehouse.read(PHYSICIAN_LABELS).equals(frame)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_batch_after_batch_iterable_is_one_table(warehouse: Warehouse) -> None:
    batches = (flags(name, uid) for name, uid in (("map", 1), ("sirs", 2), ("map", 3)))
    assert warehouse.write(AUDIT_FLAGS, batches, ["map", "sirs"]) == 3
    assert uids(warehouse) == [1, 2, 3]


def test_writing_a_partition_again_replaces_it_and_no_other(warehouse: Warehouse) -> None:
    warehouse.write(AUDIT_FLAGS, [flags("map", 1, 2), flags("sirs", 3)], ["map", "sirs"])
    assert warehouse.write(AUDIT_FLAGS, [flags("map", 4)], ["map"]) == 2
    assert uids(warehouse) == [3, 4]


def test_a_table_without_partitions_is_replaced_as_a_whole(warehouse: Warehouse) -> None:
    warehouse.write(AUDIT_FLAGS, [flags("map", 1), flags("sirs", 2)])
    warehouse.write(AUDIT_FLAGS, [flags("map", 5)])
    assert uids(warehouse) == [5]


def test_an_empty_partition_is_told_from_one_that_was_never_written(warehouse: Warehouse) -> None:
    warehouse.write(AUDIT_FLAGS, [flags("map", 1)], ["map", "sirs"])
    assert warehouse.read(AUDIT_FLAGS, ["sirs"]).is_empty()
    with pytest.raises(WarehouseError, match=r"never been written for 1 of the partitions asked for \(fena\).*materialize"):
        warehouse.read(AUDIT_FLAGS, ["map", "sirs", "fena"])


def test_rows_come_in_the_order_of_their_key_and_only_the_columns_asked_for(warehouse: Warehouse) -> None:
    warehouse.write(AUDIT_FLAGS, [flags("map", 3, 1), flags("map", 2)], ["map"])
    assert warehouse.read(AUDIT_FLAGS, columns=["status", "uid"]).to_dict(as_series=False) == {
        "status": ["passed"] * 3,
        "uid": [1, 2, 3],
    }


def test_a_missing_table_is_not_looked_for_among_the_variables_of_the_caller(warehouse: Warehouse) -> None:
    audit_flags = flags("map", 1)
    with warehouse.connect() as connection, pytest.raises(duckdb.CatalogException):
        connection.sql("SELECT * FROM audit_flags")
    assert audit_flags.height == 1


# What it refuses, and that a refusal changes nothing

WRONG: dict[str, tuple[list[pl.DataFrame], str]] = {
    "a missing column": ([flags("map", 1).drop("status")], "column status is missing"),
    "an unknown column": ([with_column("statuss", "passed", pl.String())], "column statuss is not declared"),
    "a column under another name": ([flags("map", 1).rename({"n_flags": "flags"})], "column n_flags is missing"),
    "a column that differs in case": ([flags("map", 1).rename({"uid": "UID"})], "column uid is missing"),
    "a decimal for a count": ([with_column("n_votes", 2.7, pl.Float64())], "column n_votes is Float64, declared Int32"),
    "a wider integer": ([with_column("n_votes", 2, pl.Int64())], "column n_votes is Int64, declared Int32"),
    "text for a number": ([with_column("uid", "7", pl.String())], "column uid is String, declared Int64"),
    "a column of nothing but null": ([with_column("status", None, ABSENT)], "column status is Null, declared String"),
    "categories for text": ([with_column("status", "ok", pl.Categorical())], "column status is Categorical"),
    "null for an answer": (
        [flags("map", 1), with_column("status", None).with_columns(uid=pl.Series([8, 9]))],
        "column status is null in 2 rows, first in the one with .*8",
    ),
    "null for a partition": ([with_column("calculator", None)], "column calculator is null in 2 rows"),
    "a key twice in a frame": ([flags("map", 7, 7)], "two rows have uid, auditor = 7, a model"),
    "a key twice in two batches": ([flags("map", 7), flags("map", 8), flags("map", 7)], "two rows have .* = 7, a model"),
    "a key of another partition": ([flags("map", 30)], "two rows have .* = 30, a model"),
    "a row of a foreign partition": ([flags("map", 7), flags("sirs", 8)], "it has rows of sirs, which is not among"),
    "a wrong frame at the end": ([flags("map", uid) for uid in range(5)] + [flags("map", 9).drop("uid")], "uid is missing"),
    "an empty frame of the wrong shape": ([pl.DataFrame(schema={"uid": pl.Int64()})], "column calculator_id, .* is missing"),
}
BY_ITSELF = {name: wrong for name, wrong in WRONG.items() if name != "a key of another partition"}


@pytest.mark.parametrize(("frames", "problem"), WRONG.values(), ids=WRONG)
def test_what_is_not_as_declared_is_refused_and_what_was_there_survives(
    warehouse: Warehouse, frames: list[pl.DataFrame], problem: str
) -> None:
    warehouse.write(AUDIT_FLAGS, [flags("map", 10, 20), flags("sirs", 30)], ["map", "sirs"])
    before = warehouse.read(AUDIT_FLAGS)
    with pytest.raises(WarehouseError, match=problem) as error:
        warehouse.write(AUDIT_FLAGS, iter(frames), ["map"])
    assert "audit_flags was not written" in str(error.value)
    assert "The table is as it was before" in str(error.value)
    assert not is_held(warehouse.path)
    assert warehouse.read(AUDIT_FLAGS).equals(before)


@pytest.mark.parametrize(("frames", "problem"), BY_ITSELF.values(), ids=BY_ITSELF)
def test_a_first_write_that_is_refused_leaves_no_table_and_no_partition(
    warehouse: Warehouse, frames: list[pl.DataFrame], problem: str
) -> None:
    with pytest.raises(WarehouseError, match=problem):
        warehouse.write(AUDIT_FLAGS, frames, ["map"])
    with pytest.raises(WarehouseError, match="does not exist yet: materialize audit_flags first"):
        warehouse.read(AUDIT_FLAGS)


def test_an_error_of_the_asset_itself_midway_changes_nothing_and_is_passed_on(warehouse: Warehouse) -> None:
    def frames() -> Iterator[pl.DataFrame]:
        yield flags("map", 7)
        raise ZeroDivisionError("the asset's own")

    warehouse.write(AUDIT_FLAGS, [flags("map", 10)], ["map"])
    with pytest.raises(ZeroDivisionError, match="the asset's own"):
        warehouse.write(AUDIT_FLAGS, frames(), ["map"])
    assert uids(warehouse) == [10]
    assert not is_held(warehouse.path)


def test_null_is_no_answer_and_permitted_where_the_table_says_so(warehouse: Warehouse) -> None:
    row = dict.fromkeys(RELABELS.names) | {
        "uid": 1,
        "calculator_id": 9,
        "calculator": "map",
        "auditor": "a",
        "status": "deferred",
    }
    frame = pl.DataFrame([row], schema=RELABELS.polars_schema)
    warehouse.write(RELABELS, [frame], ["map"])
    assert warehouse.read(RELABELS).equals(frame, null_equal=True)


OTHER_VERSIONS = ("DROP status", "ADD COLUMN more INTEGER", "ALTER n_votes TYPE DOUBLE", "RENAME status TO verdict")


@pytest.mark.parametrize("other", OTHER_VERSIONS)
def test_a_table_made_by_another_version_is_not_read_and_is_made_anew(warehouse: Warehouse, other: str) -> None:
    warehouse.write(AUDIT_FLAGS, [flags("map", 1), flags("curb_65", 2)], ["map", "curb_65"])
    with warehouse.connect() as connection:
        connection.execute(f"ALTER TABLE {AUDIT_FLAGS.full_name} {other}")
    with pytest.raises(WarehouseError, match=r"another version .*(status|more|n_votes).* or materialize audit_flags"):
        warehouse.read(AUDIT_FLAGS)
    warehouse.write(AUDIT_FLAGS, [flags("map", 3)], ["map"])
    assert warehouse.read(AUDIT_FLAGS)["uid"].to_list() == [3]
    with pytest.raises(WarehouseError, match="never been written for 1 of the partitions"):
        warehouse.read(AUDIT_FLAGS, ["curb_65"])


@pytest.mark.parametrize("killed_before_the_new_name", [False, True])
def test_a_home_of_the_first_version_is_upgraded_on_first_use(
    warehouse: Warehouse, killed_before_the_new_name: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file was `medcalc.duckdb`; its history said "released" of v1.0, and "published" of the authors' files."""
    said = [
        ("imported", "the release", "row d05ed29ddb35"),
        ("relabelled", "published", "high_confidence"),
        ("contested", "published", "released 17; aggregation: the release adds"),
        ("queued", "the queue", "tier 3: released 116.3, relabel 124; relabels of published"),
        ("derivation_audited", "the published rule", "contradicted: The release adds the verbal response twice"),
        ("adjudicated", "published", "computable; rationale: as released by the authors"),
    ]
    instances = pl.DataFrame(
        {"uid": [1], "calculator_id": [21], "calculator": ["gcs"]}, schema_overrides={"calculator_id": pl.Int32}
    )
    cells = dict(zip(("event", "actor", "detail"), map(list, zip(*said, strict=True)), strict=True))
    history = LABEL_EVENTS.of_instances(instances, {"uid": [1] * len(said), "sequence": [0] * len(said), **cells})
    warehouse.write(LABEL_EVENTS, [chained(history, {})], ["gcs"])
    without_hashes(warehouse)
    warehouse.path.rename(warehouse.home / "medcalc.duckdb")
    if killed_before_the_new_name:
        with monkeypatch.context() as patch:
            patch.setattr("medcalc_assets.storage.warehouse.os.replace", raise_interrupted)
            with pytest.raises(InterruptedError):
                warehouse.read(LABEL_EVENTS)
    events = warehouse.read(LABEL_EVENTS, columns=["event", "actor", "detail"]).sort("event")
    assert set(events.iter_rows()) == {
        ("imported", "v1.0", "row d05ed29ddb35"),
        ("relabelled", "authors", "high_confidence"),
        ("contested", "authors", "original 17; aggregation: the release adds"),
        ("queued", "the queue", "tier 3: original 116.3, relabel 124; relabels of authors"),
        ("derivation_audited", "the published rule", "contradicted: v1.0 adds the verbal response twice"),
        ("adjudicated", "authors", "computable; rationale: as released by the authors"),
    }
    assert [path.name for path in warehouse.home.iterdir()] == ["warehouse.duckdb"]


def without_hashes(warehouse: Warehouse) -> None:
    """The history as a version before 0.3 made it."""
    with warehouse.connect() as connection:
        for name in LINKS:
            connection.execute(f"ALTER TABLE {LABEL_EVENTS.full_name} DROP COLUMN {name}")


def raise_interrupted(*_: object) -> None:
    raise InterruptedError


def test_a_history_made_by_another_version_is_kept(warehouse: Warehouse) -> None:
    nothing = pl.DataFrame(schema=LABEL_EVENTS.polars_schema)
    warehouse.write(LABEL_EVENTS, [nothing], ["map"])
    with warehouse.connect() as connection:
        connection.execute(f"ALTER TABLE {LABEL_EVENTS.full_name} ADD COLUMN more INTEGER")
    with pytest.raises(WarehouseError, match="cannot be made again"):
        warehouse.write(LABEL_EVENTS, [nothing], ["map"])
    with warehouse.connect() as connection:
        assert "more" in connection.sql(f"SELECT * FROM {LABEL_EVENTS.full_name}").columns


def test_reading_before_the_first_run_names_the_remedy_and_makes_no_file(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="does not exist yet: run the chain first"):
        warehouse.read(AUDIT_FLAGS)
    assert not warehouse.path.exists()


@pytest.mark.parametrize("folder", ["home", "clock"])
def test_a_file_that_is_no_warehouse_is_an_error_at_once(tmp_path: Path, folder: str) -> None:
    """The name of a folder is not taken for a message about a lock, which would be waited for."""
    warehouse = Warehouse(tmp_path / folder, lock_timeout=1)
    warehouse.home.mkdir()
    warehouse.path.write_bytes(b"no warehouse " * 1_000)
    with pytest.raises(WarehouseError, match="cannot be opened"):
        warehouse.read(AUDIT_FLAGS)
    with pytest.raises(WarehouseError, match="cannot be opened"):
        warehouse.write(AUDIT_FLAGS, [flags("map", 1)])


def test_a_home_that_cannot_be_a_folder_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(WarehouseError, match="MEDCALC_HOME"):
        Warehouse(tmp_path / "home").write(AUDIT_FLAGS, [flags("map", 1)])


# Other processes


def hold(home: str) -> None:
    """Keep the warehouse open, as a DuckDB shell does, until told to go."""
    with Warehouse(Path(home)).connect():
        print("held", flush=True)
        sys.stdin.readline()


def test_a_warehouse_in_use_is_waited_for_and_then_an_error_with_the_remedy(warehouse: Warehouse) -> None:
    warehouse.write(AUDIT_FLAGS, [flags("map", 1)], ["map"])
    holder = start("hold", warehouse.home)
    try:
        assert line(holder) == "held"
        for use in (lambda: warehouse.read(AUDIT_FLAGS), lambda: warehouse.write(AUDIT_FLAGS, [flags("map", 2)], ["map"])):
            began = time.monotonic()
            with pytest.raises(WarehouseError, match=r"in use by process \d+ .*DuckDB shell.*nothing was changed"):
                use()
            assert time.monotonic() - began >= warehouse.lock_timeout
    finally:
        holder.communicate("go\n")
    assert uids(warehouse) == [1]


def test_a_lock_that_is_released_in_time_is_no_error(warehouse: Warehouse) -> None:
    holder = start("hold", warehouse.home)
    assert line(holder) == "held"
    assert holder.stdin
    holder.stdin.write("go\n")
    holder.stdin.flush()
    Warehouse(warehouse.home, lock_timeout=60).write(AUDIT_FLAGS, [flags("map", 1)], ["map"])
    holder.communicate()
    assert uids(warehouse) == [1]


def test_the_file_is_not_locked_while_the_first_frame_is_on_its_way(warehouse: Warehouse) -> None:
    """Before it, a source may be downloaded."""
    warehouse.write(AUDIT_FLAGS, [flags("map", 1)], ["map"])
    held: list[bool] = []

    def frames() -> Iterator[pl.DataFrame]:
        held.append(is_held(warehouse.path))
        yield flags("map", 2)
        held.append(is_held(warehouse.path))

    warehouse.write(AUDIT_FLAGS, frames(), ["map"])
    assert held == [False, True]


def test_readers_share_the_file(warehouse: Warehouse) -> None:
    warehouse.write(AUDIT_FLAGS, [flags("map", 1)], ["map"])
    with warehouse.connect(read_only=True):
        reader = start("read_uids", warehouse.home)
        out, err = reader.communicate()
    assert out.strip() == "[1]", err


def read_uids(home: str) -> None:
    print(uids(Warehouse(Path(home), lock_timeout=0.1)))


def write_often(home: str, calculator: str, first_uid: str) -> None:
    for n in range(8):
        Warehouse(Path(home), lock_timeout=60).write(
            AUDIT_FLAGS, [flags(calculator, *range(int(first_uid), int(first_uid) + 100), n_votes=n)], [calculator]
        )


def test_two_processes_writing_different_partitions_at_the_same_time_both_succeed(warehouse: Warehouse) -> None:
    writers = [start("write_often", warehouse.home, *what) for what in (("map", 0), ("sirs", 100))]
    for writer in writers:
        _, err = writer.communicate()
        assert writer.returncode == 0, err
    assert uids(warehouse) == list(range(200))
    assert warehouse.read(AUDIT_FLAGS)["n_votes"].unique().to_list() == [7]


def test_a_cell_without_end_is_refused_and_the_limit_stated(warehouse: Warehouse) -> None:
    with pytest.raises(
        WarehouseError, match="column status has a cell of 16,000,001 bytes, and 16,000,000 is the most that"
    ):
        warehouse.write(AUDIT_FLAGS, [with_column("status", "x" * 16_000_001)], ["map"])
    assert not warehouse.has(AUDIT_FLAGS)


def write_within(home: str, bytes_free: str) -> None:
    """Replace the table where no file can grow beyond so many bytes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(bytes_free), int(bytes_free)))
    try:
        Warehouse(Path(home)).write(AUDIT_FLAGS, [many(2)], ["map"])
        print("written")
    except WarehouseError as error:
        print(error)


def many(n_votes: int) -> pl.DataFrame:
    """More than DuckDB keeps in memory until the end of a transaction, and badly compressible."""
    return flags("map", *range(130_000), n_votes=n_votes).with_columns(
        status=pl.col("uid").hash(seed=n_votes).cast(pl.String)
    )


@pytest.mark.parametrize("bytes_free", [0, 100_000, 1_500_000, 3_500_000])
def test_a_full_disk_is_a_clear_error_and_the_old_table_survives(
    warehouse: Warehouse, full_table: Path, bytes_free: int
) -> None:
    warehouse.home.mkdir()
    warehouse.path.write_bytes(full_table.read_bytes())
    out, err = start("write_within", warehouse.home, bytes_free).communicate()
    assert "audit_flags was not written" in out, err
    assert "File too large. Free disk space" in out
    left = warehouse.read(AUDIT_FLAGS)
    assert left.height == 130_000
    assert left["n_votes"].unique().to_list() == [1]
    warehouse.write(AUDIT_FLAGS, [flags("map", 1)], ["map"])  # and with room again, it can be written
    assert uids(warehouse) == [1]


@pytest.fixture(scope="module")
def full_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    warehouse = Warehouse(tmp_path_factory.mktemp("full"))
    warehouse.write(AUDIT_FLAGS, [many(1)], ["map"])
    return warehouse.path


def write_and_pause(home: str) -> None:
    def frames() -> Iterator[pl.DataFrame]:
        yield many(2)
        print("midway", flush=True)
        sys.stdin.readline()

    Warehouse(Path(home)).write(AUDIT_FLAGS, frames(), ["map"])


def test_a_writer_killed_in_the_middle_of_a_write_leaves_the_old_table_readable(
    warehouse: Warehouse, full_table: Path
) -> None:
    warehouse.home.mkdir()
    warehouse.path.write_bytes(full_table.read_bytes())
    writer = start("write_and_pause", warehouse.home)
    assert line(writer) == "midway"
    writer.kill()
    writer.communicate()
    left = warehouse.read(AUDIT_FLAGS)
    assert left.height == 130_000
    assert left["n_votes"].unique().to_list() == [1]
    assert warehouse.write(AUDIT_FLAGS, [flags("map", 1)], ["map"]) == 1


def write_for_ever(home: str) -> None:
    for n in range(1_000_000):
        Warehouse(Path(home)).write(AUDIT_FLAGS, [flags("map", *range(2_000), n_votes=n)], ["map"])
        print(n, flush=True)


@pytest.mark.parametrize("seed", range(3))
def test_a_writer_killed_at_a_random_moment_leaves_one_whole_version(warehouse: Warehouse, seed: int) -> None:
    writer = start("write_for_ever", warehouse.home)
    assert line(writer) == "0"
    time.sleep(random.Random(seed).uniform(0, 0.2))
    writer.kill()
    out, _ = writer.communicate()
    acknowledged = max(map(int, out.split()), default=0)
    left = warehouse.read(AUDIT_FLAGS)
    assert left.height == 2_000
    assert left["n_votes"].unique().to_list() in ([acknowledged], [acknowledged + 1])  # what was reported is kept
    warehouse.write(AUDIT_FLAGS, [flags("map", 1)], ["map"])
    assert uids(warehouse) == [1]


class _InterruptedStream:
    @classmethod
    def from_batches(cls, *_: object) -> "_InterruptedStream":
        return cls()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        raise DagsterExecutionInterruptedError


def test_ctrl_c_while_duckdb_takes_the_rows_is_an_interrupt_and_no_full_disk(warehouse, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("medcalc_assets.storage.warehouse.pa.RecordBatchReader", _InterruptedStream)
        with pytest.raises(KeyboardInterrupt):
            warehouse.write(AUDIT_FLAGS, [flags("map", 1)], ["map"])
    assert not warehouse.has(AUDIT_FLAGS)
