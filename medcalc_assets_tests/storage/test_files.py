"""Locks and folders, as other processes and other users meet them."""

import signal
import stat
import subprocess
import sys
from pathlib import Path

from medcalc_assets.storage.files import locked
from medcalc_assets.storage.tables import AUDIT_FLAGS
from medcalc_assets.storage.warehouse import Warehouse

HOLD = """import sys
from pathlib import Path
from medcalc_assets.storage.files import locked
with locked(Path(sys.argv[1])):
    print(1, flush=True)
    input()"""


def holder(path: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "1\n"
    return process


def test_who_waits_says_for_which_process_and_goes_on_when_that_is_killed(tmp_path, caplog):
    path = tmp_path / "home" / "lock"
    first = holder(path)
    second = subprocess.Popen(
        [sys.executable, "-c", f"import logging; logging.basicConfig()\n{HOLD}", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert second.stderr
    assert second.stderr.readline().endswith(f"Waiting for process {first.pid}, which holds {path}.\n")
    first.send_signal(signal.SIGKILL)
    first.communicate()
    out, _ = second.communicate("done\n")
    assert out == "1\n"
    with locked(path):
        assert "Waiting" not in caplog.text


def test_nobody_else_can_look_into_a_home(tmp_path):
    warehouse = Warehouse(tmp_path / "home")
    warehouse.write(AUDIT_FLAGS, [], ["map"])
    assert stat.S_IMODE(warehouse.home.stat().st_mode) == 0o700
