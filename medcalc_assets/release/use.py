"""What a maintained label may be used for, and how sure it is: as data, which every release carries."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.limits import accepted
from medcalc_assets.statistics.track_record import CLASSES, GRADES, TRAINS, track_record
from medcalc_assets.storage.tables import SAMPLING_PLAN, TRACK_RECORD
from medcalc_assets.storage.warehouse import Warehouse


class Use(NamedTuple):
    """Whether a label may grade a model (`evaluation`) or train one (`reward`), and why."""

    evaluation: bool
    reward: bool
    why: str


USES = {
    "physician": Use(True, False, "a physician's blind answer grades; it is kept from training, so that it stays a test"),
    "physician_confirms": Use(True, False, "confirmed by a physician; kept from training, so that it stays a test"),
    "physician_unexplained": Use(False, False, "one answer that nothing else gives: it waits for a second opinion"),
    "ambiguous": Use(False, False, "several published conventions give several answers"),
    "contradicted": Use(False, False, "its own entities contradict it, and neither a relabel nor physicians decide it"),
    "unresolved": Use(False, False, "neither a relabel nor physicians decide it"),
}
"""By the reason of the maintained label. No release permits training on the instances on which one reports."""
BY_TRACK_RECORD = ("ruled", "confirmed", "relabelled", "contested", "computed")
"""The reasons of labels that may serve for what physicians found of others that rest on the same kind of evidence."""
SIMULATED = Use(False, False, "simulated evidence: it says nothing of any real label")

CONFIDENCE = {
    "physician": "a physician computed it blind, or confirmed it",
    "rulings": "physicians ruled on its rule or its reading, not on the row; the benchmark's entities give it",
    "two ways": "a high-confidence relabel, and the published rule on the benchmark's entities or on what readers find",
    "one way": "a high-confidence relabel; the published rule on the benchmark's entities gives something else, or nothing",
    "inputs": "the published rule on the inputs that blind readers find; there is no high-confidence relabel",
    "none": "unchecked, unexplained, or several answers are defensible",
}


def use_of(reason: str, simulated: bool, record: Mapping[str, Any]) -> Use:
    """The use of one maintained label; `record` is the row of `track_record` for its class of evidence."""
    if simulated:
        return SIMULATED
    if reason not in BY_TRACK_RECORD:
        return USES[reason]
    kind, seen = CLASSES[record["evidence_class"]], record["seen"]
    of_such = (
        f"physicians found {record['limits_right']} of {seen} such labels right" if seen else "nobody has seen such labels"
    )
    rate = f" (mean {record['limits_mean']:.2f}, at least {record['limits_bound']:.2f})" if seen else ""
    enough = record["confirmation"]
    shows = f"which shows {record['grades_from']:.0%}"
    provisional = f"; provisional, until {enough} of {enough} drawn at random are found right, {shows}"
    provisional = provisional if record["provisional"] else ""
    abstains = "; train on it only where the prompt permits abstaining" if record["evidence_class"] == "abstention" else ""
    return Use(record["may_grade"], record["may_train"], f"{kind}; {of_such}{rate}{provisional}{abstains}")


def records_of(
    warehouse: Warehouse, evidence: pl.DataFrame, grades: float | None = None, trains: float | None = None
) -> pl.DataFrame:
    """`track_record` as it follows from `label_evidence` now and what plans drew at random, by these thresholds or those in
    use."""
    drawn: list[int] = []
    if warehouse.has(SAMPLING_PLAN):
        plans = warehouse.read(SAMPLING_PLAN, columns=["uid", "purpose"])
        drawn = plans.filter(pl.col("purpose").is_in(["measure", "certify"]))["uid"].to_list()
    known = thresholds(warehouse)
    return track_record(evidence, drawn, grades or known[0], trains or known[1])


def thresholds(warehouse: Warehouse) -> tuple[float, float]:
    """From which mean a class may grade and may train: as `track_record` has them, which keeps what was set."""
    there = warehouse.contents().get(TRACK_RECORD.name)
    if there and there.is_declared:  # not that of an earlier version, which is made anew from this
        for known in warehouse.read(TRACK_RECORD, columns=["grades_from", "trains_from"]).iter_rows():
            return known
    return GRADES, TRAINS


def with_uses(labels: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Labels, which have `reason`, `simulated` and `evidence_class`, with their `evaluation`, `reward` and `use_because`."""
    by = ["reason", "simulated", "evidence_class"]
    of_class = {record["evidence_class"]: record for record in records.iter_rows(named=True)}
    if unknown := set(labels["evidence_class"]) - of_class.keys():
        raise MedcalcError(f"Labels and evidence are of two runs ({', '.join(sorted(unknown))}): `medcalc run` makes both.")
    kinds = labels.select(by).unique()
    found = [use_of(reason, simulated, of_class[kind]) for reason, simulated, kind in kinds.iter_rows()]
    uses = kinds.with_columns(
        evaluation=pl.Series([use.evaluation for use in found], dtype=pl.Boolean),
        reward=pl.Series([use.reward for use in found], dtype=pl.Boolean),
        use_because=pl.Series([use.why for use in found], dtype=pl.String),
    )
    return labels.join(uses, on=by, validate="m:1")


def confidence() -> pl.Expr:
    """A key of CONFIDENCE for the labels in a frame that has `reason`, `final_*`, limits, `published_*` and `computed_*`."""
    reason = pl.col("reason")
    return (
        pl.when(reason.is_in(["physician", "physician_confirms"]))
        .then(pl.lit("physician"))
        .when(reason == "ruled")
        .then(pl.lit("rulings"))
        .when(reason == "computed")
        .then(pl.lit("inputs"))
        .when(~reason.is_in(BY_TRACK_RECORD))
        .then(pl.lit("none"))
        .when((accepted("final", "published") & ~pl.col("suspect")) | accepted("final", "computed"))
        .then(pl.lit("two ways"))
        .otherwise(pl.lit("one way"))
    )
