"""The commands of the README do what it says."""

import re
import shlex
from pathlib import Path

import polars as pl
from click.testing import CliRunner

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.cli import main
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import GROUPS
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.storage.tables import TABLES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line]


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make (demo|ui|test|bench)", README)) == {"demo", "ui", "test", "bench"} <= targets


def test_every_medcalc_command_of_the_readme_runs_in_its_order(gemini, tmp_path):
    pl.DataFrame(original_rows()[:12]).write_csv(tmp_path / "medcalc_bench_v1_test.csv")
    home = {"MEDCALC_HOME": str(tmp_path / "home"), "DAGSTER_HOME": str(tmp_path / "dagster"), "COLUMNS": "120"}
    commands = [shlex.split(command.removeprefix(".venv/bin/medcalc ")) for command in COMMANDS if "/medcalc " in command]
    first_steps = ["run", "summary", "export", "calc", "calculators", "estimate", "run"]
    assert [command[0] for command in commands] == [*first_steps, "trace", "pages", "release", "diff", "packet"]
    for command in commands:
        here = [part.replace("path/to", str(tmp_path)) for part in command]
        result = CliRunner(env=home).invoke(main, here)
        assert result.exit_code == 0, (command, result.output)
    assert list((tmp_path / "folder").glob("*.parquet"))


def test_the_readme_names_every_table_reason_and_setting():
    for word in (*TABLES, *REASONS, *(f"MEDCALC_{name.upper()}" for name in Settings.model_fields)):
        assert f"`{word}`" in README, word


def test_the_picture_of_the_readme_is_there():
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).is_file()


def test_the_architecture_names_every_module_of_the_chain():
    architecture = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert all(table in architecture for table in TABLES)
    assert len(GROUPS) == 8
