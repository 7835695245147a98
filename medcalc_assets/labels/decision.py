"""The label from now on: a written rule over the evidence, with a reason for every label."""

import polars as pl

from medcalc_assets.labels.agreement import agrees, is_continuous
from medcalc_assets.labels.limits import accepted, limit_columns
from medcalc_assets.labels.simulated import is_simulated
from medcalc_assets.labels.value import as_text, columns

REASONS = {
    "physician": "a physician computed this value without having seen either label",
    "physician_confirms": "the relabel, from which a physician's blind answer differs by 5% at most",
    "physician_unexplained": "one physician's answer, which no rule, no label and no relabel gives: it needs a second one",
    "ruled": "what physicians' rulings on its rule or its reading determine from its own entities",
    "ambiguous": "the original label, which differs from the relabel by convention only: see the assumptions",
    "confirmed": "the original label, which a high-confidence relabel reaches and nothing contradicts",
    "relabelled": "a high-confidence relabel that contradicts the original label, and that the published rule gives, or "
    "that says what the note lacks",
    "contested": "a high-confidence relabel, one source against one: the rule gives something else from the entities, or "
    "nothing, or they cannot be meant",
    "computed": "what the published rule gives for the inputs that blind readers find in the note; there is no relabel",
    "contradicted": "no answer: its own entities, or the range of its score, contradict the original label; there is no "
    "relabel",
    "unresolved": "the original label: no high-confidence relabel, and no physicians' answer that stands, decides it",
}
"""Every reason why a maintained label has its value, in the order in which they are asked for."""
GIVEN_BY = {
    "physician": "physician",
    "physician_confirms": "relabel",
    "physician_unexplained": "physician",
    "ruled": "ruled",
    "ambiguous": "label",
    "confirmed": "label",
    "relabelled": "relabel",
    "contested": "relabel",
    "computed": "computed",
    "contradicted": "nobody",
    "unresolved": "label",
}
"""By reason, whose label it is, by column prefix of `label_evidence`."""


def ruled() -> pl.Expr:
    """Whether physicians' rulings on its cards decide on a label, in a frame of `label_evidence`.

    They determine a value, its inputs are plausible and in the note, and no relabel says that there is none; or that it is
    N/A.
    """
    usable = ~pl.col("suspect") & (pl.col("not_in_note") == "[]") & (pl.col("relabel_kind") != "na").fill_null(True)
    return pl.col("ruled_kind").is_not_null() & ((pl.col("ruled_kind") == "na") | usable)


def computed() -> pl.Expr:
    """Whether blind readers' inputs decide on a label without a relabel, in a frame of `label_evidence`.

    An original label that another published convention gives from its own entities is not replaced by what the published
    rule gives.
    """
    of_another_convention = (pl.col("verdict") == "contradicted") & ~pl.col("contradicted") & ~accepted("computed", "label")
    return pl.col("relabel_kind").is_null() & pl.col("computed_kind").is_not_null() & ~of_another_convention


def maintain(evidence: pl.DataFrame) -> pl.DataFrame:
    """The label that each instance has from now on: `final_*`, `reason`, `state`, limits, `evidence`, and whether it is
    `simulated`. `evidence` is `label_evidence`.

    The first of REASONS that holds decides. A physician's label is final, but a continuous one within 5% of the relabel
    keeps the relabel, and a single value that nothing else gives stands as unexplained. What physicians ruled on cards
    decides next (`ruled`); an original label within the limits of that stays. Where label and relabel differ by
    convention only, the original label stays and is ambiguous, with what every published convention gives as its
    `assumptions`. A relabel that agrees confirms, unless the label's own entities contradict
    it or cannot be meant. A relabel that does not
    agree replaces the label: as `relabelled` where a second source stands beside it (the published rule gives it from the
    entities or from what blind readers find, or it is N/A and an input is not there), else as `contested`. Without a
    relabel, what the rule gives for the inputs that blind readers find is the label (`computed`), and one within the limits
    of that stays.
    """
    continuous = pl.any_horizontal(is_continuous(prefix) for prefix in ("physician", "label", "relabel"))
    confirms = continuous & pl.col("physician_number").is_not_null() & agrees("relabel", "physician", continuous)
    read = accepted("relabel", "computed")
    lacks = (pl.col("missing") != "[]") | (pl.col("not_in_note") != "[]")
    supersedes = pl.col("attribution") == "superseded"
    abstains = (pl.col("relabel_kind") == "na") & lacks
    error, suspect = pl.col("likely_error"), pl.col("suspect")
    contradicted = (pl.col("contradicted") & ~suspect) | pl.col("out_of_range")
    holds = {
        "physician_confirms": confirms,
        "physician_unexplained": ~pl.col("physician_explained"),
        "physician": pl.col("physician_kind").is_not_null(),
        "ruled": ruled(),
        "ambiguous": pl.col("attribution") == "convention",
        "confirmed": ~error & ~contradicted & ~suspect,
        "relabelled": error & (abstains | supersedes | read | (accepted("relabel", "published") & ~suspect)),
        "contested": error.is_not_null(),
        "computed": computed(),
        "contradicted": contradicted,
    }
    reason = pl.coalesce(
        *(pl.when(condition.fill_null(False)).then(pl.lit(name)) for name, condition in holds.items()), pl.lit("unresolved")
    )
    given_by = pl.col("reason").replace_strict(GIVEN_BY, return_dtype=pl.String)
    stays = (
        pl.when(reason="ruled")
        .then(accepted("ruled", "label"))
        .when(reason="computed")
        .then(accepted("computed", "label"))
        .otherwise((pl.col("reason") == "contested") & ~error)
    )
    decided = pl.when(stays).then(pl.lit("label")).otherwise(given_by)
    return (
        evidence.with_columns(reason=reason)
        .with_columns(
            pl.when(decided == "physician")
            .then(pl.col(physician))
            .when(decided == "relabel")
            .then(pl.col(relabel))
            .when(decided == "label")
            .then(pl.col(label))
            .when(decided == "ruled")
            .then(pl.col(ruling))
            .when(decided == "computed")
            .then(pl.col(read))
            .alias(final)
            for final, physician, relabel, label, ruling, read in zip(
                *map(columns, ("final", "physician", "relabel", "label", "ruled", "computed")), strict=True
            )
        )
        .with_columns(
            *limit_columns("final"),
            simulated=is_simulated(),
            state=pl.when(pl.col("reason").is_in(["ambiguous", "contradicted"]))
            .then("reason")
            .when(final_kind="na")
            .then(pl.lit("not_computable"))
            .otherwise(pl.lit("computable")),
            assumptions=pl.when(reason="ambiguous").then("alternatives"),
            evidence=pl.struct(
                as_text("label").alias("original"),
                pl.col("verdict").alias("derivation"),
                pl.when(pl.col("findings") != "[]").then("findings").alias("findings"),
                as_text("published").alias("published_rule"),
                pl.when(pl.col("missing") != "[]").then("missing").alias("missing"),
                pl.when(pl.col("not_in_note") != "[]").then("not_in_note").alias("not_in_note"),
                pl.when(pl.col("rulings") != "{}").then("rulings").alias("rulings"),
                as_text("ruled").alias("ruled"),
                pl.when(pl.col("relabel_kind").is_not_null()).then("auditor").alias("auditor"),
                as_text("relabel").alias("relabel"),
                as_text("computed").alias("computed"),
                pl.when(pl.col("computed_kind").is_not_null()).then("inputs_told").alias("inputs"),
                "comparison",
                "discrepancy",
                "days",
                "attribution",
                "reviewer",
                as_text("physician").alias("physician"),
            ).struct.json_encode(),
        )
    )
