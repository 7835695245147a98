"""The templates of every page, card, form and changelog."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt

from medcalc_assets.calculators.working import escaped


@cache
def templates() -> Environment:
    """The templates. HTML is escaped by itself; markdown by `escaped`, where text is not our own."""
    environment = Environment(
        loader=PackageLoader("medcalc_assets", "templates"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["escaped"] = escaped
    environment.filters["moved"] = _moved
    return environment


def static(name: str) -> str:
    """A file that pages link to, as it is."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _moved(row: Mapping[str, Any], name: str) -> str:
    """A compared column as it was, if it was anything, and is."""
    was, now = (escaped("none" if row[each] is None else row[each]) for each in (f"{name} before", name))
    return now if row[f"{name} before"] is None or was == now else f"{was} → **{now}**"


@cache
def markdown() -> MarkdownIt:
    off = ["link", "autolink", "html_inline", "html_block", "reference", "image"]
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(off)
