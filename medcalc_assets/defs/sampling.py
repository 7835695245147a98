"""What physicians are asked besides the queue, by a plan, and what is known of how many labels are wrong."""

import datetime as dt
import secrets
from pathlib import Path

import dagster as dg
import polars as pl
from pydantic import Field

from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import AFTER_LABELS, WAITS_FOR_LABELS, so_far, stage
from medcalc_assets.physicians.sample import keep
from medcalc_assets.release.plan import planned
from medcalc_assets.release.rates import rates
from medcalc_assets.statistics import review
from medcalc_assets.statistics.error_rates import findings
from medcalc_assets.storage.tables import ERROR_RATES, REVIEW_ORDERS, SAMPLING_PLAN

PLAN = dg.AssetSelection.assets(SAMPLING_PLAN.name)


class Plan(dg.Config):
    """What a plan is for. Without find, measure or certify nothing is planned."""

    find: int = Field(0, ge=0, description="How many of the most likely wrong labels physicians look at.")
    measure: int = Field(0, ge=0, description="How many labels are drawn at random, to say how many are wrong.")
    certify: str = Field("", description="What is to be proven of our labels, such as 5% of evaluation.")
    seed: str = Field("", description="Of the draw, so that anybody can repeat it. Without it a new one.")
    again: bool = Field(False, description="Plan anew, and leave the plan that is open.")


@stage("phase3_adjudication", deps=["label_evidence", *WAITS_FOR_LABELS])
def sampling_plan(config: Plan, settings: Settings) -> pl.DataFrame:
    if not (config.find or config.measure or config.certify):
        return pl.DataFrame(schema=SAMPLING_PLAN.polars_schema)
    seed, now = config.seed or secrets.token_hex(8), dt.datetime.now(dt.UTC)
    with settings.packets.lock():  # no packet is drawn from the plan before
        plan = planned(settings.warehouse, config.find, config.measure, config.certify, seed, config.again, now)
        keep(Path(settings.home), plan)
        return plan


@stage(
    "phase3_adjudication",
    ins={"label_evidence": so_far()},
    deps=WAITS_FOR_LABELS,
    automation_condition=AFTER_LABELS,
)
def review_orders(label_evidence: pl.DataFrame) -> pl.DataFrame:
    schema = REVIEW_ORDERS.polars_schema
    return review.review_orders(label_evidence).select(pl.col(name).cast(dtype) for name, dtype in schema.items())


@stage(
    "release",
    ins={"label_evidence": so_far()},
    deps=[*WAITS_FOR_LABELS, SAMPLING_PLAN.name],
    automation_condition=AFTER_LABELS.ignore(PLAN),  # of which there may be none
)
def error_rates(context: dg.AssetExecutionContext, label_evidence: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    found = rates(settings.warehouse, label_evidence)
    context.add_asset_metadata({"findings": " ".join(findings(found))})
    return pl.DataFrame(found, schema=ERROR_RATES.polars_schema, strict=False)


plan_job = dg.define_asset_job(
    "plan", PLAN, description="Draw a sample for physicians, and write it down before a packet leaves."
)
