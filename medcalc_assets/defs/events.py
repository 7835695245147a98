"""The history of every label, to which each run adds what changed."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import columns, describe, stage
from medcalc_assets.release.released import ANSWER, as_released, rows_of_releases
from medcalc_assets.release.releases import read_labels
from medcalc_assets.reports.history import NEEDED, SOURCES, facts, new_events, stamped
from medcalc_assets.storage.chain import chained, heads
from medcalc_assets.storage.tables import INSTANCE_KEYS, LABEL_EVENTS

STAMP = pl.Schema(
    {
        name: LABEL_EVENTS.polars_schema[name]
        for name in ("event", "actor", "calculator", "run_id", "code_version", "happened_at")
    }
)
ANSWERS = dict.fromkeys(("answer", "version", "manifest_sha256"), pl.String)


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
    answers = [pl.DataFrame(schema={"uid": pl.Int64, **ANSWERS})]
    # Of Dagster's log nothing is believed: whoever reaches its webserver can write to that.
    written = warehouse.contents()
    stamps: list[dict[str, Any]] = [
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
    for row in rows_of_releases(warehouse).iter_rows(named=True):
        if all((row["version"], key) in told for key in keys):
            continue
        labels = read_labels(as_released(warehouse, settings.releases, row["version"]), ["Row Number", ANSWER])
        answers.append(
            labels.select(
                uid="Row Number",
                answer=ANSWER,
                version=pl.lit(row["version"]),
                manifest_sha256=pl.lit(row["manifest_sha256"]),
            )
        )
        stamps.append(
            {"event": "released", "actor": row["version"], "run_id": row["run_id"], "happened_at": row["released_at"]}
        )
    stamped_by = pl.DataFrame(stamps, schema=STAMP)

    def by_calculator() -> Iterator[pl.DataFrame]:
        rows = [earlier.select("calculator")]
        for key in keys:
            before = earlier.filter(calculator=key)
            now = facts({name: table.filter(calculator=key) for name, table in tables.items()}, pl.concat(answers))
            events = chained(stamped(new_events(now, before), stamped_by), heads(before))
            rows.append(events.select("calculator"))
            context.add_asset_metadata({"new events": events.height}, partition_key=key)
            yield events
        describe(context, pl.concat(rows), None)

    return dg.Output(by_calculator())
