"""What the last release made of a reviewer's answers: nobody is told before, so that answers are blind."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import polars as pl

from medcalc_assets.labels.decision import REASONS
from medcalc_assets.release.releases import Releases, labels_in, manifest_of


def became(releases: Releases, reviewer: str) -> dict[int | str, str]:
    """By uid of the cases that the reviewer had answered, and by id of every card that was ruled on, what is in the last
    release; nothing before the first. Raises ReleaseError for one that cannot be read."""
    last = releases.before(None)
    return _became(releases.of(last), reviewer) if last else {}


@cache  # a release never changes
def _became(folder: Path, reviewer: str) -> dict[int | str, str]:
    events = pl.read_parquet(folder / manifest_of(folder)["history"]["file"])
    events = events.sort("sequence").group_by("uid", "event", "actor", maintain_order=True).last()
    answers = events.filter(event="adjudicated")
    standing = dict(answers.filter(pl.col("value").is_not_null()).group_by("uid").len().iter_rows())  # null: withdrawn
    told: dict[int | str, str] = {}
    for row in (
        labels_in(folder)
        .sort("Row Number")
        .join(answers.filter(actor=reviewer), left_on="Row Number", right_on="uid", how="semi")
        .iter_rows(named=True)
    ):
        reason = row["Reason"]
        differ = standing.get(row["Row Number"], 0) > 1 and not reason.startswith("physician")
        why = "physicians differ, and none of their answers stands" if differ else REASONS[reason]
        told[row["Row Number"]] = (
            f"{row['Ground Truth Answer']} in {folder.name}, {row['Original Answer']} originally: {why}."
        )
    ruled = Counter(
        ruling
        for detail in events.filter(event="ruled").filter(pl.col("detail").str.starts_with("{"))["detail"]
        for ruling in json.loads(detail.partition("; ")[0]).items()
    )
    for (card, choice), labels in ruled.items():
        told[card] = f"{choice!r} stands in {folder.name}, for {labels} label{'s' if labels != 1 else ''}."
    return told
