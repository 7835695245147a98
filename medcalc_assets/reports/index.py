"""The index of all labels: what it has of each, and the page that finds, counts and sorts them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.value import from_row
from medcalc_assets.release.use import use_of
from medcalc_assets.reports.cause import Rows, cause
from medcalc_assets.reports.label import STATES, last_release, wrong
from medcalc_assets.templates import templates

CAUSES = {
    "aggregation": "Original rule",
    "aggregation_and_more": "Original rule, and more",
    "convention": "Convention",
    "superseded": "Superseded rule",
    "not_aggregation": "Reading of the note",
    "incomputable": "The note has no answer",
}
"""By attribution, the cause in words."""
ITS_OWN = "Its own entities"
"""The cause, where no relabel contradicts a label that they do."""
BY_ENTITIES = {
    "reproduced": "Give the label",
    "contradicted": "Contradict it",
    "suspect": "In doubt",
    "not_computable": "Give no value",
}
"""By verdict, what the published rule makes of a label's own entities."""
RELABEL = {False: "Agrees", True: "Differs", None: "No agreement"}
"""By whether it makes the original a likely error."""
NO_VOTES = "No votes"
SHORT = {(True, True): "Grades and trains", (True, False): "Grades", (False, True): "Trains", (False, False): "Neither"}
"""By whether a label may grade and may train."""
LISTED = {
    "uid": pl.Int64,
    **dict.fromkeys(("calc", "was", "now", "state", "reason", "cause", "by", "relabel", "use"), pl.String),
    "p": pl.Int64,
    "wrong": pl.String,
    "review": pl.Int64,
    "since": pl.Int64,
    "why": pl.String,
}
"""What the index has of each label. `p`: how likely the original is wrong, in percent (in `wrong` in words); 101 if it is
shown wrong, -1 if it is shown right, -2 if nothing is known. `since`: it differs from the last release that has it."""
FIRST = 25
"""How many rows are there without a script."""
PART = 10_000
"""How many labels a file of data has."""


def index_page(labels: pl.DataFrame, invented: bool, last: str = "") -> Iterator[tuple[str, str]]:
    """The files of the index, by name: the page, which shows those most likely wrong to who runs no script, and all labels
    as data, in parts, which the page asks for as scripts: from a file nothing else may be read.

    `labels` has the columns of LISTED; `last` is the version of the last release.
    """
    rows = labels.sort("p", "uid", descending=[True, False])
    names = {name: rows[name].unique().sort().to_list() for name in ("calc", "cause")}
    names |= {"state": [told for _, told in STATES.values()], "use": list(SHORT.values())}
    names |= {"by": list(BY_ENTITIES.values()), "relabel": [*RELABEL.values(), NO_VOTES]}
    names["reason"] = list(map(words, REASONS))
    parts = {f"index/{n}.js": part for n, part in enumerate(rows.iter_slices(PART))}
    yield (
        "index.html",
        templates()
        .get_template("index.html.j2")
        .render(
            first=rows.head(FIRST).to_dicts(),
            total=rows.height,
            data={**names, "last": last, "chips": [chip for chip, _ in STATES.values()]},
            parts=list(parts),
            simulated=invented,
            out=(),
        ),
    )
    for name, part in parts.items():
        text = json.dumps(_columns(part, names), ensure_ascii=False, separators=(",", ":"))
        quoted = text.replace("\\", "\\\\").replace("'", "\\'")
        yield name, f"(self.medcalc ??= []).push(JSON.parse('{quoted}'));\n"


def _columns(part: pl.DataFrame, names: Mapping[str, Sequence[str]]) -> dict[str, list[Any]]:
    """The labels column by column: a text of `names` as its place there, one that only these share among `whys`, and the
    maintained label only where it is another than the original."""
    whys = part["why"].unique(maintain_order=True).to_list()
    coded = [
        pl.col(name).replace_strict(texts, range(len(texts)), return_dtype=pl.Int32)
        for name, texts in {**names, "why": whys}.items()
    ]
    now = pl.when(pl.col("now") != pl.col("was")).then("now")
    columns = part.drop("wrong").with_columns(*coded, now=now).to_dict(as_series=False)
    return {**columns, "whys": whys}


def listed(rows: Rows) -> dict[str, Any]:
    """What the index has of one label."""
    instance, maintained, evidence = (rows[name][0] for name in ("raw_medcalc", "maintained_labels", "label_evidence"))
    percent, told, _ = wrong(rows)
    use = use_of(maintained["reason"], maintained["simulated"], rows["track_record"][0])
    waits = bool(rows["adjudication_queue"]) and not evidence["n_answers"]
    by_entities = ITS_OWN if evidence["contradicted"] or evidence["out_of_range"] else "None"
    has_votes = evidence["relabel_status"] not in (None, "not_relabelled")
    return {
        "uid": instance["uid"],
        "calc": instance["calculator_name"],
        "was": str(from_row(instance, "label")),
        "now": str(from_row(maintained, "final") or "no answer"),
        "state": STATES[maintained["state"]][1],
        "reason": words(maintained["reason"]),
        "cause": CAUSES.get(evidence["attribution"], by_entities),
        "by": BY_ENTITIES[evidence["verdict"]],
        "relabel": RELABEL[evidence["likely_error"]] if has_votes else NO_VOTES,
        "use": SHORT[use.evaluation, use.reward],
        "p": {"Yes": 101, "No": -1}.get(told, -2) if percent is None else percent,
        "wrong": told if percent is None else f"{percent}%",
        "review": int(waits or maintained["reason"] == "physician_unexplained"),
        "since": int(_differs_from_release(rows)),
        "why": cause(rows),
    }


def _differs_from_release(rows: Rows) -> bool:
    """Whether the maintained label has another value than in the last release that has it."""
    last = last_release(rows)
    return last is not None and last[1] != from_row(rows["maintained_labels"][0], "final")


def words(name: str) -> str:
    """A code as its filter names it."""
    return name.replace("_", " ").capitalize()
