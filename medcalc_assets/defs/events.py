"""The history of every label, to which each run adds what changed."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import columns, describe, stage
from medcalc_assets.reports.history import NEEDED, SOURCES, facts, new_events, stamped
from medcalc_assets.storage.tables import INSTANCE_KEYS, LABEL_EVENTS, LABEL_RELEASES

PAGE = 500
STAMP = pl.Schema(
    {
        name: LABEL_EVENTS.polars_schema[name]
        for name in ("event", "actor", "calculator", "run_id", "code_version", "happened_at")
    }
)


@stage(
    "release",
    ins={name: columns(*INSTANCE_KEYS, *needed) for name, needed in NEEDED.items()},
)
def label_events(context: dg.AssetExecutionContext, settings: Settings, **tables: pl.DataFrame) -> dg.Output[Iterator]:  # type: ignore[type-arg]
    """The rows to add, calculator after calculator. What was written down before is read from the table itself."""
    warehouse, keys = settings.warehouse, context.partition_keys
    earlier = pl.DataFrame(schema=LABEL_EVENTS.polars_schema)
    if known := warehouse.written(LABEL_EVENTS) & set(keys):
        earlier = warehouse.read(LABEL_EVENTS, sorted(known))
    told = set(earlier.filter(event="released").select("actor", "calculator").iter_rows())
    released = warehouse.read(LABEL_RELEASES) if warehouse.has(LABEL_RELEASES) else None
    answers = [pl.DataFrame(schema={"uid": pl.Int64, "answer": pl.String, "version": pl.String})]
    stamps = list(_stamps(context.instance, keys))
    for row in released.iter_rows(named=True) if released is not None else ():
        if all((row["version"], key) in told for key in keys):
            continue
        labels = settings.releases.labels(row["version"])
        answers.append(
            labels.select(uid="Row Number", answer="Ground Truth Answer").with_columns(version=pl.lit(row["version"]))
        )
        stamps.append(
            {"event": "released", "actor": row["version"], "run_id": row["run_id"], "happened_at": row["released_at"]}
        )
    stamped_by = pl.DataFrame(stamps, schema=STAMP)

    def by_calculator() -> Iterator[pl.DataFrame]:
        rows = [earlier.select("calculator")]
        for key in keys:
            now = facts({name: table.filter(calculator=key) for name, table in tables.items()}, pl.concat(answers))
            events = stamped(new_events(now, earlier.filter(calculator=key)), stamped_by)
            rows.append(events.select("calculator"))
            context.add_asset_metadata({"new events": events.height}, partition_key=key)
            yield events
        describe(context, pl.concat(rows), None)

    return dg.Output(by_calculator())


def _stamps(instance: dg.DagsterInstance, keys: list[str]) -> Iterator[dict[str, Any]]:
    """Run, time and code version of the last materialization of every partition of every table with events."""
    for event, table in SOURCES.items():
        wanted, cursor, more = set(keys), None, True
        while wanted and more:
            found = instance.fetch_materializations(
                dg.AssetRecordsFilter(dg.AssetKey(table), asset_partitions=sorted(wanted)), limit=PAGE, cursor=cursor
            )
            cursor, more = found.cursor, found.has_more
            for record in found.records:
                if record.partition_key in wanted:
                    wanted.discard(record.partition_key)
                    tags = record.asset_materialization.tags or {} if record.asset_materialization else {}
                    yield {
                        "event": event,
                        "calculator": record.partition_key,
                        "run_id": record.run_id,
                        "code_version": tags.get("dagster/code_version"),
                        "happened_at": dt.datetime.fromtimestamp(record.timestamp, dt.UTC),
                    }
