"""What leaves the project: pages, working copies, releases, and how they differ."""

from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table as Grid

from medcalc_assets.cli import CHECK_FAILED, as_json, console, home, print_json
from medcalc_assets.errors import MedcalcError


@click.command()
@home
def pages() -> None:
    """Write the report, the index and a page for each label.

    They are files that need no network; `medcalc open` opens them.

    \b
    Example:
      medcalc pages
    """
    from medcalc_assets.cli.instance import QUIET, instance_of_dagster
    from medcalc_assets.definitions import assemble
    from medcalc_assets.defs.settings import Settings
    from medcalc_assets.reports.cause import cause
    from medcalc_assets.reports.pages import FOLDER, worth_reading
    from medcalc_assets.reports.trace import rows_of

    settings = Settings.from_environment()
    with instance_of_dagster() as instance:
        assemble(settings).resolve_job_def("pages").execute_in_process(run_config=QUIET, instance=instance)
    folder = Path(settings.home) / FOLDER
    console.print(f"wrote {folder / 'report.html'}", markup=False, soft_wrap=True)
    if (uid := worth_reading(settings.warehouse)) is not None:
        told = cause(rows_of(settings.warehouse, uid))
        console.print(
            f"One label worth reading: {folder / 'labels' / f'{uid}.html'}\n  {told}", markup=False, soft_wrap=True
        )


@click.command(name="open")
@click.argument("uid", type=int, required=False)
@home
def open_page(uid: int | None) -> None:
    """Open the report, or the page of a label, in a browser.

    UID is its `Row Number`. Where there is no browser, the address is shown.

    \b
    Examples:
      medcalc open
      medcalc open 868
    """
    import webbrowser

    from medcalc_assets.reports.pages import FOLDER
    from medcalc_assets.storage.warehouse import home_folder

    page = (home_folder() / FOLDER / ("report.html" if uid is None else f"labels/{uid}.html")).resolve()
    if not page.is_file():
        raise MedcalcError(f"There is no {page}: `medcalc pages` writes the report and a page for each label.")
    if not webbrowser.open(page.as_uri()):
        console.print(page.as_uri(), markup=False, soft_wrap=True)


@click.command()
@home
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Folder to write to; MEDCALC_HOME/export by default.")
def export(folder: Path | None) -> None:
    """Write a working copy of the next release.

    A drop-in CSV for the benchmark, Parquet with the grounds of each label, changelog and card. No gate has looked at it.

    \b
    Example:
      medcalc export --to folder
    """
    from medcalc_assets.release.build import export as write_copy
    from medcalc_assets.release.releases import Releases
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    releases = Releases(home_folder() / "releases")
    for path in write_copy(Warehouse(home_folder()), releases, folder or home_folder() / "export"):
        console.print(f"wrote {path}", markup=False, soft_wrap=True)


@click.command()
@click.option("--version", required=True, help="Three numbers above 1.0.0; the gates say if it is too low.")
@click.option("--because", help="A reason for manifest and changelog: needed where fewer labels may grade than before.")
@home
def release(version: str, because: str | None) -> None:
    """Freeze the maintained labels into a version to cite.

    Nothing is released unless every gate lets it. After a kill the same command finishes the release.

    \b
    Examples:
      medcalc release --version 1.1.0
      medcalc release --version 2.0.0 --because "two calculators await rulings"
    """
    from medcalc_assets.cli.instance import QUIET, instance_of_dagster, run_partitions
    from medcalc_assets.definitions import assemble
    from medcalc_assets.defs.settings import Settings
    from medcalc_assets.release.build import confirmation
    from medcalc_assets.release.released import is_untold
    from medcalc_assets.release.releases import ReleaseError
    from medcalc_assets.release.versions import Version

    settings, wanted = Settings.from_environment(), Version.parse(version)
    definitions = assemble(settings)
    if is_untold(settings.warehouse, version):  # released, and then killed
        with instance_of_dagster() as instance:
            run_partitions(definitions.resolve_job_def("history"), settings, instance)
        if is_untold(settings.warehouse, version):
            raise ReleaseError(f"{version} was released, and its labels are not here: `medcalc run` first, then this again.")
        console.print(
            f"{version} was released before; now the history of every label says so.", markup=False, soft_wrap=True
        )
        return
    job = definitions.resolve_job_def("release")
    asked_for = {"version": version, "because": because}
    asked_for["confirm"] = confirmation(settings.warehouse, settings.releases, wanted, because)
    config = QUIET | {"ops": {"freeze": {"config": asked_for}}}
    with instance_of_dagster() as instance:
        result = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
        if result.success:
            run_partitions(definitions.resolve_job_def("history"), settings, instance)
    closed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    for check in closed:
        found = check.metadata["for example"].value
        console.print(f"[bold red]Gate closed:[/] {check.check_name}", soft_wrap=True)
        for offender in found if isinstance(found, list) else [found]:
            console.print(f"  {offender}", markup=False, highlight=False, soft_wrap=True)
    if not result.success and not closed:
        errors = (event.step_failure_data.error for event in result.filter_events(lambda event: event.is_step_failure))
        said = ((error.cause or error).message.partition(": ")[2].strip() for error in errors if error)  # behind its class
        raise ReleaseError("; ".join(said))
    if closed:
        console.print(
            f"Nothing was released. The candidate is in {settings.releases.candidate}.", markup=False, soft_wrap=True
        )
        raise SystemExit(CHECK_FAILED)
    console.print(f"released {settings.releases.of(wanted)}", markup=False, soft_wrap=True)


@click.command()
@click.argument("before")
@click.argument("after")
@home
@as_json
def diff(before: str, after: str, as_json: bool) -> None:
    """Show the labels that differ between releases or benchmarks.

    BEFORE and AFTER are versions; the original has the name of its own, v1.0 or Verified. AFTER may be the file of another
    benchmark: then the original labels are held against its, by note and question.

    \b
    Examples:
      medcalc diff v1.0 1.1.0
      medcalc diff 1.1.0 1.2.0
      medcalc diff v1.0 verified.csv
    """
    if Path(after).suffix.lower() in (".csv", ".parquet"):
        _between(before, after, as_json)
        return
    import polars as pl

    from medcalc_assets.benchmarks.versions import version_here
    from medcalc_assets.release.released import as_released
    from medcalc_assets.release.releases import Releases, read_labels
    from medcalc_assets.release.versions import LEVELS, as_original, changes
    from medcalc_assets.storage.tables import RAW_MEDCALC
    from medcalc_assets.storage.warehouse import Warehouse, home_folder, ranges

    warehouse, releases = Warehouse(home_folder()), Releases(home_folder() / "releases")
    later = as_released(warehouse, releases, after)
    earlier = None if before == version_here(warehouse).name else as_released(warehouse, releases, before)
    found = []
    for uids in ranges(read_labels(later, ["Row Number"])["Row Number"]):
        now = read_labels(later, uids=uids)
        was = read_labels(earlier, uids=uids) if earlier else as_original(now, warehouse.read(RAW_MEDCALC, uids=uids))
        found.append(changes(was, now))
    changed = pl.concat(found)
    levels = {level: changed.filter(Level=level).height for level in LEVELS}
    if as_json:
        print_json({"before": before, "after": after, "levels": levels, "changes": changed.to_dicts()})
        return
    shown = Grid("uid", "calculator", "level", "label", "was", "state", "reason", "was", box=None)
    names = ("Ground Truth Answer", "Ground Truth Answer before", "State", "Reason", "Reason before")
    for row in changed.iter_rows(named=True):
        cells = (row["Row Number"], row["Calculator Name"], row["Level"], *(row[name] for name in names))
        shown.add_row(*(escape(str(cell)) for cell in cells))
    console.print(shown)
    counts = ", ".join(f"{count:,} {level}" for level, count in levels.items())
    differ = "label differs" if changed.height == 1 else "labels differ"
    console.print(f"{changed.height:,} {differ} between {before} and {after}: {counts}.", soft_wrap=True)


def _between(before: str, after: str, as_json: bool) -> None:
    from medcalc_assets.benchmarks.reader import Source
    from medcalc_assets.benchmarks.versions import version_here
    from medcalc_assets.defs.derivation import audited
    from medcalc_assets.release.between import RELATIONS, between, counted
    from medcalc_assets.release.releases import ReleaseError
    from medcalc_assets.storage.tables import DERIVATION_AUDIT, RAW_MEDCALC
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    warehouse = Warehouse(home_folder())
    original = version_here(warehouse).name
    if before != original:
        raise ReleaseError(f"{after} is held against original labels, not {before!r}: `medcalc diff {original} {after}`.")
    audits = ["uid", *(name for name in DERIVATION_AUDIT.names if name not in RAW_MEDCALC.names)]
    here = warehouse.read(RAW_MEDCALC).join(warehouse.read(DERIVATION_AUDIT, columns=audits), on="uid", validate="1:1")
    other = Source(after).read().instances
    there = other.join(audited(other).select(audits), on="uid", validate="1:1")
    pairs = between(here, there)
    relations, contradicted = counted(pairs), here["likely_error"].sum()
    if as_json:
        print_json(
            {
                "before": before,
                "after": after,
                "contradicted": contradicted,
                "relations": relations,
                "cases": pairs.to_dicts(),
            }
        )
        return
    shown = Grid("uid", "there", "calculator", "relation", "label", "after", "published", "convention", box=None)
    for row in pairs.iter_rows(named=True):
        if row["relation"] != "same":
            names = ("uid", "uid_after", "calculator", "relation", "label", "label_after", "published", "convention")
            shown.add_row(*(escape(str(row[name] or "")) for name in names))
    console.print(shown)
    for relation, count in relations.items():
        console.print(f"{count:,} {relation}: {RELATIONS[relation]}.", soft_wrap=True)
    console.print(
        f"{pairs.height:,} of {here.height:,} cases are in {after}, {pairs['reworded'].sum():,} of them in other words. "
        f"Of the {contradicted:,} labels that their own entities contradict it corrects {relations['corrected']:,}.",
        markup=False,
        soft_wrap=True,
    )


@click.command()
@home
@as_json
def verify(as_json: bool) -> None:
    """Check history, releases, answers and ledger for changes.

    Each is compared with what the others say of it. Exit code 3 where anything differs.

    \b
    Example:
      medcalc verify
    """
    from medcalc_assets.auditors.ledger import Ledger
    from medcalc_assets.physicians.packet import Packets
    from medcalc_assets.release.releases import Releases
    from medcalc_assets.release.verify import verify as differences_of
    from medcalc_assets.settings import ProjectSettings
    from medcalc_assets.storage.chain import head, heads
    from medcalc_assets.storage.tables import LABEL_EVENTS
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    settings, warehouse = ProjectSettings.from_environment(), Warehouse(home_folder())
    events = warehouse.read(LABEL_EVENTS, columns=["uid", "previous_sha256", "sha256"])
    ledger = Ledger(settings.ledger_url) if settings.has_calls else None
    differences = list(differences_of(warehouse, Releases(home_folder() / "releases"), Packets(home_folder()), ledger))
    said = {"events": events.height, "labels": events["uid"].n_unique(), "head_sha256": head(heads(events))}
    if as_json:
        print_json(said | {"differences": differences})
    else:
        for difference in differences:
            console.print(str(difference), markup=False, highlight=False, soft_wrap=True)
        found = f"differences: {len(differences):,}" if differences else "all is as it was written"
        console.print(
            f"{events.height:,} events of {said['labels']:,} labels, head {said['head_sha256']}: {found}.", soft_wrap=True
        )
    if differences:
        raise SystemExit(CHECK_FAILED)
