"""Consciousness and organ failure in the critically ill."""

from __future__ import annotations

from medcalc_assets.calculators.calculator import IN_MG_PER_DL, MISREAD_CELSIUS, Convention, Defect, score
from medcalc_assets.calculators.cardiac import mean_arterial_pressure
from medcalc_assets.calculators.inputs import Quantity, flag
from medcalc_assets.calculators.measurements import (
    AGE,
    BILIRUBIN,
    CREATININE,
    DIASTOLIC,
    FIO2,
    GLASGOW_COMA_SCORE,
    HEART_RATE,
    HEMATOCRIT,
    HEMODIALYSIS,
    PAO2,
    PH,
    PLATELETS,
    POTASSIUM,
    RESPIRATORY_RATE,
    SODIUM,
    SYSTOLIC,
    TEMPERATURE,
    WHITE_CELLS,
    ZERO_OR_MORE,
)
from medcalc_assets.calculators.rules import (
    Criterion,
    Term,
    above,
    always,
    any_of,
    at_least,
    bands,
    below,
    derived,
    either,
    given,
    graded,
    present,
    short_of,
    value_of,
    worst_of,
)

EYE = {
    "eyes open spontaneously": 4,
    "eye opening to verbal command": 3,
    "eye opening to pain": 2,
    "no eye opening": 1,
    "not testable": None,
}
VERBAL = {
    "oriented": 5,
    "confused": 4,
    "inappropriate words": 3,
    "incomprehensible sounds": 2,
    "no verbal response": 1,
    "not testable": None,
}
MOTOR = {
    "obeys commands": 6,
    "localizes pain": 5,
    "withdrawal from pain": 4,
    "flexion to pain": 3,
    "extension to pain": 2,
    "no motor response": 1,
    "not testable": None,
}


def responses(eye: float | None, verbal: float | None, motor: float | None) -> dict[str, Criterion]:
    """The three responses, with what each counts where it cannot be tested."""
    nt = {"nt": "not testable"}
    return {
        "Best eye response": graded("Best eye response", EYE | {"not testable": eye}, "eye", "e", also=nt),
        "Best verbal response": graded("Best verbal response", VERBAL | {"not testable": verbal}, "verbal", "v", also=nt),
        "Best motor response": graded("Best motor response", MOTOR | {"not testable": motor}, "motor", "m", also=nt),
    }


TESTABLE = responses(None, None, None)

glasgow_coma_score = score(
    21,
    "Glasgow Coma Score (GCS)",
    "Teasdale G, Jennett B. Lancet 1974;2:81, with 6 points for the motor response as in Acta Neurochir 1976;34:45; "
    "not testable as in Teasdale G et al. Lancet Neurol 2014;13:844 (GCS-40)",
    slug="glasgow_coma_score",
    range=(3, 15),
    criteria=TESTABLE.values(),
    alternatives=[
        Convention("a response that cannot be tested counts 1", responses(1, 1, 1)),
        Convention("a response that cannot be tested counts in full", responses(4, 5, 6)),
        Convention(
            "a response that cannot be tested is left out of the sum",
            responses(0, 0, 0),
            guideline="MSD Manual; MedCalc-Bench Verified",
        ),
    ],
    defects=[
        Defect(
            "adds the verbal response twice",
            {"Best verbal response": (TESTABLE["Best verbal response"], TESTABLE["Best verbal response"])},
        ),
        Defect("counts 4 for a response that cannot be tested", responses(4, 4, 4)),
    ],
)

AA_GRADIENT = Quantity("A-a gradient", "mm Hg", aliases=("aa",), possible=ZERO_OR_MORE, plausible=(0, 700))
ACUTE_RENAL_FAILURE = present("Acute renal failure", 1, "arf")
CHRONIC_RENAL_FAILURE = flag("Chronic Renal Failure", "crf", also={"not mentinoed": False})

VITALS: dict[Term, dict[str, float | None]] = {
    mean_arterial_pressure.body: {"<50": 4, "50-69": 2, "70-109": 0, "110-129": 2, "130-159": 3, "≥160": 4},
    HEART_RATE: {"<40": 4, "40-54": 3, "55-69": 2, "70-109": 0, "110-139": 2, "140-179": 3, "≥180": 4},
    RESPIRATORY_RATE: {"<6": 4, "6-9": 2, "10-11": 1, "12-24": 0, "25-34": 1, "35-49": 3, "≥50": 4},
    PH: {"<7.15": 4, "7.15-7.24": 3, "7.25-7.32": 2, "7.33-7.49": 0, "7.5-7.59": 1, "7.6-7.69": 3, "≥7.7": 4},
    SODIUM: {
        "≤110": 4,
        "111-119": 3,
        "120-129": 2,
        "130-149": 0,
        "150-154": 1,
        "155-159": 2,
        "160-179": 3,
        "≥180": 4,
    },
    POTASSIUM: {"<2.5": 4, "2.5-2.9": 2, "3-3.4": 1, "3.5-5.4": 0, "5.5-5.9": 1, "6-6.9": 3, "≥7": 4},
}
WHITE_CELLS_IN_THOUSANDS = {"<1": 4, "1-2.9": 2, "3-14.9": 0, "15-19.9": 1, "20-39.9": 2, "≥40": 4}


@derived("white cells", "10³/µL", WHITE_CELLS)
def THOUSANDS_OF_WHITE_CELLS(count: float, thousand: float = 1000.0) -> float:
    """white blood cell count per µL / {thousand:g}"""
    return count / thousand


def from_normal_up(points: dict[str, float | None]) -> dict[str, float | None]:
    return dict(list(points.items())[list(points.values()).index(0) :])


def chronic_health(surgery: dict[str, float | None]) -> Criterion:
    return either(
        present("History of severe organ failure or immunocompromise", 1, "chronic", "organ_failure"),
        graded("Surgery Type", surgery, "surgery", unstated=surgery["Nonoperative"]),
        always(0),
        name="chronic health",
    )


def kidneys(points: dict[str, float | None]) -> Criterion:
    doubled = {band: score and 2 * score for band, score in points.items()}
    return either(ACUTE_RENAL_FAILURE, bands(CREATININE, doubled), bands(CREATININE, points), name="creatinine")


CREATININE_BANDS: dict[str, float | None] = {"<0.6": 2, "0.6-1.4": 0, "1.5-1.9": 2, "2-3.4": 3, "≥3.5": 4}

apache_ii = score(
    28,
    "APACHE II Score",
    "Knaus WA et al. Crit Care Med 1985;13:818",
    slug="apache_ii",
    range=(0, 71),
    criteria=[
        bands(AGE, {"≤44": 0, "45-54": 2, "55-64": 3, "65-74": 5, "≥75": 6}),
        chronic_health({"Nonoperative": 5, "Emergency": 5, "Elective": 2}),
        bands(
            TEMPERATURE,
            {"<30": 4, "30-31.9": 3, "32-33.9": 2, "34-35.9": 1, "36-38.4": 0, "38.5-38.9": 1, "39-40.9": 3, "≥41": 4},
        ),
        *(bands(vital, points) for vital, points in VITALS.items()),
        either(
            at_least(FIO2, 50),
            bands(AA_GRADIENT, {"<200": 0, "200-349": 2, "350-499": 3, "≥500": 4}),
            bands(PAO2, {"<55": 4, "55-60": 3, "61-70": 1, ">70": 0}),
            name="oxygenation",
        ),
        kidneys(CREATININE_BANDS),
        bands(HEMATOCRIT, {"<20": 4, "20-29.9": 2, "30-45.9": 0, "46-49.9": 1, "50-59.9": 2, "≥60": 4}),
        bands(THOUSANDS_OF_WHITE_CELLS, WHITE_CELLS_IN_THOUSANDS),
        short_of(15, GLASGOW_COMA_SCORE),
    ],
    inputs=[AA_GRADIENT.optional(), PAO2.optional(), CHRONIC_RENAL_FAILURE],
    alternatives=[
        Convention(
            "a mean arterial pressure between two bands counts in the upper",
            {
                mean_arterial_pressure.name: bands(
                    mean_arterial_pressure.body, {"≤49": 4, ">49": 2, ">69": 0, ">109": 2, ">129": 3, ">159": 4}
                )
            },
            guideline="MedCalc-Bench Verified",
        )
    ],
    defects=[
        Defect(
            "adds the Glasgow Coma Score instead of 15 minus it", {GLASGOW_COMA_SCORE.name: value_of(GLASGOW_COMA_SCORE)}
        ),
        Defect(
            "compares white cells per µL with limits in thousands",
            {"white cells": bands(THOUSANDS_OF_WHITE_CELLS.but({"thousand": 1.0, "unit": "/µL"}), WHITE_CELLS_IN_THOUSANDS)},
        ),
        Defect(
            "gives chronic insufficiency no point without an operation",
            {"chronic health": chronic_health({"Nonoperative": 0, "Emergency": 5, "Elective": 2})},
        ),
        Defect(
            "gives no point for vital signs and electrolytes that are too low",
            {vital.name: bands(vital, from_normal_up(points)) for vital, points in VITALS.items()},
        ),
        Defect(
            "gives a creatinine of 1.5 to 1.9 no point without renal failure",
            {
                "creatinine": either(
                    any_of(ACUTE_RENAL_FAILURE, present(CHRONIC_RENAL_FAILURE)),
                    kidneys(CREATININE_BANDS),
                    bands(CREATININE, CREATININE_BANDS | {"1.5-1.9": 0}),
                    name="creatinine",
                )
            },
        ),
    ],
    conversion_defect=MISREAD_CELSIUS,
)

VENTILATED = present("On mechanical ventilation", 1, "ventilated")
CPAP = present("Continous positive airway pressure", 1, "cpap", title="Continuous positive airway pressure")


@derived("PaO₂/FiO₂", "mm Hg", PAO2, FIO2)
def OXYGENATION_RATIO(pao2: float, fio2: float) -> float:
    """PaO₂ / (FiO₂ as a fraction)"""
    return 100 * pao2 / fio2


def infusion(drug: str, *aliases: str) -> Quantity:
    return Quantity(drug, "mcg/kg/min", aliases=aliases, possible=ZERO_OR_MORE, plausible=(0, 100), default=None)


DOPAMINE = infusion("DOPamine")
DOBUTAMINE = infusion("DOBUTamine")
EPINEPHRINE = infusion("EPINEPHrine", "adrenaline")
NOREPINEPHRINE = infusion("norEPINEPHrine", "noradrenaline")
URINE_OUTPUT = Quantity(
    "Urine Output", "mL/day", aliases=("urine",), possible=ZERO_OR_MORE, plausible=(0, 20000), default=None
)

WITH_SUPPORT: dict[str, float | None] = {"<100": 4, "100-199": 3, "200-299": 2, "300-399": 1, "≥400": 0}
CREATININE_POINTS = bands(
    CREATININE,
    {"<1.2": 0, "1.2-1.9": 1, "2-3.4": 2, "3.5-4.9": 3, "≥5": 4},
    si={"<110": 0, "110-170": 1, "171-299": 2, "300-440": 3, ">440": 4},
)
LOW_PRESSURE = below(mean_arterial_pressure.body, 70)


def respiration(unsupported: dict[str, float | None]) -> Criterion:
    return either(
        any_of(VENTILATED, CPAP),
        bands(OXYGENATION_RATIO, WITH_SUPPORT),
        bands(OXYGENATION_RATIO, unsupported),
        name="respiration",
    )


def circulation_original() -> Criterion:
    by_dopamine = either(above(DOPAMINE, 5), either(above(DOBUTAMINE, 0), always(2), always(3)), always(2))
    other_drugs = any_of(above(DOBUTAMINE, 0), above(EPINEPHRINE, 0), above(NOREPINEPHRINE, 0))
    return either(other_drugs, by_dopamine, either(LOW_PRESSURE, always(1), by_dopamine), name="circulation")


sofa = score(
    43,
    "Sequential Organ Failure Assessment (SOFA) Score",
    "Vincent JL et al. Intensive Care Med 1996;22:707",
    slug="sofa",
    range=(0, 24),
    criteria=[
        respiration({"<300": 2, "300-399": 1, "≥400": 0}),
        bands(PLATELETS, {"<20000": 4, "20000-49999": 3, "50000-99999": 2, "100000-149999": 1, "≥150000": 0}),
        bands(
            BILIRUBIN,
            {"<1.2": 0, "1.2-1.9": 1, "2-5.9": 2, "6-11.9": 3, "≥12": 4},
            si={"<20": 0, "20-32": 1, "33-101": 2, "102-204": 3, ">204": 4},
        ),
        worst_of(
            present("Hypotension"),
            LOW_PRESSURE,
            above(DOBUTAMINE, 0, 2),
            bands(DOPAMINE, {"≤0": 0, ">0": 2, ">5": 3, ">15": 4}),
            bands(EPINEPHRINE, {"≤0": 0, ">0": 3, ">0.1": 4}),
            bands(NOREPINEPHRINE, {"≤0": 0, ">0": 3, ">0.1": 4}),
            name="circulation",
        ),
        bands(GLASGOW_COMA_SCORE, {"<6": 4, "6-9": 3, "10-12": 2, "13-14": 1, "15": 0}),
        worst_of(CREATININE_POINTS, bands(URINE_OUTPUT, {"<200": 4, "200-499": 3, "≥500": 0}), name="kidneys"),
    ],
    inputs=[
        SYSTOLIC.optional(),
        DIASTOLIC.optional(),
        CREATININE.optional(),
        GLASGOW_COMA_SCORE.assuming(15),
        HEMODIALYSIS,  # does not score
    ],
    alternatives=[
        Convention(
            "PaO₂/FiO₂ of 100 to 199 scores 3 also without support",
            {"respiration": respiration({"<200": 3, "200-299": 2, "300-399": 1, "≥400": 0})},
        )
    ],
    defects=[
        Defect(
            "takes FiO₂ in percent for a fraction, so that PaO₂/FiO₂ is always below 100",
            {"respiration": either(VENTILATED, always(4), either(CPAP, always(0), always(2)), name="respiration")},
        ),
        Defect(
            "gives 2 points for dopamine up to 5, even none, before it looks at other drugs",
            {"circulation": circulation_original()},
        ),
        Defect(
            "gives no point for kidneys where creatinine and urine output are both given, and 3 at most for urine output",
            {
                "kidneys": either(
                    given(CREATININE),
                    either(given(URINE_OUTPUT), always(0), CREATININE_POINTS),
                    bands(URINE_OUTPUT, {"<500": 3, "≥500": 0}),
                    name="kidneys",
                )
            },
        ),
    ],
    conversion_defect=IN_MG_PER_DL,
)
