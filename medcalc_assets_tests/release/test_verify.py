"""`medcalc verify` finds what was changed behind the project's back, and says what: each test changes one thing in a copy of
a home that has a release, a physician's answers and paid calls."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.calculators import KEYS
from medcalc_assets.cli import instance as cli_instance
from medcalc_assets.definitions import assemble
from medcalc_assets.defs.settings import Votes
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.release.formats import IN_CSV
from medcalc_assets.release.releases import MANIFEST, sha256
from medcalc_assets.storage.chain import CONTENT, chained, head, heads
from medcalc_assets.storage.tables import LABEL_EVENTS, LABEL_RELEASES, LLM_CALLS, RAW_MEDCALC
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets_tests.cli import document, medcalc
from medcalc_assets_tests.gemini_server import KEY, GeminiServer
from medcalc_assets_tests.test_docs import filled_in

STEM = "DEMO_medcalc_bench_1.1.0"
FOLDER = Path("releases") / "1.1.0"
ANSWER = "Ground Truth Answer"
TAGS = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[-1]}


@pytest.fixture(scope="module")
def kept(own_demo, release) -> Path:
    """The home: answers of Dr Lee, votes of a model on the first calculator, and a release in the history of all labels."""
    home = Path(own_demo.settings.home)
    folder = own_demo.settings.packets.issue(own_demo.settings.warehouse, "Dr Lee", 2)
    filled_in(path := folder / f"{folder.name}.xlsx")
    types = dict(own_demo.read("raw_medcalc").select("uid", "output_type").iter_rows())
    assert own_demo.settings.packets.ingest(path, types) == 2
    chain, instance = assemble(own_demo.settings).resolve_job_def("chain"), own_demo.instance
    with GeminiServer() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        patch.setenv("GEMINI_API_KEY", KEY)
        patch.setenv("NO_PROXY", "127.0.0.1")
        config = dg.RunConfig(resources={"votes": Votes(auditor="gemini-2.5-pro", sample=1)})
        chain.execute_in_process(instance=instance, tags={"dagster/partition": KEYS[0]}, run_config=config)
    chain.execute_in_process(instance=instance, tags=TAGS)
    assert release(own_demo, "1.1.0").success
    assemble(own_demo.settings).resolve_job_def("history").execute_in_process(instance=instance, tags=TAGS)
    with closing(sqlite3.connect(home / "ledger.sqlite")) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # its copies are of one file
    return home


@pytest.fixture
def home(kept: Path, tmp_path: Path) -> Path:
    shutil.copytree(kept, tmp_path / "kept", ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    for path in (tmp_path / "kept").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path / "kept"


def verified(home: Path) -> tuple[int, list[str]]:
    """The exit code, and every line but the last, which sums up."""
    ran = medcalc("verify", "--home", str(home))
    return ran.exit_code, ran.output.splitlines()[:-1]


def change(home: Path, statement: str, *parameters: Any) -> None:
    with Warehouse(home).connect() as connection:
        connection.execute(f"USE {LABEL_EVENTS.full_name.partition('.')[0]}")
        connection.execute(statement, list(parameters))


def event(home: Path, name: str, uid: int = 1) -> dict[str, Any]:
    return Warehouse(home).read(LABEL_EVENTS).filter(event=name, uid=uid).row(0, named=True)


def forged(home: Path) -> tuple[str, str, str, str]:
    """Another label of uid 1 in Parquet and CSV, with a manifest that fits: the label as it was, that and the new manifest's
    sha256, and the CSV's name."""
    folder = home / FOLDER
    labels = pl.read_parquet(folder / f"{STEM}.parquet")
    was, before = labels.filter(pl.col("Row Number") == 1)[ANSWER].item(), sha256(folder / MANIFEST)
    labels = labels.with_columns(pl.when(pl.col("Row Number") == 1).then(pl.lit("4711")).otherwise(ANSWER).alias(ANSWER))
    labels.write_parquet(folder / f"{STEM}.parquet")
    labels.select(IN_CSV).write_csv(folder / f"{STEM}.csv")
    manifest = json.loads((folder / MANIFEST).read_text())
    for name in (f"{STEM}.parquet", f"{STEM}.csv"):
        manifest["files"][name] = {"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    return was, before, sha256(folder / MANIFEST), str(home / FOLDER)


def a_changed_event(home: Path) -> list[str]:
    was = event(home, "maintained")
    change(home, "UPDATE label_events SET value = '4711' WHERE uid = 1 AND event = 'maintained'")
    return [
        "label_events: uid 1, maintained 0 by the rule: its content is not what its sha256 was computed of",
        f"maintained_labels: uid 1, final was 4711, is {was['value']}: its history ends otherwise",
        f"label_events: uid 1, value was {was['value']}, is 4711: maintained, the rule, 0, compared with "
        f"{FOLDER}/{STEM}_history.parquet",
    ]


def a_removed_event(home: Path) -> list[str]:
    gone, after = event(home, "imported"), event(home, "derivation_audited")
    assert after["previous_sha256"] == gone["sha256"]
    change(home, "DELETE FROM label_events WHERE uid = 1 AND event = 'imported'")
    return [
        "label_events: uid 1, derivation_audited 0 by the published rule: the event before it, of sha256 "
        f"{gone['sha256']}, is gone",
        f"label_events: uid 1, imported, v1.0, 0 is gone: {FOLDER}/{STEM}_history.parquet has it",
    ]


def two_events_that_changed_places(home: Path) -> list[str]:
    """The second takes the place of the first, and the first that of the second."""
    first = event(home, "imported")
    change(
        home,
        "UPDATE label_events SET previous_sha256 = CASE event WHEN 'imported' THEN sha256 END "
        "WHERE uid = 1 AND event IN ('imported', 'derivation_audited')",
    )
    broken = "its content is not what its sha256 was computed of"
    where = f"compared with {FOLDER}/{STEM}_history.parquet"
    return [
        f"label_events: uid 1, derivation_audited 0 by the published rule: {broken}",
        f"label_events: uid 1, imported 0 by v1.0: {broken}",
        f"label_events: uid 1, previous_sha256 was {first['sha256']}, is null: derivation_audited, the published rule, 0, "
        f"{where}",
        f"label_events: uid 1, previous_sha256 was null, is {first['sha256']}: imported, v1.0, 0, {where}",
    ]


def a_forged_parquet_with_a_matching_manifest(home: Path) -> list[str]:
    was, before, after, _ = forged(home)
    return [
        f"{FOLDER}/{MANIFEST}: sha256 was {before}, is {after}: it is not the one that was released; otherwise: files",
        f"{FOLDER}/{STEM}.parquet: uid 1, {ANSWER} was {was}, is 4711: not what label_events says was released",
    ]


def a_forged_manifest(home: Path) -> list[str]:
    path = home / FOLDER / MANIFEST
    before, text = sha256(path), path.read_text()
    path.write_text(text.replace('"evaluation": 0', '"evaluation": 300'))
    return [
        f"{FOLDER}/{MANIFEST}: sha256 was {before}, is {sha256(path)}: it is not the one that was released; otherwise: "
        "evaluation"
    ]


def a_missing_file(home: Path) -> list[str]:
    (home / FOLDER / f"{STEM}_history.parquet").unlink()
    return [f"{FOLDER}/{STEM}_history.parquet: is missing"]


def a_changed_row_of_label_releases(home: Path) -> list[str]:
    was = Warehouse(home).read(LABEL_RELEASES)["changed"].item()
    change(home, "UPDATE label_releases SET changed = 0")
    return [f"label_releases: changed was {was}, is 0: the row of 1.1.0"]


def a_changed_file_of_answers(home: Path) -> list[str]:
    path = next((home / "answers").glob("*.json"))
    record = json.loads(path.read_text())
    answer = record["answers"][0]
    answer |= {"value": "4711", "cannot_be_computed": False}
    path.write_text(json.dumps(record))
    uid, name = answer["uid"], f"answers/{path.name}"
    which = f"Dr Lee, {record['ingested_at'].replace('T', ' ')}, compared with physician_labels"
    otherwise = "the file that came back says otherwise"
    return [
        f"{name}: uid {uid}, cannot_be_computed was True, is False: {otherwise}",
        f"{name}: uid {uid}, value was , is 4711: {otherwise}",
        f"{name}: uid {uid}, physician_kind was na, is number: {which}",
        f"{name}: uid {uid}, physician_number was null, is 4711.0: {which}",
        f"{name}: uid {uid}, state was not_computable, is computable: {which}",
        f"{name}: uid {uid}, answer_text was cannot be computed, is 4711: {which}",
    ]


def a_changed_answer_in_the_ledger(home: Path) -> list[str]:
    """The answer only: tokens, times and ids of the reply stay."""
    with closing(sqlite3.connect(home / "ledger.sqlite")) as ledger, ledger:
        relabels = r"""SELECT id, body, vote, uid FROM attempts WHERE body LIKE '%\"42\"%' ORDER BY id LIMIT 1"""
        id, body, vote, uid = ledger.execute(relabels).fetchone()
        other = body.replace('\\"42\\"', '\\"43\\"')
        ledger.execute("UPDATE attempts SET body = ? WHERE id = ?", (other, id))
    assert body != other
    was, now = (hashlib.sha256(text.encode()).hexdigest() for text in (body, other))
    row = f"{vote[:16]}, 1, compared with llm_calls"
    with closing(sqlite3.connect(home / "ledger.sqlite")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return [f"ledger: uid {uid}, body_sha256 was {was}, is {now}: {row}"]


def a_removed_release(home: Path) -> list[str]:
    shutil.rmtree(home / FOLDER)
    return [f"{FOLDER}: the folder is gone"]


TAMPERINGS = [
    a_changed_event,
    a_removed_event,
    two_events_that_changed_places,
    a_forged_parquet_with_a_matching_manifest,
    a_forged_manifest,
    a_missing_file,
    a_changed_row_of_label_releases,
    a_changed_file_of_answers,
    a_changed_answer_in_the_ledger,
    a_removed_release,
]


def test_nothing_differs_in_a_home_that_nobody_touched(home):
    assert verified(home) == (0, [])
    said = document("verify", MEDCALC_HOME=str(home))
    events = Warehouse(home).read(LABEL_EVENTS)
    assert said == {
        "events": events.height,
        "labels": len(original_rows()),
        "head_sha256": head(heads(events)),
        "differences": [],
    }


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_what_was_changed_is_found_and_named(home: Path, tampering: Callable[[Path], list[str]]):
    expected = tampering(home)
    code, said = verified(home)
    assert said == expected
    assert code == 3


def test_diff_refuses_a_release_whose_labels_are_not_those_that_were_released(home):
    assert "labels differ between v1.0 and 1.1.0" in medcalc("diff", "v1.0", "1.1.0", "--home", str(home)).output
    was, *_, folder = forged(home)
    refused = medcalc("diff", "v1.0", "1.1.0", "--home", str(home))
    assert (refused.exit_code, refused.output) == (
        1,
        f"ReleaseError {folder} is not as it was released: {MANIFEST} has another sha256 than in label_releases; uid 1 "
        f"'{ANSWER}' was {was}, is 4711. Get the release again; `medcalc verify` tells all.\n",
    )


def test_the_history_knows_what_was_released_when_the_row_was_forged_to_fit_as_well(home):
    was, before, after, folder = forged(home)
    manifest = (home / FOLDER / MANIFEST).read_text()
    change(home, "UPDATE label_releases SET manifest_sha256 = ?, manifest = ?", after, manifest)
    assert verified(home) == (
        3,
        [
            f"label_releases: manifest was {before}, is {after}: the row of 1.1.0, as sha256",
            f"label_releases: manifest_sha256 was {before}, is {after}: the row of 1.1.0",
            f"{FOLDER}/{STEM}.parquet: uid 1, {ANSWER} was {was}, is 4711: not what label_events says was released",
        ],
    )
    assert f"{folder} is not as it was released: uid 1 '{ANSWER}' was {was}, is 4711." in (
        medcalc("diff", "v1.0", "1.1.0", "--home", str(home)).output
    )


def test_a_release_of_unknown_origin_is_told_and_not_compared(home):
    change(home, "DELETE FROM label_releases")
    change(home, "DELETE FROM label_events WHERE event = 'released'")
    assert verified(home) == (3, ["label_releases: no row is of 1.1.0: it was not released from here to the end"])
    refused = medcalc("diff", "v1.0", "1.1.0", "--home", str(home))
    assert refused.exit_code == 1
    assert "is in no row of label_releases: it was not released from here, or not to the end." in refused.output


def test_a_whole_chain_that_was_forged_is_found_by_what_was_released(home):
    """Every hash is computed anew, so that the chain holds: the release still has the history as it was."""
    events = Warehouse(home).read(LABEL_EVENTS)
    was = event(home, "derivation_audited")["value"]
    other = events.with_columns(
        value=pl.when((pl.col("uid") == 1) & (pl.col("event") == "derivation_audited"))
        .then(pl.lit("4711"))
        .otherwise("value")
    )
    change(home, "DELETE FROM label_events")
    Warehouse(home).write(LABEL_EVENTS, [chained(other.select(CONTENT).sort("uid"), {})], KEYS)
    code, said = verified(home)
    assert code == 3
    assert (
        f"label_events: uid 1, value was {was}, is 4711: derivation_audited, the published rule, 0, compared "
        f"with {FOLDER}/{STEM}_history.parquet"
    ) in said


def test_answers_that_came_since_the_last_run_differ_from_nothing(home):
    packets = Packets(home)
    folder = packets.issue(Warehouse(home), "Dr Roe", 2)
    filled_in(path := folder / f"{folder.name}.xlsx")
    types = dict(Warehouse(home).read(RAW_MEDCALC, columns=["uid", "output_type"]).iter_rows())
    assert packets.ingest(path, types) == 2
    assert verified(home) == (0, [])


def test_a_file_of_answers_that_is_gone_and_one_that_is_no_longer_what_came_back_are_told(home):
    record, received = (next((home / "answers").glob(f"*.{ending}")) for ending in ("json", "received"))
    received.write_bytes(received.read_bytes() + b" ")
    assert verified(home) == (
        3,
        [f"answers/{record.name}: the file that came back, {record.stem}.*.received, is not there as it came"],
    )
    about = json.loads(record.read_text())
    record.unlink()
    at = about["ingested_at"]
    assert verified(home) == (
        3,
        [
            f"answers: uid {uid}, no file has the answer of Dr Lee of {at}"
            for uid in sorted(each["uid"] for each in about["answers"])
        ],
    )


def test_a_ledger_that_is_gone_is_missed_and_not_made_anew(home):
    (home / "ledger.sqlite").unlink()
    calls = Warehouse(home).read(LLM_CALLS).height
    assert verified(home) == (3, [f"ledger: it is gone, and llm_calls has {calls} calls of it"])
    assert not (home / "ledger.sqlite").exists()


def test_a_call_that_was_taken_out_of_the_ledger_is_missed(home):
    with closing(sqlite3.connect(home / "ledger.sqlite")) as ledger, ledger:
        id, vote, uid = ledger.execute("SELECT max(id), vote, uid FROM attempts").fetchone()
        ledger.execute("DELETE FROM attempts WHERE id = ?", (id,))
    assert verified(home) == (3, [f"ledger: uid {uid}, {vote[:16]}, 1 is gone: llm_calls has it"])


def raise_interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("moment", ["before the history is begun", "before its rows are committed"])
def test_a_release_killed_before_the_history_knows_of_it_is_finished_by_the_same_command(
    home, monkeypatch, dagster_in_memory, moment
):
    change(home, "DELETE FROM label_releases")  # as before the first release
    change(home, "DELETE FROM label_events WHERE event = 'released'")
    shutil.rmtree(home / FOLDER)
    before = Warehouse(home).read(LABEL_EVENTS)
    command = ("release", "--version", "1.1.0", "--home", str(home))
    written = Warehouse.write
    with monkeypatch.context() as patch:
        if moment == "before the history is begun":
            patch.setattr(cli_instance, "run_partitions", raise_interrupt)
        else:
            patch.setattr(
                Warehouse,
                "write",
                lambda self, table, *rest: (raise_interrupt if table == LABEL_EVENTS else written)(self, table, *rest),
            )
        assert medcalc(*command).exit_code == 130
    assert Warehouse(home).read(LABEL_RELEASES)["version"].to_list() == ["1.1.0"]
    assert Warehouse(home).read(LABEL_EVENTS).equals(before)
    untold = "the release 1.1.0 is not in the history of every label: `medcalc release --version 1.1.0` writes it down"
    assert verified(home) == (3, [f"label_events: {untold}"])

    finished = medcalc(*command)
    assert (finished.exit_code, finished.output) == (
        0,
        "1.1.0 was released before; now the history of every label says so.\n",
    )
    events = Warehouse(home).read(LABEL_EVENTS)
    assert events.filter(pl.col("event") != "released").equals(before)
    row = Warehouse(home).read(LABEL_RELEASES).row(0, named=True)
    released = events.filter(event="released", actor="1.1.0")
    assert released.height == len(original_rows())
    assert set(released["run_id"]) == {row["run_id"]}
    assert set(released["happened_at"]) == {row["released_at"]}
    assert set(released["detail"]) == {f"in release 1.1.0, manifest {row['manifest_sha256']}"}
    assert verified(home) == (0, [])
    assert medcalc(*command).exit_code == 3  # never overwritten
