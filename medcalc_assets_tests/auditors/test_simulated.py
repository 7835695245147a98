import pytest

from medcalc_assets.auditors.protocol import Derivation, Question
from medcalc_assets.auditors.simulated import SimulatedAuditor
from medcalc_assets.benchmarks.demo import original_rows, stated, truth
from medcalc_assets.defs.settings import Settings, Votes
from medcalc_assets.labels.voting import RUNS
from medcalc_assets.settings import ProjectSettings, SettingsError


def test_simulated_votes_are_always_the_same_and_mostly_right():
    auditor = SimulatedAuditor(truth(), stated())
    questions = [Question(row["Row Number"], row["Patient Note"], row["Question"]) for row in original_rows()]
    votes = list(auditor.relabel(questions))
    assert votes == list(auditor.relabel(questions))
    assert len(votes) == RUNS * len(questions)
    right = [vote.answer == truth()[vote.uid] for vote in votes if vote.status == "ok"]
    assert 0.85 < sum(right) / len(right) < 0.98
    assert any(vote.status == "failed" for vote in votes)


def test_a_simulated_audit_flags_what_differs_from_the_truth():
    auditor = SimulatedAuditor({1: truth()[1]}, {})
    derivation = Derivation(1, "note", "question", "{}", "-99", "explanation")
    flags = [vote.verdict for vote in auditor.audit([derivation])]
    assert flags.count("likely_error") >= 4


def test_simulated_votes_are_refused_on_real_data():
    real = Settings(source="real.csv", auditor="none")
    with pytest.raises(SettingsError, match="votes:config:auditor is 'simulated', which knows the truth of the demo"):
        real.casters_of_votes("audit", Votes(auditor="simulated"), "run")
    with pytest.raises(SettingsError, match=r"MEDCALC_AUDITOR \(--auditor\) is 'simulated', which knows the truth"):
        Settings(source="real.csv", auditor="simulated")


def test_an_unknown_auditor_is_refused():
    with pytest.raises(SettingsError, match="'oracle': it may be simulated, authors, none, or a model"):
        Settings(auditor="oracle")
    with pytest.raises(SettingsError, match="config:auditor is 'oracle': it may be simulated, authors, none, or a model"):
        Votes(auditor="oracle")


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
    assert ProjectSettings(source=source, authors=authors, auditor=auditor).auditor_that_counts == counts
