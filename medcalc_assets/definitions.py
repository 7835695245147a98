"""What Dagster loads: the chain, its checks, and the resources they share."""

import dagster as dg

from medcalc_assets import defs
from medcalc_assets.defs import auditors
from medcalc_assets.defs.checks import checks_of
from medcalc_assets.defs.housekeeping import housekeeping, housekeeping_schedule
from medcalc_assets.defs.releases import RELEASE, history_job, history_of_releases, release_job
from medcalc_assets.defs.sampling import PLAN, plan_job
from medcalc_assets.defs.settings import Settings, Votes
from medcalc_assets.defs.trace import trace_label
from medcalc_assets.storage.io_manager import DuckDBIOManager

FIGURES = dg.AssetSelection.assets(
    *("physician_agreement", "track_record", "review_orders", "error_rates", "benchmark_summary", "auditor_drift"),
    *("auditor_versions", "effective_votes", "model_outputs", "grades", "leaderboard", "key_effects"),
)
PAGES = dg.AssetSelection.assets("label_pages")
MODELS = dg.AssetSelection.assets(auditors.MODELS)
JOBS = [
    dg.define_asset_job(
        "chain",
        dg.AssetSelection.all() - FIGURES - PAGES - PLAN - RELEASE - MODELS,
        description="From the original benchmark to maintained labels, for any number of calculators.",
    ),
    dg.define_asset_job("figures", FIGURES, description="The figures over all calculators so far."),
    dg.define_asset_job("pages", PAGES, description="The report, the index and a page for each label."),
    plan_job,
    history_job,
    release_job,
]

figures_after_labels = dg.AutomationConditionSensorDefinition(
    "figures_after_labels",
    target=FIGURES | PAGES,
    description="Figures and pages again after a run that wrote labels. On until you switch it off: it calls no model.",
    default_status=dg.DefaultSensorStatus.RUNNING,
)


def assemble(settings: Settings) -> dg.Definitions:
    """The whole project with these settings."""
    return dg.Definitions(
        assets=dg.with_source_code_references(dg.load_assets_from_package_module(defs)),
        asset_checks=checks_of(settings),
        jobs=[*JOBS, trace_label, auditors.observe_models, auditors.re_audit(settings), housekeeping],
        schedules=[auditors.watch_models, housekeeping_schedule],
        sensors=[auditors.new_models, history_of_releases, figures_after_labels],
        resources={
            "votes": Votes(max_usd=settings.max_usd),  # a launchpad shows what holds, before any partition is chosen
            # The same for all runs: no launchpad offers to change them.
            "settings": dg.ResourceDefinition(lambda _: settings, config_schema={}),
            "io_manager": dg.IOManagerDefinition.hardcoded_io_manager(DuckDBIOManager(home=settings.home)),
        },
        # One process for a whole run: DuckDB admits one writer, and a process a step would take most of the time.
        executor=dg.in_process_executor,
    )


definitions = assemble(Settings.from_environment())
