"""One answer by a published rule, and what the calculators are. Neither Dagster nor a warehouse is needed."""

from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table as Grid

from medcalc_assets.cli import FAILED, CalculatorName, as_json, console, print_json

if TYPE_CHECKING:
    from medcalc_assets.calculators import Calculator, Input, Result

NOT_FOR_CARE = "For the upkeep of benchmarks, not for the care of patients."


@click.command("calculators")
@as_json
def list_calculators(as_json: bool) -> None:
    """List the 55 calculators with their references.

    They serve the upkeep of benchmarks, not the care of patients.
    """
    from medcalc_assets.calculators import CALCULATORS

    if as_json:
        print_json([_about(calculator) for calculator in CALCULATORS.values()])
        return
    listed = Grid("id", "partition", "calculator", "reference", box=None, padding=(0, 1, 0, 0))
    listed.columns[1].no_wrap = True
    for each in CALCULATORS.values():
        listed.add_row(str(each.id), each.slug, escape(each.name), escape(each.source))
    console.print(listed)


@click.command()
@click.argument("calculator", type=CalculatorName())
@click.argument("inputs", nargs=-1, metavar="[KEY=VALUE]...")
@as_json
def calc(calculator: "Calculator", inputs: tuple[str, ...], as_json: bool) -> None:
    """Compute one answer by the published rule, with its working.

    CALCULATOR is an id or a partition name; without inputs its inputs are listed. The answers of other published
    conventions follow. It serves the upkeep of benchmarks, not the care of patients.

    \b
    Examples:
      medcalc calc 21                                what it asks for
      medcalc calc 21 eye=4 verbal=5 motor=6
      medcalc calc ckd_epi_gfr sex=female age=61 creatinine=80umol/L
    """
    from medcalc_assets.calculators import parse_inputs
    from medcalc_assets.calculators.calc import answer

    if not inputs:
        print_json(_about(calculator)) if as_json else _show_inputs(calculator)
        return
    result = answer(calculator, parse_inputs(calculator, inputs))
    conventions = [(rule, rule.apply(result.reading).value) for rule in calculator.alternatives]
    if as_json:
        print_json(_told(calculator, result) | {"conventions": {rule.name: other for rule, other in conventions}})
    else:
        from rich.markdown import Markdown

        console.print(Markdown(result.working))
        for rule, other in conventions:
            if other is not None and other != result.value:
                console.print(f"By another published convention, {escape(rule.cited)}: {escape(str(other))}", soft_wrap=True)
        console.print(NOT_FOR_CARE, style="dim")
    if result.value is None:
        raise SystemExit(FAILED)


def _show_inputs(calculator: "Calculator") -> None:
    console.print(f"[bold]{escape(calculator.name)}[/] ({escape(calculator.source)})", soft_wrap=True)
    shown = Grid("input", "write", "unit or values", "if not given", box=None)
    for each in calculator.inputs:
        values = ", ".join(_permitted(each) or [each.unit or each.kind])
        absent = "must be given" if each.required else each.shown(each.default)
        shown.add_row(*map(escape, (each.key, each.names[1], values, absent)))
    console.print(shown)
    console.print(NOT_FOR_CARE, style="dim")


def _permitted(source: "Input") -> list[str]:
    from medcalc_assets.calculators.inputs import Category

    return list(map(str, source.permitted)) if isinstance(source, Category) else []


def _about(calculator: "Calculator") -> dict[str, Any]:
    inputs = [
        {
            "key": each.key,
            "names": each.names[1:],
            "kind": each.kind,
            "unit": each.unit,
            "permitted": _permitted(each),
            "required": each.required,
        }
        for each in calculator.inputs
    ]
    facts = ("id", "slug", "name", "source", "output_type", "unit")
    return {name: getattr(calculator, name) for name in facts} | {"inputs": inputs}


def _told(calculator: "Calculator", result: "Result") -> dict[str, Any]:
    return {
        "id": calculator.id,
        "slug": calculator.slug,
        "name": calculator.name,
        "source": calculator.source,
        "value": result.value,
        "unit": calculator.unit,
        "entities": result.reading.entities,
        "missing": result.missing,
        "problems": list(map(str, result.problems)),
        "implausible": list(map(str, result.implausible)),
        "assumptions": result.assumptions,
        "steps": [step._asdict() for step in result.steps],
    }
