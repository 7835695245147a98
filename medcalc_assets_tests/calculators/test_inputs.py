import datetime as dt

import pytest

from medcalc_assets.calculators.inputs import YES_NO, Day, Quantity, Reader, Unusable, category, flag

FEVER = flag("Fever", "febrile", also={"afebrile": False})
SEX = category("sex", "Male", "Female", also={"woman": "Female"})


def test_every_spelling_of_yes_and_no_is_read_as_it_is_meant():
    meant = {
        "true": True,
        "yes": True,
        "present": True,
        "false": False,
        "no": False,
        "absent": False,
        "not mentioned": False,
    }
    assert meant == YES_NO
    assert {text: FEVER.read(f" {text.title()} ") for text in YES_NO} == meant


@pytest.mark.parametrize(
    ("raw", "value", "note"),
    [
        (True, True, None),
        (False, False, None),
        ("YES", True, None),
        ("afebrile", False, "'afebrile' read as absent"),
    ],
)
def test_what_has_to_be_read_into_a_finding_is_noted(raw, value, note):
    assert FEVER.read(raw) is value
    assert FEVER.notes(raw) == note
    assert [FEVER.shown(each) for each in (True, False, None)] == ["present", "absent", "not given"]


def test_a_category_is_one_of_its_values_however_it_is_spelt():
    assert [SEX.read(text) for text in ("male", " FEMALE", "Woman")] == ["Male", "Female", "Female"]
    assert SEX.permitted == ("Male", "Female")
    with pytest.raises(Unusable, match="'other' is none of Male, Female"):
        SEX.read("other")


AGE = Quantity("age", "years", possible=(0, 130), plausible=(1, 110), whole=True, applies=(18, 90, "but for adults"))
HIGH = Quantity("high", "mm Hg", exceeds="low", plausible=(40, 300), aliases=("systolic",))
LOW = Quantity("low", "mm Hg", default=None, miswritten={"cmHg": "mm Hg"})
TEMPERATURE = Quantity("T", "°C", default=37.0)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (30, 30),
        ([30.9, "years"], 30),
        ((30, "years"), 30),
        ([18, "months"], 1),
        (0, 0),
        (130, 130),
        ([130.5, "years"], None),
    ],
)
def test_a_quantity_is_converted_within_what_is_possible_and_counts_whole_units(raw, value):
    if value is None:
        with pytest.raises(Unusable, match="is impossible"):
            AGE.read(raw)
    else:
        assert AGE.read(raw) == value


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (0, "0 years is outside 1 to 110, the range seen alive"),
        (111, "111 years is outside 1 to 110, the range seen alive"),
        (1, "1 years, but for adults"),
        (17, "17 years, but for adults"),
        (18, None),
        (90, None),
        (91, "91 years, but for adults"),
        (110, "110 years, but for adults"),
    ],
)
def test_what_is_implausible_of_a_quantity(raw, said):
    assert AGE.implausible({"age": AGE.read(raw)}, raw) == said


@pytest.mark.parametrize(("high", "low", "said"), [(120, 80, None), (80, 80, "80 mm Hg is not above low"), (80, None, None)])
def test_one_quantity_lies_above_another(high, low, said):
    assert HIGH.implausible({"high": high, "low": low}, high) == said


def test_a_miswritten_unit_is_read_as_meant_and_said():
    assert LOW.read([80, "cmHg"]) == 80
    assert LOW.implausible({"low": 80.0}, [80, "cmHg"]) == "80 cmHg read as 80 mm Hg"
    assert LOW.implausible({"low": 80.0}, [80, "mm Hg"]) is None
    assert LOW.notes([80, "cmHg"]) is None
    assert LOW.notes(80) == "no unit given, taken as mm Hg"
    assert Quantity("points").notes(80) is None
    assert Quantity("creatinine", "mg/dL", substance="creatinine").notes([80, "µmol/L"]) is None
    assert TEMPERATURE.notes([37, "degrees celsisus"]) == "'degrees celsisus' read as 'degrees celsius'"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("12", 12),
        (" −1.5 ", -1.5),
        ("+2", 2),
        (".5 mg/dL", [0.5, "mg/dL"]),
        ("1e3mg", [1000, "mg"]),
        ("2.E-1 g", [0.2, "g"]),
        ("80µmol/L", [80, "µmol/L"]),
    ],
)
def test_a_quantity_as_a_person_types_it(text, parsed):
    assert AGE.parsed(text) == parsed


def test_what_is_no_number_is_refused_with_the_unit_that_was_wanted():
    for text in ("", "high", "1,5 mg", "--1"):
        if text == "1,5 mg":
            assert AGE.parsed(text) == [1, ",5 mg"]
            continue
        with pytest.raises(Unusable, match="is no number in years"):
            AGE.parsed(text)
    with pytest.raises(Unusable, match=r"'x' is no number$"):
        Quantity("points").parsed("x")
    for raw in ("30", True, [30], [30, "years", 1], [True, "years"], [30, None]):
        with pytest.raises(Unusable, match="is no number in years"):
            AGE.read(raw)


def test_a_value_is_shown_with_its_unit():
    assert AGE.shown(None) == TEMPERATURE.shown(None) == Day("d").shown(None) == "not given"
    assert AGE.shown(1234567.0) == "1.23457e+06 years"
    assert TEMPERATURE.shown(-0.0) == "0 °C"
    assert TEMPERATURE.shown(-1.5) == "−1.5 °C"
    assert Quantity("points").shown(3) == "3"
    assert Day("d").shown(dt.date(2024, 1, 31)) == "01/31/2024"


@pytest.mark.parametrize("raw", ["01/31/2024", "2024-01-31", dt.date(2024, 1, 31)])
def test_a_day_is_read_in_both_spellings(raw):
    assert Day("d").read(raw) == dt.date(2024, 1, 31)


@pytest.mark.parametrize("raw", ["31/01/2024", 20240131, None, "2024-02-30", dt.datetime.fromisoformat("2024-01-31T00:00")])
def test_what_is_no_day_is_refused(raw):
    with pytest.raises(Unusable, match="is no date that exists"):
        Day("d").read(raw)


def test_a_reader_tells_missing_unknown_twice_and_unusable_apart():
    reader = Reader([AGE, HIGH, LOW, SEX, FEVER])
    found = reader.read({"AGE": 30, "systolic": "x", "sexx": "Male", "age": 31, "low": None, "febrile": "yes"})
    assert found.missing == ("sex",)
    assert [(each.entity, each.message) for each in found.problems] == [
        ("high", "'x' is no number in mm Hg"),
        ("sexx", "unknown key, did you mean 'sex'?"),
        ("age", "given twice"),
    ]
    assert str(found.problems[2]) == "age: given twice"
    assert found.values == {"age": 30, "high": None, "low": None, "sex": None, "Fever": True}
    assert reader.unknown("zzzzzz") == "unknown key"
    assert (reader.name("age"), reader.name("zz")) == ("age", "zz")


def test_what_is_taken_for_granted_is_told_once_for_all_that_share_it():
    cough = flag("Cough", title="a cough")
    inputs = [FEVER, cough, TEMPERATURE, LOW, AGE]
    reader = Reader(inputs)
    told = reader.assumptions(reader.read({"age": 30}), inputs)
    assert told == (
        "Fever, a cough: not given, taken as absent",
        "T: not given, taken as 37 °C",
        "low: not given, not counted",
        "age: no unit given, taken as years",
    )
    assert reader.assumptions(reader.read({"age": "x", "Cough": "no", "Fever": None}), [AGE, cough]) == ()


def test_an_input_may_be_optional_have_a_usual_value_or_another_key():
    assert (AGE.required, AGE.optional().required, AGE.optional().default) == (True, False, None)
    assert AGE.assuming(50).default == 50
    assert AGE.called("years old").names == ("years old", "years_old")
    assert HIGH.names == ("high", "systolic", "high")
    assert flag("Chest Pain (any)").names[-1] == "chest_pain_any"
