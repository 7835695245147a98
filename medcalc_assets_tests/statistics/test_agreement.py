import datetime as dt
import math

import polars as pl
import pytest

from medcalc_assets.labels.value import NA, as_columns, day, number
from medcalc_assets.statistics.agreement import agrees, compare_with_physicians, is_continuous
from medcalc_assets.statistics.estimates import proportion, smape

TYPES = {
    f"{prefix}_{part}": dtype
    for prefix in ("label", "relabel", "physician", "published")
    for part, dtype in {"number": pl.Float64, "date": pl.Date, "kind": pl.String}.items()
}


def frame(**labels):
    columns = {name: values for prefix, label in labels.items() for name, values in as_columns(prefix, [label]).items()}
    return pl.DataFrame(columns, schema={name: TYPES[name] for name in columns})


@pytest.mark.parametrize(
    ("value", "continuous"), [(20, False), (21, True), (-21, True), (0, False), (7.5, True), (None, False)]
)
def test_a_label_is_ordinal_up_to_twenty_whole_points(value, continuous):
    labels = frame(label=number(value) if value is not None else NA)
    assert labels.select(is_continuous("label")).item() is continuous


@pytest.mark.parametrize(
    ("ours", "physicians", "continuous", "agree"),
    [
        (number(95), number(100), True, True),
        (number(94.9), number(100), True, False),
        (number(0.05), number(0), True, True),
        (number(0.06), number(0), True, False),
        (number(-0.32), number(-0.31), True, True),
        (number(8), number(7), False, True),
        (number(8), number(6), False, False),
        (NA, NA, False, True),
        (NA, number(3), False, False),
        (number(3), NA, False, False),
        (day(dt.date(2024, 1, 1)), day(dt.date(2024, 1, 1)), False, True),
        (day(dt.date(2024, 1, 1)), day(dt.date(2024, 1, 2)), False, False),
    ],
)
def test_labels_agree_within_five_percent_or_one_point(ours, physicians, continuous, agree):
    labels = frame(label=ours, physician=physicians)
    assert labels.select(agrees("label", "physician", pl.lit(continuous))).item() is agree


@pytest.mark.parametrize(("successes", "low", "high"), [(10, 0.1124, 0.3304), (37, 0.6045, 0.8413), (0, 0.0, 0.0713)])
def test_wilson_intervals_of_fifty(successes, low, high):
    estimate = proportion(successes, 50)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


def test_no_cases_give_no_estimate():
    assert math.isnan(proportion(0, 0).value)
    assert math.isnan(smape(pl.Series([], dtype=pl.Float64), pl.Series([], dtype=pl.Float64)).value)


def test_smape_skips_abstentions_and_counts_a_pair_of_zeros_as_agreement():
    estimate = smape(pl.Series([0.0, 1.0, None, 4.0]), pl.Series([0.0, 3.0, 5.0, None]))
    assert (estimate.value, estimate.n) == (50, 2)


def test_the_bootstrap_is_the_same_every_time():
    labels, truth = pl.Series([1.0, 2.0, 3.0]), pl.Series([1.5, 2.0, 9.0])
    assert smape(labels, truth) == smape(labels, truth)
    assert smape(labels, truth).low < smape(labels, truth).value < smape(labels, truth).high


def test_an_instance_is_continuous_in_every_label_set_if_any_of_its_labels_is():
    labels = frame(label=number(5)).with_columns(uid=1)
    relabels = frame(relabel=number(4.5)).with_columns(uid=1, auditor=pl.lit("model"))
    physicians = frame(physician=number(4)).with_columns(uid=1, reviewer=pl.lit("someone"))
    audits = labels.join(frame(published=number(4)).with_columns(uid=1), on="uid")
    rows = compare_with_physicians(audits, relabels, physicians, "model")
    # 5 is within a point of 4, but the instance is continuous, and 5 is not within 5%.
    assert [(row["label_set"], row["n_agree"], row["n"]) for row in rows] == [
        ("original", 0, 1),
        ("own entities", 1, 1),
        ("model", 0, 1),
    ]


def several(prefix, labels, **more):
    cells = {"uid": list(labels), **as_columns(prefix, labels.values()), **more}
    return pl.DataFrame(cells, schema_overrides=TYPES)


def test_every_label_set_is_judged_where_it_has_a_label_and_auditors_are_not_mixed():
    """Three physicians' cases; one auditor deferred on one of them, the other answered all and otherwise."""
    original = several("label", {1: number(8), 2: number(50), 3: NA, 4: number(9)})
    audits = original.join(several("published", {1: number(7), 2: None, 3: NA, 4: number(9)}), on="uid")
    relabels = pl.concat(
        [
            several("relabel", {1: number(7), 2: None, 3: number(5), 4: number(1)}).with_columns(auditor=pl.lit("model")),
            several("relabel", {1: number(7), 2: number(40.5), 3: NA, 4: number(1)}).with_columns(auditor=pl.lit("other")),
        ]
    )
    physicians = several("physician", {1: number(7), 2: number(40), 3: NA}, reviewer=["Dr B", "Dr A", "Dr B"])
    rows = {row["label_set"]: row for row in compare_with_physicians(audits, relabels, physicians, "model")}
    assert list(rows) == ["original", "own entities", "model", "other"]
    assert {row["reviewers"] for row in rows.values()} == {"Dr A, Dr B"}
    figures = {name: (row["n_agree"], row["n"], row["smape_n"]) for name, row in rows.items()}
    assert figures == {"original": (2, 3, 2), "own entities": (2, 2, 1), "model": (1, 2, 1), "other": (3, 3, 2)}
    assert rows["original"]["agreement"] == pytest.approx(2 / 3)
    assert (rows["original"]["agreement_low"], rows["original"]["agreement_high"]) == pytest.approx(
        (0.2077, 0.9385), abs=5e-5
    )
    assert rows["original"]["smape"] == pytest.approx((200 / 15 + 200 * 10 / 90) / 2)
    assert rows["original"]["smape_low"] == pytest.approx(200 / 15)
    assert rows["original"]["smape_high"] == pytest.approx(200 * 10 / 90)
    assert rows["model"]["smape"] == 0


def test_the_relabel_of_another_auditor_does_not_make_an_instance_continuous():
    audits = several("label", {1: number(5)}).join(several("published", {1: number(5)}), on="uid")
    relabels = pl.concat(
        [
            several("relabel", {1: number(5)}).with_columns(auditor=pl.lit("model")),
            several("relabel", {1: number(4.5)}).with_columns(auditor=pl.lit("other")),
        ]
    )
    physicians = several("physician", {1: number(4)}, reviewer=["Dr A"])
    rows = compare_with_physicians(audits, relabels, physicians, "model")
    assert [(row["label_set"], row["n_agree"]) for row in rows] == [
        ("original", 1),
        ("own entities", 1),
        ("model", 1),
        ("other", 1),
    ]


def test_without_a_physician_there_is_no_agreement():
    nobody = several("physician", {}, reviewer=pl.Series([], dtype=pl.String)).cast({"uid": pl.Int64})
    no_relabels = several("relabel", {1: None}).with_columns(auditor=pl.lit("model"))
    audits = several("label", {1: number(5)}).join(several("published", {1: NA}), on="uid")
    rows = compare_with_physicians(audits, no_relabels, nobody, "model")
    assert [(row["label_set"], row["n"], row["reviewers"]) for row in rows] == [
        ("original", 0, "none"),
        ("own entities", 0, "none"),
    ]
