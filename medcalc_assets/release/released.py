"""What the warehouse says was released: the files of a release are believed only as far as they agree with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import polars as pl

from medcalc_assets.labels.value import as_text, columns
from medcalc_assets.release.releases import MANIFEST, ReleaseError, Releases, manifest_of, read_labels, sha256
from medcalc_assets.release.versions import Version
from medcalc_assets.storage.tables import LABEL_EVENTS, LABEL_RELEASES, MAINTAINED_LABELS
from medcalc_assets.storage.warehouse import Warehouse

ANSWER = "Ground Truth Answer"


def rows_of_releases(warehouse: Warehouse) -> pl.DataFrame:
    """The rows of `label_releases`; none if nothing was ever released."""
    if not warehouse.has(LABEL_RELEASES):
        return pl.DataFrame(schema=LABEL_RELEASES.polars_schema)
    return warehouse.read(LABEL_RELEASES)


def is_untold(warehouse: Warehouse, version: str) -> bool:
    """Whether the version was released, and the history of some label does not say so: the run was killed in between."""
    if rows_of_releases(warehouse).filter(version=version).is_empty():
        return False
    events = warehouse.read(LABEL_EVENTS, columns=["calculator", "event", "actor"])
    told = events.filter(event="released", actor=version)
    return events["calculator"].n_unique() != told["calculator"].n_unique()


def as_released(warehouse: Warehouse, releases: Releases, version: str) -> Path:
    """The file of the labels of a release, which are those that the warehouse says were released.

    Raises ReleaseError if the version was not released from here to the end, or a file of it, the manifest included, or an
    answer in it is another than what was released.
    """
    labels = releases.file_of_labels(version)
    row = rows_of_releases(warehouse).filter(version=version)
    folder = releases.of(Version.parse(version))
    if row.is_empty():
        raise ReleaseError(
            f"{folder} is in no row of label_releases: it was not released from here, or not to the end. `medcalc release "
            f"--version {version}` finishes it; otherwise move the folder away."
        )
    events = warehouse.read(LABEL_EVENTS, columns=["uid", "event", "actor", "value"])
    differ = dict.fromkeys((uid, was, now) for _, uid, was, now in otherwise(events, folder))
    said = [f"uid {uid} {ANSWER!r} was {was}, is {now}" for uid, was, now in differ]
    if sha256(folder / MANIFEST) != row["manifest_sha256"].item():
        said.insert(0, f"{MANIFEST} has another sha256 than in label_releases")
    if said:
        more = f" and {len(said) - 3} more" if len(said) > 3 else ""
        raise ReleaseError(
            f"{folder} is not as it was released: {'; '.join(said[:3])}{more}. Get the release again; "
            "`medcalc verify` tells all."
        )
    return labels


def otherwise(events: pl.DataFrame, folder: Path) -> Iterator[tuple[str, int, str | None, str | None]]:
    """By file of the release, the uids whose label is another than their `released` event says, with both; None for a label
    that there is not. The evaluation set has some of the labels, the other file all."""
    told, manifest = events.filter(event="released", actor=folder.name).select("uid", was="value"), manifest_of(folder)
    for name in filter(None, (manifest["labels"], manifest.get("evaluation_set"))):  # version 0.1 had one file
        if (folder / name).exists():
            labels = read_labels(folder / name, ["Row Number", ANSWER]).rename({"Row Number": "uid", ANSWER: "now"})
            expected = told if name == manifest["labels"] else told.join(labels, on="uid", how="semi")
            how: Literal["full", "left"] = "full" if told.height else "left"  # once it is told, of every label
            both = expected.join(labels, on="uid", how=how, coalesce=True).sort("uid")
            yield from ((name, *row) for row in both.filter(pl.col("was").ne_missing(pl.col("now"))).iter_rows())


def behind(warehouse: Warehouse, events: pl.DataFrame, uids: tuple[int, int]) -> list[tuple[int, str | None, str | None]]:
    """The uids of a part whose last `maintained` event does not give the maintained label, with what it gives, and that."""
    maintained = warehouse.read(MAINTAINED_LABELS, columns=["uid", *columns("final")], uids=uids)
    last = events.filter(event="maintained").sort("sequence").group_by("uid").last().select("uid", was="value")
    both = maintained.select("uid", now=as_text("final")).join(last, on="uid", how="left").sort("uid")
    return list(both.filter(pl.col("was").ne_missing(pl.col("now"))).select("uid", "was", "now").iter_rows())
