"""The key at work: stored answers of models, graded under every key, and what another key changes."""

import dagster as dg
import polars as pl

from medcalc_assets.calculators.working import escaped
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import AFTER_LABELS, WAITS_FOR_LABELS, so_far, stage
from medcalc_assets.grading import scores
from medcalc_assets.release.answers import stored
from medcalc_assets.release.keys import keys
from medcalc_assets.storage.tables import GRADES, INSTANCE_KEYS, KEY_EFFECTS, LEADERBOARD, MODEL_OUTPUTS, Table

OF_INSTANCE = [*INSTANCE_KEYS, "output_type"]


def as_declared(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The columns of a table; none of its rows, if there was nothing to make them from."""
    if frame.is_empty():
        return pl.DataFrame(schema=table.polars_schema)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in table.polars_schema.items())


@stage("grading", ins={"raw_medcalc": so_far(*OF_INSTANCE)}, deps=WAITS_FOR_LABELS, automation_condition=AFTER_LABELS)
def model_outputs(context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """As `medcalc outputs add` has kept them."""
    found = stored(settings.warehouse.home).join(raw_medcalc.select(OF_INSTANCE), on="uid", how="inner")
    context.add_asset_metadata({"runs": found["run"].n_unique(), "answers": found.height})
    return as_declared(found, MODEL_OUTPUTS)


@stage(
    "grading",
    ins={"model_outputs": so_far()},
    deps=["label_evidence", "maintained_labels"],
    automation_condition=AFTER_LABELS,
)
def grades(model_outputs: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    if model_outputs.is_empty():
        return as_declared(model_outputs, GRADES)
    known = keys(settings.warehouse, settings.releases, settings.authors)
    return as_declared(scores.grade(model_outputs, known), GRADES)


@stage("grading", ins={"grades": so_far()}, automation_condition=AFTER_LABELS)
def leaderboard(context: dg.AssetExecutionContext, grades: pl.DataFrame) -> pl.DataFrame:
    found = scores.leaderboard(grades) if grades.height else grades
    shown = [
        f"| {row['key']} | {row['rank']} | {escaped(row['run'])} | {row['right']} of {row['n']} | {row['share']:.1%} |"
        for row in found.iter_rows(named=True)
    ]
    told = scores.caveats(found) if shown else []
    table = "\n".join(["| key | rank | run | right | share |", "|---|---|---|---|---|", *shown, "", *told])
    context.add_asset_metadata({"leaderboard": dg.MarkdownMetadataValue(table if shown else "No answers are stored.")})
    return as_declared(found, LEADERBOARD)


@stage(
    "grading",
    ins={
        "grades": so_far(),
        "label_evidence": so_far("uid", "stratum"),
        "maintained_labels": so_far("uid", "reason"),
    },
    automation_condition=AFTER_LABELS,
)
def key_effects(
    context: dg.AssetExecutionContext,
    grades: pl.DataFrame,
    label_evidence: pl.DataFrame,
    maintained_labels: pl.DataFrame,
    settings: Settings,
) -> pl.DataFrame:
    about = label_evidence.join(maintained_labels, on="uid", how="left")
    found = scores.key_effects(grades, about) if grades.height else grades
    said = (
        list(map(escaped, scores.sentences(found.to_dicts(), settings.voters)))
        if found.height
        else ["No answers are stored."]
    )
    context.add_asset_metadata({"effects": dg.MarkdownMetadataValue("\n\n".join(said))})
    return as_declared(found, KEY_EFFECTS)
