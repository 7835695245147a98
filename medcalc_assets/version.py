"""Which version of this package runs."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"

try:
    __version__ = version("medcalc_assets")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"]
