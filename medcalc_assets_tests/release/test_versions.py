import polars as pl
import pytest

from medcalc_assets.release.versions import (
    CASE,
    COMPARED,
    Version,
    VersionError,
    changes,
    level_of,
    lowest_after,
    require_version,
)


@pytest.mark.parametrize("text", ["1.0.0", "0.9.9", "1.1", "v1.1.0", "1.1.0-rc1", "01.1.0", "1.1.0\n", "../1.1.0"])
def test_what_is_no_version_is_refused(text):
    with pytest.raises(VersionError, match=r"such as 1\.1\.0"):
        Version.parse(text)


LABEL = dict(zip(COMPARED, ("5", "5", "5", "computable", True, True, "confirmed", "two ways"), strict=True))
LABEL |= {"Row Number": 1, "Calculator Name": "GCS", "Evidence": "{}", "Use Because": "", **dict.fromkeys(CASE, "as it was")}


@pytest.mark.parametrize(
    ("before", "after", "level", "lowest"),
    [
        ({}, {"Ground Truth Answer": "6"}, "major", "2.0.0"),
        ({}, {"Upper Limit": "6"}, "major", "2.0.0"),
        ({"Evaluation": False}, {"Question": "another"}, "major", "2.0.0"),
        ({}, {"State": "ambiguous", "Evaluation": False}, "major", "2.0.0"),
        ({"Evaluation": False}, {"Evaluation": True}, "minor", "1.3.0"),
        ({"Evaluation": False}, {"Ground Truth Answer": "6", "Evaluation": True}, "minor", "1.3.0"),
        ({}, {"Reward": False}, "minor", "1.3.0"),
        ({}, {"Reason": "physician", "Confidence": "physician"}, "patch", "1.2.4"),
        ({}, {}, None, "1.2.4"),
    ],
)
def test_the_gravest_change_sets_the_version(before, after, level, lowest):
    was, now = (pl.DataFrame([LABEL | row]) for row in (before, after))
    changed = changes(was, now)
    previous = Version(1, 2, 3)
    assert level_of(changed) == level
    assert str(lowest_after(previous, changed)) == lowest
    require_version(Version.parse(lowest), previous, changed)
    if level:
        with pytest.raises(VersionError, match=f"Give {lowest} or more"):
            require_version(previous, previous, changed)


def test_an_instance_lost_or_added_is_a_major_change():
    one = pl.DataFrame([LABEL | {"Evaluation": False}])
    other = one.with_columns(pl.lit(2).cast(pl.Int64).alias("Row Number"))
    changed = changes(one, other)
    assert changed["What"].to_list() == ["lost", "added"]
    assert changed["Level"].to_list() == ["major", "major"]


@pytest.mark.parametrize("n", [5, 6])
def test_a_refused_version_names_five_labels_and_says_if_there_are_more(n):
    was = pl.DataFrame([LABEL | {"Row Number": uid} for uid in range(n)])
    changed = changes(was, was.with_columns(pl.lit("6").alias("Ground Truth Answer")))
    with pytest.raises(VersionError) as refused:
        require_version(Version(1, 2, 4), Version(1, 2, 3), changed)
    assert "0, 1, 2, 3, 4" in str(refused.value)
    assert (", ..." in str(refused.value)) == (n > 5)
