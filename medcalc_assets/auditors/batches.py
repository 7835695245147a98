"""Votes at a lower price, many in a batch job: it is announced in the ledger before it is created, and kept whole."""

import asyncio
import datetime as dt
import logging
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from medcalc_assets.auditors.asking import Asking
from medcalc_assets.auditors.casting import GIVEN_UP
from medcalc_assets.auditors.ledger import Attempt, Batch
from medcalc_assets.auditors.prices import cost
from medcalc_assets.auditors.provider import Jobs, Request

MOST_REQUESTS = 10_000
LONGEST_SECONDS = 72 * 3600
"""A job expires within 48 hours; one that is in an unknown state for longer than this is taken for expired."""

log = logging.getLogger(__name__)


async def complete(asking: Asking, jobs: Jobs) -> None:
    """Ask in jobs until every instance is settled: first for what cannot be in vain, then for all that is missing, as a wave
    may take a day.

    Raises AuditorError and LedgerError.
    """
    casting, tries = asking.casting, asking.limits.tries
    submitted: Counter[str] = Counter()
    while not asking.flow.reason and (
        requests := [casting.request(instance, index) for instance in casting.open for index in casting.next_wave(instance)]
    ):
        granted = await asyncio.gather(*map(asking.claim_now, requests))
        held = [request for request, is_ours in zip(requests, granted, strict=True) if is_ours]
        # Looked at after claiming: what a run announced before it died is in one of these jobs.
        under_way = asking.ledger.open_batches(casting.setup)
        in_jobs = {vote for job in under_way for vote in job.votes}
        new = [request for request in held if request.vote.sha256 not in in_jobs and casting.outcome(request.vote) is None]
        if asking.budget and new:
            new = await asking.budget.affordable(new)
        for start in range(0, len(new), MOST_REQUESTS):
            under_way.append(await _submit(asking, jobs, new[start : start + MOST_REQUESTS]))
        await asyncio.gather(*(_collect(asking, jobs, job) for job in under_way))
        for request in new:
            submitted[request.vote.sha256] += 1
            if submitted[request.vote.sha256] == tries and casting.outcome(request.vote) is None:
                casting.given_up[request.vote.sha256] = f"{GIVEN_UP} after {tries} batch jobs"
        asking.progress.done = len(casting.instances) - len(casting.open)
        log.info("%s", asking.progress)
        if not under_way:  # another run is asking
            await asyncio.sleep(asking.heartbeat_seconds)


async def _submit(asking: Asking, jobs: Jobs, requests: Sequence[Request]) -> Batch:
    job = Batch(uuid.uuid4().hex, asking.owner, None, [request.vote.sha256 for request in requests])
    asking.ledger.announce_batch(job, asking.casting.setup)
    return _named(asking, job, await jobs.create(job.id, requests))


def _named(asking: Asking, job: Batch, name: str) -> Batch:
    asking.ledger.name_batch(job.id, name)
    return replace(job, name=name)


async def _collect(asking: Asking, jobs: Jobs, job: Batch) -> None:
    """Wait for a job, ours or that of another run, and keep what it brings, even if that is not everything."""
    ledger = asking.ledger
    while job.name is None:
        if name := await jobs.find(job.id):
            job = _named(asking, job, name)
        elif not ledger.is_alive(job.owner):
            ledger.close_batch(job.id, [])  # its run died before it was created
            return
        else:
            await asyncio.sleep(asking.heartbeat_seconds)
            job = next((open_ for open_ in ledger.open_batches(asking.casting.setup) if open_.id == job.id), job)
    began, requested_at = time.monotonic(), dt.datetime.now(dt.UTC).replace(tzinfo=None)
    while (results := await jobs.results(job.name)) is None and time.monotonic() - began <= LONGEST_SECONDS:
        await asyncio.sleep(asking.limits.batch_poll_seconds)
    seconds, votes = time.monotonic() - began, asking.casting.votes()
    attempts = [
        Attempt(
            vote=votes[vote],
            run=asking.run,
            mode="batch",
            requested_at=requested_at,
            seconds=seconds,
            status=status,
            body=body,
        )
        for vote, (status, body) in (results or {}).items()
        if vote in job.votes and vote in votes
    ]
    ledger.close_batch(job.id, attempts)
    costs = [cost(asking.keep(attempt)) for attempt in attempts]
    if asking.budget:
        asking.budget.settle(job.votes, costs)
