"""Reading and writing the warehouse, in which every table of the chain lives: the one DuckDB file
`$MEDCALC_HOME/warehouse.duckdb`, or a DuckLake that several machines write at once (MEDCALC_WAREHOUSE)."""

import datetime as dt
import logging
import os
import random
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import duckdb
import polars as pl
import pyarrow as pa

from medcalc_assets.errors import MedcalcError
from medcalc_assets.storage.chain import LINKS, chained
from medcalc_assets.storage.files import LONGEST, make_home
from medcalc_assets.storage.tables import LABEL_EVENTS, PARTITION_COLUMN, SCHEMA, TABLES, TYPES, Table

FILE = "warehouse.duckdb"
FORMER_FILE = "medcalc.duckdb"
"""The name until version 0.1: its catalog had the name of the schema, so that no query found a table."""
FORMER_WORDS = (
    ("actor", "^published$", "authors"),
    ("actor", "^the release$", "v1.0"),
    ("detail", "relabels of published$", "relabels of authors"),
    ("detail", "(^|: )released ", r"\1original "),
    ("detail", "(^|: )The release ", r"\1v1.0 "),
)
"""Of the history: column, what was said until version 0.1 (a pattern), and what is said now."""
ROWS = 8_192
"""How many rows are read at once."""
PART = 5_000
"""Of so many instances all is held at once, where something is made of every one."""
LARGEST_UID = 2**63 - 1
WRITTEN = f"{SCHEMA}.written_partitions"
"""Which partitions of which table have been written, so that an empty partition is told from a missing one; by which code
and run, and when."""
CONFLICT = re.compile("[Cc]onflict|deadlock|could not serialize")
"""How a lake, and its catalog's server, tell that another transaction wrote the same."""
BEGUN = re.compile("duplicate key|already exists")
"""How a lake tells that another process begins it at the same moment."""
INTERRUPTED = re.compile("KeyboardInterrupt|DagsterExecutionInterruptedError")
"""How DuckDB tells of a Ctrl-C in Python that it called, without and within a run of Dagster."""
PATIENCE = 2.0
"""Seconds to wait for another process before saying so."""
CATALOG = FILE.partition(".")[0]
"""The name of the database, of a lake as of the file."""
LAKE, SERVER, FILES = "ducklake:", "postgres:", "lake"
"""How a MEDCALC_WAREHOUSE begins, and the folder of a home in which a lake keeps its files."""
OPTIONS: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": False,
    "memory_limit": "256MB",
    "threads": 2,
}
"""Of a connection. A table that does not exist must not be looked for among the caller's Python variables."""

log = logging.getLogger(__name__)


def home_folder() -> Path:
    """The folder of everything that is kept: MEDCALC_HOME, or ./data."""
    return Path(os.environ.get("MEDCALC_HOME") or "data")


class WarehouseError(MedcalcError):
    """The warehouse cannot be read or written as asked. The message names table, cause and remedy."""


class Conflict(Exception):
    """Another transaction of a lake wrote the same, and was first."""


class Written(NamedTuple):
    """That a partition was written: by code of this version, at this time, in this run; None where an earlier
    medcalc_assets did, or no run."""

    code_version: str | None
    at: dt.datetime | None
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is of a table: its rows, and by partition ("" where there are none) that it was written."""

    rows: int
    written: dict[str, Written]
    is_declared: bool
    """Whether its columns are those that this version declares."""


def lake_address() -> str:
    """MEDCALC_WAREHOUSE: where the catalog of a lake is, as DuckDB's ATTACH takes it; empty for the file.

    Raises WarehouseError.
    """
    address = os.environ.get("MEDCALC_WAREHOUSE", "")
    if address and not address.startswith(LAKE + SERVER):
        raise WarehouseError(
            f"MEDCALC_WAREHOUSE begins with {address.partition(':')[0]!r:.40}: it may be {LAKE}{SERVER}dbname=... host=... "
            "and so on, or be left out for the file in MEDCALC_HOME."
        )
    return address


@dataclass(frozen=True)
class Warehouse:
    """The DuckDB file below `home`, or the lake. Connections to the file are short: DuckDB admits one process at a time."""

    home: Path
    lock_timeout: float = 120.0
    """Seconds to wait for another process that holds the file, or writes the same partition of a lake."""
    lake: str = field(default_factory=lake_address, repr=False)
    """The address of a lake's catalog, which may hold a password; empty for the file."""

    @property
    def path(self) -> Path:
        return self.home / FILE

    @contextmanager
    def connect(self, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one transaction, closed on leaving whatever happens. Readers may share the file.

        Raises WarehouseError if there is no file to read, if another process keeps it locked for `lock_timeout`
        seconds, or if DuckDB cannot open it.
        """
        if self.lake:
            with self._in_lake() as connection:
                yield connection
            return
        self._upgrade()
        if read_only and not self.path.exists():
            raise WarehouseError(f"{self.path} does not exist yet: run the chain first (`medcalc run`).")
        try:
            make_home(self.home)
        except OSError as error:
            raise WarehouseError(f"{self.home} cannot be made: {error}. Let MEDCALC_HOME name a folder.") from error
        with self._opened(self.path, read_only) as connection:
            unchained = _is_unchained(connection)
            if not unchained or not read_only:
                connection.execute("SET TimeZone = 'UTC'")
                if unchained:
                    _chain_history(connection)
                yield connection
                return
        with self.connect():  # which can write
            pass
        with self.connect(read_only=True) as connection:
            yield connection

    @contextmanager
    def _opened(self, path: Path, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to the file, once no other process holds it."""
        began, told = time.monotonic(), False
        while True:
            try:
                connection = duckdb.connect(path, read_only=read_only, config=OPTIONS)
                break
            except duckdb.Error as error:
                if "Could not set lock on file" not in str(error):
                    raise _unusable(path, "opened", error) from error
                waited = time.monotonic() - began
                if waited > PATIENCE and not told:
                    log.warning("Waiting for %s, which %s has open.", path, _holder(error))
                    told = True
                if waited > self.lock_timeout:
                    raise WarehouseError(
                        f"{path} has been in use by {_holder(error)} for {self.lock_timeout:.0f} s. Close that "
                        "(a DuckDB shell, a notebook, another run) and run again; nothing was changed."
                    ) from error
                time.sleep(random.uniform(0.02, 0.25))
        try:
            yield connection
        except RuntimeError as error:
            if str(error) == "Query interrupted":  # Ctrl-C, as DuckDB tells it
                raise KeyboardInterrupt from error
            raise
        except duckdb.ProgrammingError:
            raise
        except duckdb.Error as error:
            raise _unusable(path, "used", error) from error
        finally:
            connection.close()

    @contextmanager
    def _in_lake(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that has the lake as its database. What DuckDB says is told without the address."""
        make_home(self.home)
        files = self.home / FILES
        with self._opened(Path(":memory:")) as connection:
            attach = f"ATTACH {_quoted(self.lake)} AS {CATALOG} (DATA_PATH {_quoted(str(files))})"
            try:
                try:
                    connection.execute(attach)
                except duckdb.Error as error:
                    if not BEGUN.search(str(error)):
                        raise
                    time.sleep(PATIENCE)
                    connection.execute(attach)
            except duckdb.Error as error:
                kind = type(error).__name__
                raise WarehouseError(
                    f"The lake of MEDCALC_WAREHOUSE cannot be opened ({kind}). Is its catalog's server running, may you log "
                    "in there, does DuckDB have its extensions (`INSTALL ducklake; INSTALL postgres`), and is MEDCALC_HOME "
                    "the folder in which the lake was begun?"
                ) from None
            connection.execute(f"USE {CATALOG}")
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    @contextmanager
    def _alone(self, table: Table, partitions: Sequence[str] | None) -> Iterator[None]:
        """While nobody else writes these partitions of a lake; they are given back by whoever dies, too.

        A lake alone lets two write a partition for the first time, as neither changes a row that is there.
        """
        try:
            import psycopg
        except ImportError as error:
            raise WarehouseError("A lake takes the extra `postgres`: pip install 'medcalc_assets[postgres]'.") from error
        keys = [""] if partitions is None else partitions
        places = sorted(int.from_bytes(sha256(f"{table.name} {key}".encode()).digest()[:8], signed=True) for key in keys)
        lock = "SELECT pg_advisory_lock(place) FROM (SELECT unnest(%s::bigint[]) AS place ORDER BY 1) AS places"
        try:
            server = psycopg.connect(self.lake.removeprefix(LAKE + SERVER), autocommit=True)
        except psycopg.Error as error:
            kind = type(error).__name__
            raise WarehouseError(f"The server of MEDCALC_WAREHOUSE cannot be reached ({kind}). Is it running?") from None
        with server:
            server.execute(lock, [places])
            yield

    @property
    def _is_there(self) -> bool:
        return bool(self.lake) or self.path.exists()

    def compact(self) -> None:
        """Of a lake: merge the small files of single runs, and delete those that no table has any more."""
        if self.lake:
            with self.connect() as connection:
                connection.execute(f"CALL ducklake_expire_snapshots('{CATALOG}', older_than => now() - INTERVAL 1 DAY)")
                connection.execute(f"CALL ducklake_merge_adjacent_files('{CATALOG}')")
                connection.execute(f"CALL ducklake_cleanup_old_files('{CATALOG}', older_than => now() - INTERVAL 1 DAY)")

    def _upgrade(self) -> None:
        """Give the file of a former version today's name, and its history today's words. Done again after a kill."""
        former = self.home / FORMER_FILE
        if self.path.exists() or not former.exists():
            return
        with self._opened(former) as connection:
            if not self.path.exists():
                if _exists(connection, LABEL_EVENTS):
                    for column, was, now in FORMER_WORDS:
                        said = f"UPDATE medcalc.{LABEL_EVENTS.full_name} SET {column} = regexp_replace({column}, ?, ?)"
                        connection.execute(said, [was, now])
                connection.execute("CHECKPOINT")
                os.replace(former, self.path)

    def write(
        self,
        table: Table,
        frames: Iterable[pl.DataFrame],
        partitions: Sequence[str] | None = None,
        code_version: str | None = None,
        run_id: str | None = None,
    ) -> int:
        """Replace these partitions (the whole table, for None) with the frames, and return the table's row count.

        `code_version` and `run_id` say which code and run made them, and are stored in the same transaction: after any
        failure the table is what it was before. To an append-only table the rows that it does not have are added; nothing is
        replaced. Any other table that was made by another version of the project is made anew, and its other partitions have
        to be written again.

        Raises WarehouseError if a frame is not as the table declares: a column missing, unknown or of another type, null
        where an answer is required, a repeated key, a row of a partition that is not being written, or in an append-only
        table another row under a key that it has.
        """
        if not self.lake:
            return self._write(table, frames, partitions, code_version, run_id)
        frames, began = list(frames), time.monotonic()
        while True:  # a lake refuses whoever commits later of two that write the same
            try:
                with self._alone(table, partitions):
                    return self._write(table, frames, partitions, code_version, run_id)
            except Conflict as error:
                if time.monotonic() - began > self.lock_timeout:
                    raise WarehouseError(
                        f"{table.name} was not written: others write the same partition, for {self.lock_timeout:.0f} s. Run "
                        "again; the table is as they leave it."
                    ) from error
                time.sleep(random.uniform(0.02, 0.5))

    def _write(
        self,
        table: Table,
        frames: Iterable[pl.DataFrame],
        partitions: Sequence[str] | None,
        code_version: str | None,
        run_id: str | None,
    ) -> int:
        where, parameters = _where(partitions)
        keys = [""] if partitions is None else list(partitions)
        frames = iter(frames)
        first = list(islice(frames, 1))  # a download may precede it, during which the file must not be locked
        schema = pl.DataFrame(schema=table.polars_schema).to_arrow().schema
        failures: list[BaseException] = []

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for frame in chain(first, frames):
                    _require_declared(frame, table, partitions)
                    yield from frame.select(table.names).to_arrow().cast(schema).to_batches()
            except BaseException as error:  # DuckDB, which calls this, makes a text of it, of an interrupt, too
                failures.append(error)
                raise

        with self.connect() as connection:
            # Closing the connection before the commit undoes everything, whatever the reason.
            connection.begin()
            try:
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
                connection.execute(f"CREATE TABLE IF NOT EXISTS {WRITTEN} (table_name VARCHAR, {PARTITION_COLUMN} VARCHAR)")
                # Version 0.1 had none of them, 0.2 no run.
                for since in ("code_version VARCHAR", "written_at TIMESTAMP WITH TIME ZONE", "run_id VARCHAR"):
                    connection.execute(f"ALTER TABLE {WRITTEN} ADD COLUMN IF NOT EXISTS {since}")
                if not table.append_only and _differing_columns(connection, table):
                    connection.execute(f"DROP TABLE {table.full_name}")
                    connection.execute(f"DELETE FROM {WRITTEN} WHERE table_name = ?", [table.name])
                is_new = not _exists(connection, table)
                connection.execute(table.ddl)
                if self.lake and is_new and table.partitioned:
                    connection.execute(f"ALTER TABLE {table.full_name} SET PARTITIONED BY ({PARTITION_COLUMN})")
                _require_declared_columns(connection, table)
                if not table.append_only:
                    connection.execute(f"DELETE FROM {table.full_name} {where}", parameters)
                # One statement for all frames: DuckDB keeps in memory what several have written until the commit.
                connection.register("incoming", pa.RecordBatchReader.from_batches(schema, batches()))
                connection.execute(f"INSERT INTO {table.full_name} BY NAME {_new_rows(table)}")
                _require_unique_keys(connection, table)
                known = f"table_name = ? AND {PARTITION_COLUMN} IN (SELECT unnest(?))"
                connection.execute(f"DELETE FROM {WRITTEN} WHERE {known}", [table.name, keys])
                made = [table.name, keys, code_version, run_id]
                connection.execute(f"INSERT INTO {WRITTEN} SELECT ?, unnest(?), ?, get_current_timestamp(), ?", made)
                rows = connection.execute(f"SELECT count(*) FROM {table.full_name}").fetchall()[0][0]
                connection.commit()
            except duckdb.Error as error:
                if failures:
                    raise failures[0] from None
                if self.lake and CONFLICT.search(str(error)):
                    raise Conflict from error
                if INTERRUPTED.search(str(error)):  # Ctrl-C while DuckDB had the reader, which makes a text of it, too
                    raise KeyboardInterrupt from None
                _refuse(table, f"DuckDB says: {error}. Free disk space if that is what lacks, and run again")
        return int(rows)

    def copy_to(self, path: Path) -> None:
        """Copy all tables, of one moment, into a new file. Raises WarehouseError."""
        with self.connect() as connection:
            connection.execute("ATTACH ? AS copy", [str(path)])
            connection.execute(f"COPY FROM DATABASE {CATALOG} TO copy")
            connection.execute("DETACH copy")

    def has(self, table: Table) -> bool:
        """Whether the table has ever been written."""
        if not self._is_there:
            return False
        with self.connect(read_only=True) as connection:
            return _exists(connection, table)

    def written(self, table: Table) -> set[str]:
        """The partitions of the table that have been written, empty ones included."""
        if not self._is_there:
            return set()
        with self.connect(read_only=True) as connection:
            return _written(connection, table) if _exists(connection, table) else set()

    def contents(self) -> dict[str, Contents]:
        """What there is of every table that has been written."""
        if not self._is_there:
            return {}
        with self.connect(read_only=True) as connection:
            there = [table for table in TABLES.values() if _exists(connection, table)]
            written: dict[str, dict[str, Written]] = {table.name: {} for table in there}
            for row in connection.sql(f"SELECT * FROM {WRITTEN}").pl().to_dicts() if there else ():
                if row["table_name"] in written:
                    made = Written(row.get("code_version"), row.get("written_at"), row.get("run_id"))
                    written[row["table_name"]][row[PARTITION_COLUMN]] = made
            return {
                table.name: Contents(
                    connection.execute(f"SELECT count(*) FROM {table.full_name}").fetchall()[0][0],
                    written[table.name],
                    not _differing_columns(connection, table),
                )
                for table in there
            }

    def rows_of(self, uid: int) -> dict[str, list[dict[str, Any]]]:
        """All that is stored of one instance: by table of instances its rows, ordered by key; none of an absent table."""
        of_instances = {table.name: table for table in TABLES.values() if "uid" in table.key}
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in of_instances}
        with self.connect(read_only=True) as connection:
            stored = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [SCHEMA]).fetchall()
            for name in rows.keys() & {name for (name,) in stored}:
                table = of_instances[name]
                _require_declared_columns(connection, table)
                query = f"SELECT * FROM {table.full_name} WHERE uid = ? ORDER BY {', '.join(table.key)}"
                rows[name] = connection.sql(query, params=[uid]).pl().to_dicts()
        return rows

    def read(
        self,
        table: Table,
        partitions: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        uids: tuple[int, int] | None = None,
    ) -> pl.DataFrame:
        """These partitions (all that has been written, for None), columns (all, for None) and instances (from one uid to
        another; all, for None), ordered by key.

        Raises WarehouseError if the table, or one of the partitions, has never been written.
        """
        with self.connect(read_only=True) as connection:
            if not _exists(connection, table):
                raise WarehouseError(
                    f"{table.full_name} does not exist yet: materialize {table.name} first (`medcalc run` does)."
                )
            _require_declared_columns(connection, table)
            written = _written(connection, table)
            if missing := [partition for partition in partitions or [] if partition not in written]:
                raise WarehouseError(
                    f"{table.full_name} has never been written for {len(missing)} of the partitions asked for "
                    f"({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}): materialize {table.name} first."
                )
            chosen = ", ".join(f'"{name}"' for name in columns or table.names)
            where, parameters = _where(partitions)
            if uids is not None:
                where += f"{' AND' if where else 'WHERE'} uid BETWEEN {int(uids[0])} AND {int(uids[1])}"
            # Batch by batch and sorted here: DuckDB would hold all of it, a whole benchmark's notes, a second time.
            rows = connection.sql(f"SELECT {chosen} FROM {table.full_name} {where}", params=parameters).to_arrow_reader(ROWS)
            nothing = pl.DataFrame(schema={name: table.polars_schema[name] for name in columns or table.names})
            frame = pl.concat([nothing, *(pl.DataFrame(batch) for batch in rows)])
        return frame.sort(name for name in table.key if name in frame.columns)


def ranges(uids: pl.Series, part: int | None = None) -> Iterator[tuple[int, int]]:
    """From the first to the last uid of each part: of PART instances, or of so many. Together they leave out no uid that
    there may be elsewhere."""
    size = part or PART
    starts = uids.unique().sort()[size::size].to_list()
    yield from zip([0, *starts], [*(start - 1 for start in starts), LARGEST_UID], strict=True)


def compact(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows, and no longer all the texts of the frame that they were filtered from."""
    return pl.DataFrame(rows.to_arrow())


def _quoted(text: str) -> str:
    """As a literal of SQL, where no parameter may stand."""
    return "'" + text.replace("'", "''") + "'"


def _holder(error: duckdb.Error) -> str:
    """Who has the file open, as DuckDB's error names it."""
    found = re.search(r"held in (\S+) \(PID (\d+)\)", str(error))
    return f"process {found[2]} ({found[1]})" if found else "another process"


def _unusable(path: Path, done: str, error: duckdb.Error) -> WarehouseError:
    said = str(error).partition("\n")[0]  # of an error within DuckDB the stack comes below
    return WarehouseError(
        f"{path} cannot be {done}: {said}. Free disk space if that is what lacks. If the file is damaged, move its folder "
        f"away and restore a backup, or the folder itself without {path.name} and {path.name}.wal: `medcalc restore FROM`."
    )


def _new_rows(table: Table) -> str:
    """Of the incoming rows those to insert. In an append-only table that is none which is there already, unchanged:
    one that differs is inserted, and refused as a repeated key."""
    return f"SELECT * FROM incoming {f'EXCEPT SELECT * FROM {table.full_name}' if table.append_only else ''}"


def _where(partitions: Sequence[str] | None) -> tuple[str, list[list[str]]]:
    return ("", []) if partitions is None else (f"WHERE {PARTITION_COLUMN} IN (SELECT unnest(?))", [list(partitions)])


def _exists(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    found = "SELECT count(*) FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?"
    return bool(connection.execute(found, [SCHEMA, table.name]).fetchall()[0][0])


def _written(connection: duckdb.DuckDBPyConnection, table: Table) -> set[str]:
    query = f"SELECT {PARTITION_COLUMN} FROM {WRITTEN} WHERE table_name = ?"
    return {key for (key,) in connection.execute(query, [table.name]).fetchall()}


def _differing_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """In which columns the stored table, if there is one, is not the declared one."""
    stored = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ?",
        [SCHEMA, table.name],
    ).fetchall()
    declared = [(column.name, column.type) for column in table.columns]
    return sorted({name for name, _ in set(stored) ^ set(declared)}) if stored else []


def _require_declared_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    if differing := _differing_columns(connection, table):
        remedy = (
            "Its rows cannot be made again: use that version, or copy them into a table with the declared columns."
            if table.append_only
            else f"Make it anew: `medcalc run`, or materialize {table.name} in the UI."
        )
        raise WarehouseError(
            f"{table.full_name} was made by another version of medcalc_assets (differing columns: "
            f"{', '.join(differing)}). {remedy}"
        )


def _refuse(table: Table, problem: str) -> NoReturn:
    raise WarehouseError(f"{table.name} was not written: {problem}. The table is as it was before.")


def _require_unique_keys(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    remedy = (
        "What it holds is never changed" if table.append_only else "If the source was changed, materialize all partitions"
    )
    for columns, told in ((table.key, remedy), (table.also_unique, "Another run has added to it meanwhile: run again")):
        key = ", ".join(columns)
        found = f"SELECT {key} FROM {table.full_name} GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1"
        if key and (repeated := connection.execute(found).fetchone()):
            _refuse(table, f"two rows have {key} = {', '.join(map(str, repeated))}. {told}")


def _is_unchained(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether there is a history that version 0.1 made: without hashes, and otherwise as declared."""
    try:
        connection.execute(f"SELECT sha256 FROM {LABEL_EVENTS.full_name} LIMIT 0")
    except duckdb.BinderException:
        return _differing_columns(connection, LABEL_EVENTS) == sorted(LINKS)
    except duckdb.CatalogException:
        pass
    return False


def _chain_history(connection: duckdb.DuckDBPyConnection) -> None:
    """Give every event of a former version its hashes, in the order in which they happened; nothing else of it changes."""
    connection.begin()
    order = "uid, happened_at NULLS FIRST, sequence, event, actor"
    events = connection.sql(f"SELECT * FROM {LABEL_EVENTS.full_name} ORDER BY {order}").pl()
    connection.register("chained", chained(events, {}).to_arrow())
    connection.execute(f"DROP TABLE {LABEL_EVENTS.full_name}")
    connection.execute(LABEL_EVENTS.ddl)
    connection.execute(f"INSERT INTO {LABEL_EVENTS.full_name} BY NAME SELECT * FROM chained")
    connection.commit()
    connection.unregister("chained")


def _longest(texts: pl.Series) -> int:
    """Bytes of the longest text; 0 without any."""
    return pl.select(texts.str.len_bytes().max()).item() or 0


def _require_declared(frame: pl.DataFrame, table: Table, partitions: Sequence[str] | None) -> None:
    """Raise WarehouseError unless the frame is as the table declares."""
    declared = table.names

    if missing := [name for name in declared if name not in frame.columns]:
        _refuse(table, f"column {', '.join(missing)} is missing")
    if unknown := [name for name in frame.columns if name not in declared]:
        _refuse(table, f"column {', '.join(unknown)} is not declared for it")
    for column in table.columns:
        if frame.schema[column.name] != TYPES[column.type]:
            _refuse(
                table,
                f"column {column.name} is {frame.schema[column.name]}, declared {TYPES[column.type]} ({column.type})",
            )
        if not column.nullable and (nulls := frame[column.name].null_count()):
            keys = frame.filter(pl.col(column.name).is_null()).select(table.key).row(0)
            _refuse(table, f"column {column.name} is null in {nulls} rows, first in the one with {table.key} = {keys}")
        if TYPES[column.type] == pl.String and (size := _longest(frame[column.name])) > LONGEST:
            _refuse(table, f"column {column.name} has a cell of {size:,} bytes, and {LONGEST:,} is the most that is kept")
    if partitions is not None and (foreign := set(frame[PARTITION_COLUMN].unique()) - set(partitions)):
        _refuse(table, f"it has rows of {', '.join(sorted(foreign))}, which is not among the partitions of this run")
