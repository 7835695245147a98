"""The documents do what they say: their commands run, and they name what there is."""

import ast
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner, Result

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.calculators import BY_SLUG
from medcalc_assets.cli import main
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.stage import GROUPS
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.storage.tables import TABLES, dictionary

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("deploy/*.md"), *ROOT.glob("docs/**/*.md")])
MEDCALC = ".venv/bin/medcalc "
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text_of(name), re.DOTALL)


def commands(name: str) -> list[str]:
    return [line for block in blocks(name, "sh") for line in block.splitlines() if line]


@pytest.fixture
def run(tmp_path, monkeypatch, dagster_in_memory):
    """Runs a command of a document as it stands there, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEDCALC_HOME")

    def medcalc(command: str) -> Result:
        result = CliRunner(env={"COLUMNS": "120"}).invoke(main, shlex.split(command.removeprefix(MEDCALC)))
        assert result.exit_code == 0, (command, result.output)
        return result

    return medcalc


def test_every_make_target_of_the_documents_exists():
    targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.MULTILINE))
    named = {name for path in DOCUMENTS for name in re.findall(r"(?:`|^)make ([\w-]+)", path.read_text(), re.MULTILINE)}
    assert {"demo", "ui", "test", "bench", "docs"} <= named <= targets


def test_the_commands_of_the_readme_run_in_its_order(gemini, run, tmp_path):
    (tmp_path / "path" / "to").mkdir(parents=True)
    pl.DataFrame(original_rows()).write_csv("path/to/medcalc_bench_v1_test.csv")
    ours = [command for command in commands("README.md") if command.startswith(MEDCALC)]
    of_physicians = ["packet", "cards", "calc", "calculators"]
    first_steps = ["run", "summary", "trace", "pages", "verify", "backup"]
    assert [shlex.split(each)[1] for each in ours] == [*first_steps, "export", *of_physicians, "estimate"]
    for command in ours:
        run(command)
    assert list(tmp_path.glob("path/to/folder/*.parquet"))


def test_the_tutorial_tells_what_its_commands_show(demo, run, tmp_path):
    """`make demo` was run already, for all tests. The reader is Dr Lee, too: before a packet is taken over, its spreadsheet
    is filled in as told."""
    shutil.copytree(demo.settings.home, "data")
    first, *rest = commands("docs/tutorial.md")
    assert first == "make demo"
    shown = {}
    for command in rest:
        if command.startswith(".venv/bin/python "):
            arguments = shlex.split(command)[1:]
            shown[command] = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout
            continue
        if " ingest " in command:
            written = filled_in(Path(shlex.split(command)[-1]))
        shown[command.removeprefix(MEDCALC)] = run(command).output
    told = {" ".join(output.split()) for output in shown.values()}
    assert any("SIMULATED" in output and f"{round(len(original_rows()) / 6)} (16.7%" in output for output in told)
    assert "adds the verbal response twice" in shown["trace 106"]
    assert "Label 106 was 16 and is now 11" in shown["trace 106"]
    assert any("Answer: 11 points" in output for output in told)
    assert any("relabelled" in output and "labels" in output for name, output in shown.items() if "python" in name)
    assert "194 labels differ between v1.0 and 1.1.0" in shown["diff v1.0 1.1.0"]
    assert "a physician computed this value" in " ".join(shown["trace 5"].split())
    assert "1 label differs between 1.1.0 and 1.1.1: 0 major, 0 minor, 1 patch" in shown["diff 1.1.0 1.1.1"]
    assert any("by a planned random sample; in truth 1" in output for output in told)
    rerun = next(name for name in shown if name.startswith("run -c"))
    asked = {row["Calculator ID"] for row in original_rows() if row["Row Number"] in written}
    assert {BY_SLUG[name].id for name in shlex.split(rerun)[2::2]} == asked
    assert (tmp_path / "data" / "report" / "index.html").is_file()


def filled_in(path: Path) -> set[int]:
    """The uids of a packet, each of which now cannot be computed."""
    workbook = openpyxl.load_workbook(path)
    sheet = workbook["cases"]
    column = [cell.value for cell in sheet[1]].index("cannot_be_computed") + 1
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, column).value = "yes"
    workbook.save(path)
    return {sheet.cell(row, 1).value for row in range(2, sheet.max_row + 1)}


@pytest.mark.parametrize("name", ["maintainer", "leaderboard", "physician", "engineer"])
def test_the_commands_of_a_how_to_are_commands_with_their_options(name):
    """They are run by the README and the tutorial; here each is parsed, and goes no further."""
    for command in commands(f"docs/how-to/{name}.md"):
        if command.startswith(MEDCALC):
            name, found, arguments = main.resolve_command(click.Context(main), shlex.split(command)[1:])
            found.make_context(name, arguments)


@pytest.mark.parametrize("name", ["engineer"])
def test_the_python_of_a_how_to_runs(name, demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").symlink_to(demo.settings.home)
    for block in blocks(f"docs/how-to/{name}.md", "python"):
        Path("block.py").write_text(block)
        runpy.run_path("block.py")


def test_the_dictionary_is_that_of_the_tables():
    assert text_of("docs/tables.md") == dictionary(), "`make docs` makes it anew"
    assert all(f"\n## {name}\n" in dictionary() for name in TABLES)


def test_the_documents_name_every_reason_and_setting():
    assert all(f"| `{reason}` |" in text_of("docs/how-to/maintainer.md") for reason in REASONS)
    for name in Settings.model_fields:
        assert f"`MEDCALC_{name.upper()}`" in text_of("docs/settings.md"), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures_of_a_document_are_there(path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).is_file(), target


def test_the_files_that_contributing_names_are_there():
    """A pattern that names a file which has moved leads nowhere."""
    named = set(
        re.findall(r"`((?:medcalc_assets|medcalc_assets_tests|prompts|docs)/[\w./-]+\.\w+)`", text_of("CONTRIBUTING.md"))
    )
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_the_architecture_names_every_table_of_the_chain():
    assert all(f"`{table}`" in text_of("ARCHITECTURE.md") for table in TABLES)
    assert len(GROUPS) == 9


def test_every_import_is_a_declared_dependency_with_a_lower_bound():
    optional = PROJECT["optional-dependencies"]
    known = [*PROJECT["dependencies"], *optional["study"], *optional["postgres"]]
    declared = {re.split(r"[\[>]", each)[0].replace("-", "_") for each in known}
    names = {"google": "google_genai", "markdown_it": "markdown_it_py", "yaml": "pyyaml"}
    found = {
        module.split(".")[0]
        for path in (ROOT / "medcalc_assets").rglob("*.py")
        if path.parent.name != "frameworks"  # each is imported by its framework alone
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for module in imported(node)
    }
    assert {names.get(name, name) for name in found - sys.stdlib_module_names - {"medcalc_assets"}} <= declared
    extras = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
    pinned = dict(line.lower().split("==") for line in text_of("constraints.txt").splitlines())
    for each in [*PROJECT["dependencies"], *extras]:
        name, _, bound = re.sub(r"\[.*\]", "", each).partition(">=")
        assert bound, f"{each} has no lower bound"
        assert f"{pinned[name]}.".startswith(f"{bound}."), f"{each}: the tests run with {pinned[name]}"


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [each.name for each in node.names] if isinstance(node, ast.Import) else []


def test_what_is_cited_is_this_version():
    assert f"\nversion: {PROJECT['version']}\n" in text_of("CITATION.cff")
    assert f"## [{PROJECT['version']}]" in text_of("CHANGELOG.md")
    assert PROJECT["license"] == "Apache-2.0"
    assert all((ROOT / name).is_file() for name in PROJECT["license-files"])
