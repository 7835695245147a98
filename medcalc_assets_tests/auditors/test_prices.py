import datetime as dt

import pytest

from medcalc_assets.auditors.prices import price, total

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


def test_a_sum_with_an_unknown_part_is_unknown():
    assert total([1.0, None]) is None
    assert total([1.0, 2.0]) == 3.0
