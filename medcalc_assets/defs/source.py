"""The original benchmark."""

from collections import Counter
from collections.abc import Iterator

import dagster as dg
import polars as pl

from medcalc_assets.benchmarks.reader import SourceError
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import stage
from medcalc_assets.storage.tables import INSTANCE_KEYS, RAW_MEDCALC
from medcalc_assets.storage.warehouse import WarehouseError


@stage("source")
def raw_medcalc(context: dg.AssetExecutionContext, settings: Settings) -> dg.Output[Iterator]:  # type: ignore[type-arg]
    """Every instance is checked, whichever partitions are asked for; batch after batch, to keep memory flat."""
    settings.require_unchanged()
    keys = context.partition_keys
    held = _held(settings)

    def chosen() -> Iterator[pl.DataFrame]:
        rows: Counter[str] = Counter()
        for batch in settings.benchmark.instances():
            batch = batch.filter(pl.col("calculator").is_in(keys))
            require_same_benchmark(batch, held, settings.home)
            rows.update(batch["calculator"])
            yield batch
        for key in keys:
            context.add_asset_metadata({"dagster/partition_row_count": rows[key]}, partition_key=key)

    version = settings.benchmark.version
    return dg.Output(
        chosen(),
        data_version=dg.DataVersion(version),
        metadata={"source": settings.source, "source_version": version},
    )


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
    for uid, calculator, known in others.select("uid", "calculator", "calculator_held").head(1).iter_rows():
        raise SourceError(
            f"{home} holds another benchmark: uid {uid} is of {known} there, and of {calculator} in this source. Give each "
            "benchmark a folder of its own (MEDCALC_HOME, or --home); nothing was changed."
        )


def _held(settings: Settings) -> pl.DataFrame:
    """The calculator of every uid in the home; none of a table that cannot be read, as it is about to be made anew."""
    try:
        return settings.warehouse.read(RAW_MEDCALC, columns=["uid", "calculator"])
    except WarehouseError:
        return pl.DataFrame(schema={"uid": pl.Int64, "calculator": pl.String})
