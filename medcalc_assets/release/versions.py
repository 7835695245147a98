"""What changed from one release to the next, label by label, and which version number that takes."""

import re
from typing import Literal, NamedTuple, Self

import polars as pl

from medcalc_assets.benchmarks.spec import COLUMNS
from medcalc_assets.errors import MedcalcError

Level = Literal["major", "minor", "patch"]

LEVELS: dict[Level, str] = {
    "major": "an instance is added or lost, its note or question changed, or a label of the evaluation key accepts other "
    "answers than before (its value, its limits or its state changed): scores before and after cannot be compared",
    "minor": "a label joins or leaves the evaluation or the reward set, or one outside the evaluation key accepts other "
    "answers: scores on what both evaluation keys hold can be compared",
    "patch": "only the reason or the confidence of a label changed: every answer is graded as before",
}
"""What each part of a version number means, the gravest first. The line begins after the original benchmark, which had no
abstentions and no evaluation key: whatever the first release changes is in its changelog, and its version is free."""

ANSWERS = ["Ground Truth Answer", "Lower Limit", "Upper Limit", "State"]
USES = ["Evaluation", "Reward"]
GROUNDS = ["Reason", "Confidence"]
CASE = ["Patient Note", "Question", "Output Type"]
COMPARED = [*ANSWERS, *USES, *GROUNDS]


class VersionError(MedcalcError):
    """The version cannot be given to a release. The message says which could."""


class Version(NamedTuple):
    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of `1.2.3`. Raises VersionError for all else, and for what is not later than the original."""
        match = re.fullmatch(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})", text)
        if not match or (found := cls(*map(int, match.groups()))) <= (1, 0, 0):
            raise VersionError(f"{text!r} is no version of a release: it is three numbers above 1.0.0, such as 1.1.0.")
        return found

    def __str__(self) -> str:
        return ".".join(map(str, self))

    def next(self, level: Level) -> "Version":
        """The lowest version that may follow with changes of this level."""
        match level:
            case "major":
                return Version(self.major + 1, 0, 0)
            case "minor":
                return Version(self.major, self.minor + 1, 0)
            case "patch":
                return Version(self.major, self.minor, self.patch + 1)


FIRST = Version(1, 1, 0)
"""The first release, if no other version is asked for."""


def as_original(release: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """The benchmark in the columns that are compared: its labels, all computable; it had no uses and no grounds."""
    nothing = [pl.lit(None, release.schema[name]).alias(name) for name in (*USES, *GROUNDS)]
    answers = raw.select(
        pl.col("uid").alias("Row Number"),
        *(pl.col(COLUMNS[name]).alias(name) for name in ANSWERS if name in COLUMNS),
        State=pl.lit("computable"),
    )
    return release.drop(ANSWERS).with_columns(nothing).join(answers, on="Row Number", validate="1:1").select(release.columns)


def changes(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """A row for every label that differs, with its `Level`, `What` differs, and each compared column as it was and is.

    Both frames have `Row Number`, `Calculator Name`, `Evidence` and the columns of CASE and COMPARED. Uses and grounds that
    are null before, as those of the original are, are not compared. Rows are ordered by `Row Number`.
    """
    was = {name: f"{name} before" for name in (*CASE, *COMPARED)}
    joined = before.select("Row Number", pl.col("Calculator Name").alias("calculator"), *was).rename(was)
    joined = joined.join(
        after.select("Row Number", "Calculator Name", *was, "Evidence", "Use Because"),
        on="Row Number",
        how="full",
        coalesce=True,
    ).with_columns(pl.coalesce("Calculator Name", "calculator").alias("Calculator Name"))

    def differs(name: str) -> pl.Expr:
        return pl.col(was[name]).is_not_null() & pl.col(name).ne_missing(pl.col(was[name]))

    def differ(names: list[str]) -> pl.Expr:
        return pl.any_horizontal(map(differs, names))

    unmatched = pl.col("State").is_null() | pl.col("State before").is_null()
    graded_otherwise = differ(ANSWERS)
    return (
        joined.with_columns(
            Level=pl.when(unmatched | differ(CASE) | (graded_otherwise & pl.col("Evaluation before").fill_null(True)))
            .then(pl.lit("major"))
            .when(graded_otherwise | differ(USES))
            .then(pl.lit("minor"))
            .when(differ(GROUNDS))
            .then(pl.lit("patch")),
            What=pl.when(pl.col("State before").is_null())
            .then(pl.lit("added"))
            .when(pl.col("State").is_null())
            .then(pl.lit("lost"))
            .otherwise(
                pl.concat_list(pl.when(differs(name)).then(pl.lit(name)) for name in was).list.drop_nulls().list.join(", ")
            ),
        )
        .filter(pl.col("Level").is_not_null())
        .select(
            "Row Number",
            "Calculator Name",
            "Level",
            "What",
            *(each for name in COMPARED for each in (was[name], name)),
            "Evidence",
            "Use Because",
        )
        .sort("Row Number")
    )


def level_of(changed: pl.DataFrame) -> Level | None:
    """The gravest level among the changes; None if there are none."""
    return next((level for level in LEVELS if level in changed["Level"]), None)


def lowest_after(previous: Version, changed: pl.DataFrame) -> Version:
    """The lowest version that may follow `previous` with these changes."""
    return previous.next(level_of(changed) or "patch")


def require_version(version: Version, previous: Version | None, changed: pl.DataFrame) -> None:
    """Raise VersionError unless `version` may follow `previous` with these changes."""
    if previous and (level := level_of(changed)) and version < (lowest := previous.next(level)):
        grave = changed.filter(Level=level)["Row Number"]
        examples = ", ".join(map(str, grave.head(5))) + (", ..." if len(grave) > 5 else "")
        raise VersionError(
            f"{version} is too low: since {previous}, {len(grave)} changes are {level} (uid {examples}). "
            f"{level.capitalize()} means: {LEVELS[level]}. Give {lowest} or more."
        )
