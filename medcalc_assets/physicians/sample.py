"""The planned sample: what of it waits for an answer, and in which order packets ask for it."""

import io
from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from medcalc_assets.storage.files import write_durably
from medcalc_assets.storage.tables import PHYSICIAN_CONSENSUS, SAMPLING_PLAN
from medcalc_assets.storage.warehouse import Warehouse

PLANS = "plans"
"""The folder of a home that has every plan, as it was drawn."""
PURPOSES = ("find", "measure", "certify")


def last_plan(warehouse: Warehouse) -> pl.DataFrame:
    """The rows of `sampling_plan` of the last plan; none without one."""
    if not warehouse.has(SAMPLING_PLAN):
        return pl.DataFrame(schema=SAMPLING_PLAN.polars_schema)
    plans = warehouse.read(SAMPLING_PLAN)
    return plans.filter(pl.col("plan") == pl.col("plan").max())


def keep(home: Path, plan: pl.DataFrame) -> None:
    """Put the rows of a plan into a file of their own, durably: without them no answer to it says anything of a rate, and a
    warehouse may be lost."""
    plan.write_parquet(content := io.BytesIO())
    write_durably(home / PLANS / f"{plan['plan'][0]}.parquet", content.getvalue())


def kept(home: Path) -> Iterator[pl.DataFrame]:
    """The plans that `keep` has put into a home, each as it was drawn."""
    yield from map(pl.read_parquet, sorted((home / PLANS).glob("*.parquet")))


def waiting(planned: pl.DataFrame, answered: Collection[int], out: Collection[int] = ()) -> list[int]:
    """The uids of a plan that nobody has answered, in the order in which packets ask for them.

    Every purpose and stratum is asked for in its random order, and all of them at the same pace, so that what has come back
    at any time is a random sample with every stratum in it, and no physician can tell why a case is there. Those that are
    `out` come last.
    """
    return (
        planned.filter((pl.col("purpose") != "seen") & ~pl.col("uid").is_in(list(answered)))
        .with_columns(
            pace=(pl.col("draw") - 1) / pl.when(purpose="find").then(pl.len().over("purpose")).otherwise("answers"),
            is_out=pl.col("uid").is_in(list(out)),
        )
        .sort("is_out", "pace", "uid")["uid"]
        .unique(maintain_order=True)
        .to_list()
    )


def open_cases(warehouse: Warehouse, out: Collection[int] = ()) -> list[int]:
    """The uids of the last plan that wait for an answer, in their order: the plan is open while there are any."""
    planned = last_plan(warehouse)
    if planned.is_empty():
        return []
    return waiting(planned, set(warehouse.read(PHYSICIAN_CONSENSUS, columns=["uid"])["uid"]), out)


def progress(planned: pl.DataFrame, answered: Collection[int]) -> dict[str, dict[str, int]]:
    """By purpose how many cases of a plan there are, and how many are answered."""
    asked = planned.filter(pl.col("purpose") != "seen").with_columns(is_answered=pl.col("uid").is_in(list(answered)))
    return {
        purpose: {"cases": found.height, "answered": int(found["is_answered"].sum())}
        for purpose in PURPOSES
        if not (found := asked.filter(purpose=purpose)).is_empty()
    }
