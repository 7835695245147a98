"""The story of a label. It is asked for often, so that it imports no more than it needs."""

import click

from medcalc_assets.cli import as_json, console, home, print_json


@click.command()
@click.argument("uid", type=int)
@home
@as_json
def trace(uid: int, as_json: bool) -> None:
    """Tell the story of one label, and why it is what it is.

    Note, derivation, rules, votes, physicians, the maintained label and its history. UID is its `Row Number`.

    \b
    Example:
      medcalc trace 868
    """
    from medcalc_assets.labels.value import from_row
    from medcalc_assets.physicians.packet import Packets
    from medcalc_assets.reports.trace import answered, rows_of
    from medcalc_assets.reports.trace import trace as story
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    rows = rows_of(Warehouse(home_folder()), uid)
    out = Packets(home_folder()).out_for_review(answered(rows))[uid]
    if not as_json:
        from rich.markdown import Markdown

        console.print(Markdown(story(rows, out)))
        return
    original, maintained = rows["raw_medcalc"][0], rows["maintained_labels"][0]
    print_json(
        {
            "uid": uid,
            "calculator": original["calculator"],
            "original": from_row(original, "label"),
            "maintained": from_row(maintained, "final"),
            "state": maintained["state"],
            "reason": maintained["reason"],
            "simulated": maintained["simulated"],
            "out_for_review": out,
            "tables": rows,
        }
    )
