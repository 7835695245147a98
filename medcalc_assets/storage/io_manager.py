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
    whatever has been written of a partitioned one (`AssetIn(metadata={"partial": True})`). An input annotated as a
    LazyFrame is read when it is collected, and not at all if it never is.
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
        rows = self.warehouse.write(table, frames, partitions, context.asset_spec.code_version, context.run_id)
        context.add_output_metadata({"dagster/row_count": rows, "dagster/table_name": table.full_name})

    def load_input(self, context: dg.InputContext) -> pl.DataFrame | pl.LazyFrame:
        wanted, table = context.definition_metadata, TABLES[context.asset_key.path[-1]]
        whole = wanted.get("partial") or not context.has_asset_partitions
        partitions = None if whole else context.asset_partition_keys
        columns = wanted.get("columns") or table.names
        if context.dagster_type.typing_type is pl.LazyFrame:
            schema = {name: table.polars_schema[name] for name in columns}
            return pl.defer(lambda: self.warehouse.read(table, partitions, columns), schema=schema)
        return self.warehouse.read(table, partitions, columns)
