"""The risk and the severity of bleeding."""

from __future__ import annotations

from medcalc_assets.calculators.calculator import Defect, score
from medcalc_assets.calculators.inputs import Quantity
from medcalc_assets.calculators.measurements import (
    AGE,
    HEART_RATE,
    HYPERTENSION,
    SEX,
    SYSTOLIC,
    UREA_NITROGEN,
    ZERO_OR_MORE,
)
from medcalc_assets.calculators.rules import Criterion, above, at_least, bands, either, one_of, present

DRINKS = Quantity(
    "Number of Alcoholic Drinks Per Week",
    aliases=("drinks", "alcohol"),
    possible=ZERO_OR_MORE,
    plausible=(0, 300),
    default=None,
)

has_bled = score(
    25,
    "HAS-BLED Score for Major Bleeding Risk",
    "Pisters R et al. Chest 2010;138:1093",
    slug="has_bled",
    range=(0, 9),
    criteria=[
        # the data know no more than a history
        present(HYPERTENSION, asks="Any history of hypertension (the paper: uncontrolled, systolic > 160 mm Hg)"),
        present("Renal disease criteria for the HAS-BLED rule", 1, "renal", title="Renal disease"),
        present("Liver disease criteria for the HAS-BLED rule", 1, "liver", title="Liver disease"),
        present("Stroke"),
        present("Prior major bleeding or predisposition to bleeding", 1, "bleeding"),
        present("Labile international normalized ratio", 1, "labile_inr", "labile"),
        above(AGE, 65),
        present("Medication usage predisposing to bleeding", 1, "drugs", "medication"),
        at_least(DRINKS, 8),
    ],
)

HEMOGLOBIN = Quantity("Hemoglobin", "g/dL", aliases=("hb", "hgb"), plausible=(1.5, 27))


def by_sex(men: dict[str, float | None], women: dict[str, float | None]) -> Criterion:
    return either(one_of(SEX, "Male"), bands(HEMOGLOBIN, men), bands(HEMOGLOBIN, women), name="Hemoglobin")


glasgow_blatchford = score(
    27,
    "Glasgow-Blatchford Bleeding Score (GBS)",
    "Blatchford O et al. Lancet 2000;356:1318",
    slug="glasgow_blatchford",
    range=(0, 23),
    criteria=[
        bands(UREA_NITROGEN, {"<18.2": 0, "18.2-22.3": 2, "22.4-27.9": 3, "28-69.9": 4, "≥70": 6}),
        by_sex(
            men={"<10": 6, "10-11.9": 3, "12-12.9": 1, "≥13": 0},
            women={"<10": 6, "10-11.9": 1, "≥12": 0},
        ),
        bands(SYSTOLIC, {"<90": 3, "90-99": 2, "100-109": 1, "≥110": 0}),
        at_least(HEART_RATE, 100),
        present("Melena present", 1, "melena", title="Melena"),
        present("Recent syncope", 2, "syncope"),
        present("Hepatic disease history", 2, "liver"),
        present("Cardiac failure present", 2, "heart_failure", "chf", title="Cardiac failure"),
    ],
    defects=[
        Defect(
            "puts a hemoglobin on the edge of two bands into the lower one",
            {
                "Hemoglobin": by_sex(
                    men={"<10": 6, "10-12": 3, ">12": 1, ">13": 0},
                    women={"<10": 6, "10-12": 1, ">12": 0},
                )
            },
        )
    ],
)
