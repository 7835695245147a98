"""Dagster's own daemon, as `medcalc ui` serves it, re-audits with models that are new: through a restart, within budget."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medcalc_assets.calculators import KEYS
from medcalc_assets.cli.instance import instance_of_dagster
from medcalc_assets.definitions import assemble
from medcalc_assets.defs.settings import Settings
from medcalc_assets.storage.tables import TABLES
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets_tests.test_ui import MAKE_UI, ROOT, UI, served, until

PRICED, UNPRICED = "gemini-3.1-pro-preview", "gemini-9-pro"
KEY_OF, BUDGET = "re-audit with {}", 4.0
SENSOR = """{repositoryName: "__repository__", repositoryLocationName: "medcalc_assets", sensorName: "new_models"}"""
RUNS = """{runsOrError(filter: {pipelineName: "re_audit"}) {... on Runs {results {status tags {key value}}}}}"""


def runs(ui: UI) -> dict[str, list[str]]:
    """The states of the runs by their run key."""
    found: dict[str, list[str]] = {}
    for run in ui.ask(RUNS)["runsOrError"]["results"]:
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        found.setdefault(tags["dagster/run_key"], []).append(run["status"])
    return found


def let_an_hour_pass() -> None:
    """For the sensor, that is: its last tick is forgotten, and not its cursor."""
    with instance_of_dagster() as instance:
        for state in instance.all_instigator_state():
            if state.instigator_name == "new_models":
                data: Any = state.instigator_data
                data = data._replace(last_tick_timestamp=None, last_tick_start_timestamp=None)
                instance.update_instigator_state(state.with_data(data))


@pytest.fixture
def home(tmp_path: Path, gemini: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Labels of two calculators, and two new models, one of them without a price."""
    folder, home = tmp_path / "dagster", tmp_path / "home"
    folder.mkdir()
    shutil.copy(ROOT / "dagster.yaml", folder)
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    for name, value in {"HOME": str(home), "REAUDIT_MAX_USD": str(BUDGET), "AT_ONCE": "2"}.items():
        monkeypatch.setenv(f"MEDCALC_{name}", value)
    gemini.models += [PRICED, UNPRICED]
    with instance_of_dagster() as instance:
        definitions = assemble(Settings.from_environment())
        of_keys = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[1]}
        for job, tags in (("chain", of_keys), ("observe_models", {})):
            assert definitions.resolve_job_def(job).execute_in_process(instance=instance, tags=tags).success
    return home


def test_the_daemon_re_audits_with_two_new_models_one_unpriced_through_a_restart_within_the_budget(
    home: Path, gemini: Any
) -> None:
    folder, warehouse = Path(os.environ["DAGSTER_HOME"]), Warehouse(home)
    gemini.seconds = 0.3  # so that the restart is in the middle of the first re-audit
    with served(folder, *MAKE_UI) as ui:
        known = json.dumps(json.dumps(["gemini-2.5-pro"]))
        ui.ask(f"mutation {{setSensorCursor(sensorSelector: {SENSOR}, cursor: {known}) {{__typename}}}}")
        ui.ask(f"mutation {{startSensor(sensorSelector: {SENSOR}) {{__typename}}}}")
        until(lambda: len(gemini.asked) > 10, "calls of the new model", ui)
        assert list(runs(ui)) == [KEY_OF.format(PRICED)], "the other waits, and holds up nothing"
    assert {ask.model for ask in gemini.asked} == {PRICED}

    (home / "prices.toml").write_text('[[price]]\nmodel = "gemini-9*"\nfrom = 2026-01-01\ninput = 4.0\noutput = 20.0\n')
    let_an_hour_pass()
    gemini.seconds = 0.0
    with served(folder, *MAKE_UI) as ui:
        both = {KEY_OF.format(model): ["SUCCESS"] for model in (PRICED, UNPRICED)}
        until(lambda: runs(ui) == both, "each was re-audited with once", ui)
    assert set(gemini.answered.values()) == {1}, "what was paid for before the restart is not asked again"
    flags, calls = warehouse.read(TABLES["audit_flags"]), warehouse.read(TABLES["llm_calls"])
    for model in (PRICED, UNPRICED):
        assert flags.filter(pl.col("status") != "not_audited", auditor=model).height == 12
        assert 0 < calls.filter(auditor=model)["cost_usd"].sum() <= BUDGET
    assert calls.height == len(gemini.asked)
