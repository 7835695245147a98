"""A benchmark of invented patients for all 55 calculators, with planted errors whose truth is kept beside them.

Written for this project and generated with a fixed seed; no sentence comes from MedCalc-Bench. Of the six instances of a
calculator three are right and one each has a feature wrongly extracted, a rule wrongly applied, and a question that its
note cannot answer (where the rule needs anything at all; otherwise a fourth is right).
"""

import json
import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any, Literal

from medcalc_assets.calculators import CALCULATORS, Calculator
from medcalc_assets.calculators.drugs import SteroidDose
from medcalc_assets.calculators.inputs import Category, Day, Flag, Input
from medcalc_assets.labels.limits import accepts, limits
from medcalc_assets.labels.value import NA, Label, day, number

Planted = Literal["extraction", "aggregation", "incomputable"]

SEED = 20260101
PLAN: tuple[Planted | None, ...] = (None, "extraction", None, "aggregation", "incomputable", None)

INVENTED: dict[str, tuple[float, float, int]] = {
    "age": (19, 88, 0),
    "weight": (42, 118, 1),
    "height": (148, 196, 0),
    "creatinine": (0.6, 4.4, 1),
    "Pre-operative creatinine": (0.6, 3.4, 1),
    "Systolic Blood Pressure": (84, 182, 0),
    "Diastolic Blood Pressure": (44, 79, 0),
    "Calcium": (6.8, 11.4, 1),
    "Albumin": (1.7, 4.6, 1),
    "Heart Rate or Pulse": (52, 138, 0),
    "QT interval": (330, 470, 0),
    "cycle length": (23, 35, 0),
    "Bilirubin": (0.5, 9.5, 1),
    "international normalized ratio": (1.0, 3.2, 1),
    "Aspartate aminotransferase": (18, 240, 0),
    "Alanine aminotransferase": (15, 260, 0),
    "Platelet count": (32_000, 390_000, -3),
    "Temperature": (35.1, 40.2, 1),
    "Sodium": (121, 158, 0),
    "Number of Alcoholic Drinks Per Week": (0, 20, 0),
    "Glucose": (74, 640, 0),
    "Blood Urea Nitrogen (BUN)": (8, 84, 0),
    "Hemoglobin": (7.1, 15.8, 1),
    "respiratory rate": (11, 37, 0),
    "FiO₂": (21, 90, 0),
    "A-a gradient": (20, 420, 0),
    "Partial pressure of oxygen (PaO₂) for Apache II": (49, 118, 0),
    "pH": (7.12, 7.56, 2),
    "Potassium": (2.6, 6.4, 1),
    "Hematocrit": (22, 52, 0),
    "White blood cell count": (2_400, 24_000, -2),
    "Glasgow Coma Score": (5, 15, 0),
    "Insulin": (3, 38, 1),
    "Body Mass Index (BMI)": (18.6, 38.4, 1),
    "Chloride": (88, 108, 0),
    "Bicarbonate": (9, 21, 0),
    "Urine sodium": (8, 92, 0),
    "Urine creatinine": (22, 180, 0),
    "Urine Output": (150, 2_300, -1),
    "Total cholesterol": (142, 298, 0),
    "high-density lipoprotein cholesterol": (27, 78, 0),
    "Triglycerides": (66, 380, 0),
    "O₂ saturation percentage": (88, 99, 0),
    "PaCO₂": (24, 58, 0),
}
"""From, to, and decimals of the values invented for a quantity, in the unit of its calculator."""
SMALL = (0.0, 0.4, 2)
"""The same for vasopressors, and `DOSE` for opioids."""
DOSE = (5, 40, 0)

COMPLAINTS = ("after a fall at home", "for a planned review", "with two days of malaise", "from a smaller hospital")
UNSTATED = "The remaining findings of that day were not passed on with the record."


@dataclass(frozen=True, slots=True)
class DemoInstance:
    """A row of the benchmark, the label that would be right, and the error that was planted in it, if any."""

    row: dict[str, Any]
    truth: Label
    planted: Planted | None
    stated: dict[str, Any]
    """The inputs that the note states, whatever the entities say."""


@cache
def instances() -> tuple[DemoInstance, ...]:
    """The whole demo benchmark, always the same."""
    made = (
        _instance(calculator, variant, planted)
        for calculator in CALCULATORS.values()
        for variant, planted in enumerate(PLAN)
    )
    return tuple(
        DemoInstance({"Row Number": uid} | instance.row, instance.truth, instance.planted, instance.stated)
        for uid, instance in enumerate(made, start=1)
    )


def original_rows() -> list[dict[str, Any]]:
    """The demo benchmark in the layout of MedCalc-Bench v1.0."""
    return [instance.row for instance in instances()]


def truth() -> dict[int, Label]:
    """What each label should be, by uid."""
    return {instance.row["Row Number"]: instance.truth for instance in instances()}


def stated() -> dict[int, dict[str, Any]]:
    """What each note states of the inputs of its calculator, None for what it does not, by uid."""
    return {
        each.row["Row Number"]: {of.key: each.stated.get(of.key) for of in CALCULATORS[each.row["Calculator ID"]].inputs}
        for each in instances()
    }


def _instance(calculator: Calculator, variant: int, planted: Planted | None) -> DemoInstance:
    """Patients are invented until one comes along in whom the error to be planted makes a difference."""
    required = [feature for feature in calculator.inputs if feature.required]
    if planted == "incomputable" and not required:
        planted = None
    for attempt in range(1_000):
        dice = random.Random(f"{SEED} {calculator.id} {variant} {attempt}")
        facts = {feature.key: _invent(feature, dice) for feature in calculator.inputs}
        truth = _value(calculator, facts)
        if truth is None:
            continue
        entities, stated, original = dict(facts), dict(facts), truth
        match planted:
            case "extraction":
                feature = dice.choice(required or list(calculator.inputs))
                entities[feature.key] = _invent(feature, dice)
                original = _value(calculator, entities) or truth
            case "aggregation":
                original = _wrongly_aggregated(calculator, facts, truth, dice)
            case "incomputable":
                del stated[dice.choice(required).key]
                truth = NA
        if planted is None or not accepts(original, truth, calculator.output_type):
            note = _note(calculator, stated, variant, dice)
            return DemoInstance(_row(calculator, variant, note, entities, original), truth, planted, stated)
    raise AssertionError(f"no patient in a thousand shows a difference for calculator {calculator.id}")


def _value(calculator: Calculator, entities: dict[str, Any]) -> Label | None:
    return calculator.published.evaluate(entities).value


def _wrongly_aggregated(calculator: Calculator, facts: dict[str, Any], right: Label, dice: random.Random) -> Label:
    """What the original rule makes of the facts where it has a defect, else a slip of the pen."""
    assert calculator.original is not None
    original = calculator.original.evaluate(facts).value
    if original is not None and not accepts(right, original, calculator.output_type):
        return original
    if right.date is not None:
        return day(right.date + timedelta(days=dice.choice((-14, 7, 14))))
    assert right.number is not None
    return number(right.number * 1.12 if calculator.output_type == "decimal" else right.number + dice.choice((1, 2)))


def _invent(feature: Input, dice: random.Random) -> Any:
    """A value for an input, spelt as the entities of v1.0 spell it."""
    match feature:
        case Flag():
            return dice.random() < 0.3
        case Category():
            return dice.choice([value for value in feature.permitted if value != "not testable"])
        case SteroidDose():
            return [dice.choice(("Dexamethasone IV", "Prednisone PO")), float(dice.randint(4, 60)), "mg"]
        case Day():
            start = date(2024, 11, 1) if feature.key == "Current Date" else date(2024, 3, 1)
            return f"{start + timedelta(days=dice.randrange(60)):%m/%d/%Y}"
    if feature.key.endswith("Per Day"):
        return [float(dice.randint(1, 3)), feature.unit]
    otherwise = DOSE if feature.key.endswith("Dose") else SMALL
    low, high, decimals = INVENTED.get(feature.key, otherwise)
    value = round(dice.uniform(low, high), decimals)
    return [value, feature.unit] if feature.unit else value


def _note(calculator: Calculator, stated: dict[str, Any], variant: int, dice: random.Random) -> str:
    """A short record of the facts. What is not stated is missing from the note."""
    measured: list[str] = []
    present: list[str] = []
    absent: list[str] = []
    said: list[str] = []
    for key, value in stated.items():
        if value is True or value is False:
            (present if value else absent).append(key)
        elif isinstance(value, list):
            measured.append(f"{key} {' '.join(str(part) for part in value)}")
        elif isinstance(value, float):
            measured.append(f"{key} {value:g}")
        else:
            said.append(f"{key}: {value}.")
    sentences = [f"Invented patient {calculator.id}-{variant + 1} came {dice.choice(COMPLAINTS)}.", *said]
    if measured:
        sentences.append(f"Measured were {'; '.join(measured)}.")
    if present:
        sentences.append(f"Recorded as present: {'; '.join(present)}.")
    if absent:
        sentences.append(f"Recorded as absent: {'; '.join(absent)}.")
    if len(stated) < len(calculator.inputs):
        sentences.append(UNSTATED)
    return " ".join(sentences)


def _row(calculator: Calculator, variant: int, note: str, entities: dict[str, Any], original: Label) -> dict[str, Any]:
    bounds = limits(original, calculator.output_type)
    answer, lower, upper = (
        _spelt(calculator, original if at is None else number(at)) for at in (None, *(bounds or (None, None)))
    )
    unit = f", in {calculator.unit}" if calculator.unit else ""
    return {
        "Calculator ID": calculator.id,
        "Calculator Name": calculator.name,
        "Category": "demo",
        "Output Type": calculator.output_type,
        "Note ID": f"demo-{calculator.id}-{variant + 1}",
        "Note Type": "Synthetic",
        "Patient Note": note,
        "Question": f"What does the {calculator.name} give for this invented patient{unit}?",
        "Relevant Entities": repr(entities),
        "Ground Truth Answer": answer,
        "Lower Limit": lower,
        "Upper Limit": upper,
        "Ground Truth Explanation": f"From {json.dumps(entities, ensure_ascii=False)} the demo derives {answer}.",
    }


def _spelt(calculator: Calculator, label: Label) -> str:
    """The label in the spelling of v1.0."""
    if label.number is None:
        return str(label)
    if calculator.id == 69:
        weeks, days = divmod(int(label.number), 7)
        return f"('{weeks} weeks', '{days} days')"
    return f"{round(label.number, 5):.10g}"
