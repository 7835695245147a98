"""What can be set: name, type, choices, default and meaning of each setting, once, and the checks of what was set.

Settings come from the environment: `max_usd` is MEDCALC_MAX_USD, and the option `--max-usd` sets that variable. From here
come the options' help, `docs/settings.md` (`python -m medcalc_assets.settings` prints it), and what is refused before
Dagster is imported.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo

from medcalc_assets.auditors.flow import Limits
from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels import simulated
from medcalc_assets.labels.families import FAMILIES, PANEL, family

NO_AUDITOR = "none"
OPTIONS = ("home", "source", "strict", "authors", "auditor", "change", "tools", "voting", "mode", "max_usd")
"""The settings that change from run to run: the command line has an option for each."""
LEDGERS = "sqlite:////folder/ledger.sqlite or postgresql+psycopg://user@host/database"
HISTORY = "DAGSTER_POSTGRES_URL"
"""Where Dagster keeps its history, with the `dagster.yaml` of `deploy/`."""
MEMORY = "settings.json"
REMEMBERED = ("source", "authors", "auditor")
"""What labels are made with. The home remembers it, in MEMORY, so that to forget a setting does not change every label."""


class SettingsError(MedcalcError):
    """A setting is not usable. The message names it, its value, and what it may be."""


class Checked(BaseModel):
    """Values that are refused in one line: which one is wrong, what it is, and what it may be."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    @classmethod
    def called(cls, name: str) -> str:
        """How a person knows the value of this name."""
        return name

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_line(cls, given: Any, validated: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validated(given)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            raise SettingsError(
                f"{cls.called(name)} is {first['input']!r}: it may be {choices(cls.model_fields[name])}."
            ) from None


class ProjectSettings(Checked):
    """Where the data is, where it comes from, whose votes count, and how a model is asked. Raises SettingsError."""

    home: str = "data"
    """Folder of the warehouse, the ledger, packets, answers and releases."""
    source: str = simulated.DEMO
    """The benchmark: `demo`, `hf` (the test split of MedCalc-Bench v1.0), `hf:train`, or a .csv or .parquet file of its
    layout."""
    strict: bool = False
    """Refuse a source that has a row which cannot be read, instead of setting the row aside in the table `quarantine`."""
    authors: str = ""
    """Folder with the authors' `y_new_and_sampled_MD_evals.xlsx`."""
    auditor: str = ""
    """Whose votes count: `simulated` (on the demo only), `authors`, `none`, or a model such as `gemini-2.5-pro`,
    `gemini-2.5-pro@my-project/europe-west4` (Vertex AI), `openai:gpt-5.2`, or, at another address of that API,
    `openai:qwen3-8b@http://127.0.0.1:8000/v1`. Several of different families, with commas between them, each vote and
    decide as a `panel`. Without it `simulated` on the demo, `authors` where their folder is set, else
    `none`."""
    change: bool = False
    """1 lets the source, the authors' folder or the auditor be others than those that the labels in the home were made with:
    every label is made anew. Without it those of the home are used, and others are refused."""
    tools: Literal["search,code", "search", "code", "none"] = "search,code"
    """What a model may use. Mind the terms of grounding with Google Search."""
    voting: Literal["adaptive", "full"] = "adaptive"
    """`adaptive` asks for votes until the outcome is settled, `full` always for five."""
    input_votes: Literal["contested", "all", "none"] = "contested"
    """Of which instances models are asked to find the inputs in the note, for the published rule to compute: those whose
    label is contested or whose relabel is deferred, all, or none."""
    mode: Literal["online", "batch"] = "online"
    """`batch` takes half the price, and up to a day."""
    thinking: Literal["default", "low", "medium", "high"] = "default"
    """How much a model thinks: another level is another way to ask, and asks for every vote anew."""
    max_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """What the calls of a run may cost, in US dollars; no limit without it."""
    max_usd_per_day: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """What the calls of all runs of a day (UTC) may cost, in US dollars; no limit without it."""
    at_once: int = Field(default=Limits().at_once, gt=0)
    """How many calls are under way at most."""
    requests_per_minute: int | None = Field(default=None, gt=0)
    """How many requests the key allows; no limit without it."""
    tokens_per_minute: int | None = Field(default=None, gt=0)
    """How many tokens the key allows; no limit without it."""
    grades_from: float | None = Field(default=None, gt=0, le=1)
    """From which mean of its track record a class of evidence may grade (a share); the one before, at first 0.8. Written on
    the release."""
    trains_from: float | None = Field(default=None, gt=0, le=1)
    """The same to train, at first 0.7."""
    watch: str = "gemini-*-pro*"
    """Which models are watched, as a pattern."""
    reaudit_max_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """What a re-audit with a new model may cost, in US dollars; there is none without it."""
    reaudit_sample: int | None = Field(default=None, gt=0)
    """Of how many instances per calculator a re-audit is; of all without it."""
    ledger: str = Field(default="", repr=False)
    """URL of the database with all calls, as SQLAlchemy spells it; `ledger.sqlite` in the home without it."""

    @classmethod
    def from_environment(cls) -> Self:
        """What is set, and else as the home remembers it; an empty variable counts as unset. Raises SettingsError for the
        first value that cannot be."""
        given: dict[str, Any] = {name: value for name in cls.model_fields if (value := os.environ.get(variable(name)))}
        home = given.get("home", cls.model_fields["home"].default)
        try:
            return cls(**(_to_go_on_with(remembered(Path(home)), given) | given))
        except SettingsError as error:  # the UI shows where an error comes from: not from within pydantic
            raise error.with_traceback(None) from None

    @classmethod
    def called(cls, name: str) -> str:
        return variable(name) + (f" ({option(name)})" if name in OPTIONS else "")

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        for name in self.voters if self.auditor else ():
            require_auditor(name, self.called("auditor"), self.source)
        if len(self.voters) > 1:
            self._require_panel()
        if self.ledger:
            require_database(self.ledger, self.called("ledger"), ("sqlite+", "postgresql+"), LEDGERS)
        return self

    @property
    def auditor_that_counts(self) -> str:
        """Whose relabels are scored against the original labels and maintained: a `panel` where several vote."""
        return PANEL if len(self.voters) > 1 else self.voters[0]

    @property
    def voters(self) -> tuple[str, ...]:
        """The auditors who vote, the only one or those of the panel."""
        return tuple(dict.fromkeys(name.strip() for name in self.auditor.split(","))) if self.auditor else (self._voter,)

    @property
    def _voter(self) -> str:
        if self.source == simulated.DEMO:
            return simulated.NAME
        return "authors" if self.authors else NO_AUDITOR

    def _require_panel(self) -> None:
        """Raise SettingsError if these auditors cannot agree across families, or one of them gives no votes of a model's."""
        called = self.called("auditor")
        if alone := {NO_AUDITOR, simulated.NAME} & set(self.voters):
            raise SettingsError(f"{called} is {self.auditor!r}: {alone.pop()} is nobody's company. Leave it out.")
        if len(kinds := {family(name) for name in self.voters}) < FAMILIES:
            raise SettingsError(
                f"{called} is {self.auditor!r}, all of the family {kinds.pop()}, whose errors go together: add a model "
                "of another, or name one."
            )

    @property
    def labels_made_with(self) -> dict[str, str]:
        """The settings of REMEMBERED, so that they mean the same in another working directory."""
        return {
            "source": _place(self.source) if Path(self.source).suffix else self.source,
            "authors": _place(self.authors) if self.authors else "",
            "auditor": ",".join(self.voters),
        }

    def require_unchanged(self) -> None:
        """Raise SettingsError if the labels in the home were made with others, and no change is asked for."""
        if self.change:
            return
        now = self.labels_made_with
        for name, was in remembered(Path(self.home)).items():
            if was not in ("", NO_AUDITOR, now[name]):
                raise SettingsError(
                    f"{self.called(name)} is {now[name]!r}, and the labels in {self.home} were made with {was!r}: leave it "
                    f"out to go on with that, or give {option('change')} ({variable('change')}=1) to make every label anew."
                )

    def remember(self) -> None:
        """Let the home remember what its labels are made with. Raises SettingsError as `require_unchanged`."""
        from medcalc_assets.storage.files import write_durably

        self.require_unchanged()
        write_durably(Path(self.home) / MEMORY, f"{json.dumps(self.labels_made_with, indent=1)}\n".encode())

    @property
    def ledger_url(self) -> str:
        return self.ledger or f"sqlite:///{self._ledger_file}"

    @property
    def has_calls(self) -> bool:
        """Whether there is a ledger."""
        return bool(self.ledger) or self._ledger_file.exists()

    @property
    def _ledger_file(self) -> Path:
        return Path(self.home) / "ledger.sqlite"

    def require(self, name: str) -> None:
        """Raise SettingsError or another MedcalcError if what this setting names is not there, or is something else."""
        match name:
            case "home":
                self._require_home()
            case "source":
                from medcalc_assets.benchmarks.reader import Source

                Source(self.source).require()
            case "authors" if self.authors:
                from medcalc_assets.physicians.authors import AuthorsFiles

                AuthorsFiles(Path(self.authors)).require()

    def _require_home(self) -> None:
        home = Path(self.home)
        there = next(each for each in (home, *home.absolute().parents) if each.exists())
        if not there.is_dir() or (there != home and not os.access(there, os.W_OK)):
            why = "cannot be written to" if there.is_dir() else "is no folder"
            raise SettingsError(
                f"{self.called('home')} is {self.home!r}: {there} {why}. Name a folder, or where to make one."
            )

    def require_votes(self) -> None:
        """Raise SettingsError if the auditor that counts can give no votes: without the authors' files, or a model's key.

        Of a model that the ledger has votes of, more may not be needed: its key is looked for when they are.
        """
        from medcalc_assets.auditors.provider import AuditorError
        from medcalc_assets.auditors.registry import is_model, provider_of

        for name in self.voters:
            if name == "authors" and not self.authors:
                raise SettingsError(f"{self.called('auditor')} is 'authors': set {self.called('authors')} to their folder.")
            if is_model(name) and name not in self._earlier_auditors():
                try:
                    provider_of(name).require_key(name)
                except AuditorError as error:
                    raise SettingsError(f"{self.called('auditor')} is {name!r}: {error}") from None

    def require_model(self) -> None:
        """Raise SettingsError if the auditor that counts is no model."""
        from medcalc_assets.auditors.registry import is_model

        if not any(map(is_model, self.voters)):
            raise SettingsError(
                f"{self.called('auditor')} is {self.auditor_that_counts!r}: give a model ({_models()}). `medcalc models` "
                "lists them."
            )

    def _earlier_auditors(self) -> Iterator[str]:
        from medcalc_assets.auditors.ledger import Ledger

        if self.has_calls:
            ledger = Ledger(self.ledger_url)
            yield from (setup.auditor for task in ("audit", "relabel") for setup in ledger.setups(task))


def remembered(home: Path) -> dict[str, str]:
    """What the labels in this home were made with, by setting; nothing where there are none. Raises SettingsError."""
    try:
        found = json.loads((home / MEMORY).read_text(encoding="utf-8"))
        if sorted(found) == sorted(REMEMBERED) and all(isinstance(value, str) for value in found.values()):
            return {name: found[name] for name in REMEMBERED}
        why = f"it does not hold {', '.join(REMEMBERED)}"
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        why = str(error)
    raise SettingsError(
        f"{home / MEMORY}, in which the home remembers its settings, cannot be read: {why}. Delete it, and give "
        f"{', '.join(map(option, REMEMBERED))} again as they were."
    )


def _to_go_on_with(known: dict[str, str], given: dict[str, Any]) -> dict[str, str]:
    """Of what a home remembers, what holds beside what is given: `none` not beside authors, `simulated` on the demo only."""
    is_demo = given.get("source", known.get("source")) == simulated.DEMO
    auditor = known.get("auditor")
    if (auditor == NO_AUDITOR and "authors" in given) or (auditor == simulated.NAME and not is_demo):
        known = known | {"auditor": ""}
    return {name: value for name, value in known.items() if value}


def _place(path: str) -> str:
    return str(Path(path).resolve())


def require_auditor(name: str, called: str, source: str = simulated.DEMO) -> None:
    """Raise SettingsError if there is no auditor of this name, or none for this source."""
    if name in ("authors", NO_AUDITOR):
        return
    if name == simulated.NAME:
        if source != simulated.DEMO:
            raise SettingsError(
                f"{called} is {name!r}, which knows the truth of the demo only, and "
                f"{ProjectSettings.called('source')} is {source!r}. Set {called} to authors or none."
            )
        return
    from medcalc_assets.auditors.registry import is_model

    if not is_model(name):
        raise SettingsError(f"{called} is {name!r}: it may be simulated, authors, none, or a model ({_models()}).")


def _models() -> str:
    from medcalc_assets.auditors.registry import providers

    return " or ".join(f"{prefix}*" for prefix in providers())


def require_database(url: str, called: str, kinds: tuple[str, ...], may_be: str) -> None:
    """Raise SettingsError if no database of these kinds (how its dialect and driver begin) can be used by this URL, which is
    not shown: it may hold a password."""
    import sqlalchemy as sa

    try:
        named = sa.make_url(url)
        dialect = named.get_dialect()
        dialect.import_dbapi()
    except (sa.exc.ArgumentError, ValueError):
        found = "is no URL of a database"
    except ImportError as error:
        found = f"names a database that needs more: {error}; pip install 'medcalc_assets[postgres]' for PostgreSQL"
    else:
        if "@" in (named.host or "") or "password" in named.query:  # it would be shown with the address
            found = "has a password with an @, which is written %40, or one behind a ?, where it is not hidden"
        elif (kind := f"{dialect.name}+{dialect.driver}").startswith(kinds):
            return
        else:
            found = f"is a database of {kind}"
    raise SettingsError(f"{called} {found}: it may be {may_be}.")


def variable(name: str) -> str:
    return f"MEDCALC_{name.upper()}"


def option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def meaning(field: FieldInfo) -> str:
    """What a setting says, its choices, and its default."""
    told = " ".join((field.description or "").split())
    if get_origin(field.annotation) is Literal:
        told += f" It may be {choices(field)}."
    return told + (f" Default: `{field.default}`." if field.default else "")


def choices(field: FieldInfo) -> str:
    """What the value of a field may be."""
    kinds = get_args(field.annotation) or (field.annotation,)
    if bool in kinds:
        return "`true` or `false`"
    if float in kinds:
        return "a number above 0"
    if int in kinds:
        return "a whole number above 0"
    return " or ".join(f"`{kind}`" for kind in kinds)


def dictionary() -> str:
    """All settings as markdown."""
    rows = [
        (f"`{variable(name)}`", f"`{option(name)}`" if name in OPTIONS else "", meaning(field))
        for name, field in ProjectSettings.model_fields.items()
    ]
    keys = {
        "`GEMINI_API_KEY`, `GOOGLE_API_KEY`": "The key of Gemini",
        "`OPENAI_API_KEY`": "The key of OpenAI, for `openai:MODEL`",
        "`OPENAI_COMPATIBLE_API_KEY`": "The key of another server of that API, for `openai:MODEL@URL`",
    }
    rows += [(names, "", f"{key}; read from the environment only, and written nowhere.") for names, key in keys.items()]
    rows += [
        (
            "`MEDCALC_WAREHOUSE`",
            "",
            "`ducklake:postgres:` and how PostgreSQL is reached keeps the tables in a lake, which several processes and "
            "machines write at once; without it they are in the one DuckDB file in the home.",
        ),
        ("`DAGSTER_HOME`", "", "Where Dagster keeps its history; the project's folder, if its `dagster.yaml` is there."),
        (
            f"`{HISTORY}`",
            "",
            "URL of the PostgreSQL in which Dagster keeps its history, where the `dagster.yaml` of `deploy/` is used.",
        ),
    ]
    return (
        "# Settings\n\nMade from `medcalc_assets/settings.py` by `make docs`: edit that. All are environment variables; an "
        "option of the command line sets one for a run. A value that cannot be is refused before anything starts.\n\n"
        "| setting | option | meaning |\n|---|---|---|\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)
    )


if __name__ == "__main__":
    print(dictionary(), end="")
