"""What one passage of a reply states: a value, or that there is none. Notation first, then words, then the value."""

import datetime as dt
import itertools
import re
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.value import NA, Label, day, number

GESTATIONAL_AGE = 69
"""The calculator whose answer is weeks and days. The test split calls it `integer`, the training split `date`."""
PERCENT = {40, 46}
"""The calculators whose answer is a percentage."""
FRACTIONS = {46}
"""Those of them that v1.0 labels by a fraction; every other key has the percentage."""
UNITS = {
    "ml": {2, 3, 9, 22},
    "mg": {7, 24, 44},
    "kg": {6, 10, 61, 62},
    "ms": {11, 56, 57, 58, 59},
    "meq": {26, 39, 63, 65, 66},
    "mm": {5},
    "mosm": {30},
    "l": {38},
    "mme": {49},
    "m": {60},
}
"""With what the unit of an answer begins, by calculator; the others have points or no unit."""
SPELT = {
    "ml": {"milliliters", "millilitres", "cc"},
    "mg": {"milligrams"},
    "kg": {"kilograms", "kgs"},
    "ms": {"msec", "msecs", "milliseconds"},
    "meq": {"mmol"},
    "mm": {"mmhg"},
    "mosm": {"mmol"},
    "l": {"liters", "litres", "liter", "litre"},
    "mme": {"mg"},
    "": {"points", "point"},
}
OTHER_UNIT = re.compile(
    r"cm|inch(?:es)?|ft|lbs?|pounds|g|grams?|mcg|[uµμ]g|[uµμ]?mol|s|secs?|seconds|years?|bpm|beats|days?|weeks|hours|iu"
)


class Asked(NamedTuple):
    """What a calculator answers with: all that its reply is read by."""

    kind: Literal["decimal", "integer", "date", "gestation"]
    percent: Literal["", "percent", "fraction"] = ""
    unit: str | None = None
    """A key of SPELT; None for whatever unit."""

    @classmethod
    def of(cls, calculator_id: int, output_type: str, *, original: bool = False) -> "Asked":
        """By the id and the output type of the benchmark; `original` for the key of v1.0."""
        kind = "gestation" if calculator_id == GESTATIONAL_AGE else output_type
        percent = (
            "" if calculator_id not in PERCENT else "fraction" if original and calculator_id in FRACTIONS else "percent"
        )
        unit = next((unit for unit, calculators in UNITS.items() if calculator_id in calculators), "")
        return cls(kind, percent, unit)  # type: ignore[arg-type]

    def is_foreign(self, after: str) -> bool:
        """Whether the text after a number begins with a unit of something else."""
        if self.unit is None or not (match := re.match(r" ?([A-Za-zµμ]+)", after)):
            return False
        ours = {self.unit, *SPELT.get(self.unit, ())}
        unit = match[1].lower()
        return unit not in ours and bool(OTHER_UNIT.fullmatch(unit) or unit in {*SPELT, *itertools.chain(*SPELT.values())})


class Unreadable(Exception):
    """The passage states nothing that can be read; the message says why."""


WRITTEN = "written"
IN_WORDS = "in words"
"""How a reply abstains: by a spelling of N/A, which strict grading counts, or in a sentence, which only lenient does."""
LONGEST_PASSAGE = 1_000
"""Characters of what is read: a longer passage states nothing plainly."""

# Why nothing can be read.
EMPTY = "empty"
NO_VALUE = "no value"
TWO_VALUES = "two values"
NO_CONCLUSION = "no conclusion"
PLACEHOLDER = "a placeholder or a variable name"
RANGE = "a range"
BOUND = "a bound, no value"
FRACTION = "a fraction"
PERCENTAGE = "a percentage"
FIGURE = "no plain figure"
OTHERWISE_MEASURED = "a value in another unit"
NO_DATE = "no date of the calendar"
NO_GESTATION = "no weeks and days of a pregnancy"
BOTH = "a value and an abstention"


def read_statement(passage: str, asked: Asked, *, marked: bool) -> tuple[Label, str | None]:
    """The label that a passage states, N/A with how it abstains.

    `marked`: the reply says that this is its answer. Of a sentence that merely stands last more is asked: that it
    concludes something. Raises Unreadable.
    """
    text = passage.strip().strip(" \n\t\"'`;,}").rstrip(".").strip()
    if len(text) > LONGEST_PASSAGE:
        raise Unreadable(NO_VALUE)
    if not text or text.lower() in {"none", "null", "nan"}:
        raise Unreadable(EMPTY)
    if label := _read_cell(APPROXIMATELY.sub("", text, count=1), asked):
        return label, WRITTEN if label == NA else None
    if A_PLACEHOLDER.fullmatch(text):
        raise Unreadable(PLACEHOLDER)
    read = {"date": _read_date, "gestation": _read_gestation}.get(asked.kind, _read_number)
    found: list[Label] = []
    why = NO_VALUE
    for sentence in filter(str.strip, SENTENCES.split(text)):
        if abstains := _abstains(sentence, asked, read, marked=marked):
            return NA, abstains
        try:
            found.append(read(sentence, asked))
        except Unreadable as error:
            why = max(why, str(error), key=lambda reason: (reason != NO_VALUE, reason == TWO_VALUES))
    if why == TWO_VALUES or len(set(found)) > 1:
        raise Unreadable(TWO_VALUES)
    if not found:
        raise Unreadable(why)
    if not marked and not CONCLUDES.search(text):
        raise Unreadable(NO_CONCLUSION)
    return found[0], None


# Notation: LaTeX, Markdown, escapes and the dashes and spaces of typesetters, in the characters of a keyboard.
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_WRITTEN: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16))),
    (r"\\n(?!eq|e\b|u\b|ot|i\b|abla|mid|less|gtr)", "\n"),
    (r"\\t(?![a-z])", " "),
    ("\\\\([\"'])", r"\1"),
    *[(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox|operatorname|boxed)\s*\{([^{}]{0,300})\}", r"\1")] * 3,
    (r"\\(?:approx|simeq|sim)(?![a-z])", "≈"),
    (r"\\(?:times|cdot)(?![a-z])", "×"),
    (r"\\(?:rightarrow|Rightarrow|implies|to)(?![a-z])", "→"),
    (r"\\leq?(?![a-z])|\\leqslant", "≤"),
    (r"\\geq?(?![a-z])|\\geqslant", "≥"),
    (r"\\(?:left|right|quad|qquad)(?![a-z])|\\[,;:! ()\[\]]|\$", " "),
    (r"\\%", "%"),
    (r"\{,\}", ","),
    ("[\u200b-\u200d\u2060\ufeff\u00ad]", ""),
    ("[\u2010-\u2013\u2212\ufe63\uff0d]", "-"),
    ("\u2014", " - "),
    ("[’‘]", "'"),
    ("[“”]", '"'),
    ("(?<=[0-9])[\u00a0\u2009\u202f](?=[0-9]{3}(?![0-9]))", ""),  # thousands
    (r"[^\S\n]+", " "),
    ("[⁰¹²³⁴-⁹⁻⁺]+", lambda match: "^" + match[0].translate(_SUPERSCRIPT)),
    (r"(?<=[0-9)])\*\*(?=[-0-9(])", "^"),
    (r"\*\*|__|`+|(?m:^ ?[#>]+ (?![-+.0-9]))", ""),
    (r"(?<![\w*)])\*(?=[\w(+-])|(?<=[\w).%])\*(?![\w*(])", ""),  # *5*
    (r"(?m:^ ?(?:[0-9]{1,2}[.)]|[-•]) (?=\S))", ""),  # the bullet or number of a list
]
_NOTATION = [(re.compile(pattern), by) for pattern, by in _WRITTEN]


def plain(text: str) -> str:
    """The text without the notation of Markdown, LaTeX and JSON."""
    for pattern, by in _NOTATION:
        text = pattern.sub(by, text)
    return text


APPROXIMATELY = re.compile(r"(?:approximately|approx\.?|about|around|roughly|~|≈|=)\s*(?=[-+.0-9])", re.IGNORECASE)
A_PLACEHOLDER = re.compile(
    r"\W*(?:[a-z]+(?:_\w*)+|your.answer.*|x+(?:\.x+)?|\[[a-z _]{0,80}\]|<[a-z _]{0,80}>|\.\.\.|…)\W*"
    r"|output|answer|value|result|score|(?-i:[A-Z][A-Z0-9_-]{1,20})",
    re.IGNORECASE,
)
SENTENCES = re.compile(
    r"(?<=[a-z0-9)%\]]{2}[.!?])\s+(?=[A-Z*\"(])|(?<=[^a-z]\S[.!?])\s+(?=[A-Z*\"(])|(?<=[.!?]['\"])\s+(?=[A-Z])|\n+"
)
CONCLUDES = re.compile(
    r"\b(?:therefore|thus|hence|so|accordingly|conclu\w+|results?|resulting|answer|final\w*|totals?|totalling|scores?|equals?|gives?"
    r"|yields?|approximately|about|round\w*|estimated|corrected|calculated|computed|adjusted)\b|[=≈→:]",
    re.IGNORECASE,
)


# Abstaining.
_WHAT = r"(?:information|data|details?|values?|measurements?|parameters?|inputs?|variables?|components?)"
_TO_DO = r"(?:comput|calculat|determin|deriv|estimat|assess|answer|evaluat|perform|obtain|complet|scor)\w*"
_LACKS = (
    r"(?:missing|lacking|unavailable|absent|insufficient|incomplete|needed|required|necessary"
    r"|not (?:\w+ )?(?:available|provided|given|mentioned|stated|specified|reported|included|known|documented|recorded))"
)
CANNOT = re.compile(
    rf"\b(?:can ?not|can't|could not|couldn't|unable to|(?:im|not )possible to)\s+(?:\w+\s+){{0,2}}?{_TO_DO}"
    rf"|\b(?:insufficient|inadequate|not (?:have )?enough|(?:a )?lack of|no) (?:\w+ )?{_WHAT}"
    r"|\bnot (?:computable|calculable|obtainable|determinable|answerable|applicable)\b|\bindeterminable\b"
    r"|\bn/a\b",
    re.IGNORECASE,
)
"""Says that there is no answer: with a value after it, it is neither."""
LACKING = re.compile(
    rf"\b{_WHAT}\b[^.\n]{{0,80}}?\b(?:is|are|was|were)\s+(?:also |still )?{_LACKS}"
    rf"|\b{_LACKS}\b[^.\n]{{0,40}} (?:for|to) (?:the |this )?{_TO_DO}",
    re.IGNORECASE,
)
LACKING_IN_AN_ANSWER = re.compile(
    rf"(?:^|\b(?:is|are|was|were)\s+){_LACKS}\b|\b(?:missing|lacking) {_WHAT}\b", re.IGNORECASE
)
"""Says that something is not there: no answer, unless a value stands beside it."""


def _abstains(sentence: str, asked: Asked, read: Callable[[str, Asked], Label], *, marked: bool) -> str | None:
    def value(text: str) -> bool:
        try:
            read(text, asked)
        except Unreadable as error:
            return str(error) == TWO_VALUES
        return True

    if cannot := CANNOT.search(sentence):
        if re.match(r"\W*[0-9]", sentence) or value(sentence[cannot.end() :]):
            raise Unreadable(BOTH)
        return IN_WORDS
    lacks = LACKING.search(sentence) or (marked and LACKING_IN_AN_ANSWER.search(sentence))
    return IN_WORDS if lacks and not value(sentence) else None


# Values.
_FIGURE = r"\.?[0-9](?:[0-9.,]{0,300}[0-9])?(?:[eE][-+]?[0-9]{1,3}(?![0-9]))?"
_SIGNED = rf"(?:(?<![\w)%])[-+])?{_FIGURE}"
_UNIT = r"(?:%|L\b|(?!e[-+]?[0-9])[a-zµμ][A-Za-zµμ/%]{0,9})"
PLAIN_FIGURE = re.compile(r"[-+]?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]{{0,6}}\.?"
_DAY = r"(?P<{}>[0-9]{{1,2}})(?:st|nd|rd|th)?"
DATE = re.compile(
    r"(?<![\w/-])(?:(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})"
    r"|(?P<y>[0-9]{4})[-/](?P<m>[0-9]{1,2})[-/](?P<d>[0-9]{1,2})(?:T00:00(?::00(?:\.0+)?)?Z?)?"
    rf"|{_MONTH} {_DAY.format('d2')},? (?P<y2>[0-9]{{4}})"
    rf"|{_DAY.format('d3')} (?:of )?{_MONTH.replace('<name>', '<name3>')},? (?P<y3>[0-9]{{4}}))(?![\w/-])",
    re.IGNORECASE,
)
PREGNANCY = re.compile(
    r"(?<![\w.,-])(?:[(\[]?['\"]?(?P<weeks>[0-9]{1,3}) ?-?(?:weeks?|wks?|w)['\"]?"
    r"(?:(?:,| and|,? plus| \+)? ?['\"]?(?P<days>[0-9]{1,3}) ?-?(?:days?|d)\b['\"]?)?[)\]]?"
    r"|[(\[] ?['\"]?(?P<w>[0-9]{1,3})['\"]? ?, ?['\"]?(?P<d>[0-9]{1,3})['\"]? ?[)\]]"
    r"|(?P<w2>[0-9]{1,3}) ?\+ ?(?P<d2>[0-9]{1,3}) ?weeks?|(?P<all>[0-9]{1,3}) ?days?(?![\w.]))",
    re.IGNORECASE,
)
TOKEN = re.compile(
    rf"(?P<date>{re.sub(r'[?]P<[a-z0-9]+>', '?:', DATE.pattern)})"
    rf"|(?P<range>{_SIGNED} ?{_UNIT}? ?(?:-|to|\+/-|±|and up to) ?{_SIGNED}(?=[^0-9]|$)"
    rf"|between {_SIGNED} ?{_UNIT}? and {_SIGNED})"
    rf"|(?P<bound>(?:(?:less|greater|more|fewer|lower|higher|smaller|larger|other) than(?: or equal to)?|at least|at most"
    rf"|up to|above|below|under|over|exceed\w*|(?:mini|maxi)mum of|[<>≤≥]=?)\s*(?:approximately |about )?{_SIGNED}"
    rf"|{_SIGNED} ?{_UNIT}? (?:or|and) (?:more|less|fewer|higher|lower|greater|above|below|older)|{_SIGNED}\+(?! ?[0-9]))"
    rf"|(?P<scientific>{_SIGNED} ?[x×*·] ?10 ?\^ ?[({{]?[-+]?[0-9]{{1,3}}[)}}]?(?![0-9]))"
    rf"|(?P<fraction>{_SIGNED} ?[/:] ?{_FIGURE}|{_SIGNED} ?\^ ?[({{]?[-+]?{_FIGURE}|\^ ?[({{]?[-+]?{_FIGURE})"
    rf"|(?P<no_value>(?<=[0-9]) (?:out )?of (?:the |a \w+ (?:of )?)?{_FIGURE}"
    rf"|(?:class|grade|stage|step|type|table|version|#) ?{_FIGURE}"
    rf"|{_FIGURE}(?:st|nd|rd|th)\b|{_FIGURE}-[a-z]+|[^\W\d_]\w*(?:[-/][^\W\d_]\w*)*(?:-[0-9]+(?![0-9.]))?(?:\^-?[0-9]+)?)"
    rf"|(?P<value>{_SIGNED})(?P<percent> ?(?:%|percent\b))?",
    re.IGNORECASE,
)
NORMALIZED = re.compile(r"(?:/|\bper) ?\(?1\.73 ?m(?:\^?2\b|²)?\)?")
ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
LEADS_TO = re.compile(r"[=≈→] ?(?:approximately |about |~ ?|≈ ?)?['\"]?$")
IS = re.compile(
    r"(?:\b(?:is|was|equals|equal to|becomes|gives|giving|yields|yielding|results in|resulting in|totals?|total of"
    r"|score of|amounts to|comes to|be)"
    r"|[=≈→:]) ?(?:then |thus |therefore |now |only |still )?"
    r"(?:approximately |about |around |roughly |~ ?|≈ ?|an? |estimated (?:at|to be) )*['\"]?$",
    re.IGNORECASE,
)
STARTS_ANEW = re.compile(r"[;,]|\band\b", re.IGNORECASE)
GOES_ON = re.compile(r"\b(?:so|thus|therefore|hence|giv\w+|yield\w*|total|final\w*|sum)\b|→", re.IGNORECASE)


class _Found(NamedTuple):
    label: Label
    start: int
    end: int
    decimals: int = 0


def _read_cell(text: str, asked: Asked) -> Label | None:
    """The label that the whole text is, whatever was asked for; None if it is more than a label."""
    if asked.kind == "gestation" and text[-1:] not in "0123456789":
        return _read_gestation(text, asked) if PREGNANCY.fullmatch(text) else _na(text)
    if asked.kind == "gestation" and PLAIN_FIGURE.fullmatch(text):
        raise Unreadable(NO_GESTATION)  # weeks or days?
    if "%" in text or "percent" in text or "week" in text:
        return None
    text = NORMALIZED.sub("", text if text[:1] in "([" or CANNOT.search(text) else ASIDE.sub("", text))
    try:
        label = parse_label(text)
    except LabelError:
        return None
    return None if label.number is not None and asked.is_foreign(text.lstrip("-+.,0123456789")) else label


def _na(text: str) -> Label | None:
    try:
        return NA if parse_label(text) == NA else None
    except LabelError:
        return None


def _read_number(sentence: str, asked: Asked) -> Label:
    text = _without_asides(NORMALIZED.sub("", sentence))
    found: list[_Found] = []
    percentages: list[_Found] = []
    why = NO_VALUE
    for token in TOKEN.finditer(text):
        if token["value"] or token["scientific"]:
            if (label := _figure(token["value"] or token["scientific"])) is None:
                why = FIGURE
                continue
            if asked.is_foreign(text[token.end() :]):
                why = OTHERWISE_MEASURED
                continue
            kept = _Found(label, token.start(), token.end("value") if token["value"] else token.end(), _decimals(token[0]))
            (percentages if token["percent"] else found).append(kept)
        elif token.lastgroup in {"range", "bound", "fraction"}:
            why = {"range": RANGE, "bound": BOUND, "fraction": FRACTION}[str(token.lastgroup)]
    if percentages and asked.percent:
        label = _one(percentages, text).label
        return number(float(label.number or 0) / 100) if asked.percent == "fraction" else label
    if why == FIGURE and found:
        raise Unreadable(TWO_VALUES)
    if not found:
        raise Unreadable(PERCENTAGE if percentages else why)
    return _one(found, text).label


def _figure(token: str) -> Label | None:
    mantissa, *power = re.split(r" ?[x×*·] ?10 ?\^ ?[({]?", token.rstrip(")}"))
    if not PLAIN_FIGURE.fullmatch(mantissa) or (power and "e" in mantissa.lower()):
        return None
    value = float(mantissa.replace(",", "") + (f"e{power[0]}" if power else ""))
    return number(value) if abs(value) < float("inf") else None


def _decimals(figure: str) -> int:
    return len(figure.partition(".")[2].rstrip(" %"))


def _read_date(sentence: str, asked: Asked) -> Label:
    text = _without_asides(sentence)
    found = []
    for match in DATE.finditer(text):
        month = match["month"] or match["m"] or 1 + _MONTHS.index((match["name"] or match["name3"]).lower()[:3])
        year = match["year"] or match["y"] or match["y2"] or match["y3"]
        try:
            date = dt.date(int(year), int(month), int(match["day"] or match["d"] or match["d2"] or match["d3"]))
        except ValueError:
            raise Unreadable(NO_DATE) from None
        found.append(_Found(day(date), *match.span()))
    if not found:
        raise Unreadable(NO_DATE)
    return _one(found, text).label


def _read_gestation(sentence: str, asked: Asked) -> Label:
    found = []
    for match in PREGNANCY.finditer(sentence):
        weeks, days = (match["weeks"] or match["w"] or match["w2"], match["days"] or match["d"] or match["d2"] or 0)
        total = int(match["all"]) if match["all"] else 7 * int(weeks) + int(days)
        if total > 7 * 45 or int(days) > 6:
            raise Unreadable(NO_GESTATION)
        found.append(_Found(number(total), *match.span()))
    if not found:
        raise Unreadable(NO_GESTATION)
    return _one(found, sentence).label


def _without_asides(text: str) -> str:
    """Without what stands in parentheses, unless nothing else does."""
    for _ in range(5):
        if not (shorter := ASIDE.sub(" ", text)).strip():
            return text
        text = shorter
    return text


def _one(found: list[_Found], text: str) -> _Found:
    """The value that is meant: the only one, or the last, where the sentence leads to it. Raises Unreadable."""
    last = found[-1]
    if all(_same(other, last) for other in found):
        return last
    results = [value for value in found if LEADS_TO.search(text[max(0, value.start - 30) : value.start])]
    if results and all(_same(results[-1], value) for value in found if value.start >= results[-1].start):
        before = [value for value in results if not _same(value, results[-1])]
        between = text[before[-1].end : results[-1].start] if before else ""
        if not STARTS_ANEW.search(between) or GOES_ON.search(between):
            return _last_of(found, results[-1])
    said = [value for value in found if IS.search(text[max(0, value.start - 50) : value.start])]
    if said and not results and all(_same(said[0], value) for value in (*said, *found[found.index(said[0]) :])):
        return last
    raise Unreadable(TWO_VALUES)


def _last_of(found: Iterable[_Found], result: _Found) -> _Found:
    return [value for value in found if value.start >= result.start][-1]


def _same(value: _Found, rounded: _Found) -> bool:
    """Whether they are one value, or one the other, rounded."""
    if value.label == rounded.label:
        return True
    if value.label.number is None or rounded.label.number is None:
        return False
    margin = 0.5 * 10.0 ** -min(value.decimals, rounded.decimals, 300)
    return abs(value.label.number - rounded.label.number) <= margin * (1 + 1e-9)
