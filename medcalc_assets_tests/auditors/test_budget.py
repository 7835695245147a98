import asyncio

import pytest

from medcalc_assets.auditors.budget import MOST_QUERIES, Budget, BudgetError
from medcalc_assets.auditors.ledger import Setup, VoteKey
from medcalc_assets.auditors.prices import Price
from medcalc_assets.auditors.provider import Request

PRICE = Price(1.0, 10.0, 1.0, 2.0, 20.0, 0.0, 0.01, 200_000, 0.5)
SETUP = Setup("relabel", "gemini-2.5-pro", "sha", "{}", "")


def request(index=0, tools=()):
    """200,000 tokens at most, which is no long prompt yet, and an answer of 50,000."""
    return Request(VoteKey(SETUP, "instance", 1, index), "p" * 300_000, "m" * 300_000, tools, 50_000)


MOST = 200_000 / 1e6 + 50_000 * 10 / 1e6


def calls(budget, *requests, cost=None):
    async def run():
        for each in requests:
            async with budget.call(each) as costs:
                costs.extend([] if cost is None else [cost])

    asyncio.run(run())


def test_a_call_is_made_up_to_the_limit_and_costs_what_it_cost():
    budget = Budget(MOST, PRICE, 0.0)
    calls(budget, request(), cost=0.0)
    assert (budget.spent, budget.reserved) == (0.0, {})
    calls(budget, request(1), cost=0.2)
    assert budget.spent == pytest.approx(0.2)
    with pytest.raises(BudgetError, match=r"^\$0\.20 of \$0\.70 is spent, and one more call could cost \$0\.70\."):
        calls(budget, request(2))


def test_searches_are_reckoned_with():
    budget = Budget(MOST + 0.01 * MOST_QUERIES - 0.001, PRICE, 0.0)
    with pytest.raises(BudgetError):
        calls(budget, request(tools=("search",)))
    calls(budget, request(tools=("code",)))


def test_a_call_whose_cost_is_unknown_is_booked_at_the_most_that_it_can_have_cost():
    budget = Budget(2.0, PRICE, 0.5)
    calls(budget, request())
    assert budget.spent == pytest.approx(0.5 + MOST)
    budget.reserved["a"] = 0.25
    budget.settle(["a"], [0.1, None])
    assert budget.spent == pytest.approx(0.75 + MOST)
    budget.settle(["never reserved"], [])
    assert budget.spent == pytest.approx(0.75 + MOST)


def test_a_call_waits_for_those_under_way_and_is_made_when_one_ends_below_its_price():
    budget = Budget(1.5 * MOST, PRICE, 0.0)

    async def run():
        async with budget.call(request()) as costs:
            second = asyncio.create_task(anext(aiter_of(budget.call(request(1)))))
            await asyncio.sleep(0.12)
            assert not second.done(), "both might cross the limit"
            costs.append(0.01)
        await second

    asyncio.run(run())
    assert budget.spent == pytest.approx(0.01 + MOST)


async def aiter_of(call):
    async with call:
        pass
    yield


def test_a_batch_has_as_many_requests_as_are_within_the_limit_at_half_the_price():
    budget = Budget(MOST, PRICE, 0.0)
    requests = [request(index) for index in range(3)]
    assert asyncio.run(budget.affordable(requests)) == requests[:2]
    assert sum(budget.reserved.values()) == pytest.approx(MOST)
    budget.settle([each.vote.sha256 for each in requests[:2]], [0.3, 0.4])
    assert (budget.spent, budget.reserved) == (pytest.approx(0.7), {})
    with pytest.raises(BudgetError, match="run again with a higher --max-usd"):
        asyncio.run(budget.affordable(requests[2:]))
