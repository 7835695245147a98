"""The words of notes: how they name quantities, results, patients and times; and what values are usual.

Data for `note_checks`. Every repeat in a pattern is bounded: notes are untrusted.
"""

from __future__ import annotations

import re


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", re.IGNORECASE)


_TO_PAIR = (
    r"(?:[\s:=,~≈-]|\b(?:was|is|of|at|to|be|only|found|noted|recorded|measured|reading|around|about|approximately|a|on|"
    r"admission|arrival|presentation|elevated|increased|decreased|low|high|normal|fell|rose|dropped)\b){0,12}"
)
"""Between a blood pressure and its two numbers: nothing that makes a goal, a dose or a date of them."""
NAMES = {
    name: _words(pattern)
    for name, pattern in {
        "age": r"aged?",
        "weight": r"(?:body\s)?weight|weigh(?:s|ed|ing)",
        "height": r"height|tall",
        "Body Mass Index (BMI)": r"BMI|body mass index(?: \(BMI\))?",
        "Heart Rate or Pulse": r"heart rate|pulse(?: rate)?|HR",
        "respiratory rate": r"respiratory rate|respirations?|RR",
        "Temperature": r"temperature|temp",
        "Systolic Blood Pressure": r"blood pressure(?: \(BP\))?|BP|systolic blood pressure|SBP",
        "Diastolic Blood Pressure": rf"(?:blood pressure|BP)(?: \(BP\))?{_TO_PAIR}(?:[5-9]|1\d|2\d)\d\s?/"
        r"(?=\s?\d{2,3}(?![\d/]))|diastolic (?:arterial )?(?:blood pressure|BP)|DBP",
        "Sodium": r"sodium|Na\+?|natrium",
        "Potassium": r"potassium|K\+",
        "Chloride": r"chloride|Cl[-−–]?",
        "Bicarbonate": r"bicarbonate|HCO3[-−–]?",
        "Albumin": r"albumin",
        "Calcium": r"calcium|Ca(?:2\+|\+\+)?",
        "creatinine": r"creatinine|Cr|sCr",
        "Pre-operative creatinine": r"creatinine|Cr|sCr",
        "Blood Urea Nitrogen (BUN)": r"blood urea nitrogen(?: \(BUN\))?|BUN|urea nitrogen",
        "Glucose": r"glucose|blood sugar",
        "Bilirubin": r"(?:total )?bilirubin",
        "Total cholesterol": r"(?:total |serum )cholesterol",
        "high-density lipoprotein cholesterol": r"high[- ]density lipoprotein(?:[- ]cholesterol)?(?: \(HDL(?:-C)?\))?|"
        r"HDL(?:-C)?",
        "Triglycerides": r"triglycerides?|TG",
        "Insulin": r"insulin",
        "international normalized ratio": r"international normali[sz]ed ratio(?: \(INR\))?|INR",
        "Platelet count": r"platelets?(?: counts?)?|PLT",
        "White blood cell count": r"white (?:blood )?cells?(?: counts?)?|WBCs?|leu[ck]ocytes?(?: counts?)?|TLC|white count",
        "Hemoglobin": r"ha?emoglobin(?: \((?:Hb|Hgb)\))?|Hb|Hgb",
        "Hematocrit": r"ha?ematocrit|Hct",
        "Aspartate aminotransferase": r"aspartate (?:amino)?transaminase|aspartate aminotransferase|AST|SGOT",
        "Alanine aminotransferase": r"alanine (?:amino)?transaminase|alanine aminotransferase|ALT|SGPT",
        "Partial pressure of oxygen (PaO₂) for Apache II": r"PaO2|PO2|partial pressure of oxygen",
        "FiO₂": r"FiO2",
        "pH": r"pH",
        "Urine sodium": r"urin(?:e|ary) sodium",
        "Urine creatinine": r"urin(?:e|ary) creatinine",
        "Glasgow Coma Score": r"Glasgow Coma (?:Score|Scale)(?: \(GCS\))?|GCS",
        "QT interval": r"QT(?: interval)?",
    }.items()
}
"""By entity: how notes name it where its value follows."""

OTHERWISE = re.compile(
    r"(?:urin(?:e|ary)|CSF|cerebrospinal|pleural|ascit\w{1,4}|fluid|dialysate|sweat|ioni[sz]ed|corrected|direct|indirect|"
    r"diastolic|conjugated|unconjugated|(?:very |low|non|\w)[- ]?high|low|normal|previous|baseline|birth|ideal|fetal|"
    r"maternal|mother\w{0,2}|father\w{0,2}|glycated|glycosylated|pre|24[- ]h\w{0,4}|spot|clearance|lost|loss|"
    r"gain\w{0,3}|fractional)\W{0,3}(?:serum |blood |plasma |total )?$",
    re.IGNORECASE,
)
"""What makes another quantity of the words that follow."""
ASSESSED = frozenset({"Glasgow Coma Score"})
"""Scores that a note may give as what was found at the bedside, in whatever words: a number that it lacks tells nothing."""
PRESSURES = {"Systolic Blood Pressure", "Diastolic Blood Pressure"}
SIZES = {"age": "years", "weight": "kg", "height": "cm"}
"""What is given in no other unit than those that convert to this one: of "160 cm tall and 48 kg", kg is no height."""

GFR = r"e?GFR|(?:estimated )?glomerular filtration rate(?: \(e?GFR\))?"
RESULTS = {
    name: _words(pattern)
    for name, pattern in {
        "LDL Calculated": r"low[- ]density lipoprotein(?:[- ]cholesterol)?(?: \(LDL(?:-C)?\))?|"
        r"LDL(?:-C)?(?:[- ]cholesterol)?",
        "HOMA-IR (Homeostatic Model Assessment for Insulin Resistance)": r"HOMA(?:-IR)?|homeosta(?:sis|tic) model "
        r"assessment(?: (?:of|for) insulin resistance)?",
        "Anion Gap": r"anion gap(?: \(AG\))?|AG",
        "Albumin Corrected Anion Gap": r"(?:albumin[- ])?corrected anion gap",
        "Delta Gap": r"delta gap",
        "Delta Ratio": r"delta ratio|delta[- ]delta(?: ratio)?",
        "Serum Osmolality": r"(?:serum|plasma) osmolal?[ri]t?i?t?y",
        "Calcium Correction for Hypoalbuminemia": r"corrected (?:serum )?calcium",
        "Sodium Correction for Hyperglycemia": r"corrected (?:serum )?sodium",
        "Body Mass Index (BMI)": r"BMI|body mass index(?: \(BMI\))?",
        "Body Surface Area Calculator": r"BSA|body surface area(?: \(BSA\))?",
        "Mean Arterial Pressure (MAP)": r"mean arterial (?:blood )?pressure(?: \(MAP\))?",
        "Glasgow Coma Score (GCS)": r"Glasgow Coma (?:Score|Scale)(?: \(GCS\))?|GCS",
        "Fractional Excretion of Sodium (FENa)": r"fractional excretion of (?:urinary )?sodium(?: \(FENa\))?|FENa",
        "MELD Na (UNOS/OPTN)": r"MELD[- ]?Na(?: score)?",
        "Child-Pugh Score for Cirrhosis Mortality": r"Child[- ]Pugh(?: score)?",
        "Free Water Deficit": r"free water deficit",
        "Creatinine Clearance (Cockcroft-Gault Equation)": r"creatinine clearance",
        "CKD-EPI Equations for Glomerular Filtration Rate": GFR,
        "MDRD GFR Equation": GFR,
        "APACHE II Score": r"APACHE II(?: score)?",
        "Sequential Organ Failure Assessment (SOFA) Score": r"SOFA(?: score)?",
        "Charlson Comorbidity Index (CCI)": r"Charlson comorbidity index(?: \(CCI\))?",
        "Fibrosis-4 (FIB-4) Index for Liver Fibrosis": r"FIB-?4(?: (?:score|index))?",
        "PSI Score: Pneumonia Severity Index for CAP": r"pneumonia severity index(?: \(PSI\))?",
        "CURB-65 Score for Pneumonia Severity": r"CURB-?65(?: score)?",
    }.items()
}
"""By formula or calculator: how notes name its result where the value follows."""

SUBSTANCE_OF_RESULT = {"LDL Calculated": "cholesterol", "Calcium Correction for Hypoalbuminemia": "calcium"}

USUAL = {
    "Diastolic Blood Pressure": (15, 200),
    "Albumin": (1.0, 6.0),
    "Sodium": (100, 190),
    "Potassium": (1.5, 10),
    "Chloride": (60, 150),
    "Bicarbonate": (2, 60),
    "Calcium": (4, 20),
    "creatinine": (0.2, 20),
    "Bilirubin": (0.1, 60),
    "Blood Urea Nitrogen (BUN)": (2, 250),
    "Glucose": (15, 2000),
    "Platelet count": (2_000, 3e6),
    "White blood cell count": (100, 5e5),
    "Hemoglobin": (2, 25),
    "Total cholesterol": (50, 1000),
    "high-density lipoprotein cholesterol": (5, 150),
    "Triglycerides": (15, 5000),
}
"""Where values of the sick are, in the unit of the input: a number outside, and inside in another unit, is in that one."""

MEANT = {
    "creatinine": ("µmol/L",),
    "Bilirubin": ("µmol/L",),
    "Blood Urea Nitrogen (BUN)": ("mmol/L",),
    "Glucose": ("mmol/L",),
    "Calcium": ("mmol/L",),
    "Albumin": ("g/L",),
    "Platelet count": ("10^3/µL",),
    "White blood cell count": ("10^3/µL",),
    "Total cholesterol": ("mmol/L",),
    "high-density lipoprotein cholesterol": ("mmol/L",),
    "Triglycerides": ("mmol/L",),
}
"""Other units in which the quantity is usually given, besides that of the input."""

UREA_PER_NITROGEN = 60.06 / 28.014
"""Mass of urea by that of the nitrogen in it: 2.14."""
UREA = _words(r"(?:blood |serum |plasma )?urea")
NITROGEN = re.compile(r"\s*(?:-\s*)?(?:N\b|nitrogen)", re.IGNORECASE)

LOST = re.compile(
    r"\b(?:los(?:t|s|ing|es)|gain(?:ed|s)?|decrease[ds]?|drop(?:ped)?|reduction|birth)(?![A-Za-z])[^.;:\d]{0,30}$",
    re.IGNORECASE,
)
NEWBORN = re.compile(r"\b(?:neonate|newborn|(?:\d|1\d|2[0-8])[- ](?:hours?|days?)[- ]old)\b", re.IGNORECASE)
"""Of whom the weight at birth is the weight."""
LOST_AFTER = re.compile(r"[.\s]{1,2}(?:of )?(?:unintentional |unintended )?weight (?:loss|gain)\b", re.IGNORECASE)

ADULTS = dict.fromkeys((2, 3, 4, 8, 9, 16, 17, 18, 19, 25, 27, 28, 29, 32, 36, 43, 45, 48, 49, 51), 18.0)
YOUNGEST = ADULTS | {10: 15.0, 20: 3.0, 23: 12.0, 46: 30.0, 62: 15.0}
"""The age in years from which on a rule was made for patients, by calculator."""
OLD = re.compile(r"s?[- ]{0,2}(?:old|of age)\b", re.IGNORECASE)
ANIMAL = re.compile(
    r"[- ]old\b(?:(?!\b(?:with|who|man|woman|boy|girl|by|from)\b)(?:[^.;\n]|\.\d)){0,80}?"
    r"\b(dog|bitch|cat|kitten|puppy|horse|mare|foal|stallion|gelding|cow|calf|goat|sheep|ewe|ferret|rabbit)\b",
    re.IGNORECASE,
)
"""What follows the age of a patient that is an animal."""
NEAR_THE_BEGINNING = 600

LATER = re.compile(
    r"\b(?:(?:hours?|days?|weeks?|months?|years?) (?:later|after|following|post)|later|after|(?<!the )follow(?:ed|ing|-up)|"
    r"discharge[d]?|day \d|post[- ]?operative(?:ly)?|subsequent(?:ly)?|repeat(?:ed)?|next|then|increased|decreased|rose|"
    r"fell|dropped|improved|normali[sz]ed|previous(?:ly)?|prior|before|ago|baseline|initial(?:ly)?)\b",
    re.IGNORECASE,
)
"""Words that put a value at another time than the rest."""

NOT_THIS_RESULT = re.compile(
    r"(?:very|v|urin(?:e|ary)|osmolar|corrected|ideal|normal|max(?:imum|imal)|total|delta)[- ]?$",
    re.IGNORECASE,
)
CORRECTED = re.compile(r"\s?(?:after|when|once|if)\s(?:being\s)?correct", re.IGNORECASE)
LISTED = re.compile(r"[^.;\d]{0,20}?\b(?:were|was|of|levels?)\b[ :]{1,3}", re.IGNORECASE)
BETWEEN = re.compile(r"[\s,]{0,3}(?:and )?[\s]?")
REFERENCE = re.compile(r"\s?[(\[][^()\[\]]{0,40}[)\]]")
