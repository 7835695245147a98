"""Reward sets: who may train, and that two arms differ by their labels alone."""

import json

import polars as pl
import pytest

from medcalc_assets.grading.reward import prompt, reward_of, truth_of
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.release.releases import ReleaseError
from medcalc_assets.release.reward_set import reward_set
from medcalc_assets.storage.tables import LABEL_EVIDENCE, MAINTAINED_LABELS, RAW_MEDCALC
from medcalc_assets_tests.cli import document, medcalc


@pytest.fixture(scope="module")
def trainable(own_demo):
    """The demo as if its votes were real: of a demo no label may train."""
    with own_demo.settings.warehouse.connect() as connection:
        for table in (MAINTAINED_LABELS, LABEL_EVIDENCE):
            if "simulated" in table.names:
                connection.execute(f"UPDATE {table.full_name} SET simulated = false")
    return own_demo


@pytest.fixture(scope="module")
def key(trainable, tmp_path_factory):
    """Some of the instances, as the key by which a model will be judged."""
    path = tmp_path_factory.mktemp("key") / "key.csv"
    raw = trainable.read("raw_medcalc").sort("uid").head(40)
    raw.select(pl.col("note").alias("Patient Note"), pl.col("calculator_id").alias("Calculator ID")).write_csv(path)
    return path


def test_of_a_demo_no_label_trains(demo, tmp_path):
    path = tmp_path / "key.csv"
    path.write_text("Patient Note,Calculator ID\nx,2\n")
    height = demo.read("raw_medcalc").height
    with pytest.raises(ReleaseError, match=f"No row is left: {height} may not train, and 0 stand in {path}"):
        reward_set(demo.settings.warehouse, path, "maintained", "trl")


def test_the_arms_have_the_same_instances_order_and_prompts_and_each_its_labels(trainable, key):
    ours, original = (reward_set(trainable.settings.warehouse, key, arm, "trl") for arm in ("maintained", "original"))
    assert ours[1:] == original[1:]
    assert ours.rows.drop("ground_truth").equals(original.rows.drop("ground_truth"))
    assert ours.rows.height + ours.not_permitted + ours.in_evaluation == trainable.read("raw_medcalc").height
    labels = dict(trainable.settings.warehouse.read(RAW_MEDCALC).select("uid", "label_text").iter_rows())
    for uid, cells in original.rows.select("uid", "ground_truth").iter_rows():
        assert truth_of(cells).label == parse_label(labels[uid])
    assert not ours.rows["ground_truth"].equals(original.rows["ground_truth"])


def test_what_stands_in_the_evaluation_key_does_not_train(trainable, key):
    found = reward_set(trainable.settings.warehouse, key, "maintained", "trl")
    asked = set(pl.read_csv(key).iter_rows())
    notes = {
        uid: (note, id) for uid, note, id in trainable.read("raw_medcalc").select("uid", "note", "calculator_id").iter_rows()
    }
    assert found.in_evaluation
    assert not any(notes[uid] in asked for uid in found.rows["uid"])


def test_verl_has_the_same_rows_in_its_columns(trainable, key):
    verl, trl = (reward_set(trainable.settings.warehouse, key, "maintained", trainer).rows for trainer in ("verl", "trl"))
    assert verl["prompt"].equals(trl["prompt"])
    assert verl["reward_model"].struct.field("ground_truth").to_list() == trl["ground_truth"].to_list()
    assert verl["extra_info"].struct.field("uid").equals(trl["uid"])


def test_a_label_comes_back_from_its_file_and_rewards(trainable, key):
    for arm in ("original", "maintained"):
        rows = reward_set(trainable.settings.warehouse, key, arm, "trl").rows
        for cells in rows["ground_truth"]:
            label, days = truth_of(cells).label, truth_of(cells).label.number
            is_age = truth_of(cells).asked.kind == "gestation" and days is not None
            said = f"({days // 7:.0f}, {days % 7:.0f})" if is_age else label
            assert reward_of(f"<answer>{said}</answer>", cells) == 1.0
            assert reward_of([{"role": "assistant", "content": f"<answer>{said}</answer>"}], cells) == 1.0


def test_a_note_is_not_taken_for_a_form():
    assert "{question} {note}" in prompt("{question} {note}", "What is it?")


def test_the_command_says_what_was_left_out(trainable, key, tmp_path):
    arguments = ("reward", "export", "--home", trainable.settings.home, "--evaluation", str(key), "--to", str(tmp_path))
    said = document(*arguments, "--arm", "original", "--for", "verl")
    assert said["rows"] == pl.read_parquet(said["file"]).height
    found = reward_set(trainable.settings.warehouse, key, "original", "verl")
    assert json.dumps([said["not_permitted"], said["in_evaluation"]]) == json.dumps([*found[1:]])
    shown = medcalc(*arguments, "--arm", "maintained", "--for", "trl").output
    assert f"{found.in_evaluation:,} whose note and calculator stand in {key}" in shown
    assert {path.name for path in tmp_path.iterdir()} == {"medcalc_original_verl.parquet", "medcalc_maintained_trl.parquet"}


def test_a_key_that_is_none_is_refused_in_one_line(trainable, tmp_path):
    (tmp_path / "key.csv").write_text("a,b\n1,2\n")
    shown = medcalc(
        *("reward", "export", "--home", trainable.settings.home, "--arm", "original", "--for", "trl"),
        *("--evaluation", str(tmp_path / "key.csv")),
    )
    assert shown.exit_code == 1
    assert f"{tmp_path / 'key.csv'} cannot be read as a key: " in shown.stderr
    assert shown.stderr.count("\n") == 1
