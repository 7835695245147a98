"""What calls cost, from the dated table in `prices.toml`. A cost that is not known is None, never zero.

`$MEDCALC_HOME/prices.toml`, of the same form, says what this project pays: its entries take the place of those here for the
models that they name. A name may be a pattern there (`openai:qwen3-*`): the price of a family, for what no entry names.
"""

import datetime as dt
import math
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from medcalc_assets.auditors.replies import Reply
from medcalc_assets.errors import MedcalcError

MILLION = 1_000_000
OF_ENTRY = {"input", "output", "long_input", "long_output", "cached_input", "search_prompt", "search_query"}


class PriceError(MedcalcError):
    """The prices of the home cannot be used. The message names the file and the entry, and says what it takes."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, and for searching: for the request that searches at all, or for every query."""

    input: float
    output: float
    cached_input: float
    long_input: float
    long_output: float
    search_prompt: float
    search_query: float
    long_prompt_tokens: int
    batch_discount: float

    def of(
        self, input_tokens: int, output_tokens: int, searches: float, batch: bool = False, cached_tokens: int = 0
    ) -> float:
        """What a request costs. In a batch what was cached is taken for as dear as the rest, which is an upper bound."""
        long = input_tokens > self.long_prompt_tokens
        saved = 0 if batch or not self.input else min(cached_tokens, input_tokens) * (1 - self.cached_input / self.input)
        tokens = (input_tokens - saved) * (self.long_input if long else self.input)
        tokens += output_tokens * (self.long_output if long else self.output)
        search = self.search_prompt * bool(searches) + self.search_query * searches
        return tokens / MILLION * (self.batch_discount if batch else 1.0) + search


def price(model: str, day: dt.date) -> Price | None:
    """The price of a model on a day, None if it is not in the table."""
    file = Path(os.environ.get("MEDCALC_HOME") or "data") / "prices.toml"
    return _price(model, day, file, file.stat().st_mtime_ns if file.is_file() else None)


@cache
def _price(model: str, day: dt.date, file: Path, changed: int | None) -> Price | None:
    table, name = _table(), model.removeprefix("models/")
    of_home = [] if changed is None else _read(file)
    ways = [
        [entry for entry in of_home if entry["model"] == name],
        [entry for entry in table["price"] if entry["model"] == name],
        [entry for entry in of_home if fnmatchcase(name, entry["model"])],
    ]
    entries = [entry for entry in next(filter(None, ways), []) if entry["from"] <= day]
    if not entries:
        return None
    entry = max(entries, key=lambda entry: entry["from"])
    return Price(
        input=entry["input"],
        output=entry["output"],
        cached_input=entry.get("cached_input", entry["input"]),
        long_input=entry.get("long_input", entry["input"]),
        long_output=entry.get("long_output", entry["output"]),
        search_prompt=entry.get("search_prompt", 0.0),
        search_query=entry.get("search_query", 0.0),
        long_prompt_tokens=table["long_prompt_tokens"],
        batch_discount=table["batch_discount"],
    )


def known_price(model: str) -> Price | None:
    """The price of a model today."""
    return price(model, dt.datetime.now(dt.UTC).date())


def cost(reply: Reply) -> float | None:
    """What an attempt cost. Refusals are free; None if its price, or what it used, is not known."""
    attempt = reply.attempt
    if attempt.status is not None and attempt.status != 200:
        return 0.0
    of_model = price(attempt.vote.setup.auditor, attempt.requested_at.date())
    if of_model is None or reply.input_tokens is None or reply.output_tokens is None:
        return None
    searches = searches_of(reply)
    return of_model.of(reply.input_tokens, reply.output_tokens, searches, attempt.mode == "batch", reply.cached_tokens or 0)


def searches_of(reply: Reply) -> int:
    """How many searches are paid for; one, if it is only known that there were any."""
    return len(reply.queries) or int(reply.grounded)


def total(costs: Sequence[float | None]) -> float | None:
    """The sum, None if any of them is unknown."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def spelled(costs: Sequence[float | None]) -> str:
    """The sum of what is known, and of how many calls it is not.

    >>> spelled([1.5, None]), spelled([])
    ('$1.50 and 1 call of unknown cost', '$0.00')
    """
    known = [cost for cost in costs if cost is not None]
    unknown = len(costs) - len(known)
    return f"${sum(known):,.2f}" + (f" and {unknown:,} call{'s'[: unknown > 1]} of unknown cost" if unknown else "")


def _read(file: Path) -> list[dict[str, Any]]:
    """The entries of a home's table. Raises PriceError for one that is none."""
    try:
        entries = tomllib.loads(file.read_text("utf-8"))["price"]
        for number, entry in enumerate(entries, start=1):
            costs = {name: usd for name, usd in entry.items() if name not in ("model", "from")}
            unknown = set(costs) - OF_ENTRY
            is_price = (
                isinstance(entry["model"], str) and type(entry["from"]) is dt.date and {"input", "output"} <= set(costs)
            )
            if (
                unknown
                or not is_price
                or not all(type(usd) in (int, float) and 0 <= usd < math.inf for usd in costs.values())
            ):
                raise PriceError(
                    f"{file}, entry {number} of [[price]]: it takes `model` (a name or pattern), `from` (a date), `input` "
                    "and `output` in US dollars per million tokens; besides `long_input`, `long_output`, `cached_input`, "
                    "`search_prompt`, `search_query`. Correct it, or take the file away."
                )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PriceError(
            f"{file} cannot be read as prices: {error}. Write it as medcalc_assets/auditors/prices.toml is, or take it away."
        ) from None
    return list(entries)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("medcalc_assets").joinpath("auditors", "prices.toml").read_text("utf-8"))
