"""A copy of a home, and a home that is made of such a copy or, without one, of what is left of a home."""

import ctypes
import datetime as dt
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import polars as pl

from medcalc_assets.errors import MedcalcError
from medcalc_assets.physicians.sample import PLANS, kept
from medcalc_assets.release.answers import OUTPUTS
from medcalc_assets.release.releases import MANIFEST as RELEASE_MANIFEST
from medcalc_assets.release.releases import Releases, changed_since_original, manifest_of, sha256, verified_labels
from medcalc_assets.release.versions import Version
from medcalc_assets.storage.files import flush, write_durably
from medcalc_assets.storage.tables import LABEL_EVENTS, LABEL_RELEASES, PARTITION_COLUMN, SAMPLING_PLAN
from medcalc_assets.storage.warehouse import FILE, FILES, Warehouse
from medcalc_assets.version import __version__

MANIFEST = "backup.json"
"""Written last: a folder without it is no backup, or half of one."""
LEDGER = "ledger.sqlite"
MADE_AGAIN = ("report", "export")
"""Folders of a home that a command makes of the rest."""
REMAINS = ("releases", "answers", "packets", "desk", PLANS, OUTPUTS, LEDGER)
"""What a home without a warehouse is made of, whichever of them there are."""
EXCHANGE, HERE = 2, -100  # RENAME_EXCHANGE and AT_FDCWD of renameat2(2)


class BackupError(MedcalcError):
    """A backup cannot be made or restored. The home, and an older backup, are as they were."""


def backup(home: Path, ledger: Path | None, to: Path) -> int:
    """Copy what a home holds to the folder `to`, an older backup at most, while runs go on; returns how many files.

    Each part is of one moment: the warehouse is copied in one transaction and the ledger by SQLite, no release is made
    meanwhile, and answers and calls that came later are missing from no table: the next run reads them. `ledger` is the
    ledger's file, None for a database elsewhere. Whenever it is cut short, the older backup is there, or the new one.

    Raises BackupError, WarehouseError or OSError; then the older backup is as it was.
    """
    if not home.is_dir():
        raise BackupError(f"{home} does not exist: let MEDCALC_HOME name the home to copy.")
    if to.resolve().is_relative_to(home.resolve()):
        raise BackupError(f"{to} is within {home}, which is to be copied: name a folder elsewhere.")
    if (to.exists() or to.is_symlink()) and not (to / MANIFEST).is_file():
        raise BackupError(f"{to} is there and is no backup: name a new folder, or an older backup.")
    unfinished = _emptied(to)
    warehouse, releases = Warehouse(home), Releases(home / "releases")
    with releases.locked():
        if warehouse.lake or warehouse.path.exists():
            warehouse.copy_to(unfinished / FILE)
        _copy(home, unfinished, {FILE, f"{FILE}.wal", FILES, LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm", *MADE_AGAIN})
    if ledger and ledger.exists():
        _copy_ledger(ledger, unfinished / LEDGER)
    files = sorted(_files(unfinished))
    _flush(unfinished)
    manifest = {
        "backup_of": str(home.resolve()),
        "made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "medcalc_assets": __version__,
        "files": {
            name: {"sha256": sha256(unfinished / name), "bytes": (unfinished / name).stat().st_size} for name in files
        },
    }
    write_durably(unfinished / MANIFEST, (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())
    if to.exists():
        _exchange(unfinished, to)
        shutil.rmtree(unfinished)
    else:
        os.rename(unfinished, to)
    flush(to.parent)
    return len(files)


def restore(source: Path, home: Path) -> int:
    """Make a home of a backup, or of what is left of a home whose warehouse is lost; returns how many files were copied.

    Without a backup's manifest `source` must be without a warehouse: one is made with all that no run can make again, the
    plans, the rows of the releases and the history that the last of them carries. A run then makes the rest. Whenever it is
    cut short there is no home yet, and the same command makes it.

    Raises BackupError for a home that holds anything and for a source that is not as it was written, ReleaseError for a
    release that is not as it was released, and OSError.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise BackupError(f"{home} holds something: let MEDCALC_HOME (--home) name a folder that is empty, or none.")
    is_backup = (source / MANIFEST).is_file()
    if not is_backup:
        _require_remains(source)
    unfinished = _emptied(home)
    _copy(source, unfinished, set(MADE_AGAIN) if not is_backup else set())
    if is_backup:
        if harmed := list(_harmed(unfinished)):
            more = f" and {len(harmed) - 3} more" if len(harmed) > 3 else ""
            raise BackupError(f"{source} is not as it was written: {'; '.join(harmed[:3])}{more}. Restore another backup.")
        (unfinished / MANIFEST).unlink()
    else:
        _rebuild(unfinished)
    files = len(list(_files(unfinished)))
    _flush(unfinished)
    os.rename(unfinished, home)
    flush(home.parent)
    return files


def _emptied(target: Path) -> Path:
    """The folder beside the target in which it is made; what was left there by a process that was killed is gone."""
    unfinished = target.absolute().with_name(f".{target.absolute().name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    unfinished.mkdir(mode=0o700)
    return unfinished


def _copy(source: Path, target: Path, without: set[str]) -> None:
    """Copy a folder, but for these names and hidden files and folders: locks, and what is not finished."""

    def left_out(folder: str, names: list[str]) -> Iterable[str]:
        return [name for name in names if name.startswith(".") or (Path(folder) == source and name in without)]

    def copied(file: str, to: str) -> None:
        with suppress(FileNotFoundError):  # replaced while it was listed: it is not what the home holds any more
            shutil.copy2(file, to)

    shutil.copytree(source, target, ignore=left_out, copy_function=copied, dirs_exist_ok=True)
    target.chmod(0o700)


def _copy_ledger(ledger: Path, to: Path) -> None:
    try:
        with closing(sqlite3.connect(ledger)) as now, closing(sqlite3.connect(to)) as copy:
            now.backup(copy)
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise BackupError(
            f"The ledger {ledger} cannot be copied: {' '.join(found.split())}. Recover it first: `sqlite3 {ledger} "
            ".recover` prints what can be read of it. Nothing was backed up."
        )


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and (name := path.relative_to(folder).as_posix()) != MANIFEST:
            yield name


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        flush(path)
    flush(folder)


def _harmed(folder: Path) -> Iterator[str]:
    """How the files of a backup differ from what its manifest says of them."""
    try:
        listed = {name: facts["sha256"] for name, facts in json.loads((folder / MANIFEST).read_bytes())["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"{MANIFEST} cannot be read"
        return
    present = set(_files(folder))
    yield from (f"{name} is missing" for name in sorted(listed.keys() - present))
    yield from (f"{name} is not of the backup" for name in sorted(present - listed.keys()))
    yield from (f"{name} was changed" for name in sorted(present & listed.keys()) if sha256(folder / name) != listed[name])


def _exchange(one: Path, other: Path) -> None:
    """Let two folders have each other's name, in one step."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # of Linux
    if renameat2 is None or renameat2(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE):
        why = os.strerror(ctypes.get_errno()) if renameat2 else "this system cannot"
        raise BackupError(f"{other} cannot be replaced in one step: {why}. Name a new folder, then remove this one.")


def _require_remains(source: Path) -> None:
    if (source / FILE).exists():
        raise BackupError(
            f"{source} has a {FILE} and no {MANIFEST}: it is a home, or half a backup. Give a whole backup; or, if its "
            f"warehouse is lost, move {FILE} and {FILE}.wal out of it."
        )
    if not any((source / name).exists() for name in REMAINS):
        raise BackupError(
            f"{source} is no backup, and has none of {', '.join(REMAINS)}: give one, or what is left of a home."
        )


def _rebuild(home: Path) -> None:
    """Write what no run can make again: plans, the rows of the releases, and the history that the last of them carries."""
    warehouse = Warehouse(home)
    if plans := list(kept(home)):
        warehouse.write(SAMPLING_PLAN, plans)
    releases = Releases(home / "releases")
    events = pl.DataFrame(schema=LABEL_EVENTS.polars_schema)
    for version in releases.versions:
        folder = releases.of(version)
        verified_labels(folder)
        if "history" in (manifest := manifest_of(folder)):
            events = pl.read_parquet(folder / manifest["history"]["file"])
    if not releases.versions:
        return
    rows = [_row(releases, version, events) for version in releases.versions]
    warehouse.write(LABEL_RELEASES, [pl.DataFrame(rows, schema=LABEL_RELEASES.polars_schema)])
    warehouse.write(LABEL_EVENTS, [events], events[PARTITION_COLUMN].unique().sort().to_list())


def _row(releases: Releases, version: Version, events: pl.DataFrame) -> dict[str, object]:
    """What `label_releases` said of a release: run and time as a later release's history tells, else as far as known."""
    path = releases.of(version) / RELEASE_MANIFEST
    manifest = manifest_of(path.parent)
    told = events.filter(event="released", actor=str(version)).head(1).to_dicts()
    return {
        **{name: manifest[name] for name in ("version", "previous", "demo", "instances")},
        "changed": changed_since_original(manifest),
        "manifest": path.read_text(encoding="utf-8"),
        "manifest_sha256": sha256(path),
        "run_id": told[0]["run_id"] if told else "restored",
        "released_at": told[0]["happened_at"] if told else dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC),
    }
