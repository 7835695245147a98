"""A release: the maintained labels as files that others can build on and cite. Made whole, checked, then never changed."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined

from medcalc_assets.auditors import simulated
from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.working import escaped
from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.adjudication import REASONS
from medcalc_assets.labels.value import columns
from medcalc_assets.release import policy
from medcalc_assets.release.export import maintained_benchmark
from medcalc_assets.release.versions import (
    FIRST,
    LEVELS,
    ORIGINAL,
    USES,
    Version,
    as_original,
    changes,
    lowest_after,
)
from medcalc_assets.source import COLUMNS
from medcalc_assets.storage import tables
from medcalc_assets.storage.warehouse import Warehouse

PACKAGE = Path(__file__).parents[1]
MANIFEST = "manifest.json"


class ReleaseError(MedcalcError):
    """A release cannot be made, read or compared as asked. Nothing that was released has been changed."""


@dataclass(frozen=True)
class Releases:
    """The folder of all releases, and of the candidate that is to become one."""

    folder: Path

    @property
    def candidate(self) -> Path:
        return self.folder / ".candidate"

    def of(self, version: Version) -> Path:
        return self.folder / str(version)

    @property
    def versions(self) -> list[Version]:
        names = (path.name for path in self.folder.glob("*") if re.fullmatch(r"\d+\.\d+\.\d+", path.name))
        return sorted(map(Version.parse, names))

    def before(self, version: Version | None) -> Version | None:
        """The release that this one follows; for None the last one."""
        return max((each for each in self.versions if version is None or each < version), default=None)

    def publish(self, manifest_sha256: str) -> Path:
        """Let the candidate of that manifest become the release, in one step.

        Raises ReleaseError if the candidate is another by now, if another release has that version, or if no label changed
        since the release before it.
        """
        if sha256(self.candidate / MANIFEST) != manifest_sha256 or tampered(self.candidate):
            raise ReleaseError(f"{self.candidate} was changed while the gates looked at it: release again.")
        manifest = manifest_of(self.candidate)
        target = self.of(Version.parse(manifest["version"]))
        if manifest["previous"] and not manifest["changes"][manifest["previous"]]:
            raise ReleaseError(f"No label changed since {manifest['previous']}: cite that.")
        if target.exists():
            if self.is_published:
                return target
            raise ReleaseError(f"{target} is there already, and a released version is never overwritten.")
        for path in self.candidate.iterdir():
            path.chmod(0o444)
        os.rename(self.candidate, target)
        return target

    @property
    def is_published(self) -> bool:
        """Whether the release of the candidate's version is the candidate, to the letter, as after a kill between the
        files and the row of `label_releases`."""
        target = self.of(Version.parse(manifest_of(self.candidate)["version"]))
        same = (target / MANIFEST).exists() and sha256(target / MANIFEST) == sha256(self.candidate / MANIFEST)
        return same and not tampered(target)

    def labels(self, name: str) -> pl.DataFrame:
        """The labels of a release. Raises ReleaseError if there is none of that version, or it is not as released."""
        folder = self.of(Version.parse(name))
        if not folder.is_dir():
            known = ", ".join(map(str, self.versions)) or "none"
            raise ReleaseError(f"{folder} does not exist. Released are: {known}.")
        if harmed := tampered(folder):
            raise ReleaseError(f"{folder} is not as it was released: {'; '.join(harmed)}. Get the release again.")
        return labels_in(folder)


def build(warehouse: Warehouse, releases: Releases, version: Version | None, folder: Path) -> dict[str, Any]:
    """Write all files of this version into `folder`, which is emptied first, and return the manifest.

    None is the lowest version that the changes since the last release permit.

    The same tables, code and earlier releases give the same bytes: no file holds a time, and rows are in order.
    Raises WarehouseError if the chain has not been run, ReleaseError for an earlier release that is not as released.
    """
    raw = warehouse.read(tables.RAW_MEDCALC)
    maintained = warehouse.read(tables.MAINTAINED_LABELS)
    audits = warehouse.read(tables.DERIVATION_AUDIT, columns=["uid", *columns("published")])
    demo = simulated.NAME in maintained["auditor"] or "demo" in raw["source"]
    previous = releases.before(version)
    labels = with_grounds(raw, maintained, audits)
    comparisons = {ORIGINAL: changes(as_original(labels, raw), labels)}
    if previous:
        comparisons[str(previous)] = changes(releases.labels(str(previous)), labels)
    version = version or (lowest_after(previous, comparisons[str(previous)]) if previous else FIRST)

    stem = f"{'DEMO_' if demo else ''}medcalc_bench_{version}"
    names = {"csv": f"{stem}.csv", "parquet": f"{stem}.parquet", "since_original": f"{stem}_changes_since_{ORIGINAL}.csv"}
    if previous:
        names["since_previous"] = f"{stem}_changes_since_{previous}.csv"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    labels.select(*COLUMNS, *USES, "Use Because").write_csv(folder / names["csv"])
    labels.write_parquet(folder / names["parquet"], compression="zstd", statistics=False)
    for (_, changed), name in zip(comparisons.items(), list(names.values())[2:], strict=True):
        changed.write_csv(folder / name)
    figures = _figures(labels)
    source, source_version = raw.select("source", "source_version").row(0)
    facts = {
        "version": str(version),
        "demo": demo,
        "previous": previous and str(previous),
        "source": source,
        "source_version": source_version,
        "calculators": labels["Calculator ID"].n_unique(),
        "split": "train" if source == "hf:train" else "test",
    }
    render = templates().get_template
    card = render("README.md.j2").render(**facts, **figures, **_tables(labels), files=names, levels=LEVELS)
    (folder / "README.md").write_text(card, encoding="utf-8")
    listed = {name: changed.to_dicts() for name, changed in comparisons.items()}
    changelog = render("CHANGELOG.md.j2").render(version=version, demo=demo, comparisons=listed)
    (folder / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    manifest = {
        "name": "MedCalc-Bench with maintained labels" + (" (DEMO)" if demo else ""),
        "labels": names["parquet"],
        **facts,
        **figures,
        "previous_manifest_sha256": previous and sha256(releases.of(previous) / MANIFEST),
        "changes": {name: dict(sorted(changed["Level"].value_counts().rows())) for name, changed in comparisons.items()},
        **_provenance(warehouse, maintained),
        "policy": {"uses": {name: use._asdict() for name, use in _policy(demo).items()}, "confidence": policy.CONFIDENCE},
        "versions": LEVELS,
        "files": {path.name: {"sha256": sha256(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def with_grounds(raw: pl.DataFrame, maintained: pl.DataFrame, audits: pl.DataFrame) -> pl.DataFrame:
    """The benchmark in the columns of v1.0, and beside each label its grounds, its confidence and its uses."""
    beside = maintained.join(audits, on="uid", validate="1:1").select(
        pl.col("uid").alias("Row Number"),
        policy.confidence().alias("Confidence"),
        *(expression.alias(name) for expression, name in zip(policy.uses(), (*USES, "Use Because"), strict=True)),
    )
    return maintained_benchmark(raw, maintained).join(beside, on="Row Number", validate="1:1")


def manifest_of(folder: Path) -> dict[str, Any]:
    """What a release, or a candidate, says of itself."""
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{folder / MANIFEST} cannot be read: {error}. Get the release again.") from error
    return found


def labels_in(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / manifest_of(folder)["labels"])


def tampered(folder: Path) -> list[str]:
    """How the files of a release differ from what its manifest says of them."""
    listed = manifest_of(folder)["files"]
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    return [
        *(f"{name} is missing" for name in sorted(listed.keys() - present)),
        *(f"{name} is not of the release" for name in sorted(present - listed.keys())),
        *(
            f"{name} was changed"
            for name in sorted(present & listed.keys())
            if sha256(folder / name) != listed[name]["sha256"]
        ),
    ]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_sha256(package: Path = PACKAGE) -> str:
    """Of all sources of a package, with their names."""
    files = (path for path in sorted(package.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    sources = ((path.relative_to(package).as_posix(), path.read_bytes()) for path in files)
    return hashlib.sha256(b"".join(name.encode() + b"\0" + text + b"\0" for name, text in sources)).hexdigest()


def _policy(demo: bool) -> Mapping[str, policy.Use]:
    return dict.fromkeys(policy.USES, policy.SIMULATED) if demo else policy.USES


def _figures(labels: pl.DataFrame) -> dict[str, Any]:
    counts = labels["State"].value_counts()
    states = dict(counts.iter_rows())
    return {
        "instances": labels.height,
        "evaluation": int(labels["Evaluation"].sum()),
        "reward": int(labels["Reward"].sum()),
        "not_computable": states.get("not_computable", 0),
        "ambiguous": states.get("ambiguous", 0),
        "unresolved": labels.filter(Reason="unresolved").height,
    }


def _tables(labels: pl.DataFrame) -> dict[str, Any]:
    uses = {row["Reason"]: row for row in labels.unique("Reason", keep="first").iter_rows(named=True)}
    said = {True: "yes", False: "no"}
    sizes = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K"}
    return {
        "size": next((name for top, name in sizes.items() if labels.height < top), "100K<n<1M"),
        "reasons": [
            {
                "reason": reason,
                "labels": labels.filter(Reason=reason).height,
                "meaning": meaning,
                "evaluation": said[uses[reason]["Evaluation"]],
                "reward": said[uses[reason]["Reward"]],
                "why": uses[reason]["Use Because"],
            }
            for reason, meaning in REASONS.items()
            if reason in uses
        ],
        "confidences": [
            {"name": name, "labels": labels.filter(Confidence=name).height, "meaning": meaning}
            for name, meaning in policy.CONFIDENCE.items()
        ],
    }


def _provenance(warehouse: Warehouse, maintained: pl.DataFrame) -> dict[str, Any]:
    """Who voted, by which prompts and models; who answered; by which rules and which code."""
    by = ["auditor", "model_version", "prompt_sha256"]
    votes = {
        name: warehouse.read(tables.TABLES[name], columns=by).group_by(by).len("votes").sort(by, nulls_last=True).to_dicts()
        for name in ("audit_votes", "relabel_votes")
    }
    answers = warehouse.read(tables.PHYSICIAN_CONSENSUS, columns=["reviewer"])
    return {
        "auditors": sorted(maintained["auditor"].unique()),
        **votes,
        "physicians": dict(answers["reviewer"].value_counts().sort("reviewer").iter_rows()),
        "rules": {rule.slug: {"id": rule.id, "name": rule.name, "source": rule.source} for rule in CALCULATORS.values()},
        "rules_sha256": code_sha256(PACKAGE / "calculators"),
        "code": {"medcalc_assets": installed("medcalc_assets"), "sha256": code_sha256()},
    }


@cache
def templates() -> Environment:
    """The templates. HTML is escaped by itself; markdown by `escaped`, where text is not our own."""
    environment = Environment(
        loader=PackageLoader("medcalc_assets.release"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["escaped"] = escaped
    environment.filters["moved"] = _moved
    return environment


def _moved(row: Mapping[str, Any], name: str) -> str:
    """A compared column as it was, if it was anything, and is."""
    was, now = (escaped("none" if row[each] is None else row[each]) for each in (f"{name} before", name))
    return now if row[f"{name} before"] is None or was == now else f"{was} → **{now}**"
