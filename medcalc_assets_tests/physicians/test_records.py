"""What is kept of packets and answers: proven, in order, whole after a kill, and one process at a time."""

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from medcalc_assets.cli import main
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.physicians.returned import PacketError
from medcalc_assets_tests.physicians.test_packet import filled, issued, packets, put, types

__all__ = ["packets", "types"]


def answers(packets, demo):
    rows = packets.taken_over(demo.read("raw_medcalc")).sort("uid")
    return dict(rows.select("uid", "answer_text").iter_rows())


def form_answers(path, values, saved_at=None, secret=None):
    """What the form saves of the packet at `path`: by uid the value."""
    tasks = json.loads((path.parent / f"{path.stem}_label_studio.json").read_text())
    about = {name: tasks[0]["data"][name] for name in ("packet", "reviewer", "secret")}
    empty = dict.fromkeys(
        ("value", "cannot_be_computed", "assumptions", "time_point", "guideline", "rationale", "confidence")
    )
    said = [
        {name: task["data"][name] for name in ("uid", "question", "note")}
        | empty
        | {"value": values.get(task["data"]["uid"])}
        for task in tasks
    ]
    content = about | ({"secret": secret} if secret else {}) | {"answers": said}
    return json.dumps(content | ({"saved_at": saved_at} if saved_at else {})).encode()


def uid_of_number(path, types):
    uids = json.loads((path.parent / "packet.json").read_text())["cases"]
    return next(uid for uid in map(int, uids) if types[uid] != "date")


def send(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


def test_a_packet_is_answered_only_with_its_secret_which_no_other_packet_has(demo, packets, types, tmp_path):
    one, other = issued(packets, demo), issued(packets, demo)
    secrets = [json.loads((path.parent / "packet.json").read_text())["secret"] for path in (one, other)]
    assert secrets[0] != secrets[1]
    assert all(len(secret) >= 20 for secret in secrets)
    assert secrets[0] in one.with_suffix(".html").read_text()
    assert openpyxl.load_workbook(one)["about"]["B3"].value == secrets[0]
    uid = uid_of_number(one, types)
    for secret in (secrets[1], "", "é\ud800", None):
        content = json.loads(form_answers(one, {uid: "7"})) | {"secret": secret}
        forged = send(tmp_path, "forged.json", json.dumps(content).encode())
        with pytest.raises(PacketError, match="does not hold the secret of dr-lee-1"):
            packets.ingest(forged, types)
    workbook = openpyxl.load_workbook(filled(one, types))
    workbook["about"]["B3"].value = None
    workbook.save(forged := tmp_path / "forged.xlsx")
    with pytest.raises(PacketError, match="does not hold the secret of dr-lee-1"):
        packets.ingest(forged, types)
    assert answers(packets, demo) == {}
    assert packets.ingest(one, types) == 6


def test_a_secret_is_in_no_table_and_no_line(demo_again, types):
    chain = demo_again()
    path = filled(issued(chain.settings.packets, chain), types)
    secret = json.loads((path.parent / "packet.json").read_text())["secret"]
    said = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["ingest", str(path), "--home", chain.settings.home])
    assert "took over 6" in said.output
    assert secret not in said.output
    assert secret not in str(chain.settings.packets.taken_over(chain.read("raw_medcalc")).to_dicts())
    assert not [path for path in Path(chain.settings.home).glob("warehouse*") if secret.encode() in path.read_bytes()]


def test_a_packet_of_an_earlier_version_has_no_secret_and_that_is_said(demo, packets, types, caplog):
    path = filled(issued(packets, demo), types)
    record = path.parent / "packet.json"
    about = json.loads(record.read_text())
    del about["secret"]
    record.write_text(json.dumps(about))
    assert packets.ingest(path, types) == 6
    assert "dr-lee-1 was issued without a secret, by an earlier version: who answered is not proven" in caplog.text


def test_the_answer_that_was_saved_last_counts_whenever_it_comes_and_both_are_kept(demo, packets, types, tmp_path, caplog):
    path = issued(packets, demo)
    uid = uid_of_number(path, types)
    new = send(tmp_path, "new.json", form_answers(path, {uid: "8"}, "2024-05-02T10:00:00Z"))
    old = send(tmp_path, "old.json", form_answers(path, {uid: "7"}, "2024-05-01T10:00:00Z"))
    newest = send(tmp_path, "newest.json", form_answers(path, {uid: "9"}, "2024-05-03T10:00:00+02:00"))
    assert packets.ingest(new, types) == 1
    assert caplog.text == ""
    assert packets.ingest(old, types) == 1
    assert answers(packets, demo) == {uid: "8"}
    assert f"old.json was saved before the answers of Dr Lee that are known to uid {uid}, which still count" in caplog.text
    assert packets.ingest(newest, types) == 1
    assert answers(packets, demo) == {uid: "9"}
    assert f"newest.json supersedes the earlier answers of Dr Lee to uid {uid}." in caplog.text
    assert packets.ingest(new, types) is None
    assert answers(packets, demo) == {uid: "9"}
    kept = {record["file"]: (record["supersedes"], record["superseded"]) for record, _ in packets.records()}
    assert kept == {"old.json": ([], [uid]), "new.json": ([], []), "newest.json": ([uid], [])}


def test_a_clock_that_runs_ahead_does_not_stop_later_answers(demo, packets, types, tmp_path):
    path = issued(packets, demo)
    uid = uid_of_number(path, types)
    ahead = (dt.datetime.now(dt.UTC) + dt.timedelta(days=900)).isoformat()
    packets.ingest(send(tmp_path, "ahead.json", form_answers(path, {uid: "7"}, ahead)), types)
    now = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)).isoformat()
    packets.ingest(send(tmp_path, "now.json", form_answers(path, {uid: "8"}, now)), types)
    assert answers(packets, demo) == {uid: "8"}


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b'{"answers": 3}', b"\xff", b'{"packet": "a", "reviewer": "b", "answers": []}', b"[" * 100_000],
)
def test_a_damaged_record_of_answers_is_set_aside_by_name_and_restored_from_what_was_received(
    demo, packets, types, damage, caplog
):
    first, second = (filled(issued(packets, demo, who), types) for who in ("Dr Lee", "Dr Ray"))
    packets.ingest(first, types)
    broken = next(packets.answers.glob("*.json"))
    packets.ingest(second, types)
    whole = broken.read_bytes()
    broken.write_bytes(damage)
    assert set(packets.taken_over(demo.read("raw_medcalc"))["reviewer"]) == {"Dr Ray"}
    received = broken.with_suffix(".xlsx.received")
    assert f"{broken} is set aside, as it is damaged" in caplog.text
    assert f"To restore it: medcalc ingest {received}" in caplog.text
    assert packets.ingest(received, types) == 6
    assert set(packets.taken_over(demo.read("raw_medcalc"))["reviewer"]) == {"Dr Lee", "Dr Ray"}
    assert json.loads(broken.read_text())["answers"] == json.loads(whole)["answers"]


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"packet": 3}', b"\xff", b'{"packet": "a", "reviewer": "b", "cases": {}}'])
def test_a_damaged_record_of_a_packet_is_set_aside_by_name_and_its_number_is_not_given_again(
    demo, packets, types, damage, caplog
):
    path = filled(issued(packets, demo), types)
    (path.parent / "packet.json").write_bytes(damage)
    assert issued(packets, demo).stem == "dr-lee-2"
    assert f"{path.parent / 'packet.json'} is set aside, as it is damaged" in caplog.text
    with pytest.raises(PacketError, match="no packet 'dr-lee-1'"):
        packets.ingest(path, types)
    assert issued(packets, demo).stem == "dr-lee-3"


def test_a_name_that_is_nearly_another_reviewers_is_refused(demo, packets):
    issued(packets, demo, "Dr Lee")
    with pytest.raises(PacketError, match="exists, for 'Dr Lee', nearly the same name: spell the name otherwise"):
        issued(packets, demo, "Dr. Lee")


@pytest.mark.parametrize("name", ["answers.json", "answers.JSON"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_answers_with_a_byte_order_mark_are_read(demo, packets, types, tmp_path, encoding, name):
    path = issued(packets, demo)
    content = form_answers(path, {uid_of_number(path, types): "7"}).decode().encode(encoding)
    assert packets.ingest(send(tmp_path, name, content), types) == 1


def test_answers_in_cp1252_are_named_as_such(demo, packets, types, tmp_path):
    path = issued(packets, demo)
    said = json.loads(form_answers(path, {uid_of_number(path, types): "7"}))
    said["answers"][0]["rationale"] = "größer"
    content = json.dumps(said, ensure_ascii=False).encode("cp1252")
    with pytest.raises(PacketError, match=r"is not encoded as UTF-8 \(byte \d+\), but as cp1252 of Windows"):
        packets.ingest(send(tmp_path, "answers.json", content), types)


class Killed(BaseException):
    """The process ends here."""


def dies_at(monkeypatch, function, nth):
    """Let the nth call of a function of `os` end the process, before or in place of what it does."""
    real, calls = getattr(os, function), []

    def call(*arguments, **named):
        calls.append(arguments)
        if len(calls) == nth:
            raise Killed
        return real(*arguments, **named)

    monkeypatch.setattr(os, function, call)
    return calls


WRITES = [("fsync", nth) for nth in range(1, 13)] + [("replace", nth) for nth in range(1, 6)] + [("rename", 1), ("mkdir", 1)]


@pytest.mark.parametrize(("function", "nth"), WRITES)
def test_issuing_a_packet_ends_at_any_write_and_the_same_command_completes(demo, packets, types, monkeypatch, function, nth):
    packets.folder.mkdir()
    with monkeypatch.context() as patched:
        calls = dies_at(patched, function, nth)
        with pytest.raises(Killed):
            issued(packets, demo)
        assert len(calls) == nth
    there = list(packets.issued())
    path = issued(packets, demo)
    # It was issued whole, and the next one goes on after it; or not at all, and the same one is made.
    assert path.stem == f"dr-lee-{len(there) + 1}"
    assert len({uid for packet in packets.issued() for uid in packet["cases"]}) == 6 * (len(there) + 1)
    assert {each.name for each in path.parent.iterdir()} == {
        "packet.json",
        "label_studio_config.xml",
        *(f"{path.stem}{end}" for end in (".html", ".xlsx", "_label_studio.json")),
    }
    assert packets.ingest(filled(path, types), types) == 6


@pytest.mark.parametrize(
    ("function", "nth"), [("fsync", n) for n in range(1, 6)] + [("replace", 1), ("replace", 2), ("mkdir", 1)]
)
def test_taking_over_answers_ends_at_any_write_and_the_same_command_completes(
    demo, packets, types, monkeypatch, function, nth, tmp_path
):
    path = issued(packets, demo)
    uid = uid_of_number(path, types)
    sent = send(tmp_path, "sent.json", form_answers(path, {uid: "7"}))
    with monkeypatch.context() as patched:
        dies_at(patched, function, nth)
        with pytest.raises(Killed):
            packets.ingest(sent, types)
    assert answers(packets, demo) in ({}, {uid: "7"})
    packets.ingest(sent, types)
    assert answers(packets, demo) == {uid: "7"}
    assert [each.suffix for each in sorted(packets.answers.iterdir())] == [".json", ".received"]
    assert packets.ingest(sent, types) is None


def test_what_is_taken_over_was_flushed_before_it_is_said(demo, packets, types, monkeypatch):
    path = filled(issued(packets, demo), types)
    flushed, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (flushed.append(os.readlink(f"/proc/self/fd/{handle}")), real(handle)))
    packets.ingest(path, types)
    kinds = [Path(each).suffix or Path(each).name for each in flushed]
    assert kinds == [".unfinished", "answers", packets.home.name, ".unfinished", "answers"]


COMMAND = "from medcalc_assets.cli import main; main()"


def start(home, *words):
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words],
        env={**os.environ, "MEDCALC_HOME": str(home), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_three_at_once_work_one_after_the_other_and_a_holder_that_died_stops_nobody(demo, types, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(demo.settings.home, home)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import pathlib, sys; from medcalc_assets.storage.files import locked\n"
            "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()",
            str(home / "packets.lock"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    three = [start(home, "packet", "--reviewer", "Dr Lee", "--n", "2") for _ in range(3)]
    holder.kill()
    holder.communicate()
    for each in three:
        out, _ = each.communicate()
        assert each.returncode == 0, out
        assert "Traceback" not in out
    made = list(Packets(home).issued())
    assert [packet["packet"] for packet in made] == ["dr-lee-1", "dr-lee-2", "dr-lee-3"]
    assert len({uid for packet in made for uid in packet["cases"]}) == 6
    path = filled(home / "packets" / "dr-lee-1" / "dr-lee-1.xlsx", types)
    outs = [each.communicate()[0] for each in [start(home, "ingest", str(path)) for _ in range(3)]]
    assert sorted("took over 2 answers" in out for out in outs) == [False, False, True]
    assert sum("taken over before" in out for out in outs) == 2


def test_a_word_outside_the_columns_and_a_time_of_day_are_refused(demo, packets, types):
    path = filled(issued(packets, demo), types, put("L3", "see me"))
    with pytest.raises(PacketError, match=r"L3: 'see me' is in no column of the packet. Move it to rationale"):
        packets.ingest(path, types)
    path = filled(path, types, lambda sheet: (put("K3", None)(sheet), put("D2", dt.datetime(2024, 5, 1, 13, 30))(sheet)))  # noqa: DTZ001
    with pytest.raises(PacketError, match="row 2: value is 2024-05-01 13:30:00, a date with a time"):
        packets.ingest(path, types)
