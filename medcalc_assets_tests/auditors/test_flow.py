import asyncio

import pytest

from medcalc_assets.auditors.flow import Flow, Limits, Stopped


def test_concurrency_grows_while_calls_succeed_and_no_further_than_allowed():
    flow = Flow(Limits(at_once=20, at_first=4))
    for expected in range(5, 21):
        flow.succeeded()
        assert flow.width == expected
    flow.succeeded()
    assert flow.width == 20


def test_a_429_halves_it_once_for_all_calls_that_were_under_way():
    flow = Flow(Limits(at_once=64, at_first=64))
    for _ in range(10):
        flow.throttled(started=0.0, pause=0.0)
    assert flow.width == 32
    for _ in range(32):
        flow.succeeded()
    assert 32.5 < flow.width < 33.5, "after that it grows by one a round"
    flow.throttled(started=float("inf"), pause=0.0)
    assert 16 < flow.width < 17


def test_errors_of_the_service_take_one_off_each_and_while_everything_fails_one_call_is_left():
    flow = Flow(Limits(at_once=64, at_first=64))
    flow.lost(started=0.0)
    assert flow.width == 63
    for _ in range(62):
        flow.lost(started=0.0)
    assert flow.width == 1
    for _ in range(20):
        flow.lost(started=0.0)
    assert flow._probes == 1, "what was under way beside it says nothing new"


def test_after_congestion_the_width_doubles_up_to_half_of_what_it_was_and_then_grows_by_one():
    flow = Flow(Limits(at_once=64, at_first=64))
    for _ in range(64):
        flow.lost(started=0.0)
    widths = [flow.width]
    for _ in range(7):
        for _ in range(int(flow.width)):
            flow.succeeded()
        widths.append(round(flow.width))
    assert widths == [1, 2, 4, 8, 16, 32, 33, 34]


def test_the_probe_of_all_waits_twice_as_long_each_time(clock):
    flow = Flow(Limits(at_once=1, first_backoff_seconds=2, longest_backoff_seconds=20))
    waits = []

    async def probe():
        for _ in range(6):
            before = clock()
            async with flow.call(1) as started:
                waits.append(clock() - before)
                flow.lost(started)

    asyncio.run(probe())
    for wait, most in zip(waits[1:], (2, 4, 8, 16, 20), strict=True):
        assert most / 2 <= wait <= most


def test_it_never_falls_below_one():
    flow = Flow(Limits(at_once=2, at_first=2))
    for _ in range(9):
        flow.throttled(started=float("inf"), pause=0.0)
    assert flow.width == 1


def run(flow, calls, work):
    async def one():
        async with flow.call(tokens=100):
            await work()

    async def all_():
        return await asyncio.gather(*(one() for _ in range(calls)), return_exceptions=True)

    return asyncio.run(all_())


def test_no_more_calls_are_under_way_than_admitted():
    flow, most = Flow(Limits(at_once=7, at_first=7)), 0

    async def work():
        nonlocal most
        most = max(most, flow.in_flight)
        await asyncio.sleep(0)

    run(flow, 200, work)
    assert (most, flow.in_flight) == (7, 0)


def test_after_a_stop_no_call_waits_for_a_place():
    async def work():
        flow = Flow(Limits(at_once=1, at_first=1))
        async with flow.call(1):
            flow.stop(ValueError())
            with pytest.raises(Stopped):
                await asyncio.wait_for(flow.call(1).__aenter__(), 5)

    asyncio.run(work())


def test_a_stop_lets_calls_end_and_admits_none():
    flow, begun, ended = Flow(Limits(at_once=3, at_first=3)), 0, 0

    async def work():
        nonlocal begun, ended
        begun += 1
        await asyncio.sleep(0.01)
        flow.stop(ValueError())
        await asyncio.sleep(0.01)
        ended += 1

    results = run(flow, 10, work)
    assert (begun, ended) == (3, 3)
    assert sum(isinstance(result, Stopped) for result in results) == 7


@pytest.fixture
def clock(monkeypatch):
    """Reads the time, from 1000 s on, of a clock that only sleeping moves."""
    now = 1000.0

    async def sleep(seconds):
        nonlocal now
        now += seconds

    monkeypatch.setattr("medcalc_assets.auditors.flow.time.monotonic", lambda: now)
    monkeypatch.setattr("medcalc_assets.auditors.flow.asyncio.sleep", sleep)
    return lambda: now


@pytest.mark.parametrize("limits", [Limits(requests_per_minute=1200), Limits(tokens_per_minute=120_000)])
def test_calls_are_spaced_as_the_limits_ask(limits, clock):
    """Twenty calls, of 100 tokens each, a second."""
    starts = []

    async def work():
        starts.append(clock())

    run(Flow(limits), 10, work)
    assert [round(start - 1000, 3) for start in starts] == [round(0.05 * n, 3) for n in range(10)]


def test_a_pause_that_was_asked_for_is_kept(clock):
    starts = []
    flow = Flow(Limits())
    flow.throttled(started=clock(), pause=37.5)

    async def work():
        starts.append(clock())

    run(flow, 2, work)
    assert starts == [1037.5] * 2


def test_backoff_doubles_with_jitter_up_to_its_bound():
    limits = Limits(first_backoff_seconds=2, longest_backoff_seconds=20)
    for tries, most in ((1, 2), (2, 4), (3, 8), (4, 16), (5, 20), (50, 20)):
        waits = {limits.backoff(tries) for _ in range(50)}
        assert most / 2 <= min(waits) <= max(waits) <= most
        assert len(waits) > 10


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_of_calls_that_start_together_the_first_is_on_its_way_before_the_last_is_made(pause):
    flow = Flow(Limits(at_once=64, at_first=64))
    flow.throttled(started=float("-inf"), pause=pause)
    flow.width = 64.0
    seen: list[str] = []

    async def ask():
        async with flow.call(1):
            seen.append("made")
            await asyncio.sleep(0)
            seen.append("on its way")

    async def ask_all():
        await asyncio.gather(*(ask() for _ in range(64)))

    asyncio.run(ask_all())
    assert len(seen) == 128
    assert seen.index("on its way") <= 2
