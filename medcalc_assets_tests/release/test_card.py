"""The card of a release: what it holds, and under which terms."""

import polars as pl
import pytest
import yaml

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.calculators import KEYS
from medcalc_assets.release import build as building
from medcalc_assets.release.releases import Releases
from medcalc_assets.release.versions import FIRST


@pytest.fixture
def card(demo, tmp_path):
    return card_of(demo, tmp_path / "release")


def card_of(chain, folder):
    building.build(chain.settings.warehouse, Releases(folder), FIRST, folder)
    return folder / "README.md"


def front_matter(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_the_card_names_every_file(card):
    text = card.read_text()
    assert [path.name for path in card.parent.iterdir() if path != card and f"`{path.name}`" not in text] == []


def test_the_invented_patients_of_the_demo_are_ours_to_license(card):
    assert front_matter(card.read_text())["license"] == "apache-2.0"
    assert "CC-BY-SA" not in card.read_text()


def test_labels_derived_from_the_benchmark_keep_its_license_and_name_its_authors(start_chain, tmp_path):
    rows = original_rows()[:12]
    path = tmp_path / "[a](x) <b> `?.csv"
    pl.DataFrame(rows).write_csv(path)
    chain = start_chain(str(path), auditor="none")
    chain.run(KEYS[:2])
    text = card_of(chain, tmp_path / "release").read_text()
    assert "from \\[a\\](x) \\<b\\> \\`?.csv (" in text
    assert front_matter(text)["license"] == "cc-by-sa-4.0"
    assert "MedCalc-Bench, by Khandekar et al. (NeurIPS 2024, arXiv:2406.12036)" in text
    assert "derived from it, under the same licence" in text
