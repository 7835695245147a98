from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml

from medcalc_assets.benchmarks.demo import original_rows, truth
from medcalc_assets.benchmarks.reader import SourceError
from medcalc_assets.calculators import KEYS
from medcalc_assets.definitions import assemble, definitions
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import GROUPS
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import Label, columns
from medcalc_assets.storage.tables import TABLES
from medcalc_assets_tests.cli import document, medcalc
from medcalc_assets_tests.conftest import Chain

CHAIN = [
    "raw_medcalc",
    "quarantine",
    "derivation_audit",
    "note_checks",
    "audit_votes",
    "audit_flags",
    "relabel_votes",
    "relabels",
    "input_votes",
    "input_consensus",
    "llm_calls",
    "auditor_drift",
    "auditor_versions",
    "effective_votes",
    "disagreement_scores",
    "rulings",
    "label_evidence",
    "rule_cards",
    "adjudication_queue",
    "review_orders",
    "physician_labels",
    "physician_consensus",
    "physician_agreement",
    "maintained_labels",
    "label_events",
    "track_record",
    "error_rates",
    "benchmark_summary",
    "model_outputs",
    "grades",
    "leaderboard",
    "key_effects",
]


DAGSTER_YAML = Path(__file__).parents[2] / "dagster.yaml"
RELEASED = ["label_releases"]
ON_DEMAND = [*RELEASED, "sampling_plan"]
"""Tables that the chain does not write."""
FILES = ["label_pages", "release_candidate"]
"""Assets that are files."""


@pytest.fixture(scope="module")
def specs():
    return {spec.key.path[-1]: spec for spec in definitions.resolve_all_asset_specs()}


def test_the_chain_has_these_assets(specs):
    assert sorted(TABLES) == sorted([*CHAIN, *ON_DEMAND])
    assert sorted(specs) == sorted([*TABLES, *FILES, "models"])


@pytest.mark.parametrize("name", TABLES)
def test_an_asset_is_documented_owned_and_versioned(specs, name):
    spec = specs[name]
    assert spec.group_name in GROUPS
    assert spec.description.startswith(TABLES[name].description)
    assert spec.owners
    assert {"duckdb", "polars"} <= spec.kinds
    assert spec.code_version
    assert [column.name for column in spec.metadata["dagster/column_schema"].columns] == TABLES[name].names
    assert all(column.description for column in TABLES[name].columns)


def test_what_a_label_is_made_of_is_carried_along_so_that_few_assets_read_the_source(specs):
    read = {name: {dep.asset_key.path[-1] for dep in spec.deps} for name, spec in specs.items()}
    assert {name for name, upstream in read.items() if "raw_medcalc" in upstream} == {
        *(
            "derivation_audit",
            "note_checks",
            "audit_votes",
            "relabel_votes",
            "input_votes",
            "input_consensus",
            "physician_labels",
        ),  # which judge it, each in its way
        *("rule_cards", "model_outputs"),  # a case of each; whose answers they are
        *("llm_calls", "release_candidate"),  # the notes that were sent; the rows that leave
        *("effective_votes", "label_events"),  # which rule computes what single readers found; whose labels were imported
    }
    assert sum(map(len, read.values())) == 93


def test_every_job_schedule_and_sensor_says_what_it_does():
    repository = definitions.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if job.name != "__ASSET_JOB"]  # Dagster's own
    described = [*jobs, *repository.schedule_defs, *repository.sensor_defs]
    assert len(described) >= 12
    assert [each.name for each in described if not (each.description or "").endswith(".")] == []


def test_an_asset_leads_to_the_function_that_makes_it(specs):
    for name in [*TABLES, *FILES]:
        (reference,) = specs[name].metadata["dagster/code_references"].code_references
        lines = Path(reference.file_path).read_text(encoding="utf-8").splitlines()[reference.line_number - 1 :]
        made_by = next(line for line in lines if line.startswith("def "))
        assert made_by.startswith("def freeze(" if name in (*RELEASED, "release_candidate") else f"def {name}(")


def test_only_votes_are_in_the_pool_of_model_calls():
    ops = {asset.op.name: asset.op.pool for asset in definitions.resolve_asset_graph().assets_defs}
    assert {name for name, pool in ops.items() if pool} == {"audit_votes", "relabel_votes", "input_votes"}


def test_a_run_outside_of_the_ui_does_not_wait_for_the_pool(tmp_path):
    settings = Settings(home=str(tmp_path / "home"), source="demo", authors="", auditor="")
    job, run = assemble(settings).resolve_job_def("chain"), {"dagster/partition": KEYS[0]}
    limits = {"concurrency": yaml.safe_load(DAGSTER_YAML.read_text(encoding="utf-8"))["concurrency"]}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=limits) as instance:
        killed = instance.create_run_for_job(job, tags=run, status=dg.DagsterRunStatus.STARTED)
        assert killed.run_op_concurrency.all_pools == {"model_calls"}
        assert job.execute_in_process(instance=instance, tags=run).success


def test_planted_errors_are_looked_for_in_the_demo_only(tmp_path):
    def checks(source: str) -> set[tuple[str, str]]:
        graph = assemble(Settings(home=str(tmp_path), source=source, authors="", auditor="")).resolve_asset_graph()
        return {(key.asset_key.path[-1], key.name) for key in graph.asset_check_keys}

    assert checks("demo") - checks("hf") == {("derivation_audit", "planted_errors_are_found")}
    assert len(checks("hf")) > 40


def requested(chain: Chain, cursor: Any = None) -> tuple[set[str], Any]:
    """What automation asks for at its next tick."""
    tick = dg.evaluate_automation_conditions(assemble(chain.settings), instance=chain.instance, cursor=cursor)
    assets = {name for name in CHAIN + FILES if tick.get_num_requested(dg.AssetKey(name))}
    assert tick.total_requested == len(assets)
    return assets, tick.cursor


def test_figures_and_pages_are_asked_for_once_after_labels(start_chain):
    chain = start_chain()
    nothing, cursor = requested(chain)
    run = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[1]}
    jobs = {name: assemble(chain.settings).resolve_job_def(name) for name in ("chain", "figures", "pages")}

    jobs["chain"].execute_in_process(instance=chain.instance, tags=run)
    first, cursor = requested(chain, cursor)
    again, cursor = requested(chain, cursor)
    for name in ("figures", "pages"):
        jobs[name].execute_in_process(instance=chain.instance)
    made, cursor = requested(chain, cursor)
    jobs["chain"].execute_in_process(instance=chain.instance, tags=run)
    for name in ("figures", "pages"):
        jobs[name].execute_in_process(instance=chain.instance)
    by_hand, cursor = requested(chain, cursor)

    assert first == {
        *("physician_agreement", "review_orders", "track_record", "error_rates"),
        *("benchmark_summary", "auditor_drift", "auditor_versions", "effective_votes", "label_pages"),
        *("model_outputs", "grades", "leaderboard", "key_effects"),
    }
    assert nothing == again == made == by_hand == set()


def test_figures_wait_until_all_that_they_are_made_of_is_there(start_chain):
    chain = start_chain()
    _, cursor = requested(chain)
    job = assemble(chain.settings).get_implicit_global_asset_job_def()
    job.execute_in_process(
        instance=chain.instance,
        asset_selection=[dg.AssetKey("raw_medcalc"), dg.AssetKey("derivation_audit")],
        tags={"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[1]},
    )
    assert requested(chain, cursor)[0] == set()


def test_tables_of_instances_have_a_partition_for_each_calculator_and_one_run_for_any_number_of_them(specs):
    assert len(KEYS) == len(set(KEYS))
    for name, table in TABLES.items():
        assert (specs[name].partitions_def is not None) == table.partitioned
        if table.partitioned:
            assert definitions.resolve_assets_def(name).backfill_policy == dg.BackfillPolicy.single_run()
            keys = ["uid", "calculator_id", "calculator"]
            of = keys if "uid" in table.names else keys[1:]
            assert table.names[: len(of)] == of


def test_figures_wait_for_the_labels(specs):
    """Dagster starts an asset of a backfill in a run of its own as soon as its inputs are written: on a busy machine the
    figures that read only relabels were another run, beside the one that was still making labels."""
    others = {"models", "label_releases", "quarantine"}
    figures = {name for name, spec in specs.items() if spec.partitions_def is None} - others
    of_physicians = {"physician_agreement", "review_orders", "sampling_plan", "track_record", "error_rates"}
    of_models = {"model_outputs", "grades", "leaderboard", "key_effects"}
    others = {
        "auditor_drift",
        "auditor_versions",
        "effective_votes",
        "benchmark_summary",
        "label_pages",
        "release_candidate",
    }
    assert others | of_physicians | of_models == figures
    graph = definitions.resolve_asset_graph()
    for name in figures:
        assert dg.AssetKey("maintained_labels") in graph.get_ancestor_asset_keys(dg.AssetKey(name)), name


def test_the_demo_runs_and_every_check_passes(demo):
    assert len(demo.checks) > 20
    assert [check.check_name for check in demo.checks if not check.passed] == []


def test_all_partitions_are_materialized_by_one_run(demo):
    for name in CHAIN:
        events = demo.instance.fetch_materializations(dg.AssetKey(name), limit=200).records
        assert len({event.run_id for event in events}) == 1
        if TABLES[name].partitioned:
            assert {event.partition_key for event in events} == set(KEYS)


def test_a_partition_tells_its_rows_its_auditor_and_its_figures(demo):
    event = demo.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("maintained_labels"), asset_partitions=[KEYS[0]]), limit=1
    ).records[0]
    metadata = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert metadata["dagster/partition_row_count"] == 6
    assert metadata["dagster/row_count"] == len(original_rows())
    assert metadata["auditor"] == "simulated"
    assert sum(metadata[reason] for reason in ("physician", "confirmed", "relabelled", "unresolved")) <= 6


def test_the_planted_errors_are_found(demo):
    maintained = {row["uid"]: row for row in demo.read("maintained_labels").iter_rows(named=True)}
    output_types = {row["Row Number"]: row["Output Type"] for row in original_rows()}
    right = [
        accepts(truth()[uid], Label(*(row[name] for name in columns("final"))), output_types[uid])
        for uid, row in maintained.items()
        if row["reason"] != "unresolved"
    ]
    released = [
        accepts(truth()[row["Row Number"]], parse_label(row["Ground Truth Answer"]), row["Output Type"])
        for row in original_rows()
    ]
    assert sum(released) / len(released) < 0.6
    assert sum(right) / len(right) > 0.95


def test_everything_made_from_simulated_votes_says_so(demo):
    for name, table in ((name, TABLES[name]) for name in CHAIN):
        for column in ("auditor", "reviewer", "reviewers"):
            if column in table.names and not (rows := demo.read(name)).is_empty():
                assert set(rows[column].drop_nulls()) == {"simulated"}, name


def test_the_same_input_is_the_same_version(start_chain):
    chain = start_chain()
    key = KEYS[3]
    for _ in range(2):
        chain.run([key])
    events = chain.instance.fetch_materializations(dg.AssetKey("raw_medcalc"), limit=2).records
    versions = [event.asset_materialization.tags["dagster/data_version"] for event in events]
    assert versions[0] == versions[1]


def test_running_again_changes_nothing(start_chain):
    chain = start_chain()
    chain.run(KEYS[:2])
    first = {name: chain.read(name) for name in CHAIN}
    chain.run(KEYS[:2])
    assert all(chain.read(name).equals(first[name]) for name in CHAIN)
    last = dg.AssetRecordsFilter(dg.AssetKey("label_events"), asset_partitions=[KEYS[0]])
    metadata = chain.instance.fetch_materializations(last, limit=1).records[0].asset_materialization.metadata
    assert metadata["new events"].value == 0
    assert metadata["dagster/partition_row_count"].value == first["label_events"].filter(calculator=KEYS[0]).height > 0


def test_one_partition_leaves_the_others_as_they_are(start_chain):
    chain = start_chain()
    chain.run(KEYS[:2])
    before = chain.read("maintained_labels").filter(calculator=KEYS[0])
    chain.run(KEYS[1:2])
    assert chain.read("maintained_labels").filter(calculator=KEYS[0]).equals(before)
    assert chain.read("maintained_labels")["calculator"].n_unique() == 2


def test_a_row_that_cannot_be_read_is_set_aside_and_every_count_says_so(start_chain, tmp_path):
    path = tmp_path / "benchmark.csv"
    rows = pl.DataFrame(original_rows()[:12])
    rows[4, "Lower Limit"] = "abc"
    rows.write_csv(path)
    chain = start_chain(str(path))
    chain.run(KEYS[:2])
    assert set(chain.read("maintained_labels")["uid"]) == set(range(1, 13)) - {5}
    (aside,) = chain.read("quarantine").to_dicts()
    assert (aside["row"], aside["uid_text"], aside["calculator_name"]) == (6, "5", rows[4, "Calculator Name"])
    assert aside["why"] == "'Lower Limit' holds a value which is no number, date or N/A"
    assert aside["remedy"] == "Correct the cell or drop the row"
    event = chain.instance.fetch_materializations(dg.AssetKey("raw_medcalc"), limit=1).records[0].asset_materialization
    assert event.metadata["in quarantine"].value == 1
    home = {"MEDCALC_HOME": chain.settings.home}
    assert document("summary", **home)["quarantined"] == document("status", **home)["quarantined"] == 1
    assert "In quarantine: 1 of the source's rows" in " ".join(medcalc("summary", **home).output.split())
    assert "1 of the source's rows, which cannot be read" in medcalc("status", **home).output


def test_a_bad_source_fails_the_run_and_leaves_every_table_as_it_was(start_chain, tmp_path):
    path = tmp_path / "benchmark.csv"
    good = pl.DataFrame(original_rows()[:12])
    good.write_csv(path)
    chain = start_chain(str(path), strict=True)
    chain.run(KEYS[:2])
    before = {name: chain.read(name) for name in CHAIN}
    pl.concat([good, good.tail(1)]).write_csv(path)
    with pytest.raises(SourceError, match=r"row 14 .* row 13 has the same uid"):
        chain.run(KEYS[:2])
    assert all(chain.read(name).equals(before[name]) for name in CHAIN)


def test_without_an_auditor_nothing_is_presented_as_checked(start_chain, tmp_path):
    pl.DataFrame(original_rows()[:12]).write_csv(tmp_path / "benchmark.csv")
    chain = start_chain(str(tmp_path / "benchmark.csv"))
    chain.run(KEYS[:2])
    assert set(chain.read("audit_flags")["status"]) == {"not_audited"}
    assert chain.read("relabels").is_empty()
    assert set(chain.read("maintained_labels")["reason"]) == {"contradicted", "unresolved"}
