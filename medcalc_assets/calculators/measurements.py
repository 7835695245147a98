"""What is measured of patients and asked for by more than one calculator: unit, substance, and the range seen alive."""

from __future__ import annotations

from dataclasses import replace

from medcalc_assets.calculators.inputs import LARGEST, Quantity, category, flag

ZERO_OR_MORE = (0.0, LARGEST)
PERCENT = (0.0, 100.0)

AGE = Quantity("age", "years", whole=True, possible=(0, 130), plausible=(0, 120))
ADULT_AGE = replace(AGE, applies=(18, LARGEST, "but the equation is made for adults"))
SEX = category("sex", "Male", "Female", also={"m": "Male", "man": "Male", "f": "Female", "woman": "Female"})
WEIGHT = Quantity("weight", "kg", plausible=(0.3, 635))
HEIGHT = Quantity("height", "cm", plausible=(20, 272))
BODY_MASS_INDEX = Quantity("Body Mass Index (BMI)", "kg/m²", aliases=("bmi",), plausible=(8, 120))

HEART_RATE = Quantity("Heart Rate or Pulse", "/min", aliases=("hr", "pulse", "heart_rate"), plausible=(10, 350))
RESPIRATORY_RATE = Quantity("respiratory rate", "/min", aliases=("rr",), possible=ZERO_OR_MORE, plausible=(0, 120))
SYSTOLIC = Quantity(
    "Systolic Blood Pressure", "mm Hg", aliases=("sbp",), plausible=(20, 350), exceeds="Diastolic Blood Pressure"
)
DIASTOLIC = Quantity("Diastolic Blood Pressure", "mm Hg", aliases=("dbp",), plausible=(5, 250))
TEMPERATURE = Quantity("Temperature", "°C", aliases=("temp",), possible=(-273.15, LARGEST), plausible=(20, 47))

SODIUM = Quantity("Sodium", "mEq/L", aliases=("na",), substance="sodium", plausible=(90, 210))
POTASSIUM = Quantity("Potassium", "mEq/L", aliases=("k",), substance="potassium", plausible=(1, 12))
CHLORIDE = Quantity("Chloride", "mEq/L", aliases=("cl",), substance="chloride", plausible=(50, 170))
BICARBONATE = Quantity("Bicarbonate", "mEq/L", aliases=("hco3",), substance="bicarbonate", plausible=(1, 70))
ALBUMIN = Quantity("Albumin", "g/dL", aliases=("alb",), plausible=(0.3, 7.5))
CREATININE = Quantity("creatinine", "mg/dL", aliases=("cr",), substance="creatinine", plausible=(0.1, 30), si="µmol/L")
UREA_NITROGEN = Quantity(
    "Blood Urea Nitrogen (BUN)", "mg/dL", aliases=("bun",), substance="urea nitrogen", plausible=(1, 300), si="mmol/L"
)
GLUCOSE = Quantity("Glucose", "mg/dL", aliases=("glu",), substance="glucose", plausible=(10, 3000), si="mmol/L")
BILIRUBIN = Quantity("Bilirubin", "mg/dL", aliases=("bili",), substance="bilirubin", plausible=(0.03, 80), si="µmol/L")
TOTAL_CHOLESTEROL = Quantity(
    "Total cholesterol",
    "mg/dL",
    aliases=("tc", "cholesterol"),
    substance="cholesterol",
    plausible=(30, 1500),
    exceeds="high-density lipoprotein cholesterol",
)
HDL_CHOLESTEROL = Quantity(
    "high-density lipoprotein cholesterol", "mg/dL", aliases=("hdl",), substance="cholesterol", plausible=(1, 200)
)
INR = Quantity("international normalized ratio", aliases=("inr",), plausible=(0.5, 30))
PH = Quantity("pH", possible=(0, 14), plausible=(6.3, 8))
PAO2 = Quantity(
    "Partial pressure of oxygen (PaO₂) for Apache II", "mm Hg", title="PaO₂", aliases=("pao2",), plausible=(10, 760)
)
FIO2 = Quantity("FiO₂", "%", aliases=("fio2",), possible=PERCENT, plausible=(20, 100))
OXYGEN_SATURATION = Quantity("O₂ saturation percentage", "%", aliases=("spo2",), possible=PERCENT, plausible=(20, 100))
HEMATOCRIT = Quantity("Hematocrit", "%", aliases=("hct",), possible=PERCENT, plausible=(5, 80))
PLATELETS = Quantity("Platelet count", "/µL", aliases=("plt", "platelets"), plausible=(500, 5e6))
WHITE_CELLS = Quantity("White blood cell count", "/µL", aliases=("wbc",), possible=ZERO_OR_MORE, plausible=(10, 1e6))
GLASGOW_COMA_SCORE = Quantity("Glasgow Coma Score", aliases=("gcs",), possible=(3, 15))

HEART_FAILURE = flag("Congestive Heart Faliure", "chf", "heart_failure", title="Congestive heart failure")
HYPERTENSION = flag("Hypertension history", "hypertension", "htn")
TRANSIENT_ISCHEMIC_ATTACK = flag("Transient Ischemic Attacks History", "tia")
PREVIOUS_DVT = flag("Previously documented Deep Vein Thrombosis", "previous_dvt", "dvt")
PREVIOUS_PE = flag("Previously Documented Pulmonary Embolism", "previous_pe", "pe")
HEMODIALYSIS = flag("Continuous veno-venous hemodialysis for ≥24 hours in the past week", "cvvhd")
