"""Scores against their published tables: what each criterion gives, with the edges of every band."""

import pytest

# For every score: entities that score the minimum, then what each addition makes of the total.
ADDITIONS = {
    4: ("age=64, sex=Male", 0, {
        "chf=yes": 1, "hypertension=yes": 1, "diabetes=yes": 1, "vascular=yes": 1,
        "stroke=yes": 2, "tia=yes": 2, "thromboembolism=yes": 2, "stroke=yes, tia=yes, thromboembolism=yes": 2,
    }),
    8: ("hr=100", 0, {
        "signs=yes": 3, "likely=yes": 3, "immobilized=yes": 1.5, "surgery=yes": 1.5, "immobilized=yes, surgery=yes": 1.5,
        "previous_pe=yes": 1.5, "previous_dvt=yes": 1.5, "previous_pe=yes, previous_dvt=yes": 1.5,
        "hemoptysis=yes": 1, "cancer=yes": 1,
    }),
    16: ("", 0, {
        "cancer=yes": 1, "bedridden=yes": 1, "surgery=yes": 1, "bedridden=yes, surgery=yes": 1, "calf=yes": 1,
        "collaterals=yes": 1, "leg_swollen=yes": 1, "tenderness=yes": 1, "edema=yes": 1, "paralysis=yes": 1,
        "previous_dvt=yes": 1, "alternative=yes": -2,
    }),
    17: ("pre_operative_creatinine=2", 0, {
        "surgery=yes": 1, "ischemic=yes": 1, "chf=yes": 1, "stroke=yes": 1, "insulin=yes": 1,
        "cerebrovascular_disease_history=yes": 0,
    }),
    18: ("history=0, ecg=0, age=44, troponin=0", 0, {
        "hypertension=yes": 1, "hypertension=yes, smoking=yes": 1, "diabetes=yes, obesity=yes, family=yes": 2,
        "hypercholesterolemia=yes": 1, "atherosclerosis=yes": 2, "atherosclerosis=yes, smoking=yes": 2, "tia=yes": 0,
    }),
    20: ("age=20, temp=38", 0, {"exudate=yes": 1, "nodes=yes": 1, "no_cough=yes": 1}),
    25: ("age=65, drinks=7", 0, {
        "hypertension=yes": 1, "renal=yes": 1, "liver=yes": 1, "stroke=yes": 1, "bleeding=yes": 1, "labile=yes": 1,
        "drugs=yes": 1,
    }),
    27: ("bun=18.1, hb=13, sex=Male, sbp=110, hr=99", 0, {
        "melena=yes": 1, "syncope=yes": 2, "liver=yes": 2, "heart_failure=yes": 2,
    }),
    28: ("age=44, temp=37, sbp=120, dbp=80, hr=80, rr=16, fio2=21, pao2=90, ph=7.4, na=140, k=4, cr=1, hct=40, "
         "wbc=8000, gcs=15", 0, {
        "chronic=yes": 5, "chronic=yes, surgery=Emergency": 5, "chronic=yes, surgery=Elective": 2,
        "surgery=Emergency": 0, "arf=yes": 0, "crf=yes": 0,
    }),
    29: ("age=50, sex=Male, rr=29, sbp=90, temp=37, hr=124, ph=7.35, bun=29, na=130, glucose=249, hct=30, pao2=60", 50, {
        "nursing_home=yes": 10, "cancer=yes": 30, "liver=yes": 20, "chf=yes": 10, "stroke=yes": 10, "renal=yes": 10,
        "confusion=yes": 20, "effusion=yes": 10,
    }),
    32: ("age=49", 0, {
        "mi=yes": 1, "congestive_heart_faliure=yes": 1, "pvd=yes": 1, "cva=yes": 1, "tia=yes": 1, "cva=yes, tia=yes": 1,
        "dementia=yes": 1, "copd=yes": 1, "ctd=yes": 1, "ulcer=yes": 1, "liver=mild": 1, "liver=moderate": 3,
        "liver=severe": 3, "liver=Moderate to Severe": 3, "diabetes=none or diet-controlled": 0,
        "diabetes=uncomplicated": 1, "diabetes=End-organ damage": 2, "hemiplegia=yes": 2, "ckd=yes": 2, "ckd=severe": 2,
        "tumor=true": 2, "tumor=localized": 2, "tumor=metastatic": 6, "leukemia=yes": 2, "lymphoma=yes": 2, "aids=yes": 6,
    }),
    33: ("fever=no", 0, {
        "purulence=yes": 1, "onset=yes": 1, "inflammation=yes": 1, "no_cough=yes": 1,
        "altered_mental_status_for_pecarn_head_injury_criteria=yes": 0,
    }),
    36: ("age=40, sex=Female, bmi=25", 0, {
        "surgery=minor": 1, "surgery=major": 2, "surgery=laparoscopic": 2,
        "surgery=elective major lower extremity arthroplasty": 5, "recent_surgery=yes": 1, "chf=yes": 1, "sepsis=yes": 1,
        "pneumonia=yes": 1, "cast=yes": 2, "fracture=yes": 5, "stroke=yes": 5, "trauma=yes": 5, "spinal_cord_injury=yes": 5,
        "varicose_veins=yes": 1, "swollen_legs=yes": 1, "central_line=yes": 2, "dvt=yes": 3, "pe=yes": 3,
        "dvt=yes, pe=yes": 3, "family=yes": 3, "factor_v_leiden=yes": 3, "prothrombin=yes": 3, "homocysteine=yes": 3,
        "lupus=yes": 3, "anticardiolipin=yes": 3, "hit=yes": 3, "thrombophilia=yes": 3, "mobility=on bed rest": 1,
        "mobility=confined to bed >72 hours": 2, "ibd=yes": 1, "mi=yes": 1, "copd=yes": 1, "cancer=yes": 2,
    }),
    43: ("pao2=84, fio2=21, platelets=150000, bili=1.1, gcs=15, cr=1.1, sbp=120, dbp=80", 0, {
        "hypotension=yes": 1, "dobutamine=2": 2, "dopamine=5": 2, "dopamine=5.1": 3, "dopamine=15": 3, "dopamine=15.1": 4,
        "epinephrine=0.1": 3, "epinephrine=0.11": 4, "norepinephrine=0.1": 3, "norepinephrine=0.11": 4,
        "dopamine=3, norepinephrine=0.2": 4, "dopamine=0, epinephrine=0": 0,
        "urine=500": 0, "urine=499": 3, "urine=200": 3, "urine=199": 4,
    }),
    45: ("bun=19, rr=29, sbp=90, dbp=61, age=64", 0, {"confusion=yes": 1}),
    48: ("age=49, hr=99, spo2=95", 0, {
        "swelling=yes": 1, "hemoptysis=yes": 1, "trauma=yes": 1, "pe=yes": 1, "dvt=yes": 1, "dvt=yes, pe=yes": 1,
        "hormones=yes": 1,
    }),
    51: ("temp=37, hr=90, rr=20, wbc=12000", 0, {"paco2=32": 0, "paco2=31.9": 1}),
}  # fmt: skip


@pytest.mark.parametrize(("id", "entities", "least"), [(id, e, least) for id, (e, least, _) in ADDITIONS.items()])
def test_a_score_without_findings_is_at_its_least(answer, id, entities, least):
    assert answer(id, entities) == least


@pytest.mark.parametrize(
    ("id", "entities", "addition", "points"),
    [(id, e, a, points) for id, (e, _, additions) in ADDITIONS.items() for a, points in additions.items()],
)
def test_a_finding_scores_as_published(answer, id, entities, addition, points):
    assert answer(id, entities, addition) - answer(id, entities) == points


# The points at values around every edge, of one input at a time.
BANDS = {
    (4, "sex=Male", "age"): {64: 0, 65: 1, 74: 1, 75: 2},
    (8, "", "hr"): {100: 0, 101: 1.5},
    (15, "alb=4, inr=1", "bili"): {1.9: 5, 2.0: 6, 3.0: 6, 3.1: 7},
    (15, "bili=1, inr=1", "alb"): {3.6: 5, 3.5: 6, 2.8: 6, 2.7: 7},
    (15, "bili=1, alb=4", "inr"): {1.6: 5, 1.7: 6, 2.3: 6, 2.4: 7},
    (17, "", "pre_operative_creatinine"): {2.0: 0, 2.01: 1},
    (18, "history=0, ecg=0, troponin=0", "age"): {44: 0, 45: 1, 64: 1, 65: 2},
    (20, "temp=37", "age"): {3: 1, 14: 1, 15: 0, 44: 0, 45: -1},
    (20, "age=20", "temp"): {38: 0, 38.1: 1},
    (25, "drinks=0", "age"): {65: 0, 66: 1},
    (25, "age=40", "drinks"): {7: 0, 8: 1},
    (27, "hb=13, sex=Male, sbp=110, hr=80", "bun"):
        {18.1: 0, 18.2: 2, 22.3: 2, 22.4: 3, 27.9: 3, 28: 4, 69.9: 4, 70: 6},
    (27, "bun=10, sex=Male, sbp=110, hr=80", "hb"): {9.9: 6, 10: 3, 11.9: 3, 12: 1, 12.9: 1, 13: 0},
    (27, "bun=10, sex=Female, sbp=110, hr=80", "hb"): {9.9: 6, 10: 1, 11.9: 1, 12: 0},
    (27, "bun=10, hb=13, sex=Male, hr=80", "sbp"): {89: 3, 90: 2, 99: 2, 100: 1, 109: 1, 110: 0},
    (27, "bun=10, hb=13, sex=Male, sbp=110", "hr"): {99: 0, 100: 1},
    (32, "", "age"): {49: 0, 50: 1, 59: 1, 60: 2, 69: 2, 70: 3, 79: 3, 80: 4},
    (36, "sex=Male, bmi=20", "age"): {40: 0, 41: 1, 60: 1, 61: 2, 74: 2, 75: 3},
    (36, "sex=Male, age=20", "bmi"): {25: 0, 25.1: 1},
    (45, "rr=20, sbp=120, dbp=80, age=20", "bun"): {19: 0, 19.1: 1},
    (45, "bun=10, sbp=120, dbp=80, age=20", "rr"): {29: 0, 30: 1},
    (45, "bun=10, rr=20, dbp=80, age=20", "sbp"): {90: 0, 89: 1},
    (45, "bun=10, rr=20, sbp=89, age=20", "dbp"): {61: 1, 60: 1},
    (45, "bun=10, rr=20, sbp=90, age=20", "dbp"): {61: 0, 60: 1},
    (45, "bun=10, rr=20, sbp=120, dbp=80", "age"): {64: 0, 65: 1},
    (48, "hr=80, spo2=99", "age"): {49: 0, 50: 1},
    (48, "age=20, spo2=99", "hr"): {99: 0, 100: 1},
    (48, "age=20, hr=80", "spo2"): {95: 0, 94: 1},
    (51, "hr=80, rr=16, wbc=8000", "temp"): {35.9: 1, 36: 0, 38: 0, 38.1: 1, "100.4°F": 0, "100.5°F": 1},
    (51, "temp=37, rr=16, wbc=8000", "hr"): {90: 0, 91: 1},
    (51, "temp=37, hr=80, wbc=8000", "rr"): {20: 0, 21: 1},
    (51, "temp=37, hr=80, rr=16", "wbc"): {3999: 1, 4000: 0, 12000: 0, 12001: 1, "3.9 10^9/L": 1},
}  # fmt: skip


# Where the source prints limits for amounts too, they hold for a value given as an amount.
BANDS |= {
    (15, "alb=4, inr=1", "bili"): BANDS[15, "alb=4, inr=1", "bili"]
    | {"33.9µmol/L": 5, "34µmol/L": 6, "50µmol/L": 6, "51µmol/L": 7, "0.0502mmol/L": 7},
    (17, "", "pre_operative_creatinine"): {2.0: 0, 2.01: 1, "177µmol/L": 0, "178umol/L": 1},
    (45, "rr=20, sbp=120, dbp=80, age=20", "bun"): {19: 0, 20: 1, "7mmol/L": 0, "7.1mmol/L": 1},
}  # fmt: skip


def without(name: str, entities: str) -> str:
    return ", ".join(e for e in entities.split(", ") if not e.startswith(f"{name}="))


PSI = "age=50, sex=Male, rr=20, sbp=120, temp=37, hr=80, ph=7.4, bun=10, na=140, glucose=100, hct=40, pao2=90"
for name, edges in {
    "rr": {29: 0, 30: 20},
    "sbp": {90: 0, 89: 20},
    "temp": {34.9: 15, 35: 0, 39.9: 0, 40: 15},
    "hr": {124: 0, 125: 10},
    "ph": {7.35: 0, 7.34: 30},
    "bun": {29.9: 0, 30: 20, "10.9mmol/L": 0, "11mmol/L": 20},
    "na": {130: 0, 129: 20},
    "glucose": {249: 0, 250: 10, "13.9mmol/L": 0, "14mmol/L": 10},
    "hct": {30: 0, 29.9: 10},
    "pao2": {60: 0, 59: 10},
    "age": {50: 0, 80: 30},
    "sex": {"Male": 0, "Female": -10},
}.items():
    BANDS[29, without(name, PSI), name] = {value: 50 + points for value, points in edges.items()}

SOFA = "pao2=84, fio2=21, platelets=150000, bili=1.1, gcs=15, cr=1.1, sbp=120, dbp=80, cpap=yes"
for name, edges in {
    "pao2": {84: 0, 83.9: 1, 63: 1, 62.9: 2, 42: 2, 41.9: 3, 21: 3, 20.9: 4},
    "platelets": {150000: 0, 149999: 1, 100000: 1, 99999: 2, 50000: 2, 49999: 3, 20000: 3, 19999: 4},
    "bili": {1.1: 0, 1.2: 1, 1.9: 1, 2.0: 2, 5.9: 2, 6: 3, 11.9: 3, 12: 4}
    | {"19µmol/L": 0, "20µmol/L": 1, "33µmol/L": 2, "101µmol/L": 2, "102µmol/L": 3, "204µmol/L": 3, "205µmol/L": 4},
    "gcs": {15: 0, 14: 1, 13: 1, 12: 2, 10: 2, 9: 3, 6: 3, 5: 4},
    "cr": {1.1: 0, 1.2: 1, 1.9: 1, 2.0: 2, 3.4: 2, 3.5: 3, 4.9: 3, 5: 4}
    | {"109µmol/L": 0, "110µmol/L": 1, "170µmol/L": 1, "171µmol/L": 2, "299µmol/L": 2, "300µmol/L": 3, "440µmol/L": 3}
    | {"441µmol/L": 4},
    "dbp": {45: 0, 44: 1},
}.items():
    BANDS[43, without(name, SOFA), name] = edges
BANDS[43, SOFA.replace("cpap=yes", "ventilated=no").replace("pao2=84, ", ""), "pao2"] = {84: 0, 63: 1, 62.9: 2, 10: 2}

APACHE = ADDITIONS[28][0]
for name, edges in {
    "age": {44: 0, 45: 2, 54: 2, 55: 3, 64: 3, 65: 5, 74: 5, 75: 6},
    "temp": {29.9: 4, 30: 3, 31.9: 3, 32: 2, 33.9: 2, 34: 1, 35.9: 1, 36: 0, 38.4: 0, 38.5: 1, 39: 3, 40.9: 3, 41: 4},
    "hr": {39: 4, 40: 3, 54: 3, 55: 2, 69: 2, 70: 0, 109: 0, 110: 2, 139: 2, 140: 3, 179: 3, 180: 4},
    "rr": {5: 4, 6: 2, 9: 2, 10: 1, 11: 1, 12: 0, 24: 0, 25: 1, 34: 1, 35: 3, 49: 3, 50: 4},
    "ph": {7.14: 4, 7.15: 3, 7.24: 3, 7.25: 2, 7.32: 2, 7.33: 0, 7.49: 0, 7.5: 1, 7.6: 3, 7.69: 3, 7.7: 4},
    "na": {110: 4, 111: 3, 119: 3, 120: 2, 129: 2, 130: 0, 149: 0, 150: 1, 155: 2, 160: 3, 179: 3, 180: 4},
    "k": {2.4: 4, 2.5: 2, 2.9: 2, 3: 1, 3.4: 1, 3.5: 0, 5.4: 0, 5.5: 1, 5.9: 1, 6: 3, 6.9: 3, 7: 4},
    "cr": {0.5: 2, 0.6: 0, 1.4: 0, 1.5: 2, 1.9: 2, 2: 3, 3.4: 3, 3.5: 4},
    "hct": {19.9: 4, 20: 2, 29.9: 2, 30: 0, 45.9: 0, 46: 1, 49.9: 1, 50: 2, 59.9: 2, 60: 4},
    "wbc": {999: 4, 1000: 2, 2999: 2, 3000: 0, 14900: 0, 15000: 1, 19900: 1, 20000: 2, 39900: 2, 40000: 4},
    "pao2": {71: 0, 70: 1, 61: 1, 60: 3, 55: 3, 54: 4},
    "gcs": {15: 0, 3: 12},
    # the mean of 120 and this
    "dbp": {14: 4, 15: 2, 44: 2, 45: 0, 104: 0, 105: 2, 134: 2, 135: 3, 179: 3, 180: 4},
}.items():
    BANDS[28, without(name, APACHE), name] = edges
BANDS[28, APACHE.replace("fio2=21, ", "fio2=50, "), "aa"] = {199: 0, 200: 2, 349: 2, 350: 3, 499: 3, 500: 4}
BANDS[28, APACHE.replace("cr=1, ", "arf=yes, "), "cr"] = {1.4: 0, 1.5: 4, 2: 6, 3.5: 8}


@pytest.mark.parametrize(
    ("id", "entities", "name", "value", "points"),
    [(id, e, name, value, points) for (id, e, name), edges in BANDS.items() for value, points in edges.items()],
)
def test_a_band_holds_its_edges(answer, id, entities, name, value, points):
    assert answer(id, f"{entities}, {name}={value}".removeprefix(", ")) == points


@pytest.mark.parametrize(("eye", "verbal", "motor"), [(4, 5, 6), (1, 1, 1), (2, 3, 4)])
def test_the_glasgow_coma_score_adds_the_three_responses_once(answer, eye, verbal, motor):
    assert answer(21, f"eye={eye}, verbal={verbal}, motor={motor}") == eye + verbal + motor


@pytest.mark.parametrize(
    ("id", "entities", "points"),
    [
        (15, "bili=1, alb=4, inr=1, ascites=slight", 6),
        (15, "bili=1, alb=4, inr=1, ascites=Moderate", 7),
        (15, "bili=1, alb=4, inr=1, encephalopathy=Grade 0", 5),
        (15, "bili=1, alb=4, inr=1, encephalopathy=Grade 1-2", 6),
        (15, "bili=9, alb=2, inr=4, ascites=moderate, encephalopathy=Grade 3-4", 15),
        (18, "history=2, ecg=2, age=70, troponin=2, atherosclerosis=yes", 10),
        (18, "history=Moderately suspicious, ecg=Significant ST deviation, age=30, troponin=1", 4),
        (4, "age=80, sex=Female, chf=yes, hypertension=yes, diabetes=yes, stroke=yes, vascular=yes", 9),
        (20, "age=10, temp=39, exudate=yes, nodes=yes, no_cough=yes", 5),
        (33, "fever=yes, purulence=yes, onset=yes, inflammation=yes, no_cough=yes", 5),
        (43, "pao2=60, fio2=100, ventilated=yes, platelets=9000, bili=20, gcs=3, cr=6, epinephrine=1", 24),
        (51, "temp=39, hr=120, rr=30, wbc=20000", 4),
    ],
)
def test_grades_and_totals_of_scores(answer, id, entities, points):
    assert answer(id, entities) == points
