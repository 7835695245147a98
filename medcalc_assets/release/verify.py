"""Whether what is kept is as it was written: history, releases, physicians' answers and ledger, each against the others.

Nothing is changed, and no file is believed by itself: each is compared with what another one says of it.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from medcalc_assets.auditors.calls import SEEN, calls_of
from medcalc_assets.auditors.ledger import Ledger
from medcalc_assets.errors import MedcalcError
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.physicians.returned import Said
from medcalc_assets.release.released import ANSWER, behind, is_untold, otherwise, rows_of_releases
from medcalc_assets.release.releases import (
    MANIFEST,
    Releases,
    changed_since_original,
    harms,
    manifest_of,
    read_labels,
    sha256,
)
from medcalc_assets.storage import tables
from medcalc_assets.storage.chain import breaks, head, heads, place
from medcalc_assets.storage.tables import INSTANCE_KEYS, Table
from medcalc_assets.storage.warehouse import Warehouse, ranges

EVENTS, ROWS = tables.LABEL_EVENTS.name, tables.LABEL_RELEASES.name
LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Difference:
    """What is otherwise than it was written: in which file or table, and, where it is about one, of which label and column;
    what was there, and what `now` is."""

    file: str
    why: str
    uid: int | None = None
    column: str | None = None
    was: str | None = None
    now: str | None = None

    def __str__(self) -> str:
        of_uid = "" if self.uid is None else f"uid {self.uid}, "
        was, now = ("null" if said is None else said for said in (self.was, self.now))
        changed = "" if self.column is None else f"{self.column} was {was}, is {now}: "
        return f"{self.file}: {of_uid}{changed}{self.why}"


def verify(warehouse: Warehouse, releases: Releases, packets: Packets, ledger: Ledger | None) -> Iterator[Difference]:
    """Every difference there is. `ledger` is None where there is none.

    Raises WarehouseError where there is no warehouse, or none that can be read.
    """
    there = warehouse.contents()
    released = []
    for uids in _parts(warehouse):
        events = _events(warehouse, uids)
        yield from (Difference(EVENTS, f"{place(event)}: {why}", event["uid"]) for event, why in breaks(events))
        if tables.MAINTAINED_LABELS.name in there:
            for uid, was, now in behind(warehouse, events, uids):
                yield Difference(tables.MAINTAINED_LABELS.name, "its history ends otherwise", uid, "final", was, now)
        released.append(events.filter(event="released"))
    yield from _releases(warehouse, releases, pl.concat(released))
    if tables.PHYSICIAN_LABELS.name in there:
        yield from _answers(warehouse, packets)
    if tables.RULINGS.name in there:
        yield from _rulings(warehouse, packets)
    if tables.LLM_CALLS.name in there:
        yield from _calls(warehouse, ledger)


def _parts(warehouse: Warehouse) -> Iterator[tuple[int, int]]:
    """Of so many labels the history is read at once."""
    known = warehouse.has(tables.LABEL_EVENTS)
    uids = warehouse.read(tables.LABEL_EVENTS, columns=["uid"])["uid"] if known else pl.Series([], dtype=pl.Int64)
    return ranges(uids)


def _events(warehouse: Warehouse, uids: tuple[int, int]) -> pl.DataFrame:
    if not warehouse.has(tables.LABEL_EVENTS):
        return pl.DataFrame(schema=tables.LABEL_EVENTS.polars_schema)
    return warehouse.read(tables.LABEL_EVENTS, uids=uids)


def _releases(warehouse: Warehouse, releases: Releases, released: pl.DataFrame) -> Iterator[Difference]:
    """Folders, rows of `label_releases` and `released` events: what one has the others have, too, and as it is there."""
    rows = {row["version"]: row for row in rows_of_releases(warehouse).iter_rows(named=True)}
    told = set(released["actor"])
    folders = set(map(str, releases.versions))
    for version in sorted({*rows, *told, *folders}):
        name = f"{releases.folder.name}/{version}"
        if version not in rows:
            why = "the history says that it was released" if version in told else "it was not released from here to the end"
            yield Difference(ROWS, f"no row is of {version}: {why}")
        else:
            yield from _row(rows[version], released.filter(actor=version))
            if is_untold(warehouse, version):
                why = f"`medcalc release --version {version}` writes it down"
                yield Difference(EVENTS, f"the release {version} is not in the history of every label: {why}")
        if version in folders:
            try:
                yield from _files(name, releases.folder / version, rows.get(version), released, warehouse)
            except (MedcalcError, OSError, pl.exceptions.PolarsError) as error:
                yield Difference(name, f"it cannot be read: {error}")
        else:
            yield Difference(name, "the folder is gone")


def _row(row: dict[str, Any], events: pl.DataFrame) -> Iterator[Difference]:
    """A row of `label_releases` against its own manifest, and against the events that were read from it."""
    why = f"the row of {row['version']}"
    told = events["detail"].str.extract(r"manifest ([0-9a-f]{64})$").drop_nulls().unique().to_list()
    digest = hashlib.sha256(row["manifest"].encode()).hexdigest()
    was: dict[str, Any] = {"manifest_sha256": told[0] if told else digest}
    if digest != was["manifest_sha256"]:
        yield Difference(ROWS, f"{why}, as sha256", None, "manifest", was["manifest_sha256"], digest)
    elif manifest := _parsed(row["manifest"]):
        was |= {name: manifest[name] for name in ("previous", "demo", "instances")}
        was["changed"] = changed_since_original(manifest)
    if stamps := events.select("run_id", released_at="happened_at").unique().to_dicts():
        was |= stamps[0]
    for name in was:
        if row[name] != was[name]:
            yield Difference(ROWS, why, None, name, f"{was[name]}", f"{row[name]}")


def _files(
    name: str, folder: Path, row: dict[str, Any] | None, told: pl.DataFrame, warehouse: Warehouse
) -> Iterator[Difference]:
    """The files of a release against its manifest, that against its row, and labels and history against the events."""
    manifest, digest = manifest_of(folder), sha256(folder / MANIFEST)
    was_changed = row is None or digest != row["manifest_sha256"]
    if row and was_changed:
        said = _parsed(row["manifest"])
        other = ", ".join(sorted(key for key in {*said, *manifest} if said.get(key) != manifest.get(key)))
        why = f"it is not the one that was released; otherwise: {other or 'its spelling'}"
        yield Difference(f"{name}/{MANIFEST}", why, None, "sha256", row["manifest_sha256"], digest)
    harmed = dict(harms(folder))
    yield from (Difference(f"{name}/{file}", why) for file, why in harmed.items())
    for file, uid, was, now in otherwise(told, folder):
        yield Difference(f"{name}/{file}", f"not what {EVENTS} says was released", uid, ANSWER, was, now)
    file = manifest.get("history", {}).get("file")  # of version 0.1 it has none
    if file and (folder / file).exists():
        where = f"{name}/{file}"
        last: dict[int, str] = {}
        for uids in _parts(warehouse):
            released = read_labels(folder / file, uids=uids)
            last |= heads(released)
            known = _events(warehouse, uids).join(released, on=tables.LABEL_EVENTS.key, how="semi")  # it has gone on since
            if was_changed or file in harmed:  # then this file is what somebody changed, and not the table
                yield from _compared(tables.LABEL_EVENTS, EVENTS, known, where, released)
            else:
                yield from _compared(tables.LABEL_EVENTS, where, released, EVENTS, known)
        if (now := head(last)) != (was := manifest["history"]["head_sha256"]):
            yield Difference(where, f"not the head of {MANIFEST}", None, "head_sha256", was, now)


def _answers(warehouse: Warehouse, packets: Packets) -> Iterator[Difference]:
    """The files of answers against the rows of `physician_labels` that came with packets.

    An answer that came since the table was written, that a later one has replaced or that was withdrawn is not expected
    there.
    """
    table, key = tables.PHYSICIAN_LABELS, ["uid", "reviewer", "answered_at"]
    raw = warehouse.read(tables.RAW_MEDCALC, columns=[*INSTANCE_KEYS, "output_type"])
    stored = warehouse.read(table).filter(pl.col("packet").is_not_null())
    on_disk = [pl.DataFrame(schema=table.polars_schema)]
    for path in sorted(packets.answers.glob("*.json")):
        name = f"{packets.answers.name}/{path.name}"
        received = list(packets.answers.glob(f"{path.stem}.*received"))
        digest = path.stem.partition("-")[0]  # of several annotators each has a record
        if [sha256(each)[: len(digest)] for each in received] != [digest]:
            yield Difference(name, f"the file that came back, {path.stem}.*.received, is not there as it came")
        record, answers = next(iter(packets.records([path])), (None, []))
        if record is None:
            yield Difference(name, "it is damaged: its answers do not count")
            continue
        if received:
            yield from _as_it_came(
                name, record, answers, packets, received[0], dict(raw.select("uid", "output_type").iter_rows())
            )
        rows = packets.taken_over(raw, [path])
        on_disk.append(rows.filter(~pl.col("uid").is_in(record.get("superseded", []))))
        both = stored.join(rows, on=key, how="semi"), rows.join(stored, on=key, how="semi")
        yield from _compared(table, table.name, both[0], name, both[1], key)
    came = pl.concat(on_disk)
    for uid, reviewer, at in stored.join(came, on=key, how="anti").select(key).iter_rows():
        yield Difference(packets.answers.name, f"no file has the answer of {reviewer} of {at.isoformat()}", uid)
    last = stored.group_by("uid", "reviewer").agg(last=pl.col("answered_at").max())
    unknown = came.join(stored, on=key, how="anti").join(last, on=["uid", "reviewer"], how="left")
    expected = unknown.filter(
        pl.col("answered_at") < _written(warehouse, table),
        pl.col("last").is_null() | (pl.col("last") < pl.col("answered_at")),
    )
    withdrawn = packets.withdrawn()
    for uid, reviewer, at in expected.select(key).iter_rows():
        if withdrawn.get((uid, reviewer), at) > at:
            continue
        yield Difference(table.name, f"the answer of {reviewer} of {at.isoformat()} is not there", uid)


def _rulings(warehouse: Warehouse, packets: Packets) -> Iterator[Difference]:
    """The files of rulings against the rows of `rulings` that came with packets; a later ruling is not expected there."""
    table, key = tables.RULINGS, ("card", "reviewer", "ruled_at")
    on_disk = (row for path in packets.answers.glob("*.json") for row in packets.rulings([path]))
    came = {tuple(row[name] for name in key): row for row in on_disk}
    for row in warehouse.read(table).filter(pl.col("packet").is_not_null()).to_dicts():
        was = came.get(tuple(row[name] for name in key))
        if was is None:
            yield Difference(packets.answers.name, f"no file has the ruling of {row['reviewer']} on card {row['card']}")
            continue
        for name, said in was.items():
            if said != row[name]:
                yield Difference(table.name, f"the ruling on card {row['card']}", None, name, f"{said}", f"{row[name]}")


def _as_it_came(
    name: str,
    record: dict[str, Any],
    answers: list[Said],
    packets: Packets,
    received: Path,
    output_types: dict[int, str],
) -> Iterator[Difference]:
    """A record of answers against the file that they were read from."""
    try:
        came = {answer.uid: asdict(answer) for answer in packets.read_again(received, record, output_types)}
    except MedcalcError as error:
        yield Difference(name, f"the file that came back cannot be read again: {error}")
        return
    now = {answer.uid: asdict(answer) for answer in answers}
    for uid in sorted(came.keys() | now.keys(), key=str):
        was, says = came.get(uid, {}), now.get(uid, {})
        for field in sorted(was.keys() | says.keys()):
            if was.get(field) != says.get(field):
                told = (f"{each.get(field)}" for each in (was, says))
                of_card = "" if isinstance(uid, int) else f" of card {uid}"
                why = f"the file that came back says otherwise{of_card}"
                yield Difference(name, why, uid if isinstance(uid, int) else None, field, *told)


def _calls(warehouse: Warehouse, ledger: Ledger | None) -> Iterator[Difference]:
    """The ledger itself, and what it holds against `llm_calls`. Calls made since that was written are not expected there."""
    table = tables.LLM_CALLS
    stored = warehouse.read(table)
    if ledger is None:
        if stored.height:
            yield Difference(LEDGER, f"it is gone, and {table.name} has {stored.height:,} calls of it")
        return
    try:
        yield from (Difference(LEDGER, harm) for harm in ledger.harms())
        held = calls_of(ledger, warehouse.read(tables.RAW_MEDCALC, columns=[*INSTANCE_KEYS, *SEEN]))
    except MedcalcError as error:
        yield Difference(LEDGER, f"it cannot be read: {error}")
        return
    later = held.filter(pl.col("requested_at") > _written(warehouse, table)).join(stored, on=table.key, how="anti")
    yield from _compared(table, table.name, stored, LEDGER, held.join(later, on=table.key, how="anti"))


def _written(warehouse: Warehouse, table: Table) -> pl.Expr:
    """When the partition of a row was written."""
    at = {key: made.at for key, made in warehouse.contents()[table.name].written.items()}
    return pl.col("calculator").replace_strict(at, default=None, return_dtype=pl.Datetime("us", "UTC"))


def _compared(
    table: Table, where: str, was: pl.DataFrame, file: str, now: pl.DataFrame, key: Sequence[str] = ()
) -> Iterator[Difference]:
    """How the rows in `file` differ from those in `where`."""
    key = list(key or table.key)
    names = [name for name in table.names if name not in key]
    both = was.join(now, on=key, how="full", coalesce=True, suffix=" now")
    differ = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name} now")) for name in names)
    for row in both.filter(differ).sort(key).iter_rows(named=True):
        uid = row["uid"] if "uid" in key or row["uid"] is not None else row["uid now"]
        which = ", ".join(f"{row[name]}" for name in key if name != "uid")
        if row["calculator now"] is None:
            yield Difference(file, f"{which} is gone: {where} has it", uid)
        elif row["calculator"] is None:
            yield Difference(file, f"{which} is not in {where}", uid)
        else:
            for name in names:
                if row[name] != row[f"{name} now"]:
                    pair = (None if said is None else f"{said}" for said in (row[name], row[f"{name} now"]))
                    yield Difference(file, f"{which}, compared with {where}", uid, name, *pair)


def _parsed(manifest: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(manifest)
        return found
    except ValueError:
        return {}
