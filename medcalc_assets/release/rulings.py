"""How physicians ruled on cards: what a release tells of it, and what differs from the release before."""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from medcalc_assets.labels.evidence import ruled_on
from medcalc_assets.release.versions import Version
from medcalc_assets.storage.tables import RULE_CARDS, RULINGS
from medcalc_assets.storage.warehouse import Warehouse

Rulings = Mapping[str, Mapping[str, Any]]
"""By card what stands (`ruling`; null without a majority), and `by` whom: reviewer, choice and rationale of each."""
NO_MAJORITY = "no majority"


def rulings_of(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """Of the cards that labels hang on, as `Rulings`, with their `calculator`, `question` and number of `labels`."""
    ruled = warehouse.read(RULINGS, columns=["card", "reviewer", "choice", "rationale"]).sort("card", "reviewer")
    stands = ruled_on(ruled)
    cards = warehouse.read(RULE_CARDS, columns=["card", "calculator", "question", "labels"]).sort("card")
    return {
        row["card"]: {
            **row,
            "ruling": stands.get(row["card"], (None, 0))[0],
            "by": ruled.filter(card=row["card"]).drop("card").to_dicts(),
        }
        for row in cards.filter(pl.col("card").is_in(ruled["card"].implode())).to_dicts()
    }


def ruled_since(before: Rulings, now: Rulings, previous: Version | None) -> list[dict[str, Any]]:
    """The rows of `now` on which anything differs from the release before, and those of it that are gone; each with `what`
    became of the ruling. A later ruling supersedes an earlier one of the same reviewer, before a release and after it."""
    found = []
    for card, row in sorted({**before, **now}.items()):
        if _said(before.get(card)) == _said(now.get(card)):
            continue
        found.append({**row, **({} if card in now else {"ruling": None, "by": []}), "what": ""})
        if card in before:
            found[-1]["what"] = _became(before[card]["ruling"], now.get(card), previous)
    return found


def _said(row: Mapping[str, Any] | None) -> str | None:
    return json.dumps([row["ruling"], row["by"]]) if row else None


def _became(was: str | None, now: Mapping[str, Any] | None, previous: Version | None) -> str:
    was_said = (was or NO_MAJORITY).replace("_", " ")
    if now is None:
        return f"taken back after release {previous}, where it was: {was_said}"
    if now["ruling"] == was:
        return f"stands as in release {previous}; who ruled, or why, has changed"
    return f"ruling changed after release {previous}, where it was: {was_said}"
