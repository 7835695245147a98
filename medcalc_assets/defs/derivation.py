"""What a label's own entities say about it, and what the note says about both. It needs no model."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.benchmarks.versions import VERSIONS
from medcalc_assets.calculators import audit_derivation
from medcalc_assets.calculators.note_checks import check_note
from medcalc_assets.defs.stage import columns, describe, stage
from medcalc_assets.labels import value
from medcalc_assets.labels.attribution import PUBLISHED
from medcalc_assets.labels.finding import STATUS, SUSPECT, Finding
from medcalc_assets.labels.value import Label, as_columns
from medcalc_assets.storage.tables import DERIVATION_AUDIT, INSTANCE_KEYS, NOTE_CHECKS


@stage(
    "derivation",
    ins={
        "raw_medcalc": columns(
            *(*INSTANCE_KEYS, "benchmark", "output_type", "row_sha256", "source", "entities", *value.columns("label"))
        )
    },
)
def derivation_audit(context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame) -> dg.Output[Iterator]:  # type: ignore[type-arg]
    def by_calculator() -> Iterator[pl.DataFrame]:
        counts = []
        for instances in raw_medcalc.partition_by("calculator", maintain_order=True):
            audits = audited(instances)
            counts.append(audits.select(*INSTANCE_KEYS, "verdict"))
            yield audits
        verdicts = {
            verdict: (pl.col("verdict") == verdict).sum() for verdict in ("reproduced", "contradicted", "not_computable")
        }
        schema = {name: DERIVATION_AUDIT.polars_schema[name] for name in (*INSTANCE_KEYS, "verdict")}
        describe(context, pl.concat([pl.DataFrame(schema=schema), *counts]), None, **verdicts)

    return dg.Output(by_calculator())


def audited(instances: pl.DataFrame) -> pl.DataFrame:
    """Rows of `derivation_audit` for instances with `entities`, and with what it carries along of them."""
    rows = list(
        map(_audit, *(instances[name] for name in ("benchmark", "calculator_id", "entities", *value.columns("label"))))
    )
    cells: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    for prefix in ("published", "original_rule"):
        cells |= as_columns(prefix, cells.pop(prefix))
    return DERIVATION_AUDIT.of_instances(instances, {"uid": instances["uid"].to_list(), **cells})


def _audit(benchmark: str, calculator_id: int, entities: str, *label: Any) -> dict[str, Any]:
    found = json.loads(entities)
    audit = audit_derivation(VERSIONS[benchmark].calculator(calculator_id, found), found, Label(*label))
    conventions = {PUBLISHED: audit.published.value} | {other.name: other.value for other in audit.conventions}
    return {
        "verdict": audit.verdict,
        "likely_error": audit.likely_error,
        "published": audit.published.value,
        "original_rule": audit.original.value if audit.original else None,
        "original_rule_reproduces": audit.original_rule_reproduces,
        "alternatives": json.dumps({name: found and str(found) for name, found in conventions.items()}),
        "missing": json.dumps(audit.missing),
        "problems": json.dumps([str(problem) for problem in audit.problems]),
        "implausible": json.dumps([str(problem) for problem in audit.implausible]),
        "defects": json.dumps(audit.defects, ensure_ascii=False),
        "by_defects": json.dumps([value and str(value) for value in audit.by_defects]),
        "explanation": audit.explanation,
        "working": audit.working,
    }


@stage("derivation", ins={"raw_medcalc": columns(*INSTANCE_KEYS, "benchmark", "note", "entities", *value.columns("label"))})
def note_checks(context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame) -> dg.Output[Iterator]:  # type: ignore[type-arg]
    def by_calculator() -> Iterator[pl.DataFrame]:
        counts = []
        for instances in raw_medcalc.partition_by("calculator", maintain_order=True):
            checks = checked(instances)
            counts.append(checks.select(*INSTANCE_KEYS, "status", "suspect"))
            yield checks
        found, suspects = (~pl.col("status")).sum(), pl.col("uid").filter("suspect").n_unique()
        schema = {name: NOTE_CHECKS.polars_schema[name] for name in (*INSTANCE_KEYS, "status", "suspect")}
        describe(context, pl.concat([pl.DataFrame(schema=schema), *counts]), None, findings=found, suspects=suspects)

    return dg.Output(by_calculator())


def checked(instances: pl.DataFrame) -> pl.DataFrame:
    """Rows of `note_checks` for instances with `note` and `entities`."""
    rows = [
        {"uid": uid, "finding": position, **_finding(found)}
        for uid, benchmark, number, entities, note, *label in instances.select(
            "uid", "benchmark", "calculator_id", "entities", "note", *value.columns("label")
        ).iter_rows()
        for given in [json.loads(entities)]
        for position, found in enumerate(
            check_note(VERSIONS[benchmark].calculator(number, given), given, Label(*label), note)
        )
    ]
    return NOTE_CHECKS.of_instances(
        instances, {name: [row[name] for row in rows] for name in (rows[0] if rows else ("uid",))}
    )


def _finding(found: Finding) -> dict[str, Any]:
    return {
        **found._asdict(),
        "status": found.kind in STATUS,
        "suspect": found.kind in SUSPECT,
        "gives": json.dumps(found.gives, ensure_ascii=False),
    }
