import csv
import json
import os
import shutil
from pathlib import Path

import dagster as dg
import datasets
import polars as pl
import pytest
from click.testing import CliRunner

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.spec import COLUMNS
from medcalc_assets.calculators import KEYS
from medcalc_assets.cli import main
from medcalc_assets.definitions import assemble
from medcalc_assets.defs.releases import history_of_releases
from medcalc_assets.labels.value import as_text
from medcalc_assets.release import releases as releases_module
from medcalc_assets.release.build import build
from medcalc_assets.release.gates import GATES, Candidate
from medcalc_assets.release.releases import MANIFEST, ReleaseError, Releases, labels_in, manifest_of, sha256, tampered
from medcalc_assets.release.versions import (
    FIRST,
    USES,
    Version,
)
from medcalc_assets.storage import warehouse
from medcalc_assets.storage.tables import LABEL_RELEASES, MAINTAINED_LABELS
from medcalc_assets_tests.cli import process
from medcalc_assets_tests.release.harm import HARM, copy_of, earlier, edited, file, where


@pytest.fixture(scope="module")
def candidate(demo, tmp_path_factory):
    """The files of a first release of the demo. Tests that harm them take a copy."""
    releases = Releases(tmp_path_factory.mktemp("releases"))
    build(demo.settings.warehouse, releases, FIRST, releases.candidate)
    return Candidate(demo.settings.warehouse, releases)


@pytest.fixture
def copied(candidate, tmp_path):
    return copy_of(candidate, tmp_path / "releases")


def test_every_gate_has_a_harm_that_closes_it():
    assert set(HARM) == set(GATES)


@pytest.mark.parametrize("name", GATES)
def test_a_gate_is_open_and_a_harm_closes_it_with_a_message(candidate, copied, monkeypatch, name):
    assert list(GATES[name](candidate)) == []
    HARM[name](copied)
    found = list(GATES[name](copied))
    assert found
    assert all(len(offender) > 20 for offender in found)
    monkeypatch.setattr(warehouse, "PART", 40)
    if name != "same_bytes_again":  # which parts were written at once is in the bytes
        assert sorted(GATES[name](copied)) == sorted(found), "it says the same however few labels it reads at once"


def test_a_candidate_that_is_written_by_parts_has_the_same_rows_and_the_same_history(candidate, tmp_path, monkeypatch):
    monkeypatch.setattr(warehouse, "PART", 40)
    by_parts = Candidate(candidate.warehouse, Releases(tmp_path / "releases"))
    build(by_parts.warehouse, by_parts.releases, FIRST, by_parts.folder)
    assert {name: list(gate(by_parts)) for name, gate in GATES.items()} == {name: [] for name in GATES}
    one, other = (manifest_of(each.folder) for each in (candidate, by_parts))
    assert one["history"] == other["history"]
    for name in one["files"]:
        if name.endswith(".parquet"):
            assert pl.read_parquet(candidate.folder / name).equals(pl.read_parquet(by_parts.folder / name)), name
        elif name.endswith((".csv", "CHANGELOG.md", ".py")):
            assert (candidate.folder / name).read_bytes() == (by_parts.folder / name).read_bytes(), name


def test_a_history_that_does_not_end_with_the_label_closes_a_gate(copied):
    now = copied.warehouse.read(MAINTAINED_LABELS).filter(uid=1).select(as_text("final")).item()
    HARM["history_tells_the_labels"](copied)
    assert list(GATES["history_tells_the_labels"](copied)) == [
        "uid 1, maintained 0 by the rule: its content is not what its sha256 was computed of. `medcalc verify` says all",
        f"uid 1 is {now}, and its history ends with 4711: materialize label_events",
    ]


def test_a_label_that_its_evidence_does_not_give_closes_a_gate(copied):
    uid = copied.labels.filter(Reason="relabelled")["Row Number"][0]
    edited(copied, where(pl.col("Row Number") == uid, "Ground Truth Answer", "999"))
    assert any(f"uid {uid} is 999" in offender for offender in GATES["every_label_has_evidence"](copied))


@pytest.mark.parametrize(
    ("reason", "named"),
    [
        ("physician", "physician"),
        ("physician_confirms", "relabel"),
        ("confirmed", "original"),
        ("relabelled", "relabel"),
        ("physician_unexplained", "physician"),
        ("contested", "relabel"),
        ("computed", "computed"),
        ("ambiguous", "original"),
        ("unresolved", "original"),
    ],
)
def test_a_label_is_what_its_reason_says_of_the_evidence(copied, reason, named):
    """Of one label: what the evidence names, another value, and evidence that does not name it."""
    uid = copied.labels["Row Number"][0]
    evidence = {"original": "1", "relabel": "2", "physician": "3", "published_rule": "4"}
    evidence |= {"auditor": "authors", "reviewer": "Dr Lee", "computed": "5", "inputs": "blind readers differ on none"}

    def found(answer, said):
        cells = {
            "Reason": reason,
            "Ground Truth Answer": answer,
            "Evidence": json.dumps(said),
            "Assumptions": '{"a":1,"b":2}',
        }
        edited(copied, *(where(pl.col("Row Number") == uid, name, value) for name, value in cells.items()))
        return list(GATES["every_label_has_evidence"](copied))

    assert found(evidence[named], evidence) == []
    assert found("4711", evidence) == [f"uid {uid} is 4711, and its evidence ({named}) is {evidence[named]}"]
    assert found(evidence[named], evidence | {named: None}) == [
        f"uid {uid} is {reason}, and its evidence does not name {named}"
    ]


def test_some_calculators_are_no_release(start_chain, release):
    chain = start_chain()
    chain.run(KEYS[:2])
    result = release(chain, "1.1.0")
    closed = {check.check_name: check.metadata for check in result.get_asset_check_evaluations() if not check.passed}
    assert list(closed) == ["no_uid_lost_or_added"]
    assert f"{len(KEYS) - 2} of {len(KEYS)} calculators were not run" in str(closed["no_uid_lost_or_added"]["for example"])
    assert not result.success
    assert release(chain, None).success, "what is not asked for is only warned of"
    assert chain.settings.releases.versions == []


def test_labels_that_may_grade_do_not_get_lost_unseen(candidate, copied):
    """As they do where a setting was forgotten: every label is unresolved then."""
    gate = GATES["evaluation_key_does_not_shrink"]
    all_grade = candidate.labels.with_columns(Evaluation=pl.lit(True))
    earlier(copied, "1.0.9", all_grade)
    lost = f"0 labels may grade, and {all_grade.height:,} in 1.0.9: state why with --because, or find what was forgotten"
    assert list(gate(copied)) == [lost]

    def says(**facts):
        path = copied.folder / MANIFEST
        path.write_text(json.dumps(json.loads(path.read_text()) | facts))

    says(demo=False)
    empty, still_lost = gate(copied)
    assert empty.startswith("no label may grade: were the authors' files, or the auditor, forgotten?")
    assert still_lost == lost
    says(demo=True, because="two calculators await rulings")
    assert list(gate(copied)) == []


def test_the_auditors_of_mixed_labels_are_counted(copied):
    edited(copied, where(pl.col("Row Number") == 7, "Auditor", "none"))
    others = copied.labels.height - 1
    (told,) = GATES["one_auditor_for_all"](copied)
    assert told == (
        f"labels rest on relabels of 2 auditors (1 on those of none, {others} on those of simulated): `medcalc run` makes "
        "them all with one"
    )


def test_the_reason_of_a_release_is_in_its_manifest_and_changelog(demo, tmp_path):
    releases = Releases(tmp_path / "releases")
    reason = "two\ncalculators | await <rulings>"
    manifest = build(demo.settings.warehouse, releases, FIRST, releases.candidate, because=reason)
    assert manifest["because"] == manifest_of(releases.candidate)["because"] == "two calculators | await <rulings>"
    changelog = (releases.candidate / "CHANGELOG.md").read_text().splitlines()
    (told,) = [line for line in changelog if line.startswith("Released because: two calculators ")]
    assert "<rulings>" not in told
    assert list(GATES["same_bytes_again"](Candidate(demo.settings.warehouse, releases))) == []


def test_what_is_not_confirmed_is_not_released(own_demo):
    """A web page that could launch the job knows no code."""
    job = assemble(own_demo.settings).resolve_job_def("release")

    def launched(**asked_for):
        config = {"ops": {"freeze": {"config": {"version": "1.1.0"} | asked_for}}}
        return job.execute_in_process(run_config=config, instance=own_demo.instance, raise_on_error=False)

    for given in ({}, {"confirm": ""}, {"confirm": "00000000"}):
        result = launched(**given)
        assert not result.success
        (failed,) = result.filter_events(lambda event: event.is_step_failure)
        assert "does not confirm the candidate of 1.1.0" in failed.step_failure_data.error.cause.message
        assert own_demo.settings.releases.versions == []
    (made,) = [event for event in result.get_asset_materialization_events() if event.asset_key.path == ["release_candidate"]]
    code = made.materialization.metadata["confirmation code"].value
    assert code == sha256(own_demo.settings.releases.candidate / MANIFEST)[:8]
    assert code not in failed.step_failure_data.error.cause.message
    assert not launched(confirm=code, because="another candidate").success
    assert own_demo.settings.releases.versions == []


def test_what_was_changed_after_the_gates_is_not_published(candidate, copied):
    digest = sha256(copied.folder / MANIFEST)
    file(copied, "1.1.0.csv").write_text("rubbish")
    with pytest.raises(ReleaseError, match="changed while the gates"):
        copied.releases.publish(digest)
    assert copied.releases.versions == []


def test_the_original_had_no_grounds_and_no_uses(candidate):
    told = pl.read_csv(file(candidate, "since_v1.0.csv"))
    for name in ("Evaluation", "Reward", "Reason", "Confidence"):
        assert told[f"{name} before"].null_count() == told.height
        assert told[name].null_count() == 0
    assert not told["What"].str.contains("Reason|Evaluation").any()


def test_the_files_are_those_of_the_manifest(candidate):
    assert tampered(candidate.folder) == []
    manifest = manifest_of(candidate.folder)
    assert manifest["demo"]
    assert manifest["evaluation"] == manifest["reward"] == 0
    assert {vote["votes"] for vote in manifest["relabel_votes"]} == {5 * len(original_rows())}
    assert len(manifest["rules"]) == len(KEYS)


def test_the_csv_begins_with_the_columns_of_the_original(candidate):
    with file(candidate, "1.1.0.csv").open(newline="", encoding="utf-8") as lines:
        assert next(csv.reader(lines)) == [*COLUMNS, *USES, "Use Because"]


def test_datasets_opens_it(candidate, tmp_path):
    grading, everything = (
        datasets.load_dataset(str(candidate.folder), name, cache_dir=str(tmp_path))["test"] for name in (None, "all")
    )
    assert everything.num_rows == len(original_rows())
    assert 200 < grading.num_rows < everything.num_rows
    assert everything[0]["Use Because"].startswith("simulated evidence")


def test_the_changelog_tells_every_label_that_differs_from_the_original(demo, candidate):
    raw, labels = demo.read("raw_medcalc"), candidate.labels
    differ = labels["Ground Truth Answer"].to_list() != raw["label_text"].to_list()
    assert differ
    told = pl.read_csv(file(candidate, "since_v1.0.csv"))
    changed = labels.filter(labels["Ground Truth Answer"] != raw.sort("uid")["label_text"])["Row Number"]
    assert set(changed) <= set(told["Row Number"])
    text = (candidate.folder / "CHANGELOG.md").read_text()
    assert all(f"\n| {uid} |" in text for uid in changed)


def test_without_a_version_there_is_a_candidate_and_no_release(own_demo, release):
    releases = own_demo.settings.releases
    result = release(own_demo, None)
    assert result.success
    assert {check.check_name for check in result.get_asset_check_evaluations() if check.passed} == set(GATES)
    assert manifest_of(releases.candidate)["version"] == str(FIRST)
    assert releases.versions == []
    assert own_demo.read("label_releases").is_empty()


def test_a_release_that_was_killed_before_it_was_written_down_is_finished(own_demo, release):
    releases = own_demo.settings.releases
    build(own_demo.settings.warehouse, releases, FIRST, releases.candidate)
    digest = sha256(releases.candidate / MANIFEST)
    published = {path.name: sha256(path) for path in releases.publish(digest).iterdir()}  # and here it is killed
    assert release(own_demo, "1.1.0").success
    assert own_demo.read("label_releases")["version"].to_list() == ["1.1.0"]
    assert {path.name: sha256(path) for path in releases.of(FIRST).iterdir()} == published


def write_history(chain):
    tags = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[-1]}
    assemble(chain.settings).resolve_job_def("history").execute_in_process(instance=chain.instance, tags=tags)


def test_releases_follow_each_other_and_none_is_ever_overwritten(own_demo, release):
    releases = own_demo.settings.releases
    first = {path.name: sha256(path) for path in releases.of(FIRST).iterdir()}
    assert own_demo.read("label_releases")["manifest_sha256"].to_list() == [first[MANIFEST]]

    again = release(own_demo, "1.1.0")
    assert not again.success
    assert "released_is_untouched" in [c.check_name for c in again.get_asset_check_evaluations() if not c.passed]
    assert not release(own_demo, "1.2.0").success  # nothing changed
    assert release(own_demo, None).success
    assert manifest_of(releases.candidate)["version"] == "1.1.1"
    assert releases.versions == [FIRST]

    integers = own_demo.read("raw_medcalc").filter(output_type="integer")["uid"].implode()
    unresolved = own_demo.read("maintained_labels").filter(pl.col("uid").is_in(integers), reason="unresolved")
    changed = unresolved["uid"][0]
    with own_demo.settings.warehouse.connect() as connection:
        connection.execute(
            f"UPDATE {MAINTAINED_LABELS.full_name} SET reason = 'physician', final_number = 17, lower_number = 17, "
            """upper_number = 17, evidence = '{"original":"1","physician":"17","reviewer":"Dr A"}' """
            f"WHERE uid = {changed}"
        )
    closed = [check.check_name for check in release(own_demo, "1.2.0").get_asset_check_evaluations() if not check.passed]
    assert closed == ["history_tells_the_labels"]
    write_history(own_demo)
    assert not release(own_demo, "1.1.1").success  # a changed label takes more
    assert release(own_demo, "1.2.0").success
    told = pl.read_csv(next(releases.of(Version(1, 2, 0)).glob("*since_1.1.0.csv")))
    assert told["Row Number"].to_list() == [changed]
    assert told["Reason"].to_list() == ["physician"]
    assert told["Ground Truth Answer"].to_list() == [17]
    assert {path.name: sha256(path) for path in releases.of(FIRST).iterdir()} == first


def test_a_release_from_the_ui_gets_into_the_history(own_demo, release):
    result = release(own_demo, None)
    event = next(event for event in result.all_events if event.event_type == dg.DagsterEventType.PIPELINE_SUCCESS)
    run = own_demo.instance.get_run_by_id(result.run_id)
    with dg.build_run_status_sensor_context(
        "history_of_releases", event, own_demo.instance, run, resources={"settings": own_demo.settings}
    ) as context:
        requests = list(history_of_releases(context))
    definitions = assemble(own_demo.settings)
    for request in requests:
        definitions.resolve_job_def("history").execute_in_process(instance=own_demo.instance, tags=request.tags)
    events = own_demo.read("label_events").filter(event="released")
    assert dict(events["actor"].value_counts().iter_rows()) == dict.fromkeys(["1.1.0", "1.2.0"], len(original_rows()))


def test_a_changed_file_of_a_release_is_found(own_demo):
    releases = own_demo.settings.releases
    path = releases.of(FIRST) / "README.md"
    text = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(text + b"\n")
    with pytest.raises(ReleaseError, match=r"README\.md was changed"):
        releases.labels("1.1.0")
    path.write_bytes(text)
    assert releases.labels("1.1.0").equals(labels_in(releases.of(FIRST)))


def test_the_row_of_a_release_cannot_be_changed(own_demo):
    rows = own_demo.read("label_releases")
    warehouse = own_demo.settings.warehouse
    assert warehouse.write(LABEL_RELEASES, [rows]) == rows.height
    with pytest.raises(Exception, match="never changed"):
        warehouse.write(LABEL_RELEASES, [rows.with_columns(changed=pl.lit(0, pl.Int32))])
    assert own_demo.read("label_releases").equals(rows)


def test_the_commands(own_demo, tmp_path, dagster_in_memory):
    def medcalc(*arguments):
        return CliRunner(env={"COLUMNS": "160", "DAGSTER_HOME": str(tmp_path)}).invoke(
            main, [*arguments, "--home", own_demo.settings.home]
        )

    assert "0 labels differ" in medcalc("diff", "1.1.0", "1.1.0").output
    assert "labels differ between v1.0 and 1.1.0" in medcalc("diff", "v1.0", "1.1.0").output
    assert medcalc("diff", "1.1.0", "7.0.0").exit_code == 1
    refused = medcalc("release", "--version", "1.1.0")
    assert refused.exit_code == 3
    assert "never overwritten" in refused.output
    assert medcalc("release", "--version", "latest").exit_code == 1
    unchanged = medcalc("release", "--version", "9.9.9")
    assert (unchanged.exit_code, unchanged.output) == (1, "ReleaseError No label changed since 1.2.0: cite that.\n")
    assert json.loads((own_demo.settings.releases.of(FIRST) / MANIFEST).read_text())["version"] == "1.1.0"


def test_releases_and_working_copies_at_the_same_moment_wait_for_each_other(own_demo, tmp_path):
    """Three at once ended with a traceback: each emptied the candidate of the other."""
    home = shutil.copytree(own_demo.settings.home, tmp_path / "home")
    shutil.rmtree(home / "releases", ignore_errors=True)
    to = str(tmp_path / "copy")
    at_once = [
        process(*arguments, MEDCALC_HOME=str(home), DAGSTER_HOME=str(tmp_path / "dagster"))
        for arguments in (("export", "--to", to), ("export", "--to", to), ("export", "--to", to))
    ]
    for each in at_once:
        _, err = each.communicate()
        assert each.returncode == 0, err
        assert "Traceback" not in err
    assert tampered_copy(Path(to)) == []


def tampered_copy(folder):
    listed = json.loads((folder / MANIFEST).read_text())["files"]
    return [name for name, facts in listed.items() if sha256(folder / name) != facts["sha256"]]


def test_a_release_is_on_the_disk_before_it_has_its_name_and_its_name_before_anything_says_so(copied, monkeypatch):
    done = []
    monkeypatch.setattr(releases_module, "flush", lambda path: done.append(path))
    monkeypatch.setattr(os, "rename", lambda _, to: done.append(("named", to)))
    releases = copied.releases
    target = releases.publish(sha256(releases.candidate / MANIFEST))
    files = set(releases.candidate.iterdir())
    named = done.index(("named", target))
    assert set(done[: named - 1]) == files
    assert done[named - 1 :] == [releases.candidate, ("named", target), releases.folder, releases.folder.parent]
