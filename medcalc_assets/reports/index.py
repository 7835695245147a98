"""The index of all labels: what it has of each, and the page that finds, counts and sorts them."""

from collections.abc import Mapping, Sequence
from typing import Any

from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import from_row
from medcalc_assets.release.use import use_of
from medcalc_assets.reports.cause import Rows, cause
from medcalc_assets.reports.label import STATES, last_release, wrong
from medcalc_assets.templates import templates

CAUSES = {
    "aggregation": "Rule of v1.0",
    "aggregation_and_more": "Rule of v1.0, and more",
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
LISTED = ("uid", "calc", "was", "now", "state", "reason", "cause", "by", "relabel", "use", "p", "review", "since", "why")
"""What the index has of each label, in the order in which `pages.js` names it. `p`: how likely the original is wrong, in
percent; 101 if it is shown wrong, -1 if it is shown right, -2 if nothing is known. `since`: it differs from the last release
that has it."""
FIRST = 25
"""How many rows are there without a script."""


def index_page(labels: Sequence[Mapping[str, Any]], invented: bool, last: str = "") -> str:
    """All labels as data, of which a script shows those that are asked for; and those most likely wrong for who runs none.

    `labels` are those of `listed`; `last` is the version of the last release. Texts that many share are sent once.
    """
    rows = sorted(labels, key=lambda row: (-row["p"], row["uid"]))
    names = {name: sorted({row[name] for row in rows}) for name in ("calc", "cause", "why")}
    names |= {"state": [told for _, told in STATES.values()], "use": list(SHORT.values())}
    names |= {"by": list(BY_ENTITIES.values()), "relabel": [*RELABEL.values(), NO_VOTES]}
    names["reason"] = list(map(words, REASONS))
    place = {name: {text: n for n, text in enumerate(texts)} for name, texts in names.items()}
    coded = [[place[name][row[name]] if name in place else row[name] for name in LISTED] for row in rows]
    data = {**names, "last": last, "chips": [chip for chip, _ in STATES.values()], "rows": coded}
    return (
        templates()
        .get_template("index.html.j2")
        .render(first=rows[:FIRST], total=len(rows), data=data, simulated=invented, out=())
    )


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
    return last is not None and parse_label(last["value"]) != from_row(rows["maintained_labels"][0], "final")


def words(name: str) -> str:
    """A code as its filter names it."""
    return name.replace("_", " ").capitalize()
