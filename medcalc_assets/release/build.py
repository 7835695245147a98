"""A release: the maintained labels as files that others can build on and cite. Made whole, checked, then never changed."""

import hashlib
import json
import shutil
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, Self

import polars as pl
import pyarrow.parquet as pq

from medcalc_assets.auditors.tasks import PACKAGE, PROMPTS
from medcalc_assets.benchmarks.known import MARK, UNKNOWN, V1, Identity, identify
from medcalc_assets.benchmarks.versions import version_here
from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.grading import standalone
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.value import columns
from medcalc_assets.physicians.sample import last_plan
from medcalc_assets.release import use
from medcalc_assets.release.card import CROISSANT, LICENSES, READ, cited, croissant, dataset_info
from medcalc_assets.release.formats import IN_CSV, evaluation_set, maintained_benchmark, reward_set
from medcalc_assets.release.rates import rates
from medcalc_assets.release.releases import MANIFEST, ReleaseError, Releases, code_of, manifest_of, sha256
from medcalc_assets.release.rulings import ruled_since, rulings_of
from medcalc_assets.release.versions import (
    FIRST,
    LEVELS,
    USES,
    Version,
    as_original,
    changes,
    lowest_after,
)
from medcalc_assets.statistics.error_rates import BASES, TERMS, findings
from medcalc_assets.storage import tables
from medcalc_assets.storage.chain import head, heads
from medcalc_assets.storage.warehouse import Warehouse, compact, ranges
from medcalc_assets.templates import templates
from medcalc_assets.version import __version__

COUNTED = ("Calculator ID", "State", "Reason", "Evaluation", "Reward", "Use Because", "Confidence")
"""What the figures of a release are made from."""
BY_PHYSICIANS = pl.col("event").is_in(["adjudicated", "ruled"])
CANDIDATE = "-candidate"
"""Follows the version in the names of a working copy."""


def build(
    warehouse: Warehouse,
    releases: Releases,
    version: Version | None,
    folder: Path,
    suffix: str = "",
    because: str | None = None,
) -> dict[str, Any]:
    """Write all files of this version into `folder`, which is emptied first, and return the manifest.

    None is the lowest version that the changes since the last release permit; `suffix` follows it, in what is no release.
    `because` is the reason of whoever releases it, which manifest and changelog tell.

    The same tables, code and earlier releases give the same bytes: no file holds a time but those of the history, which are
    of its table, and rows are in order.
    Raises WarehouseError if the chain has not been run, ReleaseError for an earlier release that is not as released.
    """
    because = " ".join((because or "").split()) or None
    maintained = warehouse.read(tables.MAINTAINED_LABELS, columns=["uid", "simulated", "auditor"])
    demo = bool(maintained["simulated"].any())
    previous = releases.before(version)
    evidence = warehouse.read(tables.LABEL_EVIDENCE)
    records, error_rates = use.records_of(warehouse, evidence), rates(warehouse, evidence)
    del evidence
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    earlier = previous and pl.scan_parquet(releases.file_of_labels(str(previous)))
    counted: list[pl.DataFrame] = []
    original = version_here(warehouse)
    names_of = (original.name, *filter(None, [previous and str(previous)]))
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in names_of}
    last_events: dict[int, str] = {}
    said: list[pl.DataFrame] = []
    with _Files(folder) as files:
        for uids in ranges(maintained["uid"]):
            raw = warehouse.read(tables.RAW_MEDCALC, uids=uids)
            labels, evidence = (
                warehouse.read(each, uids=uids) for each in (tables.MAINTAINED_LABELS, tables.LABEL_EVIDENCE)
            )
            part = with_grounds(raw, labels, evidence, records)
            found[original.name].append(compact(changes(as_original(part, raw), part)))
            if earlier is not None:
                before = earlier.filter(pl.col("Row Number").is_between(*uids)).collect()
                found[str(previous)].append(compact(changes(before, part)))
            files.write(part)
            history = warehouse.read(tables.LABEL_EVENTS, uids=uids)
            files.add("history", history)
            last_events |= heads(history)
            said.append(compact(history.filter(BY_PHYSICIANS)))
            counted.append(compact(part.select(COUNTED)))
    labels, comparisons = pl.concat(counted), {name: pl.concat(changed) for name, changed in found.items()}
    lowest = lowest_after(previous, comparisons[str(previous)]) if previous else FIRST
    title = f"{version or lowest}{suffix}"

    benchmark, differences = identity_of(warehouse)
    mark = "DEMO" if demo else MARK if benchmark == UNKNOWN else ""
    trains = benchmark == V1["train"]
    name = f"{original.title}{', training split,' if trains else ''} with maintained labels" + (f" ({mark})" if mark else "")
    kind_of = f"{original.title.lower().replace('-', '_').replace(' ', '_')}{'_train' if trains else ''}"
    stem = f"{mark.replace(' ', '_')}{'_' if mark else ''}{kind_of}_{title}"
    kinds = {"parquet": "", "reward": "_reward", "all": "_all", "history": "_history"}
    names = {"csv": f"{stem}.csv"} | {name: f"{stem}{kind}.parquet" for name, kind in kinds.items()}
    since = {name: f"{stem}_changes_since_{name}.csv" for name in comparisons}
    for kind, written in files.paths.items():
        written.rename(folder / names[kind])
    for other, changed in comparisons.items():
        changed.write_csv(folder / since[other])
    figures = _figures(labels)
    source, source_version = warehouse.read(tables.RAW_MEDCALC, columns=["source", "source_version"]).row(0)
    facts = {
        "version": title,
        "demo": demo,
        "previous": previous and str(previous),
        "source": source,
        "source_version": source_version,
        "benchmark": benchmark,
        "original": original.name,
        "differences": differences,
        "quarantined": in_quarantine(warehouse).height,
        "calculators": labels["Calculator ID"].n_unique(),
        "split": "train" if trains else "test",
    }
    terms = "apache-2.0" if source == "demo" else "cc-by-sa-4.0"
    configs = {"evaluation": names["parquet"], "reward": names["reward"], "all": names["all"]}
    render = templates().get_template
    card = render("README.md.j2").render(
        **facts,
        **figures,
        **_tables(labels),
        rates=error_rates,
        findings=findings(error_rates),
        license=terms,
        license_link=LICENSES[terms],
        configs=dataset_info(folder, configs, facts["split"]),
        cited=cited(original),
        croissant=CROISSANT,
        read={library: line.format(names["csv"]) for library, line in READ.items()},
        bases=BASES,
        terms=TERMS,
        title=original.title,
        name=name,
        address=original.address,
        files=names,
        since=since,
        levels=LEVELS,
        is_release=not suffix,
        head=head(last_events),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    rulings = rulings_of(warehouse)
    ruled_before = manifest_of(releases.of(previous)).get("rulings", {}) if previous else {}
    (folder / standalone.FILE).write_text(f"# {name} {title}\n{standalone.source()}", encoding="utf-8")
    changelog = render("CHANGELOG.md.j2").render(
        version=title,
        mark=mark,
        because=because,
        comparisons=comparisons,
        previous=previous,
        ruled=ruled_since(ruled_before, rulings, previous),
        said=_said_since(releases, previous, pl.concat(said)).to_dicts(),
    )
    (folder / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    described = json.dumps(croissant(folder, name, title, terms, cited(original)), indent=1, ensure_ascii=False)
    (folder / CROISSANT).write_text(f"{described}\n", encoding="utf-8")
    manifest = {
        "name": name,
        "labels": names["all"],
        "evaluation_set": names["parquet"],
        "reward_set": names["reward"],
        "history": {"file": names["history"], "events": files.rows["history"], "head_sha256": head(last_events)},
        **facts,
        **figures,
        "because": because,
        "previous_manifest_sha256": previous and sha256(releases.of(previous) / MANIFEST),
        "changes": {name: dict(sorted(changed["Level"].value_counts().rows())) for name, changed in comparisons.items()},
        **_provenance(warehouse, maintained),
        "rulings": rulings,
        "policy": {
            "uses": {name: each._asdict() for name, each in use.USES.items()},
            "track_record": records.to_dicts(),
            **dict(zip(("grades_from", "trains_from"), use.thresholds(warehouse), strict=True)),
            "confidence": use.CONFIDENCE,
        },
        "error_rates": error_rates,
        "plan": _planned(warehouse),
        "versions": LEVELS,
        "files": {path.name: {"sha256": sha256(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


class _Files:
    """The files of labels, written part by part, under names that do not say the version yet."""

    def __init__(self, folder: Path):
        self.paths = {kind: folder / f"unnamed_{kind}" for kind in ("csv", "parquet", "reward", "all", "history")}
        self.rows: Counter[str] = Counter()
        self._parquet: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> Self:
        self._csv = self.paths["csv"].open("wb")
        return self

    def write(self, labels: pl.DataFrame) -> None:
        grading = evaluation_set(labels)
        grading.select(IN_CSV).write_csv(self._csv, include_header=not self._parquet)
        for kind, rows in (("parquet", grading), ("reward", reward_set(labels)), ("all", labels)):
            self.add(kind, rows)

    def add(self, kind: str, rows: pl.DataFrame) -> None:
        table = rows.to_arrow()
        if kind not in self._parquet:
            self._parquet[kind] = pq.ParquetWriter(
                self.paths[kind], table.schema, compression="zstd", write_statistics=["Row Number"]
            )
        self._parquet[kind].write_table(table)
        self.rows[kind] += rows.height

    def __exit__(self, *_: object) -> None:
        self._csv.close()
        for writer in self._parquet.values():
            writer.close()


def confirmation(warehouse: Warehouse, releases: Releases, version: Version, because: str | None = None) -> str:
    """What confirms the release of the candidate that these tables give: see `code_of`."""
    with tempfile.TemporaryDirectory() as folder:
        build(warehouse, releases, version, Path(folder) / "candidate", because=because)
        return code_of(Path(folder) / "candidate")


def export(warehouse: Warehouse, releases: Releases, folder: Path) -> list[Path]:
    """Write a working copy of the next release into a folder, beside what is there, and return its files.

    It is what `build` makes, under the version that it could have and the word `candidate`: no gate has looked at it. Each
    file appears whole or not at all. Raises what `build` raises, and ReleaseError where it would replace a file that is of
    no earlier working copy.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with releases.locked(), tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished") as unfinished:
        copy = Path(unfinished) / "copy"
        build(warehouse, releases, None, copy, CANDIDATE)
        made = sorted(copy.iterdir())
        is_copy = any(folder.glob(f"*{CANDIDATE}.parquet"))
        if not is_copy and (others := [path.name for path in made if (folder / path.name).exists()]):
            raise ReleaseError(f"{folder} has a {others[0]} that is not ours to replace: give a folder of its own.")
        return [path.replace(folder / path.name) for path in made]


def in_quarantine(warehouse: Warehouse) -> pl.DataFrame:
    """Uid as text and hash of the rows of the source that could not be read; none in a home from before there were any."""
    columns = ["uid_text", "row_sha256"]
    if warehouse.has(tables.QUARANTINE):
        return warehouse.read(tables.QUARANTINE, columns=columns)
    return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


def identity_of(warehouse: Warehouse) -> Identity:
    """Which benchmark the home is of, by all rows of its source."""
    raw = warehouse.read(tables.RAW_MEDCALC, columns=["uid", "row_sha256", "source", "source_version"])
    read = raw.select(pl.col("uid").cast(pl.String), "row_sha256")
    return identify([*read.iter_rows(), *in_quarantine(warehouse).iter_rows()], *raw.row(0)[2:])


def with_grounds(raw: pl.DataFrame, maintained: pl.DataFrame, evidence: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """The benchmark in its own columns, and beside each label its grounds, its confidence and its uses; `records` are
    those of `records_of`."""
    rules = evidence.select("uid", "output_type", "suspect", *columns("published"), *columns("computed"))
    grounds = use.with_uses(maintained.join(rules, on="uid", validate="1:1"), records).with_columns(
        confidence=use.confidence()
    )
    beside = grounds.select(
        pl.col("uid").alias("Row Number"),
        *(pl.col(name.lower().replace(" ", "_")).alias(name) for name in ("Confidence", *USES, "Use Because")),
    )
    return maintained_benchmark(raw, maintained).join(beside, on="Row Number", validate="1:1")


@cache
def code_sha256(*folders: Path) -> str:
    """Of all sources in these folders, with their names: the same in a checkout and in an installed package, where the
    prompts lie inside it."""
    files = {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and _is_source(path.relative_to(folder)) and (folder == PROMPTS or PROMPTS not in path.parents)
    }
    return hashlib.sha256(b"".join(name.encode() + b"\0" + files[name] + b"\0" for name in sorted(files))).hexdigest()


def _said_since(releases: Releases, previous: Version | None, said: pl.DataFrame) -> pl.DataFrame:
    """The events of physicians' answers and rulings, and of their withdrawal, that a release before has not."""
    said = said.sort("uid", "event", "actor", "sequence")
    if not previous:
        return said
    folder = releases.of(previous)
    known = pl.scan_parquet(folder / manifest_of(folder)["history"]["file"]).filter(BY_PHYSICIANS)
    return said.join(known.collect(), on=["uid", "sha256"], how="anti", maintain_order="left")


def _is_source(path: Path) -> bool:
    """Neither compiled, nor a file that an editor or the system keeps out of sight."""
    return not any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _figures(labels: pl.DataFrame) -> dict[str, Any]:
    counts = labels["State"].value_counts()
    states = dict(counts.iter_rows())
    return {
        "instances": labels.height,
        "evaluation": int(labels["Evaluation"].sum()),
        "reward": int(labels["Reward"].sum()),
        "not_computable": states.get("not_computable", 0),
        "ambiguous": states.get("ambiguous", 0),
        "in_dispute": labels.filter(
            ~pl.col("Evaluation"), pl.col("Reason").is_in(["contested", "contradicted", "physician_unexplained"])
        ).height,
        "unresolved": labels.filter(Reason="unresolved").height,
    }


def _tables(labels: pl.DataFrame) -> dict[str, Any]:
    said = {True: "yes", False: "no"}
    sizes = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K"}
    order = pl.col("Reason").replace_strict(list(REASONS), range(len(REASONS)), return_dtype=pl.Int32)
    kinds = labels.group_by("Reason", "Use Because", "Evaluation", "Reward").len("labels").sort(order, "Use Because")
    return {
        "size": next((name for top, name in sizes.items() if labels.height < top), "100K<n<1M"),
        "reasons": [
            {
                "reason": row["Reason"],
                "labels": row["labels"],
                "meaning": REASONS[row["Reason"]],
                "evaluation": said[row["Evaluation"]],
                "reward": said[row["Reward"]],
                "why": row["Use Because"],
            }
            for row in kinds.iter_rows(named=True)
        ],
        "confidences": [
            {"name": name, "labels": labels.filter(Confidence=name).height, "meaning": meaning}
            for name, meaning in use.CONFIDENCE.items()
        ],
    }


def _planned(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The last plan, by purpose and stratum: with its seed and the benchmark anybody can repeat the draw."""
    by = ["plan", "seed", "purpose", "stratum", "labels", "answers", "claim"]
    return last_plan(warehouse).select(by).unique().sort(by, nulls_last=True).to_dicts()


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
        "code": {"medcalc_assets": __version__, "sha256": code_sha256(PACKAGE, PROMPTS)},
    }
