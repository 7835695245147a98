"""The command line as a person or a script meets it."""

import json
import os
import subprocess
import sys
from typing import Any

from click.testing import CliRunner, Result

from medcalc_assets.cli import console, main

START = "from medcalc_assets.cli import console, main; main(prog_name='medcalc')"


def medcalc(*arguments: str, **environment: str | None) -> Result:
    environment = {"COLUMNS": "160", "DAGSTER_HOME": None, **environment}
    console.width = int(environment["COLUMNS"] or 80)  # whatever it was when this process started
    return CliRunner(env=environment).invoke(main, [*arguments])


def document(*arguments: str, **environment: str | None) -> Any:
    """What stdout is with --json: a constant that is no JSON, such as NaN, is refused."""
    shown = medcalc(*arguments, "--json", **environment)
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout, parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))


def process(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """The command in a process of its own, as from a shell."""
    return subprocess.Popen(
        [sys.executable, "-c", START, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
