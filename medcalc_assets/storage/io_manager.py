"""How Dagster stores and loads assets: each is the table of its own name in the warehouse."""

from collections.abc import Iterable
from pathlib import Path

import dagster as dg
import polars as pl

from medcalc_assets.storage.tables import TABLES
from medcalc_assets.storage.warehouse import Warehouse


class DuckDBIOManager(dg.ConfigurableIOManager):
    """Stores a polars DataFrame (or an iterable of them, for tables larger than memory) as the asset's declared table.

    An input may ask for some columns only (`AssetIn(metadata={"columns": [...]})`), and an unpartitioned asset for
    whatever has been written of a partitioned one (`AssetIn(metadata={"partial": True})`).
    """

    home: str
    lock_timeout_seconds: float = 120.0

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(Path(self.home), self.lock_timeout_seconds)

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame | Iterable[pl.DataFrame]) -> None:
        table = TABLES[context.asset_key.path[-1]]
        frames = [obj] if isinstance(obj, pl.DataFrame) else obj
        partitions = context.asset_partition_keys if context.has_asset_partitions else None
        rows = self.warehouse.write(table, frames, partitions)
        context.add_output_metadata({"dagster/row_count": rows, "dagster/table_name": table.full_name})

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        wanted = context.definition_metadata
        whole = wanted.get("partial") or not context.has_asset_partitions
        return self.warehouse.read(
            TABLES[context.asset_key.path[-1]],
            None if whole else context.asset_partition_keys,
            wanted.get("columns"),
        )
