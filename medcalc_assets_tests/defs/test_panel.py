"""Two families vote on the demo against servers on this machine, and decide together."""

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.calculators import KEYS
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.settings import ProjectSettings, SettingsError
from medcalc_assets_tests.cli import document, medcalc
from medcalc_assets_tests.defs.test_gemini import knows_the_demo
from medcalc_assets_tests.openai_server import OpenAIServer


@pytest.fixture
def qwen(gemini):
    with OpenAIServer(models=["qwen3-8b"], answer=knows_the_demo) as server:
        gemini.answer = knows_the_demo
        yield server


@pytest.fixture
def panel(start_chain, qwen):
    return start_chain(auditor=f"gemini-2.5-pro,openai:qwen3-8b@{qwen.url}/v1")


def differs(ask):
    """The demo's truth, but for half of the notes another number, always the same."""
    answer = knows_the_demo(ask)
    if ask.task == "audit" or len(ask.fields["note"]) % 2:
        return answer
    return {"answer": "N/A" if parse_label(answer["answer"]).kind != "na" else "1"}


def test_both_families_vote_and_the_panel_decides_where_they_agree(panel, gemini, qwen):
    qwen.answer = differs
    panel.run(KEYS[:3])
    assert [check.check_name for check in panel.checks if not check.passed] == []
    names = {"gemini-2.5-pro", panel.settings.voters[1]}
    for table in ("audit_votes", "relabel_votes"):
        assert set(panel.read(table)["auditor"]) == names
    relabels = panel.read("relabels")
    assert set(relabels["auditor"]) == names | {"panel"}
    sure = relabels.filter(status="high_confidence").with_columns(value=pl.struct("relabel_kind", "relabel_number"))
    by = {name: dict(sure.filter(auditor=name).select("uid", "value").iter_rows()) for name in (*names, "panel")}
    first, second = (by[name] for name in sorted(names))
    assert by["panel"] == {uid: value for uid, value in first.items() if second.get(uid) == value}
    assert 0 < len(by["panel"]) < len(first)
    flags = panel.read("audit_flags")
    assert flags.filter(auditor="panel").height == 18
    assert set(panel.read("maintained_labels")["auditor"]) == {"panel"}
    assert set(panel.read("label_evidence").filter(relabel_status="high_confidence")["uid"]) == set(by["panel"])
    asked = len(gemini.asked) + len(qwen.asked)
    panel.run(KEYS[:3])
    assert len(gemini.asked) + len(qwen.asked) == asked, "what the ledger holds is not asked again"


def test_the_home_remembers_who_the_panel_is(panel, tmp_path):
    panel.settings.remember()
    settings = ProjectSettings(home=panel.settings.home)
    assert panel.settings.labels_made_with["auditor"] == ",".join(panel.settings.voters)
    with pytest.raises(SettingsError, match=r"were made with 'gemini-2\.5-pro,openai:qwen3-8b@.*': leave it out"):
        settings.model_copy(update={"auditor": "gemini-2.5-pro"}).require_unchanged()


@pytest.mark.parametrize(
    ("auditors", "why"),
    [
        ("gemini-2.5-pro,gemini-3.1-pro-preview", "all of the family gemini, whose errors go together: add a model of"),
        ("authors,gemini-2.5-pro", "all of the family gemini"),
        ("gemini-2.5-pro,none", "none is nobody's company. Leave it out"),
        ("gemini-2.5-pro,gpt-5", "(--auditor) is 'gpt-5': it may be"),
        ("gemini-2.5-pro,", "(--auditor) is '': it may be"),
    ],
)
def test_a_panel_that_cannot_decide_is_refused_before_anything_starts(auditors, why):
    with pytest.raises(SettingsError) as refused:
        ProjectSettings(auditor=auditors)
    assert why in str(refused.value)


def test_each_model_of_a_panel_is_estimated_and_one_without_search_is_called_that(qwen):
    shown = medcalc("estimate", "--auditor", f"gemini-2.5-pro,openai:qwen3-8b@{qwen.url}/v1")
    assert shown.exit_code == 0, shown.output
    told = " ".join(shown.output.split())
    assert "Votes of gemini-2.5-pro, in US dollars ┏" in told
    assert f"Votes of openai:qwen3-8b@{qwen.url}/v1, without search" in told


def test_the_estimate_counts_readers_of_what_the_panel_contests_and_may_come_to_contest(panel, qwen):
    qwen.answer = differs
    panel.run(KEYS[:4])
    relabels, scores = (panel.read(name).filter(auditor="panel") for name in ("relabels", "disagreement_scores"))
    contested, deferred = scores.filter("likely_error").height, relabels.filter(status="deferred").height
    asked = contested + deferred
    judged, everything = relabels.height, len(original_rows())
    unknown = everything - judged
    assert panel.read("input_votes")["uid"].n_unique() == asked
    env = {"MEDCALC_HOME": panel.settings.home, "MEDCALC_AUDITOR": ",".join(panel.settings.voters)}
    documents = document("estimate", **env)
    for found in (each["phases"]["inputs"] for each in documents):
        assert found["instances"] == asked + unknown
        assert found["instances_expected"] == pytest.approx(asked + asked / judged * unknown)
        assert (found["settled"], found["calls_least"], found["calls_most"]) == (asked, 0, 5 * unknown)
    told = " ".join(medcalc("estimate", **env).output.split())
    assert f"inputs │ ~{documents[0]['phases']['inputs']['instances_expected']:,.0f} of {asked + unknown} │ {asked}" in told
    for chosen, instances in (("all", everything), ("none", None)):
        (first, _) = document("estimate", MEDCALC_INPUT_VOTES=chosen, **env)
        assert first["phases"].get("inputs", {}).get("instances_expected") == instances
