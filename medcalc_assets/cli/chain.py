"""Run the chain, read its figures, export the labels, compute one answer."""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import dagster as dg
import polars as pl
from filelock import FileLock
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as Grid

from medcalc_assets.auditors.calls import estimate
from medcalc_assets.auditors.prices import known_price
from medcalc_assets.auditors.protocol import as_seen
from medcalc_assets.auditors.tasks import AUDIT, RELABEL
from medcalc_assets.calculators import BY_SLUG, CALCULATORS, KEYS, Calculator, markdown, parse_inputs
from medcalc_assets.calculators.inputs import Category
from medcalc_assets.cli import (
    FAILED,
    auditor,
    authors,
    console,
    home,
    max_usd,
    mode,
    reports_errors,
    source,
    tools,
    voting,
)
from medcalc_assets.definitions import assemble
from medcalc_assets.defs.settings import BUDGET, Settings
from medcalc_assets.defs.stage import tags_of_runs
from medcalc_assets.labels.attribution import CAUSES
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.release.build import export as write_copy
from medcalc_assets.statistics.agreement import compare_with_physicians
from medcalc_assets.statistics.estimates import share
from medcalc_assets.statistics.summary import NEEDED, summarise, totals
from medcalc_assets.storage import tables
from medcalc_assets.storage.warehouse import WarehouseError

CHECK_FAILED = 3
TEXTS = {"note", "question", "entities", "explanation", "working", "alternatives", "evidence", "attribution_evidence", "why"}
"""Columns that the summary does without: most of what the tables hold."""
HEADINGS = {
    "calculator": "calculator",
    "all": "instances",
    "contra": "contradicted",
    "flags": "audit_flags",
    "conf": "high_confidence",
    "errors": "likely_errors",
    "new": "changed",
    "N/A": "not_computable",
    "ambig": "ambiguous",
    "open": "unresolved",
}
"""Short, so that the names of the calculators fit a terminal of 80 columns; LEGEND says what they mean."""
LEGEND = (
    "contra: contradicted by their own entities. flags: of Phase 1. conf: high-confidence relabels. errors: likely errors. "
    "new: changed labels. ambig: ambiguous. open: unresolved."
)
NOT_FOR_CARE = "For the upkeep of benchmarks, not for the care of patients."
VERDICTS = {
    "reproduced": "reproduced by the published rule",
    "contradicted": "[bold]contradicted by the published rule[/]",
    "not_computable": "not computable from the benchmark's entities",
}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@click.command()
@home
@source
@authors
@auditor
@tools
@voting
@mode
@max_usd
@click.option("--calculator", "-c", "keys", multiple=True, help="Only this partition; may be repeated. All 55 by default.")
@reports_errors
def run(keys: tuple[str, ...]) -> None:
    """Run the whole chain, from the original benchmark to maintained labels.

    \b
    Examples:
      medcalc run
      medcalc run -c glasgow_coma_score -c child_pugh
      medcalc run --source hf --auditor gemini-2.5-pro --max-usd 100
    """
    settings = Settings.from_environment()
    definitions = assemble(settings)
    if unknown := [key for key in keys if key not in KEYS]:
        raise click.UsageError(f"{', '.join(unknown)}: no such partition. They are: {', '.join(KEYS)}.")
    console.print(
        f"Source [bold]{escape(settings.source)}[/], auditor [bold]{escape(settings.auditor_that_counts)}[/], "
        f"warehouse {escape(str(settings.warehouse.path))}",
        soft_wrap=True,
    )
    chain, figures = (definitions.resolve_job_def(name) for name in ("chain", "figures"))
    runs = [(chain, tags) for tags in tags_of_runs(keys or KEYS)] + [(figures, {})]
    one_budget = {BUDGET: uuid.uuid4().hex}
    failed_checks: list[dg.AssetCheckEvaluation] = []
    with instance_of_dagster() as instance, _progress(sum(len(job.nodes) for job, _ in runs)) as hook:
        for job, tags in runs:
            result = job.with_hooks({hook}).execute_in_process(instance=instance, tags=tags | one_budget, run_config=QUIET)
            failed_checks += [check for check in result.get_asset_check_evaluations() if not check.passed]
    for check in failed_checks:
        found = {name: value.value for name, value in check.metadata.items()}
        console.print(f"[yellow]Check failed:[/] {check.asset_key.path[-1]} {check.check_name} {escape(str(found))}")
    _show_summary()
    console.print("\nNext: [bold]medcalc export[/] writes the labels, [bold]make ui[/] shows the chain in the Dagster UI.")
    if any(check.severity == dg.AssetCheckSeverity.ERROR for check in failed_checks):
        raise SystemExit(CHECK_FAILED)


@click.command("estimate")
@home
@source
@auditor
@tools
@voting
@mode
@reports_errors
def show_estimate() -> None:
    """Reckon what the votes of a Gemini model would still take, before any call is made.

    \b
    Example:
      medcalc estimate --source hf --auditor gemini-2.5-pro
    """
    settings = Settings.from_environment()
    gemini = settings.gemini(settings.auditor_that_counts)
    instances = pl.concat(settings.benchmark.instances())
    grid = Grid(
        "phase", "instances", "settled", "calls", "cost in USD", title=f"Votes of {gemini.name}", title_justify="left"
    )
    estimates = {task.name: estimate(gemini, task, as_seen(task.sees, instances)) for task in (AUDIT, RELABEL)}
    for name, found in estimates.items():
        cost = "unknown" if found.usd_least is None else f"{found.usd_least:,.2f} to {found.usd_most:,.2f}"
        calls = f"{found.calls_least:,} to {found.calls_most:,}"
        grid.add_row(name, f"{found.instances:,}", f"{found.settled:,}", calls, cost)
    console.print(grid)
    for name, found in estimates.items():
        basis = "assumed" if found.is_assumed else "the mean so far"
        console.print(
            f"{name}: {found.output_tokens:,.0f} output tokens a call ({basis}); failed attempts are not foreseen."
        )
    if any(found.usd_least is None for found in estimates.values()):
        console.print(f"The price of {escape(gemini.name)} is unknown: add it to medcalc_assets/auditors/prices.toml.")


@click.command("models")
@reports_errors
def list_models() -> None:
    """List the Gemini models that your key may use, with what they cost."""
    from medcalc_assets.auditors.gemini.client import available_models

    grid = Grid("model", "version", "input", "output", title="US dollars a million tokens", title_justify="left")
    for name, facts in sorted(available_models().items()):
        cost = known_price(name)
        shown = (f"{cost.input:.2f}", f"{cost.output:.2f}") if cost else ("unknown", "unknown")
        grid.add_row(name, facts.get("version", ""), *shown)
    console.print(grid)


@click.command()
@home
@reports_errors
def summary() -> None:
    """Show the figures of the last run: both denominators, by calculator, and agreement with physicians."""
    _show_summary()


@click.command()
@home
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Folder to write to; MEDCALC_HOME/export by default.")
@reports_errors
def export(folder: Path | None) -> None:
    """Write a working copy of the next release: a drop-in CSV for v1.0, Parquet with the grounds, changelog and card."""
    settings = Settings.from_environment()
    for path in write_copy(settings.warehouse, settings.releases, folder or Path(settings.home) / "export"):
        console.print(f"wrote {path}", markup=False, soft_wrap=True)


@click.command("calculators")
def list_calculators() -> None:
    """List the 55 calculators with their references. They serve the upkeep of benchmarks, not the care of patients."""
    listed = Grid("id", "partition", "calculator", "reference", box=None)
    for calculator in CALCULATORS.values():
        listed.add_row(str(calculator.id), calculator.slug, escape(calculator.name), escape(calculator.source))
    console.print(listed)


@click.command()
@click.argument("calculator")
@click.argument("inputs", nargs=-1, metavar="[KEY=VALUE]...")
def calc(calculator: str, inputs: tuple[str, ...]) -> None:
    """Compute one answer by the published rule, with the working and the other conventions.

    CALCULATOR is an id or a partition name; without inputs its inputs are listed. It serves the upkeep of benchmarks, not
    the care of patients.

    \b
    Examples:
      medcalc calc 21                                what it asks for
      medcalc calc 21 eye=4 verbal=5 motor=6
      medcalc calc ckd_epi_gfr sex=female age=61 creatinine=80umol/L
    """
    found = CALCULATORS.get(int(calculator)) if calculator.isdecimal() else BY_SLUG.get(calculator)
    if found is None:
        raise click.UsageError(f"{calculator} is no calculator: `medcalc calculators` lists them.")
    if not inputs:
        _show_inputs(found)
        return
    entities, problems = parse_inputs(found, inputs)
    for problem in problems:
        console.print(f"[yellow]{escape(str(problem))}[/]", soft_wrap=True)
    if problems:
        raise SystemExit(FAILED)
    reading = found.reader.read(entities)
    result = found.published.apply(reading)
    console.print(Markdown(markdown(result)))
    for rule in found.alternatives:
        other = rule.apply(reading).value
        if other is not None and other != result.value:
            console.print(f"By another published convention, {escape(rule.name)}: {escape(str(other))}", soft_wrap=True)
    console.print(NOT_FOR_CARE, style="dim")
    if result.value is None:
        raise SystemExit(FAILED)


def _show_inputs(calculator: Calculator) -> None:
    console.print(f"[bold]{escape(calculator.name)}[/] ({escape(calculator.source)})", soft_wrap=True)
    shown = Grid("input", "write", "unit or values", "if not given", box=None)
    for each in calculator.inputs:
        permitted = ", ".join(map(str, each.permitted)) if isinstance(each, Category) else each.unit or each.kind
        absent = "must be given" if each.required else each.shown(each.default)
        shown.add_row(escape(each.key), escape(each.names[1]), escape(permitted), escape(absent))
    console.print(shown)
    console.print(NOT_FOR_CARE, style="dim")


def _show_summary() -> None:
    """Computed anew from the tables, so that it is true whatever was materialized last."""
    read = Settings.from_environment().warehouse.read
    needed = {name: tables.TABLES[name] for name in (*NEEDED, "raw_medcalc", "physician_consensus")}
    found = {
        name: read(table, columns=[each for each in table.names if each not in TEXTS]) for name, table in needed.items()
    }
    raw, audits, maintained = found["raw_medcalc"], found["derivation_audit"], found["maintained_labels"]
    flags, relabels, scores = found["audit_flags"], found["relabels"], found["disagreement_scores"]
    auditors = maintained["auditor"].unique().sort().to_list()
    if len(auditors) > 1:
        raise WarehouseError(
            f"Maintained labels were made with {' and '.join(auditors)}: run all partitions with one of them."
        )
    auditor = auditors[0] if auditors else "none"
    figures = summarise(found, auditor)
    total = totals(figures)
    contested = total["likely_errors"]
    confident, everything = total["high_confidence"], total["instances"]
    kinds = dict(scores.filter(auditor=auditor)["relabel_kind"].value_counts().iter_rows())
    audited = flags.filter(pl.col("status") != "not_audited", auditor=auditor).height

    if maintained["simulated"].any():
        console.print(
            "[bold yellow]SIMULATED[/]: votes and physicians are invented for the demo; they say nothing of real labels."
        )
    console.print(
        f"{everything:,} instances of {len(figures)} calculators ({', '.join(raw['source'].unique().sort())}): "
        f"{_counts(raw['output_type'])}; notes {_counts(raw['note_type'])}",
        soft_wrap=True,
    )
    derivation = Grid(title="Labels against their own entities, without a model", title_justify="left", show_header=False)
    for verdict, meaning in VERDICTS.items():
        count = audits.filter(verdict=verdict).height
        derivation.add_row(meaning, f"{count:,} ({share(count, everything)})")
    derivation.add_row("reproduced by the original rule", f"{audits['original_rule_reproduces'].sum():,}")
    derivation.add_row("suspects: contradicted, and no relabel to compare with", f"{total['suspects']:,}")
    console.print(derivation)

    facts = Grid(title=f"Labels against the relabels of {escape(auditor)}", title_justify="left", show_header=False)
    facts.add_row("flagged by Phase 1", f"{total['audit_flags']:,} of {audited:,} audited" if audited else "not audited")
    facts.add_row(
        "high-confidence relabels",
        f"{confident:,} ({share(confident, everything)}): "
        f"{kinds.get('number', 0):,} numbers, {kinds.get('date', 0):,} dates, {kinds.get('na', 0):,} N/A",
    )
    facts.add_row("deferred", f"{total['deferred']:,}")
    facts.add_row("the relabel agrees", f"{confident - contested:,}")
    facts.add_row(
        "[bold]likely errors[/]",
        f"[bold]{contested:,}[/] in {total['calculators_with_errors']} calculators: "
        f"{total['contested_numbers']:,} numbers, {total['contested_dates']:,} dates, "
        f"{total['contested_abstentions']:,} abstentions",
    )
    facts.add_row("", f"{share(contested, confident)} of the {confident:,} with a high-confidence relabel")
    facts.add_row("", f"{share(contested, everything)} of all {everything:,}")
    for cause, meaning in CAUSES.items():
        facts.add_row(f"  {cause}", f"{total[cause]:,}: {meaning}")
    console.print(facts)

    agreement = Grid(
        "label set", "agree", "Wilson 95%", "sMAPE %", "bootstrap 95%", "N", title="Against physicians", title_justify="left"
    )
    for row in compare_with_physicians(audits, relabels, found["physician_consensus"], auditor):
        agreement.add_row(
            row["label_set"],
            f"{row['n_agree']}/{row['n']}",
            f"{row['agreement_low']:.1%} to {row['agreement_high']:.1%}",
            f"{row['smape']:.2f}",
            f"{row['smape_low']:.1f} to {row['smape_high']:.1f}",
            str(row["smape_n"]),
        )
    console.print(agreement)

    reasons = Grid("reason", "labels", "the maintained label is", title="Maintained labels", title_justify="left")
    for reason, meaning in REASONS.items():
        reasons.add_row(reason, f"{maintained.filter(reason=reason).height:,}", meaning)
    console.print(reasons)
    console.print(
        f"{total['changed']:,} labels differ from the original one, {total['not_computable']:,} are N/A, "
        f"{total['ambiguous']:,} are ambiguous, {total['unresolved']:,} are unresolved."
    )

    by_calculator = Grid(title="By calculator", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for heading in HEADINGS:
        is_name = heading == "calculator"
        by_calculator.add_column(heading, justify="left" if is_name else "right", no_wrap=is_name)
    for row in figures.iter_rows(named=True):
        by_calculator.add_row(row["calculator"], *(str(row[column] or "·") for column in list(HEADINGS.values())[1:]))
    console.print(by_calculator)
    console.print(LEGEND, style="dim")


def _counts(values: pl.Series) -> str:
    return ", ".join(f"{count:,} {value}" for value, count in values.value_counts(sort=True).iter_rows())


def run_partitions(job: dg.JobDefinition, settings: Settings, instance: dg.DagsterInstance) -> None:
    """Run a job for every calculator that has maintained labels."""
    for tags in tags_of_runs(settings.warehouse.written(tables.MAINTAINED_LABELS)):
        job.execute_in_process(instance=instance, tags=tags, run_config=QUIET)


@contextmanager
def instance_of_dagster() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that `make ui` shows; one that forgets where the project's folder is not at hand."""
    project = Path(__file__).parents[2]
    if "DAGSTER_HOME" not in os.environ and (project / "dagster.yaml").exists():
        os.environ["DAGSTER_HOME"] = str(project)
    if "DAGSTER_HOME" not in os.environ:
        with dg.DagsterInstance.ephemeral() as instance:
            yield instance
        return
    storage = Path(os.environ["DAGSTER_HOME"]) / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    with FileLock(storage / "opened.lock"):  # two processes that make Dagster's databases at once trip over each other
        instance = dg.DagsterInstance.get()
    with instance:
        yield instance


@contextmanager
def _progress(steps: int) -> Iterator[dg.HookDefinition]:
    """A bar with the time left; the hook moves it on at every step that succeeds."""
    shown = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*shown, TextColumn("left"), TimeRemainingColumn(), console=console) as bar, _logged_to(bar.console):
        task = bar.add_task("starting", total=steps)

        @dg.success_hook
        def advance(context: dg.HookContext) -> None:
            bar.update(task, advance=1, description=context.op.name)

        yield advance


@contextmanager
def _logged_to(shown: Console) -> Iterator[None]:
    """What the auditors report of their calls is printed above the bar."""
    handler = logging.Handler()
    handler.emit = lambda record: shown.print(record.getMessage(), markup=False, highlight=False)  # type: ignore[method-assign]
    auditors, level = logging.getLogger("medcalc_assets.auditors"), logging.INFO
    auditors.addHandler(handler)
    auditors.setLevel(level)
    try:
        yield
    finally:
        auditors.removeHandler(handler)
