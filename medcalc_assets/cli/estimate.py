"""What a model's votes cost, before they are asked for."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table as Grid

from medcalc_assets.cli import as_json, auditor, console, home, mode, print_json, source, tools, voting

if TYPE_CHECKING:
    import polars as pl

    from medcalc_assets.defs.settings import Settings


@click.command("estimate")
@home
@source
@auditor
@tools
@voting
@mode
@as_json
def show_estimate(as_json: bool) -> None:
    """Estimate what a model's votes would still cost.

    No call is made. What the ledger holds already is not asked for again. Readers are asked for the inputs of contested and
    deferred labels (MEDCALC_INPUT_VOTES): of those that nobody has relabelled yet, a share is expected to be.

    \b
    Example:
      medcalc estimate --source hf --auditor gemini-2.5-pro
    """
    from medcalc_assets.settings import ProjectSettings

    ProjectSettings.from_environment().require_model()

    from medcalc_assets.auditors.calls import estimates_of
    from medcalc_assets.auditors.registry import is_model
    from medcalc_assets.defs.settings import Settings

    settings = Settings.from_environment()
    instances = settings.benchmark.read().instances
    chances = _chances_of_reading(settings, instances)
    found = {name: estimates_of(settings.model(name), instances, chances) for name in settings.voters if is_model(name)}
    if as_json:
        documents = [
            {
                "auditor": name,
                "source": settings.source,
                "phases": {phase: asdict(each) for phase, each in estimates.items()},
            }
            for name, estimates in found.items()
        ]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    for name, estimates in found.items():
        show(name, estimates)


def _chances_of_reading(settings: "Settings", instances: "pl.DataFrame") -> list[float]:
    import polars as pl

    from medcalc_assets.auditors.calls import chances_of_reading
    from medcalc_assets.labels.discrepancy import contested_or_deferred
    from medcalc_assets.storage.tables import DISAGREEMENT_SCORES, RELABELS

    if settings.input_votes != "contested":
        return [float(settings.input_votes == "all")] * instances.height
    scores, relabels = (
        settings.warehouse.read(table) if settings.warehouse.has(table) else pl.DataFrame(schema=table.polars_schema)
        for table in (DISAGREEMENT_SCORES, RELABELS)
    )
    return chances_of_reading(instances, contested_or_deferred(scores, relabels, settings.auditor_that_counts))


def show(model: str, estimates: Mapping[Any, Any]) -> None:
    from medcalc_assets.auditors.prices import total
    from medcalc_assets.auditors.registry import provider_of

    unable = "" if "search" in provider_of(model).TOOLS else ", without search"
    grid = Grid("phase", "instances", "settled", "calls", "expected", "at most", title_justify="left")
    grid.title = f"Votes of {escape(model)}{unable}, in US dollars"
    for name, found in estimates.items():
        costs = map(_usd, (found.usd_expected, found.usd_most))
        calls = f"{found.calls_least:,} to {found.calls_most:,}"
        about = "" if found.instances_expected == found.instances else f"~{found.instances_expected:,.0f} of "
        grid.add_row(name, f"{about}{found.instances:,}", f"{found.settled:,}", calls, *costs)
    together = ([getattr(each, usd) for each in estimates.values()] for usd in ("usd_expected", "usd_most"))
    grid.add_section()
    grid.add_row("all", "", "", "", *(_usd(total(costs)) for costs in together))
    console.print(grid)
    for name, found in estimates.items():
        basis = "assumed" if found.is_assumed else "the mean so far"
        tokens = f"{found.output_tokens:,.0f} output tokens and {found.searches:.1f} searches per call ({basis})"
        console.print(f"{name}: {tokens}; failed attempts are not foreseen.", soft_wrap=True)
    if any(found.usd_most is None for found in estimates.values()):
        console.print(f"The price of {escape(model)} is unknown: add it to $MEDCALC_HOME/prices.toml.")


def _usd(usd: float | None) -> str:
    return "unknown" if usd is None else f"{usd:,.2f}"


@click.command("models")
def list_models() -> None:
    """List the models that your keys may use, with prices."""
    from medcalc_assets.auditors.prices import known_price
    from medcalc_assets.auditors.registry import available_models

    grid = Grid("model", "version", "input", "output", title="US dollars per million tokens", title_justify="left")
    for name, facts in sorted(available_models().items()):
        cost = known_price(name)
        shown = (f"{cost.input:.2f}", f"{cost.output:.2f}") if cost else ("unknown", "unknown")
        grid.add_row(escape(name), escape(facts.get("version", "")), *shown)
    console.print(grid)
