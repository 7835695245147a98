"""The story of a label. It is asked for often, so that it imports no more than it needs."""

import click
from rich.markdown import Markdown

from medcalc_assets.cli import console, home, reports_errors
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.reports.trace import answered, rows_of
from medcalc_assets.reports.trace import trace as story
from medcalc_assets.storage.warehouse import Warehouse, home_folder


@click.command()
@click.argument("uid", type=int)
@home
@reports_errors
def trace(uid: int) -> None:
    """Tell the story of one label: note, derivation, rules, votes, physicians, and why it is what it is.

    \b
    Example:
      medcalc trace 868
    """
    rows = rows_of(Warehouse(home_folder()), uid)
    console.print(Markdown(story(rows, Packets(home_folder()).out_for_review(answered(rows))[uid])))
