"""Numbers of a note with their units, and which of them the note gives as the value of a quantity.

Notes are untrusted, and may be long: every pattern has bounded repeats, and every list an end.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice

from medcalc_assets.calculators.units import WrongUnit, conversion

MOST_NUMBERS = 20_000
"""Of a note: the longest of v1.0 has some 400."""
MOST_MENTIONS = 50
"""Of one quantity; a note with more is no note, and more would not change what is found."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of a note with its unit ("" where none follows), from `start` to `end`, both of the unit too.

    `ranged`: one end of a range or a limit, such as a reference range. `glued`: a letter or digit stands before it.
    """

    start: int
    end: int
    value: float
    unit: str
    scaled: bool = False
    ranged: bool = False
    glued: bool = False

    def read_in(self, unit: str, substance: str | None) -> float | None:
        """Its value in `unit`; None where its own unit measures something else, or none is given."""
        return _converted(self.value, self.unit, unit, substance) if self.unit else None


def _converted(value: float, unit: str, target: str, substance: str | None) -> float | None:
    factor = _conversion(unit, target, substance)
    return factor(value) if factor else None


@cache
def _conversion(unit: str, target: str, substance: str | None):  # type: ignore[no-untyped-def]
    try:
        return conversion(unit, target, substance)
    except WrongUnit:
        return None


_LITER, _MICRO = ("l", "liter", "litre"), ("µ", "μ", "u", "mc")


def _spellings() -> Iterator[tuple[str, str]]:
    """How notes write units, in lower case and without spaces, and the unit that is meant."""
    volumes = {"dl": "dL", "ml": "mL", "100ml": "dL", "deciliter": "dL", **dict.fromkeys(_LITER, "L")}
    amounts = {
        **dict.fromkeys(("g", "gm", "gms", "gram", "grams"), "g"),
        **dict.fromkeys(("mg", "mgs", "milligram", "milligrams"), "mg"),
        **dict.fromkeys(("mmol", "mmole", "mmoles", "millimole", "millimoles"), "mmol"),
        **dict.fromkeys(("meq", "milliequivalent", "milliequivalents"), "mEq"),
        **{f"{micro}mol": "µmol" for micro in _MICRO[:3]},
        **{f"{micro}g": "µg" for micro in _MICRO},
        "nmol": "nmol",
        "ng": "ng",
    }
    for spelling, amount in amounts.items():
        yield from ((f"{spelling}{per}{v}", f"{amount}/{volume}") for v, volume in volumes.items() for per in ("/", "per"))
    yield from {"mg%": "mg/dL", "g%": "g/dL", "gm%": "g/dL", "mm/l": "mmol/L"}.items()
    cubes = ("mm3", "mm^3", "mm³", "cumm", "cmm", "cubicmillimeter", *(f"{micro}l" for micro in _MICRO), "microliter")
    for volume, unit in (*((cube, "1/µL") for cube in cubes), *((liter, "1/L") for liter in _LITER)):
        yield from ((f"{cells}{per}{volume}", unit) for cells in ("", "cells") for per in ("/", "per"))
    yield from ((f"k/{cube}", "10^3/µL") for cube in cubes)
    yield from {"g/l": "g/L", "gpt/l": "10^9/L"}.items()
    yield from ((f"{units}/{liter}", "U/L") for units in ("u", "iu", "units") for liter in _LITER)
    yield from ((f"{micro}{unit}/ml", "µIU/mL") for micro in _MICRO for unit in ("iu", "u"))
    yield from {"miu/l": "mIU/L", "mu/l": "mIU/L"}.items()
    for unit, spelt in {
        "kg": "kg kgs kilogram kilograms kilo kilos",
        "g": "g gm gms gram grams",
        "mg": "mg milligram milligrams",
        "µg": "µg μg ug mcg microgram micrograms",
        "lb": "lb lbs pound pounds",
        "cm": "cm cms centimeter centimeters centimetre centimetres",
        "m": "m meter meters metre metres",
        "inch": "in inch inches",
        "mm Hg": "mmhg mmofhg torr",
        "kPa": "kpa",
        "°C": "°c ℃ ºc degreescelsius degreecelsius degreescentigrade degreesc c celsius",
        "°F": "°f ℉ ºf degreesfahrenheit degreefahrenheit degreesf f fahrenheit",
        "1/min": "bpm /min /minute beats/min beats/minute beatsperminute beatspermin breaths/min breaths/minute "
        "breathsperminute breathspermin perminute permin times/min times/minute rpm timesperminute",
        "ms": "ms msec msecs millisecond milliseconds",
        "%": "% percent",
        "kg/m²": "kg/m2 kg/m^2 kg/m²",
        "mL/day": "ml/day ml/24h ml/d mlperday",
        "mcg/kg/min": "mcg/kg/min µg/kg/min μg/kg/min ug/kg/min mcg/kg/minute",
        "years": "year years yr yrs y yo",
        "months": "month months mo",
        "weeks": "week weeks wk wks",
        "days": "day days",
    }.items():
        yield from ((each, unit) for each in spelt.split())


UNITS = dict(_spellings())

_SPACED = {
    "mmhg": r"mm\s?hg",
    "mmofhg": r"mm\s?of\s?hg",
    "cumm": r"cu\.?\s?mm",
    "cubicmillimeter": r"cubic\s?millimet(?:er|re)s?",
}


def _pattern(spelling: str) -> str:
    text = re.escape(spelling)
    for word in ("cumm", "cubicmillimeter", "mmofhg", "mmhg"):
        text = text.replace(word, _SPACED[word])
    text = (
        re.sub(r"(?<=[a-z])per(?=[a-zµμ])", r"\\s?per\\s?", text)
        if "per" in spelling and "percent" not in spelling
        else text
    )
    return text.replace("/", r"\s?/\s?").replace("degrees", r"degrees?\s?").replace("°", r"°\s?")


_BY_LENGTH = sorted(UNITS, key=lambda spelling: (-len(spelling), spelling))
_TIMES = r"(?:\s?[x×*]\s?10\s?\^?\s?(?P<power>\d{1,2})(?!\d)|\s?(?P<word>lakhs?|lacs?|thousand|million)\b)"
_UNIT = rf"[\s\-–]{{0,2}}(?P<unit>{'|'.join(map(_pattern, _BY_LENGTH))})(?![a-z0-9])"
_NUMBER = re.compile(r"\d{1,12}(?:,\d{3}){0,3}(?:\.\d{1,9})?")
_AFTER = re.compile(rf"{_TIMES}?(?:{_UNIT})?", re.IGNORECASE)
_RANGE = re.compile(r"\s?(?:-|–|—|−|to|~)\s?\d")
_RANGE_BEFORE = re.compile(r"(?:\d[%a-zA-Z°/]{0,6}\s?(?:-|–|—|−|to|~)\s?|[<>≤≥]\s?=?\s?)$")
_WORDS = {"lakh": 1e5, "lac": 1e5, "thousand": 1e3, "million": 1e6}
_FEET = re.compile(
    r"(?<![\d.])([3-7])\s?(?:ft|feet|foot|'|′|’)\.?\s?(\d{1,2}(?:\.5)?)?\s?(?:in(?:ch(?:es)?)?\b|\"|″|”|'')?", re.I
)
_TENS_WORDS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ONES_WORDS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = {word: 10 * n for n, word in enumerate(_TENS_WORDS, start=2)}
_ONES = {word: n for n, word in enumerate(_ONES_WORDS, start=1)}
NUMBER_WORDS = {float(n): word for word, n in _ONES.items()}
_SPELT_AGE = re.compile(
    rf"\b(?:({'|'.join(_TENS)})[- ]?)?({'|'.join(_ONES)})?[- ](years?|months?|weeks?|days?)[- ]old\b", re.IGNORECASE
)
_SPELT_WEIGHT = re.compile(rf"\b({'|'.join(_ONES)}) (kilos?|kilograms?|kgs?|pounds?|lbs?)\b", re.IGNORECASE)


class Note:
    """The text of a note, and the amounts in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._given: dict[tuple[re.Pattern[str], re.Pattern[str] | None], list[tuple[int, Amount]]] = {}

    @cached_property
    def amounts(self) -> list[Amount]:
        """In order of their place."""
        found = [*self._figures(), *self._feet(), *self._spelt()]
        return sorted(found, key=lambda amount: (amount.start, amount.end))

    @cached_property
    def _starts(self) -> list[int]:
        return [amount.start for amount in self.amounts]

    @cached_property
    def by_value(self) -> dict[float, list[Amount]]:
        found: dict[float, list[Amount]] = {}
        for amount in self.amounts:
            found.setdefault(amount.value, []).append(amount)
        return found

    def _figures(self) -> Iterator[Amount]:
        text = self.text.replace("·", ".")  # the decimal point of some journals
        last = 0
        for match in islice(_NUMBER.finditer(text), MOST_NUMBERS):
            start, end = match.span()
            if start < last:  # the power of ten, or the cube, of the amount before it
                continue
            value = float(match[0].replace(",", ""))
            after = _AFTER.match(text, end, end + 40)
            unit, scaled = "", False
            if after:
                scaled = bool(after["power"] or after["word"])
                if after["power"]:
                    value = value * 10.0 ** int(after["power"])
                elif after["word"]:
                    value *= _WORDS[after["word"].lower().removesuffix("s")]
                if after["unit"]:
                    unit = _unit(after["unit"])
                last = end = after.end()
            before = text[max(0, start - 12) : start]
            ranged = bool(_RANGE.match(text, end, end + 8) or _RANGE.match(text, match.end(), match.end() + 8))
            yield Amount(
                start,
                end,
                float(f"{value:.12g}"),
                unit,
                scaled,
                ranged or bool(_RANGE_BEFORE.search(before)),
                glued=before[-1:].isalnum() or before[-1:] in ("^", "_"),
            )

    def _feet(self) -> Iterator[Amount]:
        for match in islice(_FEET.finditer(self.text), MOST_MENTIONS):
            yield Amount(*match.span(), 12.0 * float(match[1]) + float(match[2] or 0), "inch")

    def _spelt(self) -> Iterator[Amount]:
        for match in islice(_SPELT_AGE.finditer(self.text), MOST_MENTIONS):
            value = _TENS.get((match[1] or "").lower(), 0) + _ONES.get((match[2] or "").lower(), 0)
            if value:
                yield Amount(match.start(), match.end(3), float(value), _unit(match[3]))

        for match in islice(_SPELT_WEIGHT.finditer(self.text), MOST_MENTIONS):
            yield Amount(*match.span(), float(_ONES[match[1].lower()]), _unit(match[2]))

    def after(self, place: int) -> Amount | None:
        """The first amount that begins at `place` or later."""
        index = bisect_left(self._starts, place)
        return self.amounts[index] if index < len(self.amounts) else None

    def given_as(self, words: re.Pattern[str], but_not: re.Pattern[str] | None = None) -> list[tuple[int, Amount]]:
        """The amounts that follow `words` with nothing but a verb or sign between, and where those words begin.

        Not limits, nor ends of ranges, nor where `but_not` is found just before the words.
        """
        if (words, but_not) in self._given:
            return self._given[words, but_not]
        found = self._given[words, but_not] = []
        for match in islice(words.finditer(self.text), MOST_MENTIONS):
            amount = self.after(match.end())
            if amount is None or amount.start - match.end() > LONGEST_GAP or amount.ranged:
                continue
            before = self.text[max(0, match.start() - 30) : match.start()]
            if but_not and but_not.search(before):
                continue
            if _GAP.fullmatch(self.text, match.end(), amount.start):
                found.append((match.start(), amount))
        return found

    def sentence(self, place: int) -> tuple[int, int]:
        """Where the sentence around `place` begins and ends; at most 300 signs on either side."""
        before = self.text[max(0, place - 300) : place]
        after = self.text[place : place + 300]
        start = max((m.end() for m in _STOP.finditer(before)), default=0)
        stop = _STOP.search(after)
        return place - len(before) + start, place + (stop.start() if stop else len(after))


_STOP = re.compile(r"[.;](?=\s)|\n")
LONGEST_GAP = 45
_GAP = re.compile(
    r"(?:[\s:=,(\[\-–—−~≈*+⁺#]|[A-Z][A-Za-z]{0,3}[+⁺-]?\)|(?:levels?|values?|counts?|concentrations?|results?|readings?|scores?|"
    r"index|total|serum|plasma|blood|initial|initially|baseline|rate|was|were|is|are|of|at|an?|the|to|be|found|measured|"
    r"calculated|estimated|noted|recorded|around|about|approximately|only|low|high|normal|elevated|decreased|increased|"
    r"reduced|mildly|slightly|very|showed|revealed|with|as|in|on|admission|arrival|presentation|now|also|still|and|came|back|"
    r"down|up|rose|fell|dropped|improved)\b)*"
)
"""Between a name and its value: signs, an abbreviation in parentheses, verbs and articles."""


def _unit(spelling: str) -> str:
    plain = re.sub(r"[\s.]", "", spelling.lower())
    plain = (
        plain.replace("millimetres", "millimeter").replace("millimetre", "millimeter").replace("millimeters", "millimeter")
    )
    if plain.startswith("degree") and not plain.startswith("degrees"):
        plain = plain.replace("degree", "degrees", 1)
    return UNITS[plain]
