"""Batch jobs of Gemini, at half the price: a file of requests goes there, and a file of answers comes back."""

import asyncio
import io
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import httpx2
from google.genai import errors, types

from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.gemini import client
from medcalc_assets.auditors.gemini.client import GeminiError
from medcalc_assets.auditors.keys import without_key
from medcalc_assets.auditors.provider import Request
from medcalc_assets.auditors.replies import decoded

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


@dataclass(frozen=True)
class GeminiJobs:
    """See `auditors.provider.Jobs`. Our id of a job is its display name."""

    model: str
    limits: Limits

    async def create(self, id: str, requests: Sequence[Request]) -> str:
        lines = [json.dumps({"key": request.vote.sha256, "request": client.body(request)}) for request in requests]
        return await self._persistently(partial(self._create, id, "\n".join(lines).encode()))

    async def find(self, id: str) -> str | None:
        return await self._persistently(partial(self._find, id))

    async def results(self, name: str) -> dict[str, tuple[int, str]] | None:
        state = await self._persistently(lambda: client.client().aio.batches.get(name=name))
        if not state.state or state.state.name not in ENDED:
            return None
        log.info("batch job %s ended: %s", name, state.state.name)
        if not state.dest or not (file := state.dest.file_name):
            return {}
        return _results(await self._persistently(lambda: client.client().aio.files.download(file=file)))

    async def _create(self, id: str, content: bytes) -> str:
        # An attempt whose answer was lost may have created it.
        if name := await self._find(id):
            return name
        gemini = client.client().aio
        config = types.UploadFileConfig(mime_type=MIME_TYPE, display_name=id)
        file = await gemini.files.upload(file=io.BytesIO(content), config=config)
        created = await gemini.batches.create(
            model=self.model, src=file.name or "", config=types.CreateBatchJobConfig(display_name=id)
        )
        return without_key(created.name) or ""

    async def _find(self, id: str) -> str | None:
        async for job in await client.client().aio.batches.list(config=types.ListBatchJobsConfig(page_size=100)):
            if job.display_name == id:
                return without_key(job.name)
        return None

    async def _persistently(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """The result of a call that is free of charge, repeated while that may help. Raises GeminiError."""
        limits = self.limits
        began, tries = time.monotonic(), 0
        while True:
            pause, problem = None, ""
            try:
                async with asyncio.timeout(limits.deadline_seconds):
                    return await call()
            except errors.APIError as refusal:
                pause, problem = client.pause_asked_for(refusal), str(refusal)
                body = client.body_of(refusal)
                if error := client.permanent(refusal.code, body, pause, limits.longest_wait_seconds, self.model):
                    raise error from None  # the refusal holds what was sent back, unread
            except (TimeoutError, httpx2.HTTPError, ValueError) as failure:  # ValueError: what is no JSON
                problem = f"{type(failure).__name__}: {failure}"
            tries += 1
            if time.monotonic() - began > limits.patience_seconds:
                raise GeminiError(
                    f"The Batch API failed {tries} times, the last: {without_key(problem)}. Run again later: jobs "
                    "under way are in the ledger, and will be waited for."
                )
            await asyncio.sleep(max(pause or 0.0, limits.backoff(tries)))


def _results(content: bytes) -> dict[str, tuple[int, str]]:
    """Status and body by key; of a key that comes twice, the first. A line that cannot be read is left out."""
    results: dict[str, tuple[int, str]] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        try:
            entry = decoded(line)
            key, error = entry["key"], entry.get("error")
            status = 200 if error is None else error.get("code", 500)
        except (ValueError, KeyError, AttributeError, TypeError):
            log.warning("a line of a batch's results cannot be read: %.80r", without_key(line))
            continue
        # Errors of single requests carry codes of google.rpc, which are below 400.
        body = json.dumps(entry.get("response") if error is None else {"error": error})
        results.setdefault(key, (status if status == 200 else max(status, 500), without_key(body) or ""))
    return results
