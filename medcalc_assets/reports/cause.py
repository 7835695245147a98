"""Why one label is what it is, in one sentence that names the input, the rule or whoever decides."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.inputs import numeral
from medcalc_assets.labels.attribution import PUBLISHED
from medcalc_assets.labels.finding import READINGS, SUSPECT
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import NA, Label, from_row

Rows = Mapping[str, list[dict[str, Any]]]
"""All that the warehouse has of one instance: its rows by table."""
MOST = 2
"""How many inputs or defects a sentence names."""


def cause(rows: Rows) -> str:
    """The sentence, as plain text: names of entities and their values are other people's words."""
    story = _Story(rows)
    sentence = story.sentence()
    return sentence if sentence.startswith(story.named) else sentence[:1].upper() + sentence[1:]


def listed(names: Sequence[str], most: int = MOST) -> str:
    """`a, b and 3 more`."""
    told = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else ())]
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


class _Story:
    """What the rows of one instance say, in clauses without a capital and without an end."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.instance, self.maintained = rows["raw_medcalc"][0], rows["maintained_labels"][0]
        self.evidence = rows["label_evidence"][0]
        self.named = self.instance["benchmark"]
        self.calculator = CALCULATORS[self.instance["calculator_id"]]
        self.original, self.final = from_row(self.instance, "label"), from_row(self.maintained, "final")
        self.published, self.relabel = from_row(self.evidence, "published"), from_row(self.evidence, "relabel")
        self.physician = from_row(self.evidence, "physician")

    def sentence(self) -> str:
        match self.maintained["reason"]:
            case "physician" | "physician_confirms":
                return self._with_why(self._physicians())
            case "physician_unexplained":
                others = listed([f"{who} {value}" for who, value in self._others()], most=3)
                return (
                    f"one physician says {self.physician}, which nothing else gives ({others}): a second physician is asked."
                )
            case "ruled":
                return self._with_why("physicians ruled on what it hangs on")
            case "ambiguous":
                return f"{self._conventions()}: the question does not say which is meant."
            case "confirmed":
                gives = "the published rule gives the original from its own entities" if self._reproduced() else ""
                return f"{gives}, and {self._voters()} agrees." if gives else f"{self._voters()} agrees; {self._no_value()}."
            case "relabelled" | "contested":
                return self._relabelled()
            case "computed":
                read = self._read_otherwise() or "blind readers read every input as the benchmark has it"
                by_rule = from_row(self.evidence, "computed")
                gives = "it cannot be computed" if by_rule == NA else f"the published rule gives {_short(by_rule)}"
                return f"{self._no_relabel()}; {read}, and from what they read {gives}."
            case "contradicted":
                return f"{self._wrong()}; {self._no_relabel()}{self._differ(', and ')}."
            case _:
                doubt = self._suspects() or ("" if self.published else self._no_value())
                answers = self._differ() or "no physician has answered"
                return f"{self._no_relabel()}, and {answers}{f'; {doubt}' if doubt else ''}."

    def _relabelled(self) -> str:
        if self.evidence["attribution"] == "superseded":
            return f"the original follows a rule that has been superseded: {self._conventions()}."
        if self.relabel == NA:
            why = self._inputs() or self._suspects()
            rule = f"the rule gives {_short(self.published)} from the entities, and the note shows nothing against them"
            return f"{self._voters()} says that it cannot be computed{f': {why}' if why else f'; {rule}'}."
        if not self.evidence["likely_error"]:
            against = self._wrong() if self.evidence["contradicted"] or self.evidence["out_of_range"] else self._suspects()
            return f"{against}, while {self._voters()} gives the original."
        if self.maintained["reason"] == "relabelled" and (named := self._defects()):
            return f"{self.named} {named}; else its entities give {_short(self.published)}, and so does {self._voters()}."
        agrees = self.published and self.relabel and self._accepts(self.relabel, self.published)
        if agrees and not self._suspects():
            return f"the published rule and {self._voters()} give {self.relabel}, and {self.named} says {self.original}."
        reading = self._reading()
        why = reading or (self._wrong() if self.evidence["contradicted"] else "") or self._inputs() or self._suspects()
        if not why:
            why = f"the rule gives {_short(self.published)} from the entities, and the note shows nothing against them"
        return f"{why}; {self._voters()} says {self.relabel}."

    def _physicians(self) -> str:
        n = self.evidence["n_answers_agree"] or 1
        who = "a physician" if n == 1 else f"{n} physicians"
        blind = f"{who}, blind to both labels, {'says' if n == 1 else 'say'}"
        if self.physician == NA:
            return f"{blind} that it cannot be computed"
        if self.maintained["reason"] == "physician_confirms":
            return f"{blind} {self.physician}, which confirms the relabel {self.relabel}"
        return f"{blind} {self.physician}{f', as {self.named} does' if self.physician == self.original else ''}"

    def _with_why(self, said: str) -> str:
        """What was said, and what is wrong with the original, where it is no more the label."""
        if self.final is not None and self.original is not None and self._accepts(self.final, self.original):
            return f"{said}."
        if self.final == NA:
            why = self._inputs() or self._suspects()
        else:
            gives = self.published and self.final and self._accepts(self.final, self.published)
            why = (self._wrong() if gives and self.evidence["contradicted"] else "") or self._reading() or self._suspects()
            why = why or self._inputs() or (self._wrong() if self.evidence["contradicted"] else "")
        return f"{said}; {why}." if why else f"{said}; the rule gives {_short(self.published)} from the entities."

    # What is wrong with it.

    def _wrong(self) -> str:
        """What contradicts the original: the range of its score, or a rule that departs from the published one."""
        if self.evidence["out_of_range"]:
            return _clause(next(each for each in self._findings() if each["kind"] == "label_out_of_range"))
        gives = f"its entities give {_short(self.published)}"
        return (
            f"{self.named} {named}: by the published rule {gives}"
            if (named := self._defects())
            else f"by the published rule {gives}"
        )

    def _defects(self) -> str:
        defects = json.loads(self.evidence["defects"])
        return "" if not defects else defects[0] + (f" (1 of {len(defects)} departures)" if len(defects) > 1 else "")

    def _conventions(self) -> str:
        """Which published rule gives the original, and which the relabel."""
        values = {name: parse_label(text) for name, text in json.loads(self.evidence["alternatives"]).items() if text}
        ours = [name for name, value in values.items() if self.original and self._accepts(self.original, value)]
        other = [n for n, value in values.items() if n not in ours and self.relabel and self._accepts(self.relabel, value)]
        return f"{self.original} follows from {_quoted(ours)}, {self.relabel} from {_quoted(other)}"

    def _inputs(self) -> str:
        """The inputs that blind readers read otherwise, that are missing, that the note has otherwise, or nowhere."""
        if read := self._read_otherwise():
            return read
        missing = [self.calculator.reader.name(key) for key in json.loads(self.evidence["missing"])]
        other = [
            f"{self._given(each)} stands as {each['found']} in the note"
            for each in self._findings()
            if each["kind"] == "another_number"
        ]
        absent = [self._given(each) for each in self._findings() if each["kind"] == "absent"]
        told = [f"the rule needs {listed(missing)}, which the entities lack"] if missing else []
        told += other[:1]
        if absent:
            told.append(f"{listed(absent)} {'is' if len(absent) == 1 else 'are'} nowhere in {'it' if other else 'the note'}")
        return ", and ".join(told[:2])

    def _read_otherwise(self) -> str:
        """What blind readers of the note find otherwise than the benchmark has it."""
        if self.evidence["inputs_status"] not in ("computed", "not_computable"):
            return ""
        told = str(self.evidence["inputs_told"] or "").split("; ")
        return next((each for each in told if ", and the benchmark has " in each), "")

    def _suspects(self) -> str:
        return next((_clause(each) for each in self._findings() if each["kind"] in SUSPECT), "")

    def _reading(self) -> str:
        """The finding that explains why no rule gives the relabel."""
        scores = self.rows["disagreement_scores"]
        reading = next((row["note_reading"] for row in scores if row["auditor"] == self.maintained["auditor"]), None)
        explains = [each for each in self._findings() if reading and READINGS.get(each["kind"]) == reading]
        leads = [each for each in explains if each["gives"] != "{}"]
        return next(map(_clause, [*leads, *explains]), "")

    def _no_value(self) -> str:
        """Why the published rule has no value, or why nothing follows from it."""
        return (
            self._suspects()
            or self._inputs()
            or ("its entities contradict it" if self.published else "its entities do not suffice for the rule")
        )

    # Who says what.

    def _voters(self) -> str:
        agree, votes = self.evidence["n_agree"], self.evidence["n_votes"]
        return "the relabel" if votes is None else f"the relabel of {agree} in {votes} blind votes"

    def _no_relabel(self) -> str:
        row = next((row for row in self.rows["relabels"] if row["auditor"] == self.maintained["auditor"]), None)
        if not row or row["status"] == "not_relabelled":
            return "nobody has relabelled it"
        if row["n_votes"] and row["n_agree"] < row["n_votes"]:  # else two auditors, each with a relabel of its own
            return f"only {row['n_agree']} of {row['n_votes']} blind votes agree"
        return "the blind votes do not agree"

    def _differ(self, after: str = "") -> str:
        """What physicians say whose answers have no majority."""
        answers = [str(from_row(row, "physician")) for row in self.rows["physician_labels"]]
        told = f"{after}{len(answers)} physicians differ ({listed(answers, most=3)})"
        return told if len(answers) > 1 and not self.physician else ""

    def _others(self) -> Iterable[tuple[str, str]]:
        for who, value in ((self.named, self.original), ("rule", self.published), ("relabel", self.relabel)):
            if value is not None:
                yield who, _short(value)

    def _findings(self) -> list[dict[str, Any]]:
        return self.rows["note_checks"]

    def _given(self, check: Mapping[str, Any]) -> str:
        return f"{self.calculator.reader.name(check['entity'])} {check['given']}"

    def _reproduced(self) -> bool:
        return bool(self.evidence["verdict"] == "reproduced")

    def _accepts(self, truth: Label, value: Label) -> bool:
        return accepts(truth, value, self.instance["output_type"])


def _short(label: Label | None) -> str:
    return "no value" if label is None else str(label) if label.number is None else numeral(label.number)


def _quoted(names: Sequence[str]) -> str:
    return next((name if name == PUBLISHED else f"“{name}”" for name in names), "no rule")


def _clause(check: Mapping[str, Any]) -> str:
    """A finding's own sentence, to stand within another."""
    text = str(check["explanation"]).rstrip(".?")
    return text[:1].lower() + text[1:] if text.startswith(("The ", "In ")) else text
