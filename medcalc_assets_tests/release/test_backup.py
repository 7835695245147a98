"""A backup is whole or is none, and a home comes back from it, or from its releases alone."""

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from medcalc_assets.auditors.ledger import Ledger
from medcalc_assets.cli.instance import run_partitions
from medcalc_assets.definitions import assemble
from medcalc_assets.release.backup import MANIFEST, BackupError, _harmed, backup, restore
from medcalc_assets.release.releases import ReleaseError
from medcalc_assets.storage.chain import breaks
from medcalc_assets.storage.tables import AUDIT_FLAGS
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets_tests.auditors.test_ledger import Claim, attempt, vote
from medcalc_assets_tests.cli import medcalc
from medcalc_assets_tests.storage.test_warehouse import flags

SETTINGS = json.dumps({"source": "demo", "authors": "", "auditor": "simulated"})
KILLS = int(os.environ.get("MEDCALC_KILLS", 8))
WRITES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "shutil.copyfile", "shutil.rmtree"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A small home, with something of each kind in it."""
    folder = tmp_path / "home"
    Warehouse(folder).write(AUDIT_FLAGS, [flags("map", 1, 2)], ["map"])
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    ledger.write([Claim(vote(), "me", {})], [attempt(vote())])
    for name in ("packets/lee-1/packet.json", "answers/a.json", "settings.json", "releases/1.1.0/x", "report/index.html"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SETTINGS)
    (folder / "answers" / ".half.unfinished").write_text("half")
    return folder


def copy(home: Path, to: Path) -> int:
    return backup(home, home / "ledger.sqlite", to)


def test_a_home_comes_back_from_its_backup_as_it_was_and_nobody_else_can_look_into_it(home, tmp_path):
    assert copy(home, tmp_path / "backup") == 6
    assert restore(tmp_path / "backup", tmp_path / "again") == 6
    again = tmp_path / "again"
    assert sorted(path.relative_to(again).as_posix() for path in again.rglob("*") if path.is_file()) == [
        "answers/a.json",
        "ledger.sqlite",
        "packets/lee-1/packet.json",
        "releases/1.1.0/x",
        "settings.json",
        "warehouse.duckdb",
    ]
    assert Warehouse(again).read(AUDIT_FLAGS).equals(Warehouse(home).read(AUDIT_FLAGS))
    assert Warehouse(again).written(AUDIT_FLAGS) == {"map"}
    assert [each.body for each in Ledger(f"sqlite:///{again / 'ledger.sqlite'}").latest_attempts(9)] == ["answer"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in (again, tmp_path / "backup")} == {0o700}


def keep_writing(home: str) -> None:
    """A run beside: each of its transactions gives all rows another number. Until its folder has a file `stop`."""
    ledger, number = Ledger(f"sqlite:///{home}/ledger.sqlite"), 0
    while not Path(home, "stop").exists():
        time.sleep(0.3)
        number += 1
        Warehouse(Path(home)).write(AUDIT_FLAGS, [flags("map", *range(5_000), n_votes=number)], ["map"])
        ledger.write(attempts=[attempt(vote(number))] * 2)


def test_a_backup_beside_a_run_is_of_one_moment_of_each_file(home, tmp_path):
    call = f"from {__name__} import keep_writing; keep_writing({str(home)!r})"
    beside = subprocess.Popen([sys.executable, "-c", call])
    try:
        while Warehouse(home).read(AUDIT_FLAGS).height < 5_000 and beside.poll() is None:
            time.sleep(0.1)
        for number in range(3):
            copy(home, tmp_path / "backup")
            restore(tmp_path / "backup", tmp_path / f"again{number}")
            table = Warehouse(tmp_path / f"again{number}").read(AUDIT_FLAGS)
            assert (table.height, table["n_votes"].n_unique()) == (5_000, 1)
            assert (Ledger(f"sqlite:///{tmp_path}/again{number}/ledger.sqlite").count() - 1) % 2 == 0
    finally:
        (home / "stop").touch()
    assert beside.wait() == 0


def dying(moment: int, function: str, *paths: str) -> None:
    """Do it, and die when so many files have been touched, without a word, as of `kill -9`; else say how many were."""
    touched = 0

    def count(event: str, arguments: object) -> None:
        nonlocal touched
        touched += event in WRITES
        if touched == moment > 0:
            os._exit(9)

    sys.addaudithook(count)
    {"copy": copy, "restore": restore}[function](*map(Path, paths))
    print(touched)


def done(moment: int, function: str, *paths: Path) -> "subprocess.CompletedProcess[str]":
    call = f"from {__name__} import dying; import sys; dying(int(sys.argv[1]), *sys.argv[2:])"
    return subprocess.run([sys.executable, "-c", call, str(moment), function, *map(str, paths)], stdout=-1, text=True)


def kills(function: str, trial: Path, *paths: Path) -> Iterator[int]:
    """Die at ever later moments of as many as a trial to another target has; between them the caller looks."""
    moments = int(done(0, function, paths[0], trial).stdout)
    shutil.rmtree(trial)
    for number in range(KILLS):
        moment = 1 + number * (moments - 1) // KILLS
        assert done(moment, function, *paths).returncode == 9
        yield moment
    assert done(0, function, *paths).returncode == 0, "the same command completes"


def rows_in(backup_folder: Path, tmp_path: Path) -> int:
    """How many rows the table of a backup has, which must be whole."""
    assert list(_harmed(backup_folder)) == []
    shutil.copy(backup_folder / "warehouse.duckdb", tmp_path / "looked.duckdb")
    (tmp_path / "looked").mkdir(exist_ok=True)
    os.replace(tmp_path / "looked.duckdb", tmp_path / "looked" / "warehouse.duckdb")
    return Warehouse(tmp_path / "looked").read(AUDIT_FLAGS).height


def test_a_backup_that_is_killed_leaves_the_older_one_or_the_new_one_and_the_same_command_completes(home, tmp_path):
    to = tmp_path / "backup"
    copy(home, to)
    Warehouse(home).write(AUDIT_FLAGS, [flags("map", 1, 2, 3)], ["map"])
    seen = [rows_in(to, tmp_path) for _ in kills("copy", tmp_path / "trial", home, to)]
    print(f"{len(seen)} kills, the older backup was there after {seen.count(2)} of them")
    assert seen == sorted(seen)
    assert rows_in(to, tmp_path) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "home", "looked"]


def test_a_restore_that_is_killed_leaves_no_home_or_a_whole_one_and_the_same_command_completes(home, tmp_path):
    copy(home, tmp_path / "backup")
    again = tmp_path / "again"
    for _ in kills("restore", tmp_path / "trial", tmp_path / "backup", again):
        assert not again.exists()
    assert Warehouse(again).read(AUDIT_FLAGS).height == 2


def changed(folder: Path) -> str:
    (folder / "answers" / "a.json").write_text("forged")
    return "is not as it was written: answers/a.json was changed. Restore another backup."


def missing(folder: Path) -> str:
    (folder / "ledger.sqlite").unlink()
    return "ledger.sqlite is missing"


def foreign(folder: Path) -> str:
    (folder / "answers" / "b.json").write_text("{}")
    return "answers/b.json is not of the backup"


def half(folder: Path) -> str:
    (folder / MANIFEST).unlink()
    return "has a warehouse.duckdb and no backup.json: it is a home, or half a backup"


def without_a_manifest_that_can_be_read(folder: Path) -> str:
    (folder / MANIFEST).write_text('{"files": [')
    return "backup.json cannot be read"


def something_else(folder: Path) -> str:
    shutil.rmtree(folder)
    folder.mkdir()
    return "is no backup, and has none of releases, answers, packets, desk, plans, outputs, ledger.sqlite"


@pytest.mark.parametrize("harm", [changed, missing, foreign, half, without_a_manifest_that_can_be_read, something_else])
def test_a_backup_that_is_not_as_it_was_written_makes_no_home(harm, home, tmp_path):
    copy(home, tmp_path / "backup")
    told = harm(tmp_path / "backup")
    shown = medcalc("restore", str(tmp_path / "backup"), "--home", str(tmp_path / "again"))
    assert (shown.exit_code, shown.stderr.count("\n")) == (1, 1)
    assert told in shown.stderr
    assert not (tmp_path / "again").exists()


def test_a_home_that_holds_anything_and_a_folder_that_is_no_backup_are_never_replaced(home, tmp_path):
    copy(home, tmp_path / "backup")
    with pytest.raises(BackupError, match="holds something: let MEDCALC_HOME"):
        restore(tmp_path / "backup", home)
    (tmp_path / "letters").mkdir()
    with pytest.raises(BackupError, match="letters is there and is no backup"):
        copy(home, tmp_path / "letters")
    with pytest.raises(BackupError, match=r"is within .*, which is to be copied"):
        copy(home, home / "backup")
    assert (tmp_path / "letters").exists()


def test_a_damaged_ledger_is_no_part_of_a_backup_and_the_older_backup_stays(home, tmp_path):
    copy(home, tmp_path / "backup")
    with closing(sqlite3.connect(home / "ledger.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.truncate(home / "ledger.sqlite", 9_000)
    with pytest.raises(BackupError, match=r"ledger.sqlite cannot be copied: .* Nothing was backed up"):
        copy(home, tmp_path / "backup")
    assert list(_harmed(tmp_path / "backup")) == []


def test_a_home_whose_warehouse_is_lost_goes_on_from_its_releases(own_demo, release, tmp_path):
    assert release(own_demo, "1.1.0").success
    chain, lost = own_demo, tmp_path / "lost"
    shutil.copytree(chain.settings.home, lost)
    (lost / "warehouse.duckdb").unlink()
    restore(lost, tmp_path / "again")
    again = type(chain)(chain.settings.model_copy(update={"home": str(tmp_path / "again")}), chain.instance)
    before = chain.read("label_events").filter(pl.col("event") != "released")
    assert again.read("label_events").equals(before)
    known, rebuilt = chain.read("label_releases").to_dicts()[0], again.read("label_releases").to_dicts()[0]
    named = ("version", "previous", "demo", "instances", "changed", "manifest", "manifest_sha256")
    assert {name: rebuilt[name] for name in named} == {name: known[name] for name in named}

    again.run()
    history = assemble(again.settings).resolve_job_def("history")
    run_partitions(history, again.settings, again.instance)
    events = again.read("label_events")
    assert before.join(events, on=before.columns, how="anti", nulls_equal=True).is_empty()
    assert events.filter(event="released")["actor"].unique().to_list() == ["1.1.0"]
    assert list(breaks(events)) == []
    assert again.read("maintained_labels").equals(chain.read("maintained_labels"))
    assert release(again, "1.2.0").success is False, "no label changed since 1.1.0, which it follows"
    candidate = json.loads((again.settings.releases.candidate / "manifest.json").read_text())
    assert candidate["previous"] == "1.1.0"


def test_a_release_that_was_changed_rebuilds_no_home(own_demo, release, tmp_path):
    assert own_demo.settings.releases.versions or release(own_demo, "1.1.0").success
    shutil.copytree(own_demo.settings.home, tmp_path / "lost")
    (tmp_path / "lost" / "warehouse.duckdb").unlink()
    card = tmp_path / "lost" / "releases" / "1.1.0" / "README.md"
    card.chmod(0o644)
    card.write_text("forged")
    with pytest.raises(ReleaseError, match=r"README.md was changed"):
        restore(tmp_path / "lost", tmp_path / "again")
    assert not (tmp_path / "again").exists()
