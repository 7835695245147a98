"""Venous thromboembolism: how likely it is, and who is at risk of it."""

from __future__ import annotations

from medcalc_assets.calculators.calculator import Convention, Defect, score
from medcalc_assets.calculators.measurements import (
    AGE,
    BODY_MASS_INDEX,
    HEART_RATE,
    OXYGEN_SATURATION,
    PREVIOUS_DVT,
    PREVIOUS_PE,
    SEX,
)
from medcalc_assets.calculators.rules import above, any_of, at_least, bands, below, graded, present

HEMOPTYSIS = present("Hemoptysis")

wells_pulmonary_embolism = score(
    8,
    "Wells' Criteria for Pulmonary Embolism",
    "Wells PS et al. Thromb Haemost 2000;83:416",
    slug="wells_pulmonary_embolism",
    range=(0, 12.5),
    output_type="decimal",
    criteria=[
        present("Clinical signs and symptoms of Deep Vein Thrombosis", 3, "dvt_signs", "signs"),
        present("Pulmonary Embolism is #1 diagnosis OR equally likely", 3, "pe_likely", "likely"),
        above(HEART_RATE, 100, 1.5),
        any_of(
            present("Immobilization for at least 3 days", 1, "immobilized", "immobilization"),
            present("Surgery in the previous 4 weeks", 1, "surgery"),
            points=1.5,
        ),
        any_of(present(PREVIOUS_PE), present(PREVIOUS_DVT), points=1.5),
        HEMOPTYSIS,
        present("Malignancy with treatment within 6 months or palliative", 1, "malignancy", "cancer"),
    ],
)

wells_deep_vein_thrombosis = score(
    16,
    "Wells' Criteria for DVT",
    "Wells PS et al. N Engl J Med 2003;349:1227",
    slug="wells_deep_vein_thrombosis",
    range=(-2, 9),
    criteria=[
        present("Active cancer", 1, "cancer"),
        any_of(
            present("Bedridden recently >3 days or major surgery within 12 weeks", 1, "bedridden"),
            present("Major surgery within 12 weeks", 1, "surgery"),
        ),
        present("Calf swelling >3 centimeters compared to the other leg", 1, "calf"),
        present(
            "Collateral (nonvaricose) superficial veins present",
            1,
            "collateral_veins",
            "collaterals",
            title="Collateral (nonvaricose) superficial veins",
        ),
        present("Entire Leg Swollen", 1, "leg_swollen", "leg"),
        present("Localized tenderness along the deep venous system", 1, "tenderness"),
        present("Pitting edema, confined to symptomatic leg", 1, "edema"),
        present("Paralysis, paresis, or recent plaster immobilization of the lower extremity", 1, "paralysis", "plaster"),
        present(PREVIOUS_DVT),
        present("Alternative diagnosis to Deep Vein Thrombosis as likely or more likely", -2, "alternative"),
    ],
)

perc_rule = score(
    48,
    "PERC Rule for Pulmonary Embolism",
    "Kline JA et al. J Thromb Haemost 2004;2:1247",
    slug="perc_rule",
    range=(0, 8),
    criteria=[
        at_least(AGE, 50),
        at_least(HEART_RATE, 100),
        below(OXYGEN_SATURATION, 95),
        present("Unilateral Leg Swelling", 1, "leg_swelling", "swelling"),
        HEMOPTYSIS,
        present("Recent surgery or trauma", 1, "surgery", "trauma"),
        any_of(present(PREVIOUS_PE), present(PREVIOUS_DVT)),
        present("Hormone use", 1, "hormones"),
    ],
)

CAPRINI_FINDINGS = [
    present("Major Surgery in the last month", 1, "recent_surgery"),
    present("Congestive Heart Failure in the last month", 1, "chf", "heart_failure"),
    present("Sepsis in the last month", 1, "sepsis"),
    present("Pneumonia in the last month", 1, "pneumonia"),
    present("Immobilizing plaster cast in the last month", 2, "cast"),
    present("Hip, pelvis, or leg fracture in the last month", 5, "fracture"),
    present("Stroke in the last month", 5, "stroke"),
    present("Multiple trauma in the last month", 5, "trauma"),
    present("Acute spinal cord injury causing paralysis in the last month", 5, "spinal_cord_injury", "paralysis"),
    present("Varicose veins"),
    present("Current swollen legs", 1, "swollen_legs"),
    present("Current central venous access", 2, "central_line"),
    any_of(present(PREVIOUS_DVT), present(PREVIOUS_PE), points=3, name="history of DVT or PE"),
    present("Family history of thrombosis", 3, "family_history", "family"),
    present("Positive Factor V Leiden", 3, "factor_v_leiden"),
    present("Positive prothrombin 20210A", 3, "prothrombin"),
    present("Elevated serum homocysteine", 3, "homocysteine"),
    present("Positive lupus anticoagulant", 3, "lupus_anticoagulant", "lupus"),
    present("Elevated anticardiolipin antibody", 3, "anticardiolipin"),
    present("Heparin-induced thrombocytopenia", 3, "hit"),
    present("Other congenital or acquired thrombophilia", 3, "thrombophilia"),
    present("History of inflammatory bowel disease", 1, "ibd"),
    above(BODY_MASS_INDEX, 25),
    present("Acute Myocardial infarction", 1, "mi"),
    present("Chronic Obstructive Pulmonary Disease", 1, "copd"),
    present("Present or previous malignancy", 2, "malignancy", "cancer"),
]

caprini = score(
    36,
    "Caprini Score for Venous Thromboembolism (2005)",
    "Caprini JA. Dis Mon 2005;51:70",
    slug="caprini",
    range=(0, 80),
    criteria=[
        bands(AGE, {"≤40": 0, "41-60": 1, "61-74": 2, "≥75": 3}),
        graded(
            "Surgery Type",
            {
                "minor": 1,
                "major": 2,
                "laparoscopic": 2,
                "arthroscopic": 2,
                "elective major lower extremity arthroplasty": 5,
            },
            "surgery",
            unstated=0,
        ),
        graded("Mobility", {"normal": 0, "on bed rest": 1, "confined to bed >72 hours": 2}, unstated=0),
        *CAPRINI_FINDINGS,
    ],
    inputs=[SEX],  # the items for women (pregnancy, hormones) are not in the data
    alternatives=[
        Convention(
            "DVT and PE counted separately",
            {"history of DVT or PE": (present(PREVIOUS_DVT, 3), present(PREVIOUS_PE, 3))},
            guideline="MedCalc-Bench Verified",
        )
    ],
    defects=[Defect("adds none of the yes-or-no items and not the BMI", {c.name: () for c in CAPRINI_FINDINGS})],
)
