"""The burden of other disease."""

from __future__ import annotations

from collections.abc import Mapping

from medcalc_assets.calculators.calculator import Defect, score
from medcalc_assets.calculators.inputs import flag
from medcalc_assets.calculators.measurements import AGE, HEART_FAILURE, TRANSIENT_ISCHEMIC_ATTACK
from medcalc_assets.calculators.rules import Criterion, any_of, bands, graded, present

DIABETES = {"None or diet-controlled": 0, "Uncomplicated": 1, "End-organ damage": 2}
LIVER = {"none": 0, "Mild": 1, "Moderate to Severe": 3}
TUMOR = {"none": 0, "Localized": 2, "Metastatic": 6}


def diabetes(points: Mapping[str, float]) -> Criterion:
    return graded("Diabetes mellitus criteria for CCI rule", points, "diabetes", title="Diabetes mellitus", unstated=0)


def liver_disease(points: Mapping[str, float]) -> Criterion:
    severe = dict.fromkeys(("moderate", "severe"), "Moderate to Severe")
    return graded("Liver disease severity", points, "liver", unstated=0, also=severe)


def solid_tumor(points: Mapping[str, float]) -> Criterion:
    return graded("Solid tumor", points, "tumor", unstated=0, also={"false": "none", "true": "Localized"})


charlson = score(
    32,
    "Charlson Comorbidity Index (CCI)",
    "Charlson ME et al. J Chronic Dis 1987;40:373; age as in Charlson M et al. J Clin Epidemiol 1994;47:1245",
    slug="charlson",
    range=(0, 37),
    criteria=[
        bands(AGE, {"<50": 0, "50-59": 1, "60-69": 2, "70-79": 3, "≥80": 4}),
        present("Myocardial infarction", 1, "mi"),
        present(HEART_FAILURE),
        present("Peripheral vascular disease", 1, "pvd"),
        any_of(present("Cerebrovascular Accident", 1, "cva", "stroke"), present(TRANSIENT_ISCHEMIC_ATTACK)),
        present("Dementia"),
        present("Chronic Obstructive Pulmonary Disease", 1, "copd"),
        present("Connective tissue disease", 1, "ctd"),
        present("Peptic ulcer disease", 1, "ulcer"),
        liver_disease(LIVER),
        diabetes(DIABETES),
        present("Hemiplegia", 2),
        present(flag("Moderate to severe Chronic Kidney Disease", "ckd", also={"moderate": True, "severe": True}), 2),
        solid_tumor(TUMOR),
        present("Leukemia", 2),
        present("Lymphoma", 2),
        present("AIDS", 6),
    ],
    defects=[
        Defect(
            "gives 1 point to liver disease of every degree",
            {"Liver disease severity": liver_disease(dict.fromkeys(LIVER, 1))},
        ),
        Defect(
            "gives 1 point to diabetes of every degree, even diet-controlled",
            {"Diabetes mellitus criteria for CCI rule": diabetes(dict.fromkeys(DIABETES, 1))},
        ),
        Defect(
            "gives 1 point to a solid tumor of every extent",
            {"Solid tumor": solid_tumor({"none": 0, "Localized": 1, "Metastatic": 1})},
        ),
    ],
)
