import re
from collections import Counter
from functools import partial
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from click.testing import CliRunner

from medcalc_assets.auditors.budget import BudgetError
from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.openai import client
from medcalc_assets.auditors.tasks import AUDIT, RELABEL
from medcalc_assets.benchmarks.demo import original_rows, truth
from medcalc_assets.calculators import KEYS
from medcalc_assets.cli import CHECK_FAILED, main
from medcalc_assets.definitions import assemble
from medcalc_assets.defs import auditors, phase1_audit, phase2_relabel
from medcalc_assets.defs.settings import Settings, Votes
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets_tests.gemini_server import KEY, Ask
from medcalc_assets_tests.openai_server import KEY as OPENAI_KEY
from medcalc_assets_tests.openai_server import OpenAIServer

UID = {row["Patient Note"]: row["Row Number"] for row in original_rows()}


def knows_the_demo(ask: Ask) -> dict:
    """Right most of the time. The demo's notes are all different."""
    right, errs = truth()[UID[ask.fields["note"]]], ask.chance().random() < 0.1
    if ask.task == "relabel":
        return {"answer": "N/A" if errs else str(right)}
    wrong = parse_label(ask.fields["label_text"]) != right
    return (
        {"verdict": "likely_error", "error_type": "aggregation_logic"}
        if wrong != errs
        else {"verdict": "passed", "error_type": None}
    )


@pytest.fixture
def chain(start_chain, gemini):
    assert len(UID) == len(original_rows())
    gemini.answer = knows_the_demo
    return start_chain(auditor="gemini-2.5-pro")


def change(chain, **settings):
    chain.settings = Settings(**{name: getattr(chain.settings, name) for name in Settings.model_fields} | settings)


def metadata(chain, name, key=None):
    selected = dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[key] if key else None)
    event = chain.instance.fetch_materializations(selected, limit=1).records[0].asset_materialization
    return {label: value.value for label, value in event.metadata.items()}


def everything_written(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_figures_of_a_partition_are_those_of_the_auditor_that_counts(chain):
    """`simulated` has voted on all of the demo before, and its relabels and scores stand beside ours."""
    change(chain, auditor="simulated")
    chain.run(KEYS[:1])
    job, tags = assemble(chain.settings).resolve_job_def("chain"), {"dagster/partition": KEYS[0]}
    config = dg.RunConfig(resources={"votes": Votes(auditor="gemini-2.5-pro")})
    assert job.execute_in_process(instance=chain.instance, tags=tags, run_config=config).success
    for name, figure, of_figure in (
        ("audit_flags", "likely_errors", pl.col("status") == "likely_error"),
        ("relabels", "high_confidence", pl.col("status") == "high_confidence"),
        ("disagreement_scores", "likely_errors", pl.col("likely_error")),
    ):
        by_auditor = dict(chain.read(name).filter(of_figure)["auditor"].value_counts().iter_rows())
        assert by_auditor.keys() == {"simulated", "gemini-2.5-pro"}
        assert metadata(chain, name, KEYS[0])[figure] == by_auditor["simulated"]


def test_the_chain_with_a_gemini_auditor(chain, gemini):
    """Both phases, from the benchmark to maintained labels; then again, without a single call."""
    gemini.fault = lambda ask: "503" if ask.nth == 0 and ask.chance("fault").random() < 0.1 else None
    chain.run(KEYS[:3])
    assert [check.check_name for check in chain.checks if not check.passed] == []
    votes = {name: chain.read(name) for name in ("audit_votes", "relabel_votes", "input_votes")}
    evidence = chain.read("label_evidence")
    doubted = evidence.filter(pl.col("likely_error") | (pl.col("relabel_status") == "deferred")).height
    for name, frame in votes.items():
        assert frame.height == 5 * (doubted if name == "input_votes" else 18)
        assert set(frame["auditor"]) == {"gemini-2.5-pro"}
        assert {"ok", "not_cast"} <= set(frame["status"])
        shown = metadata(chain, name, KEYS[0])
        of_key = frame.filter(calculator=KEYS[0])
        assert shown["calls"] == of_key["calls"].sum()
        assert shown["calls saved"] == of_key.filter(status="not_cast").height > 0
        assert shown["cost in USD"] == pytest.approx(of_key["cost_usd"].sum())
        assert shown["output tokens"] == of_key["output_tokens"].sum() > 0
    calls, votes = chain.read("llm_calls"), votes | {"input_votes": chain.read("input_votes")}
    assert calls.height == len(gemini.asked) == sum(frame["calls"].sum() for frame in votes.values())
    assert calls["cost_usd"].sum() == pytest.approx(sum(frame["cost_usd"].sum() for frame in votes.values()))
    assert calls["fault"].drop_nulls().unique().to_list() == ["HTTP 503 UNAVAILABLE: The model is overloaded."]
    assert chain.read("maintained_labels").filter(pl.col("reason") != "unresolved").height > 9

    asked = len(gemini.asked)
    tables = {name: chain.read(name) for name in (*votes, "llm_calls", "maintained_labels")}
    chain.run(KEYS[:3])
    assert len(gemini.asked) == asked
    assert all(chain.read(name).equals(table) for name, table in tables.items())


def test_batch_jobs_of_both_phases_are_under_way_at_once_unless_one_phase_is_asked_for(chain, gemini, monkeypatch):
    monkeypatch.setattr("medcalc_assets.defs.settings.Limits", partial(Limits, batch_poll_seconds=0.02))
    change(chain, mode="batch")
    job, keys = assemble(chain.settings).resolve_job_def("chain"), [dg.AssetKey("raw_medcalc"), dg.AssetKey("audit_votes")]
    job.execute_in_process(instance=chain.instance, partition_key=KEYS[0], asset_selection=keys)
    assert {ask.task for ask in gemini.asked} == {"audit"}
    jobs = len(gemini.jobs)
    chain.run(KEYS[1:2])
    inputs = [gemini.files[job["input"]] for job in gemini.jobs.values()][jobs:]
    assert {b"label_text" in lines for lines in inputs[:2]} == {True, False}, "before any has ended"
    assert sum(b"<inputs " not in lines for lines in inputs) <= 4
    assert not gemini.answered
    calls = chain.read("llm_calls").filter(calculator=KEYS[1])
    votes = [chain.read(name).filter(calculator=KEYS[1])["calls"].sum() for name in ("audit_votes", "relabel_votes")]
    assert sum(votes) == calls.filter(pl.col("task") != "inputs").height


def test_a_run_whose_votes_failed_fails_a_check_and_exits_with_it_and_the_next_one_asks_for_them(
    gemini, tmp_path, dagster_in_memory
):
    gemini.answer = knows_the_demo
    refused = next(note for note, uid in UID.items() if uid == original_rows()[0]["Row Number"])
    gemini.fault = lambda ask: "400" if ask.fields["note"] == refused else None
    arguments = ("run", "--auditor", "gemini-2.5-pro", "-c", KEYS[0])
    ran = medcalc(*arguments, DAGSTER_HOME=str(tmp_path / "dagster"))
    assert ran.exit_code == CHECK_FAILED, ran.output
    shown = " ".join(ran.output.split())
    for votes in ("audit_votes", "relabel_votes"):
        assert f"Check failed: {votes} no_vote_was_given_up" in shown
    assert "given up: Gemini refused (HTTP 400)" in shown
    gemini.fault = lambda ask: None
    assert medcalc(*arguments, DAGSTER_HOME=str(tmp_path / "dagster")).exit_code == 0
    assert set(gemini.answered.values()) == {1}


def test_no_log_table_file_or_metadata_holds_the_key(start_chain, gemini, tmp_path, capfd):
    """Dagster's own files included."""
    gemini.answer = knows_the_demo
    chain = start_chain(auditor="gemini-2.5-pro", instance=dg.DagsterInstance.local_temp(str(tmp_path)))
    gemini.fault = lambda ask: "429" if ask.nth == 0 else None
    chain.run(KEYS[:1])
    assert gemini.keys == {KEY}
    written = everything_written(Path(chain.settings.home)) + everything_written(tmp_path)
    assert any(path.name == "ledger.sqlite" for path in written)
    assert any("event" in str(path) or path.suffix == ".db" for path in written)
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
    shown = capfd.readouterr()
    assert KEY not in shown.out + shown.err


def test_an_unfinished_run_leaves_the_tables_and_the_next_one_pays_for_what_is_missing_only(chain, gemini):
    change(chain, max_usd="1")
    with pytest.raises(BudgetError):
        chain.run(KEYS[:1])
    before = sum(gemini.answered.values())
    assert 0 < before * 0.05 <= 1
    change(chain, max_usd="100")
    chain.run(KEYS[:1])
    assert set(gemini.answered.values()) == {1}


def test_the_limit_is_that_of_the_run_and_not_of_each_phase(chain, gemini):
    change(chain, max_usd="2.2")
    with pytest.raises(BudgetError):
        chain.run(KEYS[:1])
    assert sum(gemini.answered.values()) * 0.05 <= 2.2
    assert {ask.task for ask in gemini.asked} == {"audit", "relabel"}


def test_a_changed_prompt_makes_exactly_its_votes_stale(monkeypatch):
    def versions():
        import importlib

        for module in (phase1_audit, phase2_relabel):
            importlib.reload(module)
        return {
            name: asset.specs_by_key[dg.AssetKey(name)].code_version
            for name, asset in {
                "audit_votes": phase1_audit.audit_votes,
                "audit_flags": phase1_audit.audit_flags,
                "relabel_votes": phase2_relabel.relabel_votes,
                "relabels": phase2_relabel.relabels,
            }.items()
        }

    before = versions()
    with monkeypatch.context() as patch:
        patch.setitem(AUDIT.__dict__, "prompt_sha256", "changed")
        after = versions()
    assert {name for name in before if before[name] != after[name]} == {"audit_votes"}
    with monkeypatch.context() as patch:
        patch.setitem(RELABEL.__dict__, "prompt_sha256", "changed")
        after = versions()
    assert {name for name in before if before[name] != after[name]} == {"relabel_votes"}
    assert versions() == before


# -- a new model ships


def observe(chain):
    job = assemble(chain.settings).resolve_job_def("observe_models")
    assert job.execute_in_process(instance=chain.instance).success
    return chain.instance.fetch_observations(auditors.MODELS, limit=1).records[0].asset_observation.metadata


def tick(chain, cursor):
    """What the daemon does: evaluate the sensor, keep its cursor, and run what it requests once for every run key."""
    definitions = assemble(chain.settings)
    context = dg.build_sensor_context(
        instance=chain.instance,
        cursor=cursor,
        repository_def=definitions.get_repository_def(),
        resources={"settings": chain.settings},
    )
    data = definitions.resolve_sensor_def("new_models").evaluate_tick(context)
    for request in data.run_requests:
        job = definitions.resolve_job_def("re_audit")
        run = {"run_config": request.run_config, "tags": dict(request.tags)}
        assert job.execute_in_process(instance=chain.instance, **run).success
    return data, data.cursor


def test_a_new_model_leads_to_one_re_audit_of_all_calculators_within_its_budget(demo_again, gemini):
    project = demo_again()
    gemini.answer = knows_the_demo
    change(project, reaudit_max_usd="25", reaudit_sample="1")
    observe(project)
    data, cursor = tick(project, None)
    assert data.run_requests == [], "models that were there before are not new"
    maintained, flags = project.read("maintained_labels"), project.read("audit_flags")

    gemini.models += ["gemini-3.1-pro-preview", "gemini-3.1-flash-lite", "gemini-9-pro"]
    assert observe(project)["new"].value == ["gemini-3.1-pro-preview", "gemini-9-pro"], "the other is of no watched family"
    data, cursor = tick(project, cursor)
    assert [request.run_key for request in data.run_requests] == ["re-audit with gemini-3.1-pro-preview"]
    assert {ask.model for ask in gemini.asked} == {"gemini-3.1-pro-preview"}
    calls = project.read("llm_calls")
    assert calls["calculator"].n_unique() == len(KEYS)
    assert 0 < calls["cost_usd"].sum() <= 25

    asked = len(gemini.asked)
    for _ in range(2):
        observe(project)
        data, cursor = tick(project, cursor)
        assert data.run_requests == [], "once"
        assert data.skip_message == "The price of gemini-9-pro is unknown: add it to $MEDCALC_HOME/prices.toml."
    assert len(gemini.asked) == asked

    both = project.read("audit_flags")
    assert both.filter(auditor="simulated").equals(flags), "votes of earlier auditors stay"
    assert both.filter(pl.col("status") != "not_audited", auditor="gemini-3.1-pro-preview").height == len(KEYS)
    assert project.read("maintained_labels").equals(maintained), "which auditor counts is a setting"

    job = assemble(project.settings).resolve_job_def("figures")
    assert job.execute_in_process(instance=project.instance).success
    drifted = project.read("auditor_drift")
    assert set(drifted["auditor"]) == {"gemini-3.1-pro-preview"}
    assert drifted["calculator"].n_unique() > 50
    told = metadata(project, "auditor_drift")["all calculators"]
    assert told.startswith("| auditor | flags that differ | flag kappa | relabels that differ | against |")
    assert re.search(r"\n\| gemini-3\.1-pro-preview \| \d+ of \d+ \| [\d.]* \| \d+ of \d+ \| simulated \|", told)

    change(project, auditor="gemini-3.1-pro-preview", tools="none", change=True)
    project.run(KEYS[:1])
    assert set(project.read("maintained_labels").filter(calculator=KEYS[0])["auditor"]) == {"gemini-3.1-pro-preview"}


@pytest.mark.parametrize(
    ("of_project", "of_launch", "limit"),
    [(5.0, 50.0, 5.0), (5.0, 2.0, 2.0), (5.0, None, 5.0), (None, 2.0, 2.0), (None, None, None)],
)
def test_a_launch_can_only_lower_what_a_run_may_cost(tmp_path, of_project, of_launch, limit):
    settings = Settings(home=str(tmp_path), auditor="gemini-2.5-pro", max_usd=of_project, max_usd_per_day=9.0)
    (asked,), _ = settings.casters_of_votes("audit", Votes(max_usd=of_launch), "run")
    assert (asked.max_usd, asked.max_usd_per_day) == (limit, 9.0)


def test_a_model_that_is_served_by_another_version_is_an_event(chain, gemini):
    before = observe(chain)["served"].value
    chain.run(KEYS[:1])
    gemini.fault = lambda ask: "other_model"
    change(chain, tools="none")
    chain.run(KEYS[:1])
    assert before == {}
    assert observe(chain)["served"].value == {"gemini-2.5-pro": ["gemini-2.5-pro", "gemini-other"]}
    versions = [
        record.asset_observation.tags["dagster/data_version"]
        for record in chain.instance.fetch_observations(auditors.MODELS, limit=2).records
    ]
    assert versions[0] != versions[1]


def test_a_version_served_under_the_same_name_is_an_auditor_of_its_own_and_re_audited_once_on_a_sample(
    chain, gemini, monkeypatch
):
    change(chain, reaudit_max_usd="5")
    chain.run(KEYS[:1])
    observe(chain)
    data, cursor = tick(chain, None)
    assert data.run_requests == [], "the first version of a model is not new"

    gemini.fault = lambda ask: "other_model"
    chain.run(KEYS[1:2])
    monkeypatch.setattr("medcalc_assets.auditors.calls.LATELY", 20)
    assert observe(chain)["served"].value == {"gemini-2.5-pro": ["gemini-other"]}, "the first one is long ago"
    asked, flags = len(gemini.asked), chain.read("audit_flags")
    data, cursor = tick(chain, cursor)
    (request,) = data.run_requests
    assert request.run_key == "re-audit with gemini-2.5-pro#gemini-other"
    votes = request.run_config["resources"]["votes"]["config"]
    assert (votes["max_usd"], votes["sample"]) == (5.0, 1)
    assert {ask.model for ask in gemini.asked[asked:]} == {"gemini-2.5-pro"}, "which is its name there"
    asked = len(gemini.asked)
    observe(chain)
    data, cursor = tick(chain, cursor)
    assert (data.run_requests, len(gemini.asked)) == ([], asked), "once"

    both = chain.read("audit_flags")
    assert both.filter(auditor="gemini-2.5-pro").equals(flags), "its votes are beside those that count"
    pinned = chain.read("relabel_votes").filter(pl.col("calls") > 0, auditor="gemini-2.5-pro#gemini-other")
    assert (pinned["uid"].n_unique(), set(pinned["model_version"]), set(pinned["status"])) == (2, {"gemini-other"}, {"ok"})
    assert 0 < pinned["cost_usd"].sum() <= 5, "at the price of the model"

    gemini.fault = lambda ask: None
    config = dg.RunConfig(resources={"votes": Votes(auditor="gemini-2.5-pro#gemini-other", sample=1, seed=1)})
    job = assemble(chain.settings).resolve_job_def("re_audit")
    job.execute_in_process(instance=chain.instance, run_config=config, tags={"dagster/partition": KEYS[0]})
    failed = chain.read("relabel_votes").filter(auditor="gemini-2.5-pro#gemini-other", calculator=KEYS[0], status="failed")
    assert set(failed["rationale"]) == {
        "no usable answer in 4, the last: another version of the model answered: gemini-2.5-pro"
    }


def test_votes_of_two_versions_on_one_instance_are_said_by_a_check_and_counted(chain, gemini):
    gemini.fault = lambda ask: "other_model" if ask.chance("version").random() < 0.5 else None
    chain.run(KEYS[:1])
    votes = chain.read("relabel_votes").filter(pl.col("status") == "ok")
    versions = votes.group_by("uid").agg(pl.col("model_version").unique().sort())
    mixed = set(versions.filter(pl.col("model_version").list.len() > 1)["uid"])
    assert mixed
    (check,) = [
        check
        for check in chain.checks
        if (check.asset_key.path[-1], check.check_name) == ("relabel_votes", "votes_are_of_one_version")
    ]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["offending rows"].value == len(mixed)
    calls, told = chain.read("llm_calls"), chain.read("auditor_versions")
    assert dict(told.select("model_version", "calls").iter_rows()) == dict(calls["model_version"].value_counts().iter_rows())
    in_audit = (
        chain.read("audit_votes").filter(pl.col("status") == "ok").group_by("uid").agg(pl.col("model_version").unique())
    )
    mixed |= set(in_audit.filter(pl.col("model_version").list.len() > 1)["uid"])
    assert told["mixed"].to_list() == [len(mixed)] * 2
    assert told["first_at"].min() == calls["requested_at"].min()


@pytest.mark.parametrize(
    ("setting", "reason"),
    [({"reaudit_max_usd": None}, "set MEDCALC_REAUDIT_MAX_USD"), ({"watch": "*"}, "price of gemini-9-pro is unknown")],
)
def test_a_new_model_waits_for_a_budget_and_for_its_price(chain, gemini, setting, reason):
    change(chain, **{"reaudit_max_usd": "5"} | setting)
    observe(chain)
    _, cursor = tick(chain, None)
    gemini.models.append("gemini-9-pro")
    observe(chain)
    data, cursor = tick(chain, cursor)
    assert (data.run_requests, reason in data.skip_message) == ([], True)
    assert "gemini-9-pro" not in cursor, "it is still to be audited"


def test_a_re_audit_of_a_sample_asks_about_so_many_instances_a_calculator(chain, gemini):
    chain.run(KEYS[:2])
    gemini.models.append("gemini-2.5-flash")
    asked = len(gemini.asked)
    job = assemble(chain.settings).resolve_job_def("re_audit")
    config = dg.RunConfig(resources={"votes": Votes(auditor="gemini-2.5-flash", sample=2)})
    tags = next(auditors.tags_of_runs(KEYS[:2]))
    result = job.execute_in_process(instance=chain.instance, run_config=config, tags=tags)
    assert [check.check_name for check in result.get_asset_check_evaluations() if not check.passed] == []
    uids = Counter(UID[note] for note in {ask.fields["note"] for ask in gemini.asked[asked:]})
    assert len(uids) == 4
    sampled = chain.read("audit_flags").filter(auditor="gemini-2.5-flash")
    assert (sampled.height, sampled.filter(status="not_audited").height) == (12, 8)


def test_nothing_that_calls_a_model_starts_by_itself_until_it_is_switched_on():
    definitions = assemble(Settings.from_environment())
    assert definitions.resolve_sensor_def("new_models").default_status == dg.DefaultSensorStatus.STOPPED
    assert definitions.resolve_schedule_def("watch_models").default_status == dg.DefaultScheduleStatus.STOPPED


# -- what a run may choose for itself


@pytest.mark.parametrize("job", ["chain", "re_audit"])
def test_the_launchpad_explains_what_a_run_may_choose(job):
    resources = assemble(Settings()).resolve_job_def(job).run_config_schema.run_config_schema_type.fields["resources"]
    shown = resources.config_type.fields["votes"].config_type.fields["config"].config_type.fields
    assert {name: field.is_required for name, field in shown.items()} == dict.fromkeys(Votes.model_fields, False)
    assert "simulated (on the demo only), authors, none, or a model" in shown["auditor"].description
    assert "in US dollars: at most MEDCALC_MAX_USD" in shown["max_usd"].description
    assert "how many instances per calculator" in shown["sample"].description
    assert "share one limit" in shown["budget"].description
    for name in ("settings", "io_manager"):
        config = resources.config_type.fields[name].config_type.fields["config"]
        assert not getattr(config.config_type, "fields", None), "what holds for all runs is not offered for one"


def test_the_launchpad_of_a_re_audit_shows_model_budget_and_sample_as_they_are_set():
    settings = Settings(auditor="gemini-2.5-pro", reaudit_max_usd=25.0, reaudit_sample=2)
    shown = assemble(settings).resolve_job_def("re_audit").get_run_config_for_partition_key(KEYS[0])
    assert shown["resources"]["votes"]["config"] == {
        "auditor": "gemini-2.5-pro",
        "max_usd": 25.0,
        "sample": 2,
        "seed": 0,
        "budget": "",
    }


def test_the_launchpad_shows_the_limit_that_holds_before_a_partition_is_chosen_and_after():
    definitions = assemble(Settings(max_usd=7.0, reaudit_max_usd=25.0, auditor="gemini-2.5-pro"))
    for name in ("chain", "re_audit"):
        job = definitions.resolve_job_def(name)
        votes = job.run_config_schema.run_config_schema_type.fields["resources"].config_type.fields["votes"].config_type
        assert votes.fields["config"].default_value["max_usd"] == 7.0
    chosen = definitions.resolve_job_def("re_audit").get_run_config_for_partition_key(KEYS[0])
    assert chosen["resources"]["votes"]["config"]["max_usd"] == 7.0, "a re-audit crosses no limit of the settings"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"max_usd": "lots"}, 'votes:config:max_usd. Value "lots" of type .* is not valid for expected type "Float"'),
        ({"sample": 1.5}, 'votes:config:sample. Value "1.5" of type .* is not valid for expected type "Int"'),
        (
            {"auditors": "none"},
            'unexpected config entry "auditors" at path root:resources:votes:config. Expected: .* a',
        ),
    ],
)
def test_a_config_of_the_wrong_kind_is_refused_before_there_is_a_run(chain, config, message):
    job, runs = assemble(chain.settings).resolve_job_def("re_audit"), chain.instance.get_runs_count()
    with pytest.raises(dg.DagsterInvalidConfigError, match=message):
        job.execute_in_process(instance=chain.instance, run_config={"resources": {"votes": {"config": config}}})
    assert chain.instance.get_runs_count() == runs


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"max_usd": -1.0}, "resources:votes:config:max_usd is -1.0: it may be a number above 0."),
        ({"sample": 0}, "resources:votes:config:sample is 0: it may be a whole number above 0."),
        ({"auditor": "gpt-5"}, "resources:votes:config:auditor is 'gpt-5': it may be simulated, authors, none, or a model"),
    ],
)
def test_a_config_that_cannot_be_stops_the_run_before_its_first_step(chain, config, message):
    job, tags = assemble(chain.settings).resolve_job_def("chain"), {"dagster/partition": KEYS[0]}
    run_config = {"resources": {"votes": {"config": config}}}
    with pytest.raises(dg.DagsterResourceFunctionError) as error:
        job.execute_in_process(instance=chain.instance, run_config=run_config, tags=tags)
    assert str(error.value.__cause__).startswith(message)
    (run,) = chain.instance.get_runs(limit=1)
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert chain.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START) == []


def test_runs_that_name_one_budget_share_its_limit(chain, gemini):
    """As the runs of one `medcalc run` do, of calculators that are no neighbours."""
    job = assemble(chain.settings).resolve_job_def("chain")
    config = dg.RunConfig(resources={"votes": Votes(max_usd=2.2, budget="of both")})
    for key in KEYS[:3:2]:
        with pytest.raises(BudgetError):
            job.execute_in_process(instance=chain.instance, run_config=config, tags={"dagster/partition": key})
    assert 0 < sum(gemini.answered.values()) * 0.05 <= 2.2


# -- command line


def medcalc(*arguments, **environment):
    return CliRunner(env={"COLUMNS": "160", "DAGSTER_HOME": None, **environment}).invoke(main, [*arguments])


def test_the_command_line_runs_estimates_and_reports(gemini, tmp_path, dagster_in_memory):
    gemini.answer = knows_the_demo
    dagster_home = str(tmp_path / "dagster")
    before = medcalc("estimate", "--auditor", "gemini-2.5-pro")
    assert before.exit_code == 0, before.output
    assert "660 to 1,650" in before.output
    assert "990 to 1,650" in before.output
    assert "assumed" in before.output
    assert not gemini.asked
    ran = medcalc(
        "run", "--auditor", "gemini-2.5-pro", "--max-usd", "50", "-c", KEYS[0], "-c", KEYS[1], DAGSTER_HOME=dagster_home
    )
    assert ran.exit_code == 0, ran.output
    assert "audit by gemini-2.5-pro: 12 of 12 instances" in ran.output
    after = medcalc("estimate", "--auditor", "gemini-2.5-pro")
    assert "the mean so far" in after.output
    assert after.output.count(" 12 ") == 2, "as many are settled"
    unknown = medcalc("estimate", "--auditor", "gemini-9")
    assert "unknown" in unknown.output
    assert "prices.toml" in unknown.output


def test_the_models_are_listed_with_their_price(gemini):
    gemini.models.append("gemini-9")
    shown = medcalc("models")
    assert shown.exit_code == 0, shown.output
    assert "10.00" in shown.output
    assert "unknown" in shown.output


def test_the_models_of_all_providers_with_a_key_are_listed_and_none_without(gemini, monkeypatch):
    with OpenAIServer(models=["gpt-5.2"]) as openai:
        monkeypatch.setattr(client, "OF_OPENAI", f"{openai.url}/v1")
        assert "openai:" not in medcalc("models").output, "without a key"
        monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
        shown = medcalc("models")
        assert shown.exit_code == 0, shown.output
        assert re.search(r"openai:gpt-5.2 .* unknown", shown.output)
        assert "gemini-2.5-pro" in shown.output
        monkeypatch.delenv("GEMINI_API_KEY")
        assert "gemini-2.5-pro" not in medcalc("models").output
    unreachable = medcalc("models")
    assert (unreachable.exit_code, "could not be listed" in unreachable.output) == (1, True), "and not left out"
    monkeypatch.delenv("OPENAI_API_KEY")
    refused = medcalc("models")
    assert (refused.exit_code, "No key is set. Set GEMINI_API_KEY" in refused.output) == (1, True)


def test_a_permanent_error_is_shown_with_its_remedy_and_no_traceback(gemini, tmp_path, dagster_in_memory):
    gemini.fault = lambda ask: "bad_key"
    ran = medcalc("run", "--auditor", "gemini-2.5-pro", "-c", KEYS[0], DAGSTER_HOME=str(tmp_path / "dagster"))
    assert ran.exit_code == 1
    assert "Set GEMINI_API_KEY to a valid key" in ran.output.replace("\n", " ")
    assert "Traceback" not in ran.output
