"""What all commands have in common: help, completion, and what they say when something goes wrong."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from io import StringIO

import click
import duckdb
import pytest
from click.testing import CliRunner
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table as Grid

from medcalc_assets.calculators.working import escaped
from medcalc_assets.cli import COMMANDS, Terminal, main, print_json
from medcalc_assets.storage.tables import LABEL_EVENTS
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets_tests.cli import START, medcalc, process


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_all_commands_says_of_each_what_its_own_says_first(name):
    context = click.Context(main)
    known, command, _ = main.resolve_command(context, [name])
    assert known == name
    told = COMMANDS[name][1]
    assert command.help.partition(".\n")[0].removesuffix(".") + "." == told
    assert main.get_command(context, name).get_short_help_str(60) == told, "it is cut off at 80 columns"


def test_help_has_examples_the_meaning_of_exit_codes_and_how_to_complete():
    shown = medcalc("--help", COLUMNS="80")
    assert shown.exit_code == 0
    assert "medcalc run --source hf" in shown.output
    assert "Exit codes: 0 all is well" in shown.output
    assert 'eval "$(_MEDCALC_COMPLETE=bash_source medcalc)"' in shown.output
    assert max(map(len, shown.output.splitlines())) <= 80
    assert [line.split()[0] for line in shown.output.partition("Commands:\n")[2].splitlines()] == list(COMMANDS)
    assert "Examples" in medcalc("run", "--help").output


@pytest.mark.parametrize(
    ("arguments", "without"),
    [
        (["--help"], ["dagster", "duckdb", "polars", "pint", "medcalc_assets.calculators"]),
        (["trace", "--help"], ["dagster", "duckdb", "polars", "pint"]),
        (["run", "--help"], ["dagster", "duckdb", "polars", "pint"]),
        (["calculators"], ["dagster", "duckdb", "polars", "pint"]),
        (["calc", "21", "eye=4", "verbal=5", "motor=6"], ["dagster", "duckdb", "polars", "pint"]),
        (["calc", "3", "sex=female", "age=61", "creatinine=80umol/L"], ["dagster", "duckdb", "polars"]),
    ],
    ids=" ".join,
)
def test_what_is_slow_to_import_is_imported_only_where_it_is_needed(arguments, without):
    script = (
        f"import atexit, sys\natexit.register(lambda: print(*[n for n in {without!r} if n in sys.modules], file=sys.stderr))"
    )
    run = subprocess.run([sys.executable, "-c", f"{script}\n{START}", *arguments], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "\n"), run


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["s"], ["status", "summary"]),
        (["calc", "ckd"], ["ckd_epi_gfr"]),
        (["run", "-c", "glasgow"], ["glasgow_coma_score", "glasgow_blatchford"]),
        (["summary", "--by"], ["--by-calculator"]),
    ],
    ids=" ".join,
)
def test_a_shell_completes_commands_calculators_and_options(words, completed):
    asked = {"_MEDCALC_COMPLETE": "bash_complete", "COMP_WORDS": f"medcalc {' '.join(words)}", "COMP_CWORD": str(len(words))}
    shown = CliRunner(env=asked).invoke(main, [], prog_name="medcalc")
    assert [line.removeprefix("plain,") for line in shown.output.split()] == completed


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (("sumary",), "Did you mean 'summary'?"),
        (("summary", "--jsn"), "Did you mean '--json'?"),
        (("calc", "ckd_epi_grf"), "did you mean ckd_epi_gfr?"),
        (("run", "-c", "glasgow_coma_scor"), "did you mean glasgow_coma_score?"),
    ],
)
def test_a_slip_of_the_finger_is_wrong_usage_and_told_what_was_meant(arguments, suggestion):
    shown = medcalc(*arguments)
    assert shown.exit_code == 2
    assert suggestion in shown.stderr
    assert shown.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--source", "nowhere.csv", "-c", "body_mass_index"), "nowhere.csv does not exist"),
        (("run", "--auditor", "oracle", "-c", "body_mass_index"), "MEDCALC_AUDITOR (--auditor) is 'oracle'"),
        (("run", "--authors", "nowhere", "-c", "body_mass_index"), "MEDCALC_AUTHORS (--authors) names the folder"),
        (("summary", "--json"), "does not exist yet: run the chain first"),
        (("export",), "does not exist yet: run the chain first"),
    ],
)
def test_a_mistake_is_told_on_stderr_without_a_traceback(arguments, message, tmp_path):
    result = medcalc(*arguments, DAGSTER_HOME=str(tmp_path / "dagster"))
    assert result.exit_code == 1
    assert message in result.stderr
    assert message not in result.stdout
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "x"),
            "OSError x: No space left on device. Free disk space and run again.",
        ),
        (OSError("No space left on device (os error 28)"), "device (os error 28). Free disk space and run again."),
        (
            PermissionError(errno.EACCES, "Permission denied", "y"),
            "Name a place that you may write to, or change its permissions.",
        ),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "z"), "z: Is a directory. Name a file: that is a folder."),
        (OSError(errno.ENAMETOOLONG, "File name too long", "n"), "n: File name too long. Give a shorter name."),
        (OSError(errno.EFBIG, "File too large", "f"), "f: File too large. Free disk space and run again."),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset"), "Connection reset. Put that right, and run again."),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, OSError) else "",
)
def test_what_the_system_refuses_is_one_line_with_the_remedy(error, told, monkeypatch):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(Warehouse, "read", refuse)
    shown = medcalc("summary")
    assert shown.exit_code == 1
    assert told in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_a_folder_that_is_a_file_is_one_line_with_the_remedy(demo, tmp_path):
    (tmp_path / "file").write_text("")
    shown = medcalc("export", "--to", str(tmp_path / "file"), MEDCALC_HOME=demo.settings.home)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr == f"FileExistsError {tmp_path / 'file'}: File exists. Name a folder: that is a file.\n"


def test_what_an_error_quotes_cannot_steer_the_terminal(monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOENT, "\x1b[2Jgone\nsecond line", "[bold]name")

    monkeypatch.setattr(Warehouse, "read", refuse)
    assert medcalc("summary").stderr == "FileNotFoundError [bold]name:  [2Jgone second line. Check the path.\n"


HOSTILE = "[link=http://evil]x[/link] [a](http://evil)\x1b[2J\x1b]8;;http://evil\x07\x9b31m\r\u202e\u2066drowssap"


@pytest.mark.parametrize("as_it_stands", [escape, lambda text: Markdown(escaped(text))], ids=["str", "markdown"])
def test_the_text_of_others_does_nothing_on_a_terminal(as_it_stands):
    """On a terminal that takes colours and links: what is ours has them, what is not is shown as it is spelt."""
    seen = StringIO()
    terminal = Terminal(file=seen, force_terminal=True, width=150)
    shown = Grid("[bold]ours[/]")
    shown.add_row(as_it_stands(HOSTILE))
    terminal.print(shown)
    out = seen.getvalue()
    own = re.sub(r"\x1b\[[\d;]*m", "", out)
    assert out != own
    assert not set(own) & set("\x1b\x07\x9b\r\u202e\u2066")
    assert "[link=http://evil]x[/link] [a](http://evil)" in own
    assert "[2J" in own
    assert "drowssap" in own


def test_the_text_of_others_in_a_json_document_is_whole_and_does_nothing(capsys):
    print_json({"note": HOSTILE})
    out = capsys.readouterr().out
    assert all(sign.isprintable() or sign == "\n" for sign in out)
    assert json.loads(out) == {"note": HOSTILE}


def an_absent_home(home):
    return "does not exist yet: run the chain first"


def an_empty_warehouse(home):
    home.mkdir()
    duckdb.connect(home / "warehouse.duckdb").close()
    return "label_evidence does not exist yet"


def a_file_that_is_none(home):
    home.mkdir()
    (home / "warehouse.duckdb").write_text("no warehouse")
    return "not a valid DuckDB database file"


def a_damaged_warehouse(home):
    an_empty_warehouse(home)
    with duckdb.connect(home / "warehouse.duckdb") as connection:
        connection.sql("CREATE TABLE numbers AS SELECT range FROM range(100000)")
    with (home / "warehouse.duckdb").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"harm" * 10_000)
    return "restore a backup, or the folder itself without warehouse.duckdb and warehouse.duckdb.wal"


def a_folder_in_its_place(home):
    (home / "warehouse.duckdb").mkdir(parents=True)
    return "Is a directory. Free disk space if that is what lacks. If the file is damaged, move its folder away"


def a_warehouse_cut_short(home):
    a_damaged_warehouse(home)
    os.truncate(home / "warehouse.duckdb", 20_000)
    return "If the file is damaged, move its folder away and restore a backup"


def a_log_that_cannot_be_replayed(home):
    an_empty_warehouse(home)
    (home / "warehouse.duckdb.wal").mkdir()
    return "Failure while replaying WAL file"


HOMES = [
    an_absent_home,
    an_empty_warehouse,
    a_file_that_is_none,
    a_damaged_warehouse,
    a_folder_in_its_place,
    a_warehouse_cut_short,
    a_log_that_cannot_be_replayed,
]


@pytest.mark.parametrize("made", HOMES)
def test_a_home_without_usable_tables_is_told_in_one_line_by_a_process_that_ends_cleanly(made, tmp_path):
    told = made(tmp_path / "home")
    run = process("summary", MEDCALC_HOME=str(tmp_path / "home"))
    out, err = run.communicate()
    assert (run.returncode, out) == (1, "")
    assert told in err
    assert err.count("\n") == 1, err


def test_a_run_that_fails_within_dagster_leaves_no_connection_for_duckdb_to_complain_of(tmp_path):
    """Dagster holds the error, its frames held the connection, and DuckDB printed forty lines on leaks at the end."""
    home = tmp_path / "home"
    home.mkdir()
    with duckdb.connect(home / "warehouse.duckdb") as connection:
        connection.sql("CREATE SCHEMA medcalc")
        connection.sql(f"CREATE TABLE {LABEL_EVENTS.full_name} (uid BIGINT)")
    run = process("run", "-c", "body_mass_index", MEDCALC_HOME=str(home), DAGSTER_HOME=str(tmp_path / "dagster"))
    _, err = run.communicate()
    assert run.returncode == 1
    assert "label_events was made by another version of medcalc_assets" in err
    assert "nanobind" not in err


def test_ctrl_c_ends_with_one_line_that_says_how_to_go_on(demo):
    """It comes while the command waits for a process that has the warehouse open; after two seconds it says for which."""
    holder = duckdb.connect(Warehouse(demo.settings.warehouse.home).path)
    try:
        run = process("summary", MEDCALC_HOME=demo.settings.home)
        waiting = run.stderr.readline()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate()
    finally:
        holder.close()
    assert waiting.startswith(f"Waiting for {demo.settings.warehouse.path}, which process ")
    assert waiting.endswith(") has open.\n")
    assert (run.returncode, out) == (130, "")
    assert err == "Interrupted. What was finished is kept: the same command goes on with what is missing.\n"


def test_ctrl_c_within_a_run_of_dagster_is_the_same(tmp_path):
    home = tmp_path / "home"
    run = process("run", MEDCALC_HOME=str(home), DAGSTER_HOME=str(tmp_path / "dagster"))
    while not (home / "warehouse.duckdb").exists() and run.poll() is None:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate()
    assert run.returncode == 130, err
    assert err.endswith("Interrupted. What was finished is kept: the same command goes on with what is missing.\n")
    assert "Traceback" not in err
