"""Run the chain."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from medcalc_assets.cli import (
    CHECK_FAILED,
    CalculatorName,
    auditor,
    authors,
    change,
    console,
    home,
    max_usd,
    mode,
    source,
    strict,
    tools,
    voting,
)

if TYPE_CHECKING:
    import dagster as dg


@click.command()
@home
@source
@strict
@authors
@auditor
@change
@tools
@voting
@mode
@max_usd
@click.option(
    "--calculator",
    "-c",
    "chosen",
    type=CalculatorName(),
    multiple=True,
    help="Only this one (partition name or id); may be repeated. All 55 by default.",
)
def run(chosen: tuple[Any, ...]) -> None:
    """Run the chain, from the benchmark to maintained labels.

    What is missing or stale is made; votes that the ledger has are not asked for again. Source, authors and auditor are
    those of the home's labels, where there are any.

    \b
    Examples:
      medcalc run
      medcalc run -c glasgow_coma_score -c child_pugh
      medcalc run --source hf --auditor gemini-2.5-pro --max-usd 100
    """
    from medcalc_assets.settings import ProjectSettings

    asked_for = ProjectSettings.from_environment()
    asked_for.require_unchanged()
    asked_for.require_votes()
    from medcalc_assets.calculators import KEYS
    from medcalc_assets.cli.instance import QUIET
    from medcalc_assets.cli.summary import figures, show
    from medcalc_assets.definitions import assemble
    from medcalc_assets.defs.settings import Settings
    from medcalc_assets.defs.stage import tags_of_runs

    settings = Settings.from_environment()
    definitions = assemble(settings)
    console.print(
        f"Source [bold]{escape(settings.source)}[/], auditor [bold]{escape(', '.join(settings.voters))}[/], "
        f"warehouse {escape(str(settings.warehouse.path))}",
        soft_wrap=True,
    )
    jobs = {name: definitions.resolve_job_def(name) for name in ("chain", "figures")}
    one_budget = QUIET | {"resources": {"votes": {"config": {"budget": uuid.uuid4().hex}}}}
    of_labels = [(jobs["chain"], tags, one_budget) for tags in tags_of_runs([each.slug for each in chosen] or KEYS)]
    is_well = carried_out([*of_labels, (jobs["figures"], {}, QUIET)])
    show(figures(settings.warehouse))
    console.print("\nNext: [bold]medcalc pages[/] writes the report, [bold]medcalc export[/] the labels;", end=" ")
    console.print("[bold]make ui[/] shows the chain in the Dagster UI.")
    if not is_well:
        raise SystemExit(CHECK_FAILED)


def carried_out(runs: Sequence[tuple["dg.JobDefinition", Mapping[str, str], Mapping[str, Any]]]) -> bool:
    """Run these jobs, with tags and config, and show the checks that failed. Whether none did whose severity is ERROR."""
    import dagster as dg

    from medcalc_assets.cli.instance import instance_of_dagster

    failed: list[dg.AssetCheckEvaluation] = []
    with instance_of_dagster() as instance, _progress(sum(len(job.nodes) for job, *_ in runs)) as hook:
        for job, tags, config in runs:
            result = job.with_hooks({hook}).execute_in_process(instance=instance, tags=tags, run_config=config)
            failed += [check for check in result.get_asset_check_evaluations() if not check.passed]
    for check in failed:
        found = {name: value.value for name, value in check.metadata.items()}
        console.print(f"[yellow]Check failed:[/] {check.asset_key.path[-1]} {check.check_name} {escape(str(found))}")
    return not any(check.severity == dg.AssetCheckSeverity.ERROR for check in failed)


@contextmanager
def _progress(steps: int) -> Iterator["dg.HookDefinition"]:
    """A bar with the time left; the hook moves it on at every step that succeeds."""
    import dagster as dg
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    shown = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*shown, TextColumn("left"), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("starting", total=steps)

        @dg.success_hook
        def advance(context: dg.HookContext) -> None:
            bar.update(task, advance=1, description=context.op.name)

        yield advance
