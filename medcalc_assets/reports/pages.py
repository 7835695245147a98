"""Pages that need nothing but a browser: the report, an index of all labels with filters, and a page for each label."""

import shutil
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from medcalc_assets.benchmarks.versions import version_here
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.release.rates import rates
from medcalc_assets.reports.index import LISTED, index_page, listed
from medcalc_assets.reports.label import label_page
from medcalc_assets.reports.report import report_page
from medcalc_assets.reports.trace import cards_by_uid, records_by_class
from medcalc_assets.storage import tables
from medcalc_assets.storage.warehouse import Warehouse, ranges
from medcalc_assets.templates import static

FOLDER, SERVED = "report", "/report"
"""Where the pages are: below the home, and on the server of `medcalc ui`."""
STATIC = ("base.css", "pages.css", "pages.js")
"""What all pages share."""
AT_ONCE = 1_000
"""Of so many labels all is held at once, about: so that the pages of any number take the same memory."""
FOR_REPORT = (
    *("label_evidence", "derivation_audit", "adjudication_queue", "maintained_labels", "relabels"),
    *("audit_flags", "audit_votes", "relabel_votes", "physician_labels", "physician_consensus"),
)
"""The tables of labels that the report is made from, all at once."""
OF_ALL = (
    tables.RULE_CARDS,
    tables.RULINGS,
    tables.EFFECTIVE_VOTES,
    tables.LEADERBOARD,
    tables.KEY_EFFECTS,
    tables.LABEL_RELEASES,
)
"""The tables of figures that it is made from."""
TEXTS = {"working", "problems", "rationale", "sources", "answers", "explanation", "evidence", "why", "by_defects"}
"""What the report does without, and most of what these hold."""
OF_VOTES = ["auditor", "status", "calls", "cost_usd", "input_tokens", "output_tokens"]
"""What it takes of votes, of which a label may have ten."""


def write_pages(warehouse: Warehouse, packets: Packets, folder: Path) -> int:
    """Write `report.html`, `index.html` and `labels/<uid>.html`, and return the number of labels. The old pages are there
    until all new ones are."""
    told = {
        name: table
        for name, table in tables.TABLES.items()
        if "uid" in table.key and name not in (tables.MODEL_OUTPUTS.name, tables.GRADES.name) and warehouse.has(table)
    }
    stored = {
        name: warehouse.read(
            told[name], columns=OF_VOTES if name.endswith("_votes") else [n for n in told[name].names if n not in TEXTS]
        )
        for name in FOR_REPORT
    }
    out = packets.out_for_review(stored["physician_labels"].select("uid", "reviewer").iter_rows())
    unfinished = folder.with_name(f".{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    for folder_of in ("labels", "index"):
        (unfinished / folder_of).mkdir(parents=True)
    records = records_by_class(warehouse, stored["label_evidence"])
    cards = cards_by_uid(warehouse)
    effective = _read(warehouse, tables.EFFECTIVE_VOTES).to_dicts()
    found = [pl.DataFrame(schema=LISTED)]
    for name in STATIC:
        (unfinished / name).write_text(static(name), encoding="utf-8")
    uids = stored["maintained_labels"]["uid"].sort().to_list()
    before, after = {b: a for a, b in pairwise(uids)}, dict(pairwise(uids))
    written = {name: made.written.keys() for name, made in warehouse.contents().items()}
    for keys, uids_of in _in_parts(stored["maintained_labels"]):
        part = []
        for uid, rows in _rows(warehouse, told, written, keys, uids_of).items():
            rows["rule_cards"] = cards.get(uid, [])
            rows["effective_votes"] = effective
            rows["track_record"] = records[rows["maintained_labels"][0]["evidence_class"]]
            page = label_page(rows, out.get(uid, []), before.get(uid), after.get(uid))
            (unfinished / "labels" / f"{uid}.html").write_text(page, encoding="utf-8")
            part.append(listed(rows))
        found.append(pl.DataFrame(part, LISTED))
    stored |= {table.name: _read(warehouse, table) for table in OF_ALL}
    versions = stored[tables.LABEL_RELEASES.name].sort("released_at")["version"].to_list()
    labels = pl.concat(found)
    for name, text in index_page(labels, stored["maintained_labels"]["simulated"].any(), *versions[-1:]):
        (unfinished / name).write_text(text, encoding="utf-8")
    report = report_page(stored, labels, rates(warehouse, stored["label_evidence"]), version_here(warehouse).name)
    (unfinished / "report.html").write_text(report, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    return labels.height


def worth_reading(warehouse: Warehouse) -> int | None:
    """A label whose page shows what this project does: one that relabel and published rule replace. None without any."""
    labels = warehouse.read(tables.MAINTAINED_LABELS, columns=["uid", "reason"])
    uid = labels.filter(reason="relabelled")["uid"].min()
    return uid if isinstance(uid, int) else None


def _in_parts(labels: pl.DataFrame) -> Iterator[tuple[list[str], tuple[int, int]]]:
    """The labels in parts of AT_ONCE: by calculator, as they lie together, so many small ones as make a part; and from one
    uid to another."""
    sizes = labels.group_by("calculator", maintain_order=True).len().with_columns(part=pl.col("len").cum_sum() // AT_ONCE)
    for (_,), part in sizes.group_by("part", maintain_order=True):
        keys = part["calculator"].to_list()
        of_part = labels.filter(pl.col("calculator").is_in(keys))["uid"]
        yield from ((keys, uids) for uids in ranges(of_part, AT_ONCE))


def _rows(
    warehouse: Warehouse,
    told: Mapping[str, tables.Table],
    written: Mapping[str, Collection[str]],
    keys: list[str],
    uids: tuple[int, int],
) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """By uid all rows of these labels, by table; the labels in the order of their uids."""
    by_uid: dict[int, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: {name: [] for name in tables.TABLES})
    for name, table in told.items():
        there = [key for key in keys if key in written[name]] if table.partitioned else None
        frame = warehouse.read(table, there, uids=uids)
        for row in frame.filter(pl.col("calculator").is_in(keys)).iter_rows(named=True):
            by_uid[row["uid"]][name].append(row)
    return {uid: rows for uid, rows in sorted(by_uid.items()) if rows["maintained_labels"]}


def _read(warehouse: Warehouse, table: tables.Table) -> pl.DataFrame:
    """A table of figures; none of its rows where it was never made."""
    return warehouse.read(table) if warehouse.has(table) else pl.DataFrame(schema=table.polars_schema)
