import pytest
from dagster import DagsterRun

from medcalc_assets.auditors.protocol import Derivation, Question
from medcalc_assets.auditors.simulated import SimulatedAuditor
from medcalc_assets.benchmarks.demo import original_rows, truth
from medcalc_assets.defs.settings import Settings, SettingsError
from medcalc_assets.labels.voting import RUNS


def test_simulated_votes_are_always_the_same_and_mostly_right():
    auditor = SimulatedAuditor(truth())
    questions = [Question(row["Row Number"], row["Patient Note"], row["Question"]) for row in original_rows()]
    votes = list(auditor.relabel(questions))
    assert votes == list(auditor.relabel(questions))
    assert len(votes) == RUNS * len(questions)
    right = [vote.answer == truth()[vote.uid] for vote in votes if vote.status == "ok"]
    assert 0.85 < sum(right) / len(right) < 0.98
    assert any(vote.status == "failed" for vote in votes)


def test_a_simulated_audit_flags_what_differs_from_the_truth():
    auditor = SimulatedAuditor({1: truth()[1]})
    derivation = Derivation(1, "note", "question", "{}", "-99", "explanation")
    flags = [vote.verdict for vote in auditor.audit([derivation])]
    assert flags.count("likely_error") >= 4


def test_simulated_votes_are_refused_on_real_data():
    settings = Settings(home="x", source="real.csv", authors="", auditor="simulated")
    with pytest.raises(SettingsError, match="knows the truth of the demo only"):
        settings.casters_of_votes("audit", DagsterRun("job"))


def test_an_unknown_auditor_is_refused():
    settings = Settings(home="x", source="demo", authors="", auditor="oracle")
    with pytest.raises(SettingsError, match="'oracle': it may be simulated, authors, none, or the id"):
        settings.casters_of_votes("audit", DagsterRun("job"))


@pytest.mark.parametrize(
    ("source", "authors", "auditor", "counts"),
    [
        ("demo", "", "", "simulated"),
        ("hf", "", "", "none"),
        ("hf", "folder", "", "authors"),
        ("hf", "folder", "none", "none"),
    ],
)
def test_whose_relabels_count_follows_from_the_settings(source, authors, auditor, counts):
    assert Settings(home="x", source=source, authors=authors, auditor=auditor).auditor_that_counts == counts
