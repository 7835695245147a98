"""Votes by one call each, as many at once as the provider takes."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from medcalc_assets.auditors.asking import Asking
from medcalc_assets.auditors.flow import Stopped
from medcalc_assets.auditors.prices import cost
from medcalc_assets.auditors.provider import AuditorError, Provider, Request
from medcalc_assets.auditors.replies import Reply
from medcalc_assets.auditors.tasks import Instance


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
    began, tries = time.monotonic(), 0
    while casting.outcome(request.vote) is None:
        reply = await _attempt(asking, provider, request)
        if reply.counts:
            continue
        tries += 1
        if tries == limits.tries or time.monotonic() - began > limits.patience_seconds:
            casting.given_up[request.vote.sha256] = f"given up after {tries} attempts, the last: {reply.fault}"
        else:
            await asking.flow.pause(limits.backoff(tries))


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
    if attempt.status == 200:
        asking.flow.succeeded()
    elif attempt.status == 429:
        asking.flow.throttled(started, pause or limits.backoff(1))
    model = request.vote.setup.auditor
    error = provider.permanent(attempt.status, attempt.body, pause, limits.longest_wait_seconds, model)
    if error and not reply.is_too_long:
        raise error
    return reply
