"""Releases: a candidate is made, the gates look at its files, and only one that is asked for by its version is released."""

import datetime as dt
from collections.abc import Iterator
from itertools import islice
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from medcalc_assets.defs.checks import EXAMPLES
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import facts_of, tags_of_runs
from medcalc_assets.release.build import build
from medcalc_assets.release.gates import GATES, Candidate
from medcalc_assets.release.releases import MANIFEST, ReleaseError, changed_since_original, code_of, sha256
from medcalc_assets.release.versions import Version
from medcalc_assets.storage.tables import LABEL_RELEASES, MAINTAINED_LABELS

MADE_FROM = ("raw_medcalc", "audit_votes", "maintained_labels", "label_events")
RELEASE = dg.AssetSelection.assets("release_candidate", "label_releases")


class WhichVersion(dg.Config):
    """What to release, if anything."""

    version: str | None = Field(
        None,
        description="Three numbers above 1.0.0, such as 1.1.0; the gates say if it is too low. Without it nothing is "
        "released: there is a candidate of the lowest version that could be, for you to look at.",
    )
    because: str | None = Field(
        None, description="A reason for manifest and changelog: needed where fewer labels may grade than before."
    )
    confirm: str | None = Field(
        None,
        description="The confirmation code of the candidate of this version, which the metadata of release_candidate shows. "
        "Without it there is the candidate, and nothing is released.",
    )


@dg.multi_asset(
    name="freeze",
    deps=MADE_FROM,
    outs={
        "release_candidate": dg.AssetOut(
            group_name="release",
            description="The files that are to become the next release, in `$MEDCALC_HOME/releases/.candidate`.",
            owners=["team:label-stewards"],
            kinds={"parquet", "csv"},
            dagster_type=dg.Nothing,
        ),
        "label_releases": dg.AssetOut(**facts_of(LABEL_RELEASES, "release", __name__, "freeze")),
    },
    internal_asset_deps={
        "release_candidate": {dg.AssetKey(name) for name in MADE_FROM},
        "label_releases": {dg.AssetKey("release_candidate")},
    },
    check_specs=[
        dg.AssetCheckSpec(name, asset="release_candidate", description=gate.__doc__, blocking=True)
        for name, gate in GATES.items()
    ],
)
def freeze(
    context: dg.AssetExecutionContext, config: WhichVersion, settings: Settings
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult | dg.Output[pl.DataFrame]]:
    """One step, so that nothing is released which the gates have not seen."""
    with settings.releases.locked():  # until the row is written: Dagster takes one thing after the other
        yield from _frozen(context, config, settings)


def _frozen(
    context: dg.AssetExecutionContext, config: WhichVersion, settings: Settings
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult | dg.Output[pl.DataFrame]]:
    releases = settings.releases
    version = Version.parse(config.version) if config.version else None
    manifest = build(settings.warehouse, releases, version, releases.candidate, because=config.because)
    digest = sha256(releases.candidate / MANIFEST)
    yield dg.MaterializeResult(
        asset_key="release_candidate",
        metadata={
            "version": manifest["version"],
            "confirmation code": code_of(releases.candidate),
            "folder": dg.MetadataValue.path(str(releases.candidate)),
            "changelog": dg.MetadataValue.json(manifest["changes"]),
            "files": dg.MetadataValue.json(manifest["files"]),
        },
        data_version=dg.DataVersion(digest),
    )
    open_gates = []
    for name, gate in GATES.items():
        offenders = list(gate(Candidate(settings.warehouse, releases)))
        open_gates.append(not offenders)
        yield dg.AssetCheckResult(
            asset_key="release_candidate",
            check_name=name,
            passed=not offenders,
            severity=dg.AssetCheckSeverity.ERROR if version else dg.AssetCheckSeverity.WARN,  # a candidate may be unfinished
            metadata={"offenders": len(offenders), "for example": list(islice(offenders, EXAMPLES))},
        )
    if version and not all(open_gates):
        return
    if version and config.confirm != code_of(releases.candidate):
        raise ReleaseError(
            f"Nothing was released: {config.confirm or 'nothing'!r} does not confirm the candidate of {version}. Look at it "
            f"in {releases.candidate}, and give `confirm` the code that the metadata of release_candidate shows."
        )
    rows: list[dict[str, Any]] = []
    if version:
        folder = releases.publish(digest)
        context.log.info("released %s", folder)
        rows.append(
            {
                "version": manifest["version"],
                "previous": manifest["previous"],
                "demo": manifest["demo"],
                "instances": manifest["instances"],
                "changed": changed_since_original(manifest),
                "manifest": (folder / MANIFEST).read_text(encoding="utf-8"),
                "manifest_sha256": digest,
                "run_id": context.run.run_id,
                "released_at": dt.datetime.now(dt.UTC),
            }
        )
    yield dg.Output(
        pl.DataFrame(rows, schema=LABEL_RELEASES.polars_schema),
        "label_releases",
        metadata={"released": ", ".join(row["version"] for row in rows) or "nothing: no version was asked for"},
    )


history_job = dg.define_asset_job(
    "history", dg.AssetSelection.assets("label_events"), description="Write down what changed in any label."
)
release_job = dg.define_asset_job("release", RELEASE, description="Freeze the maintained labels, if the gates let it.")


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[release_job],
    request_job=history_job,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes a release into the history of every label.",
)
def history_of_releases(context: dg.RunStatusSensorContext, settings: Settings) -> Iterator[dg.RunRequest]:
    for number, tags in enumerate(tags_of_runs(settings.warehouse.written(MAINTAINED_LABELS))):
        yield dg.RunRequest(run_key=f"{context.dagster_run.run_id} {number}", tags=tags)
