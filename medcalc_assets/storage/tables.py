"""Every table of the warehouse: its columns, their types and what they mean. Nothing else may be written to it.

`python -m medcalc_assets.storage.tables` prints all of it as markdown, which is `docs/tables.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from medcalc_assets.labels.attribution import CAUSES
from medcalc_assets.labels.cards import KINDS as CARD_KINDS
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.finding import KINDS, READINGS, STATUS, UNEXPLAINED
from medcalc_assets.labels.queue import TIERS
from medcalc_assets.statistics.error_rates import BASES, PARTS, TERMS
from medcalc_assets.statistics.strata import STRATA
from medcalc_assets.statistics.track_record import CLASSES

SCHEMA = "medcalc"
OUTCOMES = ("value", "abstained", "unreadable", "harness_error", "missing")
"""What could be read of a reply: as in `grading/replies`."""
PARTITION_COLUMN = "calculator"
BAR = r"\|"
"""A bar inside a cell of a markdown table."""

TYPES: dict[str, pl.DataType] = {
    "BIGINT": pl.Int64(),
    "INTEGER": pl.Int32(),
    "DOUBLE": pl.Float64(),
    "BOOLEAN": pl.Boolean(),
    "DATE": pl.Date(),
    "VARCHAR": pl.String(),
    "TIMESTAMP WITH TIME ZONE": pl.Datetime("us", "UTC"),
}
"""The DuckDB types in use and the polars types that they are read as."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: DuckDB type, meaning, and whether null ("no answer") is permitted."""

    name: str
    type: str
    description: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table, named as its asset. `key` is what makes a row unique; `partitioned` tables hold 55 partitions.

    To an `append_only` table rows can be added; one that is there can neither be changed nor taken away.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partitioned: bool = True
    append_only: bool = False
    also_unique: tuple[str, ...] = ()
    """Columns that no two rows share, besides those of the key; null counts as a value."""

    @property
    def full_name(self) -> str:
        return f"{SCHEMA}.{self.name}"

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def polars_schema(self) -> pl.Schema:
        return pl.Schema({column.name: TYPES[column.type] for column in self.columns})

    @property
    def ddl(self) -> str:
        columns = ", ".join(f'"{c.name}" {c.type}{"" if c.nullable else " NOT NULL"}' for c in self.columns)
        return f"CREATE TABLE IF NOT EXISTS {self.full_name} ({columns})"

    def of_instances(
        self, instances: pl.DataFrame, cells: Mapping[str, list[Any]], how: Literal["inner", "left"] = "inner"
    ) -> pl.DataFrame:
        """Rows of this table from columns by name (`uid` among them), with the keys of their instances.

        Columns that are not given are those of the instances, if they have them, and null if not. `left` makes a row for
        every instance.
        """
        schema = self.polars_schema
        given = pl.DataFrame(cells, schema={name: schema[name] for name in cells}, strict=False)
        carried = [name for name in schema if name in instances.columns and name not in given.drop("uid").columns]
        absent = [pl.lit(None, schema[name]).alias(name) for name in schema if name not in (*given.columns, *carried)]
        return instances.select(carried).join(given, on="uid", how=how).with_columns(absent).select(self.names)


INSTANCE = (
    Column("uid", "BIGINT", "The instance: `Row Number` (or `Unique ID`) of the benchmark."),
    Column("calculator_id", "INTEGER", "Which of the 55 calculators, as numbered by v1.0."),
    Column(PARTITION_COLUMN, "VARCHAR", "The calculator's partition key."),
)

INSTANCE_KEYS = [column.name for column in INSTANCE]

VOTE = (
    Column("auditor", "VARCHAR", "Who voted: a model id, or `simulated`."),
    Column("model_version", "VARCHAR", "The model as served; null where no model is behind the vote.", nullable=True),
    Column("prompt_sha256", "VARCHAR", "Hash of prompt, answer schema and parser; null without a prompt.", nullable=True),
    Column("run_index", "INTEGER", "Which of the auditor's independent runs, from 0."),
    Column("status", "VARCHAR", "`ok`, `failed` (no vote, and no abstention) or `not_cast` (the others settled it)."),
)

ASKED = (
    Column("model_version", "VARCHAR", "The models as served; null where no model is behind the votes.", nullable=True),
    Column("prompt_sha256", "VARCHAR", "Hashes of the prompts, as in the votes; null without a prompt.", nullable=True),
)

CALL = (
    Column("rationale", "VARCHAR", "The auditor's reason, or why the vote failed or was not cast.", nullable=True),
    Column("sources", "VARCHAR", "JSON list of the sources that the auditor cited.", nullable=True),
    Column("searched", "BOOLEAN", "Whether it searched, where it was asked to; null where it was not.", nullable=True),
    Column("calls", "INTEGER", "Requests made for this vote, those that failed included.", nullable=True),
    Column("input_tokens", "BIGINT", "Tokens sent in all calls; null where nothing was sent.", nullable=True),
    Column("output_tokens", "BIGINT", "Tokens received in all calls, thoughts included.", nullable=True),
    Column("cost_usd", "DOUBLE", "Price of all calls in US dollars; null where it is unknown.", nullable=True),
    Column("latency_seconds", "DOUBLE", "From request to answer, over all calls.", nullable=True),
)


def typed(prefix: str, of: str, nullable: bool = True) -> tuple[Column, ...]:
    """The three columns of a label value."""
    return (
        Column(f"{prefix}_kind", "VARCHAR", f"{of}: `number`, `date` or `na` (not computable).", nullable),
        Column(f"{prefix}_number", "DOUBLE", f"{of}, if a number; a gestational age in days.", nullable=True),
        Column(f"{prefix}_date", "DATE", f"{of}, if a date.", nullable=True),
    )


LIMITS = (
    Column("lower_number", "DOUBLE", "Lowest accepted number; null for dates and N/A, which are exact.", nullable=True),
    Column("upper_number", "DOUBLE", "Highest accepted number.", nullable=True),
)

ORIGIN = (
    Column("row_sha256", "VARCHAR", "Hash of the original row, all columns."),
    Column("source", "VARCHAR", "`demo`, `hf`, `hf:train` or the name of the file that the row was read from."),
    Column("source_version", "VARCHAR", "Revision and split, or sha256 of the file (of the demo: of its rows)."),
)

RAW_MEDCALC = Table(
    "raw_medcalc",
    "MedCalc-Bench as its authors ship it, one instance per row: note, question, entities, label, limits, explanation.",
    (
        *INSTANCE,
        Column("benchmark", "VARCHAR", "The version whose spellings and labels these are: `v1.0` or `Verified`."),
        Column("calculator_name", "VARCHAR", "`Calculator Name` as spelt there."),
        Column("category", "VARCHAR", "`Category`: lab (lab test), risk, physical, severity, diagnosis, date or dosage."),
        Column("output_type", "VARCHAR", "Of the calculator: decimal, integer or date. It sets the limits."),
        Column("note_id", "VARCHAR", "`Note ID`: several instances may share a note."),
        Column("note_type", "VARCHAR", "`Note Type`: Extracted, Template or Synthetic."),
        Column("note", "VARCHAR", "The patient note: other people's text, data only."),
        Column(
            "note_sha256", "VARCHAR", "Hash of the note, its words between single blanks: by it benchmarks are compared."
        ),
        Column("question", "VARCHAR", "The question asked of the note."),
        Column(
            "entities",
            "VARCHAR",
            "The features of the note that the benchmark ships, as a JSON object under the keys of v1.0.",
        ),
        Column("label_text", "VARCHAR", "`Ground Truth Answer` as spelt there."),
        *typed("label", "The original label", nullable=False),
        Column("lower_text", "VARCHAR", "`Lower Limit` as spelt there."),
        Column("upper_text", "VARCHAR", "`Upper Limit` as spelt there."),
        *LIMITS,
        Column("explanation", "VARCHAR", "`Ground Truth Explanation`: how the benchmark derived its label."),
        *ORIGIN,
    ),
    key=("uid",),
)

QUARANTINE = Table(
    "quarantine",
    "The rows of the source that cannot be read, and why: they are in no other table. It holds nothing of a note.",
    (
        Column("row", "INTEGER", "Row of the file, of which 1 is the header."),
        Column("uid_text", "VARCHAR", "`Row Number` (or `Unique ID`) as spelt there, shortened.", nullable=True),
        Column("calculator_name", "VARCHAR", "`Calculator Name` as spelt there, shortened.", nullable=True),
        Column("why", "VARCHAR", "What is wrong with the row."),
        Column("remedy", "VARCHAR", "What to do about it."),
        *ORIGIN,
    ),
    key=("row",),
    partitioned=False,
)

DERIVATION_AUDIT = Table(
    "derivation_audit",
    "Every label recomputed from its own entities, without a model: by the published rule, by the other published "
    "conventions, and by the original rule, as v1.0 really computed it.",
    (
        *INSTANCE,
        Column("output_type", "VARCHAR", "Of the instance: decimal, integer or date."),
        Column("row_sha256", "VARCHAR", "Hash of the original row that was audited."),
        Column("source", "VARCHAR", "Where that row was read from."),
        *typed("label", "The original label", nullable=False),
        Column("verdict", "VARCHAR", "`reproduced` or `contradicted` by the published rule, or `not_computable`."),
        Column("likely_error", "BOOLEAN", "Contradicted by the published rule, and no published convention reaches it."),
        *typed("published", "What the published rule gives; null if not computable"),
        *typed("original_rule", "What v1.0's rule gives, defects included; null if not computable, or of another version"),
        Column(
            "original_rule_reproduces", "BOOLEAN", "Whether the original rule gives the label; false of another version."
        ),
        Column("alternatives", "VARCHAR", "JSON object: each published convention with its value, the default first."),
        Column("missing", "VARCHAR", "JSON list of the inputs that the rule cannot do without and the entities lack."),
        Column("problems", "VARCHAR", "JSON list of the entities that cannot be used, and why."),
        Column("implausible", "VARCHAR", "JSON list of values outside anything seen alive, or a label out of range."),
        Column("defects", "VARCHAR", "JSON list of defects of the original rule that explain a contradicted label."),
        Column(
            "by_defects",
            "VARCHAR",
            "JSON list: what the rule gives by which of these defects it has, in product order, first none and last all.",
        ),
        Column("explanation", "VARCHAR", "The verdict in one sentence."),
        Column("working", "VARCHAR", "The working by the published rule, as markdown."),
    ),
    key=("uid",),
)

NOTE_CHECKS = Table(
    "note_checks",
    "The entities and the original label of every instance held against its note, without a model: one row per finding, "
    "with the words of the note that say so.",
    (
        *INSTANCE,
        Column("finding", "INTEGER", "Which finding of the instance, from 0."),
        Column("kind", "VARCHAR", f"{'; '.join(f'`{kind}`: {meaning}' for kind, meaning in KINDS.items())}."),
        Column(
            "status",
            "BOOLEAN",
            f"One row of {', '.join(STATUS)} per entity that is a number other than 0, or a date; none for a score that the "
            "note may have in words.",
        ),
        Column("suspect", "BOOLEAN", "The entity, or the label, cannot be meant: no verdict rests on it."),
        Column("entity", "VARCHAR", "Key of the entity, name of the result, `label` or `patient`."),
        Column(
            "given",
            "VARCHAR",
            "The value as the entities or the label have it; for a result, what they give.",
            nullable=True,
        ),
        Column("found", "VARCHAR", "The value that the note gives, or that is meant.", nullable=True),
        Column("quote", "VARCHAR", "The words of the note: other people's text, data only.", nullable=True),
        Column("quote_start", "INTEGER", "Where they begin in the note, in characters from 0.", nullable=True),
        Column("quote_end", "INTEGER", "Where they end.", nullable=True),
        Column("gives", "VARCHAR", "JSON object: what each published convention makes of the value found."),
        Column("explanation", "VARCHAR", "The finding in one sentence."),
    ),
    key=("uid", "finding"),
)

AUDIT_VOTES = Table(
    "audit_votes",
    "Phase 1: one vote per row on whether an original label is wrong, the original derivation in view.",
    (
        *INSTANCE,
        *VOTE,
        Column("verdict", "VARCHAR", "`likely_error` or `passed`; null without a vote.", nullable=True),
        Column("error_type", "VARCHAR", "`feature_extraction`, `aggregation_logic` or `not_answerable`.", nullable=True),
        *CALL,
    ),
    key=("uid", "auditor", "run_index"),
)

AUDIT_FLAGS = Table(
    "audit_flags",
    "Phase 1: what an auditor's votes on a label decide. A likely error takes at least 4 of 5 votes.",
    (
        *INSTANCE,
        Column(
            "auditor",
            "VARCHAR",
            "Whose votes; `none` where no auditor is configured; `panel`: what several decide, two families alike.",
        ),
        Column("n_votes", "INTEGER", "Usable votes; failed ones do not count."),
        Column("n_flags", "INTEGER", "Usable votes that call the label a likely error."),
        Column("status", "VARCHAR", "`likely_error`, `passed`, `undecided` or `not_audited`."),
        *ASKED,
    ),
    key=("uid", "auditor"),
)

RELABEL_VOTES = Table(
    "relabel_votes",
    "Phase 2: one blind answer per row, computed from note and question alone.",
    (
        *INSTANCE,
        *VOTE,
        *typed("answer", "The answer; all null without a vote"),
        Column("assumptions", "VARCHAR", "JSON: time point, guideline and other assumptions of the answer.", nullable=True),
        *CALL,
    ),
    key=("uid", "auditor", "run_index"),
)

RELABELS = Table(
    "relabels",
    "Phase 2: the label on which an auditor's blind answers agree. High confidence takes at least 4 of 5.",
    (
        *INSTANCE,
        Column(
            "auditor",
            "VARCHAR",
            "Whose answers; `authors`: those of the paper, without their votes; `panel`: those on which two families agree.",
        ),
        *typed("relabel", "The consensus; all null without one"),
        Column("n_votes", "INTEGER", "Usable answers; null where the votes are not published.", nullable=True),
        Column("n_agree", "INTEGER", "Answers in the largest group of equals; null as above.", nullable=True),
        Column("status", "VARCHAR", "`high_confidence`, `deferred` (no supermajority) or `not_relabelled`."),
        Column(
            "answers", "VARCHAR", "The votes, in order of their text: answers and `failed`; null as above.", nullable=True
        ),
        *ASKED,
    ),
    key=("uid", "auditor"),
)

INPUT_VOTES = Table(
    "input_votes",
    "Phase 2, the other way: one blind reading per row of a calculator's inputs, from note, question and their names alone.",
    (
        *INSTANCE,
        *VOTE,
        Column(
            "inputs",
            "VARCHAR",
            "JSON list of what was found: `input`, `value` (null: not stated), `unit`, `quote`; null without a vote.",
            nullable=True,
        ),
        *CALL,
    ),
    key=("uid", "auditor", "run_index"),
)

INPUT_CONSENSUS = Table(
    "input_consensus",
    "What at least 4 of 5 blind readers find in a note for each input, and what the published rule makes of it.",
    (
        *INSTANCE,
        Column("auditor", "VARCHAR", "Whose readings; `panel`: where two auditors come to the same and none to another."),
        Column(
            "status",
            "VARCHAR",
            "`computed`, `not_computable` (by what the note states), `split` (they differ on an input), or `not_read`.",
        ),
        *typed("computed", "What the published rule gives for these inputs; null unless computed or not computable"),
        Column("missing", "VARCHAR", "JSON list of the inputs that the rule needs and the note does not state."),
        Column(
            "inputs",
            "VARCHAR",
            "JSON list by input: `read` (null: they differ), `quote`, `n_agree` of `n_votes`, `answers`, `given` by the "
            "benchmark, and whether it `differs`.",
        ),
        Column("explanation", "VARCHAR", "What they read otherwise than the benchmark, or differ on, in one sentence."),
        *ASKED,
    ),
    key=("uid", "auditor"),
)

LLM_CALLS = Table(
    "llm_calls",
    "Every request to a model and what became of it, one attempt per row; request and raw answer are in the ledger.",
    (
        *INSTANCE,
        Column("request_id", "VARCHAR", "Which vote the request was for: part of the hash under which the ledger has it."),
        Column("attempt", "INTEGER", "Which attempt at this vote, from 1."),
        Column("task", "VARCHAR", "`audit` or `relabel`."),
        Column("auditor", "VARCHAR", "The model asked for."),
        Column("run_index", "INTEGER", "Which of the auditor's independent votes, from 0."),
        Column("prompt_sha256", "VARCHAR", "Hash of prompt and answer schema."),
        Column("sampling", "VARCHAR", "JSON of the sampling parameters."),
        Column("tools", "VARCHAR", "The tools offered: `search`, `code`."),
        Column("mode", "VARCHAR", "`online` or `batch`."),
        Column("run", "VARCHAR", "The run that made the call."),
        Column("requested_at", "TIMESTAMP WITH TIME ZONE", "When; of a batch, when its result was first looked for."),
        Column("latency_seconds", "DOUBLE", "From request to answer."),
        Column("body_sha256", "VARCHAR", "Hash of the raw answer in the ledger; null where there was none.", nullable=True),
        Column("http_status", "INTEGER", "Null where there was no answer.", nullable=True),
        Column("fault", "VARCHAR", "Why the answer is of no use; null if it is a vote.", nullable=True),
        Column("finish_reason", "VARCHAR", "As reported.", nullable=True),
        Column("model_version", "VARCHAR", "The model as served.", nullable=True),
        Column("response_id", "VARCHAR", "As reported.", nullable=True),
        Column("input_tokens", "BIGINT", "Tokens sent, those of tools included; null where not reported.", nullable=True),
        Column("output_tokens", "BIGINT", "Tokens received, thoughts included; null where not reported.", nullable=True),
        Column(
            "cached_tokens", "BIGINT", "Of those sent, what the service had cached; null where not reported.", nullable=True
        ),
        Column("searches", "VARCHAR", "JSON list of the searches made."),
        Column("code_runs", "INTEGER", "Pieces of code that the model ran."),
        Column("code_failures", "INTEGER", "Those of them that failed."),
        Column("cost_usd", "DOUBLE", "Price in US dollars, searches included; null where it is unknown.", nullable=True),
    ),
    key=("request_id", "attempt"),
)

AUDITOR_DRIFT = Table(
    "auditor_drift",
    "What each auditor flags and relabels otherwise than another, first of all than the one that counts, by calculator.",
    (
        *INSTANCE[1:],
        Column("auditor", "VARCHAR", "The other auditor."),
        Column(
            "reference",
            "VARCHAR",
            "Whom it is compared with, each pair once. Of one without flags a label is an error if the relabel says so.",
        ),
        Column("audited", "INTEGER", "Instances on whose label both have a verdict."),
        Column("flagged_by_both", "INTEGER", "Likely errors to both."),
        Column("passed_by_both", "INTEGER", "Passed by both."),
        Column("flags_gained", "INTEGER", "Likely errors to the other auditor only."),
        Column("flags_lost", "INTEGER", "Likely errors to the reference only."),
        Column("flag_kappa", "DOUBLE", "Cohen's kappa of the flags; null where chance explains all.", nullable=True),
        Column("relabelled", "INTEGER", "Instances that both have answered."),
        Column("relabels_kept", "INTEGER", "High-confidence relabels of both, with the same value."),
        Column("relabels_changed", "INTEGER", "High-confidence relabels of both, with different values."),
        Column("relabels_gained", "INTEGER", "High-confidence relabels of the other auditor only."),
        Column("relabels_lost", "INTEGER", "High-confidence relabels of the reference only."),
    ),
    key=("calculator_id", "auditor", "reference"),
    partitioned=False,
)

AUDITOR_VERSIONS = Table(
    "auditor_versions",
    "The versions under which each model was served, as its answers say: a new one under the same name is a row.",
    (
        Column("auditor", "VARCHAR", "The model asked for; `model#version` where only that version may answer."),
        Column("model_version", "VARCHAR", "As served."),
        Column("first_at", "TIMESTAMP WITH TIME ZONE", "When it was asked first."),
        Column("last_at", "TIMESTAMP WITH TIME ZONE", "When it was asked last."),
        Column("calls", "INTEGER", "Calls that it answered."),
        Column(
            "mixed", "INTEGER", "Of the instances that it voted on, those on which another version did, too, in one phase."
        ),
    ),
    key=("auditor", "model_version"),
    partitioned=False,
)

EFFECTIVE_VOTES = Table(
    "effective_votes",
    "How many independent votes the votes amount to, since errors go together: on labels that physicians have seen.",
    (
        Column("phase", "VARCHAR", "`audit`, `relabel` or `inputs`."),
        Column(
            "scope",
            "VARCHAR",
            "Whose votes: of an `auditor`, or the outcomes of a `family`, the `panel` or `all`.",
        ),
        Column("name", "VARCHAR", "The auditor or the family; `panel`, `all`."),
        Column(
            "votes",
            "INTEGER",
            "Votes on each label: runs of an auditor that all labels have, or auditors; null if unpublished.",
            nullable=True,
        ),
        Column("labels", "INTEGER", "Labels with all those votes and a physicians' label."),
        Column(
            "error_rate",
            "DOUBLE",
            "Of a vote on those labels; the physicians chose some. Null without a label.",
            nullable=True,
        ),
        Column("correlation", "DOUBLE", "Of the errors (intraclass, one-way); null where it is not known.", nullable=True),
        Column(
            "effective",
            "DOUBLE",
            "So many independent votes; null (not known) of fewer than 2 votes or 100 labels.",
            nullable=True,
        ),
        Column("effective_low", "DOUBLE", "Lower end of its 95% interval (bootstrap); null as above.", nullable=True),
        Column("effective_high", "DOUBLE", "Upper end; null as above.", nullable=True),
    ),
    key=("phase", "scope", "name"),
    partitioned=False,
)

DISAGREEMENT_SCORES = Table(
    "disagreement_scores",
    "Every high-confidence relabel against the original label: how far apart, and whether that is likely an error.",
    (
        *INSTANCE,
        Column("auditor", "VARCHAR", "Whose relabel."),
        Column("comparison", "VARCHAR", "`relative` (numbers), `days` (dates), `abstention` (N/A) or `type`."),
        Column("discrepancy", "DOUBLE", "|a - b| / max(|a|, |b|), 0 to 2, of two numbers.", nullable=True),
        Column("days", "INTEGER", "Days between two dates; never mixed with ratios.", nullable=True),
        Column("likely_error", "BOOLEAN", "Beyond 5%, another date, or another type of answer."),
        Column("attribution", "VARCHAR", f"Cause of a likely error: {', '.join(CAUSES)}.", nullable=True),
        Column("attribution_evidence", "VARCHAR", "What the rules make of the benchmark's entities.", nullable=True),
        Column(
            "note_reading",
            "VARCHAR",
            f"Of `not_aggregation`, what the note checks found: {', '.join(dict.fromkeys(READINGS.values()))}, "
            f"or {UNEXPLAINED}.",
            nullable=True,
        ),
        *typed("label", "The original label", nullable=False),
        *typed("relabel", "The relabel", nullable=False),
    ),
    key=("uid", "auditor"),
)

LABEL_EVIDENCE = Table(
    "label_evidence",
    "What every source says of a label, one row per instance: its entities under every rule, Phase 1, the relabel of the "
    "auditor that counts, physicians. Queue, decision, history and figures read it.",
    (
        *INSTANCE,
        Column("output_type", "VARCHAR", "Of the instance: decimal, integer or date."),
        Column("source", "VARCHAR", "Where the original row was read from."),
        Column("row_sha256", "VARCHAR", "Hash of the original row."),
        *typed("label", "The original label", nullable=False),
        Column(
            "verdict",
            "VARCHAR",
            "Of the audit: `reproduced`, `contradicted`, `not_computable`; `suspect` if an entity cannot be meant.",
        ),
        Column("contradicted", "BOOLEAN", "Contradicted by the published rule, and no published convention reaches it."),
        *typed("published", "What the published rule gives; null if not computable"),
        Column("alternatives", "VARCHAR", "JSON object: each published convention with its value, the default first."),
        Column("missing", "VARCHAR", "JSON list of the inputs that the rule cannot do without and the entities lack."),
        Column("implausible", "VARCHAR", "JSON list of values outside anything seen alive, or a label out of range."),
        Column("defects", "VARCHAR", "JSON list of defects of the original rule that explain a contradicted label."),
        Column("explanation", "VARCHAR", "The verdict of the audit in one sentence."),
        Column("findings", "VARCHAR", "JSON list of what `note_checks` found, but for entities that are there."),
        Column("not_in_note", "VARCHAR", "JSON list of the entities whose number the note does not give as theirs."),
        Column("suspect", "BOOLEAN", "An entity cannot be meant: no verdict rests on it."),
        Column("out_of_range", "BOOLEAN", "The original label is outside the range of its own score."),
        Column("auditor", "VARCHAR", "Whose votes count."),
        Column("audit_status", "VARCHAR", "Phase 1: `likely_error`, `passed`, `undecided` or `not_audited`.", nullable=True),
        Column("n_audits", "INTEGER", "Usable votes of Phase 1.", nullable=True),
        Column("n_flags", "INTEGER", "Those of them that call the label a likely error.", nullable=True),
        Column("relabel_status", "VARCHAR", "`high_confidence`, `deferred`, `not_relabelled`; null: nobody.", nullable=True),
        *typed("relabel", "The relabel; all null without one"),
        Column("n_votes", "INTEGER", "Usable answers of Phase 2; null where they are not published.", nullable=True),
        Column("n_agree", "INTEGER", "Answers that agree; null as above.", nullable=True),
        Column("inputs_status", "VARCHAR", "Of `input_consensus`; null where nobody was asked.", nullable=True),
        *typed("computed", "What the published rule gives for the inputs that blind readers agree on; null without"),
        Column("inputs_told", "VARCHAR", "What they read otherwise than the benchmark, or differ on.", nullable=True),
        Column("comparison", "VARCHAR", "Of label and relabel, as in `disagreement_scores`.", nullable=True),
        Column("discrepancy", "DOUBLE", "Of two numbers, 0 to 2.", nullable=True),
        Column("days", "INTEGER", "Between two dates.", nullable=True),
        Column("likely_error", "BOOLEAN", "The relabel contradicts the label; null without a relabel.", nullable=True),
        Column("attribution", "VARCHAR", "Cause of a likely error.", nullable=True),
        Column("attribution_evidence", "VARCHAR", "What the rules make of the benchmark's entities.", nullable=True),
        Column("reviewer", "VARCHAR", "The physicians whose label stands.", nullable=True),
        *typed("physician", "The physicians' label; all null without one"),
        Column("stratum", "VARCHAR", f"{'; '.join(f'`{letter}`: {meaning}' for letter, meaning in STRATA.items())}."),
        Column("n_answers", "INTEGER", "Physicians who answered.", nullable=True),
        Column("n_answers_agree", "INTEGER", "Those of them who agree with it.", nullable=True),
        Column(
            "physician_explained",
            "BOOLEAN",
            "It is N/A, several reviewers agree, or a rule, the original label or the relabel gives it, too.",
            nullable=True,
        ),
        Column("cards", "VARCHAR", "JSON list of the cards that it hangs on, each as kind and subject."),
        Column("by_ruling", "VARCHAR", "JSON list: the value under every combination of their choices, in product order."),
        Column("rulings", "VARCHAR", "JSON object: how physicians ruled on them, by card."),
        Column(
            "ruled",
            "VARCHAR",
            "What these rulings show the original label to be, whatever the open cards will say: `wrong` or `right`.",
            nullable=True,
        ),
        *typed("ruled", "What these rulings determine; null while it is open"),
    ),
    key=("uid",),
)

ADJUDICATION_QUEUE = Table(
    "adjudication_queue",
    "The instances in order of review: by `tier`, then by falling `severity`, then by `uid`. First the contested ones, then "
    "the suspects (contradicted by their own entities, and by no relabel), then the undecided rest.",
    (
        *INSTANCE,
        Column("auditor", "VARCHAR", "Whose relabels count."),
        Column("tier", "INTEGER", f"{'; '.join(f'{tier} {meaning}' for tier, meaning in enumerate(TIERS))}."),
        Column("severity", "DOUBLE", "Days apart, or discrepancy; null where there is nothing to compare.", nullable=True),
        *typed("candidate", "What the label might have to be: the relabel; for a suspect what the published rule gives"),
        Column("why", "VARCHAR", "Both labels and their distance, for maintainers. Physicians are not shown it."),
    ),
    key=("uid",),
)

PHYSICIAN_LABELS = Table(
    "physician_labels",
    "A physician's own answer to note and question, given without having seen either label.",
    (
        *INSTANCE,
        Column("output_type", "VARCHAR", "Of the instance: decimal, integer or date."),
        Column("reviewer", "VARCHAR", "Who answered; `authors`: the paper's physicians, `simulated`: the demo."),
        *typed("physician", "The physician's label", nullable=False),
        Column("state", "VARCHAR", "`computable` or `not_computable`."),
        Column("answer_text", "VARCHAR", "The answer as typed."),
        Column("assumptions", "VARCHAR", "What the answer assumes.", nullable=True),
        Column("time_point", "VARCHAR", "Which point in time of the note it is about.", nullable=True),
        Column("guideline", "VARCHAR", "Which guideline or version it follows.", nullable=True),
        Column("rationale", "VARCHAR", "The physician's note.", nullable=True),
        Column("confidence", "VARCHAR", "`high`, `medium` or `low`, as the physician says.", nullable=True),
        Column("missing_input", "VARCHAR", "Which input the note does not give, where the label is N/A.", nullable=True),
        Column(
            "packet",
            "VARCHAR",
            "The packet that it came back with; null for the answers in the authors' files.",
            nullable=True,
        ),
        Column(
            "answered_at", "TIMESTAMP WITH TIME ZONE", "When it came back; null where it was not published.", nullable=True
        ),
    ),
    key=("uid", "reviewer"),
)

PHYSICIAN_CONSENSUS = Table(
    "physician_consensus",
    "The physicians' label of an instance: the single answer, or the one with which more than half of its reviewers agree.",
    (
        *INSTANCE,
        Column("reviewer", "VARCHAR", "Who gave it: the reviewers that agree, by name."),
        *typed("physician", "The physicians' label", nullable=False),
        Column("state", "VARCHAR", "`computable` or `not_computable`."),
        Column("n_answers", "INTEGER", "Reviewers who answered."),
        Column("n_agree", "INTEGER", "Reviewers who agree with it."),
    ),
    key=("uid",),
)

RULINGS = Table(
    "rulings",
    "How a physician ruled on a card, without having seen what a model said.",
    (
        *INSTANCE[1:],
        Column("card", "VARCHAR", "As in `rule_cards`. Another wording is another card."),
        Column("reviewer", "VARCHAR", "Who ruled; `simulated`: the demo."),
        Column("choice", "VARCHAR", "One of the card's choices, or `case_by_case`."),
        Column("guideline", "VARCHAR", "Which guideline or version it follows.", nullable=True),
        Column("rationale", "VARCHAR", "The physician's reason.", nullable=True),
        Column("confidence", "VARCHAR", "`high`, `medium` or `low`, as the physician says.", nullable=True),
        Column("packet", "VARCHAR", "The packet that it came back with; null in the demo.", nullable=True),
        Column("ruled_at", "TIMESTAMP WITH TIME ZONE", "When it came back; null in the demo.", nullable=True),
    ),
    key=("card", "reviewer"),
)

RULE_CARDS = Table(
    "rule_cards",
    "Questions about a rule or a reading, not about a row: one ruling settles every label that hangs on it. "
    "`medcalc cards` shows them in the order in which they settle most.",
    (
        *INSTANCE[1:],
        Column("card", "VARCHAR", "By which a ruling names it."),
        Column("kind", "VARCHAR", f"{'; '.join(f'`{kind}`: {meaning}' for kind, meaning in CARD_KINDS.items())}."),
        Column("subject", "VARCHAR", "The defect, completing `v1.0 ...`; the other convention; or the reading."),
        Column("question", "VARCHAR", "What physicians are asked."),
        Column("choices", "VARCHAR", "JSON object: how they may rule, and what it means."),
        Column("about", "VARCHAR", "What they are shown: rule and source, v1.0, an example, upstream; as markdown."),
        Column("uids", "VARCHAR", "JSON list of the labels that hang on it."),
        Column("labels", "INTEGER", "How many they are."),
        Column("place", "INTEGER", "Among the open cards of its calculator, from 1; null once it is ruled.", nullable=True),
        Column(
            "shows_wrong",
            "INTEGER",
            "Further originals that it shows wrong at its place, if ruled as expected.",
            nullable=True,
        ),
        Column("determines", "INTEGER", "Further values that it determines then.", nullable=True),
        Column("answered", "VARCHAR", "JSON object: how many physicians' answers to its rows go with each choice."),
        Column("ruling", "VARCHAR", "The choice of more than half of those who ruled; null without one.", nullable=True),
        Column("rulings", "INTEGER", "Physicians who ruled on it."),
        Column("rulings_agree", "INTEGER", "Those of them who agree."),
    ),
    key=("card",),
)

PHYSICIAN_AGREEMENT = Table(
    "physician_agreement",
    "Each label set against the physicians: agreement (Wilson 95%) and sMAPE (bootstrap 95%), with the N of each.",
    (
        Column(
            "label_set",
            "VARCHAR",
            "`original`, `own entities` (by the published rules), or an auditor, for the relabels.",
        ),
        Column("reviewers", "VARCHAR", "Whose answers are the reference, such as `authors` or `simulated`."),
        Column("n", "INTEGER", "Physician labels that the set has a label for."),
        Column("n_agree", "INTEGER", "Labels that agree with the physician's."),
        Column("agreement", "DOUBLE", "n_agree / n, 0 to 1; null if n is 0.", nullable=True),
        Column("agreement_low", "DOUBLE", "Lower end of the Wilson 95% interval.", nullable=True),
        Column("agreement_high", "DOUBLE", "Upper end of the Wilson 95% interval.", nullable=True),
        Column("smape", "DOUBLE", "Symmetric mean absolute percentage error, 0 to 200.", nullable=True),
        Column("smape_low", "DOUBLE", "2.5th percentile of 10,000 seeded bootstrap draws.", nullable=True),
        Column("smape_high", "DOUBLE", "97.5th percentile of the same draws.", nullable=True),
        Column("smape_n", "INTEGER", "Pairs of two numbers; pairs with N/A on either side are left out."),
    ),
    key=("label_set",),
    partitioned=False,
)

MAINTAINED_LABELS = Table(
    "maintained_labels",
    "The label that each instance has from now on, with the reason, the evidence and the limits that follow from it.",
    (
        *INSTANCE,
        Column("auditor", "VARCHAR", "Whose relabels count: a model id, `authors`, `simulated` or `none`."),
        *typed("final", "The maintained label; null, no answer, if `contradicted`"),
        Column(
            "state",
            "VARCHAR",
            "`computable`, `not_computable`, `ambiguous` (by assumptions, several answers) or `contradicted` (no answer).",
        ),
        Column("reason", "VARCHAR", f"{'; '.join(f'`{reason}`: {meaning}' for reason, meaning in REASONS.items())}."),
        Column(
            "evidence_class",
            "VARCHAR",
            f"What it rests on but physicians: {'; '.join(f'`{name}`: {meaning}' for name, meaning in CLASSES.items())}.",
        ),
        Column("simulated", "BOOLEAN", "Its source, auditor or a reviewer is invented: it says nothing of a real label."),
        Column("assumptions", "VARCHAR", "JSON object: each published convention with its value.", nullable=True),
        Column("evidence", "VARCHAR", "JSON: the labels that the rule compared, who gave them and how far apart."),
        *LIMITS,
    ),
    key=("uid",),
)

TRACK_RECORD = Table(
    "track_record",
    "How often the labels of each class of evidence were right when a physician answered, and what that permits.",
    (
        Column("evidence_class", "VARCHAR", "As in `maintained_labels`."),
        Column("n", "INTEGER", "Labels of the class."),
        Column("seen", "INTEGER", "Those of them that a physician answered."),
        Column("drawn", "INTEGER", "Of the seen, those that a plan drew at random, to measure or to certify."),
        Column("unseen", "INTEGER", "The others."),
        *(
            column
            for terms, meaning in (("paper", "by the agreement rule of the paper"), ("limits", "by a grader's limits"))
            for column in (
                Column(f"{terms}_right", "INTEGER", f"Answers that found the label right {meaning}."),
                Column(f"{terms}_mean", "DOUBLE", "Mean of that rate, prior Beta(1/2, 1/2).", nullable=True),
                Column(f"{terms}_bound", "DOUBLE", "Its one-sided 95% lower bound.", nullable=True),
            )
        ),
        Column("may_grade", "BOOLEAN", "The mean by the limits is high enough to grade a model, or nobody can know yet."),
        Column("may_train", "BOOLEAN", "The same, to train one."),
        Column("grades_from", "DOUBLE", "The mean from which a class may grade."),
        Column("trains_from", "DOUBLE", "The mean from which it may train."),
        Column("provisional", "BOOLEAN", "Every answer finds it right, and too few of them were drawn to prove it."),
        Column("confirmation", "INTEGER", "Answers that prove it, if all of them find the label right."),
    ),
    key=("evidence_class",),
    partitioned=False,
)

ERROR_RATES = Table(
    "error_rates",
    "How many labels are wrong, the original ones and our key's: by a model today, by design once a planned sample is "
    "answered, and what certificates prove. Each row says what it does not cover.",
    (
        Column("labels", "VARCHAR", "`original`, or `key`: the maintained labels."),
        Column("part", "VARCHAR", f"Of the original: {', '.join(PARTS)}. Of the key: `may grade`, or what is certified."),
        Column("terms", "VARCHAR", f"{'; '.join(f'`{terms}`: wrong {meaning}' for terms, meaning in TERMS.items())}."),
        Column("basis", "VARCHAR", f"{'; '.join(f'`{basis}`: {meaning}' for basis, meaning in BASES.items())}."),
        Column("wrong", "DOUBLE", "Expected number of wrong labels."),
        Column("low", "DOUBLE", "Lower end of the 95% interval; of a certificate, wrong answers in the sample."),
        Column("high", "DOUBLE", "Upper end; of a certificate, the bound."),
        Column("n", "INTEGER", "Labels that it is about."),
        Column("seen", "INTEGER", "Those of them that a physician answered and that count here."),
        Column("not_covered", "INTEGER", "Labels of the benchmark, or of the key, of which it says nothing."),
        Column("claim", "INTEGER", "How many the certificate was to allow at most.", nullable=True),
        Column("truth", "INTEGER", "How many are wrong in truth, which the demo alone knows.", nullable=True),
        Column("simulated", "BOOLEAN", "From invented evidence: it says nothing of any real label."),
    ),
    key=("labels", "part", "terms", "basis"),
    partitioned=False,
)

SAMPLING_PLAN = Table(
    "sampling_plan",
    "Which labels `medcalc plan` brings before physicians, and why: drawn and written down before a packet leaves. The last "
    "plan counts.",
    (
        *INSTANCE,
        Column("plan", "INTEGER", "Which plan, from 1."),
        Column(
            "purpose",
            "VARCHAR",
            "`find` wrong labels, `measure` how many there are, `certify` ours; `seen`: answered before, and counted.",
        ),
        Column("stratum", "VARCHAR", "Of `label_evidence`, as it was; of `certify`, what is certified."),
        Column(
            "draw", "INTEGER", "Its place in the random order of its stratum, from 1; in what is to `find`, by P(wrong)."
        ),
        Column("inclusion_probability", "DOUBLE", "How likely it was to be drawn: 1 if chosen."),
        Column("labels", "INTEGER", "Labels of the stratum that it was drawn from."),
        Column("answers", "INTEGER", "How many of them were drawn. Never extended until it looks well."),
        Column("claim", "INTEGER", "Of `certify`: at most so many of the labels are wrong.", nullable=True),
        Column("probability_wrong", "DOUBLE", "P(the original label is wrong), as it was estimated then."),
        Column("seed", "VARCHAR", "Of the draw: with it anybody can repeat it."),
        Column("planned_at", "TIMESTAMP WITH TIME ZONE", "When."),
    ),
    key=("plan", "purpose", "uid"),
    partitioned=False,
    append_only=True,
)

REVIEW_ORDERS = Table(
    "review_orders",
    "The labels that no physician has answered, with P(the original is wrong), and their places in the named orders in "
    "which `medcalc packet` asks: why each is where it is, and what an answer would be worth.",
    (
        *INSTANCE,
        Column("stratum", "VARCHAR", "As in `label_evidence`."),
        Column("probability_wrong", "DOUBLE", "P(the original is wrong), from all answers to its stratum and calculator."),
        Column("paper", "INTEGER", "Its place in `adjudication_queue`, from 1; null where it is in none.", nullable=True),
        Column("likely", "INTEGER", "Its place by falling probability, from 1; ties by uid."),
        Column("why", "VARCHAR", "Why it is there, for maintainers. Physicians are not shown it."),
        Column("worth", "VARCHAR", "What an answer would be worth."),
    ),
    key=("uid",),
    partitioned=False,
)

LABEL_EVENTS = Table(
    "label_events",
    "What ever happened to a label. Rows are only ever added: materializing again adds what changed, and nothing where "
    "nothing did. The events of an instance are a chain of hashes, which `medcalc verify` checks.",
    (
        *INSTANCE,
        Column(
            "event",
            "VARCHAR",
            "`imported`, `derivation_audited`, `audit_votes_cast`, `relabel_votes_cast`, `relabelled`, "
            "`inputs_read`, `contested`, `queued`, `adjudicated`, `ruled`, `maintained` or `released`.",
        ),
        Column("actor", "VARCHAR", "The auditor, the physician, the rule or the release."),
        Column("sequence", "INTEGER", "Which event of this kind by the same, from 0."),
        Column("before", "VARCHAR", "The value of the event before it.", nullable=True),
        Column("value", "VARCHAR", "The value that it gave; null for none.", nullable=True),
        Column("detail", "VARCHAR", "What happened, in words."),
        Column("model_version", "VARCHAR", "The models as served.", nullable=True),
        Column("prompt_sha256", "VARCHAR", "The hashes of the prompts.", nullable=True),
        Column("rule", "VARCHAR", "The reference of the rule, guideline and year included.", nullable=True),
        Column("code_version", "VARCHAR", "Of the asset that it was read from.", nullable=True),
        Column("run_id", "VARCHAR", "The run that wrote what it was read from; null if that was not kept.", nullable=True),
        Column("happened_at", "TIMESTAMP WITH TIME ZONE", "When that was written; null as above.", nullable=True),
        Column(
            "previous_sha256", "VARCHAR", "`sha256` of the instance's event before it; null for the first.", nullable=True
        ),
        Column("sha256", "VARCHAR", "Hash of `previous_sha256` and of all columns before it."),
    ),
    key=("uid", "event", "actor", "sequence"),
    append_only=True,
    also_unique=("uid", "previous_sha256"),
)

LABEL_RELEASES = Table(
    "label_releases",
    "The releases of the maintained labels: one row per version, with the manifest that names its inputs and the hash of "
    "every file. The files lie in `$MEDCALC_HOME/releases/`.",
    (
        Column("version", "VARCHAR", "The version, such as 1.1.0."),
        Column("previous", "VARCHAR", "The version that it follows; null for the first.", nullable=True),
        Column("demo", "BOOLEAN", "Made from simulated evidence: it says nothing of any real label."),
        Column("instances", "INTEGER", "Labels in it."),
        Column("changed", "INTEGER", "Labels that differ from the original ones."),
        Column("manifest", "VARCHAR", "`manifest.json`, unchanged."),
        Column("manifest_sha256", "VARCHAR", "Its hash, by which the release is cited."),
        Column("run_id", "VARCHAR", "The Dagster run that released it."),
        Column("released_at", "TIMESTAMP WITH TIME ZONE", "When."),
    ),
    key=("version",),
    partitioned=False,
    append_only=True,
)

BENCHMARK_SUMMARY = Table(
    "benchmark_summary",
    "The figures of the whole chain, one row per calculator: the numbers behind `medcalc summary`. Under Metadata, *Show "
    "Markdown* shows them as plots.",
    (
        *INSTANCE[1:],
        Column("auditor", "VARCHAR", "Whose votes and relabels were counted."),
        Column("instances", "INTEGER", "Instances of the source."),
        Column("contradicted", "INTEGER", "Contradicted by their own entities under the published rule."),
        Column("audit_flags", "INTEGER", "Flagged by Phase 1."),
        Column("high_confidence", "INTEGER", "With a high-confidence relabel: the smaller denominator."),
        Column("deferred", "INTEGER", "Relabelled without a supermajority."),
        Column("likely_errors", "INTEGER", "Likely errors: the relabel contradicts the label. Of these:"),
        Column("contested_numbers", "INTEGER", "Likely errors: two numbers more than 5% apart."),
        Column("contested_dates", "INTEGER", "Likely errors: two different dates."),
        Column("contested_abstentions", "INTEGER", "Likely errors: N/A against a value, or a number against a date."),
        *(Column(cause, "INTEGER", f"Likely errors: {meaning}.") for cause, meaning in CAUSES.items()),
        Column("suspects", "INTEGER", "Contradicted by their own entities, and by no relabel."),
        Column("physician_labels", "INTEGER", "Answered by a physician."),
        Column("changed", "INTEGER", "Maintained labels that differ from the original one."),
        Column("not_computable", "INTEGER", "Maintained labels that are N/A."),
        Column("ambiguous", "INTEGER", "Maintained labels that are defensible under several published conventions."),
        Column("unresolved", "INTEGER", "Maintained labels that neither a relabel nor physicians decide."),
    ),
    key=("calculator_id",),
    partitioned=False,
)

MODEL_OUTPUTS = Table(
    "model_outputs",
    "Stored answers of models, as `medcalc outputs add` has kept them: one row per answer, joined by its note and question.",
    (
        *INSTANCE,
        Column("output_type", "VARCHAR", "Of the instance: decimal, integer or date."),
        Column("run", "VARCHAR", "Which run of a model: its name as given."),
        Column("model", "VARCHAR", "The model as given."),
        Column("family", "VARCHAR", "Its family, such as openai."),
        Column("row", "INTEGER", "Row of the file."),
        Column(
            "reply", "VARCHAR", "All that the model said, where it was kept: other people's text, data only.", nullable=True
        ),
        Column("extracted", "VARCHAR", "The cell that a harness made of it.", nullable=True),
        Column("explanation", "VARCHAR", "The explanation beside that cell.", nullable=True),
        Column("verdict", "BOOLEAN", "What the harness said of it.", nullable=True),
        Column("file", "VARCHAR", "The file that it came with."),
        Column("file_sha256", "VARCHAR", "Its hash."),
        Column("added_at", "TIMESTAMP WITH TIME ZONE", "When."),
    ),
    key=("run", "uid"),
    partitioned=False,
)

GRADES = Table(
    "grades",
    "Every stored answer under every key that has a label for it: what was read, and whether it is right.",
    (
        *INSTANCE,
        Column("run", "VARCHAR", "As in `model_outputs`."),
        Column("model", "VARCHAR", "As there."),
        Column("family", "VARCHAR", "As there."),
        Column(
            "key",
            "VARCHAR",
            "The benchmark's own (`v1.0`, `Verified`), `authors`, a release, or `candidate`: our labels as they are now.",
        ),
        Column("outcome", "VARCHAR", f"{', '.join(f'`{each}`' for each in OUTCOMES)}: what could be read."),
        Column("why", "VARCHAR", "Why nothing could be read, or how it abstains.", nullable=True),
        *typed("answer", "What was read"),
        Column("strict", "BOOLEAN", "The key accepts it: a value, or a written N/A."),
        Column("lenient", "BOOLEAN", "The same, an abstention in words included."),
        Column("extracted_right", "BOOLEAN", "What the harness's cell would earn, read as a cell and not as prose."),
        Column("verdict", "BOOLEAN", "What the harness said.", nullable=True),
    ),
    key=("run", "key", "uid"),
    partitioned=False,
)

SCORE = (
    Column("key", "VARCHAR", "As in `grades`."),
    Column("run", "VARCHAR", "As in `model_outputs`."),
    Column("model", "VARCHAR", "As there."),
    Column("family", "VARCHAR", "As there."),
    Column("n", "INTEGER", "Answers to labels of the key."),
)

LEADERBOARD = Table(
    "leaderboard",
    "Every run under every key: how many answers are right, with intervals by row and clustered by calculator.",
    (
        *SCORE,
        Column("right", "INTEGER", "Those that are right, strictly."),
        Column("share", "DOUBLE", "right / n."),
        Column("low", "DOUBLE", "Lower end of the Wilson 95% interval, which takes rows for independent."),
        Column("high", "DOUBLE", "Upper end."),
        Column("clustered_low", "DOUBLE", "Lower end of the 95% interval clustered by calculator.", nullable=True),
        Column("clustered_high", "DOUBLE", "Upper end.", nullable=True),
        Column("rank", "INTEGER", "Among the runs under the key, 1 the best."),
        Column("lenient_low", "INTEGER", "Right, abstentions in words included and lost answers wrong."),
        Column("lenient_high", "INTEGER", "The same, lost answers right."),
        *(Column(name, "INTEGER", f"Answers that are `{name}`.") for name in OUTCOMES),
        Column("extracted_right", "INTEGER", "Right by the harness's cell alone, read as a cell."),
        Column("harness_right", "INTEGER", "Right as the harness said."),
        Column("harness_differs", "INTEGER", "Answers of which the harness said otherwise than the key does."),
        Column("calculators", "INTEGER", "Calculators among them: the clusters."),
    ),
    key=("key", "run"),
    partitioned=False,
)

KEY_EFFECTS = Table(
    "key_effects",
    "What another key than the benchmark's own changes for a run, on the answers to labels that both have.",
    (
        *SCORE,
        Column("right_before", "INTEGER", "Right under the benchmark's own key."),
        Column("right", "INTEGER", "Right under the key."),
        Column("gained", "INTEGER", "Right under the key only."),
        Column("lost", "INTEGER", "Right under the benchmark's own key only."),
        Column("effect", "DOUBLE", "(gained - lost) / n."),
        Column("low", "DOUBLE", "Lower end of its 95% interval, clustered by calculator.", nullable=True),
        Column("high", "DOUBLE", "Upper end.", nullable=True),
        Column("p", "DOUBLE", "Exact McNemar, which takes rows for independent."),
        Column("by_calculator", "VARCHAR", "JSON object: of each that gained or lost, [gained, lost]."),
        Column("by_reason", "VARCHAR", "The same by the reason of our label."),
        Column("by_stratum", "VARCHAR", "The same by stratum."),
    ),
    key=("key", "run"),
    partitioned=False,
)

TABLES = {
    table.name: table
    for table in (
        RAW_MEDCALC,
        QUARANTINE,
        DERIVATION_AUDIT,
        NOTE_CHECKS,
        AUDIT_VOTES,
        AUDIT_FLAGS,
        RELABEL_VOTES,
        RELABELS,
        INPUT_VOTES,
        INPUT_CONSENSUS,
        LLM_CALLS,
        AUDITOR_DRIFT,
        AUDITOR_VERSIONS,
        EFFECTIVE_VOTES,
        DISAGREEMENT_SCORES,
        RULINGS,
        LABEL_EVIDENCE,
        RULE_CARDS,
        ADJUDICATION_QUEUE,
        REVIEW_ORDERS,
        SAMPLING_PLAN,
        PHYSICIAN_LABELS,
        PHYSICIAN_CONSENSUS,
        PHYSICIAN_AGREEMENT,
        MAINTAINED_LABELS,
        TRACK_RECORD,
        ERROR_RATES,
        BENCHMARK_SUMMARY,
        LABEL_EVENTS,
        LABEL_RELEASES,
        MODEL_OUTPUTS,
        GRADES,
        LEADERBOARD,
        KEY_EFFECTS,
    )
}


def dictionary() -> str:
    """All tables as one page of markdown, in the order of the chain."""

    def page(table: Table) -> str:
        kind = (
            "append-only" if table.append_only else "one partition per calculator" if table.partitioned else "unpartitioned"
        )
        rows = [
            f"| `{each.name}` | {each.type} | {'yes' if each.nullable else ''} | {each.description.replace('|', BAR)} |"
            for each in table.columns
        ]
        lines = [
            f"## {table.name}",
            "",
            table.description,
            "",
            f"Key: {', '.join(f'`{name}`' for name in table.key)}; {kind}.",
            "",
            "| column | type | null | meaning |",
            "|---|---|---|---|",
            *rows,
        ]
        return "\n".join(lines)

    head = (
        "# The tables\n\nMade from `medcalc_assets/storage/tables.py` by `make docs`: edit that. All tables are in schema "
        f"`{SCHEMA}` of `$MEDCALC_HOME/warehouse.duckdb`, named as their assets. A label value is three columns, `*_kind`, "
        "`*_number` and `*_date`; N/A is an answer (`na`), null is no answer.\n"
    )
    return "\n\n".join([head.strip(), *map(page, TABLES.values())]) + "\n"


if __name__ == "__main__":
    print(dictionary(), end="")
