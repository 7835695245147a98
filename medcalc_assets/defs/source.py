"""The benchmark as released."""

from collections import Counter
from collections.abc import Iterator

import dagster as dg
import polars as pl

import medcalc_assets.labels.parsing
import medcalc_assets.source
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import stage


@dg.asset(**stage("raw_medcalc", "source", medcalc_assets.source, medcalc_assets.labels.parsing))
def raw_medcalc(context: dg.AssetExecutionContext, settings: Settings) -> dg.Output[Iterator]:  # type: ignore[type-arg]
    """Every instance is checked, whichever partitions are asked for; batch after batch, to keep memory flat."""
    keys = context.partition_keys

    def chosen() -> Iterator[pl.DataFrame]:
        rows: Counter[str] = Counter()
        for batch in settings.benchmark.instances():
            batch = batch.filter(pl.col("calculator").is_in(keys))
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
