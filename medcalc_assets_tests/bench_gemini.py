"""What the auditors cost in time and memory beside the bare client, and how many calls adaptive voting takes.

`python -m medcalc_assets_tests.bench_gemini`; the server is a process of its own.
"""

import asyncio
import contextlib
import datetime as dt
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from google.genai import types

from medcalc_assets.auditors.flow import Limits
from medcalc_assets.auditors.gemini import client
from medcalc_assets.auditors.ledger import Attempt, Ledger
from medcalc_assets.auditors.model import ModelAuditor
from medcalc_assets.auditors.protocol import Question
from medcalc_assets.auditors.tasks import RELABEL
from medcalc_assets.labels.voting import RUNS, audit_settled, relabel_settled
from medcalc_assets_tests.gemini_server import KEY, GeminiServer, plain_answer

CALLS, AT_ONCE = 1_000, 64
NOTE = "A 61-year-old man with a history of hypertension. " * 40
FINISHED = 55_500


@contextlib.contextmanager
def server(seconds: float, storm: str | None = None) -> Iterator[None]:
    """A server in another process, which the environment points to. From the second to the fifth second after its first call
    it answers nothing but the `storm`."""
    code = (
        "import time; from medcalc_assets_tests.gemini_server import GeminiServer\n"
        "began = []\n"
        "def fault(_):\n"
        "    began[:] = began or [time.monotonic()]\n"
        f"    return {storm!r} if 2 < time.monotonic() - began[0] < 5 else None\n"
        f"with GeminiServer(seconds={seconds}, fault=fault) as s: print(s.url, flush=True); time.sleep(1e6)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    os.environ |= {
        "GOOGLE_GEMINI_BASE_URL": process.stdout.readline().strip(),
        "GEMINI_API_KEY": KEY,
        "NO_PROXY": "127.0.0.1",
    }
    try:
        yield
    finally:
        process.kill()
        process.wait()


def auditor(folder: str, **limits: int) -> ModelAuditor:
    ledger = Ledger(f"sqlite:///{Path(folder) / 'ledger.sqlite'}")
    return ModelAuditor("gemini-2.5-pro", ledger, voting="full", limits=Limits(at_once=AT_ONCE, **limits))


def questions(calls: int) -> list[Question]:
    return [Question(uid, f"{NOTE}{uid}", "What is the score?") for uid in range(calls // RUNS)]


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def wall_time_over_the_ideal() -> None:
    """(a) 1,000 calls of 1 s, 64 at once: 16 rounds of 1 s at best."""
    ideal = -(-CALLS // AT_ONCE)
    for at_first in (AT_ONCE, Limits().at_first):
        with server(1.0), tempfile.TemporaryDirectory() as folder:
            client.client()
            began = time.perf_counter()
            list(auditor(folder, at_first=at_first).relabel(questions(CALLS)))
            seconds = time.perf_counter() - began
        print(
            f"(a) {CALLS} calls of 1 s, {AT_ONCE} at once, {at_first} at first: {seconds:.2f} s, "
            f"{seconds / ideal:.3f} of the ideal"
        )


def cpu_beside_the_bare_client() -> None:
    """(b) CPU of this process for each call: ours, and the client called in a loop with the same requests."""
    with server(0.05), tempfile.TemporaryDirectory() as folder:
        ours = auditor(folder, at_first=AT_ONCE)
        casting = ours.casting(RELABEL, questions(CALLS))
        requests = [casting.request(question, index) for question in questions(CALLS) for index in range(RUNS)]
        gemini = client.client()

        async def bare(typed: bool) -> None:
            places = asyncio.Semaphore(AT_ONCE)

            async def one(request: client.Request) -> None:
                config = client.config(request)
                config.should_return_http_response = not typed
                config.http_options = types.HttpOptions(timeout=60_000)
                async with places:
                    await gemini.aio.models.generate_content(model="gemini-2.5-pro", contents=request.message, config=config)

            await asyncio.gather(*map(one, requests))

        asyncio.run(bare(typed=False))  # what is made once
        spent = {}
        for name, work in (
            ("bare client, raw", lambda: asyncio.run(bare(typed=False))),
            ("bare client, typed", lambda: asyncio.run(bare(typed=True))),
            ("auditor", lambda: list(ours.relabel(questions(CALLS)))),
        ):
            before = cpu()
            work()
            spent[name] = 1_000 * (cpu() - before) / CALLS
    shown = ", ".join(f"{name} {milliseconds:.2f} ms" for name, milliseconds in spent.items())
    print(f"(b) CPU a call: {shown}: {spent['auditor'] / spent['bare client, raw']:.2f} and "
          f"{spent['auditor'] / spent['bare client, typed']:.2f} times the bare client")  # fmt: skip


def calls_of_adaptive_voting(instances: int = 20_000) -> None:
    """(c) Calls an instance, when each vote agrees with the instance's most likely one with this probability."""
    for agreement in (0.95, 0.90, 0.80):
        random_ = random.Random(f"{agreement}")
        counts = {"audit, passes": 0, "audit, errors": 0, "relabel": 0}
        for _ in range(instances):
            agrees = [random_.random() < agreement for _ in range(RUNS)]
            passes = ["passed" if yes else "likely_error" for yes in agrees]
            errors = ["likely_error" if yes else "passed" for yes in agrees]
            answers = ["right" if yes else f"wrong {n}" for n, yes in enumerate(agrees)]
            for name, votes, settled in (
                ("audit, passes", passes, audit_settled),
                ("audit, errors", errors, audit_settled),
                ("relabel", answers, relabel_settled),
            ):
                counts[name] += next((n for n in range(RUNS) if settled(votes[:n])), RUNS)
        mean = {name: count / instances for name, count in counts.items()}
        audit = 0.734 * mean["audit, passes"] + 0.266 * mean["audit, errors"]
        print(f"(c) agreement {agreement:.2f}: audit {audit:.2f} (26.6% flagged, as in the paper), "
              f"relabel {mean['relabel']:.2f}, both {audit + mean['relabel']:.2f} of 10")  # fmt: skip


def resuming() -> None:
    """(d) 55,500 finished calls in the ledger: time and memory until it is known that nothing is missing."""
    with tempfile.TemporaryDirectory() as folder, GeminiServer() as shapes:
        ours = auditor(folder)
        everything = questions(FINISHED)
        casting = ours.casting(RELABEL, everything)
        first = casting.request(everything[0], 0)
        shapes.answer = plain_answer
        body = shapes.response(shapes._read("gemini-2.5-pro", client.body(first)), None)
        template = json.dumps(body)
        when = dt.datetime.now(dt.UTC).replace(tzinfo=None)

        def attempt(question: Question, index: int) -> Attempt:
            vote = casting.vote(question, index)
            text = template.replace(first.vote.request_id, vote.request_id)
            return Attempt(vote=vote, run="r", mode="online", requested_at=when, seconds=60.0, status=200, body=text)

        for start in range(0, len(everything), 1_000):
            chunk = everything[start : start + 1_000]
            ours.ledger.write(attempts=[attempt(question, index) for question in chunk for index in range(RUNS)])
        size = (Path(folder) / "ledger.sqlite").stat().st_size
        code = (
            "import resource, time; from medcalc_assets_tests.bench_gemini import *\n"
            f"ours, everything = auditor({folder!r}), questions(FINISHED)\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "began = time.perf_counter(); casting = ours.cast(RELABEL, everything)\n"
            "seconds = time.perf_counter() - began\n"
            "most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "print(f'{seconds:.1f} s, {most / 1024:.0f} MiB at most ({before / 1024:.0f} before)')"
        )
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        print(f"(d) resuming with {FINISHED:,} finished calls ({size / 1e6:.0f} MB): {shown}")


def storms() -> None:
    """(e) 1,000 calls of 0.5 s, of which a storm of three seconds refuses all: 8 s without it, and 11 s at best with it."""
    for storm in (None, "429", "503"):
        with server(0.5, storm), tempfile.TemporaryDirectory() as folder:
            ours = auditor(folder, at_first=AT_ONCE)
            client.client()
            began = time.perf_counter()
            votes = list(ours.relabel(questions(CALLS)))
            seconds = time.perf_counter() - began
            refused = sum(attempt.status != 200 for attempt in ours.ledger.attempts_of_run("none"))
        lost = sum(vote.status != "ok" for vote in votes)
        print(f"(e) {storm or 'no storm'}: {seconds:.1f} s, {refused} calls refused, {lost} votes lost")


if __name__ == "__main__":
    wall_time_over_the_ideal()
    cpu_beside_the_bare_client()
    calls_of_adaptive_voting()
    resuming()
    storms()
