"""Votes by one call each, as many at once as the provider takes."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from medcalc_assets.auditors.asking import Asking
from medcalc_assets.auditors.casting import GIVEN_UP
from medcalc_assets.auditors.flow import Stopped
from medcalc_assets.auditors.prices import cost
from medcalc_assets.auditors.protocol import Instance
from medcalc_assets.auditors.provider import AuditorError, Provider, Request, RequestError
from medcalc_assets.auditors.replies import Reply


async def complete(asking: Asking, provider: Provider) -> None:
    """Ask until every instance is settled, or the flow is stopped. Raises AuditorError and LedgerError."""
    open_ = asking.casting.open
    _require_no_batch(asking, open_)
    await asyncio.gather(*(_guarded(asking, _settle(asking, provider, instance)) for instance in open_))


def _require_no_batch(asking: Asking, instances: Sequence[Instance]) -> None:
    """Raise AuditorError if a vote is under way in a batch job: it would be paid for twice."""
    casting = asking.casting
    wanted = {casting.vote(instance, index).sha256 for instance in instances for index in casting.wanted(instance)}
    for job in asking.ledger.open_batches(casting.setup):
        if wanted & set(job.votes):
            raise AuditorError(
                f"{len(wanted & set(job.votes))} votes are under way in batch job {job.name or job.id}. Run with --mode "
                "batch to wait for it (cancel the job first, if you would rather not), and then online."
            )


async def _guarded(asking: Asking, work: Awaitable[None]) -> None:
    """Any error stops the run, but not the calls under way: they may have been paid for."""
    try:
        await work
    except Stopped:
        pass
    except Exception as error:
        asking.flow.stop(error)


async def _settle(asking: Asking, provider: Provider, instance: Instance) -> None:
    while requests := asking.casting.requests(instance):
        await asyncio.gather(*(_guarded(asking, _cast(asking, provider, request)) for request in requests))
        if asking.flow.reason:
            return
    asking.progress.done += 1


async def _cast(asking: Asking, provider: Provider, request: Request) -> None:
    if not await asking.claim(request):
        return
    casting, limits = asking.casting, asking.limits
    failing_since, failures, tries = 0.0, 0, 0
    while casting.outcome(request.vote) is None:
        reply = await _attempt(asking, provider, request)
        if reply.counts or casting.outcome(request.vote):
            continue
        failing_since = failing_since or time.monotonic()
        failures += 1
        tries += not asking.is_down and reply.attempt.status != 429  # what befalls all is not this vote's
        if tries == limits.tries or time.monotonic() - failing_since > limits.patience_seconds:
            casting.given_up[request.vote.sha256] = f"{GIVEN_UP} after {failures} attempts, the last: {reply.fault}"
        else:
            await asking.flow.pause(limits.backoff(failures))


async def _attempt(asking: Asking, provider: Provider, request: Request) -> Reply:
    limits = asking.limits
    within_budget: AbstractAsyncContextManager[list[float | None]] = (
        asking.budget.call(request) if asking.budget else nullcontext([])
    )
    async with asking.flow.call(request.tokens) as started, within_budget as paid:
        if asking.flow.reason:  # while this call was waiting for the budget
            raise Stopped
        attempt, pause = await provider.ask(request, asking.run, limits.deadline_seconds)
        await asking.writer.append(attempt)
        reply = asking.keep(attempt)
        paid.append(cost(reply))
    status, model = attempt.status, request.vote.setup.auditor
    if status == 200:
        asking.answered()
    elif status is None or status == 429 or status >= 500:
        asking.unanswered.add(request.vote.uid)
        if status == 429:
            asking.flow.throttled(started, pause or limits.backoff(1))
        else:
            asking.flow.lost(started)
    error = provider.permanent(status, attempt.body, pause, limits.longest_wait_seconds, model)
    if isinstance(error, RequestError) and not reply.is_too_long:
        asking.refuse(request, error)
    elif error and not reply.is_too_long:
        raise error
    return reply
