"""The history of every label, to which each run adds what changed."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import accumulate, groupby
from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import describe, stage
from medcalc_assets.release.released import ANSWER, as_released, rows_of_releases
from medcalc_assets.release.releases import read_labels
from medcalc_assets.reports.history import NEEDED, SOURCES, facts, new_events, stamped
from medcalc_assets.storage.chain import chained, heads
from medcalc_assets.storage.tables import INSTANCE_KEYS, LABEL_EVENTS, RAW_MEDCALC, TABLES
from medcalc_assets.storage.warehouse import PART, Warehouse, compact

STAMP = pl.Schema(
    {
        name: LABEL_EVENTS.polars_schema[name]
        for name in ("event", "actor", "calculator", "run_id", "code_version", "happened_at")
    }
)
NO_ANSWERS = pl.DataFrame(schema={"uid": pl.Int64, **dict.fromkeys(("answer", "version", "manifest_sha256"), pl.String)})


@stage("release", deps=[*NEEDED])
def label_events(context: dg.AssetExecutionContext, settings: Settings) -> dg.Output[Iterator]:  # type: ignore[type-arg]
    """The rows to add. Tables and earlier history are read by parts, all before any row is written: what is being written
    cannot be read."""
    warehouse, keys = settings.warehouse, context.partition_keys
    known, releases = warehouse.written(LABEL_EVENTS), rows_of_releases(warehouse)

    @cache
    def answers(version: str, manifest_sha256: str) -> pl.DataFrame:
        labels = read_labels(as_released(warehouse, settings.releases, version), ["Row Number", ANSWER])
        return labels.select(
            uid="Row Number", answer=ANSWER, version=pl.lit(version), manifest_sha256=pl.lit(manifest_sha256)
        )

    new, rows = [], []
    sizes = Counter(warehouse.read(RAW_MEDCALC, keys, ["calculator"])["calculator"])
    for _, part in groupby(zip(keys, accumulate(sizes[key] for key in keys), strict=True), lambda each: each[1] // PART):
        of_part = [key for key, _ in part]
        tables = {name: warehouse.read(TABLES[name], of_part, [*INSTANCE_KEYS, *needed]) for name, needed in NEEDED.items()}
        before = pl.DataFrame(schema=LABEL_EVENTS.polars_schema)
        if told := known.intersection(of_part):
            before = warehouse.read(LABEL_EVENTS, sorted(told))
        of_releases = set(before.filter(event="released").select("actor", "calculator").iter_rows())
        untold = [
            answers(row["version"], row["manifest_sha256"])
            for row in releases.iter_rows(named=True)
            if any((row["version"], key) not in of_releases for key in of_part)
        ]
        events = new_events(facts(tables, pl.concat([NO_ANSWERS, *untold])), before)
        new.append(compact(chained(stamped(events, _stamps(warehouse, releases)), heads(before))))
        rows += [
            frame.select(pl.col("calculator").cast(pl.Categorical), is_new=pl.lit(is_new))
            for frame, is_new in ((before, False), (new[-1], True))
        ]
    describe(context, pl.concat(rows), None, **{"new events": pl.col("is_new").sum()})
    return dg.Output(iter(new))


def _stamps(warehouse: Warehouse, releases: pl.DataFrame) -> pl.DataFrame:
    """Run, code version and time of what events are read from: of tables, which were read before, and of releases. Of
    Dagster's log nothing is believed: whoever reaches its webserver can write to that."""
    written = warehouse.contents()
    of_tables: list[dict[str, Any]] = [
        {
            "event": event,
            "calculator": key,
            "run_id": made.run_id,
            "code_version": made.code_version,
            "happened_at": made.at,
        }
        for event, table in SOURCES.items()
        for key, made in written[table].written.items()
    ]
    of_releases = [
        {"event": "released", "actor": row["version"], "run_id": row["run_id"], "happened_at": row["released_at"]}
        for row in releases.iter_rows(named=True)
    ]
    return pl.DataFrame([*of_tables, *of_releases], schema=STAMP)
