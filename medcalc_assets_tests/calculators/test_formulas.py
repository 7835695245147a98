"""Formulas against worked examples and hand computation. Comments show the arithmetic."""

import pytest


@pytest.mark.parametrize(
    ("id", "entities", "expected"),
    [
        # 2: actual weight if underweight (BMI 17.3), the lower of ideal and actual if normal, adjusted if BMI ≥ 25
        (2, "sex=Male, age=60, weight=50, height=170, creatinine=1", 80 * 50 / 72),
        (2, "sex=Male, age=60, weight=65, height=170, creatinine=1", 80 * 65 / 72),  # ideal is 65.937
        (2, "sex=Male, age=60, weight=70, height=170, creatinine=1", 80 * 65.937007874 / 72),
        (2, "sex=Male, age=60, weight=100, height=170, creatinine=1", 80 * (65.937007874 + 0.4 * 34.062992126) / 72),
        (2, "sex=Female, age=40, weight=50, height=160, creatinine=2", 100 * 50 * 0.85 / 144),
        # 3: Scr at κ gives 142 · 0.9938^age
        (3, "sex=Male, age=50, creatinine=0.9", 142 * 0.9938**50),
        (3, "sex=Female, age=50, creatinine=0.7", 142 * 0.9938**50 * 1.012),
        (3, "sex=Male, age=50, creatinine=0.45", 142 * 0.5**-0.302 * 0.9938**50),
        (3, "sex=Female, age=50, creatinine=0.35", 142 * 0.5**-0.241 * 0.9938**50 * 1.012),
        (3, "sex=Male, age=50, creatinine=1.8", 142 * 2**-1.2 * 0.9938**50),
        (5, "sbp=120, dbp=80", 280 / 3),
        (6, "weight=70, height=175cm", 70 / 1.75**2),
        (7, "calcium=8, albumin=2", 9.6),
        (7, "calcium=8, albumin=4", 8),
        (9, "sex=Male, age=50, creatinine=1", 175 * 50**-0.203),
        (9, "sex=Female, age=50, creatinine=1, race=White", 175 * 50**-0.203 * 0.742),
        (9, "sex=Male, age=50, creatinine=1, race=Black", 175 * 50**-0.203 * 1.212),
        (10, "sex=Male, height=70in", 73),
        (10, "sex=Female, height=60in", 45.5),
        (10, "sex=Female, height=58in", 40.9),
        (11, "qt=400, hr=60", 400),
        (11, "qt=400, hr=240", 800),
        (19, "age=50, ast=40, alt=25, platelets=200000", 2.0),
        # 22: the three steps and their edges
        (22, "weight=5", 20),
        (22, "weight=10", 40),
        (22, "weight=15", 50),
        (22, "weight=20", 60),
        (22, "weight=70", 110),
        (24, "from=prednisone PO 10 mg, to=hydrocortisone IV", 40),
        (24, "from=dexamethasone 0.75 mg, to=cortisone", 25),
        (24, "from=methylprednisolone IV 4 mg, to=triamcinolone IV", 4),
        (24, "from=betamethasone 1.5 mg, to=prednisolone", 10),
        (26, "sodium=130, glucose=600", 142),
        (26, "sodium=130, glucose=100", 130),
        (30, "sodium=140, bun=14, glucose=90", 290),
        (31, "insulin=10, glucose=81", 2),
        # 38: body water of a child, by sex, and from 65 on
        (38, "age=10, sex=Female, weight=30, sodium=154", 0.6 * 30 * 0.1),
        (38, "age=17, sex=Male, weight=70, sodium=154", 4.2),
        (38, "age=18, sex=Female, weight=70, sodium=154", 3.5),
        (38, "age=64, sex=Male, weight=70, sodium=154", 4.2),
        (38, "age=65, sex=Male, weight=70, sodium=154", 3.5),
        (38, "age=65, sex=Female, weight=70, sodium=154", 3.15),
        (38, "age=40, sex=Male, weight=70, sodium=126", -4.2),
        (39, "sodium=140, chloride=104, bicarbonate=24", 12),
        (40, "una=20, cr=2, na=140, ucr=100", 100 * 20 * 2 / (140 * 100)),
        (44, "tc=200, hdl=50, tg=150", 120),
        (44, "tc=200, hdl=50, tg=400", 70),
        (56, "qt=400, hr=60", 400),
        (56, "qt=400, hr=480", 800),
        (57, "qt=400, hr=120", 477),
        (58, "qt=400, hr=100", 470),
        (59, "qt=360, hr=80", 400),
        (60, "weight=90, height=160", 2.0),
        (61, "bmi=25, height=2m", 100),
        (62, "sex=Male, weight=123, height=70in", 93),
        (63, "sodium=140, chloride=100, bicarbonate=15", 13),
        (64, "sodium=140, chloride=100, bicarbonate=14", 1.4),
        (65, "sodium=140, chloride=104, bicarbonate=24, albumin=2", 17),
        (66, "sodium=140, chloride=104, bicarbonate=24, albumin=2", 5),
        (67, "sodium=140, chloride=104, bicarbonate=14, albumin=2", 1.5),
    ],
)
def test_a_formula_gives_the_value_computed_by_hand(answer, id, entities, expected):
    assert answer(id, entities) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("creatinine", "bilirubin", "inr", "sodium", "expected"),
    [
        (1, 1, 1, 140, 6),  # 10 · round(0.643, 1) = 6, not above 11: sodium does not count
        (0.5, 0.3, 0.8, 125, 6),  # everything raised to 1
        # 10 · round(0.957 ln 2 + 0.378 ln 3 + 1.12 ln 1.5 + 0.643, 1) = 10 · 2.2
        (2, 3, 1.5, 137, 22),
        (2, 3, 1.5, 150, 22),
        (2, 3, 1.5, 130, 26),  # 22 + 1.32 · 7 − 0.033 · 22 · 7 = 26.158
        (2, 3, 1.5, 125, 29),  # 22 + 15.84 − 8.712 = 29.128
        (2, 3, 1.5, 110, 29),
        (9, 30, 5, 125, 40),
    ],
)
def test_meld_na_bounds_its_inputs_and_counts_low_sodium_above_11(answer, creatinine, bilirubin, inr, sodium, expected):
    assert answer(23, f"cr={creatinine}, bili={bilirubin}, inr={inr}, na={sodium}") == expected


@pytest.mark.parametrize("dialysis", ["dialysis=yes", "cvvhd=yes"])
def test_meld_na_takes_the_creatinine_of_dialysis_as_4(answer, dialysis):
    assert answer(23, "cr=1.2, bili=3, inr=1.5, na=137", dialysis) == answer(23, "cr=4, bili=3, inr=1.5, na=137")


@pytest.mark.parametrize(
    ("entities", "points_say"),
    [
        ("sex=Male, age=57, tc=180, hdl=45, sbp=135", 10),  # 8 + 2 + 1 + 1 = 12 points
        ("sex=Male, age=47, tc=220, hdl=45, sbp=135, smoker=yes", 20),  # 3 + 5 + 1 + 1 + 5 = 15
        ("sex=Male, age=67, tc=220, hdl=55, sbp=145, treated=yes", 16),  # 11 + 1 + 0 + 2 = 14
        ("sex=Female, age=62, tc=220, hdl=55, sbp=135", 2),  # 10 + 2 + 0 + 2 = 14
        ("sex=Female, age=67, tc=260, hdl=45, sbp=150, treated=yes, smoker=yes", 22),  # 12 + 3 + 1 + 5 + 2 = 23
    ],
)
def test_framingham_risk_is_near_the_point_tables_of_atp_iii(answer, entities, points_say):
    assert answer(46, entities) == pytest.approx(points_say, rel=0.35)  # the tables round, mostly upwards


def test_framingham_smoking_counts_up_to_70_years_for_men_and_78_for_women(answer):
    men = "sex=Male, tc=200, hdl=50, sbp=120, age="
    odds = [answer(46, f"{men}{age}, smoker=yes") / answer(46, f"{men}{age}") for age in (69, 70, 75, 79)]
    assert odds[0] > odds[1]
    women = "sex=Female, tc=200, hdl=50, sbp=120, age="
    assert answer(46, f"{women}78, smoker=yes") > answer(46, f"{women}78")


@pytest.mark.parametrize("age", [29, 80])
def test_framingham_does_not_hold_outside_30_to_79_years(evaluate, age):
    result = evaluate(46, f"sex=Male, age={age}, tc=200, hdl=50, sbp=120")
    assert result.value is None
    assert "30 to 79" in str(result.problems[0])


def test_friedewald_does_not_hold_above_400_of_triglycerides(evaluate):
    result = evaluate(44, "tc=250, hdl=40, tg=401")
    assert result.value is None
    assert "400 mg/dL" in str(result.problems[0])


@pytest.mark.parametrize(
    ("id", "entities", "expected"),
    [
        (13, "lmp=01/01/2023, cycle=28", "10/08/2023"),  # 280 days
        (13, "lmp=01/01/2023, cycle=35", "10/15/2023"),
        (13, "lmp=01/01/2023, cycle=21", "10/01/2023"),  # a short cycle brings the day forward
        (13, "lmp=2023-06-01, cycle=28", "03/07/2024"),  # over 29 February
        (68, "lmp=01/01/2023, cycle=28", "01/15/2023"),
        (68, "lmp=01/01/2023, cycle=31", "01/18/2023"),
        (68, "lmp=02/20/2024, cycle=24", "03/01/2024"),  # over 29 February
    ],
)
def test_dates_of_pregnancy_follow_the_cycle(evaluate, id, entities, expected):
    assert str(evaluate(id, entities).value) == expected


@pytest.mark.parametrize(
    ("today", "days"), [("01/01/2024", 0), ("01/07/2024", 6), ("01/08/2024", 7), ("03/01/2024", 60), ("10/07/2024", 280)]
)
def test_gestational_age_counts_days_from_the_last_menses(answer, today, days):
    assert answer(69, f"lmp=01/01/2024, today={today}") == days


@pytest.mark.parametrize(
    ("entities", "expected"),
    [
        ("codeine=30mg, codeine_per_day=4", 18),
        ("fentanyl_patch=25µg/h, fentanyl_patch_per_day=1", 60),
        ("fentanyl_buccal=100µg, fentanyl_buccal_per_day=2", 26),
        ("hydrocodone=10, hydrocodone_per_day=3", 30),
        ("hydromorphone=4, hydromorphone_per_day=2", 40),
        ("methadone=10, methadone_per_day=1", 47),
        ("oxycodone=20, oxycodone_per_day=2", 60),
        ("oxymorphone=10, oxymorphone_per_day=2", 60),
        ("tapentadol=50, tapentadol_per_day=2", 40),
        ("tramadol=50, tramadol_per_day=4", 40),
        ("morphine=15, morphine_per_day=2, codeine=30, codeine_per_day=2", 39),
    ],
)
def test_morphine_equivalents_follow_the_cdc_of_2022(answer, entities, expected):
    assert answer(49, entities) == pytest.approx(expected)


def test_a_dose_without_the_number_of_doses_is_missing_something(evaluate):
    assert evaluate(49, "codeine=30, morphine=10, morphine_per_day=2").missing == ("Codeine Dose Per Day",)
