import pytest

from medcalc_assets.labels.attribution import attribute
from medcalc_assets.labels.value import NA, number


@pytest.mark.parametrize(
    ("label", "relabel", "published", "other", "cause"),
    [
        (17, 13, 13, None, "aggregation"),
        (17, 12, 13, None, "aggregation_and_more"),
        (17, 12, 13, 12, "aggregation_and_more"),
        (17, 12, None, 12, "aggregation_and_more"),
        (17, 13, 17, 13, "convention"),
        (17, 13, 13, 17, "convention"),
        (17, 13, 17, 16, "not_aggregation"),
        (17, 13, 17, None, "not_aggregation"),
        (17, NA, 17, None, "incomputable"),
        (17, NA, 13, None, "incomputable"),
    ],
)
def test_the_cause_follows_from_which_rules_give_label_and_relabel(label, relabel, published, other, cause):
    found = attribute(
        number(label),
        relabel if relabel == NA else number(relabel),
        "integer",
        published and number(published),
        {"another convention": other and number(other)},
    )
    assert found.cause == cause


def test_a_rule_within_the_limits_of_both_tells_them_not_apart():
    assert attribute(number(100), number(106), "decimal", number(103), {}).cause == "not_aggregation"


def test_the_evidence_names_the_rule_and_both_labels():
    found = attribute(number(2.1), number(-3), "decimal", number(2.1), {"Wrenn 1990": number(-3)})
    assert found.evidence == "the published rule gives the label 2.1; Wrenn 1990 gives the relabel -3"
    assert "no rule gives the label 17 (the published rule finds 13); it gives" in (
        attribute(number(17), number(13), "integer", number(13), {}).evidence
    )


@pytest.mark.parametrize(
    ("label", "relabel", "superseded", "cause"),
    [
        (13, 17, {"CDC 2016"}, "superseded"),  # the published rule gives 17
        (17, 13, {"CDC 2016"}, "convention"),  # the label is the current one: it stays
        (13, 17, (), "convention"),
        (13, 21, {"CDC 2016"}, "superseded"),
        (13, 21, {"CDC 2016", "another"}, "convention"),  # neither is current
    ],
)
def test_a_superseded_convention_loses_to_a_current_one(label, relabel, superseded, cause):
    rules = {"CDC 2016": number(13), "another": number(21)}
    assert attribute(number(label), number(relabel), "integer", number(17), rules, superseded).cause == cause
