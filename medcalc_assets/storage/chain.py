"""The hash chain over the events of a label: each event carries the hash of the one before it of the same instance.

An event that is changed, taken away or moved later no longer fits its neighbours, whoever changed it and by whatever means.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from medcalc_assets.storage.tables import LABEL_EVENTS

LINKS = ["previous_sha256", "sha256"]
CONTENT = [name for name in LABEL_EVENTS.names if name not in LINKS]
"""What is hashed of an event, in this order. Another order, or one column more, would make every stored hash another."""


def chained(events: pl.DataFrame, heads: Mapping[int, str]) -> pl.DataFrame:
    """The events, which have the columns of CONTENT, with their links, in the order of their rows.

    `heads` are the hashes, by uid, that the chains go on from; an instance without one begins its chain.
    """
    last = dict(heads)
    previous: list[str | None] = []
    hashes: list[str] = []
    for uid, content in zip(events["uid"], _content(events), strict=True):
        previous.append(last.get(uid))
        last[uid] = _sha256(previous[-1], content)
        hashes.append(last[uid])
    return events.with_columns(
        previous_sha256=pl.Series(previous, dtype=pl.String), sha256=pl.Series(hashes, dtype=pl.String)
    )


def heads(events: pl.DataFrame) -> dict[int, str]:
    """By uid the hash of the last event: the one that no other event follows."""
    followed = events["previous_sha256"].drop_nulls().implode()
    return dict(events.filter(~pl.col("sha256").is_in(followed)).sort("uid", "sha256").select("uid", "sha256").iter_rows())


def head(last: Mapping[int, str]) -> str:
    """One hash over the heads of all instances, in the order of their uids: it says which history this is."""
    return hashlib.sha256("".join(f"{uid}:{sha256}\n" for uid, sha256 in sorted(last.items())).encode()).hexdigest()


def breaks(events: pl.DataFrame) -> Iterator[tuple[dict[str, Any], str]]:
    """Every event at which the chain of its instance does not hold, and why."""
    told = zip(events["previous_sha256"], _content(events), strict=True)
    holds = pl.Series([_sha256(previous, content) for previous, content in told], dtype=pl.String) == events["sha256"]
    present = pl.struct("uid", pl.col("previous_sha256").alias("sha256")).is_in(
        events.select(pl.struct("uid", "sha256")).to_series().implode()
    )
    found = events.with_columns(
        holds=holds,
        follows=pl.col("previous_sha256").is_null() | present,
        alone=pl.struct("uid", "previous_sha256").is_unique(),
    ).filter(~(pl.col("holds") & pl.col("follows") & pl.col("alone")))
    for event in found.iter_rows(named=True):
        if not event["holds"]:
            yield event, "its content is not what its sha256 was computed of"
        if not event["follows"]:
            yield event, f"the event before it, of sha256 {event['previous_sha256']}, is gone"
        if not event["alone"]:
            yield event, "another event of the instance claims the same place in the history"


def place(event: Mapping[str, object]) -> str:
    """Which event of its instance it is, in words."""
    return f"{event['event']} {event['sequence']} by {event['actor']}"


def _content(events: pl.DataFrame) -> pl.Series:
    """Of every event one text that no other event has: each value with its length in bytes before it; `-` for null."""
    texts = [
        (pl.col(name).dt.timestamp("us") if dtype.is_temporal() else pl.col(name)).cast(pl.String)
        for name, dtype in LABEL_EVENTS.polars_schema.items()
        if name in CONTENT
    ]
    counted = [
        pl.concat_str(text.str.len_bytes().cast(pl.String), pl.lit(":"), text).fill_null(pl.lit("-")) for text in texts
    ]
    return events.select(pl.concat_str(counted)).to_series()


def _sha256(previous: str | None, content: str) -> str:
    return hashlib.sha256(f"{previous or '-'}{content}".encode()).hexdigest()
