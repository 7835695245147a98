"""A plan of what physicians are asked."""

import secrets
from pathlib import Path
from typing import Any

import click

from medcalc_assets.cli import console, home


@click.command()
@click.option("--find", default=0, type=click.IntRange(0), help="How many of the most likely wrong labels to look at.")
@click.option("--measure", default=0, type=click.IntRange(0), help="How many to draw at random, to say how many are wrong.")
@click.option(
    "--certify", default="", help="What to prove of our labels, such as '5% of evaluation': at most so many wrong."
)
@click.option("--seed", help="Of the draw, so that anybody can repeat it; by default a new one.")
@click.option("--again", is_flag=True, help="Plan anew, and leave the plan that is open.")
@home
def plan(find: int, measure: int, certify: str, seed: str | None, again: bool) -> None:
    """Plan a sample, to find, measure or certify.

    Find wrong labels, measure how many there are, certify ours. The draw is written down before a packet leaves; packets
    then ask for its cases, mixed, and `medcalc run` says what the answers come to.

    \b
    Example:
      medcalc plan --find 50 --measure 100 --certify "5% of evaluation"
    """
    import datetime as dt

    from medcalc_assets.cli.instance import QUIET, instance_of_dagster
    from medcalc_assets.definitions import assemble
    from medcalc_assets.defs.settings import Settings
    from medcalc_assets.physicians.sample import last_plan
    from medcalc_assets.release.plan import planned, promise
    from medcalc_assets.storage.tables import RAW_MEDCALC

    settings = Settings.from_environment()
    asked_for: dict[str, Any] = {
        "find": find,
        "measure": measure,
        "certify": certify,
        "seed": seed or secrets.token_hex(8),
        "again": again,
    }
    planned(settings.warehouse, **asked_for, now=dt.datetime.now(dt.UTC))  # refused here, in one line, if it cannot be
    job = assemble(settings).resolve_job_def("plan")
    with instance_of_dagster() as instance:
        config = QUIET | {"ops": {"sampling_plan": {"config": asked_for}}}
        job.execute_in_process(run_config=config, instance=instance)
    made = last_plan(settings.warehouse)
    cases = made.filter(made["purpose"] != "seen")["uid"].n_unique()
    console.print(
        f"Plan {made['plan'][0]} of {cases:,} cases, seed {made['seed'][0]}, in {Path(settings.home) / 'warehouse.duckdb'}:",
        markup=False,
        soft_wrap=True,
    )
    for said in promise(made, settings.warehouse.read(RAW_MEDCALC, columns=["uid"]).height):
        console.print(f"  {said}", markup=False, highlight=False, soft_wrap=True)
    console.print("Next: [bold]medcalc packet --reviewer NAME[/] draws from it.")
