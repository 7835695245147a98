"""What cannot be is refused in one line, and before Dagster is imported."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from medcalc_assets.auditors.ledger import Attempt, Claim, Ledger, Setup, VoteKey
from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.cli import main
from medcalc_assets.physicians.authors import FILE
from medcalc_assets.settings import OPTIONS, ProjectSettings, SettingsError, dictionary, option, variable
from medcalc_assets.storage.warehouse import home_folder

ROOT = Path(__file__).parents[1]
PROCESS = """
import sys
from medcalc_assets.cli import main
try:
    main()
except SystemExit as ended:
    print(ended.code, "dagster" in sys.modules)
"""


@pytest.fixture
def refused(monkeypatch, tmp_path):
    """The only line that a command says, where nothing can import Dagster."""
    for module in ("dagster", "medcalc_assets.definitions", "medcalc_assets.defs.settings"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    for name in ("notes.txt", "no_columns.csv", "no.parquet", "latin.csv"):
        (tmp_path / name).write_bytes("Gerät,b\n".encode("latin-1" if name == "latin.csv" else "utf-8"))
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "authors").mkdir()
    (tmp_path / "authors" / FILE).write_text("no spreadsheet")

    def line(*arguments: str, **environment: str) -> str:
        ran = CliRunner(env=environment).invoke(main, [*arguments])
        assert ran.exit_code == 1, (ran.output, ran.exception)
        (told,) = ran.output.splitlines()
        return told

    return line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("run --voting lazy", "MEDCALC_VOTING (--voting) is 'lazy': it may be `adaptive` or `full`."),
        ("run --mode fast", "MEDCALC_MODE (--mode) is 'fast': it may be `online` or `batch`."),
        (
            "run --tools browser",
            "MEDCALC_TOOLS (--tools) is 'browser': it may be `search,code` or `search` or `code` or `none`.",
        ),
        ("run --max-usd lots", "MEDCALC_MAX_USD (--max-usd) is 'lots': it may be a number above 0."),
        (
            "run --auditor gpt-5",
            "(--auditor) is 'gpt-5': it may be simulated, authors, none, or a model (gemini-* or openai:*).",
        ),
        ("run --auditor simulated --source hf", "knows the truth of the demo only, and MEDCALC_SOURCE (--source) is 'hf'"),
        ("run --auditor authors --source hf", "is 'authors': set MEDCALC_AUTHORS (--authors) to their folder."),
        (
            "run --auditor gemini-2.5-pro",
            "(--auditor) is 'gemini-2.5-pro': Neither GEMINI_API_KEY nor GOOGLE_API_KEY is set.",
        ),
        ("estimate --source hf", "MEDCALC_AUDITOR (--auditor) is 'none': give a model (gemini-* or openai:*)."),
        ("run --source nowhere.csv", "nowhere.csv does not exist"),
        ("run --source notes.txt", "(--source) is 'notes.txt': give demo, hf, hf:train, or a .csv or .parquet file."),
        ("run --source folder.csv", "folder.csv is no file"),
        ("run --source no_columns.csv", "no_columns.csv (MEDCALC_SOURCE, --source): column 'Row Number'"),
        ("run --source no.parquet", "no.parquet is no Parquet file that can be read"),
        ("run --source latin.csv", "latin.csv is not in UTF-8 (byte 0xe4 in line 1)"),
        ("run --authors nowhere", f"nowhere/{FILE} does not exist. MEDCALC_AUTHORS (--authors) names the folder"),
        ("run --authors authors", f"authors/{FILE} is no spreadsheet. MEDCALC_AUTHORS (--authors) names the folder"),
        ("summary --home notes.txt", "MEDCALC_HOME (--home) is 'notes.txt': notes.txt is no folder."),
        ("trace 1 --home notes.txt/home", "MEDCALC_HOME (--home) is 'notes.txt/home': "),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(refused, arguments, told):
    assert told in refused(*arguments.split())


@pytest.mark.parametrize("arguments", [["run", "--max-usd", "lots"], ["run", "--auditor", "gemini-2.5-pro"]])
def test_a_process_that_refuses_has_not_imported_dagster(arguments):
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", PROCESS, *arguments], env=env, capture_output=True, text=True)
    assert "1 False" in ran.stdout, (ran.stdout, ran.stderr)
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MEDCALC_AT_ONCE", "1.5", "MEDCALC_AT_ONCE is '1.5': it may be a whole number above 0."),
        ("MEDCALC_VOTING", "lazy", "MEDCALC_VOTING (--voting) is 'lazy'"),
        ("MEDCALC_LEDGER", "secret", "MEDCALC_LEDGER is no URL of a database: it may be sqlite:////folder/ledger.sqlite"),
        ("MEDCALC_LEDGER", "oracle://me:secret@host/db", "MEDCALC_LEDGER names a database that needs more: No module named"),
    ],
)
def test_a_variable_is_refused_as_an_option_is(refused, name, value, told):
    line = refused("run", **{name: value})
    assert told in line
    assert "secret" not in line


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e999"])
def test_a_limit_is_a_finite_number_above_zero(monkeypatch, value):
    monkeypatch.setenv("MEDCALC_REAUDIT_MAX_USD", value)
    with pytest.raises(SettingsError, match=f"MEDCALC_REAUDIT_MAX_USD is '{value}': it may be a number above 0"):
        ProjectSettings.from_environment()


def test_an_empty_variable_is_unset_and_a_number_is_a_number(monkeypatch):
    monkeypatch.setenv("MEDCALC_MAX_USD", "")
    monkeypatch.setenv("MEDCALC_AT_ONCE", "8")
    monkeypatch.delenv("MEDCALC_HOME")
    settings = ProjectSettings.from_environment()
    assert (settings.max_usd, settings.at_once, settings.home) == (None, 8, str(home_folder()))


@pytest.mark.parametrize("arguments", [["trace", "1"], ["summary"]])
def test_a_command_that_only_reads_needs_no_key_and_no_source(arguments):
    """The labels were computed before; the source may be gone since. It goes on to look into the home."""
    found = {"MEDCALC_AUDITOR": "gemini-2.5-pro", "MEDCALC_SOURCE": "gone.csv", "COLUMNS": "160"}
    assert "warehouse.duckdb does not exist yet" in CliRunner(env=found).invoke(main, arguments).output


def asked_before(ledger: str, auditor: str) -> None:
    """One call to the model is in the ledger."""
    vote = VoteKey(Setup("audit", auditor, "sha", "{}", "search"), "instance", 1, 0)
    when = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    attempt = Attempt(vote=vote, run="r", mode="online", requested_at=when, seconds=1.0, status=200, body="{}")
    Ledger(ledger).write(claims=[Claim(vote, "owner", {})], attempts=[attempt])


def test_votes_that_the_ledger_has_need_no_key(tmp_path):
    settings = ProjectSettings(home=str(tmp_path), auditor="gemini-2.5-pro")
    with pytest.raises(SettingsError, match="GEMINI_API_KEY"):
        settings.require_votes()
    assert list(tmp_path.iterdir()) == [], "to look makes no ledger"
    asked_before(settings.ledger_url, "gemini-2.5-flash")
    with pytest.raises(SettingsError, match="GEMINI_API_KEY"):
        settings.require_votes()
    asked_before(settings.ledger_url, "gemini-2.5-pro")
    settings.require_votes()


def test_a_key_is_enough_of_a_model_that_was_never_asked(gemini, tmp_path):
    ProjectSettings(home=str(tmp_path), auditor="gemini-2.5-pro").require_votes()
    assert not gemini.asked


def test_a_benchmark_that_is_one_passes_whatever_its_format(tmp_path):
    rows = pl.DataFrame(original_rows()[:6])
    rows.write_csv(tmp_path / "v1.csv")
    rows.rename({"Row Number": "Unique ID"}).write_parquet(tmp_path / "v1.PARQUET")
    for source in ("demo", "hf", "hf:train", str(tmp_path / "v1.csv"), str(tmp_path / "v1.PARQUET")):
        ProjectSettings(source=source).require("source")


@pytest.fixture
def labels_made_with(tmp_path, monkeypatch):
    """A home that remembers these settings, which are given from the working directory."""
    monkeypatch.chdir(tmp_path)

    def made(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(variable(name), value)
        ProjectSettings.from_environment().remember()
        for name in settings:
            monkeypatch.delenv(variable(name))

    return made


def test_the_home_goes_on_with_what_its_labels_were_made_with(labels_made_with, monkeypatch, tmp_path):
    labels_made_with(source="v1.csv", authors="authors")
    monkeypatch.chdir("/")
    found = ProjectSettings.from_environment()
    assert (found.source, found.authors) == (str(tmp_path / "v1.csv"), str(tmp_path / "authors"))
    assert found.auditor == "authors"
    found.require_unchanged()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDCALC_SOURCE", "./v1.csv")
    ProjectSettings.from_environment().require_unchanged()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"source": "v2.csv"}, r"^MEDCALC_SOURCE \(--source\) is '.*/v2\.csv', and the labels in .* made with '.*/v1\.csv'"),
        ({"authors": "others"}, r"^MEDCALC_AUTHORS \(--authors\) is '.*/others', and .* were made with '.*/authors'"),
        ({"auditor": "none"}, r"^MEDCALC_AUDITOR \(--auditor\) is 'none', .* made with 'authors': .* give --change"),
        ({"auditor": "gemini-2.5-pro"}, r"is 'gemini-2.5-pro', and .* made with 'authors'"),
    ],
)
def test_others_are_refused_until_a_change_is_asked_for(labels_made_with, monkeypatch, given, told):
    labels_made_with(source="v1.csv", authors="authors")
    for name, value in given.items():
        monkeypatch.setenv(variable(name), value)
    settings = ProjectSettings.from_environment()
    for refused in (settings.require_unchanged, settings.remember):
        with pytest.raises(SettingsError, match=told):
            refused()
    monkeypatch.setenv("MEDCALC_CHANGE", "1")
    ProjectSettings.from_environment().remember()
    monkeypatch.delenv("MEDCALC_CHANGE")
    for name in given:
        monkeypatch.delenv(variable(name))
    found = ProjectSettings.from_environment()
    assert all(Path(getattr(found, name)).name == value for name, value in given.items())
    assert Path(found.authors).name in ("authors", "others"), "what is not changed stays"


def test_who_adds_authors_or_an_auditor_where_there_was_none_loses_no_label(labels_made_with, monkeypatch):
    labels_made_with(source="v1.csv")
    assert ProjectSettings.from_environment().auditor == "none"
    labels_made_with(authors="authors")
    assert ProjectSettings.from_environment().auditor == "authors", "as it is without a memory"
    monkeypatch.setenv("MEDCALC_HOME", "other")
    labels_made_with(source="v1.csv", authors="authors", auditor="none")
    assert ProjectSettings.from_environment().auditor_that_counts == "none"
    labels_made_with(auditor="gemini-2.5-pro")
    assert ProjectSettings.from_environment().auditor == "gemini-2.5-pro"


def test_the_simulated_auditor_does_not_follow_to_another_source(labels_made_with, monkeypatch):
    labels_made_with(source="demo")
    assert ProjectSettings.from_environment().auditor == "simulated"
    monkeypatch.setenv("MEDCALC_SOURCE", "v1.csv")
    with pytest.raises(SettingsError, match="MEDCALC_SOURCE"):
        ProjectSettings.from_environment().require_unchanged()
    monkeypatch.setenv("MEDCALC_CHANGE", "1")
    assert ProjectSettings.from_environment().auditor_that_counts == "none"


@pytest.mark.parametrize("content", ["", "[]", "null", '{"source": "demo"}', '{"source": 1, "authors": "", "auditor": ""}'])
def test_a_memory_that_cannot_be_read_is_named(refused, tmp_path, content):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "settings.json").write_text(content)
    line = refused("run")
    assert "home/settings.json, in which the home remembers its settings, cannot be read: " in line
    assert line.endswith("Delete it, and give --source, --authors, --auditor again as they were.")


def test_definitions_say_first_which_setting_cannot_be():
    script = "import medcalc_assets.definitions"
    env = os.environ | {"MEDCALC_VOTING": "lazy", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    last = ran.stderr.splitlines()[-1]
    assert (
        last == "medcalc_assets.settings.SettingsError: MEDCALC_VOTING (--voting) is 'lazy': it may be `adaptive` or `full`."
    )
    assert "pydantic" not in ran.stderr


def test_help_and_document_say_what_the_settings_say():
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == dictionary(), "`make docs` makes it anew"
    shown = " ".join(CliRunner(env={"COLUMNS": "110"}).invoke(main, ["run", "--help"]).output.split())
    for name in OPTIONS:
        assert f"{option(name)} " in shown
        assert f"[{variable(name)}]" in shown
    assert "adaptive asks for votes until the outcome is settled, full always for five." in shown
    assert "Default: search,code." in shown
    assert all(f"| `{variable(name)}` |" in dictionary() for name in ProjectSettings.model_fields)
