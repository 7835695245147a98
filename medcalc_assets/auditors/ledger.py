"""The memory of all that was ever asked and answered: an SQLite file (or another SQL database) that is only appended to.

An attempt is written before it is read. Whatever is known of it (tokens, cost, the answer) is computed from its bytes.
"""

import asyncio
import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from medcalc_assets.errors import MedcalcError
from medcalc_assets.storage.files import LONGEST

VERSION = 1
OF_VERSION = "#"
"""Parts, in an auditor's name, a model from the one served version of it that may answer."""
REQUEST_ID_LENGTH = 16
TOGETHER = 0.005
"""Seconds for which a write waits for others to go with it: with many calls at once each would be one of its own."""
MANY = 500
"""How many keys are looked up at once: all databases take that many parameters."""

UNREADABLE = ("CORRUPT", "NOTADB", "ERROR", "IOERR_READ", "IOERR_SHORT_READ", "IOERR_CORRUPTFS")
"""What SQLite says of a file that is harmed, or is another's."""
SAFE = "What was paid for is kept. {}, and run again: only what is missing is asked for."
LOST = (
    "It is damaged, or no ledger, and answers may be lost: keep the file. Restore a backup (`medcalc restore`), or what "
    "`sqlite3 FILE .recover` still reads of it; a new ledger pays for every vote again."
)

metadata = sa.MetaData()
VERSIONS = sa.Table("ledger_version", metadata, sa.Column("version", sa.Integer, primary_key=True))
SETUPS = sa.Table(
    "setups",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("task", "auditor", "prompt_sha256", "sampling", "tools")),
)
SETUP = [column for column in SETUPS.c if not column.primary_key]
TEXTS = sa.Table(
    "texts", metadata, sa.Column("sha256", sa.String(64), primary_key=True), sa.Column("text", sa.Text, nullable=False)
)
ATTEMPTS = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("vote", sa.String(64), nullable=False, index=True),
    sa.Column("setup", sa.String(64), nullable=False, index=True),
    sa.Column("instance", sa.String(64), nullable=False),
    sa.Column("uid", sa.BigInteger, nullable=False),
    sa.Column("vote_index", sa.Integer, nullable=False),
    sa.Column("run", sa.Text, nullable=False, index=True),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("body", sa.Text),
)
CLAIMS = sa.Table("claims", metadata, sa.Column("vote", sa.String(64), primary_key=True), sa.Column("owner", sa.Text))
OWNERS = sa.Table("owners", metadata, sa.Column("owner", sa.Text, primary_key=True), sa.Column("beat", sa.Integer))
BATCHES = sa.Table(
    "batches",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("setup", sa.String(64), nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("votes", sa.JSON, nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("done", sa.Boolean, nullable=False),
)


class LedgerError(MedcalcError):
    """The ledger cannot be used. The message says why and what to do, and whether what it holds is safe."""


@dataclass(frozen=True)
class Setup:
    """How a vote is asked for. Whatever is in here makes another call if it changes."""

    task: str
    auditor: str
    prompt_sha256: str
    sampling: str
    tools: str

    @cached_property
    def sha256(self) -> str:
        return _sha256(*astuple(self))

    @property
    def served(self) -> str | None:
        """The one version of the model that may answer, as it calls itself; None if any may."""
        served: str | None = json.loads(self.sampling).get("served")
        return served

    @property
    def thinking(self) -> str | None:
        """How much the model was told to think; None if it was not."""
        thinking: str | None = json.loads(self.sampling).get("thinking")
        return thinking

    @property
    def name(self) -> str:
        """The auditor's. One version of a model is an auditor of its own: its votes stand beside those of others."""
        return self.auditor + (f"{OF_VERSION}{self.served}" if self.served else "")


@dataclass(frozen=True, slots=True)
class VoteKey:
    """Which vote: setup, instance (its number, and the hash of its content) and index."""

    setup: Setup
    instance: str
    uid: int
    index: int

    @property
    def sha256(self) -> str:
        return _sha256(self.setup.sha256, self.instance, str(self.index))

    @property
    def request_id(self) -> str:
        """What marks the request, and must come back in the answer."""
        return self.sha256[:REQUEST_ID_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request and what came of it: an HTTP status and body, or the error that there was none, or too long a one."""

    vote: VoteKey
    run: str
    mode: str
    requested_at: dt.datetime
    seconds: float
    status: int | None = None
    error: str | None = None
    body: str | None = None

    def __post_init__(self) -> None:
        for name in ("error", "body"):  # no database keeps half a surrogate pair, PostgreSQL no null, and JSON has neither
            if text := getattr(self, name):
                object.__setattr__(self, name, text.encode(errors="replace").decode().replace("\0", "\\u0000"))
        if self.body and len(self.body) > LONGEST // 4:  # a character takes up to four bytes
            error = f"an answer of {len(self.body):,} characters, and {LONGEST // 4:,} is the most that is kept"
            for name, value in (("status", None), ("error", error), ("body", None)):
                object.__setattr__(self, name, value)

    def row(self) -> dict[str, Any]:
        names = ("run", "mode", "requested_at", "seconds", "status", "error", "body")
        return {
            "vote": self.vote.sha256,
            "setup": self.vote.setup.sha256,
            "instance": self.vote.instance,
            "uid": self.vote.uid,
            "vote_index": self.vote.index,
            **{name: getattr(self, name) for name in names},
        }


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish to be the one who asks for a vote, and what that run has to write down first: prompt and instance."""

    vote: VoteKey
    owner: str
    texts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """A job of the Batch API: our id for it, the run that announced it, the service's name for it, and its votes."""

    id: str
    owner: str
    name: str | None
    votes: list[str]


Claimed = tuple[bool, list[Attempt]]
"""Whether a claim is granted, and the attempts on its vote so far, whoever made them."""


class Ledger:
    """The database at this URL. Any number of processes may use it at once."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url)
        self._insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[self.engine.dialect.name]
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        with self._writing() as connection:
            metadata.create_all(connection)
            versions = connection.scalars(sa.select(VERSIONS.c.version)).all()
            if any(version > VERSION for version in versions):
                raise LedgerError(
                    f"{self._place} was written by a newer medcalc_assets (ledger version {max(versions)}, this one knows "
                    f"{VERSION}). Upgrade medcalc_assets, or name another ledger in MEDCALC_LEDGER."
                )
            if not versions:
                connection.execute(VERSIONS.insert().values(version=VERSION))

    # -- what is known

    def setups(self, task: str) -> list[Setup]:
        """All setups that votes of this task were ever asked for with, the most recently used last."""
        last_used = (
            sa.select(ATTEMPTS.c.setup, sa.func.max(ATTEMPTS.c.id).label("last")).group_by(ATTEMPTS.c.setup).subquery()
        )
        query = sa.select(*SETUP).join(last_used, last_used.c.setup == SETUPS.c.sha256)
        with self._reading() as connection:
            return [Setup(*row) for row in connection.execute(query.where(SETUPS.c.task == task).order_by(last_used.c.last))]

    def count(self) -> int:
        """How many calls were ever made."""
        with self._reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(ATTEMPTS)) or 0

    def harms(self) -> list[str]:
        """What the database finds wrong with itself, if it is SQLite: PostgreSQL has no such check."""
        if self.engine.dialect.name != "sqlite":
            return []
        with self._reading() as connection:
            return [harm for harm in connection.scalars(sa.text("PRAGMA integrity_check")) if harm != "ok"]

    def attempts(self, setup: Setup) -> Iterator[Attempt]:
        """All attempts of this setup in order, streamed."""
        with self._reading() as connection:
            rows = connection.execution_options(yield_per=MANY).execute(
                sa.select(ATTEMPTS).where(ATTEMPTS.c.setup == setup.sha256).order_by(ATTEMPTS.c.id)
            )
            for row in rows:
                yield _attempt(row, VoteKey(setup, row.instance, row.uid, row.vote_index))

    def attempts_of_run(self, run: str) -> Iterator[Attempt]:
        """All attempts made by this run, for whatever setup."""
        return self._of_any_setup(sa.select(ATTEMPTS, *SETUP).where(ATTEMPTS.c.run == run))

    def attempts_since(self, when: dt.datetime, after: int) -> tuple[list[Attempt], int]:
        """All attempts since this time (UTC) that were written after that row, and the row of the last one."""
        query = sa.select(ATTEMPTS, *SETUP).where(ATTEMPTS.c.id > after, ATTEMPTS.c.requested_at >= when)
        with self._reading() as connection:
            rows = connection.execute(query.join(SETUPS, SETUPS.c.sha256 == ATTEMPTS.c.setup)).all()
        return [_of_any(row) for row in rows], max((row.id for row in rows), default=after)

    def latest_attempts(self, number: int) -> Iterator[Attempt]:
        """The last attempts of all, for whatever setup, the latest first."""
        return self._of_any_setup(sa.select(ATTEMPTS, *SETUP).order_by(ATTEMPTS.c.id.desc()).limit(number))

    def _of_any_setup(self, query: sa.Select[Any]) -> Iterator[Attempt]:
        with self._reading() as connection:
            joined = query.join(SETUPS, SETUPS.c.sha256 == ATTEMPTS.c.setup)
            for row in connection.execution_options(yield_per=MANY).execute(joined):
                yield _of_any(row)

    # -- what is written

    def write(self, claims: Sequence[Claim] = (), attempts: Sequence[Attempt] = ()) -> dict[str, Claimed]:
        """Append the attempts and make the claims, in one transaction; returns what became of each claim, by vote."""
        with self._writing() as connection:
            if attempts:
                connection.execute(ATTEMPTS.insert(), [attempt.row() for attempt in attempts])
            if not claims:
                return {}
            self._insert_new(connection, SETUPS, [asdict(s) | {"sha256": s.sha256} for s in {c.vote.setup for c in claims}])
            self._insert_new(
                connection, TEXTS, [{"sha256": name, "text": text} for claim in claims for name, text in claim.texts.items()]
            )
            votes = {claim.vote.sha256: claim for claim in claims}
            known: dict[str, list[Attempt]] = defaultdict(list)
            holders: dict[str, str] = {}
            # PostgreSQL shows here what others commit meanwhile: a claim that was held is free when we look for its holder.
            while free := [vote for vote in votes if vote not in holders]:
                self._insert_new(connection, CLAIMS, [{"vote": vote, "owner": votes[vote].owner} for vote in free])
                for some in _chunks(free):
                    held = connection.execute(sa.select(CLAIMS).where(CLAIMS.c.vote.in_(some)))
                    holders |= {row.vote: row.owner for row in held}
            for some in _chunks(list(votes)):
                for row in connection.execute(sa.select(ATTEMPTS).where(ATTEMPTS.c.vote.in_(some)).order_by(ATTEMPTS.c.id)):
                    known[row.vote].append(_attempt(row, votes[row.vote].vote))
        return {vote: (holders[vote] == claim.owner, known[vote]) for vote, claim in votes.items()}

    def beat(self, owner: str) -> dict[str, int]:
        """Say that `owner` is alive. Returns the beats of all owners: one that stands still is dead."""
        with self._writing() as connection:
            self._insert_new(connection, OWNERS, [{"owner": owner, "beat": 0}])
            connection.execute(OWNERS.update().where(OWNERS.c.owner == owner).values(beat=OWNERS.c.beat + 1))
            return {row.owner: row.beat for row in connection.execute(sa.select(OWNERS))}

    def forget(self, owner: str) -> None:
        """Free the claims of a run that has ended, or died."""
        with self._writing() as connection:
            connection.execute(CLAIMS.delete().where(CLAIMS.c.owner == owner))
            connection.execute(OWNERS.delete().where(OWNERS.c.owner == owner))

    # -- batch jobs

    def open_batches(self, setup: Setup) -> list[Batch]:
        """Jobs that were announced and whose results have not been kept yet."""
        with self._reading() as connection:
            query = sa.select(BATCHES).where(BATCHES.c.setup == setup.sha256, ~BATCHES.c.done)
            return [Batch(row.id, row.owner, row.name, row.votes) for row in connection.execute(query)]

    def announce_batch(self, job: Batch, setup: Setup) -> None:
        """Write down a job before it is created, so that no crash can hide it."""
        with self._writing() as connection:
            connection.execute(BATCHES.insert().values(**asdict(job), setup=setup.sha256, done=False))

    def is_alive(self, owner: str) -> bool:
        """Whether a run has said so, and has not been found dead since."""
        with self._reading() as connection:
            return connection.scalar(sa.select(OWNERS.c.owner).where(OWNERS.c.owner == owner)) is not None

    def name_batch(self, id: str, name: str) -> None:
        with self._writing() as connection:
            connection.execute(BATCHES.update().where(BATCHES.c.id == id).values(name=name))

    def close_batch(self, id: str, attempts: Sequence[Attempt]) -> None:
        """Keep the results of a job, all or none, and be done with it."""
        with self._writing() as connection:
            still_open = connection.execute(BATCHES.update().where(BATCHES.c.id == id, ~BATCHES.c.done).values(done=True))
            if attempts and still_open.rowcount:
                connection.execute(ATTEMPTS.insert(), [attempt.row() for attempt in attempts])

    # -- connections

    def _insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        if rows:  # all in the same order, so that two runs do not wait for each other
            key = table.primary_key.columns.keys()[0]
            in_order = sorted(rows, key=lambda row: str(row[key]))
            connection.execute(self._insert(table).on_conflict_do_nothing(), in_order)

    @property
    def _place(self) -> str:
        return f"The ledger {self.engine.url.render_as_string(hide_password=True)}"

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._errors("read"), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._errors("written"), self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise LedgerError(f"{self._place} cannot be {done}: {error.orig}. {_remedy(error.orig)}") from error
        except ValueError as error:  # a time or a list that is none
            raise LedgerError(f"{self._place} cannot be {done}: {error}. {LOST}") from error


class Writer:
    """Writes to a ledger from an event loop: whatever is waiting goes into one transaction, in a thread."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._waiting: list[tuple[Claim | Attempt, asyncio.Future[Any]]] = []
        self._draining: asyncio.Task[None] | None = None

    async def append(self, attempt: Attempt) -> None:
        """Returns when the attempt is on disk."""
        await self._write(attempt)

    async def claim(self, claim: Claim) -> Claimed:
        claimed: Claimed = await self._write(claim)
        return claimed

    async def _write(self, entry: Claim | Attempt) -> Any:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, future))
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            await asyncio.sleep(TOGETHER)
            batch, self._waiting = self._waiting, []
            results = await asyncio.to_thread(self._written, [entry for entry, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        self._draining = None

    def _written(self, entries: Sequence[Claim | Attempt]) -> list[Any]:
        """What became of each entry, an error included: of whatever kind, or who waits would wait for ever."""
        claims = [entry for entry in entries if isinstance(entry, Claim)]
        attempts = [entry for entry in entries if isinstance(entry, Attempt)]
        try:
            claimed = self.ledger.write(claims, attempts)
            return [claimed[entry.vote.sha256] if isinstance(entry, Claim) else None for entry in entries]
        except LedgerError as error:  # the database fails them all
            return [error] * len(entries)
        except Exception as error:  # one of them is to blame
            return [error] if len(entries) == 1 else [result for entry in entries for result in self._written([entry])]


def _of_any(row: sa.Row[Any]) -> Attempt:
    setup = Setup(row.task, row.auditor, row.prompt_sha256, row.sampling, row.tools)
    return _attempt(row, VoteKey(setup, row.instance, row.uid, row.vote_index))


def _remedy(error: BaseException | None) -> str:
    """What to do about what the database says. That answers are kept is never said of a file that cannot be read."""
    code = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_")
    if code.startswith(UNREADABLE) or "decode" in str(error):
        return LOST
    if code.startswith(("CANTOPEN", "READONLY", "PERM", "AUTH")):
        return "Let MEDCALC_LEDGER, or the home, name a file that can be read and written."
    return SAFE.format("Free disk space" if code.startswith(("FULL", "IOERR")) else "See to the database")


def _attempt(row: sa.Row[Any], vote: VoteKey) -> Attempt:
    names = ("run", "mode", "requested_at", "seconds", "status", "error", "body")
    return Attempt(vote=vote, **{name: getattr(row, name) for name in names})


def _chunks(items: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(items), MANY):
        yield items[start : start + MANY]


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Transactions are begun by us (below): the driver's own would upgrade a read to a write, which can fail.
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 60000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # an answer that was paid for survives a power cut


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
