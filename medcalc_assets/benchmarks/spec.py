"""MedCalc-Bench v1.0: where it is, its columns and ours, its splits and its types of output; and what any version of it is.

Khandekar et al., "MedCalc-Bench: Evaluating Large Language Models for Medical Calculations", NeurIPS 2024.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from medcalc_assets.calculators import CALCULATORS, Calculator

REPOSITORY = "ncbi/MedCalc-Bench-v1.0"


REVISION = "4f75ddac6f87fde2cff438a7a971ac987040d5af"


INSTANCES = {"test": 1_047, "train": 10_053}
"""How many instances the splits of v1.0 have."""


KEY_SPELLINGS = ("Row Number", "Unique ID")


COLUMNS = {
    "Row Number": "uid",
    "Calculator ID": "calculator_id",
    "Calculator Name": "calculator_name",
    "Category": "category",
    "Output Type": "output_type",
    "Note ID": "note_id",
    "Note Type": "note_type",
    "Patient Note": "note",
    "Question": "question",
    "Relevant Entities": "entities",
    "Ground Truth Answer": "label_text",
    "Lower Limit": "lower_text",
    "Upper Limit": "upper_text",
    "Ground Truth Explanation": "explanation",
}
"""The columns of the v1.0 release, in its order, and ours."""


KIND_OF_OUTPUT = {"decimal": "number", "integer": "number", "date": "date"}


Keys = dict[str, str | None]
"""What a version calls an entity, and what the calculators here call it; None for one that is stated and does not count."""


@dataclass(frozen=True, eq=False)
class BenchmarkVersion:
    """How a version spells what v1.0 spells otherwise, and which rules its labels are held against.

    `calculators` has its names of calculators, and `keys` by calculator its names of entities, as far as v1.0 has others: a
    file with one of them is of this version. `in_unit`: the unit in which alone such an entity is the one that it is said
    to be. `declares` names by calculator the convention that its rule book takes for the published rule, where the entities
    of a row have what it asks for. `is_original`: that the original rules of the calculators, defects included, are its own;
    of no other version they are known here.
    """

    name: str
    title: str
    """Its name in full, without the number of its first version."""
    address: str
    """Where its authors keep it."""
    splits: Mapping[str, int]
    """How many instances each has."""
    calculators: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[int, Keys] = field(default_factory=dict)
    in_unit: Mapping[str, str] = field(default_factory=dict)
    declares: Mapping[int, str] = field(default_factory=dict)
    is_original: bool = False

    def wrote(self, calculator_id: str, calculator_name: str, entities: str) -> bool:
        """Whether a row with these cells spells anything as only this version does. A key that does not count is no sign."""
        keys = self.keys.get(int(calculator_id), {}) if calculator_id.isdecimal() and len(calculator_id) < 4 else {}
        return calculator_name in self.calculators or any(f"'{key}'" in entities for key, known in keys.items() if known)

    def entities(self, calculator_id: int, entities: Mapping[str, Any]) -> dict[str, Any]:
        """The entities under the keys of v1.0, each with its value as it was. What would be given twice keeps its key."""
        found: dict[str, Any] = {}
        for key, raw in entities.items():
            known = self.keys.get(calculator_id, {}).get(key, key)
            if key in self.in_unit and not (isinstance(raw, list | tuple) and raw[1:] and raw[1] == self.in_unit[key]):
                known = key
            if known is not None:
                found[key if known in entities else known] = raw
        return found

    def calculator(self, calculator_id: int, entities: Mapping[str, Any]) -> Calculator:
        """The calculator with the rules of this version, for a row with these entities."""
        calculator, declared = CALCULATORS[calculator_id], self.declares.get(calculator_id)
        if declared:
            as_declared = calculator.publishing(declared)
            if as_declared.published.evaluate(entities).value is not None:
                calculator = as_declared
        return calculator if self.is_original else _of_unknown_defects(calculator)


@cache
def _of_unknown_defects(calculator: Calculator) -> Calculator:
    return replace(calculator, original=None, defects=())
