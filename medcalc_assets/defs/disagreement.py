"""How far each relabel is from the original label, and why; and what every source says of a label, in one row."""

import json
from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import columns, describe, stage
from medcalc_assets.labels import value
from medcalc_assets.labels.attribution import CAUSES, PUBLISHED, attribute
from medcalc_assets.labels.discrepancy import score_disagreement
from medcalc_assets.labels.evidence import gather
from medcalc_assets.labels.finding import Kind, reading
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import Label, OutputType
from medcalc_assets.statistics.strata import stratum
from medcalc_assets.storage.tables import DISAGREEMENT_SCORES, INSTANCE_KEYS, LABEL_EVIDENCE


@stage(
    "disagreement",
    ins={
        "derivation_audit": columns("uid", "output_type", "alternatives", *value.columns("label")),
        "note_checks": columns("uid", "kind", "gives"),
    },
)
def disagreement_scores(
    context: dg.AssetExecutionContext,
    derivation_audit: pl.DataFrame,
    note_checks: pl.DataFrame,
    relabels: pl.DataFrame,
    settings: Settings,
) -> pl.DataFrame:
    scores = attributed(score_disagreement(derivation_audit, relabels), note_checks)
    scores = scores.select(pl.col(name).cast(dtype) for name, dtype in DISAGREEMENT_SCORES.polars_schema.items())
    counts = settings.auditor_that_counts
    figures = {"likely_errors": pl.col("likely_error")} | {cause: pl.col("attribution") == cause for cause in CAUSES}
    of_auditor = {name: (found & (pl.col("auditor") == counts)).sum() for name, found in figures.items()}
    describe(context, scores, counts, **of_auditor)
    return scores


@stage(
    "disagreement",
    ins={
        "derivation_audit": columns(
            *(*INSTANCE_KEYS, "output_type", "source", "row_sha256", *value.columns("label"), "verdict", "likely_error"),
            *(*value.columns("published"), "alternatives", "missing", "implausible", "defects", "by_defects", "explanation"),
        ),
        "note_checks": columns("uid", "kind", "entity", "suspect", "gives", "quote_start", "explanation"),
    },
)
def label_evidence(
    context: dg.AssetExecutionContext,
    derivation_audit: pl.DataFrame,
    note_checks: pl.DataFrame,
    audit_flags: pl.DataFrame,
    relabels: pl.DataFrame,
    input_consensus: pl.DataFrame,
    disagreement_scores: pl.DataFrame,
    physician_consensus: pl.DataFrame,
    rulings: pl.DataFrame,
    settings: Settings,
) -> pl.DataFrame:
    counts = settings.auditor_that_counts
    sources = (derivation_audit, note_checks, audit_flags, relabels, input_consensus, disagreement_scores)
    found = gather(*sources, physician_consensus, rulings, counts).with_columns(stratum=stratum())
    describe(context, found, counts, contradicted=pl.col("contradicted").sum(), likely_errors=pl.col("likely_error").sum())
    return found.select(LABEL_EVIDENCE.names)


def attributed(scores: pl.DataFrame, note_checks: pl.DataFrame) -> pl.DataFrame:
    """The scores, which hold `output_type` and `alternatives`, with the `attribution` of every likely error, and with what
    the `note_checks` say of those that are no matter of aggregation (`note_reading`)."""
    contested = scores.filter("likely_error")
    found: dict[int, list[tuple[Kind, dict[str, str]]]] = {}
    for uid, kind, gives in note_checks.join(contested, on="uid", how="semi").select("uid", "kind", "gives").iter_rows():
        found.setdefault(uid, []).append((kind, json.loads(gives)))
    names = ("uid", "calculator_id", "output_type", "alternatives", *value.columns("label"), *value.columns("relabel"))
    rows = [_attribution(found.get(row[0], []), *row[1:]) for row in contested.select(names).iter_rows()]
    told = ("attribution", "attribution_evidence", "note_reading")
    causes = pl.DataFrame(rows, schema=dict.fromkeys(told, pl.String), orient="row")
    return scores.join(contested.select("uid", "auditor").hstack(causes), on=["uid", "auditor"], how="left")


def _attribution(
    found: list[tuple[Kind, dict[str, str]]], calculator_id: int, output_type: OutputType, rules: str, *labels: Any
) -> tuple[str, str, str | None]:
    values = {name: text and parse_label(text) for name, text in json.loads(rules).items()}
    published = values.pop(PUBLISHED)
    label, relabel = Label(*labels[:3]), Label(*labels[3:])
    cause, evidence = attribute(label, relabel, output_type, published, values, CALCULATORS[calculator_id].superseded)
    return cause, evidence, reading(found, relabel, output_type) if cause == "not_aggregation" else None
