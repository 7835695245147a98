"""Copies of a home, and homes that are made of them."""

from pathlib import Path

import click

from medcalc_assets.cli import console, home


@click.command()
@click.argument("to", type=click.Path(path_type=Path))
@home
def backup(to: Path) -> None:
    """Copy the home into a folder, also while a run goes on.

    Warehouse, ledger, packets, answers, releases and settings, with the hash of each file. TO is a new folder or an older
    backup, which is replaced once the new one is whole.

    \b
    Example:
      medcalc backup /media/backup/medcalc
    """
    import sqlalchemy as sa

    from medcalc_assets.release.backup import backup as copy
    from medcalc_assets.settings import ProjectSettings

    settings = ProjectSettings.from_environment()
    url = sa.make_url(settings.ledger_url)
    ledger = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    files = copy(Path(settings.home), ledger, to)
    console.print(f"wrote {files} files to {to}", markup=False, soft_wrap=True)
    if ledger is None:
        console.print("The ledger is not in it: MEDCALC_LEDGER names a database, which has backups of its own.")


@click.command()
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path, exists=True, file_okay=False))
@home
def restore(source: Path) -> None:
    """Make a home of a backup, or of what is left of one.

    FROM is a backup, every file of which is compared with its hash; or a home without its warehouse, which is then made of
    its releases: `medcalc run` makes the rest, and the next release follows the last. The home must be empty, or absent.

    \b
    Examples:
      medcalc restore /media/backup/medcalc
      medcalc restore data.harmed --home data
    """
    from medcalc_assets.release.backup import restore as make
    from medcalc_assets.storage.warehouse import home_folder

    files = make(source, home_folder())
    console.print(f"wrote {files} files to {home_folder()}", markup=False, soft_wrap=True)
