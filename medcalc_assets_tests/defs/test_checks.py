import pytest

from medcalc_assets.calculators import KEYS
from medcalc_assets.defs.checks import CHAIN_CHECKS, DEMO_CHECKS, FIGURE_CHECKS
from medcalc_assets.storage.tables import SCHEMA

CHECKS = {(check.asset, check.name): check for check in (*CHAIN_CHECKS, *DEMO_CHECKS, *FIGURE_CHECKS)}

HARM = {
    ("raw_medcalc", "row_count_of_the_release"): "UPDATE raw_medcalc SET source = 'cut.csv'",
    ("raw_medcalc", "limits_accept_the_label"): "UPDATE raw_medcalc SET upper_number = upper_number + 1 WHERE uid = 1",
    ("raw_medcalc", "label_has_one_type"): "UPDATE raw_medcalc SET label_kind = 'na' WHERE uid = 1",
    ("derivation_audit", "no_orphan_uid"): "UPDATE derivation_audit SET uid = 9999 WHERE uid = 1",
    ("derivation_audit", "label_has_one_type"): "UPDATE derivation_audit SET label_kind = 'date' WHERE uid = 1",
    ("derivation_audit", "published_has_one_type"): "UPDATE derivation_audit SET published_kind = NULL",
    ("derivation_audit", "original_rule_has_one_type"): "UPDATE derivation_audit SET original_rule_number = 1",
    ("derivation_audit", "one_audit_an_instance"): "UPDATE derivation_audit SET likely_error = true",
    ("derivation_audit", "planted_errors_are_found"): "UPDATE derivation_audit SET verdict = 'reproduced'",
    ("note_checks", "no_orphan_uid"): "UPDATE note_checks SET uid = 9999 WHERE uid = 1",
    ("note_checks", "quotes_are_words_of_the_note"): "UPDATE note_checks SET quote_start = quote_start + 1 WHERE uid = 1",
    ("adjudication_queue", "candidate_has_one_type"): "UPDATE adjudication_queue SET candidate_kind = 'date'",
    ("audit_votes", "no_orphan_uid"): "UPDATE audit_votes SET uid = 9999 WHERE uid = 1",
    ("audit_flags", "no_orphan_uid"): "UPDATE audit_flags SET calculator = 'apgar' WHERE uid = 1",
    ("relabel_votes", "no_orphan_uid"): "UPDATE relabel_votes SET calculator_id = 3 WHERE uid = 1",
    ("input_votes", "no_orphan_uid"): "UPDATE input_votes SET uid = uid + 9999",
    ("input_consensus", "no_orphan_uid"): "UPDATE input_consensus SET uid = uid + 9999",
    ("input_consensus", "computed_has_one_type"): "UPDATE input_consensus SET computed_kind = 'text'",
    ("label_evidence", "computed_has_one_type"): "UPDATE label_evidence SET computed_kind = 'text'",
    ("input_votes", "every_vote_accounted_for"): "UPDATE input_votes SET inputs = NULL WHERE status = 'ok'",
    ("relabels", "no_orphan_uid"): "UPDATE relabels SET uid = 9999 WHERE uid = 1",
    ("disagreement_scores", "no_orphan_uid"): "UPDATE disagreement_scores SET uid = uid + 9999",
    ("label_evidence", "no_orphan_uid"): "UPDATE label_evidence SET uid = uid + 9999",
    ("label_evidence", "label_has_one_type"): "UPDATE label_evidence SET label_kind = 'text'",
    ("label_evidence", "published_has_one_type"): "UPDATE label_evidence SET published_kind = 'na'",
    ("label_evidence", "relabel_has_one_type"): "UPDATE label_evidence SET relabel_date = '2024-01-01'",
    (
        "grades",
        "answer_has_one_type",
    ): """INSERT INTO grades (uid, calculator_id, calculator, run, model, family, key, outcome,
        answer_kind, strict, lenient, extracted_right)
        VALUES (1, 2, 'a', 'r', 'm', 'f', 'k', 'value', 'date', true, true, true)""",
    ("label_evidence", "ruled_has_one_type"): "UPDATE label_evidence SET ruled_kind = 'number'",
    ("label_evidence", "physician_has_one_type"): "UPDATE label_evidence SET physician_kind = 'number'",
    ("adjudication_queue", "no_orphan_uid"): "UPDATE adjudication_queue SET uid = uid + 9999",
    ("review_orders", "no_orphan_uid"): "UPDATE review_orders SET uid = uid + 9999",
    ("physician_labels", "no_orphan_uid"): "UPDATE physician_labels SET uid = uid + 9999",
    ("label_events", "no_orphan_uid"): "UPDATE label_events SET uid = 9999 WHERE uid = 1",
    ("physician_consensus", "no_orphan_uid"): "UPDATE physician_consensus SET uid = uid + 9999",
    ("maintained_labels", "no_orphan_uid"): "UPDATE maintained_labels SET uid = 9999 WHERE uid = 1",
    ("relabel_votes", "answer_has_one_type"): "UPDATE relabel_votes SET answer_kind = NULL WHERE status = 'ok'",
    ("relabels", "relabel_has_one_type"): "UPDATE relabels SET relabel_number = 'nan' WHERE relabel_kind = 'number'",
    ("disagreement_scores", "label_has_one_type"): "UPDATE disagreement_scores SET label_kind = 'text'",
    ("disagreement_scores", "relabel_has_one_type"): "UPDATE disagreement_scores SET relabel_date = '2024-01-01'",
    ("physician_labels", "physician_has_one_type"): "UPDATE physician_labels SET physician_kind = 'number'",
    ("physician_consensus", "physician_has_one_type"): "UPDATE physician_consensus SET physician_kind = 'number'",
    ("maintained_labels", "final_has_one_type"): "UPDATE maintained_labels SET final_number = NULL",
    ("audit_votes", "every_vote_accounted_for"): "DELETE FROM audit_votes WHERE uid = 2 AND run_index = 3",
    ("relabel_votes", "every_vote_accounted_for"): "UPDATE relabel_votes SET status = 'lost' WHERE uid = 3",
    ("audit_votes", "served_model_is_the_one_asked_for"): "UPDATE audit_votes SET model_version = 'another' WHERE uid = 1",
    **{
        (votes, "votes_are_of_one_version"): f"UPDATE {votes} SET model_version = run_index::VARCHAR"
        for votes in ("audit_votes", "relabel_votes", "input_votes")
    },
    **{
        (votes, "served_model_is_the_one_asked_for"): f"UPDATE {votes} SET model_version = 'another'"
        for votes in ("relabel_votes", "input_votes")
    },
    **{
        (votes, check): f"UPDATE {votes} SET status = 'failed', rationale = '{why}'"
        for votes in ("audit_votes", "relabel_votes", "input_votes")
        for check, why in (
            ("no_vote_was_given_up", "given up after 8 attempts, the last: HTTP 503"),
            ("no_vote_failed_for_its_answers", "no usable answer in 4, the last: empty"),
        )
    },
    ("audit_flags", "counts_are_those_of_the_votes"): "UPDATE audit_flags SET n_flags = 6 WHERE uid = 1",
    ("relabels", "counts_are_those_of_the_votes"): "UPDATE relabels SET n_votes = 6 WHERE uid = 1",
    ("relabels", "one_relabel_an_instance"): "DELETE FROM relabels WHERE uid = 2",
    ("disagreement_scores", "every_relabel_is_scored"): "DELETE FROM disagreement_scores WHERE uid = 1",
    ("disagreement_scores", "days_are_no_ratios"): "UPDATE disagreement_scores SET days = 3 WHERE comparison = 'relative'",
    ("label_evidence", "evidence_of_every_instance"): "UPDATE physician_consensus SET physician_number = 1e6",
    ("adjudication_queue", "every_contested_label_is_queued"): "DELETE FROM adjudication_queue",
    ("maintained_labels", "one_label_an_instance"): "DELETE FROM maintained_labels WHERE uid = 6",
    ("maintained_labels", "no_change_without_a_reason"): "UPDATE maintained_labels SET reason = 'confirmed'",
    ("maintained_labels", "label_within_its_limits"): "UPDATE maintained_labels SET upper_number = NULL",
    ("physician_agreement", "intervals_hold_their_figures"): "UPDATE physician_agreement SET agreement = agreement - 1",
    ("error_rates", "rates_lie_within_their_bounds"): "UPDATE error_rates SET not_covered = not_covered - 1",
    ("benchmark_summary", "figures_add_up"): "UPDATE benchmark_summary SET instances = 0",
    ("benchmark_summary", "figures_of_the_paper"): "UPDATE benchmark_summary SET auditor = 'authors'",
}


def test_every_check_has_a_harm_that_it_finds():
    assert set(HARM) == set(CHECKS)


@pytest.mark.parametrize(("asset", "name"), HARM)
def test_a_check_passes_on_the_demo_and_finds_the_harm(demo, asset, name):
    with demo.settings.warehouse.connect() as connection:
        connection.execute(f"USE {SCHEMA}")
        assert CHECKS[asset, name].run(connection).passed
        connection.begin()
        connection.execute(HARM[asset, name])
        result = CHECKS[asset, name].run(connection)
        connection.rollback()
    assert not result.passed
    assert result.metadata["offending rows"].value > 0


def test_error_rates_may_lack_what_another_run_wrote_while_they_were_being_made(demo):
    check = CHECKS["error_rates", "rates_lie_within_their_bounds"]
    of_rates = "SELECT written_at FROM written_partitions WHERE table_name = 'error_rates'"
    with demo.settings.warehouse.connect() as connection:
        connection.execute(f"USE {SCHEMA}")
        connection.begin()
        connection.execute("UPDATE error_rates SET not_covered = not_covered - 6 WHERE labels = 'original'")
        assert not check.run(connection).passed
        connection.execute(
            f"UPDATE written_partitions SET written_at = ({of_rates}) - INTERVAL 1 MICROSECOND "
            "WHERE table_name = 'label_evidence' AND calculator = ?",
            [KEYS[0]],
        )
        assert check.run(connection).passed
        connection.rollback()
