"""The card of a release: what it holds, and under which terms."""

import json
import re
from functools import partial

import duckdb
import pandas
import polars as pl
import pytest
import yaml
from datasets import load_dataset

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.known import note_sha256
from medcalc_assets.calculators import KEYS
from medcalc_assets.release import build as building
from medcalc_assets.release.card import CROISSANT, READ
from medcalc_assets.release.formats import SAID
from medcalc_assets.release.releases import Releases, sha256
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


@pytest.mark.parametrize("library", READ)
def test_the_line_of_each_library_reads_every_na_of_the_csv_as_an_answer(card, library, monkeypatch, tmp_path):
    """The line as it stands in the card, run where the files are."""
    (line,) = re.findall(rf"^\* {library}: `(.*)`$", card.read_text(), re.MULTILINE)
    monkeypatch.chdir(card.parent)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    names = {"pd": pandas, "pl": pl, "duckdb": duckdb, "load_dataset": partial(load_dataset, cache_dir=str(tmp_path))}
    found = eval(line, names)  # noqa: S307 - it is ours
    if library == "DuckDB":
        found = found.pl()
    answers = list(found["Ground Truth Answer"])
    labels = pl.read_parquet(next(card.parent.glob("*_1.1.0.parquet")))
    assert answers == labels["Ground Truth Answer"].to_list()
    assert answers.count("N/A") == labels.filter(pl.col("Answer Kind") == "na").height > 0


def test_pandas_would_lose_them_without_it(card):
    found = pandas.read_csv(next(card.parent.glob("*_1.1.0.csv")))
    assert found["Ground Truth Answer"].isna().sum() > 0


@pytest.mark.parametrize("config", ["evaluation", "reward", "all"])
def test_each_configuration_of_the_card_opens_with_its_columns_and_rows(card, config, tmp_path):
    told = {each["config_name"]: each for each in front_matter(card.read_text())["dataset_info"]}
    opened = load_dataset(str(card.parent), config, cache_dir=str(tmp_path))["test"]
    assert {each["name"] for each in told[config]["features"]} == set(opened.column_names)
    assert told[config]["splits"] == [{"name": "test", "num_examples": opened.num_rows}]
    file = next(card.parent.glob(f"*_1.1.0{'' if config == 'evaluation' else '_' + config}.parquet"))
    assert told[config]["download_size"] == file.stat().st_size
    assert opened.num_rows == pl.read_parquet(file).height > 0


def test_numbers_dates_evidence_and_the_hash_of_the_note_stand_in_columns_of_their_own(demo, card):
    labels = pl.read_parquet(next(card.parent.glob("*_1.1.0_all.parquet")))
    maintained = demo.read("maintained_labels").sort("uid")
    assert labels["Answer Number"].equals(maintained["final_number"].alias("Answer Number"), null_equal=True)
    assert labels["Answer Date"].equals(maintained["final_date"].alias("Answer Date"), null_equal=True)
    within = labels.filter(pl.col("Answer Number").is_not_null())
    assert (within["Lower Number"] <= within["Answer Number"]).all()
    assert (within["Answer Number"] <= within["Upper Number"]).all()
    for row in labels.iter_rows(named=True):
        said = json.loads(row["Evidence"])
        assert [row[name] for name in SAID] == [said.get(key) for key in SAID.values()]
        assert row["Note SHA256"] == note_sha256(row["Patient Note"])


def test_croissant_names_every_file_with_its_hash_and_every_column_with_its_type(card):
    told = json.loads((card.parent / CROISSANT).read_text())
    files = {path.name: sha256(path) for path in card.parent.iterdir() if path.name not in (CROISSANT, "manifest.json")}
    assert {each["@id"]: each["sha256"] for each in told["distribution"]} == files
    assert told["license"] == front_matter(card.read_text())["license_link"]
    ids = [each["@id"] for record in told["recordSet"] for each in (record, *record["field"])]
    assert len(set(ids)) == len(ids)
    assert not any(" " in each for each in ids)
    kinds = {pl.String: "sc:Text", pl.Boolean: "sc:Boolean", pl.Float64: "sc:Float", pl.Date: "sc:Date"}
    for record in told["recordSet"]:
        frame = pl.read_parquet(card.parent / f"{record['name']}.parquet")
        types = {each["name"]: each["dataType"] for each in record["field"]}
        assert list(types) == frame.columns
        assert all(types[name] == kinds[dtype] for name, dtype in frame.schema.items() if dtype in kinds)


def test_a_configuration_without_rows_is_not_offered(start_chain, tmp_path):
    rows = original_rows()[:12]
    pl.DataFrame(rows).write_csv(tmp_path / "rows.csv")
    chain = start_chain(str(tmp_path / "rows.csv"), auditor="none")
    chain.run(KEYS[:2])
    head = front_matter(card_of(chain, tmp_path / "release").read_text())
    assert [each["config_name"] for each in head["configs"]] == ["all"]


def test_the_invented_patients_of_the_demo_are_ours_to_license(card):
    head = front_matter(card.read_text())
    assert (head["license"], head["license_link"]) == ("apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")
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
