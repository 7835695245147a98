"""The auditors themselves: their calls, how they differ, which models there are, and the re-audit when a new one ships."""

import hashlib
import json
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from medcalc_assets.auditors.calls import SEEN, calls_of, served_lately
from medcalc_assets.auditors.ledger import OF_VERSION
from medcalc_assets.auditors.prices import known_price
from medcalc_assets.auditors.registry import available_models
from medcalc_assets.auditors.versions import versions_of
from medcalc_assets.calculators.working import table
from medcalc_assets.defs.inputs import answers_of
from medcalc_assets.defs.settings import Settings, Votes
from medcalc_assets.defs.stage import AFTER_LABELS, WAITS_FOR_LABELS, columns, describe, so_far, stage, tags_of_runs
from medcalc_assets.labels import value
from medcalc_assets.statistics.drift import drift_of_all, with_kappa
from medcalc_assets.statistics.effective_votes import effective_votes as count_effective
from medcalc_assets.storage.tables import AUDITOR_DRIFT, AUDITOR_VERSIONS, EFFECTIVE_VOTES, INSTANCE_KEYS, MAINTAINED_LABELS

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

OF_A_VERSION = 1
"""Of so many instances a calculator is a re-audit with another version of a model, if nothing else is said."""
MODELS = dg.AssetKey("models")


@stage(
    "auditors",
    ins={"raw_medcalc": columns(*INSTANCE_KEYS, *SEEN)},
    deps=["audit_votes", "relabel_votes", "input_votes"],
)
def llm_calls(context: dg.AssetExecutionContext, raw_medcalc: pl.LazyFrame, settings: Settings) -> pl.DataFrame:
    """Of all auditors and runs, from the ledger; calls on an instance that has changed since are left out."""
    raw = (raw_medcalc if settings.has_calls else raw_medcalc.clear()).collect()  # no calls, no notes to read
    frame = calls_of(settings.calls if settings.has_calls else None, raw)
    describe(
        context, frame, None, faults=pl.col("fault").is_not_null().sum(), **{"served models": _distinct("model_version")}
    )
    return frame


@stage(
    "auditors",
    ins={
        "audit_flags": so_far(),
        "relabels": so_far(),
        "disagreement_scores": so_far("uid", "calculator_id", "calculator", "auditor", "likely_error"),
    },
    deps=WAITS_FOR_LABELS,
    automation_condition=AFTER_LABELS,
)
def auditor_drift(
    context: dg.AssetExecutionContext,
    audit_flags: pl.DataFrame,
    relabels: pl.DataFrame,
    disagreement_scores: pl.DataFrame,
    settings: Settings,
) -> pl.DataFrame:
    found = drift_of_all(audit_flags, relabels, disagreement_scores, settings.auditor_that_counts)
    counts = pl.col(*(column.name for column in AUDITOR_DRIFT.columns if column.type == "INTEGER")).exclude("calculator_id")
    totals = with_kappa(found.group_by("auditor", "reference").agg(counts.sum())).sort("reference", "auditor")
    told = totals.select(  # as much as the UI has room for
        "auditor",
        pl.format("{} of {}", pl.col("flags_gained") + pl.col("flags_lost"), "audited").alias("flags_that_differ"),
        "flag_kappa",
        pl.format("{} of {}", pl.sum_horizontal("relabels_changed", "relabels_gained", "relabels_lost"), "relabelled").alias(
            "relabels_that_differ"
        ),
        against="reference",
    )
    context.add_asset_metadata({"all calculators": dg.MarkdownMetadataValue(_markdown(told))})
    return found.select(pl.col(name).cast(dtype) for name, dtype in AUDITOR_DRIFT.polars_schema.items())


@stage(
    "auditors",
    ins={"llm_calls": so_far("uid", "task", "auditor", "requested_at", "fault", "model_version")},
    deps=WAITS_FOR_LABELS,
    automation_condition=AFTER_LABELS,
)
def auditor_versions(llm_calls: pl.DataFrame) -> pl.DataFrame:
    found = versions_of(llm_calls)
    return found.select(pl.col(name).cast(dtype) for name, dtype in AUDITOR_VERSIONS.polars_schema.items())


@stage(
    "auditors",
    ins={
        "audit_votes": so_far("uid", "auditor", "run_index", "status", "verdict"),
        "relabel_votes": so_far("uid", "auditor", "run_index", "status", *value.columns("answer")),
        "audit_flags": so_far("uid", "auditor", "status"),
        "relabels": so_far("uid", "auditor", "status", *value.columns("relabel")),
        "input_votes": so_far("uid", "auditor", "run_index", "status", "inputs"),
        "input_consensus": so_far("uid", "auditor", "status", *value.columns("computed")),
        "raw_medcalc": so_far("uid", "benchmark", "calculator_id", "entities"),
        "derivation_audit": so_far("uid", *value.columns("label")),
        "physician_consensus": so_far("uid", *value.columns("physician")),
    },
    deps=WAITS_FOR_LABELS,
    automation_condition=AFTER_LABELS,
)
def effective_votes(
    context: dg.AssetExecutionContext,
    audit_votes: pl.DataFrame,
    relabel_votes: pl.DataFrame,
    audit_flags: pl.DataFrame,
    relabels: pl.DataFrame,
    input_votes: pl.DataFrame,
    input_consensus: pl.DataFrame,
    raw_medcalc: pl.DataFrame,
    derivation_audit: pl.DataFrame,
    physician_consensus: pl.DataFrame,
    settings: Settings,
) -> pl.DataFrame:
    readings = answers_of(input_votes.join(physician_consensus, on="uid", how="semi"), raw_medcalc)
    found = count_effective(
        {"audit": audit_votes, "relabel": relabel_votes, "inputs": readings},
        {"audit": audit_flags, "relabel": relabels, "inputs": input_consensus},
        derivation_audit,
        physician_consensus,
        settings.voters,
    )
    context.add_asset_metadata({"effective votes": dg.MarkdownMetadataValue(_markdown(found))})
    return found.select(pl.col(name).cast(dtype) for name, dtype in EFFECTIVE_VOTES.polars_schema.items())


@dg.observable_source_asset(
    name=MODELS.path[-1],
    group_name="auditors",
    description="The models of the watched families (MEDCALC_WATCH) as the APIs list them, and the versions served of late.",
)
def models(context: dg.OpExecutionContext, settings: Settings) -> dg.ObserveResult:
    watched = {name: facts for name, facts in available_models().items() if fnmatch(name, settings.watch)}
    metadata: dict[str, Any] = {"models": sorted(watched), "listed": dg.MetadataValue.json(watched)}
    before = _observed(context.instance, "listed")
    if before is not None:
        metadata["new"] = sorted(set(watched) - set(before))
        metadata["changed"] = sorted(name for name in watched if name in before and watched[name] != before[name])
    metadata["served"] = dg.MetadataValue.json(served := served_lately(settings.calls) if settings.has_calls else {})
    listed = json.dumps([watched, served], sort_keys=True)
    return dg.ObserveResult(data_version=dg.DataVersion(hashlib.sha256(listed.encode()).hexdigest()), metadata=metadata)


observe_models = dg.define_asset_job(
    "observe_models", dg.AssetSelection.assets(MODELS), description="Which models there are now, as the APIs list them."
)
watch_models = dg.ScheduleDefinition(
    name="watch_models",
    job=observe_models,
    cron_schedule="@daily",
    description="Looks daily which models there are, and by which versions they are served. Off until you switch it on; it "
    "needs a key.",
)
RE_AUDIT = "re_audit"


def re_audit(settings: Settings) -> "UnresolvedAssetJobDefinition":
    """The job, whose config in the launchpad is what the settings say of a re-audit: once a partition is chosen, as Dagster
    keeps the config of a partitioned job by partition."""
    limit = min((usd for usd in (settings.reaudit_max_usd, settings.max_usd) if usd), default=None)
    told = Votes(auditor=settings.voters[0], max_usd=limit, sample=settings.reaudit_sample)
    return dg.define_asset_job(
        RE_AUDIT,
        dg.AssetSelection.assets(
            "audit_votes", "audit_flags", "relabel_votes", "relabels", "llm_calls", "disagreement_scores", "label_events"
        ),
        config=dg.RunConfig(resources={"votes": told}),
        description="The votes of one more model beside those that count. Which one, what it may cost, and of how many "
        "instances, is said in the launchpad: `resources: votes: config:`. Choose the partitions first: that fills in what "
        "the settings say.",
    )


@dg.sensor(
    job_name=RE_AUDIT,
    minimum_interval_seconds=3600,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Re-audits all calculators once with every model that is new among the watched, and a sample with every "
    "version that a model is newly served by. Off until you switch it on.",
)
def new_models(context: dg.SensorEvaluationContext, settings: Settings) -> dg.SensorResult:
    """Models that were there when it was switched on are not new, nor are the first versions that one is served by. A model
    waits until its price is known and MEDCALC_REAUDIT_MAX_USD says what a re-audit may cost; MEDCALC_REAUDIT_SAMPLE makes
    it one of so many instances a calculator. A version is an auditor of its own, so that its votes mix with no other's.
    """
    models = _observed(context.instance, "listed")
    if models is None:
        return dg.SensorResult(skip_reason="models was never observed: switch on the schedule watch_models, or observe it.")
    audited = set(models) if context.cursor is None else set(json.loads(context.cursor))
    served = {
        model: {f"{model}{OF_VERSION}{version}" for version in versions}
        for model, versions in (_observed(context.instance, "served") or {}).items()
    }
    for model, names in served.items():
        if not any(name.startswith(f"{model}{OF_VERSION}") for name in audited):
            audited |= names
    versions = {name for names in served.values() for name in names}
    labelled = settings.warehouse.written(MAINTAINED_LABELS)
    new = sorted((set(models) | versions) - audited)
    waiting = [name for name in new if not known_price(name.partition(OF_VERSION)[0])]
    budget = settings.reaudit_max_usd
    why = None
    if new and not budget:
        why = f"{', '.join(new)}: set MEDCALC_REAUDIT_MAX_USD to what a re-audit may cost."
    elif waiting:
        why = f"The price of {', '.join(waiting)} is unknown: add it to $MEDCALC_HOME/prices.toml."
    elif new and not labelled:
        why = f"{', '.join(new)}: there are no labels yet. Run the chain first."
    chosen = [model for model in new if model not in waiting] if budget and labelled else []
    if why and chosen:  # a tick asks for runs or says why there is none: the rest is in its log
        context.log.warning(why)
    requests = []
    for name in chosen:
        votes = Votes(
            auditor=name,
            max_usd=budget,
            sample=settings.reaudit_sample or (OF_A_VERSION if name in versions else None),
            budget=f"re-audit with {name}",  # of all its runs, also of one that a restart has cut short
        )
        requests += [
            dg.RunRequest(
                run_key=votes.budget + (f", {number}" if number else ""),
                run_config=dg.RunConfig(resources={"votes": votes}),
                tags=tags,
            )
            for number, tags in enumerate(tags_of_runs(labelled))
        ]
    cursor = json.dumps(sorted(audited | set(chosen)))
    return dg.SensorResult(run_requests=requests, skip_reason=None if requests else why, cursor=cursor)


def _observed(instance: dg.DagsterInstance, what: str) -> dict[str, Any] | None:
    """The watched models, as `listed` or as `served`, at the last observation; None if there was none."""
    records = instance.fetch_observations(MODELS, limit=1).records
    observation = records[0].asset_observation if records else None
    listed = observation.metadata[what].value if observation else None
    return dict(listed) if isinstance(listed, dict) else None


def _distinct(name: str) -> pl.Expr:
    return pl.col(name).drop_nulls().unique().sort().str.join(", ")


def _markdown(frame: pl.DataFrame) -> str:
    """A table as a person reads it: its headings are words, and its figures have three decimals."""
    told = frame.with_columns(pl.col(pl.Float64).map_elements("{:.3f}".format, pl.String)).cast(pl.String).fill_null("")
    return table(tuple(name.replace("_", " ") for name in frame.columns), told.iter_rows())
