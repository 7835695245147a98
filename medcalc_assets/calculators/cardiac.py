"""Blood pressure, and the risk of stroke and coronary disease."""

from __future__ import annotations

from math import exp, log, pow

from medcalc_assets.calculators.calculator import IN_MG_PER_DL, Convention, Defect, formula, score
from medcalc_assets.calculators.inputs import flag
from medcalc_assets.calculators.measurements import (
    AGE,
    CREATININE,
    DIASTOLIC,
    HDL_CHOLESTEROL,
    HEART_FAILURE,
    HYPERTENSION,
    SEX,
    SYSTOLIC,
    TOTAL_CHOLESTEROL,
    TRANSIENT_ISCHEMIC_ATTACK,
)
from medcalc_assets.calculators.rules import (
    Formula,
    Undefined,
    above,
    any_of,
    bands,
    derived,
    graded,
    one_of,
    present,
    worst_of,
)


@formula(5, "Mean Arterial Pressure (MAP)", "standard approximation, no single source", SYSTOLIC, DIASTOLIC, unit="mm Hg")
def mean_arterial_pressure(systolic: float, diastolic: float) -> float:
    """(systolic + 2 · diastolic) / 3"""
    return (systolic + 2 * diastolic) / 3


cha2ds2_vasc = score(
    4,
    "CHA2DS2-VASc Score for Atrial Fibrillation Stroke Risk",
    "Lip GYH et al. Chest 2010;137:263",
    slug="cha2ds2_vasc",
    range=(0, 9),
    criteria=[
        present(HEART_FAILURE),
        present(HYPERTENSION),
        bands(AGE, {"<65": 0, "65-74": 1, "≥75": 2}),
        present("Diabetes history", 1, "diabetes"),
        any_of(
            present("Stroke"),
            present(TRANSIENT_ISCHEMIC_ATTACK),
            present("Thromboembolism history", 1, "thromboembolism"),
            points=2,
        ),
        present("Vascular disease history", 1, "vascular"),
        one_of(SEX, "Female"),
    ],
)

revised_cardiac_risk_index = score(
    17,
    "Revised Cardiac Risk Index for Pre-Operative Risk",
    "Lee TH et al. Circulation 1999;100:1043",
    slug="revised_cardiac_risk_index",
    range=(0, 6),
    criteria=[
        present("Elevated-risk surgery", 1, "surgery"),
        present("History of ischemic heart disease", 1, "ischemic", "ihd"),
        present(
            "Congestive Heart Failure criteria for the Cardiac Risk Index rule",
            1,
            "chf",
            "heart_failure",
            title="Congestive heart failure",
        ),
        present("History of cerebrovascular disease", 1, "cerebrovascular", "stroke"),
        present("Pre-operative treatment with insulin", 1, "insulin"),
        above(CREATININE.called("Pre-operative creatinine"), 2.0, si=177),
    ],
    # a second key for the same item, false throughout: it is the one that v1.0 reads
    inputs=[flag("Cerebrovascular disease history")],
    defects=[
        Defect(
            "reads the cerebrovascular item from a key that is never true",
            {"History of cerebrovascular disease": present("Cerebrovascular disease history")},
        )
    ],
    conversion_defect=IN_MG_PER_DL,
)

RISK_FACTORS = (
    HYPERTENSION,
    flag("hypercholesterolemia"),
    flag("Diabetes mellitus criteria for CCI rule", "diabetes", title="Diabetes mellitus"),
    flag("obesity"),
    flag("smoking"),
    flag("parent or sibling with Cardiovascular disease before age 65", "family_history", "family"),
)
ATHEROSCLEROSIS = flag("atherosclerotic disease", "atherosclerosis")


@derived("number of risk factors", "", *RISK_FACTORS, ATHEROSCLEROSIS)
def RISK_FACTOR_COUNT(*found: bool) -> int:
    """how many are present"""
    return sum(found)


LIMIT = "the normal limit"

heart_score = score(
    18,
    "HEART Score for Major Cardiac Events",
    "Six AJ et al. Neth Heart J 2008;16:191; Backus BE et al. Int J Cardiol 2013;168:2153",
    slug="heart_score",
    range=(0, 10),
    criteria=[
        graded(
            "Suspicion History",
            {"Slightly suspicious": 0, "Moderately suspicious": 1, "Highly suspicious": 2},
            "history",
            "suspicion",
        ),
        graded(
            "Electrocardiogram Test",
            {"Normal": 0, "Non-specific repolarization disturbance": 1, "Significant ST deviation": 2},
            "ecg",
            "ekg",
        ),
        bands(AGE, {"<45": 0, "45-64": 1, "≥65": 2}),
        worst_of(
            bands(RISK_FACTOR_COUNT, {"0": 0, "1-2": 1, "≥3": 2}),
            present(ATHEROSCLEROSIS, 2),
            name="risk factors",
        ),
        graded(
            "Initial troponin",
            {
                "less than or equal to normal limit": 0,
                f"between {LIMIT} or up to three times {LIMIT}": 1,
                "greater than three times normal limit": 2,
            },
            "troponin",
        ),
    ],
    inputs=[TRANSIENT_ISCHEMIC_ATTACK],
    alternatives=[
        Convention(
            "an ECG or troponin that is not stated scores 0",
            guideline="MedCalc-Bench Verified",
            absent={"Electrocardiogram Test": "Normal", "Initial troponin": "less than or equal to normal limit"},
        )
    ],
)

TREATED = flag("Blood pressure being treated with medicines", "treated")
SMOKER = flag("Smoker")
SURVIVAL = {"Male": 0.9402, "Female": 0.98767}


@derived("x", "", SEX, AGE, TOTAL_CHOLESTEROL, HDL_CHOLESTEROL, SYSTOLIC, TREATED, SMOKER)
def FRAMINGHAM_SUM(sex: str, age: float, total: float, hdl: float, systolic: float, treated: bool, smoker: bool) -> float:
    """for men, 52.00961 ln age + 20.014077 ln TC − 0.905964 ln HDL + 1.305784 ln SBP + 0.241549 if treated
    + 12.096316 if smoking − 4.605038 ln age · ln TC − 2.84367 ln min(age, 70) if smoking − 2.93323 (ln age)²
    − 172.300168; for women, 31.764001 ln age + 22.465206 ln TC − 1.187731 ln HDL + 2.552905 ln SBP + 0.420251 if treated
    + 13.07543 if smoking − 5.060998 ln age · ln TC − 2.996945 ln min(age, 78) if smoking − 146.5933061"""
    if not 30 <= age <= 79:
        raise Undefined("the rule holds from 30 to 79 years")
    ln_age, ln_total, ln_hdl, ln_systolic = log(age), log(total), log(hdl), log(systolic)
    if sex == "Male":
        x = 52.00961 * ln_age + 20.014077 * ln_total - 0.905964 * ln_hdl + 1.305784 * ln_systolic
        x += 0.241549 * treated + 12.096316 * smoker - 4.605038 * ln_age * ln_total
        return x - 2.84367 * log(min(age, 70)) * smoker - 2.93323 * ln_age**2 - 172.300168
    x = 31.764001 * ln_age + 22.465206 * ln_total - 1.187731 * ln_hdl + 2.552905 * ln_systolic
    x += 0.420251 * treated + 13.07543 * smoker - 5.060998 * ln_age * ln_total
    return x - 2.996945 * log(min(age, 78)) * smoker - 146.5933061


def in_mmol(cholesterol: float) -> float:
    """in mg/dL / 38.665"""
    return cholesterol / 38.665


def rounded_probability(sex: str, x: float) -> float:
    """1 − S^exp(x), to one decimal; S is 0.9402 for men, 0.98767 for women"""
    return round(1 - pow(SURVIVAL[sex], exp(x)), 1)


@formula(
    46,
    "Framingham Risk Score for Hard Coronary Heart Disease",
    "NCEP ATP III. JAMA 2001;285:2486, developed from Wilson PWF et al. Circulation 1998;97:1837",
    SEX,
    FRAMINGHAM_SUM,
    unit="%",
    range=(0, 100),
    defects=[
        Defect(
            "puts cholesterol in mmol/L where the coefficients are for mg/dL",
            {lipid.key: Formula(lipid.name, "mmol/L", in_mmol, (lipid,)) for lipid in (TOTAL_CHOLESTEROL, HDL_CHOLESTEROL)},
        ),
        Defect(
            "gives the probability for a percentage, rounded to one decimal",
            {"function": rounded_probability, "unit": ""},
        ),
    ],
)
def framingham_risk(sex: str, x: float) -> float:
    """100 · (1 − S^exp(x)) in 10 years; S is 0.9402 for men, 0.98767 for women"""
    return 100 * (1 - pow(SURVIVAL[sex], exp(x)))
