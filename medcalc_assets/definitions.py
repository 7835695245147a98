"""What Dagster loads: the chain, its checks, and the resources they share."""

import dagster as dg

from medcalc_assets import defs
from medcalc_assets.defs.settings import Settings
from medcalc_assets.partitions import BY_CALCULATOR
from medcalc_assets.storage.io_manager import DuckDBIOManager

settings = Settings.from_environment()
FIGURES = dg.AssetSelection.assets("physician_agreement", "benchmark_summary")

definitions = dg.Definitions(
    assets=dg.load_assets_from_package_module(defs),
    asset_checks=dg.load_asset_checks_from_package_module(defs),
    jobs=[
        dg.define_asset_job(
            "chain",
            dg.AssetSelection.all() - FIGURES,
            description="From the benchmark as released to maintained labels, for any number of calculators.",
            partitions_def=BY_CALCULATOR,
        ),
        dg.define_asset_job("figures", FIGURES, description="The figures over all calculators so far."),
    ],
    resources={"settings": settings, "io_manager": DuckDBIOManager(home=settings.home)},
    # One process for a whole run: DuckDB admits one writer, and starting a process a step would take most of the time.
    executor=dg.in_process_executor,
)
