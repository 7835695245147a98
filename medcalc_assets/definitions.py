"""What Dagster loads: the chain, its checks, and the resources they share."""

import dagster as dg

from medcalc_assets import defs
from medcalc_assets.defs import auditors
from medcalc_assets.defs.settings import Settings
from medcalc_assets.storage.io_manager import DuckDBIOManager

FIGURES = dg.AssetSelection.assets("physician_agreement", "benchmark_summary", "auditor_drift")
MODELS = dg.AssetSelection.assets(auditors.MODELS)
JOBS = [
    dg.define_asset_job(
        "chain",
        dg.AssetSelection.all() - FIGURES - MODELS,
        description="From the benchmark as released to maintained labels, for any number of calculators.",
    ),
    dg.define_asset_job("figures", FIGURES, description="The figures over all calculators so far."),
]


def assemble(settings: Settings) -> dg.Definitions:
    """The whole project with these settings."""
    return dg.Definitions(
        assets=dg.load_assets_from_package_module(defs),
        asset_checks=dg.load_asset_checks_from_package_module(defs),
        jobs=[*JOBS, auditors.observe_models, auditors.re_audit],
        schedules=[auditors.watch_models],
        sensors=[auditors.new_models, auditors.drift_of_new_models],
        resources={"settings": settings, "io_manager": DuckDBIOManager(home=settings.home)},
        # One process for a whole run: DuckDB admits one writer, and a process a step would take most of the time.
        executor=dg.in_process_executor,
    )


definitions = assemble(Settings.from_environment())
