"""An edit of the code makes stale what reaches it, and nothing else."""

import shutil
from pathlib import Path

import pytest

from medcalc_assets.defs.code_version import PACKAGE, Sources
from medcalc_assets.storage.tables import TABLES

DEFS = PACKAGE / "defs"


def versions(package: Path) -> dict[str, str]:
    """The code version of every table whose asset is a function of its name."""
    sources, found = Sources(package), {}
    for module in sorted((package / "defs").glob("[!_]*.py")):
        name = f"{package.name}.defs.{module.stem}"
        for table in TABLES.keys() & sources.module(name).definitions.keys():
            found[table] = sources.code_version(name, table)
    return found


@pytest.fixture(scope="module")
def before():
    return versions(PACKAGE)


@pytest.fixture
def stale(before, tmp_path):
    """The tables that an edit of a file makes stale."""

    def after(file: str, old: str, new: str) -> set[str]:
        copy = tmp_path / PACKAGE.name
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        text = (copy / file).read_text(encoding="utf-8")
        assert old in text
        (copy / file).write_text(text.replace(old, new), encoding="utf-8")
        return {name for name, version in versions(copy).items() if version != before[name]}

    return after


def test_every_table_of_a_function_has_a_code_version(before):
    assert before.keys() == TABLES.keys() - {"label_releases"}  # which comes from `freeze`, with its candidate


VOTES = {"audit_votes", "relabel_votes", "input_votes"}
FROM_DEMO = {*VOTES, "raw_medcalc", "quarantine", "physician_labels"}
"""Made by code that also makes the demo, and with it by its rules, labels and limits."""


@pytest.mark.parametrize(
    ("file", "old", "new", "tables"),
    [
        (
            "labels/limits.py",
            "TOLERANCE = 0.05",
            "TOLERANCE = 0.10",
            FROM_DEMO
            | {"derivation_audit", "note_checks", "disagreement_scores", "label_evidence", "maintained_labels"}
            | {
                "physician_consensus",
                "physician_agreement",
                "track_record",
                "review_orders",
                "sampling_plan",
                "error_rates",
                "rule_cards",
                "rulings",
                "grades",
                "effective_votes",
                "input_consensus",
            },
        ),
        (
            "labels/voting.py",
            "SUPERMAJORITY = 4",
            "SUPERMAJORITY = 3",
            {*VOTES, "audit_flags", "relabels", "llm_calls", "input_consensus"},
        ),
        (
            "auditors/gemini/replies.py",
            '"MAX_TOKENS"',
            '"MAX_LENGTH"',
            {*VOTES, "llm_calls"},
        ),
        ("labels/queue.py", "nulls_last=True", "nulls_last=False", {"adjudication_queue", "review_orders"}),
        (
            "labels/decision.py",
            '"contested": error.is_not_null()',
            '"contested": error',
            {"maintained_labels", "sampling_plan", "error_rates", "grades"},
        ),
        ("statistics/estimates.py", "10_000", "1_000", {"physician_agreement", "effective_votes"}),
        ("physicians/consensus.py", "len(answers) / 2", "len(answers) / 3", {"physician_consensus"}),
        ("reports/history.py", '"withdrawn: it no longer holds"', '"gone"', {"label_events"}),
        ("labels/limits.py", '"""Lowest and highest', '# Of a label.\n    """The lowest and highest', set()),
    ],
)
def test_an_edit_makes_stale_what_reaches_it(stale, file, old, new, tables):
    assert stale(file, old, new) == tables


def test_a_rule_is_reached_by_the_audit_of_the_labels(stale):
    assert stale("calculators/renal.py", "175", "176") >= {"derivation_audit"}


def test_a_method_of_the_settings_does_not_reach_all_of_them(stale):
    assert stale("defs/settings.py", "sample(instances", "sample(raw_medcalc") == VOTES


def test_what_a_class_inherits_is_reached_by_what_uses_it(stale):
    """`Settings` has `auditor_that_counts` from the settings that are without Dagster."""
    found = stale("settings.py", "return simulated.NAME", "return NO_AUDITOR")
    assert {"audit_votes", "disagreement_scores", "maintained_labels"} <= found
    assert not found & {"raw_medcalc", "derivation_audit"}
