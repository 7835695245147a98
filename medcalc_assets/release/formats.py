"""The maintained labels in the columns of the benchmark, and beside each how it came about."""

import json

import polars as pl

from medcalc_assets.benchmarks.spec import COLUMNS
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.value import as_text, columns
from medcalc_assets.release.use import BY_TRACK_RECORD
from medcalc_assets.release.use import USES as BY_REASON
from medcalc_assets.release.versions import USES

BESIDE = ("State", "Reason", "Evidence Class", "Evidence", "Assumptions", "Auditor", "Simulated")
"""What is said beside a label, in columns of the maintained labels."""
OTHERS = ("Original Answer", "Candidate Answer")
"""What the original says; beside a label in dispute what the published rule gives from its entities."""
TYPED = {
    "Answer Kind": "final_kind",
    "Answer Number": "final_number",
    "Answer Date": "final_date",
    "Lower Number": "lower_number_maintained",
    "Upper Number": "upper_number_maintained",
}
"""The label and its limits as numbers and dates, beside the text; a gestational age in days."""
SAID = {
    "Derivation": "derivation",
    "Published Rule Answer": "published_rule",
    "Relabel Answer": "relabel",
    "Computed Answer": "computed",
    "Inputs Read": "inputs",
    "Attribution": "attribution",
    "Ruled Answer": "ruled",
    "Physician Answer": "physician",
    "Reviewer": "reviewer",
}
"""What of the evidence has a column of its own."""
IN_CSV = (*COLUMNS, *USES, "Use Because")
"""What of it the CSV has: first the columns of the benchmark in their order, so that a harness made for it reads it."""
SPELLING = 2e-4
"""How far, relatively, the original spelling of a limit is from the limit that follows from the rule."""
SIMULATED = "[SIMULATED] "
"""How the explanation of a simulated label begins."""


def maintained_benchmark(raw: pl.DataFrame, maintained: pl.DataFrame) -> pl.DataFrame:
    """The benchmark in its own columns with maintained labels and limits, and those of BESIDE.

    A label that stays is spelt as in the original, and so are its limits, but for those that are not of the rule. Of a label
    that changed, the explanation is replaced too: the original one explains another value. A label that its own entities
    contradict, without a relabel, has no answer and no limits: what the original says and the rule gives stand beside it.
    """
    rows = raw.join(maintained.drop("calculator_id", "calculator"), on="uid", suffix="_maintained", validate="1:1")
    stays = pl.all_horizontal(
        pl.col(new).eq_missing(pl.col(old)) for new, old in zip(columns("final"), columns("label"), strict=True)
    )
    slack = pl.when(output_type="decimal").then(SPELLING * pl.max_horizontal(1.0, pl.col("upper_number_maintained").abs()))
    by_rule_already = pl.all_horizontal(
        ((pl.col(f"{end}_number") - pl.col(f"{end}_number_maintained")).abs() <= slack.otherwise(0.0)).fill_null(True)
        for end in ("lower", "upper")
    )
    is_gestation = pl.col("label_text").str.contains("week")

    def spelt(number: str) -> pl.Expr:
        """A number (or the date, or N/A, that stands in all three columns) in the spelling of the benchmark."""
        gestation = pl.format(
            "('{} weeks', '{} days')", (pl.col(number) // 7).cast(pl.Int64), (pl.col(number) % 7).cast(pl.Int64)
        )
        whole = pl.col(number).cast(pl.Int64, strict=False)
        plain = (
            pl.when(pl.col(number) == whole).then(whole.cast(pl.String)).otherwise(pl.col(number).round(6).cast(pl.String))
        )
        return pl.when(is_gestation).then(gestation).otherwise(plain).fill_null(as_text("final"))

    final = {"label_text": "final_number"} | {f"{end}_text": f"{end}_number_maintained" for end in ("lower", "upper")}
    reason, why = pl.col("reason"), pl.col("reason").replace_strict(REASONS, return_dtype=pl.String)
    by_rule = pl.col("evidence").str.json_path_match("$.published_rule").fill_null("nothing")
    contradicted, disputed = reason == "contradicted", reason.is_in(["contested", "physician_unexplained"])
    refuted = why.str.strip_prefix("no answer: ")
    nothing = pl.format(
        "No label is maintained: {}. The original label was {}; the rule gives {}.", refuted, "label_text", by_rule
    )
    changed = pl.format(
        "Maintained label {}: {}. The original label was {}.",
        spelt("final_number"),
        why,
        "label_text",
    )
    said = pl.when("simulated").then(pl.lit(SIMULATED)).otherwise(pl.lit(""))
    return (
        rows.with_columns(  # all at once, so that the original label is read before it is replaced
            *(
                pl.when(contradicted).then(None).when(kept).then(old).otherwise(spelt(new)).alias(old)
                for (old, new), kept in zip(
                    final.items(), (stays, stays & by_rule_already, stays & by_rule_already), strict=True
                )
            ),
            explanation=pl.concat_str(
                said, pl.when(contradicted).then(nothing).when(stays).then("explanation").otherwise(changed)
            ),
            original_answer="label_text",
            candidate_answer=pl.when(contradicted | disputed).then(by_rule),
            # the benchmark spells its entities as Python literals.
            entities=pl.col("entities").map_elements(lambda text: repr(json.loads(text)), return_dtype=pl.String),
        )
        .select(
            *(pl.col(ours).alias(theirs) for theirs, ours in COLUMNS.items()),
            *(pl.col(name.lower().replace(" ", "_")).alias(name) for name in (*BESIDE, *OTHERS)),
            *(pl.when(~contradicted).then(ours).alias(theirs) for theirs, ours in TYPED.items()),
            *(pl.col("evidence").str.json_path_match(f"$.{ours}").alias(theirs) for theirs, ours in SAID.items()),
            pl.col("note_sha256").alias("Note SHA256"),
        )
        .sort("Row Number")
    )


def evaluation_set(labels: pl.DataFrame) -> pl.DataFrame:
    """The labels that grade. No label of a demo may: of these, what could if it were real, so that the file shows some."""
    could = pl.col("Reason").is_in([*BY_TRACK_RECORD, *(reason for reason, use in BY_REASON.items() if use.evaluation)])
    return labels.filter(pl.col("Evaluation") | (pl.col("Simulated") & could))


def reward_set(labels: pl.DataFrame) -> pl.DataFrame:
    """The labels that may train; of a demo, likewise."""
    return labels.filter(pl.col("Reward") | (pl.col("Simulated") & pl.col("Reason").is_in(BY_TRACK_RECORD)))
