"""Stored answers of models, and what each key says of them."""

from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table as Grid

from medcalc_assets.cli import as_json, console, home, print_json


@click.group()
def outputs() -> None:
    """Keep stored answers of models, to be graded.

    \b
    Example:
      medcalc outputs add answers.jsonl --model gpt-4
    """


@outputs.command("add")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="The model, or the run: a name that is on the leaderboard.")
@click.option("--family", default="", help="The model's family, such as openai; by default what its name begins with.")
@home
@as_json
def add_outputs(file: Path, model: str, family: str, as_json: bool) -> None:
    """Keep the answers in FILE as a run of a model.

    FILE is JSONL of MedCalc-Bench's harness or of lm-evaluation-harness, an Inspect log (.eval), HELM's scenario_state.json,
    or JSONL or CSV with a reply and a uid, or note and question. A row that answers no instance is listed and left out.

    \b
    Example:
      medcalc outputs add answers.jsonl --model gpt-4 --family openai
    """
    from medcalc_assets.labels.families import family as family_of
    from medcalc_assets.release.answers import add
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    found = add(Warehouse(home_folder()), file, model, family or family_of(model))
    if as_json:
        refused = [{"row": row, "why": why} for row, why in found.refused]
        renumbered = [{"row": row, "number": number, "uid": uid} for row, number, uid in found.renumbered]
        print_json({"run": found.run, "answers": found.answers, "refused": refused, "renumbered": renumbered})
        return
    for row, why in found.refused:
        console.print(f"{file}, row {row}: left out, {why}.", markup=False, soft_wrap=True)
    if found.renumbered:
        which = ", ".join(f"row {row} ({number}: uid {uid})" for row, number, uid in found.renumbered)
        console.print(
            f"{file}: the numbers of these rows are not those of their texts, which count: {which}.",
            markup=False,
            soft_wrap=True,
        )
    left_out = f", {len(found.refused):,} rows left out" if found.refused else ""
    console.print(f"added {found.answers:,} answers as {found.run}{left_out}.", markup=False, soft_wrap=True)
    console.print("Next: [bold]medcalc leaderboard[/] grades them.")


@click.command()
@click.option("--items", is_flag=True, help="With --json: of each instance, how many runs answered it rightly.")
@home
@as_json
def leaderboard(items: bool, as_json: bool) -> None:
    """Grade all stored answers under every key.

    Keys are the benchmark's own, that of the paper's authors, every release, and our labels as they are. Intervals are by
    row, and clustered by calculator, of which instances share the rule.

    \b
    Example:
      medcalc leaderboard
    """
    import polars as pl

    from medcalc_assets.benchmarks.versions import version_here
    from medcalc_assets.defs.grading import as_declared
    from medcalc_assets.grading import scores
    from medcalc_assets.release.answers import stored
    from medcalc_assets.release.keys import keys
    from medcalc_assets.release.releases import Releases
    from medcalc_assets.settings import ProjectSettings
    from medcalc_assets.storage import tables
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    warehouse = Warehouse(home_folder())
    original = version_here(warehouse).name
    settings = ProjectSettings.from_environment()
    instances = warehouse.read(tables.RAW_MEDCALC, columns=[*tables.INSTANCE_KEYS, "output_type"])
    answers = stored(home_folder()).join(instances, on="uid", how="inner")
    if answers.is_empty():
        console.print("No answers are stored: [bold]medcalc outputs add FILE --model NAME[/].")
        raise SystemExit(1)
    grades = scores.grade(answers, keys(warehouse, Releases(home_folder() / "releases"), settings.authors))
    evidence = warehouse.read(tables.LABEL_EVIDENCE, columns=["uid", "stratum"])
    maintained = warehouse.read(tables.MAINTAINED_LABELS, columns=["uid", "reason", "auditor"])
    board = as_declared(scores.leaderboard(grades), tables.LEADERBOARD).to_dicts()
    compared = as_declared(scores.key_effects(grades, evidence.join(maintained, on="uid")), tables.KEY_EFFECTS)
    effects, ranks = compared.to_dicts(), scores.agreement_of_ranks(compared)
    said = [*scores.sentences(effects, settings.voters), *scores.caveats(pl.DataFrame(board))]
    shared, differences = scores.in_common(grades), scores.differences(grades).to_dicts()
    if as_json:
        document: dict[str, Any] = {
            "leaderboard": board,
            "key_effects": effects,
            "tau_b": ranks,
            "sentences": said,
            "in_common": shared,
            "differences": differences,
        }
        print_json(document | ({"items": scores.difficulty(grades).to_dicts()} if items else {}))
        return
    grid = Grid(
        "key", "rank", "run", "right", "share", "95% by row", "by calculator", "not read", box=None, padding=(0, 2, 0, 0)
    )
    for row in board:
        lost = row["n"] - row["value"] - row["abstained"]
        by_calculator = "" if row["clustered_low"] is None else f"{row['clustered_low']:.1%} to {row['clustered_high']:.1%}"
        grid.add_row(
            *(row["key"], str(row["rank"]), escape(row["run"]), f"{row['right']:,} of {row['n']:,}", f"{row['share']:.1%}"),
            *(f"{row['low']:.1%} to {row['high']:.1%}", by_calculator, f"{lost:,}"),
        )
    console.print(grid)
    console.print()
    for sentence in said:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    for each in shared:
        right = ", ".join(f"{run} {n}" for run, n in each["right"].items()) or "none, so that no order of all is shown"
        console.print(
            f"Under {each['key']} all runs answered {each['labels']:,} labels alike; right of these: {right}.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    for key, tau in ranks.items():
        if tau is not None:
            console.print(f"The order of the runs under {key} and {original}: Kendall's tau-b {tau:.2f}.", highlight=False)
    for row in differences:
        by_harness, by_key = ("right" if row[name] else "wrong" for name in ("verdict", "strict"))
        read = row["answer"] or row["outcome"]
        console.print(
            f"{row['run']}, uid {row['uid']}: {by_harness} to its harness, {by_key} by {original} ({read}).",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
