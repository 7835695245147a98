"""What is in a home, what of it is stale, and what to do next. No webserver is needed: the warehouse itself says by which
code, and when, each partition was written."""

import datetime as dt
import os
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from rich.markup import escape
from rich.table import Table as Grid

from medcalc_assets.cli import as_json, console, home, print_json

if TYPE_CHECKING:
    import dagster as dg
    import polars as pl

    from medcalc_assets.defs.settings import Settings
    from medcalc_assets.storage.warehouse import Contents

FEW = 3
"""So many calculators are named one by one in the next command."""
LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)


@click.command()
@home
@as_json
def status(as_json: bool) -> None:
    """Show what is here, what is stale, and what to do next.

    A partition is stale if it was written by other code than that of now, before one of its inputs, or from a source that
    has changed since; one from before medcalc_assets kept these facts is of unknown code.
    """
    from medcalc_assets.definitions import assemble
    from medcalc_assets.defs.settings import Settings

    settings = Settings.from_environment()
    found = state_of(settings, assemble(settings).resolve_all_asset_specs())
    if as_json:
        print_json(found)
    else:
        _show(found)


def state_of(settings: "Settings", specs: Iterable["dg.AssetSpec"]) -> dict[str, Any]:
    """All of it, by the keys of docs/json.md."""
    from medcalc_assets.settings import remembered
    from medcalc_assets.storage.tables import (
        LABEL_RELEASES,
        MAINTAINED_LABELS,
        QUARANTINE,
        RAW_MEDCALC,
        RELABELS,
        SAMPLING_PLAN,
    )

    contents = settings.warehouse.contents()

    def read(table: Any, *columns: str) -> "pl.DataFrame | None":
        readable = table.name in contents and contents[table.name].is_declared
        return settings.warehouse.read(table, columns=columns) if readable else None

    raw = read(RAW_MEDCALC, "source", "source_version")
    maintained = read(MAINTAINED_LABELS, "auditor", "simulated")
    relabels = read(RELABELS, "auditor")
    sources = [] if raw is None else raw.group_by("source", "source_version").len("instances").sort("source").to_dicts()
    auditors = [] if maintained is None else maintained["auditor"].unique().sort().to_list()
    # Releases and plans are made on demand: that there is none is no fault of a run.
    made_by_runs = [spec for spec in specs if spec.key.path[-1] not in (LABEL_RELEASES.name, SAMPLING_PLAN.name)]
    changed = [] if _is_as_read(settings, sources) else [RAW_MEDCALC.name, QUARANTINE.name]
    stale = why_stale(made_by_runs, contents, dict.fromkeys(changed, "source changed"))
    found: dict[str, Any] = {
        "home": settings.home,
        "remembers": remembered(Path(settings.home)) or None,
        "sources": sources,
        "quarantined": contents[QUARANTINE.name].rows if QUARANTINE.name in contents else 0,
        "auditors": auditors,
        "relabels_of": [] if relabels is None else relabels["auditor"].unique().sort().to_list(),
        "simulated": None if maintained is None else bool(maintained["simulated"].any()),
        "tables": [_about(name, partitions, contents.get(name)) for name, partitions in stale.items()],
        "releases": list(map(str, settings.releases.versions)),
        **_physicians(settings, contents),
        "ledger": _ledger(settings, contents),
    }
    return found | {"next": _next(settings, found, stale)}


def why_stale(
    specs: Iterable["dg.AssetSpec"], contents: Mapping[str, "Contents"], of_itself: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """By table and partition ("" where there are none) why it has to be made: "" if it need not. Inputs come first.

    `of_itself` says of a table why all of it is stale that has been written.
    """
    from medcalc_assets.calculators import KEYS
    from medcalc_assets.storage.tables import TABLES

    of_tables = {spec.key.path[-1]: spec for spec in specs if spec.key.path[-1] in TABLES}
    inputs = {name: {dep.asset_key.path[-1] for dep in spec.deps} & of_tables.keys() for name, spec in of_tables.items()}
    stale: dict[str, dict[str, str]] = {}

    def why(name: str, partition: str) -> str:
        there = contents.get(name)
        made = there.written.get(partition) if there else None
        if there is None or made is None:
            return "missing"
        if not there.is_declared:
            return "columns changed"
        if made.code_version is None:
            return "unknown code"
        if made.code_version != of_tables[name].code_version:
            return "code changed"
        if name in of_itself:
            return of_itself[name]
        for each in sorted(inputs[name]):
            # A table without partitions is made from whatever has been written of its inputs.
            needed = (
                [partition]
                if partition in stale[each]
                else [key for key, is_so in stale[each].items() if is_so != "missing"]
            )
            times = [contents[each].written[key].at or LONG_AGO for key in needed if stale[each][key] != "missing"]
            if any(time > (made.at or LONG_AGO) for time in times):
                return f"older than {each}"
            if any(stale[each][key] for key in needed):
                return f"{each} is stale"
        return ""

    for name in TopologicalSorter(inputs).static_order():
        stale[name] = {partition: why(name, partition) for partition in (KEYS if TABLES[name].partitioned else [""])}
    return {name: stale[name] for name in TABLES if name in stale}


def _about(name: str, partitions: Mapping[str, str], there: "Contents | None") -> dict[str, Any]:
    reasons = Counter(reason for reason in partitions.values() if reason)
    return {
        "table": name,
        "rows": there.rows if there else 0,
        "partitions": len(partitions),
        "written": len(partitions) - reasons["missing"],
        "stale": sum(reasons.values()) - reasons["missing"],
        "because": {reason: count for reason, count in reasons.items() if reason != "missing"},
    }


def _is_as_read(settings: "Settings", sources: list[dict[str, Any]]) -> bool:
    """Whether the source that the settings name, where it is the one in the home and is at hand, is as it was read."""
    from medcalc_assets.benchmarks.reader import SourceError

    read = {each["source"]: each["source_version"] for each in sources}
    name = Path(settings.source).name
    try:
        return name not in read or read[name] == settings.benchmark.version
    except (SourceError, OSError):
        return True


def _physicians(settings: "Settings", contents: Mapping[str, "Contents"]) -> dict[str, Any]:
    """The packets that were issued, with how many of their cases are answered, and the calculators whose answers were taken
    over after the last run."""
    import polars as pl

    from medcalc_assets.calculators import CALCULATORS
    from medcalc_assets.physicians.returned import calculator_of
    from medcalc_assets.storage.tables import INSTANCE_KEYS, PHYSICIAN_LABELS, RAW_MEDCALC, RULINGS

    if not {RAW_MEDCALC.name, PHYSICIAN_LABELS.name, RULINGS.name} <= contents.keys():
        return {"packets": [], "answers_not_used": []}
    key = ["uid", "reviewer", "answered_at"]
    instances = settings.warehouse.read(RAW_MEDCALC, columns=INSTANCE_KEYS)
    used = settings.warehouse.read(PHYSICIAN_LABELS, columns=key)
    taken = settings.packets.taken_over(instances)
    answered = set(pl.concat([used, taken.select(key)]).select("uid", "reviewer").iter_rows())
    rulings = settings.packets.rulings()
    answered_cards = {(row["card"], row["reviewer"]) for row in rulings}
    packets = [
        {
            "packet": packet["packet"],
            "reviewer": packet["reviewer"],
            "issued_at": packet["issued_at"],
            "cases": len(packet["cases"]) + len(packet.get("cards", {})),
            "answered": sum((int(uid), packet["reviewer"]) in answered for uid in packet["cases"])
            + sum((card, packet["reviewer"]) in answered_cards for card in packet.get("cards", {})),
        }
        for packet in settings.packets.issued()
    ]
    not_used = set(taken.join(used, on=key, how="anti")["calculator"])
    known = set(settings.warehouse.read(RULINGS, columns=["card", "reviewer", "ruled_at"]).iter_rows())
    not_used |= {
        CALCULATORS[calculator_of(row["card"]) or 0].slug
        for row in rulings
        if (row["card"], row["reviewer"], row["ruled_at"]) not in known
    }
    return {"packets": packets, "answers_not_used": sorted(not_used)}


def _ledger(settings: "Settings", contents: Mapping[str, "Contents"]) -> dict[str, Any] | None:
    from medcalc_assets.storage.tables import LLM_CALLS

    if not settings.has_calls:
        return None
    read = settings.warehouse.read
    costs = read(LLM_CALLS, columns=["cost_usd"])["cost_usd"].to_list() if LLM_CALLS.name in contents else []
    known = [cost for cost in costs if cost is not None]
    return {
        "calls": settings.calls.count(),
        "in_llm_calls": len(costs),
        "of_known_price": len(known),
        "cost_usd": sum(known),
    }


def _next(settings: "Settings", found: dict[str, Any], stale: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The one command to give next, and why."""
    from medcalc_assets.storage.tables import ADJUDICATION_QUEUE

    reasons = {(name, key): reason for name, partitions in stale.items() for key, reason in partitions.items() if reason}
    missing = {key for (_, key), reason in reasons.items() if reason == "missing"}
    to_renew = {key for (_, key), reason in reasons.items() if reason != "missing"}
    if not found["auditors"]:
        return {"command": _run(settings, found), "why": "there are no maintained labels yet"}
    if len(found["auditors"]) > 1:
        return {"command": _run(settings, found), "why": f"labels were made with {' and '.join(found['auditors'])}"}
    if to_renew:
        return {"command": _run(settings, found, to_renew - {""}), "why": "what is stale has to be made again"}
    if used := found["answers_not_used"]:
        return {"command": _run(settings, found, used), "why": "physicians' answers were taken over and not used yet"}
    if missing:
        return {"command": _run(settings, found, missing - {""}), "why": "some calculators have not been run"}
    if version := _next_version(settings):
        why = "labels have changed since the last release" if found["releases"] else "nothing has been released yet"
        return {"command": _command("release", "--version", version), "why": why}
    queued = settings.warehouse.read(ADJUDICATION_QUEUE, columns=["uid"]).height
    if queued and all(packet["answered"] == packet["cases"] for packet in found["packets"]):
        return {"command": _command("packet", "--reviewer", "NAME"), "why": f"{queued:,} cases are in the queue"}
    return {"command": _command("summary"), "why": "nothing is left to do"}


def _next_version(settings: "Settings") -> str | None:
    """The lowest version that the labels could be released as; None if none changed since the last release."""
    from medcalc_assets.release.build import with_grounds
    from medcalc_assets.release.use import records_of
    from medcalc_assets.release.versions import FIRST, changes, lowest_after
    from medcalc_assets.storage.tables import LABEL_EVIDENCE, MAINTAINED_LABELS, RAW_MEDCALC

    previous = settings.releases.before(None)
    if previous is None:
        return str(FIRST)
    raw, maintained, evidence = map(settings.warehouse.read, (RAW_MEDCALC, MAINTAINED_LABELS, LABEL_EVIDENCE))
    labels = with_grounds(raw, maintained, evidence, records_of(settings.warehouse, evidence))
    changed = changes(settings.releases.labels(str(previous)), labels)
    return None if changed.is_empty() else str(lowest_after(previous, changed))


def _run(settings: "Settings", found: dict[str, Any], keys: Iterable[str] = ()) -> str:
    """`medcalc run` as it was given before, as far as the settings do not say so already; with the few keys."""
    words = []
    sources, auditors = [each["source"] for each in found["sources"]], found["auditors"]
    if sources and Path(settings.source).name not in sources:
        known = sources[0] in ("demo", "hf", "hf:train")
        words += ["--source", sources[0] if known else f"PATH/{sources[0]}"]
    if auditors == ["authors"] and not settings.authors:
        words += ["--authors", "FOLDER"]
    elif auditors and auditors[0] not in ("authors", "simulated", settings.auditor_that_counts):
        words += ["--auditor", auditors[0]]
    if len(few := sorted(keys)) <= FEW:
        words += [word for key in few for word in ("-c", key)]
    return _command("run", *words)


def _command(*words: str) -> str:
    given = click.get_current_context().get_parameter_source("home") == ParameterSource.COMMANDLINE
    return shlex.join(["medcalc", *words, *(["--home", os.environ["MEDCALC_HOME"]] if given else [])])


def _show(found: dict[str, Any]) -> None:
    facts = Grid.grid(padding=(0, 2, 0, 0))
    facts.add_row("home", escape(found["home"]))
    for each in found["sources"]:
        facts.add_row("source", escape(f"{each['source']} ({each['source_version'][:12]}): {each['instances']:,} instances"))
    if found["quarantined"]:
        facts.add_row("quarantine", f"{found['quarantined']:,} of the source's rows, which cannot be read")
    if found["auditors"]:
        simulated = " [bold yellow]SIMULATED[/]" if found["simulated"] else ""
        facts.add_row("auditor", escape(", ".join(found["auditors"])) + simulated)
        facts.add_row("relabels of", escape(", ".join(found["relabels_of"])))
    if kept := found["remembers"]:
        facts.add_row("remembers", escape(", ".join(f"{name} {value}" for name, value in kept.items() if value)))
    facts.add_row("releases", ", ".join(found["releases"]) or "none")
    for each in found["packets"]:
        answered = f"{each['answered']} of {each['cases']} cases answered"
        facts.add_row("packet", escape(f"{each['packet']}, {each['reviewer']}, {each['issued_at'][:10]}: {answered}"))
    if ledger := found["ledger"]:
        counted = f"{ledger['calls']:,} calls, {ledger['in_llm_calls']:,} of them in llm_calls"
        facts.add_row("ledger", f"{counted}: {ledger['cost_usd']:,.2f} USD for {ledger['of_known_price']:,} of known price")
    console.print(facts)
    tables = Grid("table", "rows", "written", "stale because", box=None, padding=(0, 2, 0, 0))
    tables.columns[1].justify = tables.columns[2].justify = "right"
    for each in found["tables"]:
        because = ", ".join(f"{reason} ({count})" for reason, count in each["because"].items())
        tables.add_row(each["table"], f"{each['rows']:,}", f"{each['written']} of {each['partitions']}", because)
    console.print()
    console.print(tables)
    console.print()
    console.print(f"Next: [bold]{escape(found['next']['command'])}[/] ({escape(found['next']['why'])})", soft_wrap=True)
