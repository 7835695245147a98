"""The registry, and what is true of every page of it."""

import re

import pytest

from medcalc_assets.calculators import BY_SLUG, CALCULATORS, KEYS, parse_inputs
from medcalc_assets.calculators.inputs import Choice, Quantity
from medcalc_assets.calculators.units import conversion
from medcalc_assets.labels.value import number

ALL = pytest.mark.parametrize("calculator", CALCULATORS.values(), ids=lambda c: c.slug)


def test_there_are_55_calculators_in_order_of_their_ids():
    assert len(CALCULATORS) == len(BY_SLUG) == len(KEYS) == len(set(KEYS))
    assert list(CALCULATORS) == sorted(CALCULATORS)
    assert all(BY_SLUG[c.slug] is c is CALCULATORS[id] for id, c in CALCULATORS.items())


@ALL
def test_a_calculator_says_what_it_is_and_where_it_comes_from(calculator):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", calculator.slug)
    assert calculator.name
    assert calculator.source
    assert calculator.output_type in {"decimal", "integer", "date"}
    assert calculator.range[0] <= calculator.range[1]


@ALL
def test_every_input_has_a_name_of_its_own_for_the_command_line(calculator):
    names = [name.casefold() for i in calculator.inputs for name in set(map(str.casefold, i.names))]
    assert sorted(names) == sorted(set(names))
    assert all(any(re.fullmatch(r"\w{1,24}", name) for name in i.names) for i in calculator.inputs if i.required)


@ALL
def test_the_unit_of_every_input_is_a_unit(calculator):
    for source in calculator.inputs:
        if isinstance(source, Quantity) and source.unit:
            assert conversion(f"{source.unit}", source.unit, source.substance)(2.0) == 2.0
            assert conversion(source.unit.replace(" ", ""), source.unit)(2.0) == 2.0
        if isinstance(source, Choice):
            assert all(spelling == spelling.casefold() for spelling in source.spellings)


@ALL
def test_alternatives_and_defects_differ_from_the_published_rule_by_name(calculator):
    names = [rule.name for rule in calculator.alternatives]
    notes = [rule.name for rule in calculator.defects]
    assert len(set(names)) == len(names)
    assert len(set(notes)) == len(notes)


@pytest.mark.parametrize(
    ("id", "entities", "published", "others"),
    [
        (9, "sex=Male, age=50, creatinine=1, race=Black", 95.86, [79.09]),
        (13, "lmp=01/31/2023, cycle=28", "11/07/2023", ["11/07/2023"]),
        (13, "lmp=05/31/2023, cycle=30", "03/08/2024", ["03/09/2024"]),  # three months back is 28 February
        (21, "eye=4, verbal=not testable, motor=6", None, [11, 15, 10]),
        (26, "na=130, glucose=600", 142, [138]),
        (33, "fever=yes", 1, [2]),
        (33, "fever=yes, no_cough=no", 1, [1]),
        (36, "age=20, sex=Male, bmi=20, dvt=yes, pe=yes", 3, [6]),
        (43, "pao2=50, fio2=50, platelets=200000, bili=1, cr=1", 2, [3]),
        (49, "methadone=10, methadone_per_day=2", 94, [80, 94]),
        (49, "methadone=10, methadone_per_day=4", 188, [320, 188]),
        (49, "methadone=20, methadone_per_day=3", 282, [600, 282]),
        (49, "methadone=20.5, methadone_per_day=3", 289.05, [738, 289.05]),
        (49, "hydromorphone=10, hydromorphone_per_day=1, tramadol=50, tramadol_per_day=1", 60, [45, 60]),
        (49, "fentanyl_patch=25, fentanyl_patch_per_day=3", 60, [60, 180]),
        (15, "bili=34.1umol/L, alb=4, inr=1", 6, [5]),
        (18, "history=0, age=50, smoking=yes", None, [2]),
        (18, "history=0, age=50, smoking=yes, ecg=2, troponin=1", 5, [5]),
        (20, "age=20, temp=37", 0, [1]),
        (20, "age=20, temp=37, no_cough=no", 0, [0]),
        (22, "weight=25", 65, [66.667]),
        (23, "cr=2, bili=3, inr=1.5, na=130, albumin=2.5, sex=Female", 26, [28]),
        (23, "cr=2, bili=3, inr=1.5, na=130, albumin=2.5, sex=Male", 26, [27]),
        (23, "cr=2, bili=3, inr=1.5, na=130, albumin=2.5, sex=Male, age=13", 26, [28]),
        (23, "cr=4, bili=1, inr=1, na=137, albumin=4, sex=Male", 20, [18]),
        (23, "cr=2, bili=3, inr=1.5, na=130", 26, [None]),
        (44, "tc=300, hdl=40, tg=500", None, [160]),
        (45, "confusion=no, bun=20, rr=16, sbp=120, dbp=80, age=50", 1, [0]),
        (45, "confusion=no, bun=7.1mmol/L, rr=16, sbp=120, dbp=80, age=50", 1, [1]),
        (68, "lmp=01/01/2023, cycle=30", "01/17/2023", [None]),
        (68, "lmp=01/01/2023", "01/15/2023", ["01/15/2023"]),
        (63, "na=140, cl=100, hco3=14", 14, [4]),
        (66, "na=140, cl=100, hco3=14, albumin=2", 19, [9]),
    ],
)
def test_another_convention_gives_another_answer(id, entities, published, others):
    calculator = CALCULATORS[id]
    given, _ = parse_inputs(calculator, entities.split(", "))

    def shown(rule):
        value = rule.evaluate(given).value
        return value if value is None else value.number if value.number is not None else str(value)

    rounded = pytest.approx(published, rel=1e-3) if isinstance(published, float) else published
    assert shown(calculator.published) == rounded
    found = [shown(rule) for rule in calculator.alternatives]
    assert found == [pytest.approx(other, rel=1e-3) if isinstance(other, float | int) else other for other in others]


SHOCK = (
    "age=40, rr=20, sbp={}, dbp={}, temp=37, hr=80, ph=7.4, na=140, k=4, cr=1, hct=40, wbc=8000, gcs=15, fio2=21, pao2=80"
)
PNEUMONIA = "age=50, sex=Male, rr=20, sbp=120, temp=37, hr=80, bun=10, na=140, glucose=100, hct=40"


@pytest.mark.parametrize(
    ("id", "entities", "published", "other"),
    [
        (28, SHOCK.format(88, 60), 2, 0),  # a mean of 69.3 lies between "50-69" and "70-109"
        (28, SHOCK.format(87, 60), 2, 2),
        (28, SHOCK.format(90, 60), 0, 0),
        (29, PNEUMONIA, None, 50),
        (29, f"{PNEUMONIA}, ph=7.4, pao2=80, spo2=89", 50, 60),
        (29, f"{PNEUMONIA}, ph=7.3, pao2=55, spo2=85", 90, 90),
    ],
)
def test_conventions_of_scores_of_many_inputs(id, entities, published, other):
    given, problems = parse_inputs(CALCULATORS[id], entities.split(", "))
    assert problems == ()
    values = [rule.evaluate(given).value for rule in (CALCULATORS[id].published, *CALCULATORS[id].alternatives)]
    assert [value and value.number for value in values] == [published, other]


def test_what_a_convention_takes_for_granted_is_recorded_as_an_assumption():
    given, _ = parse_inputs(CALCULATORS[29], PNEUMONIA.split(", "))
    (fine,) = CALCULATORS[29].alternatives
    assert {"pH: not given, taken as 7.4", "PaO₂: not given, taken as 90 mm Hg"} <= set(fine.evaluate(given).assumptions)
    conceived, _ = parse_inputs(CALCULATORS[68], ["lmp=01/01/2023"])
    assert CALCULATORS[68].published.evaluate(conceived).assumptions == ("cycle length: not given, taken as 28 days",)


def test_a_convention_says_whose_it_is_when_and_what_superseded_it():
    known = {rule.name: rule for calculator in CALCULATORS.values() for rule in calculator.alternatives}
    assert known["without the race coefficient"].cited == (
        "without the race coefficient (NKF-ASN Task Force on race and kidney, 2021)"
    )
    assert known["MELD 3.0 (OPTN 2023)"].cited == "MELD 3.0 (OPTN 2023)"
    old = known["CDC 2016 (superseded by CDC 2022)"]
    assert (old.convention.guideline, old.convention.year, old.convention.superseded_by) == ("CDC", 2016, "CDC 2022")
    assert CALCULATORS[49].superseded == {old.name}
    assert not any(c.superseded for c in CALCULATORS.values() if c.id != 49)


def test_bands_above_a_tenth_are_a_sign_of_systemic_inflammation(answer):
    assert [answer(51, f"temp=37, hr=80, rr=16, wbc=8000, bands={share}") for share in (10, 11)] == [0, 1]
    assert answer(51, "temp=37, hr=80, rr=16, wbc=8000") == 0


@pytest.mark.parametrize(
    ("id", "entities", "published", "original"),
    [
        (3, "sex=Male, age=50, creatinine=0.8", 107.82, 99.94),
        (7, "calcium=2.26mmol/L, albumin=4", 9.058, 8.0),
        (15, "bili=2, alb=2.8, inr=1, ascites=slight, encephalopathy=Grade 0", 8, 4),
        (17, "stroke=yes, pre_operative_creatinine=1", 1, 0),
        (20, "age=14 months, temp=39", None, 1),
        (21, "eye=4, verbal=5, motor=6", 15, 20),
        (21, "eye=4, verbal=not testable, motor=6", None, 18),
        (23, "cr=2, bili=3, inr=1.5, na=137", 22, 20),
        (27, "bun=10, hb=12, sex=Female, sbp=120, hr=80", 0, 1),
        (32, "age=40, diabetes=None or diet-controlled, tumor=metastatic, liver=severe", 9, 3),
        (36, "age=80, sex=Male, bmi=30, stroke=yes", 9, 3),
        (43, "pao2=90, fio2=20, platelets=200000, bili=1, cr=3, urine=900", 2, 4),
        (46, "sex=Male, age=55, tc=190, hdl=45, sbp=130", 6.646, 0.0),
        (51, "temp=37, hr=80, rr=16, wbc=8000µL", 0, 2),
        (51, "temp=37, hr=80, rr=16, wbc=8000m^3", 0, 1),
    ],
)
def test_the_original_rule_differs_by_its_named_defects(id, entities, published, original):
    calculator = CALCULATORS[id]
    given, _ = parse_inputs(calculator, entities.split(", "))
    by_rule = (calculator.published.evaluate(given).value, calculator.original.evaluate(given).value)
    for value, expected in zip(by_rule, (published, original), strict=True):
        assert value == expected if expected is None else value.number == pytest.approx(expected, rel=1e-3)


def test_points_stand_for_grades_on_the_command_line():
    given, problems = parse_inputs(CALCULATORS[21], ["eye=4", "verbal=confused", "motor=6"])
    assert problems == ()
    assert given == {
        "Best eye response": "eyes open spontaneously",
        "Best verbal response": "confused",
        "Best motor response": "obeys commands",
    }
    assert CALCULATORS[21].published.evaluate(given).value == number(14)


@pytest.mark.parametrize(
    ("id", "argument", "entity"),
    [
        (3, "creatinine", "creatinine"),
        (3, "creatinin=1", "creatinin"),
        (3, "creatinine=low", "creatinine"),
        (3, "cr=1,2", None),
        (21, "eye=9", "Best eye response"),
        (4, "chf=maybe", "Congestive Heart Faliure"),
        (24, "from=much", "input steroid"),
    ],
)
def test_an_argument_that_is_not_understood_is_named(id, argument, entity):
    given, problems = parse_inputs(CALCULATORS[id], [argument])
    assert [p.entity for p in problems] == [entity] if entity else CALCULATORS[id].published.evaluate(given).problems


@pytest.mark.parametrize(
    ("id", "argument", "value"),
    [
        (3, "creatinine=.9", 0.9),
        (3, "age=50y", 50),
        (3, "age=30mo", 2),
        (3, "sex=woman", "Female"),
        (3, "sex=F", "Female"),
        (3, "sex=man", "Male"),
        (21, "eye=nt", "not testable"),
    ],
)
def test_what_a_person_types_in_a_hurry_is_understood(id, argument, value):
    given, problems = parse_inputs(CALCULATORS[id], [argument])
    assert not problems
    reading = CALCULATORS[id].reader.read(given)
    assert not reading.problems
    assert [reading.values[key] for key in given] == [value]


def test_drinks_that_are_not_given_are_not_counted(answer):
    assert answer(25, "age=70") == answer(25, "age=70, drinks=7") == 1


def test_an_argument_may_carry_its_unit():
    given, _ = parse_inputs(CALCULATORS[3], ["cr=80umol/L", "sex=m", "age=50"])
    assert given["creatinine"] == [80.0, "umol/L"]
    assert CALCULATORS[3].published.evaluate(given).value is not None
