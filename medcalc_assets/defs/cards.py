"""What physicians are asked about rules and readings, and how they ruled."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping

import dagster as dg
import polars as pl

from medcalc_assets.calculators import cards as text
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import columns, describe, stage
from medcalc_assets.labels import simulated, value
from medcalc_assets.labels.cards import Card, Hanging, in_order
from medcalc_assets.labels.evidence import on_cards, ruled_on
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.value import Label
from medcalc_assets.physicians.returned import calculator_of
from medcalc_assets.storage.tables import INSTANCE_KEYS, RULE_CARDS, RULINGS


@stage("phase3_adjudication", ins={"derivation_audit": columns(*INSTANCE_KEYS, "defects")})
def rulings(context: dg.AssetExecutionContext, derivation_audit: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """From the packets that came back; in the demo from a simulated physician, who rules on defects alone."""
    found = settings.packets.rulings()
    if settings.benchmark.is_demo:
        found += [
            {"card": card, "reviewer": simulated.NAME, "choice": "wrong", "rationale": "simulated ruling"}
            for card in sorted(defects_of(derivation_audit))
        ]
    of_calculator = dict(derivation_audit.select("calculator_id", "calculator").unique().iter_rows())
    rows = [
        {**row, "calculator_id": number, "calculator": of_calculator[number]}
        for row in found
        if (number := calculator_of(row["card"])) in of_calculator
    ]
    frame = pl.DataFrame(rows, schema=RULINGS.polars_schema)
    describe(context, frame, None, reviewers=pl.col("reviewer").n_unique())
    return frame


def defects_of(audits: pl.DataFrame) -> set[str]:
    """The ids of the cards on defects that explain a contradicted label."""
    rows = audits.filter(pl.col("defects") != "[]").select("calculator_id", "defects").unique().iter_rows()
    return {Card(number, "defect", defect).id for number, defects in rows for defect in json.loads(defects)}


@stage(
    "phase3_adjudication",
    ins={
        "raw_medcalc": columns("uid", "question", "note", "entities"),
        "label_evidence": columns(
            *INSTANCE_KEYS, "output_type", "cards", "by_ruling", *value.columns("label"), *value.columns("physician")
        ),
    },
)
def rule_cards(
    context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame, label_evidence: pl.DataFrame, rulings: pl.DataFrame
) -> pl.DataFrame:
    found = cards_of(label_evidence, raw_medcalc, rulings)
    describe(context, found, None, open=pl.col("ruling").is_null().sum(), ruled=pl.col("ruling").is_not_null().sum())
    return found


def cards_of(evidence: pl.DataFrame, raw: pl.DataFrame, rulings: pl.DataFrame) -> pl.DataFrame:
    """Rows of `rule_cards`: every card that a label hangs on, with what is known of it."""
    labels, stands = on_cards(evidence), ruled_on(rulings)
    asked = dict(rulings.group_by("card").len().iter_rows())
    answers = {row["uid"]: value.from_row(row, "physician") for row in evidence.to_dicts()}
    keys = dict(evidence.select("calculator_id", "calculator").iter_rows())
    of_card: dict[Card, list[Hanging]] = {}
    for each in labels:
        for card in each.cards:
            of_card.setdefault(card, []).append(each)
    first = {card: min(those, key=lambda each: (not each.turns_on(card), each.uid)).uid for card, those in of_card.items()}
    cases = {row.pop("uid"): row for row in raw.filter(pl.col("uid").is_in(set(first.values()))).to_dicts()}
    opens = {place.card: place for place in in_order(labels, {card: choice for card, (choice, _) in stands.items()})}
    numbers: Counter[int] = Counter()
    places = {card: numbers.update([card.calculator_id]) or numbers[card.calculator_id] for card in opens}
    rows = []
    for card, those in of_card.items():
        case = cases[first[card]]
        ruling, agree = stands.get(card.id, (None, 0))
        rows.append(
            {
                "calculator_id": card.calculator_id,
                "calculator": keys[card.calculator_id],
                "card": card.id,
                "kind": card.kind,
                "subject": card.subject,
                "question": text.question(card),
                "choices": json.dumps(card.meanings, ensure_ascii=False),
                "about": text.about(card, len(those), case["question"], case["note"], json.loads(case["entities"])),
                "uids": json.dumps(sorted(each.uid for each in those)),
                "labels": len(those),
                "place": places.get(card),
                "shows_wrong": opens[card].shows_wrong if card in opens else None,
                "determines": opens[card].determines if card in opens else None,
                "answered": json.dumps(_answered(card, those, answers)),
                "ruling": ruling,
                "rulings": asked.get(card.id, 0),
                "rulings_agree": agree,
            }
        )
    return pl.DataFrame(rows, schema=RULE_CARDS.polars_schema).sort("calculator_id", "kind", "subject")


def _answered(card: Card, labels: Iterable[Hanging], answers: Mapping[int, Label | None]) -> dict[str, int]:
    """By choice, how many physicians' answers to rows that hang on a card go with it, and with no other choice."""
    found = dict.fromkeys(card.choices, 0)
    for each in labels:
        answer = answers[each.uid]
        fits = [
            choice
            for choice in card.choices
            if answer and any(value and accepts(answer, value, each.output_type) for value in each.chosen(card, choice))
        ]
        if len(fits) == 1:
            found[fits[0]] += 1
    return found
