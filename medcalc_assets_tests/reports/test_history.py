import dagster as dg
import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.reader import SourceError
from medcalc_assets.calculators import KEYS
from medcalc_assets.definitions import assemble
from medcalc_assets.defs.settings import Settings
from medcalc_assets.reports.history import SOURCES, WITHDRAWN, new_events
from medcalc_assets.reports.label import TITLES
from medcalc_assets.storage.tables import INSTANCE_KEYS, LABEL_EVENTS
from medcalc_assets.storage.warehouse import WRITTEN, WarehouseError

FACT = {"uid": 1, "calculator_id": 21, "calculator": "gcs", "event": "maintained", "actor": "authors"}


def fact(**said):
    row = FACT | {"value": "12", "detail": "confirmed", "model_version": None, "prompt_sha256": None, "rule": None} | said
    text = [pl.Field(name, pl.String) for name in row if name not in INSTANCE_KEYS]
    schema = {"uid": pl.Int64, "calculator_id": pl.Int32, "calculator": pl.String} | {
        field.name: field.dtype for field in text
    }
    return pl.DataFrame([row], schema=schema)


def told(history):
    return [(row["sequence"], row["before"], row["value"]) for row in history.sort("sequence").iter_rows(named=True)]


def after(*facts):
    """The history after these facts have held, one after the other; None for a time when nothing held."""
    history = pl.DataFrame(schema=LABEL_EVENTS.polars_schema)
    for now in facts:
        added = new_events(fact().clear() if now is None else now, history)
        history = pl.concat([history, added], how="diagonal")
    return history


def test_every_event_has_words_on_a_label_s_page():
    assert set(TITLES) == {*SOURCES, "released"}


def test_what_stays_the_same_adds_nothing():
    assert told(after(fact(), fact(), fact())) == [(0, None, "12")]


def test_what_changes_and_changes_back_is_three_events():
    assert told(after(fact(), fact(value="7"), fact())) == [(0, None, "12"), (1, "12", "7"), (2, "7", "12")]


def test_another_prompt_for_the_same_answer_is_an_event():
    assert told(after(fact(), fact(prompt_sha256="ab"))) == [(0, None, "12"), (1, "12", "12")]


def test_what_is_withdrawn_is_told_once_and_may_come_again():
    history = after(fact(), None, None, fact())
    assert told(history) == [(0, None, "12"), (1, "12", None), (2, None, "12")]
    assert history.filter(sequence=1)["detail"].item() == WITHDRAWN


def test_what_was_released_is_never_withdrawn():
    assert told(after(fact(event="released"), None)) == [(0, None, "12")]


def test_another_auditor_that_counts_is_told_as_a_change_of_the_label(start_chain):
    chain = start_chain()
    chain.run(KEYS[:1])
    chain.settings = Settings(home=chain.settings.home, source="demo", authors="", auditor="none", change=True)
    chain.run(KEYS[:1])
    events = chain.read("label_events").filter(event="maintained")
    assert set(events["actor"]) == {"the rule"}
    changed = events.filter(pl.col("sequence") == 1)
    assert changed.height
    assert changed["before"].null_count() == changed["value"].null_count() == 0


def test_another_benchmark_does_not_come_into_the_same_home(start_chain, tmp_path):
    chain = start_chain()
    chain.run(KEYS[:2])
    before = chain.read("raw_medcalc")
    rows = [row | {"Row Number": int(row["Row Number"]) + 6} for row in original_rows()]
    pl.DataFrame(rows).write_csv(tmp_path / "other.csv")
    chain.settings = Settings(
        home=chain.settings.home, source=str(tmp_path / "other.csv"), authors="", auditor="none", change=True
    )
    with pytest.raises(SourceError, match=r"uid 7 is of .* Give each benchmark a folder of its own"):
        chain.run(KEYS[:2])
    assert chain.read("raw_medcalc").equals(before)


def test_every_label_of_the_demo_has_a_history_from_its_import_to_its_maintenance(demo):
    events = demo.read("label_events")
    by_event = dict(events.group_by("event").agg(pl.col("uid").n_unique()).iter_rows())
    assert by_event["imported"] == by_event["derivation_audited"] == by_event["maintained"] == len(original_rows())
    assert by_event["relabel_votes_cast"] == by_event["audit_votes_cast"] == len(original_rows())
    assert by_event["contested"] == demo.read("disagreement_scores")["likely_error"].sum()
    assert by_event["queued"] == demo.read("adjudication_queue").height
    assert events["run_id"].null_count() == events["happened_at"].null_count() == events["code_version"].null_count() == 0


def test_running_again_adds_what_changed_and_rewrites_nothing(start_chain):
    chain = start_chain()
    chain.run(KEYS[:2])
    first = chain.read("label_events")
    chain.run(KEYS[:2])
    assert chain.read("label_events").equals(first)
    chain.settings = Settings(home=chain.settings.home, source="demo", authors="", auditor="none", change=True)
    chain.run(KEYS[:1])
    now = chain.read("label_events")
    assert now.join(first, on=first.columns, how="semi", nulls_equal=True).height == first.height
    added = now.join(first, on=first.columns, how="anti", nulls_equal=True)
    assert set(added["calculator"]) == {KEYS[0]}
    assert {"maintained", "contested"} <= set(added["event"])
    assert not set(added["run_id"]) & set(first["run_id"])


def test_an_event_cannot_be_rewritten(demo):
    events = demo.read("label_events")
    with pytest.raises(WarehouseError, match="never changed"):
        demo.settings.warehouse.write(LABEL_EVENTS, [events.head(1).with_columns(detail=pl.lit("nothing"))], KEYS)
    assert demo.read("label_events").equals(events)


def test_what_is_forged_in_dagsters_log_changes_no_provenance(start_chain):
    """Any page that reaches Dagster's webserver can report a materialization, with tags of its choice."""
    chain = start_chain()
    chain.run(KEYS[:1])
    runs = {run.run_id for run in chain.instance.get_runs()}
    for table in set(SOURCES.values()):
        forged = dg.AssetMaterialization(table, partition=KEYS[0], tags={"dagster/code_version": "forged"})
        chain.instance.report_runless_asset_event(forged)
    with chain.settings.warehouse.connect() as connection:
        connection.execute(f"DELETE FROM {LABEL_EVENTS.full_name}")
    tags = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[0]}
    history = assemble(chain.settings).resolve_job_def("history")
    history.execute_in_process(instance=chain.instance, tags=tags)
    events = chain.read("label_events")
    assert set(events["run_id"]) <= runs
    assert "forged" not in set(events["code_version"])
    written = chain.settings.warehouse.contents()
    for event, table in SOURCES.items():
        stamps = events.filter(event=event).select("code_version", "happened_at", "run_id").unique().rows()
        assert stamps in ([], [written[table].written[KEYS[0]]])


def test_what_a_former_version_wrote_without_its_run_stays_without(start_chain):
    chain = start_chain()
    chain.run(KEYS[:1])
    with chain.settings.warehouse.connect() as connection:
        connection.execute(f"DELETE FROM {LABEL_EVENTS.full_name}")
        connection.execute(f"ALTER TABLE {WRITTEN} DROP COLUMN run_id")
    tags = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[0]}
    assemble(chain.settings).resolve_job_def("history").execute_in_process(instance=chain.instance, tags=tags)
    events = chain.read("label_events")
    assert events.height
    assert events["run_id"].null_count() == events.height
    assert events["code_version"].null_count() == events["happened_at"].null_count() == 0
