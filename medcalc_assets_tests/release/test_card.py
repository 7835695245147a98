"""The card of a release: what it holds, and under which terms."""

import json

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


def test_card_and_manifest_say_how_many_labels_are_wrong_and_what_is_not_covered(demo, card):
    rates = demo.read("error_rates")
    manifest = json.loads((card.parent / "manifest.json").read_text())
    assert len(manifest["error_rates"]) == rates.height == 6
    assert manifest["plan"] == []
    said = card.read_text().partition("## How many labels are wrong\n")[2].partition("\n## ")[0]
    assert "by a model of the cases that physicians chose, and no sample; the other 176 are not covered" in said
    of_key = rates.row(by_predicate=(pl.col("labels") == "key") & (pl.col("terms") == "limits"), named=True)
    assert f"| key: may grade | limits | {of_key['wrong']:,.1f} | {of_key['low']:.0f} to {of_key['high']:.0f} |" in said
    assert "`model`: as if the cases that physicians chose were a random draw of their kind" in said


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
