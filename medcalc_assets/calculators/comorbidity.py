"""The burden of other disease."""

from __future__ import annotations

from medcalc_assets.calculators.calculator import Defect, score
from medcalc_assets.calculators.inputs import flag
from medcalc_assets.calculators.measurements import AGE, HEART_FAILURE, TRANSIENT_ISCHEMIC_ATTACK
from medcalc_assets.calculators.rules import any_of, bands, graded, present

DIABETES = {"none": 0, "None or diet-controlled": 0, "Uncomplicated": 1, "End-organ damage": 2}
LIVER = {"none": 0, "Mild": 1, "Moderate to Severe": 3}
TUMOR = {"none": 0, "Localized": 2, "Metastatic": 6}


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
        present("Peptic ulcer disease", 1, "pud", "ulcer"),
        graded(
            "Liver disease severity",
            LIVER,
            "liver",
            also={"moderate": "Moderate to Severe", "severe": "Moderate to Severe"},
            default="none",
        ),
        graded("Diabetes mellitus criteria for CCI rule", DIABETES, "diabetes", default="none"),
        present("Hemiplegia", 2),
        present(flag("Moderate to severe Chronic Kidney Disease", "ckd", also={"moderate": True, "severe": True}), 2),
        graded("Solid tumor", TUMOR, "tumor", also={"false": "none", "true": "Localized"}, default="none"),
        present("Leukemia", 2),
        present("Lymphoma", 2),
        present("AIDS", 6),
    ],
)
