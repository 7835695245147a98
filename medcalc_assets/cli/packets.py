"""Packets for physicians, out and back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from medcalc_assets.cli import console, home

if TYPE_CHECKING:
    from medcalc_assets.physicians.packet import Order

ORDERS = ("paper", "likely", "measure", "cards")


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
    help="paper: as published. likely: the cards that show labels wrong, then cases by P(wrong). measure: as the open "
    "plan drew them. cards: questions about rules. Repeat it for a mix, by turns. Without it the plan, if one is open, "
    "else paper.",
)
@home
def packet(reviewer: str, n: int, per_case: int, orders: "tuple[Order, ...]") -> None:
    """Write a blind packet of cases for a physician.

    From the open plan or the head of the queue: as a form for the browser, a spreadsheet, and Label Studio tasks.

    \b
    Examples:
      medcalc packet --reviewer "Dr Lee" --n 25
      medcalc packet --reviewer "Dr Lee" --order likely --order paper
    """
    from medcalc_assets.physicians.packet import RECORD, Packets
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    folder = Packets(home_folder()).issue(Warehouse(home_folder()), reviewer, n, per_case, orders)
    for path in sorted(folder.iterdir()):
        stays = ", which stays here: it holds the secret" if path.name == RECORD else ""
        console.print(f"wrote {path}{stays}", markup=False, soft_wrap=True)
    console.print("Send the .html or the .xlsx, or import the tasks; then: [bold]medcalc ingest FILE[/]")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@home
def ingest(file: Path) -> None:
    """Take over the answers of a packet that came back.

    FILE is the .xlsx, or the JSON of the form or of Label Studio. The next run uses the answers.

    \b
    Example:
      medcalc ingest dr-lee-1.xlsx
    """
    from medcalc_assets.physicians.packet import Packets
    from medcalc_assets.storage.tables import RAW_MEDCALC
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    raw = Warehouse(home_folder()).read(RAW_MEDCALC, columns=["uid", "output_type"])
    count = Packets(home_folder()).ingest(file, dict(raw.iter_rows()))
    if count is None:
        console.print(f"{file} was taken over before: nothing changes.", markup=False, soft_wrap=True)
    else:
        console.print(f"took over {count} answers. [bold]medcalc run[/] lets them decide.", soft_wrap=True)
