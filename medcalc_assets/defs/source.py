"""The original benchmark, and what of it cannot be read."""

from contextlib import suppress
from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.benchmarks.reader import Benchmark, SourceError
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import describe, require_unchanged, stage
from medcalc_assets.storage.tables import INSTANCE_KEYS, LABEL_EVENTS, RAW_MEDCALC
from medcalc_assets.storage.warehouse import WarehouseError


@stage("source")
def raw_medcalc(context: dg.AssetExecutionContext, settings: Settings) -> dg.Output[pl.DataFrame]:
    """Every instance is checked, whichever partitions are asked for."""
    benchmark = _read(settings)
    instances = benchmark.instances.filter(pl.col("calculator").is_in(context.partition_keys))
    require_same_benchmark(instances, _held(settings), settings.home)
    describe(context, instances, None)
    return _told(settings, benchmark, instances)


@stage("source")
def quarantine(settings: Settings) -> dg.Output[pl.DataFrame]:
    """Of the whole source, as a row that cannot be read may be of no calculator."""
    benchmark = _read(settings)
    return _told(settings, benchmark, benchmark.quarantine)


def _read(settings: Settings) -> Benchmark:
    require_unchanged(settings)
    return settings.benchmark.read()


def _told(settings: Settings, benchmark: Benchmark, rows: pl.DataFrame) -> dg.Output[pl.DataFrame]:
    told: dict[str, Any] = {"source": settings.source, "source_version": benchmark.version}
    told["in quarantine"] = benchmark.quarantine.height
    return dg.Output(rows, data_version=dg.DataVersion(benchmark.version), metadata=told)


def instances_of(context: dg.AssetExecutionContext, settings: Settings, *names: str) -> pl.DataFrame:
    """Keys, and these columns, of all instances of the run's calculators, for a row each even where nobody voted.

    No input of its own: the votes, which are one, were made from the same instances, and the lineage says so.
    """
    return settings.warehouse.read(RAW_MEDCALC, context.partition_keys, [*INSTANCE_KEYS, *names])


def require_same_benchmark(batch: pl.DataFrame, held: pl.DataFrame, home: str) -> None:
    """Raise SourceError where a uid is of another calculator than the one that the home holds under it.

    History, releases and physicians' answers go by uid: those of two benchmarks must not come into one home.
    """
    others = batch.join(held, on="uid", suffix="_held").filter(pl.col("calculator") != pl.col("calculator_held"))
    for uid, calculator, known in others.select("uid", "calculator", "calculator_held").sort("uid").head(1).iter_rows():
        raise SourceError(
            f"{home} holds another benchmark: uid {uid} is of {known} there, and of {calculator} in this source. Give each "
            "benchmark a folder of its own (MEDCALC_HOME, or --home); nothing was changed."
        )


def _held(settings: Settings) -> pl.DataFrame:
    """The calculator of every uid in the home, by its history, too: one that was made of releases has nothing else. None of
    a table that cannot be read, as it is about to be made anew."""
    held = [pl.DataFrame(schema={"uid": pl.Int64, "calculator": pl.String})]
    for table in (RAW_MEDCALC, LABEL_EVENTS):
        with suppress(WarehouseError):
            held.append(settings.warehouse.read(table, columns=["uid", "calculator"]).unique())
    return pl.concat(held).unique()
