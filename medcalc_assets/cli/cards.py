"""Questions about rules, and how physicians ruled."""

import json
from typing import Any

import click

from medcalc_assets.cli import as_json, console, home, print_json


@click.command()
@click.argument("card", required=False)
@home
@as_json
def cards(card: str | None, as_json: bool) -> None:
    """Show the questions about rules, and how physicians ruled.

    First the open ones, in the order in which they show most labels wrong; then how many further labels each shows wrong
    and how many further values it determines, if it is ruled as is expected. With the id of a CARD, all that physicians are
    shown of it, and how its rows were answered.

    \b
    Examples:
      medcalc cards
      medcalc packet --reviewer "Dr Lee" --order cards
    """
    from medcalc_assets.errors import MedcalcError
    from medcalc_assets.labels.cards import all_in_order
    from medcalc_assets.storage.tables import RULE_CARDS
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    rows = Warehouse(home_folder()).read(RULE_CARDS).to_dicts()
    for row in rows:
        row |= {name: json.loads(row[name]) for name in ("choices", "uids", "answered")}
    in_order: list[dict[str, Any]] = [dict(row) for row in all_in_order(rows)]
    in_order += sorted((row for row in rows if not row["place"]), key=lambda row: -row["labels"])
    if card and not (in_order := [row for row in in_order if row["card"] == card]):
        raise MedcalcError(f"There is no card {card!r:.40}: `medcalc cards` lists them.")
    if as_json:
        print_json(in_order)
    elif card:
        _show(in_order[0])
    else:
        for row in in_order:
            gain = f", shows {row['shows_wrong']} wrong, determines {row['determines']}" if row["place"] else ""
            console.print(
                f"{row['card']}: {row['labels']} label{'' if row['labels'] == 1 else 's'}{gain}; {_ruling(row)}",
                markup=False,
                soft_wrap=True,
            )
            console.print(f"  {row['question']}", markup=False, highlight=False, soft_wrap=True)
        console.print("Next: [bold]medcalc packet --reviewer NAME --order cards[/] asks for rulings.")


def _ruling(row: dict[str, Any]) -> str:
    if not row["rulings"]:
        return "open"
    return f"{row['ruling'] or 'no majority'}, {row['rulings_agree']} of {row['rulings']}"


def _show(row: dict[str, Any]) -> None:
    uids = ", ".join(map(str, row["uids"]))
    answered = ", ".join(f"{choice} {n}" for choice, n in row["answered"].items())
    for line in (
        row["question"],
        "",
        row["about"],
        "",
        *(f"* {choice}: {meaning}" for choice, meaning in row["choices"].items()),
        "",
        f"Ruling: {_ruling(row)}.",
        f"Physicians' answers to its rows that go with one choice alone: {answered}. A ruling here would settle the others.",
        f"Labels: {uids}.",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
