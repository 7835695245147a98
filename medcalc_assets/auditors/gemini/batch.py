"""Votes at half the price through the Batch API: a job is announced in the ledger before it is created, and kept whole."""

import asyncio
import datetime as dt
import io
import json
import logging
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import httpx2
from google.genai import errors, types

from medcalc_assets.auditors.casting import Casting
from medcalc_assets.auditors.gemini import client
from medcalc_assets.auditors.gemini.client import GeminiError
from medcalc_assets.auditors.ledger import Attempt, Batch
from medcalc_assets.auditors.prices import cost
from medcalc_assets.auditors.provider import Request
from medcalc_assets.auditors.tasks import Instance

MOST_REQUESTS = 10_000
LONGEST_SECONDS = 72 * 3600
"""A job expires after 48 hours; one that is in an unknown state for longer than this is taken for expired."""
ENDED = {
    "JOB_STATE_SUCCEEDED",
    "JOB_STATE_PARTIALLY_SUCCEEDED",
    "JOB_STATE_FAILED",
    "JOB_STATE_CANCELLED",
    "JOB_STATE_EXPIRED",
}
MIME_TYPE = "application/jsonl"

log = logging.getLogger(__name__)
Result = TypeVar("Result")


async def complete(casting: Casting, instances: Sequence[Instance]) -> None:
    """Ask in jobs until every instance is settled: each wave is what is missing then, whatever became of the last one.

    Raises GeminiError and LedgerError.
    """
    submitted: Counter[str] = Counter()
    while requests := _wanted(casting, instances):
        granted = await asyncio.gather(*map(casting.claim_now, requests))
        held = [request for request, is_ours in zip(requests, granted, strict=True) if is_ours]
        # Looked at after claiming: what a run announced before it died is in one of these jobs.
        jobs = casting.auditor.ledger.open_batches(casting.setup)
        in_jobs = {vote for job in jobs for vote in job.votes}
        new = [request for request in held if request.vote.sha256 not in in_jobs and casting.outcome(request.vote) is None]
        if casting.budget and new:
            new = casting.budget.affordable(new)
        for start in range(0, len(new), MOST_REQUESTS):
            jobs.append(await _submit(casting, new[start : start + MOST_REQUESTS]))
        await asyncio.gather(*(_collect(casting, job) for job in jobs))
        for request in new:
            submitted[request.vote.sha256] += 1
            if submitted[request.vote.sha256] == casting.auditor.limits.tries and casting.outcome(request.vote) is None:
                casting.given_up[request.vote.sha256] = f"given up after {casting.auditor.limits.tries} batch jobs"
        casting.progress.done = sum(not casting.wanted(instance) for instance in casting.instances)
        log.info("%s", casting.progress)
        if not jobs:  # another run is asking
            await asyncio.sleep(casting.auditor.heartbeat_seconds)


def _wanted(casting: Casting, instances: Sequence[Instance]) -> list[Request]:
    return [casting.request(instance, index) for instance in instances for index in casting.wanted(instance)]


async def _submit(casting: Casting, requests: Sequence[Request]) -> Batch:
    job = Batch(uuid.uuid4().hex, casting.owner, None, [request.vote.sha256 for request in requests])
    casting.auditor.ledger.announce_batch(job, casting.setup)
    lines = [json.dumps({"key": request.vote.sha256, "request": client.body(request)}) for request in requests]

    async def create() -> str:
        # An attempt whose answer was lost may have created it.
        if name := await _find(job.id):
            return name
        gemini = client.client().aio
        config = types.UploadFileConfig(mime_type=MIME_TYPE, display_name=job.id)
        file = await gemini.files.upload(file=io.BytesIO("\n".join(lines).encode()), config=config)
        created = await gemini.batches.create(
            model=casting.setup.auditor, src=file.name or "", config=types.CreateBatchJobConfig(display_name=job.id)
        )
        return created.name or ""

    return _named(casting, job, await _persistently(casting, create))


def _named(casting: Casting, job: Batch, name: str) -> Batch:
    casting.auditor.ledger.name_batch(job.id, name)
    return Batch(job.id, job.owner, name, job.votes)


async def _find(id: str) -> str | None:
    """The name of the job that was announced under this id, if it was ever created."""
    async for job in await client.client().aio.batches.list(config=types.ListBatchJobsConfig(page_size=100)):
        if job.display_name == id:
            return job.name
    return None


async def _collect(casting: Casting, job: Batch) -> None:
    """Wait for a job, ours or that of another run, and keep what it brings, even if that is not everything."""
    ledger, votes = casting.auditor.ledger, casting.votes()
    while job.name is None:
        if name := await _persistently(casting, partial(_find, job.id)):
            job = _named(casting, job, name)
        elif not ledger.is_alive(job.owner):
            ledger.close_batch(job.id, [])  # its run died before it was created
            return
        else:
            await asyncio.sleep(casting.auditor.heartbeat_seconds)
            job = next((open_ for open_ in ledger.open_batches(casting.setup) if open_.id == job.id), job)
    began, requested_at = time.monotonic(), dt.datetime.now(dt.UTC).replace(tzinfo=None)
    name = job.name
    while True:
        state = await _persistently(casting, lambda: client.client().aio.batches.get(name=name))
        if (state.state and state.state.name in ENDED) or time.monotonic() - began > LONGEST_SECONDS:
            break
        await asyncio.sleep(casting.auditor.limits.batch_poll_seconds)
    log.info("batch job %s of %s votes ended: %s", name, len(job.votes), state.state and state.state.name)
    content = b""
    if state.dest and (file := state.dest.file_name):
        content = await _persistently(casting, lambda: client.client().aio.files.download(file=file))
    asked = {vote: votes[vote] for vote in job.votes if vote in votes}
    seconds = time.monotonic() - began
    attempts = [
        Attempt(vote=asked[key], run=casting.auditor.run, mode="batch", requested_at=requested_at, seconds=seconds, **result)
        for key, result in _results(content).items()
        if key in asked
    ]
    ledger.close_batch(job.id, attempts)
    costs = [cost(casting.keep(attempt)) for attempt in attempts]
    if casting.budget:
        casting.budget.settle(job.votes, costs)


def _results(content: bytes) -> dict[str, dict[str, Any]]:
    """Status and body by key; of a key that comes twice, the first. A line that cannot be read is left out."""
    results: dict[str, dict[str, Any]] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        try:
            entry = json.loads(line)
            key, error = entry["key"], entry.get("error")
            status = 200 if error is None else error.get("code", 500)
        except (ValueError, KeyError, AttributeError, TypeError):
            log.warning("a line of a batch's results cannot be read: %.80r", line)
            continue
        # Errors of single requests carry codes of google.rpc, which are below 400.
        body = json.dumps(entry.get("response") if error is None else {"error": error})
        results.setdefault(key, {"status": status if status == 200 else max(status, 500), "body": client.without_key(body)})
    return results


async def _persistently(casting: Casting, call: Callable[[], Awaitable[Result]]) -> Result:
    """The result of a call that is free of charge, repeated while that may help. Raises GeminiError."""
    limits = casting.auditor.limits
    tries = 0
    while True:
        pause, problem = None, ""
        try:
            async with asyncio.timeout(limits.deadline_seconds):
                return await call()
        except errors.APIError as refusal:
            pause, problem = client.pause_asked_for(refusal), str(refusal)
            body = client.body_of(refusal)
            if error := client.permanent(refusal.code, body, pause, limits.longest_wait_seconds, casting.setup.auditor):
                raise error from refusal
        except (TimeoutError, httpx2.HTTPError, ValueError) as failure:  # ValueError: what is no JSON
            problem = f"{type(failure).__name__}: {failure}"
        tries += 1
        if tries == limits.tries:
            raise GeminiError(
                f"The Batch API failed {tries} times, the last: {client.without_key(problem)}. Run again later: jobs under "
                "way are in the ledger, and will be waited for."
            )
        await asyncio.sleep(max(pause or 0.0, limits.backoff(tries)))
