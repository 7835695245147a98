"""What is shipped is what was tested: the wheel alone, in an empty environment, runs the chain and has the same hashes.

The environment is a real one, of the declared dependencies and nothing else: one that borrowed packages would hide a missing
one. It is made once, and the package in it is exchanged: the wheel, an editable install, a checkout that is not installed.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from medcalc_assets.release.build import code_sha256
from medcalc_assets.storage.tables import TABLES

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip"]

IDENTITY = """
import json, pkgutil
from importlib import import_module
import medcalc_assets as mc
from medcalc_assets.auditors.tasks import PACKAGE, PROMPTS, TASKS
from medcalc_assets.definitions import assemble
from medcalc_assets.defs.settings import Settings
from medcalc_assets.release.build import code_sha256

for module in pkgutil.walk_packages(mc.__path__, "medcalc_assets."):
    if ".frameworks" not in module.name:  # each of which its framework imports
        import_module(module.name)
graph = assemble(Settings.from_environment()).resolve_asset_graph()
print(json.dumps({
    "version": mc.__version__,
    "code": code_sha256(PACKAGE, PROMPTS),
    "prompts": {task.name: task.prompt_sha256 for task in TASKS.values()},
    "assets": {key.to_user_string(): graph.get(key).code_version for key in graph.materializable_asset_keys},
    "package": str(PACKAGE),
}))
"""


class Environment:
    """A virtual environment in a folder, from which everything is run: outside of the checkout."""

    def __init__(self, folder: Path):
        self.folder = folder
        venv.create(folder / "env", with_pip=False)
        self.bin = folder / "env" / "bin"

    def pip(self, *arguments: object) -> None:
        run(*PIP, "--python", self.bin / "python", *arguments)

    def run(self, command: str, *arguments: object, **variables: str) -> str:
        return run(self.bin / command, *arguments, cwd=self.folder, **variables)

    def identity(self, **variables: str):
        found = json.loads(self.run("python", "-c", IDENTITY, **variables))
        return Path(found.pop("package")), found


def run(*command: object, cwd: Path | None = None, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MEDCALC_HOME")}
    shown = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment | variables, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, f"{command}\n{shown.stdout}\n{shown.stderr}"
    return shown.stdout


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Removed at the end, as it holds most of a gigabyte."""
    with tempfile.TemporaryDirectory(prefix="wheel") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def wheel(folder) -> Path:
    """Made from the source distribution, as for an index of packages."""
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT, cwd=folder)
    (found,) = folder.glob("dist/*.whl")
    return found


@pytest.fixture(scope="module")
def installed(folder, wheel) -> Environment:
    environment = Environment(folder)
    environment.pip("install", "--quiet", "--no-compile", "--constraint", ROOT / "constraints.txt", wheel)
    return environment


def test_the_wheel_of_the_source_distribution_is_that_of_the_checkout(folder, wheel):
    run(*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder / "direct", ROOT, cwd=folder)
    (direct,) = folder.glob("direct/*.whl")
    ours, theirs = ({name: file.read(name) for name in file.namelist()} for file in map(zipfile.ZipFile, (wheel, direct)))
    assert ours == theirs
    assert {"medcalc_assets/py.typed", "medcalc_assets/prompts/audit.md"} <= ours.keys()
    assert [name for name in ours if not name.startswith(("medcalc_assets/", "medcalc_assets-"))] == []


def test_the_wheel_alone_runs_the_demo(installed):
    ran = installed.run("medcalc", "run", "--source", "demo", "-c", "glasgow_coma_score")
    assert "6 instances of 1 calculators (demo)" in ran
    assert (installed.folder / "data" / "warehouse.duckdb").is_file()
    assert "Answer: 15 points" in installed.run("medcalc", "calc", "21", "eye=4", "verbal=5", "motor=6")


def test_a_user_of_the_wheel_sees_its_types(installed):
    script = installed.folder / "user.py"
    script.write_text(
        "import medcalc_assets as mc\n"
        "reveal_type(mc.calc(21, eye=4).value)\n"
        "reveal_type(mc.audit({}).verdict)\n"
        "reveal_type(mc.load_release('1.1.0'))\n"
        "reveal_type(mc.__version__)\n"
        "mc.vote(5)\n"
    )
    mypy = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-executable",
        installed.bin / "python",
        "--cache-dir",
        "cache",
    ]
    shown = subprocess.run([*mypy, script], capture_output=True, text=True, cwd=installed.folder, check=False).stdout
    for expected in ("labels.value.Label | None", "'reproduced'", "DataFrame", '"str"', 'has incompatible type "int"'):
        assert expected in shown, shown
    assert "Found 1 error" in shown


def test_what_an_editor_leaves_behind_is_no_code(tmp_path):
    def changes(name: str) -> bool:
        folder = tmp_path / name.replace("/", "_") / "package"
        (folder / name).parent.mkdir(parents=True)
        (folder / "rule.py").write_text("TOLERANCE = 0.05")
        before = code_sha256.__wrapped__(folder)
        (folder / name).write_text("something")
        return code_sha256.__wrapped__(folder) != before

    assert [changes(name) for name in ("other.py", "page.j2", ".rule.py.swp", "__pycache__/rule.pyc", ".cache/rule.py")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_code_is_the_same_however_it_is_installed(installed):
    """Else a release would name other code than made it, and all tables would be stale after a move."""
    package, wheel = installed.identity()
    assert package.is_relative_to(installed.folder)
    assert all(wheel["assets"][table] for table in TABLES)
    installed.pip("install", "--quiet", "--no-deps", "--editable", ROOT)
    assert installed.identity() == (ROOT / "medcalc_assets", wheel)
    installed.pip("uninstall", "--quiet", "--yes", "medcalc_assets")
    assert installed.identity(PYTHONPATH=str(ROOT)) == (ROOT / "medcalc_assets", wheel)
