"""What all assets of the chain have in common."""

import hashlib
import inspect
import warnings
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.auditors.protocol import cost
from medcalc_assets.partitions import BY_CALCULATOR, KEYS
from medcalc_assets.storage.tables import PARTITION_COLUMN, TABLES

warnings.simplefilter("ignore", dg.BetaWarning)  # backfill policies and data versions; the version is pinned

GROUPS = (
    "source",
    "derivation",
    "phase1_audit",
    "phase2_relabel",
    "auditors",
    "disagreement",
    "phase3_adjudication",
    "release",
)
"""The groups of the assets, in the order of the chain."""


CALLS = {
    "failed votes": (pl.col("status") == "failed").sum(),
    "calls": pl.col("calls").sum(),
    "calls saved": (pl.col("status") == "not_cast").sum(),
    "input tokens": pl.col("input_tokens").sum(),
    "output tokens": pl.col("output_tokens").sum(),
    "cost in USD": cost(),
}
"""What votes took, by partition: figures for `describe`."""


def stage(name: str, group: str, *code: ModuleType | str, see: str = "") -> dict[str, Any]:
    """The arguments of `dg.asset` for the table of this name. `code` is what its content depends on, besides its inputs:
    modules, and versions of what is no module. `see` is markdown to follow the table's description.

    Any number of partitions is one run: 55 runs would cost minutes of starting up.
    """
    table = TABLES[name]
    sources = "".join([table.ddl, *(text for part in code for text in _texts(part))])
    partitioned = {"partitions_def": BY_CALCULATOR, "backfill_policy": dg.BackfillPolicy.single_run()}
    return {
        "key": name,
        "group_name": group,
        "description": f"{table.description}\n\n{see}".strip(),
        "owners": ["team:label-stewards"],
        "kinds": {"duckdb", "polars"},
        "code_version": hashlib.sha256(sources.encode()).hexdigest()[:12],
        "metadata": {
            "dagster/table_name": table.full_name,
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(
                        column.name,
                        column.type,
                        column.description,
                        dg.TableColumnConstraints(nullable=column.nullable),
                    )
                    for column in table.columns
                ]
            ),
        },
        **(partitioned if table.partitioned else {}),
    }


def _texts(part: ModuleType | str) -> list[str]:
    """The source of a module, or of all modules of a package; a version as it is."""
    if isinstance(part, str):
        return [part]
    path = Path(inspect.getfile(part))
    return [file.read_text() for file in (sorted(path.parent.glob("*.py")) if path.name == "__init__.py" else [path])]


def columns(*names: str) -> dg.AssetIn:
    """An input of which these columns are read, and not the notes of a whole benchmark."""
    return dg.AssetIn(metadata={"columns": list(names)})


def so_far(*names: str) -> dg.AssetIn:
    """An input of an unpartitioned asset: these columns of whatever partitions have been written."""
    return dg.AssetIn(metadata={"columns": list(names) or None, "partial": True})


def describe(context: dg.AssetExecutionContext, frame: pl.DataFrame, auditor: str | None, **figures: pl.Expr) -> None:
    """Attach to each partition its row count, whose votes it was made from, and its figures; a null one is unknown."""
    counts = frame.group_by(PARTITION_COLUMN).agg(pl.len().alias("dagster/partition_row_count"), **figures)
    by_partition = {row.pop(PARTITION_COLUMN): row for row in counts.iter_rows(named=True)}
    nothing = dict.fromkeys(counts.columns[1:], 0)
    for key in context.partition_keys:
        found = by_partition.get(key, nothing)
        metadata = {name: "unknown" if figure is None else figure for name, figure in found.items()}
        metadata |= {"auditor": auditor} if auditor else {}
        context.add_asset_metadata(metadata, partition_key=key)


def tags_of_runs(partitions: Iterable[str]) -> Iterator[dict[str, str]]:
    """The tags of the runs that these partitions take: Dagster runs a contiguous range of them at once."""
    positions = sorted({KEYS.index(key) for key in partitions})
    for _, neighbours in groupby(enumerate(positions), key=lambda numbered: numbered[1] - numbered[0]):
        found = [position for _, position in neighbours]
        yield {
            "dagster/asset_partition_range_start": KEYS[found[0]],
            "dagster/asset_partition_range_end": KEYS[found[-1]],
        }


def ordered(partitions: list[str]) -> list[str]:
    """Partition keys in the order of the calculators' ids; Dagster gives them in any order."""
    return sorted(partitions, key=KEYS.index)
