"""The history of every label: what is known of it now, and which of that is new since it was last written down."""

from collections.abc import Mapping

import polars as pl

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.labels.value import as_text, columns
from medcalc_assets.storage.chain import CONTENT
from medcalc_assets.storage.tables import INSTANCE_KEYS, LABEL_EVENTS

SOURCES = {
    "imported": "raw_medcalc",
    "derivation_audited": "derivation_audit",
    "audit_votes_cast": "audit_flags",
    "relabel_votes_cast": "relabel_votes",
    "relabelled": "relabels",
    "inputs_read": "label_evidence",
    "contested": "disagreement_scores",
    "queued": "adjudication_queue",
    "adjudicated": "physician_labels",
    "ruled": "label_evidence",
    "maintained": "maintained_labels",
}
"""Which table an event is read from. `released`, the last, is read from the releases."""
BESIDES = ("rationale", "assumptions", "time_point", "guideline", "confidence", "missing_input")
"""What a physician says beside the answer."""
ASKED = ["model_version", "prompt_sha256"]
NEEDED = {
    "raw_medcalc": ["benchmark", "row_sha256", *columns("label")],
    "derivation_audit": ["verdict", "explanation", *columns("published")],
    "audit_flags": ["auditor", "status", "n_votes", "n_flags", *ASKED],
    "relabels": ["auditor", "status", "answers", *ASKED, *columns("relabel")],
    "disagreement_scores": [
        "auditor",
        "likely_error",
        "attribution",
        "attribution_evidence",
        *columns("label"),
        *columns("relabel"),
    ],
    "adjudication_queue": ["auditor", "tier", "why", *columns("candidate")],
    "physician_labels": ["reviewer", "state", *BESIDES, *columns("physician")],
    "label_evidence": ["rulings", "ruled", "inputs_status", "inputs_told", *columns("ruled"), *columns("computed")],
    "maintained_labels": ["auditor", "state", "reason", *columns("final")],
}
"""The tables that events are read from, and the columns that they take, besides the keys of the instance."""
SAID = ["value", "detail", *ASKED]
"""What makes an event another one than the last of its kind."""
SUBJECT = ["uid", "event", "actor"]
FACT = [*INSTANCE_KEYS, "event", "actor", *SAID, "rule"]
WITHDRAWN = "withdrawn: it no longer holds"


def facts(tables: Mapping[str, pl.DataFrame], releases: pl.DataFrame) -> pl.DataFrame:
    """What holds of every label now, one row a fact, in the columns of FACT.

    `tables` are those of NEEDED; `releases` has uid, answer, version and manifest_sha256 of every label to tell as released.
    """
    rules = {number: rule.source for number, rule in CALCULATORS.items()}
    audits, relabels = tables["derivation_audit"], tables["relabels"]
    auditor = pl.col("auditor")
    beside = (pl.format(f"{name.replace('_', ' ')}: {{}}", name) for name in BESIDES)
    found = [
        _fact(
            "imported",
            tables["raw_medcalc"],
            pl.col("benchmark"),
            as_text("label"),
            pl.format("row {}", pl.col("row_sha256").str.slice(0, 12)),
        ),
        _fact(
            "derivation_audited",
            audits,
            pl.lit("the published rule"),
            as_text("published"),
            pl.format("{}: {}", "verdict", "explanation"),
        ).with_columns(rule=pl.col("calculator_id").replace_strict(rules, return_dtype=pl.String)),
        _fact(
            "audit_votes_cast",
            tables["audit_flags"].filter(pl.col("status") != "not_audited"),
            auditor,
            pl.col("status"),
            pl.format("{} of {} usable votes call it wrong", "n_flags", "n_votes"),
        ),
        _fact(
            "relabel_votes_cast",
            relabels.filter(pl.col("answers").is_not_null()),
            auditor,
            pl.lit(None, pl.String),
            pl.col("answers"),
        ),
        _fact("relabelled", relabels.drop(ASKED), auditor, as_text("relabel"), pl.col("status")),
        _fact(
            "inputs_read",
            tables["label_evidence"].filter(pl.col("inputs_status").is_not_null()),
            pl.lit("blind readers"),
            as_text("computed"),
            pl.format("{}: {}", "inputs_status", "inputs_told"),
        ),
        _fact(
            "contested",
            tables["disagreement_scores"].filter("likely_error"),
            auditor,
            as_text("relabel"),
            pl.format("original {}; {}: {}", as_text("label"), "attribution", "attribution_evidence"),
        ),
        _fact(
            "queued",
            tables["adjudication_queue"],
            pl.lit("the queue"),
            as_text("candidate"),
            pl.format("tier {}: {}; relabels of {}", "tier", "why", "auditor"),
        ),
        _fact(
            "adjudicated",
            tables["physician_labels"],
            pl.col("reviewer"),
            as_text("physician"),
            pl.concat_str("state", *beside, separator="; ", ignore_nulls=True),
        ),
        _fact(
            "ruled",
            tables["label_evidence"].filter(pl.col("rulings") != "{}"),
            pl.lit("physicians' rulings"),
            as_text("ruled"),
            pl.format("{}; the original is shown {}", "rulings", pl.col("ruled").fill_null("neither right nor wrong")),
        ),
        _fact(
            "maintained",
            tables["maintained_labels"],
            pl.lit("the rule"),
            as_text("final"),
            pl.format("{}: {}; relabels of {}", "state", "reason", "auditor"),
        ),
        _fact(
            "released",
            releases.join(audits.select(INSTANCE_KEYS), on="uid"),
            pl.col("version"),
            pl.col("answer"),
            pl.format("in release {}, manifest {}", "version", "manifest_sha256"),
        ),
    ]
    return pl.concat(found)


def new_events(now: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    """The facts that the history does not end with yet, with what they replace (`before`) and their `sequence`.

    A fact that differs from the last event about the same subject is a new event; the same is none. Where the last event
    is no fact any more (a label is no longer contested, an answer was withdrawn) that is an event, too. What was released
    remains released.
    """
    last = earlier.sort("sequence").group_by(SUBJECT).last() if earlier.height else earlier
    joined = now.join(
        last.select(*INSTANCE_KEYS, "event", "actor", "sequence", *(pl.col(name).alias(f"last_{name}") for name in SAID)),
        on=[*INSTANCE_KEYS, "event", "actor"],
        how="full",
        coalesce=True,
    ).filter(pl.col("detail").is_not_null() | (pl.col("event") != "released"))
    gone = pl.col("detail").is_null()
    known = pl.col("sequence").is_not_null()
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"last_{name}")) for name in SAID)
    still_gone = gone & (pl.col("last_detail") == WITHDRAWN)
    return (
        joined.filter((~known | differs) & ~still_gone.fill_null(False))
        .with_columns(
            detail=pl.col("detail").fill_null(WITHDRAWN),
            before=pl.col("last_value"),
            sequence=(pl.col("sequence") + 1).fill_null(0).cast(pl.Int32),
        )
        .select(*FACT, "before", "sequence")
    )


def stamped(events: pl.DataFrame, stamps: pl.DataFrame) -> pl.DataFrame:
    """The content of rows of `label_events`, in the order of the chain: each event with run, time and code version of the
    table that it was read from.

    `stamps` has `event`, `calculator`, `run_id`, `code_version`, `happened_at`, and for releases `actor`.
    """
    of_tables, of_releases = (
        stamps.filter(pl.col("actor").is_null()).drop("actor"),
        stamps.filter(pl.col("actor").is_not_null()),
    )
    released = pl.col("event") == "released"
    rows = pl.concat(
        [
            events.filter(~released).join(of_tables, on=["event", "calculator"], how="left"),
            events.filter(released).join(of_releases.drop("calculator"), on=["event", "actor"], how="left"),
        ]
    )
    in_order = pl.col("event").cast(pl.Enum([*SOURCES, "released"]))
    schema = pl.Schema({name: LABEL_EVENTS.polars_schema[name] for name in CONTENT})
    return rows.select(CONTENT).cast(schema).sort("uid", in_order, "actor", "sequence")


def _fact(event: str, frame: pl.DataFrame, by: pl.Expr, value: pl.Expr, detail: pl.Expr) -> pl.DataFrame:
    absent = [pl.lit(None, pl.String).alias(name) for name in (*SAID[2:], "rule") if name not in frame.columns]
    return frame.with_columns(*absent, event=pl.lit(event), actor=by, value=value, detail=detail.fill_null("")).select(FACT)
