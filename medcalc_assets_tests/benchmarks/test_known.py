"""A known benchmark is told by its rows: one that is cut short, edited or added to is no whole one."""

import hashlib
import shutil
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

import medcalc_assets as mc
from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.known import UNKNOWN, V1, identify, row_sha256
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.benchmarks.spec import COLUMNS, INSTANCES, REVISION
from medcalc_assets.release.build import build, in_quarantine
from medcalc_assets.release.gates import GATES, Candidate
from medcalc_assets.release.releases import Releases, manifest_of
from medcalc_assets.release.versions import FIRST
from medcalc_assets.storage.tables import QUARANTINE
from medcalc_assets.storage.warehouse import Warehouse

GATE = GATES["source_is_whole_or_called_unknown"]


def rows_of(source):
    return list(Source(source).read().instances.select(pl.col("uid").cast(pl.String), "row_sha256").iter_rows())


@pytest.fixture(scope="module")
def rows():
    return rows_of("demo")


def test_the_demo_is_known(rows):
    assert identify(rows, "demo", "") == identify(rows, "copy.csv", "") == ("demo", ())


def test_a_copy_that_is_cut_short_edited_or_added_to_is_told(rows):
    cut = identify(rows[:5] + rows[6:], "copy.csv", "")
    assert cut == ("demo", ("1 row is missing (uid 6)",))
    edited = identify([*rows[1:], ("1", row_sha256(["x"]))], "copy.csv", "")
    assert edited == ("demo", ("1 row is another than there (uid 1)",))
    added = identify([*rows, *((str(uid), row_sha256(["x"])) for uid in range(900, 907))], "copy.csv", "")
    assert added == ("demo", ("7 rows are not of it (uid 900, 901, 902, 903, 904, ...)",))


def test_one_row_is_enough_to_claim_a_benchmark_and_without_any_it_is_unknown(rows):
    assert identify(rows[7:8], "copy.csv", "").name == "demo"
    assert identify([(uid, row_sha256([uid])) for uid, _ in rows], "copy.csv", "") == (UNKNOWN, ())
    assert identify([], "demo", "").differences == (f"{len(rows)} rows are missing (uid 1, 2, 3, 4, 5, ...)",)


@pytest.mark.parametrize("split", INSTANCES)
def test_a_split_of_the_hub_is_known_by_its_revision_and_its_number_of_rows(split):
    rows = [(str(uid), "") for uid in range(INSTANCES[split])]
    version = f"{REVISION}:{split}"
    assert identify(rows, "hf", version) == (V1[split], ())
    assert identify(rows[:523], "hf", version).differences == (f"it has 523 rows, not {INSTANCES[split]:,}",)


@pytest.mark.real_data
def test_the_test_split_is_known_by_each_of_its_rows(real_data):
    path = str(real_data / "medcalc_bench_v1_test.csv")
    assert hashlib.sha256(Path(path).read_bytes()).hexdigest().startswith("6a21796e")
    rows = rows_of(path)
    assert identify(rows, "copy.csv", "") == (V1["test"], ())
    half = identify(rows[:523], "copy.csv", "")
    assert half == (V1["test"], ("524 rows are missing (uid 524, 525, 526, 527, 528, ...)",))


@pytest.mark.real_data
def test_every_row_of_the_training_sample_loads(real_data):
    found = Source(str(real_data / "medcalc_bench_v1_train_sample.csv"), strict=True).read()
    assert (found.instances.height, found.quarantine.height) == (583, 0)
    gestation = found.instances.filter(uid=9976)
    assert gestation.select("output_type", "label_number").row(0) == ("integer", 205)
    rows = found.instances.select(pl.col("uid").cast(pl.String), "row_sha256").rows()
    assert identify(rows, "sample.csv", "").name == UNKNOWN
    audits = {row["uid"]: mc.audit(row) for row in found.instances.iter_rows(named=True)}
    assert Counter(audit.verdict for audit in audits.values()) == {"reproduced": 560, "contradicted": 23}
    assert audits[3446].original_rule_reproduces, "Asian, so without the factor of Black"
    assert audits[9354].verdict == "reproduced", "6.6e-16 is 0"


@pytest.fixture
def harmed(demo, tmp_path):
    """Makes the candidate of a demo after its warehouse was changed by a statement."""

    def candidate(statement):
        shutil.copytree(demo.settings.home, tmp_path / "home")
        warehouse, releases = Warehouse(tmp_path / "home"), Releases(tmp_path / "releases")
        with warehouse.connect() as connection:
            connection.execute(statement)
        build(warehouse, releases, FIRST, releases.candidate)
        return Candidate(warehouse, releases)

    return candidate


def test_a_benchmark_that_lacks_a_row_is_not_released(harmed):
    found = harmed("DELETE FROM medcalc.raw_medcalc WHERE uid = 42")
    assert list(GATE(found)) == ["the source is not the whole of demo: 1 row is missing (uid 42)"]
    assert "**Not the whole of demo**, of which the source has rows: 1 row is missing (uid 42)." in card(found)


def test_a_row_in_quarantine_is_another_than_the_known_one_and_counted(harmed):
    aside = "SELECT 2, '1', calculator_name, 'why', 'remedy', md5('x'), source, source_version FROM medcalc.raw_medcalc"
    moved = f"INSERT INTO {QUARANTINE.full_name} {aside} WHERE uid = 1; DELETE FROM medcalc.raw_medcalc WHERE uid = 1"
    found = harmed(moved)
    assert list(GATE(found)) == ["the source is not the whole of demo: 1 row is another than there (uid 1)"]
    assert manifest_of(found.folder)["quarantined"] == in_quarantine(found.warehouse).height == 1
    assert "Not among them are 1 of the source's rows, which cannot be read." in card(found)


def test_an_unknown_benchmark_is_called_so_in_every_file(harmed):
    """Of real votes: a demo says DEMO, which is worse."""
    found = harmed(
        "UPDATE medcalc.raw_medcalc SET row_sha256 = md5(uid::VARCHAR), source = 'mine.csv'; "
        "UPDATE medcalc.maintained_labels SET simulated = false"
    )
    names = {path.name for path in found.folder.iterdir()}
    assert {name for name in names if not name.startswith("UNKNOWN_SOURCE_medcalc_bench_1.1.0")} == {
        *("README.md", "CHANGELOG.md", "croissant.json", "manifest.json", "grader.py")
    }
    assert all(b"UNKNOWN SOURCE" in (found.folder / name).read_bytes()[:200] for name in names if name[0] != "U")
    assert "No row of mine.csv is one of a benchmark that `medcalc_assets` knows" in card(found)
    assert manifest_of(found.folder)["benchmark"] == UNKNOWN
    assert list(GATE(found)) == []
    (found.folder / "CHANGELOG.md").write_text("# Changes in 1.1.0")
    assert list(GATE(found)) == ["CHANGELOG.md does not say UNKNOWN SOURCE"]


def card(candidate):
    return (candidate.folder / "README.md").read_text()


def test_a_second_row_of_a_uid_is_no_row_of_the_benchmark_whichever_comes_first():
    rows = [(str(row["Row Number"]), row_sha256(str(row[name]) for name in COLUMNS)) for row in original_rows()]
    for with_another in ([("1", "f" * 64), *rows], [*rows, ("1", "f" * 64)]):
        assert "1 row is there twice (uid 1)" in identify(with_another, "x.csv", "").differences
