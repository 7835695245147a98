"""The folder of all releases: which there are, what each says of itself, and whether it is as it was released."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from medcalc_assets.errors import MedcalcError
from medcalc_assets.release.versions import Version
from medcalc_assets.storage.files import flush, locked
from medcalc_assets.storage.warehouse import home_folder

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

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time makes a candidate, a release or a working copy: the others wait for it."""
        with locked(self.folder.parent / ".releases.lock"):
            yield

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
        """Let the candidate of that manifest become the release, in one step; on return it is on the disk.

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
            if self.is_released:
                flush(self.folder)  # the process that was killed may not have come to it
                return target
            raise ReleaseError(f"{target} is there already, and a released version is never overwritten.")
        for path in self.candidate.iterdir():
            path.chmod(0o444)
            flush(path)
        flush(self.candidate)
        os.rename(self.candidate, target)
        flush(self.folder)
        flush(self.folder.parent)
        return target

    @property
    def is_released(self) -> bool:
        """Whether the release of the candidate's version is the candidate, byte for byte, as after a kill between the
        files and the row of `label_releases`."""
        target = self.of(Version.parse(manifest_of(self.candidate)["version"]))
        same = (target / MANIFEST).exists() and sha256(target / MANIFEST) == sha256(self.candidate / MANIFEST)
        return same and not tampered(target)

    def labels(self, name: str) -> pl.DataFrame:
        """The labels of a release. Raises ReleaseError if there is none of that version, or it is not as released."""
        return read_labels(self.file_of_labels(name))

    def file_of_labels(self, name: str) -> Path:
        """Where they are. Raises ReleaseError likewise."""
        folder = self.of(Version.parse(name))
        if not folder.is_dir():
            known = ", ".join(map(str, self.versions)) or "none"
            raise ReleaseError(f"{folder} does not exist. Released are: {known}.")
        return verified_labels(folder)


def load_release(release: str | Path, home: str | Path | None = None) -> pl.DataFrame:
    """Read the labels of a release, after every file of it was compared with its manifest.

    Args:
        release: A version in `home`, such as "1.1.0", or the path to a folder with a `manifest.json`.
        home: The folder of the project's data; MEDCALC_HOME, or ./data, by default.

    Returns:
        One row per instance: the columns of MedCalc-Bench with maintained labels and limits, and beside each label its
        state, reason, evidence, confidence and uses.

    Raises:
        ReleaseError: There is no such release, or it is not as it was released.

    >>> load_release("1.1.0", home="nowhere")
    Traceback (most recent call last):
    ...
    medcalc_assets.release.releases.ReleaseError: nowhere/releases/1.1.0 does not exist. Released are: none.
    """
    if isinstance(release, str) and re.fullmatch(r"\d+\.\d+\.\d+", release):
        return Releases((Path(home) if home else home_folder()) / "releases").labels(release)
    return read_labels(verified_labels(Path(release)))


def verified_labels(folder: Path) -> Path:
    """The file of labels in a folder. Raises ReleaseError if a file is not what the manifest says of it."""
    if harmed := tampered(folder):
        raise ReleaseError(f"{folder} is not as it was released: {'; '.join(harmed)}. Get the release again.")
    return folder / str(manifest_of(folder)["labels"])


def manifest_of(folder: Path) -> dict[str, Any]:
    """What a release, or a candidate, says of itself."""
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if found["labels"] in found["files"]:
            return found
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{folder / MANIFEST} cannot be read: {error}. Get the release again.") from error
    except (KeyError, TypeError):
        pass
    raise ReleaseError(f"{folder / MANIFEST} is no manifest of a release. Give the folder of one, or its version.")


def changed_since_original(manifest: Mapping[str, Any]) -> int:
    """How many labels differ from the original ones, which a manifest calls by the name of their benchmark."""
    return sum(n for name, levels in manifest["changes"].items() if name != manifest["previous"] for n in levels.values())


def code_of(candidate: Path) -> str:
    """The confirmation code of a candidate: nobody knows it who has not seen this very candidate, or the tables."""
    return sha256(candidate / MANIFEST)[:8]


def labels_in(folder: Path) -> pl.DataFrame:
    """All labels of a release."""
    return read_labels(folder / manifest_of(folder)["labels"])


def read_labels(path: Path, columns: Sequence[str] = (), uids: tuple[int, int] | None = None) -> pl.DataFrame:
    """Of a Parquet file of labels or events these columns (all, for none), and all rows, or those from one uid to another.

    Raises ReleaseError.
    """
    try:
        rows = pl.scan_parquet(path)
        rows = rows if uids is None else rows.filter(pl.col("^uid|Row Number$").is_between(*uids))
        return (rows.select(columns) if columns else rows).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # polars panics on some damages
        raise ReleaseError(f"{path} cannot be read: {error}. Get the release again.") from error


def tampered(folder: Path) -> list[str]:
    """How the files of a release differ from what its manifest says of them."""
    return [f"{name} {why}" for name, why in harms(folder)]


def harms(folder: Path) -> Iterator[tuple[str, str]]:
    """Each file of a release that is not as its manifest says, and what is wrong with it."""
    listed = manifest_of(folder)["files"]
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    yield from ((name, "is missing") for name in sorted(listed.keys() - present))
    yield from ((name, "is not of the release") for name in sorted(present - listed.keys()))
    for name in sorted(present & listed.keys()):
        if sha256(folder / name) != listed[name]["sha256"]:
            yield name, "was changed"


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
