"""What all assets of the chain have in common."""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.auditors.protocol import cost, of_unknown_cost
from medcalc_assets.calculators import BY_SLUG, KEYS
from medcalc_assets.defs.code_version import Sources
from medcalc_assets.defs.partitions import BY_CALCULATOR
from medcalc_assets.reports.charts import address
from medcalc_assets.reports.pages import SERVED
from medcalc_assets.settings import ProjectSettings
from medcalc_assets.storage.tables import PARTITION_COLUMN, TABLES, Table

SOURCES = Sources()

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
    "grading",
)
"""The groups of the assets, in the order of the chain."""


MODEL_CALLS = "model_calls"
"""The pool of the assets that call models: of the runs that Dagster starts, one at a time does so (see dagster.yaml)."""

AFTER_LABELS = (
    dg.AutomationCondition.any_deps_updated().since_last_handled()
    & dg.AutomationCondition.all_deps_match(~dg.AutomationCondition.missing() | dg.AutomationCondition.will_be_requested())
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("after labels")
"""For what is made of all calculators so far: once after every run that wrote any of its inputs. Not Dagster's `eager`,
which waits until all 55 calculators are there. Neither sees another code version: the UI shows what is stale."""

WAITS_FOR_LABELS = ["maintained_labels"]
"""Figures over all calculators wait for their labels. Without this Dagster starts one, in a run of its own, as soon as the
tables that it reads are written, while the labels are still being made."""

CALLS = {
    "failed votes": (pl.col("status") == "failed").sum(),
    "calls": pl.col("calls").sum(),
    "calls saved": (pl.col("status") == "not_cast").sum(),
    "input tokens": pl.col("input_tokens").sum(),
    "output tokens": pl.col("output_tokens").sum(),
    "cost in USD": cost(),
    "calls of unknown cost": of_unknown_cost(),
}
"""What votes took, by partition: figures for `describe`."""


def stage(
    group: str, see: str = "", also: str = "", **arguments: Any
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Makes a function the asset of the table of its name, with `arguments` as for `dg.asset`.

    `see` is markdown that follows the table's description; `also` is the version of what the content depends on besides
    code and inputs, such as a prompt. Any number of partitions is one run: 55 runs would take minutes to start.
    """

    def asset(function: Callable[..., Any]) -> dg.AssetsDefinition:
        table = TABLES[function.__name__]
        told = facts_of(table, group, function.__module__, function.__name__, see, also) | arguments
        if table.partitioned:
            told |= {"partitions_def": BY_CALCULATOR, "backfill_policy": dg.BackfillPolicy.single_run()}
        made: dg.AssetsDefinition = dg.asset(**told)(function)
        return made

    return asset


def facts_of(table: Table, group: str, module: str, function: str, see: str = "", also: str = "") -> dict[str, Any]:
    """What the UI says of the asset of a table that this function makes."""
    code = SOURCES.code_version(module, function)
    return {
        "key": table.name,
        "group_name": group,
        "description": f"{table.description}\n\n{see}".strip(),
        "owners": ["team:label-stewards"],
        "kinds": {"duckdb", "polars"},
        "code_version": hashlib.sha256("\0".join((code, table.ddl, also)).encode()).hexdigest()[:12],
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
    }


def require_unchanged(settings: ProjectSettings) -> None:
    """Raise SettingsError if the labels in the home were made with other settings. Asked here, it is of no table's code."""
    settings.require_unchanged()


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


def link_labels(context: dg.AssetExecutionContext) -> None:
    """Attach to each partition the address of its labels on the server of `medcalc ui`."""
    for key in context.partition_keys:
        its_labels = dg.MetadataValue.url(f"{SERVED}/{address(calc=BY_SLUG[key].name)}")
        context.add_asset_metadata({"its labels": its_labels}, partition_key=key)


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
