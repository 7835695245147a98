import asyncio
import datetime as dt
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import asdict

import pytest
import sqlalchemy as sa

from medcalc_assets.auditors.ledger import (
    ATTEMPTS,
    BATCHES,
    CLAIMS,
    OWNERS,
    SETUPS,
    TEXTS,
    VERSION,
    VERSIONS,
    Attempt,
    Batch,
    Claim,
    Ledger,
    LedgerError,
    Setup,
    VoteKey,
    Writer,
)

SETUP = Setup("relabel", "gemini-2.5-pro", "sha", "{}", "search")
OTHER = Setup("audit", "gemini-2.5-pro", "sha", "{}", "search")


def vote(index=0, setup=SETUP, instance="instance", uid=1):
    return VoteKey(setup, instance, uid, index)


def attempt(key, run="run", body="answer", status=200):
    when = dt.datetime.fromisoformat("2026-01-01T12:00:00")
    return Attempt(vote=key, run=run, mode="online", requested_at=when, seconds=1.5, status=status, body=body)


def rows(ledger, table):
    with ledger.engine.connect() as connection:
        return connection.execute(sa.select(table)).all()


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (VERSIONS, "version"),
        (SETUPS, "sha256"),
        (TEXTS, "sha256"),
        (ATTEMPTS, "id"),
        (CLAIMS, "vote"),
        (OWNERS, "owner"),
        (BATCHES, "id"),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_what_is_there_once_has_a_primary_key(ledger, table, key):
    assert sa.inspect(ledger.engine).get_pk_constraint(table.name)["constrained_columns"] == [key]


def test_prompt_and_note_are_stored_once_for_all_claims(ledger):
    texts = {"prompt": "You are a physician.", "note": "A cat."}
    ledger.write([Claim(vote(index), "me", texts) for index in range(5)])
    ledger.write([Claim(vote(index), "me", texts) for index in range(5)])
    assert sorted(rows(ledger, TEXTS)) == [("note", "A cat."), ("prompt", "You are a physician.")]
    assert rows(ledger, SETUPS) == [(SETUP.sha256, "relabel", "gemini-2.5-pro", "sha", "{}", "search")]


def test_a_vote_belongs_to_who_claims_it_first_until_that_run_is_forgotten(ledger):
    first, second = Claim(vote(), "first", {}), Claim(vote(), "second", {})
    assert ledger.write([first]) == {vote().sha256: (True, [])}
    assert ledger.write([second]) == {vote().sha256: (False, [])}
    ledger.write(attempts=[attempt(vote())])
    assert ledger.write([second])[vote().sha256] == (False, [attempt(vote())])
    ledger.forget("first")
    assert ledger.write([second])[vote().sha256] == (True, [attempt(vote())])


def test_owners_are_alive_while_their_beats_go_on_and_until_they_are_forgotten(ledger):
    assert not ledger.is_alive("me")
    assert ledger.beat("me") == {"me": 1}
    assert ledger.beat("you") == {"me": 1, "you": 1}
    assert ledger.beat("me") == {"me": 2, "you": 1}
    ledger.forget("me")
    assert (ledger.is_alive("me"), ledger.is_alive("you")) == (False, True)


def test_attempts_come_back_as_they_were_written_by_setup_by_run_and_latest_first(ledger):
    ledger.write([Claim(vote(), "me", {}), Claim(vote(setup=OTHER), "me", {})])
    made = [
        attempt(vote(), body="one"),
        attempt(vote(1), "later", "two"),
        attempt(vote(setup=OTHER, uid=7), "later", "3", 500),
    ]
    ledger.write(attempts=made)
    assert list(ledger.attempts(SETUP)) == made[:2]
    assert list(ledger.attempts(OTHER)) == made[2:]
    assert list(ledger.attempts_of_run("later")) == made[1:]
    assert list(ledger.latest_attempts(2)) == [made[2], made[1]]
    assert (ledger.setups("relabel"), ledger.setups("audit"), ledger.setups("else")) == ([SETUP], [OTHER], [])


def test_the_setup_that_was_used_last_is_the_last(ledger):
    newer = Setup("relabel", "gemini-3-pro", "sha", "{}", "search")
    ledger.write([Claim(vote(), "me", {}), Claim(vote(setup=newer), "me", {})])
    ledger.write(attempts=[attempt(vote(setup=newer)), attempt(vote())])
    assert ledger.setups("relabel") == [newer, SETUP]
    ledger.write(attempts=[attempt(vote(1, setup=newer))])
    assert ledger.setups("relabel") == [SETUP, newer]


def test_a_vote_is_another_by_setup_instance_or_index_and_not_by_the_number_of_the_instance():
    keys = [vote(), vote(1), vote(setup=OTHER), vote(instance="other")]
    assert len({key.sha256 for key in keys}) == len(keys)
    assert vote(uid=2).sha256 == vote().sha256
    assert vote().request_id == vote().sha256[:16]
    for name in ("task", "auditor", "prompt_sha256", "sampling", "tools"):
        changed = {**asdict(SETUP), name: "another"}
        assert Setup(**changed).sha256 != SETUP.sha256, name


def test_a_batch_is_announced_once_is_open_until_closed_and_its_results_are_kept_once(ledger):
    job = Batch("job", "me", None, [vote().sha256])
    ledger.announce_batch(job, SETUP)
    with pytest.raises(LedgerError, match="cannot be written"):
        ledger.announce_batch(job, SETUP)
    ledger.announce_batch(Batch("another", "me", None, []), OTHER)
    assert ledger.open_batches(SETUP) == [job]
    ledger.name_batch("job", "batches/1")
    assert ledger.open_batches(SETUP) == [Batch("job", "me", "batches/1", job.votes)]
    for _ in range(2):
        ledger.close_batch("job", [attempt(vote())])
    assert ledger.open_batches(SETUP) == []
    assert len(ledger.open_batches(OTHER)) == 1
    assert len(rows(ledger, ATTEMPTS)) == 1


def test_more_votes_than_a_database_takes_parameters_are_claimed_at_once(ledger):
    claims = [Claim(vote(index), "me", {}) for index in range(1_201)]
    ledger.write(attempts=[attempt(claims[0].vote), attempt(claims[-1].vote)])
    claimed = ledger.write(claims)
    assert claimed.keys() == {claim.vote.sha256 for claim in claims}
    assert all(granted for granted, _ in claimed.values())
    assert [len(known) for _, known in claimed.values() if known] == [1, 1]


def test_a_ledger_of_this_version_is_opened_again_and_a_newer_one_is_refused(ledger):
    assert rows(Ledger(ledger.url), VERSIONS) == [(1,)]
    with ledger.engine.begin() as connection:
        connection.execute(VERSIONS.insert().values(version=2))
    with pytest.raises(LedgerError, match=r"newer medcalc_assets .ledger version 2, this one knows 1"):
        Ledger(ledger.url)


SCHEMA = {
    "ledger_version": "version INTEGER NOT NULL, PRIMARY KEY (version)",
    "setups": "sha256 VARCHAR(64) NOT NULL, task TEXT NOT NULL, auditor TEXT NOT NULL, prompt_sha256 TEXT NOT NULL, "
    "sampling TEXT NOT NULL, tools TEXT NOT NULL, PRIMARY KEY (sha256)",
    "texts": "sha256 VARCHAR(64) NOT NULL, text TEXT NOT NULL, PRIMARY KEY (sha256)",
    "attempts": "id INTEGER NOT NULL, vote VARCHAR(64) NOT NULL, setup VARCHAR(64) NOT NULL, instance VARCHAR(64) NOT NULL, "
    "uid BIGINT NOT NULL, vote_index INTEGER NOT NULL, run TEXT NOT NULL, mode TEXT NOT NULL, "
    "requested_at DATETIME NOT NULL, seconds FLOAT NOT NULL, status INTEGER, error TEXT, body TEXT, PRIMARY KEY (id)",
    "claims": "vote VARCHAR(64) NOT NULL, owner TEXT, PRIMARY KEY (vote)",
    "owners": "owner TEXT NOT NULL, beat INTEGER, PRIMARY KEY (owner)",
    "batches": "id VARCHAR(32) NOT NULL, setup VARCHAR(64) NOT NULL, owner TEXT NOT NULL, votes JSON NOT NULL, name TEXT, "
    "done BOOLEAN NOT NULL, PRIMARY KEY (id)",
}


def test_a_ledger_has_the_tables_of_those_that_hold_paid_answers(ledger):
    """Another schema is another version, and needs an upgrade of what there is."""
    with ledger.engine.connect() as connection:
        made = dict(connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all())
    assert VERSION == 1
    assert {name: " ".join(sql.split()) for name, sql in made.items() if name in SCHEMA} == {
        name: f"CREATE TABLE {name} ( {columns} )" for name, columns in SCHEMA.items()
    }
    assert made.keys() - SCHEMA.keys() == {f"ix_attempts_{name}" for name in ("vote", "setup", "run")}


def test_an_answer_that_is_written_survives_a_power_cut(ledger):
    with ledger.engine.connect() as connection:
        asked = ("busy_timeout", "journal_mode", "synchronous")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert found == [60_000, "wal", 2]


def test_a_write_takes_the_lock_when_it_begins_and_a_read_takes_none(ledger):
    """A transaction that first reads and then wants to write would fail where another has written meanwhile."""
    begun = []
    sa.event.listen(ledger.engine, "before_cursor_execute", lambda _1, _2, statement, *_: begun.append(statement))
    for use, first in (
        (lambda: ledger.beat("me"), "BEGIN IMMEDIATE"),
        (lambda: ledger.write([Claim(vote(), "me", {})]), "BEGIN IMMEDIATE"),
        (lambda: list(ledger.attempts(SETUP)), "BEGIN"),
        (lambda: ledger.open_batches(SETUP), "BEGIN"),
    ):
        begun.clear()
        use()
        assert begun[0] == first


def test_a_ledger_that_cannot_be_used_says_which_and_what_failed(ledger):
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE attempts")
    path = re.escape(ledger.engine.url.database)
    for use, failed in (
        (lambda: list(ledger.attempts(SETUP)), "read"),
        (lambda: ledger.write(attempts=[attempt(vote())]), "written"),
    ):
        with pytest.raises(
            LedgerError, match=rf"^The ledger sqlite:///{path} cannot be {failed}: no such table: attempts\."
        ):
            use()


def cut_short(path):
    path.write_bytes(path.read_bytes()[:20_000])


def garbage(path):
    path.write_bytes(random.Random(1).randbytes(60_000))


def flipped(path):
    content = bytearray(path.read_bytes())
    for place in range(101, 4096, 7):  # the first page, which says what tables there are
        content[place] ^= 0xA5
    path.write_bytes(content)


def of_another_program(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE ledger_version (number TEXT)")


def a_time_that_is_none(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE attempts SET requested_at = 'yesterday'")
        connection.commit()


def a_text_that_is_none(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE attempts SET body = CAST(x'fffe' AS TEXT)")
        connection.commit()


@pytest.mark.parametrize("harm", [cut_short, garbage, flipped, of_another_program, a_time_that_is_none, a_text_that_is_none])
def test_of_a_ledger_that_cannot_be_read_nobody_says_that_its_answers_are_safe(tmp_path, harm):
    path = tmp_path / "ledger.sqlite"
    before = Ledger(f"sqlite:///{path}")
    before.write([Claim(vote(), "me", {})], [attempt(vote(), body="answer" * 5_000)])
    before.engine.dispose()
    harm(path)
    with pytest.raises(LedgerError) as caught:
        list(Ledger(f"sqlite:///{path}").attempts(SETUP))
    told = str(caught.value)
    assert told.startswith(f"The ledger sqlite:///{path} cannot be ")
    assert "answers may be lost: keep the file. Restore a backup" in told
    assert "is kept" not in told
    assert "safe" not in told


def test_a_folder_in_the_place_of_the_ledger_is_told_with_the_remedy(tmp_path):
    with pytest.raises(
        LedgerError, match=r"unable to open database file\. Let MEDCALC_LEDGER, or the home, name a file that"
    ):
        Ledger(f"sqlite:///{tmp_path}")


def test_an_answer_without_end_is_not_kept_and_its_attempt_says_why(ledger):
    ledger.write([Claim(vote(), "me", {})], [attempt(vote(), body="x" * 4_000_001), attempt(vote(1), body="y" * 4_000_000)])
    endless, long = ledger.attempts(SETUP)
    assert (endless.status, endless.body) == (None, None)
    assert endless.error == "an answer of 4,000,001 characters, and 4,000,000 is the most that is kept"
    assert len(long.body) == 4_000_000


def append_on_a_full_disk(path):
    """A call's answer, where no file can grow."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    ledger = Ledger(f"sqlite:///{path}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    try:
        ledger.write(attempts=[attempt(vote(), body="answer" * 5_000)])
    except LedgerError as error:
        print(error)


def test_a_full_disk_loses_nothing_that_was_paid_for_and_says_so(tmp_path):
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(f"sqlite:///{path}")
    ledger.write([Claim(vote(), "me", {})], [attempt(vote())])
    call = f"from {__name__} import append_on_a_full_disk; append_on_a_full_disk({str(path)!r})"
    said = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True).stdout
    assert "What was paid for is kept. Free disk space, and run again: only what is missing is asked for." in said
    assert [each.body for each in Ledger(f"sqlite:///{path}").attempts(SETUP)] == ["answer"]


def test_an_error_of_any_kind_fails_what_it_is_of_and_leaves_the_writer_usable(ledger, monkeypatch):
    write = Ledger.write

    def fails(self, claims=(), attempts=()):
        if any(attempt.vote.index == 5 for attempt in attempts):
            raise KeyError("of whatever kind")
        return write(self, claims, attempts)

    monkeypatch.setattr(Ledger, "write", fails)

    async def told():
        writer = Writer(ledger)
        entries = (writer.append(attempt(vote(index))) for index in (4, 5, 6))
        first = await asyncio.wait_for(asyncio.gather(*entries, return_exceptions=True), 10)
        return first, await asyncio.wait_for(writer.claim(Claim(vote(7), "me", {})), 10)

    (kept, failed, also_kept), claimed = asyncio.run(told())
    assert (kept, type(failed), also_kept, claimed) == (None, KeyError, None, (True, []))
    assert [row.vote_index for row in rows(ledger, ATTEMPTS)] == [4, 6]


def test_an_answer_with_what_a_database_cannot_keep_is_kept_without_it(any_ledger):
    any_ledger.write([Claim(vote(), "me", {})], [attempt(vote(), body="a\0b\ud800c")])
    assert [each.body for each in any_ledger.attempts(SETUP)] == ["a\\u0000b?c"]


def test_a_claim_that_is_freed_while_it_is_asked_for_is_ours(any_ledger, monkeypatch):
    """Another run frees it after we found it taken and before we look who holds it, as PostgreSQL permits."""
    any_ledger.write([Claim(vote(), "another", {})])
    insert_new, freed = Ledger._insert_new, []

    def frees(self, connection, table, rows):
        insert_new(self, connection, table, rows)
        if table is CLAIMS and not freed:
            freed.append(connection.execute(CLAIMS.delete()))

    monkeypatch.setattr(Ledger, "_insert_new", frees)
    assert any_ledger.write([Claim(vote(), "me", {})]) == {vote().sha256: (True, [])}


def test_two_runs_that_claim_in_opposite_orders_do_not_wait_for_each_other(any_ledger):
    keys = [vote(index) for index in range(300)]
    other, granted = Ledger(any_ledger.url), []

    def claim(ledger, owner, votes):
        granted.append(ledger.write([Claim(key, owner, {key.instance: "note"}) for key in votes]))

    for _ in range(5):
        granted.clear()
        order = ((any_ledger, "a", keys), (other, "b", keys[::-1]))
        threads = [threading.Thread(target=claim, args=arguments) for arguments in order]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(sum(ours for ours, _ in each.values()) for each in granted) == [0, 300]
        any_ledger.forget("a")
        any_ledger.forget("b")


def test_who_waits_for_the_ledger_is_told_what_became_of_theirs(ledger):
    async def told():
        writer = Writer(ledger)
        claims = (writer.claim(Claim(vote(index), "me", {})) for index in range(2))
        return await asyncio.gather(*claims, writer.append(attempt(vote(7))), return_exceptions=True)

    ledger.write([Claim(vote(1), "another", {})])
    assert asyncio.run(told()) == [(True, []), (False, []), None]
    assert [row.vote_index for row in rows(ledger, ATTEMPTS)] == [7]
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE attempts")
    assert [type(each) for each in asyncio.run(told())] == [LedgerError] * 3
