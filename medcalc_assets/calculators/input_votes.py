"""What blind readers find in a note for the inputs of a calculator: what 4 of 5 agree on, and what the published rule makes
of it. So an answer comes about without a model's arithmetic, and a disagreement is seen at the input."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.calculator import Calculator
from medcalc_assets.calculators.inputs import Choice, Day, Input, Quantity, Unusable, quoted
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.value import NA, Label, OutputType
from medcalc_assets.labels.voting import RUNS, SUPERMAJORITY

if TYPE_CHECKING:
    import polars as pl

NOT_STATED = "not stated"
WORD = re.compile(r"[^\W_]+")
FIGURES = ".4g"
"""Two readers read the same number if it is the same to four figures, whatever units they found it in."""


class Said(NamedTuple):
    """What one reader says of an input: a value as it stands in the note (None: not stated), its unit, and the words."""

    value: str | int | float | bool | None
    unit: str | None
    quote: str


class InputConsensus(NamedTuple):
    """What the readers of a note agree on.

    `status`: `computed`; `not_computable`, as the note lacks what the rule needs, or nothing follows from it; `split`, if
    they differ on an input; `not_read`, with fewer than 4 readers. `value` is N/A where it is not computable, and None where
    nothing is agreed on. `missing` are inputs by name, `inputs` is one record per input that counts: `input`, `read` (None
    if they differ), `quote` ("" if no reader gives words that stand in the note), `n_agree`, `n_votes`, `answers` with how
    many gave each, `given` (as the benchmark's entities have it), and whether it `differs`.
    """

    status: Literal["computed", "not_computable", "split", "not_read"]
    value: Label | None
    missing: tuple[str, ...]
    inputs: tuple[dict[str, Any], ...]
    explanation: str


def asked(calculator: Calculator) -> str:
    """The inputs that count, a line each: name, unit and permitted values, and nothing of any instance."""
    return "\n".join(f"- {json.dumps(each.key, ensure_ascii=False)}: {_kind(each)}" for each in _wanted(calculator))


def _wanted(calculator: Calculator) -> list[Input]:
    """What the rule counts, or does not answer without."""
    return [each for each in calculator.inputs if each.required or each in calculator.published.counted]


def all_asked() -> "pl.Expr":
    """What the calculator of each instance asks for, as column `inputs`, in a frame that has `calculator_id`."""
    import polars as pl

    told = {number: asked(each) for number, each in CALCULATORS.items()}
    return pl.col("calculator_id").replace_strict(told, return_dtype=pl.String).alias("inputs")


def _kind(of: Input) -> str:
    called = f"{of.title}; " if of.title else ""
    match of:
        case Quantity():
            return f"{called}a number" + (f", usually in {of.unit}" if of.unit else "")
        case Choice(kind="boolean"):
            return f"{called}true or false"
        case Choice():
            return f"{called}one of {json.dumps([str(each) for each in of.permitted], ensure_ascii=False)}"
        case Day():
            return f"{called}a date, MM/DD/YYYY"
    return f"{called}a drug with its dose, such as 'Prednisone PO 10 mg'"


def consensus(
    calculator: Calculator, entities: Mapping[str, object], votes: Sequence[Mapping[str, Said]], note: str
) -> InputConsensus:
    """Of the usable votes on an instance, by the name of the input what was said of it.

    An input that a vote leaves out got no answer from it. `entities` are those of the benchmark, to compare with. Words that
    do not stand in the `note` are no quote; the reading counts, as a value may follow from others.
    """
    words = _words(note)
    votes = [{each.key: said for name, said in vote.items() if (each := calculator.reader.find(name))} for vote in votes]
    of_benchmark = calculator.reader.read(entities)
    read: dict[str, Any] = {}
    found, split, missing = [], [], []
    for each in _wanted(calculator):
        answers = [_answer(each, vote[each.key]) for vote in votes if each.key in vote]
        counted = Counter(key for key, _, _, _ in answers)
        most, n = counted.most_common(1)[0] if counted else (NOT_STATED, 0)
        raw, shown = next(((raw, shown) for key, raw, shown, _ in answers if key == most), (None, NOT_STATED))
        quotes = (quote for key, *_, quote in answers if key == most and _stands_in(words, quote))
        agreed = n >= SUPERMAJORITY
        given, theirs = of_benchmark.values.get(each.key), each.key in of_benchmark.given
        if agreed and raw is not None:
            read[each.key] = raw
        if agreed and raw is None and each.required:
            missing.append(each.name)
        if not agreed:
            split.append(each.name)
        found.append(
            {
                "input": each.name,
                "read": shown if agreed else None,
                "quote": next(quotes, "") if agreed and raw is not None else "",
                "n_agree": n,
                "n_votes": len(answers),
                "answers": {next(a[2] for a in answers if a[0] == key): count for key, count in counted.most_common()},
                "given": each.shown(given) if theirs else NOT_STATED,
                "differs": agreed and most != _known(each, given, theirs),
            }
        )
    inputs = tuple(found)
    if len(votes) < SUPERMAJORITY:
        return InputConsensus("not_read", None, (), inputs, f"only {len(votes)} of {RUNS} readers gave an answer of use")
    if split:
        return InputConsensus("split", None, tuple(missing), inputs, _told(inputs))
    result = calculator.published.evaluate(read)
    value = NA if result.value is None else result.value
    return InputConsensus("not_computable" if value == NA else "computed", value, tuple(missing), inputs, _told(inputs))


def computed(calculator: Calculator, vote: Mapping[str, Said]) -> Label:
    """What the published rule makes of one reader's inputs; N/A where it makes nothing of them."""
    said = {each.key: vote[name] for name in vote if (each := calculator.reader.find(name))}
    read = {each.key: _answer(each, said[each.key])[1] for each in _wanted(calculator) if each.key in said}
    value = calculator.published.evaluate({key: raw for key, raw in read.items() if raw is not None}).value
    return NA if value is None else value


def together(voters: Mapping[str, InputConsensus], output_type: OutputType) -> InputConsensus:
    """What several auditors' readers come to together: a value where at least two do and none comes to another."""
    said = {each.explanation for each in voters.values()}
    told = said.pop() if len(said) == 1 else "; ".join(f"{name}: {each.explanation}" for name, each in voters.items())
    having = [each for each in voters.values() if each.value is not None]
    first = having[0] if having else None
    if first is None or len(having) < 2 or not all(_same(first.value, each.value, output_type) for each in having):
        return InputConsensus("split" if having else "not_read", None, (), (), told)
    return first._replace(explanation=told)


def _same(one: Label | None, other: Label | None, output_type: OutputType) -> bool:
    return one is not None and other is not None and accepts(one, other, output_type)


def _answer(of: Input, said: Said) -> tuple[str, Any, str, str]:
    """What is equal iff two readers say the same, the entity that it makes, how it is shown, and the words of the note."""
    if said.value is None:
        return _known(of, None, False), None, NOT_STATED, ""
    try:
        raw = _entity(of, said)
        value = of.read(raw)
    except (Unusable, ValueError) as error:
        told = f"{said.value} {said.unit or ''}".strip()
        return f"unusable {told.casefold()}", told, f"{quoted(told)}, which cannot be used ({error})", said.quote
    return _known(of, value, True), raw, of.shown(value), said.quote


def _known(of: Input, value: Any, given: bool) -> str:
    """A value as votes on it are counted. What is not stated is what its absence counts as: an absent finding, say."""
    if not given:
        value = None if of.required else of.default
    if value is None:
        return NOT_STATED
    parts = value if isinstance(value, tuple) else (value,)
    return " ".join(f"{each:{FIGURES}}" if type(each) in (int, float) else str(each) for each in parts)


def _entity(of: Input, said: Said) -> Any:
    unit = said.unit if of.unit or of.kind == "dose" else None
    unit = of.unit if unit and unit.casefold() == of.unit.casefold() else unit
    if type(said.value) is str:
        return of.parsed(f"{said.value} {unit}" if unit and unit not in said.value else said.value)
    if isinstance(of, Quantity):
        return [said.value, unit] if unit else said.value
    return said.value if type(said.value) is bool else of.parsed(str(said.value))


def _words(text: str) -> str:
    """Its words and numbers alone, between blanks: however it is spaced, capitalized or punctuated."""
    return f" {' '.join(WORD.findall(text.casefold()))} "


def _stands_in(words: str, quote: str) -> bool:
    """Whether each part of a quote, which an ellipsis may divide, stands in these words."""
    parts = [_words(part) for part in re.split(r"\.{3,}|…", quote)]
    return any(part.strip() for part in parts) and all(part in words for part in parts if part.strip())


def _told(inputs: Sequence[Mapping[str, Any]]) -> str:
    """What the readers read otherwise than the benchmark, or differ on, in one sentence."""
    told = []
    for each in inputs:
        who, name = f"{each['n_agree']} of {each['n_votes']} blind readers", each["input"]
        if each["read"] is None:
            answers = ", ".join(f"{shown} {n} times" for shown, n in each["answers"].items())
            told.append(f"blind readers differ on {name} ({answers or 'no answer'})")
        elif each["differs"]:
            read = f"find no {name} in the note" if each["read"] == NOT_STATED else f"read {name} as {each['read']}"
            told.append(f"{who} {read}, and the benchmark has {each['given']}")
    return "; ".join(told) or "blind readers read every input as the benchmark has it"
