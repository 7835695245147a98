import polars as pl
import pytest

from medcalc_assets.labels.discrepancy import discrepancy
from medcalc_assets.labels.limits import accepts, limit_columns, limits
from medcalc_assets.labels.value import NA, number


@pytest.mark.parametrize(
    ("value", "output_type", "bounds"),
    [
        (100, "decimal", (95, 105)),
        (-100, "decimal", (-105, -95)),
        (0, "decimal", (0, 0)),
        (13, "integer", (13, 13)),
        (235, "integer", (235, 235)),
    ],
)
def test_limits_of_a_number_follow_its_output_type(value, output_type, bounds):
    assert limits(number(value), output_type) == pytest.approx(bounds)
    frame = pl.DataFrame({"output_type": [output_type], "final_number": [float(value)]})
    assert frame.select(limit_columns("final")).row(0) == pytest.approx(bounds)


def test_not_applicable_has_no_limits_and_accepts_itself_alone():
    assert limits(NA, "decimal") is None
    assert accepts(NA, NA, "decimal")
    assert not accepts(NA, number(0), "decimal")
    assert not accepts(number(0), NA, "decimal")


@pytest.mark.parametrize(("answer", "right"), [(9.5, True), (10.5, True), (9.49, False), (10.51, False)])
def test_a_decimal_accepts_five_percent_to_either_side_edges_included(answer, right):
    assert accepts(number(10), number(answer), "decimal") is right


@pytest.mark.parametrize(
    ("label", "answer", "right"), [(0, 6.6e-16, True), (6.6e-16, 0, True), (0, 1e-6, False), (0, -0.0, True)]
)
def test_what_only_floating_point_tells_from_zero_is_zero(label, answer, right):
    assert accepts(number(label), number(answer), "decimal") is right
    frame = pl.DataFrame({"a": [float(label)], "b": [float(answer)]})
    assert (frame.select(discrepancy(pl.col("a"), pl.col("b"))).item() == 0) is right
