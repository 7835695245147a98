"""Pages that need nothing but a browser: the report, an index of all labels with filters, and a page for each label."""

import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.value import from_row
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.release.rates import rates
from medcalc_assets.release.use import use_of
from medcalc_assets.reports.cause import Rows, cause
from medcalc_assets.reports.label import STATES, label_page, wrong
from medcalc_assets.reports.report import report_page
from medcalc_assets.reports.trace import cards_by_uid, records_by_class
from medcalc_assets.storage import tables
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets.templates import static, templates

STATIC = ("pages.css", "pages.js")
"""What all pages share."""
CAUSES = {
    "aggregation": "Rule of v1.0",
    "aggregation_and_more": "Rule of v1.0, and more",
    "convention": "Convention",
    "superseded": "Superseded rule",
    "not_aggregation": "Reading of the note",
    "incomputable": "The note has no answer",
}
"""By attribution, the cause in words."""
SHORT = {(True, True): "Grades and trains", (True, False): "Grades", (False, True): "Trains", (False, False): "Neither"}
"""By whether a label may grade and may train."""
LISTED = ("uid", "calc", "was", "now", "state", "reason", "cause", "use", "p", "review", "why")
"""What the index has of each label, in the order in which `pages.js` names it. `p`: how likely the original is wrong, in
percent; 101 if it is shown wrong, -1 if it is shown right, -2 if nothing is known."""
FIRST = 25
"""How many rows are there without a script."""
AT_ONCE = 3_000
"""How many labels are read at once, about: so that the pages of any number take the same memory."""
FOR_REPORT = (
    *("label_evidence", "derivation_audit", "adjudication_queue", "maintained_labels", "relabels"),
    *("audit_flags", "audit_votes", "relabel_votes", "physician_labels", "physician_consensus"),
)
"""The tables of labels that the report is made from, all at once."""
TEXTS = {"working", "problems", "rationale", "sources", "answers", "explanation", "evidence", "why", "by_defects"}
"""What the report does without, and most of what these hold."""


def write_pages(warehouse: Warehouse, packets: Packets, folder: Path) -> int:
    """Write `report.html`, `index.html` and `labels/<uid>.html`, and return the number of labels. The old pages are there
    until all new ones are."""
    told = {
        name: table
        for name, table in tables.TABLES.items()
        if "uid" in table.key and name not in (tables.MODEL_OUTPUTS.name, tables.GRADES.name) and warehouse.has(table)
    }
    stored = {
        name: warehouse.read(told[name], columns=[each for each in told[name].names if each not in TEXTS])
        for name in FOR_REPORT
    }
    out = packets.out_for_review(stored["physician_labels"].select("uid", "reviewer").iter_rows())
    unfinished = folder.with_name(f".{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "labels").mkdir(parents=True)
    records = records_by_class(warehouse, stored["label_evidence"])
    cards = cards_by_uid(warehouse)
    listed = []
    for name in STATIC:
        (unfinished / name).write_text(static(name), encoding="utf-8")
    uids = stored["maintained_labels"]["uid"].sort().to_list()
    before, after = {b: a for a, b in pairwise(uids)}, dict(pairwise(uids))
    for keys in _in_parts(stored["maintained_labels"]):
        for uid, rows in _rows(warehouse, told, keys).items():
            rows["rule_cards"] = cards.get(uid, [])
            rows["track_record"] = records[rows["maintained_labels"][0]["evidence_class"]]
            page = label_page(rows, out.get(uid, []), before.get(uid), after.get(uid))
            (unfinished / "labels" / f"{uid}.html").write_text(page, encoding="utf-8")
            listed.append(_listed(rows))
    invented = stored["maintained_labels"]["simulated"].any()
    (unfinished / "index.html").write_text(index_page(listed, invented), encoding="utf-8")
    (unfinished / "report.html").write_text(
        report_page(
            stored,
            _read(warehouse, tables.RULE_CARDS),
            rates(warehouse, stored["label_evidence"]),
            _read(warehouse, tables.EFFECTIVE_VOTES).to_dicts(),
            _read(warehouse, tables.LEADERBOARD),
            _read(warehouse, tables.KEY_EFFECTS),
        ),
        encoding="utf-8",
    )
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    return len(listed)


def _in_parts(labels: pl.DataFrame) -> Iterator[list[str]]:
    """The calculators of the labels, so many of them together as have AT_ONCE labels."""
    part, size = [], 0
    for key, n in labels.group_by("calculator", maintain_order=True).len().iter_rows():
        part.append(key)
        size += n
        if size >= AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part


def _rows(
    warehouse: Warehouse, told: Mapping[str, tables.Table], keys: list[str]
) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """By uid all rows of these calculators' labels, by table; the labels in the order of their uids."""
    by_uid: dict[int, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: {name: [] for name in tables.TABLES})
    for name, table in told.items():
        written = warehouse.written(table) if table.partitioned else ()
        there = [key for key in keys if key in written] if table.partitioned else None
        frame = warehouse.read(table, there)
        for row in frame.filter(pl.col("calculator").is_in(keys)).iter_rows(named=True):
            by_uid[row["uid"]][name].append(row)
    return {uid: rows for uid, rows in sorted(by_uid.items()) if rows["maintained_labels"]}


def _read(warehouse: Warehouse, table: tables.Table) -> pl.DataFrame:
    """A table of figures; none of its rows where it was never made."""
    return warehouse.read(table) if warehouse.has(table) else pl.DataFrame(schema=table.polars_schema)


def index_page(labels: Sequence[Mapping[str, Any]], invented: bool) -> str:
    """All labels as data, of which a script shows those that are asked for; and those most likely wrong for who runs none.

    `labels` are those of `_listed`. Texts that many share are sent once.
    """
    listed = sorted(labels, key=lambda row: (-row["p"], row["uid"]))
    names = {name: sorted({row[name] for row in listed}) for name in ("calc", "cause", "why")}
    names |= {"state": [words for _, words in STATES.values()], "use": list(SHORT.values())}
    names["reason"] = list(map(_words, REASONS))
    place = {name: {text: n for n, text in enumerate(texts)} for name, texts in names.items()}
    rows = [[place[name][row[name]] if name in place else row[name] for name in LISTED] for row in listed]
    data = {**names, "chips": [chip for chip, _ in STATES.values()], "rows": rows}
    return (
        templates()
        .get_template("index.html.j2")
        .render(first=listed[:FIRST], total=len(listed), data=data, simulated=invented, out=())
    )


def _listed(rows: Rows) -> dict[str, Any]:
    """What the index has of one label."""
    instance, maintained, evidence = (rows[name][0] for name in ("raw_medcalc", "maintained_labels", "label_evidence"))
    percent, words, _ = wrong(rows)
    use = use_of(maintained["reason"], maintained["simulated"], rows["track_record"][0])
    waits = bool(rows["adjudication_queue"]) and not evidence["n_answers"]
    by_entities = "Its own entities" if evidence["contradicted"] or evidence["out_of_range"] else "None"
    return {
        "uid": instance["uid"],
        "calc": instance["calculator_name"],
        "was": str(from_row(instance, "label")),
        "now": str(from_row(maintained, "final") or "no answer"),
        "state": STATES[maintained["state"]][1],
        "reason": _words(maintained["reason"]),
        "cause": CAUSES.get(evidence["attribution"], by_entities),
        "use": SHORT[use.evaluation, use.reward],
        "p": {"Yes": 101, "No": -1}.get(words, -2) if percent is None else percent,
        "wrong": words if percent is None else f"{percent}%",
        "review": int(waits or maintained["reason"] == "physician_unexplained"),
        "why": cause(rows),
    }


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
