"""Labels as rewards."""

from pathlib import Path

import click

from medcalc_assets.cli import as_json, console, home, print_json


@click.group()
def reward() -> None:
    """Write labels as a reward set for training.

    \b
    Example:
      medcalc reward export --arm maintained --for trl --evaluation KEY.csv
    """


@reward.command("export")
@click.option(
    "--arm", type=click.Choice(["original", "maintained"]), required=True, help="Whose labels, of the same instances."
)
@click.option("--for", "trainer", type=click.Choice(["verl", "trl"]), required=True, help="Which framework is to read it.")
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path),
    required=True,
    help="The CSV of the release on which the model will be judged: what stands in it does not train.",
)
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Folder to write to; MEDCALC_HOME/reward by default.")
@home
@as_json
def export_reward(arm: str, trainer: str, evaluation: Path, folder: Path | None, as_json: bool) -> None:
    """Write one arm: the original labels, or ours of the same instances.

    Both arms have the same rows in the same order with the same prompts; only the label differs. Which rows may train is the
    policy of use of each label.

    \b
    Examples:
      medcalc reward export --arm original --for verl --evaluation KEY.csv
      medcalc reward export --arm maintained --for verl --evaluation KEY.csv
    """
    from medcalc_assets.release.reward_set import reward_set
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    found = reward_set(Warehouse(home_folder()), evaluation, arm, trainer)  # type: ignore[arg-type]
    folder = folder or home_folder() / "reward"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"medcalc_{arm}_{trainer}.parquet"
    unfinished = path.with_suffix(".unfinished")
    found.rows.write_parquet(unfinished)
    unfinished.replace(path)
    counts = {"rows": found.rows.height, "not_permitted": found.not_permitted, "in_evaluation": found.in_evaluation}
    if as_json:
        print_json({"file": str(path), **counts})
        return
    console.print(
        f"wrote {path}: {counts['rows']:,} rows; left out: {counts['not_permitted']:,} whose label may not train, "
        f"{counts['in_evaluation']:,} whose note and calculator stand in {evaluation}.",
        markup=False,
        soft_wrap=True,
    )
