"""Sore throat, pneumonia, and the systemic response to infection."""

from __future__ import annotations

from typing import Any

from medcalc_assets.calculators.calculator import IN_MG_PER_DL, MISREAD_CELSIUS, Convention, Defect, score
from medcalc_assets.calculators.inputs import Quantity, flag
from medcalc_assets.calculators.measurements import (
    AGE,
    DIASTOLIC,
    GLUCOSE,
    HEART_FAILURE,
    HEART_RATE,
    HEMATOCRIT,
    OXYGEN_SATURATION,
    PAO2,
    PERCENT,
    PH,
    RESPIRATORY_RATE,
    SEX,
    SODIUM,
    SYSTOLIC,
    TEMPERATURE,
    UREA_NITROGEN,
    WHITE_CELLS,
)
from medcalc_assets.calculators.rules import (
    above,
    always,
    any_of,
    at_least,
    at_most,
    bands,
    below,
    not_denied,
    one_of,
    present,
    value_of,
)

COUGH_UNMENTIONED = "a cough that is not mentioned is absent"

centor = score(
    20,
    "Centor Score (Modified/McIsaac) for Strep Pharyngitis",
    "McIsaac WJ et al. CMAJ 1998;158:75",
    slug="centor_mcisaac",
    range=(-1, 5),
    criteria=[
        bands(AGE, {"<3": None, "3-14": 1, "15-44": 0, "≥45": -1}),
        present("Exudate or swelling on tonsils", 1, "exudate"),
        present("Tender/swollen anterior cervical lymph nodes", 1, "nodes"),
        above(TEMPERATURE, 38),
        present("Cough Absent", 1, "no_cough", title="Absence of cough"),
    ],
    alternatives=[Convention(COUGH_UNMENTIONED, guideline="MedCalc-Bench before 2026", absent={"Cough Absent": True})],
    defects=[
        Defect(
            "scores children under 3 years, for whom the rule is not made",
            {
                "age": bands(AGE, {"<3": 0, "3-14": 1, "15-44": 0, "≥45": -1}),
            },
        )
    ],
)

NO_COUGH = flag("Absence of cough or coryza", "no_cough", default=None)

fever_pain = score(
    33,
    "FeverPAIN Score for Strep Pharyngitis",
    "Little P et al. BMJ 2013;347:f5806",
    slug="fever_pain",
    range=(0, 5),
    criteria=[
        present("Fever in past 24 hours", 1, "fever"),
        present("Purulent tonsils", 1, "purulence"),
        present("Symptom onset ≤3 days", 1, "onset"),
        present("Severe tonsil inflammation", 1, "inflammation"),
        present(NO_COUGH),
    ],
    # two items of the PECARN rule for head injury have strayed into the data
    inputs=[
        flag("Altered mental status for PECARN head injury criteria"),
        flag(
            "Occipital, parietal or temporal scalp hematoma; history of level of conciousness (LOC) ≥5 sec; "
            "not acting normally per parent or severe mechanism of injury?"
        ),
    ],
    alternatives=[
        Convention(COUGH_UNMENTIONED, {NO_COUGH.key: not_denied(NO_COUGH)}, guideline="MedCalc-Bench before 2026")
    ],
)

curb_65 = score(
    45,
    "CURB-65 Score for Pneumonia Severity",
    "Lim WS et al. Thorax 2003;58:377",
    slug="curb_65",
    range=(0, 5),
    criteria=[
        present("Confusion"),
        above(UREA_NITROGEN, 19, si=7),
        at_least(RESPIRATORY_RATE, 30),
        any_of(below(SYSTOLIC, 90), at_most(DIASTOLIC, 60)),
        at_least(AGE, 65),
    ],
    alternatives=[
        Convention(
            "BUN above 20 mg/dL",
            {UREA_NITROGEN.key: above(UREA_NITROGEN, 20, si=7)},
            guideline="US rendering of urea above 7 mmol/L, as in BMC Pulm Med",
            year=2014,
        )
    ],
    conversion_defect=IN_MG_PER_DL,
)

pneumonia_severity_index = score(
    29,
    "PSI Score: Pneumonia Severity Index for CAP",
    "Fine MJ et al. N Engl J Med 1997;336:243",
    slug="pneumonia_severity_index",
    range=(-10, 405),
    criteria=[
        value_of(AGE),
        one_of(SEX, "Female", -10),
        present("Nursing home resident", 10, "nursing_home"),
        present("Neoplastic disease", 30, "neoplasm", "cancer"),
        present("Liver disease severity", 20, "liver", title="Liver disease"),
        present(HEART_FAILURE, 10),
        present("Cerebrovascular disease history", 10, "cerebrovascular", "stroke"),
        present("Renal disease", 10, "renal"),
        present("Altered mental status", 20, "confusion"),
        at_least(RESPIRATORY_RATE, 30, 20),
        below(SYSTOLIC, 90, 20),
        bands(TEMPERATURE, {"<35": 15, "35-39.9": 0, "≥40": 15}),
        at_least(HEART_RATE, 125, 10),
        below(PH, 7.35, 30),
        at_least(UREA_NITROGEN, 30, 20, si=11),
        below(SODIUM, 130, 20),
        at_least(GLUCOSE, 250, 10, si=14),
        below(HEMATOCRIT, 30, 10),
        below(PAO2, 60, 10),
        present("Pleural effusion on x-ray", 10, "effusion"),
    ],
    alternatives=[
        Convention(
            "an unmeasured pH or PaO₂ counts as normal, and SpO₂ below 90% as PaO₂ below 60 mm Hg",
            {PAO2.name: any_of(below(PAO2, 60), below(OXYGEN_SATURATION.optional(), 90), points=10, name=PAO2.name)},
            guideline="Fine MJ et al. N Engl J Med",
            year=1997,
            absent={PH.key: 7.4, PAO2.key: 90.0},
        )
    ],
    inputs=[OXYGEN_SATURATION.optional()],
    conversion_defect=MISREAD_CELSIUS,
)

PACO2 = Quantity("PaCO₂", "mm Hg", aliases=("paco2",), plausible=(5, 250), default=None)


class WhiteCells(Quantity):
    """v1.0 counts them per m³, where "m^3" means mm³, and compares with limits per mm³."""

    read_differently = True

    def read_original(self, raw: Any) -> float:
        return self.read(raw) * (1 if raw[1] == "m^3" else 1e9)


BANDS = Quantity("Bands", "%", aliases=("immature",), title="Immature (band) forms", possible=PERCENT, default=None)

sirs = score(
    51,
    "SIRS Criteria",
    "Bone RC et al. Chest 1992;101:1644",
    slug="sirs",
    range=(0, 4),
    criteria=[
        any_of(above(TEMPERATURE, 38), below(TEMPERATURE, 36)),
        above(HEART_RATE, 90),
        any_of(above(RESPIRATORY_RATE, 20), below(PACO2, 32)),
        any_of(above(WHITE_CELLS, 12000), below(WHITE_CELLS, 4000), above(BANDS, 10)),
    ],
    inputs=[WhiteCells(**vars(WHITE_CELLS))],
    defects=[Defect("gives the point for heart rate in any case", {HEART_RATE.key: always(1)})],
    conversion_defect="compares white cells per m³ with limits per mm³",
)
