import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import truth
from medcalc_assets.labels.value import NA, as_columns, number
from medcalc_assets.release.rates import rates as rates_of
from medcalc_assets.release.rates import with_key
from medcalc_assets.statistics.error_rates import PARTS, error_rates, findings
from medcalc_assets.statistics.review import with_probability
from medcalc_assets.statistics.sampling import plan
from medcalc_assets.statistics.track_record import track_record
from medcalc_assets.storage.tables import SAMPLING_PLAN

NO_PLAN = pl.DataFrame(schema=SAMPLING_PLAN.polars_schema)


def labels(n, answers, classes=("confirmed",)):
    """Original labels of 100 that a relabel of 200 contradicts, as their own entities do not (stratum D), and that are right
    where a physician gives 100, too. Our key holds the relabel, and all of it may grade."""
    given = [answers.get(uid) for uid in range(n)]
    return pl.DataFrame(
        {
            "uid": range(n),
            "output_type": "decimal",
            "stratum": "D",
            "evidence_class": [classes[uid % len(classes)] for uid in range(n)],
            "in_key": True,
            "unaided": True,
            **as_columns("label", [number(100)] * n),
            **as_columns("relabel", [number(200)] * n),
            **as_columns("final", [number(200)] * n),
            **as_columns("published", [number(100)] * n),
            **as_columns("physician", given),
        },
        strict=False,
    ).with_columns(pl.col("physician_number").cast(pl.Float64), pl.col("physician_kind").cast(pl.String))


def plan_of(*parts):
    rows = [
        {
            "uid": uid,
            "purpose": purpose,
            "stratum": stratum,
            "draw": place,
            "inclusion_probability": len(uids) / of,
            "labels": of,
            "answers": len(uids),
            "claim": claim,
        }
        for purpose, stratum, uids, of, claim in parts
        for place, uid in enumerate(uids, start=1)
    ]
    schema = {name: SAMPLING_PLAN.polars_schema[name] for name in rows[0]}
    return pl.DataFrame(rows, schema=schema)


def row(rates, **wanted):
    (found,) = [rate for rate in rates if all(rate[name] == value for name, value in wanted.items())]
    return found


def test_without_a_plan_a_rate_is_a_model_and_says_what_it_does_not_cover():
    frame = pl.concat([labels(40, dict.fromkeys(range(10), number(200))), labels(10, {}).with_columns(stratum=pl.lit("F"))])
    rates = error_rates(frame, NO_PLAN)
    assert {rate["basis"] for rate in rates} == {"model"}
    contested = row(rates, labels="original", part="contested", terms="paper")
    assert (contested["n"], contested["seen"], contested["not_covered"]) == (40, 10, 10)
    assert contested["wrong"] == pytest.approx(10 + 30 * 10.5 / 11)
    assert findings(rates)[0] == (
        "Original labels: of the 40 that are contested, or contradicted without a relabel, about 39 are wrong (33 to 40; "
        "77.3% of all 50), by a model of the cases that physicians chose, and no sample; the other 10 are not covered."
    )


def test_a_sample_says_it_of_all_and_what_was_found_counts_whole():
    answers = {uid: number(200 if uid % 2 else 100) for uid in range(30)} | {30: number(200)}
    planned = plan_of(
        ("seen", "D", range(10), 10, None), ("find", "D", [30], 1, None), ("measure", "D", range(10, 30), 89, None)
    )
    rates = error_rates(labels(100, answers), planned)
    of_all = row(rates, part="all", terms="limits", basis="design")
    assert of_all["wrong"] == pytest.approx(5 + 1 + 89 * 10 / 20)
    assert (of_all["n"], of_all["seen"], of_all["not_covered"]) == (100, 31, 0)
    assert findings(rates)[0].endswith("by a planned random sample.")


def test_a_key_that_holds_a_physicians_answer_is_right_there():
    """Half of the relabels are wrong: of 100 some 50; the 15 that physicians found are right now."""
    answers = {uid: number(200 if uid % 2 else 100) for uid in range(30)}
    planned = plan_of(("seen", "D", range(10), 10, None), ("measure", "D", range(10, 30), 90, None))
    rates = error_rates(labels(100, answers), planned)
    of_key = row(rates, labels="key", terms="limits", basis="design")
    assert of_key["wrong"] == pytest.approx(5 + 90 * 10 / 20 - 15)
    by_model = row(rates, labels="key", terms="limits", basis="model")
    assert by_model["wrong"] == pytest.approx(70 * 15.5 / 31)
    assert (by_model["n"], by_model["seen"], by_model["not_covered"]) == (100, 30, 0)


def test_what_nobody_has_seen_of_the_key_is_not_covered():
    frame = labels(40, {0: number(200)}, classes=("relabel", "confirmed"))
    rates = error_rates(frame, NO_PLAN)
    of_key = row(rates, labels="key", terms="limits")
    assert (of_key["n"], of_key["seen"], of_key["not_covered"]) == (20, 1, 20)
    assert findings(rates)[1] == (
        "Our key: of the 20 of kinds that physicians have seen, about 5 are wrong (0 to 17; 23.8% of them), by a model of "
        "the cases that physicians chose, and no sample; the other 20 are not covered."
    )


def test_where_no_physician_has_answered_there_is_no_rate():
    assert error_rates(labels(40, {}), NO_PLAN) == []
    assert findings([]) == ["How many labels are wrong is not known: no physician has answered."]


def test_a_rate_waits_for_the_answers_that_it_cannot_do_without():
    planned = plan_of(("find", "D", [0], 1, None), ("measure", "D", [1, 2, 3], 9, None))
    answers = dict.fromkeys((1, 2, 3), number(200))
    assert {rate["basis"] for rate in error_rates(labels(10, answers), planned)} == {"model"}
    assert "design" in {rate["basis"] for rate in error_rates(labels(10, answers | {0: NA}), planned)}


def test_a_certificate_waits_for_its_last_answer_and_states_whatever_comes():
    planned = plan_of(("certify", "evaluation", range(100), 871, 43))
    right = dict.fromkeys(range(100), number(200))
    unfinished = error_rates(labels(871, {uid: right[uid] for uid in range(99)}), planned)
    assert [rate for rate in unfinished if rate["basis"] == "certificate"] == []
    three_wrong = right | dict.fromkeys((3, 4, 5), number(900))
    rates = error_rates(labels(871, three_wrong), planned)
    assert findings(rates)[-1:] == [
        "Of the 871 labels of evaluation that no physician had decided, at most 63 were wrong (7.2%; 95% confidence): 3 of "
        "100 drawn at random were. Claimed was at most 43: not proven."
    ]
    assert "Claimed was at most 43: proven." in findings(error_rates(labels(871, right), planned))[-1]


def test_the_demo_alone_knows_the_truth():
    known = pl.DataFrame(
        {"uid": range(20), **as_columns("physician", [number(100 if uid < 5 else 200) for uid in range(20)])}
    )
    frame = labels(20, {0: number(100), 19: number(200)})
    rates = error_rates(frame, NO_PLAN, known.cast({name: frame.schema[name] for name in known.columns}))
    assert row(rates, part="contested", terms="paper")["truth"] == 15
    assert row(rates, labels="key", terms="paper")["truth"] == 4, "the wrong relabel of 0 was corrected"
    assert findings(rates)[0].endswith("; in truth 15, as the demo knows.")


def test_the_parts_grow_from_the_contested_to_all():
    assert [len(strata) for strata in PARTS.values()] == [5, 6, 8]


def test_the_interval_holds_the_truth_of_the_demo_in_most_of_many_samples(demo):
    """Of v1.0's labels and of our key: planned, answered by the truth, estimated; 60 seeds."""
    evidence = demo.read("label_evidence")
    known = {rate["part"]: rate for rate in rates_of(demo.settings.warehouse, evidence) if rate["terms"] == "limits"}
    assert known["contested"]["truth"] > 100
    labelled = with_probability(evidence).with_columns(certified=pl.lit(False))
    answered = evidence.filter(pl.col("physician_kind").is_not_null())
    seen = answered.select("uid", "stratum", inclusion_probability=pl.lit(1.0), purpose=pl.lit("seen"))
    all_true = pl.DataFrame({"uid": list(truth()), **as_columns("physician", truth().values())})
    all_true = all_true.cast({name: evidence.schema[name] for name in all_true.columns})
    true_of = evidence.select("uid").join(all_true, on="uid", how="left")
    held: dict[str, list[bool]] = {"original": [], "key": []}
    for seed in range(60):
        drawn = plan(labelled.filter(pl.col("physician_kind").is_null()), str(seed), find=10, measure=50)
        planned = pl.concat([drawn, seen], how="diagonal")
        asked = pl.col("uid").is_in(planned["uid"].implode())
        columns = ("physician_kind", "physician_number", "physician_date")
        answers = true_of.with_columns(pl.when(asked).then(name).alias(name) for name in columns)
        found = evidence.drop(columns).join(answers, on="uid").with_columns(physician_explained=asked)
        rates = error_rates(with_key(found, track_record(found, drawn["uid"])), planned, all_true)
        for of, part in (("original", "all"), ("key", "may grade")):
            rate = row(rates, labels=of, part=part, terms="limits", basis="design")
            held[of].append(rate["low"] <= rate["truth"] <= rate["high"])
    assert all(sum(each) / len(each) >= 0.93 for each in held.values()), {of: sum(each) for of, each in held.items()}


@pytest.mark.real_data
def test_todays_rates_are_as_designed_from_the_evidence(evidence):
    frame = evidence.with_columns(
        in_key=pl.lit(False), unaided=pl.lit(False), evidence_class=pl.lit("unchecked"),
        final_kind="label_kind", final_number="label_number", final_date="label_date",
    )  # fmt: skip
    rates = error_rates(frame, NO_PLAN)
    assert [(round(rate["wrong"], 1), rate["low"], rate["high"], rate["not_covered"]) for rate in rates] == [
        (236.3, 207, 257, 761),
        (276.8, 241, 301, 716),
        (252.1, 230, 268, 761),
        (295.6, 269, 312, 716),
    ]
