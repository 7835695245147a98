import datetime as dt
from dataclasses import replace

import polars as pl
import pytest

from medcalc_assets.auditors.budget import MOST_QUERIES
from medcalc_assets.auditors.calls import chances_of_reading, estimate, estimates_of
from medcalc_assets.auditors.casting import MAX_OUTPUT_TOKENS
from medcalc_assets.auditors.ledger import Attempt, Setup, VoteKey
from medcalc_assets.auditors.prices import PriceError, cost, known_price, price, total
from medcalc_assets.auditors.protocol import Inputs, as_seen
from medcalc_assets.auditors.registry import read
from medcalc_assets.auditors.replies import Reply
from medcalc_assets.auditors.tasks import AUDIT, INPUTS, RELABEL
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.benchmarks.spec import INSTANCES
from medcalc_assets.calculators.input_votes import all_asked
from medcalc_assets_tests.auditors.conftest import DERIVATIONS, QUESTIONS, noisy

TODAY = dt.date(2026, 11, 22)


def test_a_long_prompt_has_its_own_price():
    pro = price("gemini-2.5-pro", TODAY)
    assert pro.of(200_000, 0, 0) == pytest.approx(0.25)
    assert pro.of(200_001, 100_000, 0) == pytest.approx(0.5000025 + 1.5)


def test_searches_are_charged_by_request_or_by_query():
    assert price("gemini-2.5-pro", TODAY).of(0, 0, searches=3) == pytest.approx(0.035)
    assert price("gemini-3.1-pro-preview", TODAY).of(0, 0, searches=3) == pytest.approx(0.042)


def test_a_batch_costs_half_for_tokens_and_all_for_searches():
    pro = price("gemini-2.5-pro", TODAY)
    assert pro.of(1_000_000, 0, 1, batch=True) == pytest.approx(2.50 / 2 + 0.035)


def test_a_price_is_that_of_its_day():
    assert price("gemini-3.8-flash", dt.date(2026, 12, 31)).input == 0.75
    assert price("gemini-3.8-flash", dt.date(2027, 1, 1)).input == 1.50


def test_an_unlisted_model_or_day_has_no_known_price():
    assert price("gemini-2.5-pro-preview-tts", TODAY) is None
    assert price("gemini-2.5-pro", dt.date(2025, 1, 1)) is None


@pytest.fixture
def of_home(monkeypatch, tmp_path):
    """Writes the prices of a home: models with what a million tokens of input cost from 2026 on."""
    monkeypatch.setenv("MEDCALC_HOME", str(tmp_path))

    def write(text="", **models):
        entries = [
            f'[[price]]\nmodel = "{name}"\nfrom = 2026-01-01\ninput = {usd}\noutput = 0.0' for name, usd in models.items()
        ]
        (tmp_path / "prices.toml").write_text(text or "\n".join(entries))

    return write


def test_the_home_says_what_this_project_pays_and_a_pattern_is_the_price_of_a_family(of_home):
    of_home(**{"gemini-2.5-pro": 0.5, "gemini-*": 7.0, "openai:qwen3-*": 0.0})
    assert price("gemini-2.5-pro", TODAY).input == 0.5
    assert price("gemini-2.5-pro", dt.date(2025, 12, 31)) is None, "its entries take the place of all of ours"
    assert price("gemini-2.5-flash", TODAY).input == 0.30, "a model that is listed here is of no family"
    assert price("gemini-9-pro", TODAY).input == 7.0
    assert price("openai:qwen3-8b@http://127.0.0.1:8000/v1", TODAY).of(10**6, 10**6, 0) == 0.0
    assert price("openai:gpt-5.2", TODAY) is None


@pytest.mark.parametrize(
    "text",
    [
        "[[price",
        "price = 3",
        "[[price]]\nmodel = 'x'\nfrom = 2026-01-01\ninput = 1.0",
        "[[price]]\nmodel = 'x'\nfrom = 'today'\ninput = 1.0\noutput = 1.0",
        "[[price]]\nmodel = 'x'\nfrom = 2026-01-01\ninput = -1.0\noutput = 1.0",
        "[[price]]\nmodel = 'x'\nfrom = 2026-01-01\ninput = nan\noutput = 1.0",
        "[[price]]\nmodel = 'x'\nfrom = 2026-01-01\ninput = 1.0\noutput = 1.0\nouput = 2.0",
    ],
)
def test_prices_of_the_home_that_cannot_be_are_told_in_one_line(of_home, tmp_path, text):
    of_home(text)
    with pytest.raises(PriceError, match=rf"^{tmp_path}/prices\.toml.*take"):
        price("x", TODAY)


def test_a_sum_with_an_unknown_part_is_unknown():
    assert total([1.0, None]) is None
    assert total([1.0, 2.0]) == 3.0


@pytest.mark.parametrize(
    ("changes", "read", "expected"),
    [
        ({}, {}, 1.25 + 0.15),
        ({"mode": "batch"}, {}, (1.25 + 0.15) / 2),
        ({}, {"queries": ["a", "b"]}, 1.4 + 0.035),
        ({}, {"grounded": True}, 1.4 + 0.035),
        ({}, {"cached_tokens": 400_000}, 1.4 - 0.4 * (2.5 - 0.25)),
        ({"mode": "batch"}, {"cached_tokens": 400_000}, (1.25 + 0.15) / 2),
        ({"status": None}, {}, 1.4),
        ({"status": 503}, {}, 0),
        ({}, {"input_tokens": None}, None),
        ({}, {"output_tokens": None}, None),
        ({"requested_at": dt.datetime.fromisoformat("2020-01-01")}, {}, None),
    ],
)
def test_an_attempt_costs_what_it_used_a_refusal_nothing_and_what_is_not_known_is_not_known(changes, read, expected):
    setup = Setup("relabel", "models/gemini-2.5-pro", "sha", "{}", "")
    made = {
        "run": "r",
        "mode": "online",
        "requested_at": dt.datetime.fromisoformat("2026-11-22"),
        "seconds": 1.0,
        "status": 200,
    }
    attempt = Attempt(vote=VoteKey(setup, "instance", 1, 0), **(made | changes))
    found = cost(Reply(attempt=attempt, **({"input_tokens": 1_000_000 // 2, "output_tokens": 10_000} | read)))
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


@pytest.mark.parametrize("voting", ["adaptive", "full"])
def test_an_estimate_expects_less_than_the_bound_that_no_course_of_the_voting_exceeds(gemini, auditor, voting):
    """Also where searches are priced per query: each call makes as many as a request is assumed to make at most."""
    gemini.models.append("gemini-3.1-pro-preview")
    gemini.answer = noisy
    asked = replace(auditor, name="gemini-3.1-pro-preview", voting=voting)
    before = {task.name: estimate(asked, task, of) for task, of in ((AUDIT, DERIVATIONS), (RELABEL, QUESTIONS))}
    for task, found in before.items():
        assert found.calls_least <= found.calls_expected <= found.calls_most == 60
        assert (found.is_assumed, found.usd_expected < found.usd_most) == (True, True)
        most = known_price("gemini-3.1-pro-preview").of(1, MAX_OUTPUT_TOKENS, MOST_QUERIES)
        assert found.usd_most > 60 * most, task
    list(asked.audit(DERIVATIONS))
    spent = sum(cost(read(attempt)) for attempt in asked.ledger.attempts(asked.setup(AUDIT)))
    assert 0 < spent <= before["audit"].usd_most
    after = estimate(asked, AUDIT, DERIVATIONS)
    assert (after.settled, after.calls_expected, after.usd_expected, after.is_assumed) == (12, 0, 0, False)
    assert after.output_tokens == 1500


def test_the_inputs_are_estimated_of_contested_and_deferred_labels_and_of_a_share_of_those_without_a_relabel(auditor):
    """30 rows: 20 are relabelled, of which 5 are contested or deferred, and of the other 10 nobody knows."""
    raw = Source("demo").read().instances.head(30)
    known = pl.DataFrame({"uid": raw["uid"][:20], "to_read": [True] * 5 + [False] * 15})
    chances = chances_of_reading(raw, known)
    assert chances == [1.0] * 5 + [0.0] * 15 + [0.25] * 10
    found = estimates_of(auditor, raw, chances)["inputs"]
    assert (found.instances, found.instances_expected, found.settled) == (15, 7.5, 0)
    assert (found.calls_least, found.calls_expected, found.calls_most) == (5 * 4, 7.5 * 4.5, 15 * 5)
    assert (found.output_tokens, found.searches) == (4_000, 0), "readers have no tools"
    asked = as_seen(Inputs, raw.with_columns(all_asked()))
    casting, pro = auditor.casting(INPUTS, asked), known_price(auditor.model)
    tokens = [casting.request(each, 0).tokens for each in asked]
    assert found.usd_expected == pytest.approx(
        sum(4.5 * chance * pro.of(n, 4_000, 0) for chance, n in zip(chances, tokens, strict=True))
    )
    assert found.usd_most == pytest.approx(sum(5 * pro.of(n, MAX_OUTPUT_TOKENS, 0) for n in [*tokens[:5], *tokens[20:]]))


def test_before_enough_labels_are_relabelled_the_share_is_that_of_the_authors(auditor):
    raw = Source("demo").read().instances.head(30)
    chances = chances_of_reading(raw, pl.DataFrame({"uid": raw["uid"][:19], "to_read": [False] * 19}))
    assert chances[:19] + chances[19:] == [0.0] * 19 + [446 / INSTANCES["test"]] * 11
    assert estimates_of(auditor, raw, chances)["inputs"].instances_expected == pytest.approx(11 * 446 / INSTANCES["test"])
    assert set(estimates_of(auditor, raw)) == set(estimates_of(auditor, raw, [0.0] * 30)) == {"audit", "relabel"}
