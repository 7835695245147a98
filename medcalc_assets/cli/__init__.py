"""The command line. A command is imported when it is asked for: most start much faster without Dagster."""

import os
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

import click
from rich.console import Console

from medcalc_assets.errors import MedcalcError

console = Console()
FAILED = 1
COMMANDS = {
    "run": "chain",
    "summary": "chain",
    "export": "chain",
    "calculators": "chain",
    "calc": "chain",
    "estimate": "chain",
    "models": "chain",
    "trace": "trace",
    "pages": "release",
    "release": "release",
    "diff": "release",
    "packet": "packets",
    "ingest": "packets",
    "ui": "ui",
}
"""Every command and the module that has it."""


def setting(name: str, variable: str, description: str) -> Callable[[Any], Any]:
    """An option that sets an environment variable, from which every part of the project reads its settings."""

    def put(_context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            os.environ[variable] = value

    return click.option(name, expose_value=False, callback=put, help=f"{description} [{variable}]")


home = setting("--home", "MEDCALC_HOME", "Folder of the warehouse; ./data by default.")
source = setting("--source", "MEDCALC_SOURCE", "demo (the default), hf, hf:train, or a CSV or Parquet file of v1.0.")
authors = setting("--authors", "MEDCALC_AUTHORS", "Folder with the authors' files.")
auditor = setting(
    "--auditor", "MEDCALC_AUDITOR", "Whose votes count: simulated, authors, none, or a model id such as gemini-2.5-pro."
)
tools = setting("--tools", "MEDCALC_TOOLS", "What Gemini may use: search,code (the default), search, code or none.")
voting = setting("--voting", "MEDCALC_VOTING", "adaptive (the default: until it is settled) or full (always five).")
mode = setting("--mode", "MEDCALC_MODE", "online (the default) or batch (half the price, within a day).")
max_usd = setting("--max-usd", "MEDCALC_MAX_USD", "What the calls of this run may cost; no limit by default.")


def reports_errors(command: Callable[..., None]) -> Callable[..., None]:
    """An error that a person can mend is printed as it is, without a traceback, and exits with 1."""

    @wraps(command)
    def run(**arguments: Any) -> None:
        try:
            command(**arguments)
        except MedcalcError as error:
            console.print(f"[bold red]{type(error).__name__}[/] ", end="")
            console.print(str(error), markup=False, highlight=False, soft_wrap=True)
            raise SystemExit(FAILED) from error

    return run


class Commands(click.Group):
    """The commands of COMMANDS, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = vars(import_module(f"{__name__}.{COMMANDS[cmd_name]}")).values()
        return next(each for each in found if isinstance(each, click.Command) and each.name == cmd_name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="medcalc_assets")
def main() -> None:
    """Keep the labels of MedCalc-Bench honest: audit, recompute, adjudicate, maintain, release.

    \b
    Examples:
      medcalc run                                       the bundled demo, without a key or a network
      medcalc run --source hf                           MedCalc-Bench v1.0, test split
      medcalc run --source test.csv --authors folder    your copy, with the authors' relabels
      medcalc summary
      medcalc trace 868                                 why a label is what it is
      medcalc calc 21 eye=4 verbal=5 motor=6            one answer by the published rule, with its working
      medcalc export --to folder/
      medcalc release --version 1.1.0                   freeze the labels into a version that can be cited

    Exit codes: 0 all is well, 1 the run failed or there is nothing to show, 2 wrong usage, 3 a check failed.
    """
