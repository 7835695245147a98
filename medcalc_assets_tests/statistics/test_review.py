import polars as pl
import pytest

from medcalc_assets.statistics.review import review_orders, with_probability


@pytest.fixture(scope="module")
def orders(demo):
    return demo.read("review_orders")


def test_every_label_that_no_physician_has_answered_has_its_place(demo, orders):
    answered = set(demo.read("physician_consensus")["uid"])
    assert set(orders["uid"]) == set(demo.read("raw_medcalc")["uid"]) - answered
    by_place = orders.sort("likely")
    assert by_place["likely"].to_list() == list(range(1, orders.height + 1))
    assert by_place["probability_wrong"].is_sorted(descending=True)


def test_the_place_of_the_paper_is_that_of_the_queue(demo, orders):
    queue = demo.read("adjudication_queue").sort("tier", "severity", "uid", descending=[False, True, False], nulls_last=True)
    places = dict(zip(queue["uid"], range(1, queue.height + 1), strict=True))
    assert {uid: places.get(uid) for uid in orders["uid"]} == dict(orders.select("uid", "paper").iter_rows())


def test_a_row_says_what_was_found_of_its_kind_and_what_an_answer_is_worth(demo):
    """As counted by hand, of one label: of its stratum, and of its calculator in it."""
    evidence = demo.read("label_evidence").with_columns(ruled=pl.lit(None, dtype=pl.String))
    orders = review_orders(evidence)
    of_d = orders.filter(stratum="D").row(0, named=True)
    kind = evidence.filter(stratum="D")
    known = with_probability(kind).filter(pl.col("physician_kind").is_not_null())
    wrong = int(known["probability_wrong"].sum())  # 0 or 1 where a physician has answered
    assert f"physicians found {wrong} of {known.height} such labels wrong" in of_d["why"]
    assert of_d["why"].startswith("a relabel contradicts it; its own entities give it, or no value; ")
    left = kind.height - known.height - 1
    own = kind.filter(calculator=of_d["calculator"])["physician_kind"].null_count() - 1
    assert of_d["worth"] == (
        f"finds a wrong label with a probability of {round(of_d['probability_wrong'], 2)}; {left} others learn from it, "
        f"{own} of them of this calculator"
    )


def test_what_rulings_show_wrong_comes_first(demo):
    evidence = demo.read("label_evidence")
    unseen = evidence.filter(pl.col("physician_kind").is_null(), stratum="F")["uid"][0]
    ruled = pl.when(pl.col("uid") == unseen).then(pl.lit("wrong"))
    before, after = (
        dict(review_orders(each).select("uid", "probability_wrong").iter_rows())
        for each in (evidence, evidence.with_columns(ruled=ruled))
    )
    assert after[unseen] > 0.5 > before[unseen]
