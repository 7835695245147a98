"""What a physician reads of a card: the question, and what bears on it, with nothing that a model has said."""

from collections.abc import Mapping

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.calculator import Result, Rule
from medcalc_assets.labels.cards import Card

UPSTREAM = "MedCalc-Bench Verified, which maintains the original calculators, run over v1.0's test split"
CONFIRMED = {
    3: (2, 2),
    7: (2, 2),
    13: (15, 15),
    15: (14, 15),
    17: (13, 13),
    21: (16, 16),
    23: (4, 4),
    27: (3, 3),
    28: (16, 20),
    29: (2, 2),
    32: (16, 16),
    36: (17, 20),
    43: (18, 19),
    44: (2, 2),
    46: (16, 16),
    51: (9, 10),
    68: (0, 19),
}
"""By calculator, in how many of the labels that their own entities contradict UPSTREAM gives what the published rule gives,
165 of 194 in all. Source: its code of 2026-02-13, run on v1.0's entities."""
STANDING = {
    (15, "gives encephalopathy of grade 0 no point"),
    (28, "gives chronic insufficiency no point without an operation"),
    (51, "compares white cells per m³ with limits per mm³"),
}
"""Calculator and defect that UPSTREAM still has: it gives neither what the published rule gives on the label of v1.0's row
203, nor on rows 870, 872, 883 and 886, nor on row 596. Source: the same run."""
DECLARES = {
    68: "Its rule book declares 14 days after the last period whatever the cycle; its question names no cycle length.",
    23: "Its later rule book takes MELD 3.0, which needs albumin and sex.",
    45: "Its rule book takes BUN above 20 mg/dL.",
    49: "Its rule book takes the dose of a patch per hour, however often it is changed, as the published rule here does.",
    22: "Its rule book takes 100, 50 and 20 mL/kg a day; its code 4, 2 and 1 mL/kg an hour.",
    33: "Its rule book gives no point for a cough that is not mentioned.",
    20: "Its code gives the point for a cough that is not mentioned.",
}
"""What else UPSTREAM says that bears on conventions."""


def question(card: Card) -> str:
    """What is asked, in one sentence."""
    calculator = CALCULATORS[card.calculator_id]
    match card.kind, card.subject:
        case "defect", defect:
            return f"{calculator.name}: v1.0 {defect}. Is it right in that?"
        case "convention", _:
            return f"{calculator.name}: does the question ask for the published rule, or for {_other(card).cited}?"
        case _, "reported":
            return (
                f"{calculator.name}: a note prints the result itself, or a step to it, and the inputs in the same note give "
                "another. Which counts?"
            )
        case _, "missing":
            return f"{calculator.name}: a note does not state an input that the rule needs. What follows?"
        case _:
            return (
                f"{calculator.name}: a note gives several values of an input, at different times, and the question does not "
                "say which. Which counts?"
            )


def about(card: Card, labels: int, case_question: str, note: str, entities: Mapping[str, object]) -> str:
    """Rule and source, what the original does, a case with its working, upstream's stand, and how many labels hang on it:
    as text."""
    calculator = CALCULATORS[card.calculator_id]
    published = calculator.published.evaluate(entities)
    lines = [f"The published rule: {calculator.source}."]
    if card.kind != "reading":
        other = _other(card)
        lines.append(f"v1.0 {card.subject}." if card.kind == "defect" else f"The other convention: {other.cited}.")
        lines += [
            "",
            "One case, by its entities:",
            *_given(published),
            "",
            *_apart(published, other.evaluate(entities), card),
        ]
    else:
        lines += [
            *("", f"One case. Its question: {case_question}", "", "Its note:", note),
            *("", "What the benchmark took from it:", *_given(published)),
            *("", f"From that the published rule gives {published.shown}."),
        ]
    if stand := _upstream(card):
        lines += ["", stand]
    return "\n".join([*lines, "", f"{labels:,} label{'s hang' if labels > 1 else ' hangs'} on this."])


def _other(card: Card) -> Rule:
    """The rule with the defect alone, or the other convention."""
    calculator = CALCULATORS[card.calculator_id]
    return next(rule for rule in (*calculator.defects, *calculator.alternatives) if rule.name == card.subject)


def _given(result: Result) -> list[str]:
    reading, reader = result.reading, result.rule.reader
    found = ((i, reading.values[i.key]) for name in reading.entities if (i := reader.find(str(name))))
    return [f"* {i.name}: {i.shown(value)}" for i, value in found if value is not None]


def _apart(published: Result, other: Result, card: Card) -> list[str]:
    """The results of both, and the steps that only one of them takes."""
    named = "v1.0, with this difference alone," if card.kind == "defect" else "the other convention"
    return [
        f"The published rule gives {published.shown}; {named} gives {other.shown}.",
        *(f"* published: {step.what}; {step.gives}" for step in published.steps if step not in other.steps),
        *(f"* otherwise: {step.what}; {step.gives}" for step in other.steps if step not in published.steps),
    ]


def _upstream(card: Card) -> str:
    told = []
    if card.kind == "defect" and (known := CONFIRMED.get(card.calculator_id)):
        right, of = known
        told.append(
            f"{UPSTREAM}, gives what the published rule gives on {right} of the {of} labels of this calculator that their "
            "own entities contradict."
        )
    if card.kind != "reading" and (declares := DECLARES.get(card.calculator_id)):
        told += [declares] if told else [f"{UPSTREAM}:", declares]
    return " ".join(told)
