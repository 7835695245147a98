"""Two benchmarks held against each other, by note and question: which labels differ, and which of two is shown right."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from medcalc_assets.benchmarks.versions import VERSIONS
from medcalc_assets.labels.attribution import PUBLISHED
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import Label, from_row
from medcalc_assets.release.leaks import CASE

RELATIONS = {
    "corrected": "its own entities contradict the label before; that after is what the published rule gives from them",
    "kept": "its own entities contradict the label before; that after is the same",
    "convention": "one label follows another published convention than the other, or the question after asks for another",
    "entities": "the labels differ, and so do the entities that were read from the note",
    "otherwise": "the labels differ, and neither a rule nor the entities say why",
    "same": "the labels are the same within their limits",
}
"""How the label of a case before is related to that after. The first that holds."""
PAIRS = pl.Schema(
    {
        "uid": pl.Int64,
        "uid_after": pl.Int64,
        "calculator_id": pl.Int32,
        "calculator": pl.String,
        "relation": pl.String,
        "reworded": pl.Boolean,
        "label": pl.String,
        "label_after": pl.String,
        "published": pl.String,
        "convention": pl.String,
        "verdict": pl.String,
        "verdict_after": pl.String,
    }
)


def between(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """A row per case that both have, in the order of `uid`.

    Both frames have the columns of `raw_medcalc` and `derivation_audit`. Cases are the same by note, calculator and
    question; of those that are left, by note and calculator where one is left on either side: upstream rewords questions.
    """
    words = pl.col("question").str.replace_all(r"\s+", " ").str.strip_chars().alias("words")
    before, after = (frame.with_columns(words) for frame in (before, after))
    asked = _joined(before, after, [*CASE, "words"])
    left = before.join(asked, on="uid", how="anti")
    reworded = _joined(left, after.join(asked, left_on="uid", right_on="uid_after", how="anti"), CASE)
    rows = [_pair(*sides, reworded=is_so) for pairs, is_so in ((asked, False), (reworded, True)) for sides in _sides(pairs)]
    return pl.DataFrame(rows, PAIRS, orient="row").sort("uid")


def _joined(before: pl.DataFrame, after: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    once = (frame.filter(pl.len().over(by) == 1) for frame in (before, after))
    return next(once).join(next(once), on=by, suffix="_after")


def _sides(pairs: pl.DataFrame) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for row in pairs.iter_rows(named=True):
        after = {name.removesuffix("_after"): cell for name, cell in row.items() if name.endswith("_after")}
        yield row, row | after


def _pair(before: Mapping[str, Any], after: Mapping[str, Any], *, reworded: bool) -> dict[str, Any]:
    label, later = from_row(before, "label"), from_row(after, "label")
    assert label is not None
    assert later is not None
    relation, convention = _relation(before, after, label, later)
    published = from_row(before, "published")
    return {
        "uid": before["uid"],
        "uid_after": after["uid"],
        "calculator_id": before["calculator_id"],
        "calculator": before["calculator"],
        "relation": relation,
        "reworded": reworded,
        "label": before["label_text"],
        "label_after": after["label_text"],
        "published": published and str(published),
        "convention": convention,
        "verdict": before["verdict"],
        "verdict_after": after["verdict"],
    }


def _relation(before: Mapping[str, Any], after: Mapping[str, Any], label: Label, later: Label) -> tuple[str, str | None]:
    """The key in RELATIONS, and the name of the convention."""
    output_type, published = before["output_type"], from_row(before, "published")
    same = accepts(label, later, output_type) or accepts(later, label, output_type)
    if before["likely_error"] and same:
        declared = VERSIONS[after["benchmark"]].declares.get(before["calculator_id"])
        return ("convention", declared) if declared and after["verdict"] == "reproduced" else ("kept", None)
    if same:
        return "same", None
    if before["likely_error"] and published and accepts(published, later, output_type):
        return "corrected", None
    others = {name: parse_label(text) for name, text in json.loads(before["alternatives"]).items() if text}
    reached = [name for name, value in others.items() if accepts(value, later, output_type)]
    if reached and not before["likely_error"]:
        followed = [name for name, value in others.items() if accepts(value, label, output_type)]
        return "convention", next((name for name in (*reached, *followed) if name != PUBLISHED), None)
    if json.loads(before["entities"]) != json.loads(after["entities"]):
        return "entities", None
    return "otherwise", None


def counted(pairs: pl.DataFrame) -> dict[str, int]:
    """By relation, how many cases."""
    found = Counter(pairs["relation"])
    return {relation: found[relation] for relation in RELATIONS}
