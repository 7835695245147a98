"""What holds of every rule at any value within range."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcalc_assets.calculators import CALCULATORS, Calculator, Input
from medcalc_assets.calculators.inputs import Choice, Day, Quantity
from medcalc_assets.calculators.units import conversion

ALL = pytest.mark.parametrize("calculator", CALCULATORS.values(), ids=lambda c: c.slug)


def within_range(source: Input) -> st.SearchStrategy[object]:
    if isinstance(source, Quantity):
        low, high = (max(a, b) for a, b in zip(source.plausible, (source.possible[0], -1e6), strict=True))
        low, high = max(low, 0.0), min(high, source.possible[1], 1e6)
        return st.floats(low, high).map(lambda x: [x, source.unit] if source.unit else x)
    if isinstance(source, Choice):
        return st.sampled_from([str(value) for value in source.permitted])
    if isinstance(source, Day):
        return st.dates(date(2023, 12, 1), date(2024, 10, 1)).map(lambda d: d.isoformat())
    return st.tuples(st.sampled_from(["Prednisone PO", "Cortisone"]), st.floats(0.1, 1e4), st.just("mg"))


def instances(calculator: Calculator) -> st.SearchStrategy[dict[str, object]]:
    required = {i.key: within_range(i) for i in calculator.inputs if i.required}
    optional = {i.key: within_range(i) for i in calculator.inputs if not i.required}
    return st.fixed_dictionaries(required, optional=optional)


@ALL
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_values_within_range_give_a_result_within_the_range_of_the_score(calculator, data):
    result = calculator.published.evaluate(data.draw(instances(calculator)))
    low, high = calculator.range
    assert not result.missing or calculator.slug in {"apache_ii", "sofa", "morphine_equivalents"}
    if result.value is not None and result.value.number is not None:
        assert low <= result.value.number <= high
    assert result.value is not None or result.missing or result.problems


UNITS = {
    "mg/dL": ("mmol/L", "µmol/L", "g/L"),
    "mEq/L": ("mmol/L", "mmol/dL"),
    "g/dL": ("g/L", "mg/dL"),
    "mm Hg": ("kPa", "mmhg"),
    "°C": ("degrees fahrenheit", "K"),
    "/µL": ("10^9/L", "L", "K/µL"),
    "cm": ("m", "in"),
    "kg": ("lbs", "g"),
    "ms": ("s", "msec"),
    "µIU/mL": ("mU/L",),
    "years": ("months",),
    "/min": ("bpm",),
}
# These print limits of their own for amounts, which are not quite those for mg/dL.
AMOUNTS = {"mmol/L", "µmol/L"}
LIMITS_FOR_AMOUNTS = {"child_pugh", "curb_65", "pneumonia_severity_index", "revised_cardiac_risk_index", "sofa"}
CONVERTIBLE = [c for c in CALCULATORS.values() if any(i.unit in UNITS for i in c.inputs)]


@pytest.mark.parametrize("calculator", CONVERTIBLE, ids=lambda c: c.slug)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_change_of_units_does_not_change_the_result(calculator, data):
    entities = data.draw(instances(calculator))
    changed = dict(entities)
    for source in calculator.inputs:
        raw = entities.get(source.key)
        if isinstance(source, Quantity) and isinstance(raw, list) and source.unit in UNITS:
            shown = [round(raw[0], 1), source.unit]  # a value that somebody wrote down
            of_its_own = AMOUNTS if source.si and calculator.slug in LIMITS_FOR_AMOUNTS else set()
            unit = data.draw(st.sampled_from([unit for unit in UNITS[source.unit] if unit not in of_its_own]))
            entities[source.key] = shown
            there = conversion(unit, source.unit, source.substance)
            changed[source.key] = [(shown[0] - there.offset) / there.factor, unit]
    one, other = (calculator.published.evaluate(e).value for e in (entities, changed))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.date == other.date
        assert one.number == pytest.approx(other.number, rel=1e-8, abs=1e-6)


@pytest.mark.parametrize(
    ("id", "key", "unit", "direction"),
    [
        (2, "creatinine", "mg/dL", -1),
        (3, "creatinine", "mg/dL", -1),
        (3, "age", "years", -1),
        (9, "creatinine", "mg/dL", -1),
        (11, "Heart Rate or Pulse", "/min", 1),
        (15, "Bilirubin", "mg/dL", 1),
        (15, "Albumin", "g/dL", -1),
        (22, "weight", "kg", 1),
        (23, "Bilirubin", "mg/dL", 1),
        (23, "creatinine", "mg/dL", 1),
        (25, "age", "years", 1),
        (27, "Hemoglobin", "g/dL", -1),
        (28, "Glasgow Coma Score", "", -1),
        (29, "age", "years", 1),
        (32, "age", "years", 1),
        (36, "age", "years", 1),
        (43, "Platelet count", "/µL", -1),
        (43, "FiO₂", "%", 1),
        (44, "Triglycerides", "mg/dL", -1),
        (45, "age", "years", 1),
        (46, "Systolic Blood Pressure", "mm Hg", 1),
        (60, "weight", "kg", 1),
    ],
)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_rule_is_monotone_where_medicine_says_so(id, key, unit, direction, data):
    calculator = CALCULATORS[id]
    entities = data.draw(instances(calculator))
    source = next(i for i in calculator.inputs if i.key == key)
    raws = sorted((data.draw(within_range(source)) for _ in range(2)), key=lambda raw: raw[0] if unit else raw)
    low, high = (calculator.published.evaluate({**entities, key: raw}).value for raw in raws)
    if low is not None and high is not None:
        assert direction * (high.number - low.number) >= -1e-9


@ALL
@pytest.mark.parametrize("finding", ["boolean"])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_finding_that_turns_up_changes_the_score_one_way_only(calculator, finding, data):
    flags = [i for i in calculator.inputs if i.kind == finding]
    if flags and calculator.slug != "framingham_risk":
        source = data.draw(st.sampled_from(flags))
        entities = data.draw(instances(calculator))
        absent, present = (calculator.published.evaluate({**entities, source.key: f}).value for f in (False, True))
        if absent is not None and present is not None:
            lowers = source.key.startswith("Alternative diagnosis")
            assert (present.number - absent.number) * (-1 if lowers else 1) >= 0
