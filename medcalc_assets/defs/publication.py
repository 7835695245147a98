"""Releases: a candidate is made, the gates look at its files, and only then does it become a release."""

import datetime as dt
from collections.abc import Iterator
from itertools import islice

import dagster as dg
import polars as pl
from pydantic import Field

from medcalc_assets.defs.checks import EXAMPLES
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import stage
from medcalc_assets.release import gates, release
from medcalc_assets.release.gates import GATES, Candidate
from medcalc_assets.release.release import MANIFEST, ReleaseError, build, manifest_of, sha256
from medcalc_assets.release.versions import ORIGINAL, Version
from medcalc_assets.storage.tables import LABEL_RELEASES

MADE_FROM = ("raw_medcalc", "derivation_audit", "audit_votes", "relabel_votes", "physician_consensus", "maintained_labels")


class WhichVersion(dg.Config):
    """The version to release."""

    version: str = Field(description="Three numbers above 1.0.0, such as 1.1.0. The gates say if it is too low.")


@dg.asset(
    group_name="release",
    description="The files that are to become the next release, in `$MEDCALC_HOME/releases/.candidate`, before the gates.",
    owners=["team:label-stewards"],
    kinds={"parquet", "csv"},
    deps=MADE_FROM,
)
def release_candidate(config: WhichVersion, settings: Settings) -> dg.MaterializeResult:  # type: ignore[type-arg]
    releases = settings.releases
    version = Version.parse(config.version)
    build(settings.warehouse, releases, version, releases.candidate)
    manifest = manifest_of(releases.candidate)
    return dg.MaterializeResult(
        metadata={
            "version": str(version),
            "folder": dg.MetadataValue.path(str(releases.candidate)),
            "changelog": dg.MetadataValue.json(manifest["changes"]),
            "files": dg.MetadataValue.json(manifest["files"]),
        },
        data_version=dg.DataVersion(sha256(releases.candidate / MANIFEST)),
    )


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(name, asset="release_candidate", description=gate.__doc__, blocking=True)
        for name, gate in GATES.items()
    ]
)
def release_gates(settings: Settings) -> Iterator[dg.AssetCheckResult]:
    candidate = Candidate(settings.warehouse, settings.releases)
    for name, gate in GATES.items():
        offenders = list(gate(candidate))
        yield dg.AssetCheckResult(
            asset_key="release_candidate",
            check_name=name,
            passed=not offenders,
            metadata={
                "offenders": len(offenders),
                "for example": dg.MetadataValue.json(list(islice(offenders, EXAMPLES))),
            },
        )


@dg.asset(**stage("label_releases", "release", release, gates), deps=["release_candidate"])
def label_releases(context: dg.AssetExecutionContext, settings: Settings) -> pl.DataFrame:
    """The candidate becomes a release in one step; the row about it is added to those that are there."""
    releases = settings.releases
    if not releases.candidate.is_dir():
        raise ReleaseError(f"There is no {releases.candidate}: materialize release_candidate first.")
    folder = releases.publish(Version.parse(manifest_of(releases.candidate)["version"]))
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    manifest = manifest_of(folder)
    row = {
        "version": manifest["version"],
        "previous": manifest["previous"],
        "demo": manifest["demo"],
        "instances": manifest["instances"],
        "changed": sum(manifest["changes"][ORIGINAL].values()),
        "manifest": text,
        "manifest_sha256": sha256(folder / MANIFEST),
        "run_id": context.run.run_id,
        "released_at": dt.datetime.now(dt.UTC),
    }
    context.add_asset_metadata({"version": manifest["version"], "folder": dg.MetadataValue.path(str(folder))})
    return pl.DataFrame([row], schema=LABEL_RELEASES.polars_schema)
