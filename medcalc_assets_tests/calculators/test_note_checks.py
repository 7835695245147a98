"""What an invented note says of the entities and the label of its instance; and, where it is there, the real test split."""

import json
import random
from collections import defaultdict

import pytest

from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.mentions import Note
from medcalc_assets.calculators.note_checks import check_note
from medcalc_assets.labels.finding import STATUS, SUSPECT, UNEXPLAINED, reading
from medcalc_assets.labels.value import NA, Label, number

LIPIDS = {
    "Total cholesterol": [200.0, "mg/dL"],
    "high-density lipoprotein cholesterol": [50.0, "mg/dL"],
    "Triglycerides": [100.0, "mg/dL"],
}
GAP = {
    "Sodium": [140.0, "mEq/L"],
    "Chloride": [100.0, "mEq/L"],
    "Bicarbonate": [20.0, "mEq/L"],
    "Albumin": [3.0, "g/dL"],
}


def findings(calculator, entities, note, label=1.0):
    return check_note(CALCULATORS[calculator], entities, number(label), note)


def of_kind(kind, *arguments, **more):
    return [found for found in findings(*arguments, **more) if found.kind == kind]


def statuses(*arguments):
    return {found.entity: found.kind for found in findings(*arguments) if found.kind in STATUS}


@pytest.mark.parametrize(
    ("given", "note", "status"),
    [
        ([70.0, "kg"], "He weighs 70 kg.", "found"),
        ([70.0, "kg"], "He weighs 154.3 lb.", "converted"),
        ([2.5, "kg"], "A girl of 2,5 kg was seen.", "found"),
        ([7.0, "kg"], "A boy of seven kilograms was seen.", "found"),
        ([2180.0, "g"], "A boy weighing 2,180 g was seen.", "found"),
        ([70.0, "kg"], "His weight was 82 kg.", "another_number"),
        ([70.0, "kg"], "He was seen in the clinic.", "absent"),
    ],
)
def test_an_entity_is_found_converted_another_number_or_absent(given, note, status):
    assert statuses(22, {"weight": given}, note) == {"weight": status}


@pytest.mark.parametrize(
    ("note", "quote"),
    [
        ("She gained 2 kg of weight. Zinc at 50 mg/d was given. In May she was well, with a body weight of 50 kg.", "50 kg"),
        ("She was given 50 mg of zinc, and is 160 cm and 50 kg.", "50 kg"),
        ("Weight 50. In physiotherapy, twice a week, she can lift 50 kg.", "50"),
        ("She was given 50 mg of zinc.", "50 mg"),
    ],
)
def test_of_several_equal_numbers_that_of_another_unit_is_marked_last(note, quote):
    (found,) = of_kind("found", 22, {"weight": [50.0, "kg"]}, note)
    assert found.quote == quote


@pytest.mark.parametrize(
    "note",
    ["platelets 115 K/mm3", "PLT 115 x 10^9/L", "platelet count 1.15 lakh/mm3", "platelets 115 000/µL", "platelets 115"],
)
def test_a_count_is_found_however_its_thousands_are_written(note):
    entities = {"Platelet count": [115000.0, "µL"]}
    assert statuses(43, entities, note)["Platelet count"] in ("found", "converted")


def test_a_height_is_found_in_feet_and_an_age_in_words():
    entities = {"height": [188.0, "cm"], "age": [52, "years"], "weight": [80.0, "kg"], "sex": "Male"}
    found = statuses(2, entities, "A fifty-two-year-old man, 6 ft 2 in tall, weighs 80 kg.")
    assert found == {"height": "converted", "age": "found", "weight": "found"}


@pytest.mark.parametrize(
    ("note", "kind", "quote"),
    [
        ("Vitals: BP 122/84 mmHg.", "another_number", "BP 122/84 mmHg"),
        ("Her blood pressure fell to 122/84.", "another_number", "blood pressure fell to 122/84"),
        ("Blood pressure (BP) was 122 / 84 mm Hg, and 110/81 lying.", "found", "81"),
        ("Her diastolic blood pressure was 84 mm Hg.", "another_number", "diastolic blood pressure was 84 mm Hg"),
        ("Systolic blood pressure was 122; seen on 12/84.", "absent", None),
        ("BP 122/8 mmHg.", "absent", None),
        (
            "Diastolic arterial blood pressure was 84 mm Hg.",
            "another_number",
            "Diastolic arterial blood pressure was 84 mm Hg",
        ),
        ("Systolic BP 122 mmHg, diastolic BP 81 mmHg.", "found", "81 mmHg"),
        ("BP 122/81 mmHg. Follow-up at the BP clinic on 12/24.", "found", "81 mmHg"),
        ("Follow-up at the BP clinic on 12/24, or 05/22/2020.", "absent", None),
        ("BP on 12/24/2020 was high.", "absent", None),
        ("BP meds: losartan/HCTZ 100/25 daily.", "absent", None),
        ("Blood pressure stable and visual acuity was 20/200.", "absent", None),
        ("BP not recorded, HR/RR 100/24.", "absent", None),
        ("BP target of less than 130/80; blood pressure below 140/90.", "absent", None),
        ("The blood pressure of her mother was 122/84.", "absent", None),
        ("Systolic blood pressure in both arms was 122/118.", "absent", None),
        ("Left ventricular end-diastolic pressure was 25 mm Hg.", "absent", None),
    ],
)
def test_of_two_numbers_of_a_blood_pressure_the_second_is_the_diastolic(note, kind, quote):
    pressures = {"Systolic Blood Pressure": [122.0, "mm hg"], "Diastolic Blood Pressure": [81.0, "mm hg"]}
    found = {each.entity: each for each in findings(5, pressures, note) if each.kind in STATUS}
    assert {each.kind for each in findings(5, pressures, note)} <= set(STATUS)
    diastolic = found["Diastolic Blood Pressure"]
    assert (diastolic.kind, diastolic.quote) == (kind, quote)
    if kind == "another_number":
        assert diastolic.gives["the published rule"] == "96.66666667"


def test_nothing_is_said_of_a_score_that_the_note_may_have_in_words():
    words = "He opens his eyes to command (3), is confused (4) and localizes pain (5)."
    entities = {"Glasgow Coma Score": 12.0, "pH": 7.4}
    assert statuses(28, entities, words) == {"pH": "absent"}
    assert statuses(28, entities, "GCS 9.") == {"Glasgow Coma Score": "another_number", "pH": "absent"}
    assert statuses(28, entities, "GCS 12.") == {"Glasgow Coma Score": "found", "pH": "absent"}


def test_another_number_says_what_the_rule_makes_of_it():
    (found,) = of_kind("another_number", 22, {"weight": [70.0, "kg"]}, "On arrival his weight was 82 kg.", label=110)
    assert (found.given, found.found, found.quote, found.gives) == (
        "70 kg",
        "82 kg",
        "weight was 82 kg",
        {"the published rule": "122", "100, 50 and 20 mL/kg a day / 24": "114.1666667"},
    )


def test_dates_and_doses_have_a_status():
    assert statuses(68, {"Last menstrual date": "02/03/2024", "cycle length": 30}, "LMP was 02/03/2024.") == {
        "Last menstrual date": "found",
        "cycle length": "absent",
    }
    assert statuses(
        24, {"input steroid": ["Dexamethasone PO", 8, "mg"], "target steroid": "Prednisone"}, "He takes 8 mg."
    ) == {"input steroid": "found"}


@pytest.mark.parametrize(
    ("note", "value"),
    [
        ("HDL 50 mg/dL, low-density lipoprotein cholesterol 88 mg/dL.", "88"),
        ("LDL-C was 2.28 mmol/L.", "88.1562"),
        ("Cholesterol, HDL and LDL were 200 mg/dL (140-200), 50 mg/dL and 88 mg/dL, respectively.", "88"),
    ],
)
def test_a_printed_result_that_the_rule_does_not_give_is_reported_or_calculated(note, value):
    (found,) = of_kind("reported", 44, LIPIDS, note)
    assert (found.entity, found.given, found.gives) == ("LDL Calculated", "130 mg/dL", {"the note": value})
    assert found.quote == note[found.quote_start : found.quote_end]


@pytest.mark.parametrize(
    "note",
    [
        "low-density lipoprotein 129 mg/dL",
        "very low density lipoprotein 20 mg/dL",
        "LDL below 70 is the goal: LDL < 70 mg/dL",
        "normal LDL 100-130 mg/dL",
    ],
)
def test_a_result_that_agrees_or_is_something_else_is_no_finding(note):
    assert of_kind("reported", 44, LIPIDS, note) == []


def test_a_printed_step_is_put_in_the_place_of_the_calculated_one():
    (found,) = of_kind("reported", 63, {key: GAP[key] for key in GAP if key != "Albumin"}, "The anion gap was 23 mmol/L.")
    assert found.entity == "Anion Gap"
    assert (found.given, found.gives["the published rule"], len(found.gives)) == ("20 mEq/L", "11", 2)
    assert of_kind("reported", 65, GAP, "anion gap 23 mmol/L after correcting for albumin") == []


def test_urea_in_mg_is_not_urea_nitrogen():
    entities = {"Sodium": [140.0, "mEq/L"], "Glucose": [90.0, "mg/dL"], "Blood Urea Nitrogen (BUN)": [60.0, "mg/dL"]}
    (found,) = of_kind("urea", 30, entities, "Blood urea 60 mg/dL, sodium 140.")
    assert (found.found, found.gives) == ("27.986 mg/dL", {"the published rule": "294.995005"})
    for other in ("Blood urea nitrogen 60 mg/dL", "Urea-N 60 mg/dL", "Urine urea 60 mg/dL", "Urea 60 mmol/L"):
        assert of_kind("urea", 30, entities, other) == []


@pytest.mark.parametrize("unit", ["mg/dL", "g/L"])
def test_a_unit_that_nobody_has_is_repaired_to_the_one_that_is_meant(unit):
    (found,) = of_kind("unit_slip", 65, GAP | {"Albumin": [3.0, unit]}, f"Serum albumin was 3.0 {unit}.")
    assert (found.entity, found.given, found.found, found.gives) == (
        "Albumin",
        f"3 {unit}",
        "3 g/dL",
        {"the published rule": "22.5"},
    )


def test_a_number_of_another_quantity_is_no_unit_slip():
    found = findings(65, GAP | {"Albumin": [14.0, "g/dL"]}, "Blood tests showed hemoglobin 14.0 g/dL and leukocytes.")
    assert {each.kind for each in found if each.entity == "Albumin"} == {"found", "implausible", "another_quantity"}
    (other,) = (each for each in found if each.kind == "another_quantity")
    assert other.quote == "hemoglobin 14.0 g/dL"


def test_what_is_no_length_is_no_height():
    assert of_kind("another_quantity", 64, {"weight": [48.0, "kg"]}, "A woman, 160 cm tall and 48 kg, came.") == []


@pytest.mark.parametrize(
    "note", ["She lost 4 kg.", "a 4 kg weight loss", "a decrease in weight of 4 kg", "birth weight of 4 kg"]
)
def test_a_change_of_weight_is_no_weight(note):
    (found,) = of_kind("weight_change", 22, {"weight": [4.0, "kg"]}, note)
    assert "lost or gained" in found.explanation


@pytest.mark.parametrize(
    "note",
    [
        "He weighs 4 kg.",
        "He lost 1 kg and weighs 4 kg.",
        "Birth weight was 3 kg; weight is 4 kg.",
        "A good growth gain was observed: weight 4 kg.",
        "A 2-day-old girl with a birth weight of 4 kg.",
        "A neonate, delivered with a birth weight of 4 kg.",
    ],
)
def test_a_weight_is_no_change_of_weight(note):
    assert of_kind("weight_change", 22, {"weight": [4.0, "kg"]}, note) == []


@pytest.mark.parametrize(
    ("calculator", "note", "words"),
    [
        (28, "A 14-year-old boy came with fever.", "14-year-old"),
        (28, "A three-month-old girl came with fever.", "three-month-old"),
        (22, "A 3-month-old 1.1 kg female domestic cat was seen.", "3-month-old 1.1 kg female domestic cat"),
    ],
)
def test_a_patient_whom_the_rule_was_not_made_for(calculator, note, words):
    (found,) = of_kind("population", calculator, {}, note)
    assert found.quote == words


@pytest.mark.parametrize(
    ("calculator", "note"),
    [(28, "A 40-year-old man with a 10-year-old dog."), (22, "A 2-month-old boy."), (28, "A 3-month history of pain.")],
)
def test_who_is_in_the_population_is_no_finding(calculator, note):
    assert of_kind("population", calculator, {}, note) == []


def test_values_at_different_times_are_told_apart_from_reference_ranges_and_other_fluids():
    entities = {"age": [50, "years"], "sex": "Male", "creatinine": [2.0, "mg/dL"]}
    note = "Creatinine was 2.0 mg/dL (0.6-1.2). Urine creatinine was 40 mg/dL. Two weeks later the creatinine was 1.1 mg/dL."
    (found,) = of_kind("time_points", 3, entities, note)
    assert (found.found, found.quote) == ("1.1 mg/dL", "creatinine was 1.1 mg/dL")
    assert set(found.gives) == {"the published rule"}


def test_a_label_outside_its_own_score_is_suspect_but_noise_is_not():
    (found,) = of_kind("label_out_of_range", 21, {}, "", label=18)
    assert found.explanation == "The label is 18; the answer lies from 3 to 15."
    assert "label_out_of_range" in SUSPECT
    assert of_kind("label_out_of_range", 21, {}, "", label=15 + 1e-12) == []
    assert of_kind("label_out_of_range", 31, {}, "", label=-6.6e-16) == []


@pytest.mark.parametrize(
    ("kinds", "relabel", "cause"),
    [
        ([("reported", {"the note": "88"})], 88, "reported value"),
        ([("reported", {"the note": "120"})], 88, UNEXPLAINED),
        ([("time_points", {"the published rule": "88"}), ("population", {})], 88, "time point"),
        ([("unit_slip", {"the published rule": "88"}), ("found", {})], 88, "unit slip"),
        ([("absent", {}), ("population", {})], 88, "population"),
        ([("absent", {})], 88, "entity not in the note"),
        ([("found", {})], 88, UNEXPLAINED),
        ([], 88, UNEXPLAINED),
    ],
)
def test_a_finding_explains_a_relabel_that_it_leads_to(kinds, relabel, cause):
    assert reading(kinds, number(relabel), "decimal") == cause


NASTY = [
    "1 " * 500_000,
    "1" * 1_000_000,
    "sodium " * 150_000,
    "sodium " + " " * 1_000_000,
    "and anion gap were 1, " * 45_000,
]


@pytest.mark.parametrize("note", NASTY, ids=lambda note: note[:8].strip())
def test_a_hostile_note_of_a_megabyte_ends(note):
    assert {found.kind for found in findings(63, GAP, note)} <= {*STATUS, "reported", "time_points", "another_quantity"}
    assert len(Note(note).amounts) <= 20_000


@pytest.mark.parametrize("note", ["80 " * 60_000, "BP 80/80 " * 20_000, "BP " * 60_000], ids=lambda note: note[:8].strip())
def test_a_hostile_note_that_repeats_the_number_of_an_entity_ends(note):
    pressures = {"Systolic Blood Pressure": [80.0, "mm hg"], "Diastolic Blood Pressure": [80.0, "mm hg"]}
    assert {found.kind for found in findings(5, pressures, note)} <= {"found", "absent", "another_number"}
    assert {found.kind for found in findings(22, {"weight": [80.0, "kg"]}, note)} <= {"found", "absent", "another_quantity"}


@pytest.mark.parametrize("seed", range(30))
def test_whatever_entities_and_notes_are_every_quote_stands_where_it_says(seed):
    dice = random.Random(seed)
    words = [
        "weight",
        "sodium",
        "albumin",
        "3.2",
        "70",
        "kg",
        "mg/dL",
        "lost",
        "g/L",
        "x 109/L",
        "-",
        ".",
        "year-old",
        "é",
        "\n",
        "5 ft 3 in",
    ]
    values = [
        70.0,
        [3.2, "mg/dL"],
        [1e308, "kg"],
        [10**400, "kg"],
        ["x"],
        None,
        {},
        "Male",
        True,
        [float("nan"), "kg"],
        [-1, "%"],
    ]
    for calculator in CALCULATORS.values():
        note = " ".join(dice.choices(words, k=30))
        entities = {dice.choice(i.names): dice.choice(values) for i in calculator.inputs for _ in range(2)}
        for found in check_note(calculator, entities, dice.choice([NA, number(3)]), note):
            assert found.quote is None or note[found.quote_start : found.quote_end] == found.quote
            assert found.explanation


@pytest.fixture(scope="module")
def real(real_data):
    found = defaultdict(list)
    instances = Source(str(real_data / "medcalc_bench_v1_test.csv")).read().instances
    for row in instances.iter_rows(named=True):
        label = Label(row["label_kind"], row["label_number"], row["label_date"])
        for each in check_note(CALCULATORS[row["calculator_id"]], json.loads(row["entities"]), label, row["note"]):
            found[each.kind].append((row["uid"], each))
    return found


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("kind", "uids"),
    [
        ("reported", "426,513,514,519,522,526,530,731,745,758,780,790"),
        ("urea", "405,408,416,417,418,551"),
        ("unit_slip", "592,595,598,753,780,785,790,794,824"),
        ("label_out_of_range", "849,851,853,854,858,862"),
        ("weight_change", "323,330,332,337,473,481,482"),
        ("implausible", "284,772,820"),
        ("another_quantity", "146,562,772,820,889"),
        ("another_number", "240,344,833,868,869,871,898,899,905"),
    ],
)
def test_the_findings_of_the_real_test_split(real, kind, uids):
    assert {uid for uid, _ in real[kind]} == set(map(int, uids.split(",")))


@pytest.mark.real_data
def test_relabels_that_the_notes_print_are_found_as_readings(real):
    printed = {513: 110.21, 514: 177, 519: 128, 522: 88, 526: 152, 530: 106, 426: 2.9, 745: -2.5}
    for uid, relabel in printed.items():
        known = [(each.kind, each.gives) for kind in real for at, each in real[kind] if at == uid]
        assert reading(known, number(relabel), "decimal") == "reported value"


@pytest.mark.real_data
def test_nearly_every_number_of_the_real_entities_stands_in_its_note(real):
    assert [len(real[kind]) for kind in STATUS] == [3043, 14, 11, 10]
