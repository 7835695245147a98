"""MedCalc-Bench Verified, the line that its authors maintain (v1.1, v1.2 and on).

Its spellings: read in its one-shot file after the fixes of February 2026, and in the key maps of its code and of its later
rule book. Its categories (`lab test`, `dosage conversion`) are kept, as nothing goes by them; of its types of output (`date`
for a gestational age) the calculator's stands.
"""

from medcalc_assets.benchmarks.spec import BenchmarkVersion, Keys

HEART_FAILURE: Keys = {"Congestive Heart Failure": "Congestive Heart Faliure"}
DIABETES: Keys = {"Diabetes mellitus": "Diabetes mellitus criteria for CCI rule"}
UREA: Keys = dict.fromkeys(("BUN (mmol/L)", "Urea", "Urea (mmol/L)"), "Blood Urea Nitrogen (BUN)")
QT: Keys = {"QT Interval (msec)": "QT interval"}

VERIFIED = BenchmarkVersion(
    name="Verified",
    title="MedCalc-Bench Verified",
    address="https://github.com/nikhilk7153/MedCalc-Bench-Verified",
    splits={"test": 1_100, "train": 10_538, "one-shot examples": 55},
    calculators={"Estimated Date of Conception": 68, "Glasgow-Blatchford Bleeding Score (Urea, mmol/L)": 27},
    keys={
        4: HEART_FAILURE,
        10: {"weight": None},
        11: QT,
        16: {"Bedridden recently >3 days": "Bedridden recently >3 days or major surgery within 12 weeks"},
        17: {"age": None},
        18: DIABETES,
        27: UREA,
        29: HEART_FAILURE
        | {
            "Liver disease history": "Liver disease severity",
            "Partial pressure of oxygen": "Partial pressure of oxygen (PaO₂) for Apache II",
            "Renal disease history": "Renal disease",
        },
        30: UREA,
        32: HEART_FAILURE | DIABETES | {"Chronic Pulmonary Disease": "Chronic Obstructive Pulmonary Disease"},
        33: {"Symptom onset <=3 days": "Symptom onset ≤3 days"},
        43: {"Continuous positive airway pressure": "Continous positive airway pressure"},
        45: UREA,
        56: QT,
        57: QT,
        58: QT,
        59: QT,
    },
    in_unit=dict.fromkeys(UREA, "mmol/L"),  # of amounts both are the same; a mass of urea is 2.14 times that of its nitrogen
    declares={
        23: "MELD 3.0 (OPTN 2023)",
        45: "BUN above 20 mg/dL",
        68: "LMP + 14 days where the question names no cycle length",
    },
)
