"""The command line. A command is imported when it is called, and what is slow to import when it is used."""

import errno
import json
import logging
import os
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from functools import wraps
from importlib import import_module
from typing import Any, NoReturn

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from medcalc_assets.errors import MedcalcError


class Terminal(Console):
    """A console on which the text of others does nothing: a sign that would act on a terminal or reorder a line is a �."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(inert(text), **options)  # before its width is measured

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for each in super().render(renderable, options):
            yield each if each.control or each.text.isprintable() else Segment(inert(each.text), each.style)


def inert(text: str, instead: Callable[[str], str] = lambda _: "�", permitted: str = "\n\u00a0\u2009\u202f") -> str:
    """The text with `instead` in the place of every sign that cannot be printed, but for line ends and narrow spaces."""
    return "".join(sign if sign.isprintable() or sign in permitted else instead(sign) for sign in text)


console = Terminal()
FAILED, CHECK_FAILED, INTERRUPTED = 1, 3, 130
COMMANDS = {
    "run": ("run", "Run the chain, from the benchmark to maintained labels."),
    "status": ("status", "Show what is here, what is stale, and what to do next."),
    "summary": ("summary", "Show the figures over all labels, the finding last."),
    "trace": ("trace", "Tell the story of one label, and why it is what it is."),
    "calc": ("calc", "Compute one answer by the published rule, with its working."),
    "calculators": ("calc", "List the 55 calculators with their references."),
    "reaudit": ("reaudit", "Ask one more model for votes, on a sample if you like."),
    "estimate": ("estimate", "Estimate what a model's votes would still cost."),
    "models": ("estimate", "List the models that your keys may use, with prices."),
    "pages": ("release", "Write the report, the index and a page for each label."),
    "open": ("release", "Open the report, or the page of a label, in a browser."),
    "export": ("release", "Write a working copy of the next release."),
    "release": ("release", "Freeze the maintained labels into a version to cite."),
    "outputs": ("leaderboard", "Keep stored answers of models, to be graded."),
    "leaderboard": ("leaderboard", "Grade all stored answers under every key."),
    "reward": ("reward", "Write labels as a reward set for training."),
    "diff": ("release", "Show the labels that differ between releases or benchmarks."),
    "verify": ("release", "Check history, releases, answers and ledger for changes."),
    "cards": ("cards", "Show the questions about rules, and how physicians ruled."),
    "advisories": ("advisories", "List the known defects of the calculators, with examples."),
    "plan": ("plan", "Plan a sample, to find, measure or certify."),
    "packet": ("packets", "Write a blind packet of cases for a physician."),
    "ingest": ("packets", "Take over the answers of a packet that came back."),
    "withdraw": ("packets", "Have answers of a packet count no longer."),
    "panel": ("packets", "Show who has what, since when, and how well they agree."),
    "desk": ("desk", "Serve every packet to its reviewer, in the browser."),
    "backup": ("backup", "Copy the home into a folder, also while a run goes on."),
    "restore": ("backup", "Make a home of a backup, or of what is left of one."),
    "ui": ("ui", "Serve the Dagster UI on this machine, behind a guard."),
}
"""Of every command: the module that has it, and the first sentence of its help."""
UMASK = f"{__name__}.umask"
REMEDIES = {
    errno.ENOSPC: "Free disk space and run again",
    errno.EFBIG: "Free disk space and run again",
    errno.EDQUOT: "Free disk space and run again",
    errno.ENAMETOOLONG: "Give a shorter name",
    errno.EACCES: "Name a place that you may write to, or change its permissions",
    errno.EPERM: "Name a place that you may write to, or change its permissions",
    errno.EROFS: "Name a place that can be written to",
    errno.EISDIR: "Name a file: that is a folder",
    errno.ENOTDIR: "Name a folder: that is a file",
    errno.EEXIST: "Name a folder: that is a file",
    errno.ENOENT: "Check the path",
}


def setting(name: str) -> Callable[[Any], Any]:
    """An option that sets the environment variable of a setting. Before the command starts, what it names is looked for."""

    def with_option(command: Callable[..., None]) -> Callable[..., None]:
        from medcalc_assets.settings import ProjectSettings, meaning, option, variable

        field = ProjectSettings.model_fields[name]

        def put(_context: click.Context, _parameter: click.Parameter, value: str | bool | None) -> None:
            if value not in (None, False):
                os.environ[variable(name)] = str(value)

        @wraps(command)
        def checked(**arguments: Any) -> None:
            ProjectSettings.from_environment().require(name)
            command(**arguments)

        told = f"{meaning(field)} [{variable(name)}]".replace("`", "")
        is_flag = field.annotation is bool
        return click.option(option(name), expose_value=False, callback=put, help=told, is_flag=is_flag)(checked)

    return with_option


home, source, strict = setting("home"), setting("source"), setting("strict")
authors, auditor, change = setting("authors"), setting("auditor"), setting("change")
tools, voting, mode, max_usd = setting("tools"), setting("voting"), setting("mode"), setting("max_usd")
as_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON document instead; its keys: docs/json.md.")


class CalculatorName(click.ParamType[Any]):
    """A calculator by its partition name or id; a shell completes it."""

    name = "calculator"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from medcalc_assets.calculators.calc import InputError, find

        try:
            return find(value)
        except InputError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        from medcalc_assets.calculators import BY_SLUG

        return [CompletionItem(slug, help=c.name) for slug, c in BY_SLUG.items() if slug.startswith(incomplete)]


def print_json(document: object) -> None:
    """Write the document, and nothing else, to stdout. N/A is an answer, and null is none: see docs/json.md."""

    def plain(value: Any) -> Any:
        return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value.isoformat()

    told = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False, default=plain)
    click.echo(inert(told, lambda sign: json.dumps(sign)[1:-1]))


class Commands(click.Group):
    """Knows of each command its name and one line, for help and completion; the one that is called is imported.

    What a person can put right is told in one line on stderr, without a traceback.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of the work

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if command:
            found = vars(import_module(f"{__name__}.{COMMANDS[command.name or ''][0]}")).values()
            command = next(each for each in found if isinstance(each, click.Command) and each.name == command.name)
            if command.name == "export" and UMASK in ctx.meta:  # its files are for others
                os.umask(ctx.meta[UMASK])
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        ctx.meta[UMASK] = os.umask(0o077)  # notes, answers and votes are nobody else's to read
        try:
            with _logged():
                return super().invoke(ctx)
        except MedcalcError as error:
            _fail(error, type(error).__name__, str(error))
        except KeyboardInterrupt as error:
            said = "What was finished is kept: the same command goes on with what is missing."
            _fail(error, "Interrupted.", said, INTERRUPTED)
        except BrokenPipeError:  # click knows what to do
            raise
        except OSError as error:
            place = "" if error.filename is None else f"{error.filename}: "
            of_polars = re.search(r"os error (\d+)", str(error))  # which leaves errno empty
            number = error.errno or (int(of_polars[1]) if of_polars else 0)
            remedy = REMEDIES.get(number, "Put that right, and run again")
            _fail(error, type(error).__name__, f"{place}{error.strerror or error}. {remedy}.")
        finally:
            os.umask(ctx.meta[UMASK])


def _fail(error: BaseException, head: str, said: str, code: int = FAILED) -> NoReturn:
    line = f"{click.style(head, fg='red', bold=True)} {inert(said, lambda _: ' ', permitted='')}"
    click.echo(line, err=True)
    # Dagster holds the error until Python ends: a connection in its frames would have DuckDB complain of leaks.
    chained = [error]
    for each in chained:
        traceback.clear_frames(each.__traceback__)
        chained += [other for other in (each.__cause__, each.__context__) if other and other not in chained]
    raise SystemExit(code) from None


@contextmanager
def _logged() -> Iterator[None]:
    """What the project logs, of calls and of waiting, goes to stderr: above a progress bar, beside a JSON document."""
    handler = logging.Handler()
    handler.emit = lambda record: click.echo(inert(record.getMessage()), err=True)  # type: ignore[method-assign]
    ours = logging.getLogger("medcalc_assets")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.removeHandler(handler)


@click.group(
    cls=Commands,
    commands=[click.Command(name, help=told) for name, (_, told) in COMMANDS.items()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="medcalc_assets")
def main() -> None:
    """Keep the labels of MedCalc-Bench honest: audit, recompute, adjudicate, maintain, release.

    \b
    Examples:
      medcalc run                             the demo, without a key or a network
      medcalc run --source hf                 MedCalc-Bench v1.0, test split
      medcalc run --source test.csv           your copy
      medcalc status                          what is here, what to do next
      medcalc trace 868                       why a label is what it is
      medcalc calc 21 eye=4 verbal=5 motor=6  one answer by the published rule
      medcalc release --version 1.1.0         freeze the labels into a version

    Exit codes: 0 all is well, 1 the run failed or there is nothing to show, 2 wrong usage, 3 a check failed, 130
    interrupted.

    Your shell completes commands, options and calculators after this line, which may stand in ~/.bashrc; for zsh and fish
    write zsh_source or fish_source:

    \b
      eval "$(_MEDCALC_COMPLETE=bash_source medcalc)"
    """
