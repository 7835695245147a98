"""What every source says of a label, in one row: what decides on it, queues it, tells of it and counts it reads this."""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from medcalc_assets.labels.cards import Card, Hanging, hanging, majority
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import NA, Label, as_frame, columns, from_row

SEEN = [
    *("output_type", "alternatives", "n_answers_agree"),
    *(name for prefix in ("label", "published", "relabel", "computed", "physician") for name in columns(prefix)),
]
"""What tells whether something else gives the physicians' answer."""


def gather(
    audits: pl.DataFrame,
    checks: pl.DataFrame,
    flags: pl.DataFrame,
    relabels: pl.DataFrame,
    inputs: pl.DataFrame,
    scores: pl.DataFrame,
    physicians: pl.DataFrame,
    rulings: pl.DataFrame,
    auditor: str,
) -> pl.DataFrame:
    """Rows of `label_evidence`: of every instance the derivation audit, what `note_checks` found, what is known of the
    `auditor` that counts, the physicians' label, and what their rulings on cards settle.

    `audits` has a row per instance, `physicians` at most one, `checks` any number, `rulings` one per card and reviewer, the
    others at most one per auditor.
    Entities that cannot be meant neither reproduce a label nor contradict it: the verdict is `suspect`.
    """
    of_auditor = pl.col("auditor") == auditor
    compared = ("comparison", "discrepancy", "days", "likely_error", "attribution", "attribution_evidence")
    found = (
        audits.rename({"likely_error": "contradicted"})
        .with_columns(auditor=pl.lit(auditor))
        .join(_of_instance(checks), on="uid", how="left", validate="1:1")
        .with_columns(pl.col("findings", "not_in_note").fill_null("[]"), pl.col("suspect", "out_of_range").fill_null(False))
        .with_columns(verdict=pl.when("suspect").then(pl.lit("suspect")).otherwise("verdict"))
        .join(
            flags.filter(of_auditor).select("uid", "n_flags", audit_status="status", n_audits="n_votes"),
            on="uid",
            how="left",
            validate="1:1",
        )
        .join(
            relabels.filter(of_auditor).select("uid", "n_votes", "n_agree", *columns("relabel"), relabel_status="status"),
            on="uid",
            how="left",
            validate="1:1",
        )
        .join(
            inputs.filter(of_auditor).select("uid", *columns("computed"), inputs_status="status", inputs_told="explanation"),
            on="uid",
            how="left",
            validate="1:1",
        )
        .join(scores.filter(of_auditor).select("uid", *compared), on="uid", how="left", validate="1:1")
        .join(
            physicians.select("uid", "reviewer", *columns("physician"), "n_answers", n_answers_agree="n_agree"),
            on="uid",
            how="left",
            validate="1:1",
        )
        .with_columns(
            physician_explained=pl.struct(SEEN).map_elements(_explained, return_dtype=pl.Boolean, skip_nulls=False)
        )
    )
    return _settled(found, checks, {card: choice for card, (choice, _) in ruled_on(rulings).items()})


def ruled_on(rulings: pl.DataFrame) -> dict[str, tuple[str, int]]:
    """By card, what stands of its `rulings`, and how many agree: a card on which there is no majority is not in it."""
    choices = rulings.group_by("card", maintain_order=True).agg("choice").iter_rows()
    return {card: stands for card, of_card in choices if (stands := majority(of_card))}


def _settled(evidence: pl.DataFrame, checks: pl.DataFrame, rulings: Mapping[str, str]) -> pl.DataFrame:
    """With the cards of every label, and what `rulings` settle of it."""
    read = checks.filter(pl.col("kind").is_in(["reported", "time_points", "found"]))
    of_uid: dict[int, list[dict[str, Any]]] = {}
    disputed = evidence.filter(pl.col("likely_error") | pl.col("relabel_kind").is_null())
    for row in read.join(disputed, on="uid", how="semi").select("uid", "kind", "entity", "gives", "quote_start").to_dicts():
        of_uid.setdefault(row["uid"], []).append(row)
    known: dict[str, list[Any]] = {name: [] for name in ("uid", "cards", "by_ruling", "rulings", "ruled")}
    values = []
    names = ["uid", "calculator_id", "output_type", "contradicted", "likely_error", "attribution", "defects", "by_defects"]
    for row in evidence.select(
        *names, "alternatives", *columns("label"), *columns("published"), *columns("relabel")
    ).to_dicts():
        hangs = hanging(row, of_uid.get(row["uid"], ()))
        if hangs is None:
            continue
        settled = hangs.under(rulings)
        known["uid"].append(hangs.uid)
        known["cards"].append(json.dumps([[card.kind, card.subject] for card in hangs.cards], ensure_ascii=False))
        known["by_ruling"].append(json.dumps([value and str(value) for value in hangs.values]))
        known["rulings"].append(json.dumps({card.id: rulings[card.id] for card in hangs.cards if card.id in rulings}))
        shown = "wrong" if settled.shown_wrong else "right" if settled.shown_right else None
        known["ruled"].append(shown if settled.touched else None)
        values.append(settled.value if settled.touched else None)
    schema = {"uid": pl.Int64, **dict.fromkeys(list(known)[1:], pl.String)}
    on_cards = pl.DataFrame(known, schema=schema).hstack(as_frame("ruled", values))
    return evidence.join(on_cards, on="uid", how="left", validate="1:1").with_columns(
        pl.col("cards", "by_ruling").fill_null("[]"), pl.col("rulings").fill_null("{}")
    )


def on_cards(evidence: pl.DataFrame) -> list[Hanging]:
    """The labels of rows of `label_evidence` that hang on cards."""
    names = ("uid", "output_type", "calculator_id", "cards", "by_ruling", *columns("label"))
    return [
        Hanging(
            uid,
            output_type,
            Label(*label),
            tuple(Card(number, kind, subject) for kind, subject in json.loads(cards)),
            tuple(parse_label(text) if text else None for text in json.loads(values)),
        )
        for uid, output_type, number, cards, values, *label in evidence.filter(pl.col("cards") != "[]")
        .select(names)
        .iter_rows()
    ]


def _of_instance(checks: pl.DataFrame) -> pl.DataFrame:
    """By uid: what was found, as JSON, the entities that the note does not give, whether one of them is suspect, and whether
    the label is outside the range of its own score."""
    kind, entity = pl.col("kind"), pl.col("entity")
    told = pl.format("{}: {}", kind.str.replace_all("_", " "), "explanation")
    return (
        checks.group_by("uid", maintain_order=True)
        .agg(
            findings=told.filter(~kind.is_in(["found", "converted"])),
            not_in_note=entity.filter(kind.is_in(["absent", "another_number", "another_quantity"])).unique(
                maintain_order=True
            ),
            suspect=(pl.col("suspect") & (kind != "label_out_of_range")).any(),
            out_of_range=(kind == "label_out_of_range").any(),
        )
        .with_columns(
            pl.struct(value=name).struct.json_encode().str.json_path_match("$.value").alias(name)
            for name in ("findings", "not_in_note")
        )
    )


def _explained(row: dict[str, Any]) -> bool | None:
    """Whether anything else gives the physicians' answer, or reviewers agree on it; None where there is none.

    N/A needs nobody: it says what the note lacks.
    """
    answer = from_row(row, "physician")
    if answer is None:
        return None
    others = [from_row(row, prefix) for prefix in ("label", "published", "relabel", "computed")]
    others += [parse_label(text) for text in json.loads(row["alternatives"]).values() if text]
    return (
        answer == NA
        or row["n_answers_agree"] > 1
        or any(each and accepts(answer, each, row["output_type"]) for each in others)
    )
