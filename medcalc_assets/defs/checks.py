"""What must hold of the tables: each check is a query for the rows that break it."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import duckdb

from medcalc_assets.auditors.casting import GIVEN_UP, OF_NO_USE
from medcalc_assets.benchmarks import demo
from medcalc_assets.benchmarks.versions import VERSIONS
from medcalc_assets.calculators import KEYS
from medcalc_assets.defs.settings import Settings
from medcalc_assets.labels.families import PANEL
from medcalc_assets.labels.queue import SUSPECT_DATE
from medcalc_assets.labels.voting import RUNS, SUPERMAJORITY
from medcalc_assets.physicians import authors
from medcalc_assets.storage.tables import INSTANCE_KEYS, PARTITION_COLUMN, SCHEMA, TABLES, Table
from medcalc_assets.storage.warehouse import WRITTEN

EXAMPLES = 5
VOTES = ("audit_votes", "relabel_votes", "input_votes")


@dataclass(frozen=True, slots=True)
class Check:
    """A rule about an asset's table; `offenders` selects what breaks it. `warns` if that is news, not a defect."""

    asset: str
    name: str
    description: str
    offenders: str
    warns: bool = False

    @property
    def spec(self) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(self.name, asset=self.asset, description=self.description)

    def run(self, connection: duckdb.DuckDBPyConnection) -> dg.AssetCheckResult:
        offenders = connection.sql(self.offenders)
        rows = [str(dict(zip(offenders.columns, row, strict=True))) for row in offenders.fetchall()]
        return dg.AssetCheckResult(
            asset_key=self.asset,
            check_name=self.name,
            passed=not rows,
            severity=dg.AssetCheckSeverity.WARN if self.warns else dg.AssetCheckSeverity.ERROR,
            metadata={
                "offending rows": len(rows),
                **({"for example": dg.MetadataValue.json(rows[:EXAMPLES])} if rows else {}),
            },
        )


def materialized(asset: str) -> str:
    """That the asset has been materialized for a row's calculator: a run beside this one may not have come to it yet."""
    return f"{PARTITION_COLUMN} IN (SELECT {PARTITION_COLUMN} FROM {WRITTEN} WHERE table_name = '{asset}')"


def no_orphans(table: Table) -> Check:
    return Check(
        table.name,
        "no_orphan_uid",
        "Every row belongs to an instance of the source, under its calculator.",
        f"SELECT {', '.join(INSTANCE_KEYS)} FROM {table.name} ANTI JOIN raw_medcalc USING ({', '.join(INSTANCE_KEYS)})",
    )


def one_type_of_answer(table: Table, prefix: str) -> Check:
    return Check(
        table.name,
        f"{prefix}_has_one_type",
        "A number is a number, a date a date, and N/A (an answer) is never null (no answer).",
        f"""SELECT uid, {prefix}_kind, {prefix}_number, {prefix}_date FROM {table.name}
        WHERE ({prefix}_number IS NOT NULL) != coalesce({prefix}_kind = 'number', false)
           OR ({prefix}_date IS NOT NULL) != coalesce({prefix}_kind = 'date', false)
           OR {prefix}_kind NOT IN ('number', 'date', 'na')
           OR isnan({prefix}_number)""",
    )


def every_vote_accounted_for(table: Table, answer: str) -> Check:
    return Check(
        table.name,
        "every_vote_accounted_for",
        f"Each instance has {RUNS} votes of an auditor, numbered from 0, and a vote has an answer unless it failed.",
        f"""SELECT uid, auditor, list(run_index ORDER BY run_index) AS runs FROM {table.name} GROUP BY ALL
        HAVING runs != {list(range(RUNS))}
            OR bool_or((status = 'ok') != ({answer} IS NOT NULL) OR status NOT IN ('ok', 'failed', 'not_cast'))""",
    )


def votes_were_had(table: Table) -> Check:
    return Check(
        table.name,
        "no_vote_was_given_up",
        "Every vote that was asked for got an answer. Run again for those that did not: only they are asked for.",
        f"""SELECT uid, auditor, run_index, rationale FROM {table.name}
        WHERE status = 'failed' AND starts_with(rationale, '{GIVEN_UP}')""",
    )


def answers_are_usable(table: Table) -> Check:
    return Check(
        table.name,
        "no_vote_failed_for_its_answers",
        "No vote failed because its answers were of no use (blocked, truncated, malformed, a note that is too long).",
        f"""SELECT uid, auditor, run_index, rationale FROM {table.name}
        WHERE status = 'failed' AND starts_with(rationale, '{OF_NO_USE}')""",
        warns=True,
    )


def served_as_asked(table: Table) -> Check:
    return Check(
        table.name,
        "served_model_is_the_one_asked_for",
        "The model that answered is the one that was asked, or a version of it.",
        f"""SELECT uid, auditor, model_version FROM {table.name}
        WHERE model_version IS NOT NULL
          AND NOT starts_with(model_version, regexp_replace(auditor, '^openai:|[@#].*$', '', 'g'))""",
        warns=True,
    )


def of_one_version(table: Table) -> Check:
    return Check(
        table.name,
        "votes_are_of_one_version",
        "The votes of an auditor on an instance are of one served version of the model. `auditor_versions` has all of them.",
        f"""SELECT uid, auditor, list(DISTINCT model_version ORDER BY model_version) AS versions FROM {table.name}
        WHERE status = 'ok' AND model_version IS NOT NULL GROUP BY ALL HAVING len(versions) > 1""",
        warns=True,
    )


def tally(table: str, votes: str, counted: str, expected: str) -> Check:
    return Check(
        table,
        "counts_are_those_of_the_votes",
        "The counts are those of the votes, counted again.",
        f"""SELECT uid, auditor FROM {table} AS t LEFT JOIN (
            SELECT uid, auditor, count(*) FILTER (status = 'ok') AS usable,
                   count(*) FILTER (status = 'not_cast') AS spared, {counted} AS counted FROM {votes} GROUP BY ALL
        ) USING (uid, auditor)
        WHERE auditor NOT IN ('{authors.NAME}', '{PANEL}')
          AND (n_votes != coalesce(usable, 0) OR {expected} OR (t.status IN ('likely_error', 'passed', 'high_confidence')
          AND n_votes + spared < {SUPERMAJORITY}))""",
    )


DOUBTED = "(contradicted OR out_of_range OR suspect)"
"""That something other than a relabel speaks against a label."""
PLANTED = tuple(instance.row["Row Number"] for instance in demo.instances() if instance.planted == "aggregation")
VOTES_CHECKS = (served_as_asked, of_one_version, votes_were_had, answers_are_usable)
NO_INSTANCES = ("raw_medcalc", "sampling_plan", "model_outputs", "grades")
"""The source itself, and what was planned or added once, whatever has become of the source."""
ORPHANS = [no_orphans(table) for table in TABLES.values() if "uid" in table.key and table.name not in NO_INSTANCES]
TYPES_OF_ANSWER = [
    one_type_of_answer(table, column.removesuffix("_kind"))
    for table in TABLES.values()
    for column in table.names
    if column.endswith("_kind")
]
CHAIN_CHECKS = [
    Check(
        "raw_medcalc",
        "row_count_of_the_release",
        "All partitions together have as many instances as a split of the release: a file may be cut off between two rows.",
        f"""SELECT count(*) AS instances FROM raw_medcalc WHERE source != 'demo'
        HAVING count(*) NOT IN (0, {", ".join(str(n) for version in VERSIONS.values() for n in version.splits.values())})
           AND (SELECT count(*) FROM {WRITTEN} WHERE table_name = 'raw_medcalc') = {len(KEYS)}""",
        warns=True,
    ),
    Check(
        "raw_medcalc",
        "limits_accept_the_label",
        "The original limits are those of the rule: 5% for decimals, exact for integers.",
        """SELECT uid, label_number, lower_number, upper_number FROM raw_medcalc
        WHERE greatest(abs(lower_number - label_number + margin), abs(upper_number - label_number - margin))
              > 1e-4 * greatest(1, abs(label_number))""".replace(
            "margin", "(CASE output_type WHEN 'decimal' THEN 0.05 * abs(label_number) ELSE 0 END)"
        ),
        warns=True,
    ),
    *ORPHANS,
    *TYPES_OF_ANSWER,
    Check(
        "derivation_audit",
        "one_audit_an_instance",
        "Every instance is audited as its row is now, with a verdict that its values bear out.",
        f"""SELECT uid, 'no row' AS problem FROM raw_medcalc ANTI JOIN derivation_audit USING (uid, row_sha256)
        WHERE {materialized("derivation_audit")}
        UNION ALL SELECT uid, verdict FROM derivation_audit
        WHERE (verdict = 'contradicted' AND published_kind IS NULL) OR (likely_error AND verdict != 'contradicted')""",
    ),
    Check(
        "note_checks",
        "quotes_are_words_of_the_note",
        "What a finding quotes stands in the note of its instance, where the finding says.",
        """SELECT uid, finding, quote FROM note_checks JOIN raw_medcalc USING (uid)
        WHERE quote IS DISTINCT FROM substring(note, quote_start + 1, quote_end - quote_start)""",
    ),
    every_vote_accounted_for(TABLES["audit_votes"], "verdict"),
    every_vote_accounted_for(TABLES["relabel_votes"], "answer_kind"),
    every_vote_accounted_for(TABLES["input_votes"], "inputs"),
    *(check(TABLES[votes]) for check in VOTES_CHECKS for votes in VOTES),
    tally(
        "audit_flags",
        "audit_votes",
        "count(*) FILTER (status = 'ok' AND verdict = 'likely_error')",
        "n_flags != coalesce(counted, 0)",
    ),
    tally("relabels", "relabel_votes", "0", f"(status = 'high_confidence') != (n_agree >= {SUPERMAJORITY})"),
    Check(
        "relabels",
        "one_relabel_an_instance",
        "An auditor who relabels at all has a row for every instance, and a relabel exactly where it is confident.",
        """SELECT uid, auditor, status FROM relabels WHERE (status = 'high_confidence') != (relabel_kind IS NOT NULL)
        UNION ALL SELECT uid, auditor, 'no row' FROM (SELECT DISTINCT auditor, calculator FROM relabels)
        JOIN raw_medcalc USING (calculator) ANTI JOIN relabels USING (uid, auditor)""",
    ),
    Check(
        "disagreement_scores",
        "every_relabel_is_scored",
        "Every high-confidence relabel, and no other, is compared with the original label.",
        f"""SELECT uid, auditor FROM relabels ANTI JOIN disagreement_scores USING (uid, auditor)
        WHERE status = 'high_confidence' AND {materialized("disagreement_scores")}
        UNION ALL SELECT uid, auditor FROM disagreement_scores
        ANTI JOIN (SELECT * FROM relabels WHERE status = 'high_confidence') USING (uid, auditor)""",
    ),
    Check(
        "disagreement_scores",
        "days_are_no_ratios",
        "A row has a discrepancy, a count of days, or neither, as its comparison says.",
        """SELECT uid, comparison, discrepancy, days FROM disagreement_scores
        WHERE (discrepancy IS NOT NULL) != (comparison = 'relative') OR (days IS NOT NULL) != (comparison = 'days')
           OR discrepancy NOT BETWEEN 0 AND 2""",
    ),
    Check(
        "label_evidence",
        "evidence_of_every_instance",
        "Every instance has a row, with the label of the source and the physicians' label.",
        f"""SELECT uid, 'no row' AS problem FROM raw_medcalc ANTI JOIN label_evidence USING (uid, row_sha256)
        WHERE {materialized("label_evidence")}
        UNION ALL SELECT uid, 'physician' FROM physician_consensus AS p LEFT JOIN label_evidence AS e USING (uid)
        WHERE {materialized("label_evidence").replace("calculator IN", "p.calculator IN")}
          AND (e.physician_kind, e.physician_number, e.physician_date)
              IS DISTINCT FROM (p.physician_kind, p.physician_number, p.physician_date)""",
    ),
    Check(
        "adjudication_queue",
        "every_contested_label_is_queued",
        "The queue holds the likely errors, whatever has no high-confidence relabel, and what its own entities contradict.",
        f"""SELECT uid FROM label_evidence ANTI JOIN adjudication_queue USING (uid, auditor)
        WHERE (likely_error IS DISTINCT FROM false OR {DOUBTED}) AND {materialized("adjudication_queue")}
        UNION ALL SELECT uid FROM adjudication_queue AS q LEFT JOIN label_evidence USING (uid, auditor)
        WHERE (q.tier < {SUSPECT_DATE}) != coalesce(likely_error, false) OR (likely_error = false AND NOT {DOUBTED})""",
    ),
    Check(
        "maintained_labels",
        "one_label_an_instance",
        "Every instance has exactly one maintained label.",
        f"SELECT uid FROM raw_medcalc ANTI JOIN maintained_labels USING (uid) WHERE {materialized('maintained_labels')}",
    ),
    Check(
        "maintained_labels",
        "no_change_without_a_reason",
        "Only a physician, a ruling, a relabel or inputs read change a label; unchecked, it is unresolved or contradicted.",
        """SELECT uid, reason FROM maintained_labels AS m
        JOIN (SELECT *, (contradicted AND NOT suspect) OR out_of_range AS refuted FROM label_evidence) AS e USING (uid)
        WHERE (reason IN ('ambiguous', 'confirmed', 'unresolved')
               AND (final_kind IS DISTINCT FROM e.label_kind OR final_number IS DISTINCT FROM e.label_number
                    OR final_date IS DISTINCT FROM e.label_date))
           OR (reason IN ('contradicted', 'unresolved'))
              != (e.relabel_kind IS NULL AND e.reviewer IS NULL AND reason NOT IN ('ruled', 'computed'))
           OR (reason = 'ruled' AND e.ruled_kind IS NULL) OR (reason = 'computed' AND e.computed_kind IS NULL)
           OR (reason = 'contradicted' AND NOT refuted) OR (reason IN ('confirmed', 'unresolved') AND refuted)
           OR (reason = 'contradicted') != (final_kind IS NULL) OR (reason = 'confirmed' AND e.suspect)
           OR (reason = 'ambiguous') != (m.assumptions IS NOT NULL)
           OR m.state != CASE WHEN reason IN ('ambiguous', 'contradicted') THEN reason
                              WHEN final_kind = 'na' THEN 'not_computable' ELSE 'computable' END""",
    ),
    Check(
        "maintained_labels",
        "label_within_its_limits",
        "A maintained number lies within its limits; dates and N/A have none.",
        """SELECT uid, final_number, lower_number, upper_number FROM maintained_labels
        WHERE CASE final_kind WHEN 'number' THEN NOT coalesce(final_number BETWEEN lower_number AND upper_number, false)
              ELSE lower_number IS NOT NULL OR upper_number IS NOT NULL END""",
    ),
]

DEMO_CHECKS = [
    Check(
        "derivation_audit",
        "planted_errors_are_found",
        "In the demo, exactly the labels with a planted aggregation error are contradicted by their own entities.",
        f"SELECT uid, verdict FROM derivation_audit WHERE (verdict = 'contradicted') != (uid IN {PLANTED})",
    )
]

PAPER = {
    "instances": 1047,
    "high_confidence": 887,
    "deferred": 160,
    "contested_numbers": 186,
    "contested_dates": 34,
    "contested_abstentions": 66,
}
"""The figures of arXiv:2512.19691 for the test split."""

FIGURE_CHECKS = [
    Check(
        "physician_agreement",
        "intervals_hold_their_figures",
        "Agreement and sMAPE lie within their intervals, and no more labels agree than were compared.",
        """SELECT label_set FROM physician_agreement WHERE n_agree > n OR smape_n > n
           OR agreement NOT BETWEEN agreement_low - 1e-9 AND agreement_high + 1e-9
           OR smape NOT BETWEEN smape_low - 1e-9 AND smape_high + 1e-9""",
    ),
    Check(
        "error_rates",
        "rates_lie_within_their_bounds",
        "An expected number of wrong labels lies within its interval, which lies within the labels that it is about, and "
        "what is covered and what is not are all labels.",
        """SELECT labels, part, terms, basis FROM error_rates WHERE wrong NOT BETWEEN low - 1e-9 AND high + 1e-9
           OR low < 0 OR high > n OR seen > n
           OR (labels = 'original' AND n + not_covered NOT BETWEEN
               (SELECT count(*) FROM raw_medcalc JOIN written_partitions AS evidence USING (calculator)
                WHERE evidence.table_name = 'label_evidence' AND evidence.written_at
                    <= (SELECT min(first.written_at) FROM written_partitions AS first JOIN written_partitions AS rates
                        USING (run_id) WHERE rates.table_name = 'error_rates'))
               AND (SELECT count(*) FROM raw_medcalc))""",  # a run beside may write evidence while they are being made
    ),
    Check(
        "benchmark_summary",
        "figures_add_up",
        "Instances, confident and deferred relabels, and maintained labels add up for every calculator.",
        """SELECT calculator FROM benchmark_summary WHERE high_confidence + deferred > instances
           OR likely_errors != contested_numbers + contested_dates + contested_abstentions
           OR likely_errors > high_confidence
           OR changed + unresolved > instances
           OR instances != (SELECT count(*) FROM raw_medcalc WHERE calculator = benchmark_summary.calculator)""",
    ),
    Check(
        "benchmark_summary",
        "figures_of_the_paper",
        "With the authors' relabels of the whole test split, the figures are those of the paper.",
        f"""SELECT {", ".join(f"sum({name}) AS {name}" for name in PAPER)} FROM benchmark_summary
        WHERE auditor = '{authors.NAME}' HAVING count(*) = {len(KEYS)}
           AND ({" OR ".join(f"sum({name}) != {figure}" for name, figure in PAPER.items())})""",
        warns=True,
    ),
]


def checks_of(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks of the chain and of the figures: of any benchmark, or also of the demo, whose truth is known."""
    of_demo = DEMO_CHECKS if settings.benchmark.is_demo else []
    return [_step("chain_checks", [*CHAIN_CHECKS, *of_demo]), _step("figure_checks", FIGURE_CHECKS)]


def _step(name: str, checks: list[Check]) -> dg.AssetChecksDefinition:
    """One step for all of them, as each would open the warehouse."""

    @dg.multi_asset_check(name=name, specs=[check.spec for check in checks], can_subset=True)
    def run(context: dg.AssetCheckExecutionContext, settings: Settings) -> Iterator[dg.AssetCheckResult]:
        selected = context.selected_asset_check_keys
        with settings.warehouse.connect(read_only=True) as connection:
            connection.execute(f"USE {SCHEMA}")
            for check in checks:
                if check.spec.key in selected:
                    yield check.run(connection)

    return run
