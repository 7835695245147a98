"""How a release candidate is harmed, in a way for every gate to close on."""

import json
import shutil

import polars as pl

from medcalc_assets.release.formats import IN_CSV, evaluation_set
from medcalc_assets.release.gates import Candidate
from medcalc_assets.release.releases import MANIFEST, Releases, manifest_of, sha256
from medcalc_assets.release.versions import FIRST, Version
from medcalc_assets.storage.tables import LABEL_EVENTS
from medcalc_assets.storage.warehouse import Warehouse


def copy_of(candidate, folder):
    """One that may be harmed."""
    releases = Releases(folder)
    shutil.copytree(candidate.folder, releases.candidate)
    return Candidate(candidate.warehouse, releases)


def file(candidate, ending):
    return next(path for path in candidate.folder.iterdir() if path.name.endswith(ending))


def edited(candidate, *expressions):
    """The candidate with other labels, in all its files."""
    labels = candidate.labels.with_columns(*expressions)
    grading = evaluation_set(labels)
    labels.write_parquet(file(candidate, "_all.parquet"))
    grading.write_parquet(file(candidate, "1.1.0.parquet"))
    grading.select(IN_CSV).write_csv(file(candidate, "1.1.0.csv"))


def earlier(candidate, version, labels):
    """A release of these labels, before the candidate."""
    folder = candidate.releases.of(Version.parse(version))
    shutil.copytree(candidate.folder, folder)
    manifest = manifest_of(folder)
    path = folder / manifest["labels"]
    labels.write_parquet(path)
    manifest["files"][path.name]["sha256"] = sha256(path)
    (folder / MANIFEST).write_text(json.dumps(manifest | {"version": version}))


def where(condition, column, value):
    return pl.when(condition).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)


def with_another_history(candidate):
    """In a warehouse of its own, somebody has corrected what an event says."""
    home = candidate.releases.folder / "home"
    home.mkdir()
    shutil.copy(candidate.warehouse.path, home)
    object.__setattr__(candidate, "warehouse", Warehouse(home))
    with candidate.warehouse.connect() as connection:
        connection.execute(f"UPDATE {LABEL_EVENTS.full_name} SET value = '4711' WHERE uid = 1 AND event = 'maintained'")


CONFIRMED = pl.col("Reason") == "confirmed"
NUMBERS = pl.col("Output Type") == "decimal"
HARM = {
    "every_label_has_evidence": lambda c: edited(c, where(CONFIRMED, "Evidence", '{"original":"1"}')),
    "contradicted_is_no_answer": lambda c: edited(c, where(CONFIRMED, "Reason", "contradicted")),
    "explanations_tell_the_labels": lambda c: edited(
        c, pl.col("Ground Truth Explanation").str.replace(r"The original label was .*", "The original label was 9.")
    ),
    "no_change_without_a_reason": lambda c: edited(c, where(CONFIRMED, "Ground Truth Answer", "4711")),
    "value_within_limits": lambda c: edited(c, where(CONFIRMED & NUMBERS, "Upper Limit", "-9999")),
    "limits_by_type": lambda c: edited(c, where(CONFIRMED & NUMBERS, "Upper Limit", "999999")),
    "simulated_says_demo": lambda c: (
        edited(c, where(CONFIRMED, "Auditor", "simulated"), where(CONFIRMED, "Simulated", True)),
        (c.folder / "README.md").write_text("# Labels"),
    ),
    "no_uid_lost_or_added": lambda c: edited(c, where(pl.col("Row Number") == 7, "Row Number", 8)),
    "source_is_whole_or_called_unknown": lambda c: (c.folder / MANIFEST).write_text(
        json.dumps(manifest_of(c.folder) | {"benchmark": "unknown"})
    ),
    "one_auditor_for_all": lambda c: edited(c, where(CONFIRMED, "Auditor", "another")),
    "evaluation_key_does_not_shrink": lambda c: earlier(c, "1.0.9", c.labels.with_columns(Evaluation=pl.lit(True))),
    "policy_on_every_label": lambda c: edited(
        c, pl.when(CONFIRMED).then(~pl.col("Reward")).otherwise("Reward").alias("Reward")
    ),
    "confidence_follows_from_evidence": lambda c: edited(c, where(CONFIRMED, "Confidence", "physician")),
    "same_bytes_again": lambda c: (c.folder / "CHANGELOG.md").write_text("DEMO nothing"),
    "released_is_untouched": lambda c: (
        shutil.copytree(c.folder, c.releases.of(FIRST)),
        (c.releases.of(FIRST) / "README.md").write_text("DEMO, otherwise"),
    ),
    "history_tells_the_labels": with_another_history,
    "version_tells_the_change": lambda c: earlier(c, "1.0.9", c.labels.head(-1)),
}
