"""The 55 rules of MedCalc-Bench, by family, from the published literature. Pure: no Dagster, network or database.

They serve the upkeep of benchmarks, not the care of patients.
"""

from medcalc_assets.calculators import (
    bleeding,
    body_size,
    cardiac,
    comorbidity,
    critical_care,
    drugs,
    electrolytes,
    infection,
    liver,
    metabolic,
    obstetrics,
    qt,
    renal,
    thrombosis,
)
from medcalc_assets.calculators.arguments import parse_inputs
from medcalc_assets.calculators.audit import DerivationAudit, audit_derivation
from medcalc_assets.calculators.calculator import Calculator, Result, Rule
from medcalc_assets.calculators.inputs import Input, Problem

_FAMILIES = (
    bleeding,
    body_size,
    cardiac,
    comorbidity,
    critical_care,
    drugs,
    electrolytes,
    infection,
    liver,
    metabolic,
    obstetrics,
    qt,
    renal,
    thrombosis,
)
_FOUND = {c.id: c for family in _FAMILIES for c in vars(family).values() if isinstance(c, Calculator)}

CALCULATORS: dict[int, Calculator] = dict(sorted(_FOUND.items()))
"""By the id of MedCalc-Bench, in its order."""

BY_SLUG: dict[str, Calculator] = {c.slug: c for c in CALCULATORS.values()}
KEYS = list(BY_SLUG)
"""The partition keys of all tables of instances, in the order of the ids."""

__all__ = [
    "BY_SLUG",
    "CALCULATORS",
    "KEYS",
    "Calculator",
    "DerivationAudit",
    "Input",
    "Problem",
    "Result",
    "Rule",
    "audit_derivation",
    "parse_inputs",
]
