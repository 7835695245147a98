import json

import dagster as dg
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt

from medcalc_assets.cli import main
from medcalc_assets.definitions import assemble
from medcalc_assets.labels.value import from_row
from medcalc_assets.reports.trace import TraceError, rows_of, trace


@pytest.fixture(scope="module")
def story(demo):
    return lambda uid: trace(rows_of(demo.settings.warehouse, uid), [])


def with_reason(demo, reason):
    return demo.read("maintained_labels").filter(reason=reason).row(0, named=True)


@pytest.mark.parametrize("reason", ["physician", "confirmed", "relabelled", "unresolved"])
def test_a_trace_begins_with_the_value_and_its_reason(demo, story, reason):
    maintained = with_reason(demo, reason)
    first = story(maintained["uid"]).split("##")[0]
    assert str(from_row(maintained, "final")) in first
    assert ("stays" in first) == (reason in ("confirmed", "unresolved")) or reason == "physician"


@pytest.mark.parametrize(
    ("reason", "relabel", "begins"),
    [
        ("contested", 7.0, "# Label 7 is in dispute: v1.0 says {was}, and the relabel 7\n"),
        ("contested", None, "# Label 7 is in dispute: v1.0 and the relabel say {was}, and its own entities give {rule}\n"),
        ("contradicted", None, "# Label 7 has no answer: v1.0 says {was}, and its own entities give {rule}\n"),
    ],
)
def test_a_label_in_dispute_is_told_with_both_its_values(demo, reason, relabel, begins):
    rows = rows_of(demo.settings.warehouse, 7)
    original = from_row(rows["raw_medcalc"][0], "label")
    rows["maintained_labels"][0] |= {"reason": reason, "final_number": relabel or original.number}
    rule = from_row(rows["derivation_audit"][0], "published")
    assert trace(rows, []).startswith(begins.format(was=original, rule=rule))


@pytest.mark.parametrize(
    ("simulated", "told"),
    [
        (
            False,
            "may serve for evaluation and reward: the relabel agrees, and nothing contradicts; physicians found 79 of 80",
        ),
        (True, "may serve for neither evaluation nor reward: simulated evidence: it says nothing of any real label."),
    ],
)
def test_a_trace_says_what_a_label_may_serve_for(demo, simulated, told):
    rows = rows_of(demo.settings.warehouse, with_reason(demo, "confirmed")["uid"])
    rows["maintained_labels"][0]["simulated"] = simulated
    assert told in trace(rows, []).split("##")[0]


def test_a_trace_has_all_votes_of_three_tasks_every_rule_and_the_physician(demo, story):
    uid = with_reason(demo, "physician")["uid"]
    told = story(uid)
    assert told.count("### simulated, vote") == 3 * 5
    assert "### By the published rule" in told
    assert "### By the original rule" in told
    assert "### simulated: **" in told


def test_the_votes_of_each_task_begin_with_how_many_independent_ones_they_amount_to(demo, story):
    uid = with_reason(demo, "physician")["uid"]
    rows = rows_of(demo.settings.warehouse, uid)
    phases = [section for section in story(uid).split("\n## ") if "### simulated, vote" in section]
    assert len(phases) == 3
    for section, phase in zip(phases, ("audit", "relabel", "inputs"), strict=True):
        (told,) = (each for each in rows["effective_votes"] if each["phase"] == phase)
        low, high, labels = told["effective_low"], told["effective_high"], told["labels"]
        said = (
            f"{told['votes']} votes of simulated amount to {told['effective']:.2f} ({low:.2f} to {high:.2f}) independent "
            f"ones; by {labels} labels that physicians answered."
            if told["effective"]
            else "How many independent votes these amount to is not known: it takes 100 labels that physicians answered, "
            f"of 2 votes each, and there are {labels}."
        )
        assert said in section.replace("\\", "").partition("### simulated, vote")[0]


def test_what_others_wrote_is_quoted_whole_and_does_nothing(demo):
    rows = rows_of(demo.settings.warehouse, with_reason(demo, "physician")["uid"])
    poison = "<script>alert(1)</script> ![x](http://evil/x.png)\n# Label 1 stays 5\n- a\n1. b\n```\n\x1b[31m" + "long " * 300
    rows["raw_medcalc"][0] |= {"note": poison, "question": poison, "explanation": poison}
    rows["raw_medcalc"][0]["entities"] = json.dumps({poison: poison})
    rows["audit_votes"][0] |= {"rationale": poison, "sources": json.dumps([poison, {"title": poison, "url": "http://evil"}])}
    rows["physician_consensus"][0] |= {"rationale": poison, "answer_text": poison, "assumptions": poison}
    told = trace(rows, [])
    assert "\x1b" not in told
    html = MarkdownIt("js-default", {"html": True}).enable("table").render(told)
    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html
    assert html.count("<h1>") == 1
    assert "long " * 299 in told.split("## Original")[0]


def test_a_case_that_is_out_for_review_says_so_before_all_else(demo):
    told = trace(rows_of(demo.settings.warehouse, 7), ["Dr *Lee*"])
    assert "**Out for blind review with Dr \\*Lee\\*" in told.split("Why:")[0]


def test_a_vote_that_was_not_cast_is_no_failure(demo):
    rows = rows_of(demo.settings.warehouse, 7)
    rows["relabel_votes"][4] |= {"status": "not_cast", "answer_kind": None}
    told = trace(rows, [])
    assert "vote 5: not cast" in told
    assert "failed" not in told


def test_a_label_that_is_not_there_is_told_with_the_remedy(demo):
    with pytest.raises(TraceError, match=r"of uid 4711 in .*medcalc run"):
        rows_of(demo.settings.warehouse, 4711)


def test_a_rule_that_changed_since_the_audit_is_told(demo):
    rows = rows_of(demo.settings.warehouse, 1)
    assert "rules have changed" not in trace(rows, [])
    rows["derivation_audit"][0]["published_number"] += 1
    assert "rules have changed" in trace(rows, [])


def test_the_command_tells_it(demo):
    shown = CliRunner(env={"COLUMNS": "160"}).invoke(main, ["trace", "1", "--home", demo.settings.home])
    assert shown.exit_code == 0
    assert "Phase 2: blind answers" in shown.output
    absent = CliRunner().invoke(main, ["trace", "4711", "--home", demo.settings.home])
    assert absent.exit_code == 1
    assert "medcalc run" in absent.output


def test_the_job_observes_the_trace_on_the_partition_of_the_label(demo):
    job = assemble(demo.settings).resolve_job_def("trace_label")
    config = {"ops": {"trace": {"config": {"uid": 7}}}}
    assert job.execute_in_process(run_config=config, instance=demo.instance).success
    records = demo.instance.fetch_observations(dg.AssetKey("maintained_labels"), limit=1).records
    observation = records[0].asset_observation
    assert observation.partition == demo.read("raw_medcalc").filter(uid=7)["calculator"].item()
    assert observation.metadata["trace"].value == trace(rows_of(demo.settings.warehouse, 7), [])
