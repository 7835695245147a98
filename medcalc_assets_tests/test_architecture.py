"""The structure of the package: no circles, and nothing heavy before it is used."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import medcalc_assets
from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.benchmarks.spec import INSTANCES
from medcalc_assets.calculators import CALCULATORS, KEYS

PACKAGE = Path(medcalc_assets.__file__).parent
HEAVY = ("dagster", "google.genai", "matplotlib", "datasets", "duckdb", "polars")


def modules() -> dict[str, Path]:
    """The files of the package by their dotted names."""
    names = {path: [PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts] for path in PACKAGE.rglob("*.py")}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in names.items()}


def imported(path: Path, known: set[str]) -> set[str]:
    """The files that a file imports, wherever in it: in a function or for the type checker, too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                inner = f"{node.module}.{each.name}"
                found.add(inner if inner in known else node.module)
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found & known


def test_no_two_files_import_each_other_in_a_circle():
    """The package's face re-exports what is below it, and nothing below may import it."""
    files = modules()
    graph = {name: imported(path, set(files)) for name, path in files.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1][::-1]))


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("medcalc_assets", HEAVY),
        ("medcalc_assets.cli", HEAVY),
        ("medcalc_assets.calculators", ("dagster", "google.genai", "matplotlib", "datasets", "duckdb")),
        ("medcalc_assets.auditors.ledger", HEAVY),
        ("medcalc_assets.auditors.casting", ("dagster", "google.genai", "matplotlib", "datasets")),
        ("medcalc_assets.auditors.registry", ("dagster", "google.genai", "openai", "matplotlib", "datasets")),
        ("medcalc_assets.auditors.calls", ("dagster", "google.genai", "matplotlib", "datasets")),
        ("medcalc_assets.reports.trace", ("dagster", "google.genai", "matplotlib", "datasets")),
        ("medcalc_assets.definitions", ("google.genai", "matplotlib", "datasets", "openpyxl")),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(module, without):
    script = f"import sys, {module}; print(*[name for name in {without!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []


def test_no_test_has_the_size_of_a_benchmark_by_heart():
    """They are in the benchmark's spec, in the demo and in the list of calculators."""
    sizes = {len(KEYS), len(original_rows()), INSTANCES["test"]}
    written = re.compile("|".join(rf"\b{size:,}\b(?= |$)(?! mg)" for size in sizes))
    tests = set(Path(__file__).parent.rglob("*.py"))
    for path in tests - {path for path in tests if path.stem in ("test_formulas", "test_scores")}:  # ages and doses
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value = node.value if isinstance(node, ast.Constant) else None
            said = isinstance(value, str) and written.search(value)
            assert not said, f"{path.name}:{node.lineno}: {value!r}"
            assert type(value) is not int or value not in sizes, f"{path.name}:{node.lineno}: {value}"


def test_every_calculator_has_a_table_of_cases():
    """A value by hand or from the literature, not only what the rule itself gives."""
    counted = set()
    for name in ("formulas", "scores"):
        tree = ast.parse((Path(__file__).parent / "calculators" / f"test_{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Tuple):
                id, entities, *_ = [each.value if isinstance(each, ast.Constant) else None for each in node.elts] + [
                    None
                ] * 2
                counted |= {id} if isinstance(entities, str) else set()
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("answer", "evaluate"):
                counted |= {given.value for given in node.args[:1] if isinstance(given, ast.Constant)}
            if isinstance(node, ast.Dict):
                cases = zip(node.keys, node.values, strict=True)
                counted |= {
                    key.value for key, case in cases if isinstance(key, ast.Constant) and isinstance(case, ast.Tuple)
                }
    assert [key for key in CALCULATORS if key not in counted] == []
