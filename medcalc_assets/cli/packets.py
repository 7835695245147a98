"""Packets for physicians, out and back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from medcalc_assets.cli import CalculatorName, as_json, console, home, print_json

if TYPE_CHECKING:
    from medcalc_assets.calculators import Calculator
    from medcalc_assets.physicians.choosing import Order

ORDERS = ("paper", "likely", "measure", "cards", "again")
SPECIALTIES = (
    *("cardiology", "critical care", "emergency medicine", "endocrinology", "gastroenterology", "haematology"),
    *("infectious diseases", "internal medicine", "nephrology", "obstetrics", "paediatrics", "pharmacology", "surgery"),
)


@click.command()
@click.option("--reviewer", required=True, help="Who is to answer; the name goes into the history.")
@click.option("--n", default=25, show_default=True, type=click.IntRange(1, 500), help="How many cases.")
@click.option(
    "--per-case",
    default=1,
    show_default=True,
    type=click.IntRange(1, 20),
    help="How many reviewers are to answer each case.",
)
@click.option(
    "--order",
    "orders",
    type=click.Choice(ORDERS),
    multiple=True,
    help="paper: the queue as published, its tiers and calculators by turns. likely: the cards that show labels wrong, then "
    "cases by P(wrong). measure: as the open plan drew them. cards: questions about rules. again: where physicians differ, "
    "or one answer stands that nothing else gives. Repeat it for a mix, by turns. Without it the plan, if one is open, else "
    "paper, and again.",
)
@click.option("--calculator", "-c", "calculators", type=CalculatorName(), multiple=True, help="Of these alone.")
@click.option("--specialty", "specialties", type=click.Choice(SPECIALTIES), multiple=True, help="Of its calculators alone.")
@home
def packet(
    reviewer: str,
    n: int,
    per_case: int,
    orders: "tuple[Order, ...]",
    calculators: "tuple[Calculator, ...]",
    specialties: tuple[str, ...],
) -> None:
    """Write a blind packet of cases for a physician.

    From the open plan or the head of the queue: for the desk, as a form for the browser, a spreadsheet, and Label Studio
    tasks. Nobody else is given its cases for four weeks. One in five is a control, except of a plan or of cards.

    \b
    Examples:
      medcalc packet --reviewer "Dr Lee" --n 25
      medcalc packet --reviewer "Dr Lee" --order likely --order paper
      medcalc packet --reviewer "Dr Lee" --specialty nephrology -c maintenance_fluids
    """
    from medcalc_assets.physicians.choosing import of_specialty
    from medcalc_assets.physicians.packet import RECORD, Packets
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    asked = {each.id for each in calculators}.union(*map(of_specialty, specialties)) or None
    folder = Packets(home_folder()).issue(Warehouse(home_folder()), reviewer, n, per_case, orders, asked)
    for path in sorted(folder.iterdir()):
        stays = ", which stays here: it holds the secret" if path.name == RECORD else ""
        console.print(f"wrote {path}{stays}", markup=False, soft_wrap=True)
    console.print(f"Send the link for the desk: [bold]medcalc desk --link {folder.name}[/]", soft_wrap=True)
    console.print("Or send the .html or the .xlsx, or import the tasks; then: [bold]medcalc ingest FILE[/]", soft_wrap=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--annotator",
    "annotators",
    metavar="ID=NAME",
    multiple=True,
    help="Who an annotator of Label Studio is, by number or address. Needed for each, where an export has several.",
)
@home
def ingest(file: Path, annotators: tuple[str, ...]) -> None:
    """Take over the answers of a packet that came back.

    FILE is the .xlsx, or the JSON of the form or of Label Studio (JSON or JSON_MIN). Everything in it that cannot be used is
    named at once; then nothing of it is taken over. The next run uses the answers.

    \b
    Examples:
      medcalc ingest dr-lee-1.xlsx
      medcalc ingest export.json --annotator 1="Dr Lee" --annotator 2="Dr Ray"
    """
    from medcalc_assets.physicians.packet import Packets
    from medcalc_assets.storage.warehouse import home_folder

    pairs = [each.partition("=") for each in annotators]
    if not all(who and name for who, _, name in pairs):
        raise click.BadParameter("give ID=NAME, such as 2='Dr Ray'", param_hint="--annotator")
    count = Packets(home_folder()).ingest(file, _output_types(), {who: name for who, _, name in pairs})
    if count is None:
        console.print(f"{file} was taken over before: nothing changes.", markup=False, soft_wrap=True)
    else:
        console.print(f"took over {count} answers. [bold]medcalc run[/] lets them decide.", soft_wrap=True)


@click.command()
@click.argument("packet")
@click.argument("uids", nargs=-1)
@home
def withdraw(packet: str, uids: tuple[str, ...]) -> None:
    """Have answers of a packet count no longer.

    All of them, or those to these UIDS. They are kept, and with them that they were withdrawn: a release that used them
    says so, the next one does without.

    \b
    Example:
      medcalc withdraw dr-lee-1 868
    """
    from medcalc_assets.physicians.packet import Packets
    from medcalc_assets.storage.warehouse import home_folder

    named = [int(each) if each.isdecimal() else each for each in uids]
    count = Packets(home_folder()).withdraw(packet, _output_types(), named)
    console.print(f"withdrew {count} answers. [bold]medcalc run[/] does without them.", soft_wrap=True)


@click.command()
@home
@as_json
def panel(as_json: bool) -> None:
    """Show who has what, since when, and how well they agree.

    A packet is overdue after four weeks: then others are given what it asks, and what comes back counts all the same.

    \b
    Example:
      medcalc panel
    """
    from rich.markup import escape
    from rich.table import Table as Grid

    from medcalc_assets.physicians.packet import Packets
    from medcalc_assets.physicians.panel import panel as found_of
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    found = found_of(Packets(home_folder()), Warehouse(home_folder()))
    if as_json:
        print_json(found)
        return
    grid = Grid("packet", "reviewer", "issued", "asked", "answered", "last", "", box=None, padding=(0, 2, 0, 0))
    for each in found["packets"]:
        counts = (str(each[name]) for name in ("asked", "answered"))
        days = (str(each[name] or "")[:10] for name in ("issued_at", "last"))
        issued, last = days
        states = {"overdue": each["overdue"], "done": each["answered"] == each["asked"]}
        states[f"{each['typed']} typed at the desk, not handed in as they are"] = each["to_hand_in"]
        state = ", ".join(name for name, holds in states.items() if holds)
        grid.add_row(escape(each["packet"]), escape(each["reviewer"]), issued, *counts, last, state)
    console.print(grid if found["packets"] else "No packet was issued yet.")
    shared = found["agreement"]
    told = (
        f" Krippendorff's alpha: {_alpha(shared['alpha_computable'])} for whether they can be answered, "
        f"{_alpha(shared['alpha_value'])} for their values."
    )
    count = f"{shared['cases'] or 'No'} case{' has' if shared['cases'] < 2 else 's have'} two answers or more."
    console.print(f"{count}{told if shared['cases'] else ''}", soft_wrap=True)
    for pair in shared["pairs"]:
        told = f"{pair['reviewers'][0]} and {pair['reviewers'][1]}: {pair['agree']} of {pair['cases']} cases alike"
        console.print(told, markup=False, soft_wrap=True)
    console.print(
        f"By the last run, physicians differ on {_which(found['differ'])}; a single answer that nothing else gives stands "
        f"on {_which(found['alone'])}.",
        soft_wrap=True,
    )
    if found["differ"] or found["alone"]:
        console.print(
            "Next: [bold]medcalc packet --reviewer NAME --order again[/] asks for another opinion.", soft_wrap=True
        )


def _which(each: list[int | str]) -> str:
    """How many cases and cards, and which are the first."""
    few, many = f"{', '.join(map(str, each[:5]))}{', ...' if len(each) > 5 else ''}", "" if len(each) == 1 else "s"
    return f"{len(each):,} case{many} or card{many} ({few})" if each else "nothing"


def _alpha(value: float | None) -> str:
    return "none yet" if value is None else f"{value:.2f}"


def _output_types() -> dict[int, str]:
    from medcalc_assets.storage.tables import RAW_MEDCALC
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    return dict(Warehouse(home_folder()).read(RAW_MEDCALC, columns=["uid", "output_type"]).iter_rows())
