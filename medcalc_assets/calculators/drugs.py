"""Equivalent doses of steroids and opioids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from medcalc_assets.calculators.calculator import Convention, formula, score
from medcalc_assets.calculators.inputs import Category, Input, Quantity, Unusable, Values, numeral, quoted
from medcalc_assets.calculators.measurements import ZERO_OR_MORE
from medcalc_assets.calculators.rules import Criterion

EQUIVALENT_MG = {
    "Betamethasone": 0.75,
    "Cortisone": 25.0,
    "Dexamethasone": 0.75,
    "Hydrocortisone": 20.0,
    "Methylprednisolone": 4.0,
    "Prednisolone": 5.0,
    "Prednisone": 5.0,
    "Triamcinolone": 4.0,
}
STEROIDS = {f"{name.casefold()}{route}": name for name in EQUIVALENT_MG for route in ("", " po", " iv", " im")}


@dataclass(frozen=True, kw_only=True)
class SteroidDose(Input):
    """A steroid and its dose, as `["Dexamethasone PO", 7.96, "mg"]`; the route does not count."""

    steroid: Category = field(default_factory=lambda: Category("steroid", spellings=STEROIDS))
    amount: Quantity = field(default_factory=lambda: Quantity("dose", "mg"))
    kind = "dose"

    def read(self, raw: Any) -> tuple[str, float]:
        if type(raw) not in (list, tuple) or len(raw) != 3:
            raise Unusable(f"{quoted(raw)} is no steroid with a dose in mg")
        return self.steroid.read(raw[0]), self.amount.read(list(raw[1:]))

    def shown(self, value: Any) -> str:
        return "not given" if value is None else f"{value[0]} {numeral(value[1])} mg"

    def parsed(self, text: str) -> Any:
        match = re.fullmatch(r"([A-Za-z ]+?)[ :]*(\d.*)", text.strip())
        if not match:
            raise Unusable(f"{quoted(text)} is no steroid with a dose, such as 'dexamethasone 8 mg'")
        amount = self.amount.parsed(match[2])
        return [match[1], *(amount if isinstance(amount, list) else (amount, "mg"))]


@formula(
    24,
    "Steroid Conversion Calculator",
    "Meikle AW, Tyler FH. Am J Med 1977;63:200 (the usual table of equivalent glucocorticoid doses)",
    SteroidDose("input steroid", aliases=("dose", "from")),
    Category("target steroid", aliases=("target", "to"), spellings=STEROIDS),
    unit="mg",
)
def steroid_conversion(dose: tuple[str, float], target: str) -> float:
    """dose · equivalent of the target / equivalent of the input, in mg: betamethasone and dexamethasone 0.75,
    methylprednisolone and triamcinolone 4, prednisolone and prednisone 5, hydrocortisone 20, cortisone 25"""
    steroid, amount = dose
    return amount * EQUIVALENT_MG[target] / EQUIVALENT_MG[steroid]


METHADONE_TIERS_2016 = ((20, 4.0), (40, 8.0), (60, 10.0), (float("inf"), 12.0))


def opioid(
    drug: str,
    per_mg: float | None,
    unit: str = "mg",
    miswritten: Mapping[str, str] | None = None,
    all_day: bool = False,
) -> Criterion:
    """Dose · doses a day · morphine equivalent of a unit; no factor means methadone in the tiers of 2016.

    `all_day`: the dose is that of a day, however often it is said to be given.
    """
    name = drug.casefold().replace(" ", "_")
    dose = Quantity(
        f"{drug} Dose",
        unit,
        aliases=(name,),
        possible=ZERO_OR_MORE,
        default=None,
        among="every other opioid",
        miswritten=miswritten or {},
    )
    per_day = Quantity(
        f"{drug} Dose Per Day",
        "/day",
        aliases=(f"{name}_per_day",),
        possible=ZERO_OR_MORE,
        plausible=(0, 24),
        default=None,
        among="every other opioid",
    )

    def equivalents(values: Values) -> float | None:
        amount, times = dose.of(values), per_day.of(values)
        if amount is None and times is None:
            return 0
        if amount is None or times is None:
            return None
        daily: float = amount * (1 if all_day else times)
        return daily * (per_mg if per_mg is not None else next(f for upto, f in METHADONE_TIERS_2016 if daily <= upto))

    factor = "4, 8, 10 or 12 up to 20, 40, 60 or more mg a day" if per_mg is None else f"{per_mg:g}"
    doses = "dose, whatever the doses per day" if all_day else "dose · doses per day"
    return Criterion(drug, f"{drug} in {unit}", f"{doses} · {factor}", (dose, per_day), equivalents)


def fentanyl_patch(all_day: bool = False) -> Criterion:
    return opioid("FentANYL patch", 2.4, "µg/h", miswritten=dict.fromkeys(("mg", "mcg", "µg"), "µg/h"), all_day=all_day)


PATCH_PER_DOSE = "the strength of a fentanyl patch counts per dose"

morphine_equivalents = score(
    49,
    "Morphine Milligram Equivalents (MME) Calculator",
    "Dowell D et al. CDC guideline. MMWR Recomm Rep 2022;71(3); buccal fentanyl: CDC conversion table 2017",
    slug="morphine_equivalents",
    output_type="decimal",
    unit="MME/day",
    range=(0, float("inf")),
    criteria=[
        opioid("Codeine", 0.15),
        fentanyl_patch(all_day=True),
        opioid("FentaNYL buccal", 0.13, "µg"),
        opioid("HYDROcodone", 1),
        opioid("HYDROmorphone", 5),
        opioid("Methadone", 4.7),
        opioid("Morphine", 1),
        opioid("OxyCODONE", 1.5),
        opioid("OxyMORphone", 3),
        opioid("Tapentadol", 0.4),
        opioid("TraMADol", 0.2),
    ],
    alternatives=[
        Convention(
            "CDC 2016 (superseded by CDC 2022)",
            {
                "HYDROmorphone": opioid("HYDROmorphone", 4),
                "Methadone": opioid("Methadone", None),
                "TraMADol": opioid("TraMADol", 0.1),
            },
            guideline="CDC",
            year=2016,
            superseded_by="CDC 2022",
        ),
        Convention(PATCH_PER_DOSE, {"FentANYL patch": fentanyl_patch()}),
    ],
    follows=PATCH_PER_DOSE,
)
