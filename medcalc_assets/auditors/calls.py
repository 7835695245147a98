"""What the ledger holds of the calls on some instances, as rows of `llm_calls`; and what further votes would take."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import polars as pl

from medcalc_assets.auditors.budget import MOST_QUERIES
from medcalc_assets.auditors.casting import MAX_OUTPUT_TOKENS
from medcalc_assets.auditors.ledger import Ledger
from medcalc_assets.auditors.model import ModelAuditor
from medcalc_assets.auditors.prices import cost, known_price, searches_of
from medcalc_assets.auditors.protocol import Derivation, Inputs, Instance, Question, as_seen, columns_of
from medcalc_assets.auditors.registry import read
from medcalc_assets.auditors.replies import Reply
from medcalc_assets.auditors.tasks import AUDIT, INPUTS, RELABEL, TASKS, Task, instance_sha256
from medcalc_assets.calculators.input_votes import all_asked
from medcalc_assets.labels.voting import RUNS
from medcalc_assets.storage.tables import LLM_CALLS

SEEN = columns_of(Derivation)[1:]
"""The columns of an instance, besides its keys, that a call may have been about."""
ASSUMED_OUTPUT_TOKENS, ASSUMED_SEARCHES = 4_000, 1
LATELY = 200
ASSUMED_TO_READ = (286 + 160) / 1_047
"""The share of labels that are contested, or whose relabel is deferred: of the relabels of arXiv:2512.19691."""
ENOUGH = 20
"""So many replies in the ledger, or relabels, replace the assumption."""


def calls_of(ledger: Ledger | None, raw: pl.DataFrame) -> pl.DataFrame:
    """Rows of `llm_calls`: one per attempt, whoever made it and whatever became of it, on instances that are still as they
    were then. `raw` has their INSTANCE_KEYS and SEEN."""
    instances: list[Instance] = [
        *as_seen(Derivation, raw),
        *as_seen(Question, raw),
        *as_seen(Inputs, raw.with_columns(all_asked())),
    ]
    rows = list(_rows(ledger, instances)) if ledger else []
    names = rows[0] if rows else ["uid"]
    return LLM_CALLS.of_instances(raw, {name: [row[name] for row in rows] for name in names})


def _rows(ledger: Ledger, instances: Sequence[Instance]) -> Iterator[dict[str, Any]]:
    present = {instance_sha256(instance) for instance in instances}
    nth: Counter[str] = Counter()
    for task in TASKS.values():
        for setup in ledger.setups(task.name):
            for attempt in ledger.attempts(setup):
                if attempt.vote.instance in present:
                    nth[attempt.vote.sha256] += 1
                    body = None if attempt.body is None else hashlib.sha256(attempt.body.encode()).hexdigest()
                    yield _row(read(attempt), nth[attempt.vote.sha256]) | {"body_sha256": body}


def _row(reply: Reply, nth: int) -> dict[str, Any]:
    attempt, vote = reply.attempt, reply.attempt.vote
    return {
        "uid": vote.uid,
        "request_id": vote.request_id,
        "attempt": nth,
        "task": vote.setup.task,
        "auditor": vote.setup.name,
        "run_index": vote.index,
        "prompt_sha256": vote.setup.prompt_sha256,
        "sampling": vote.setup.sampling,
        "tools": vote.setup.tools,
        "mode": attempt.mode,
        "run": attempt.run,
        "requested_at": attempt.requested_at,
        "latency_seconds": attempt.seconds,
        "http_status": attempt.status,
        "fault": reply.fault,
        "finish_reason": reply.finish_reason,
        "model_version": reply.model_version,
        "response_id": reply.response_id,
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
        "cached_tokens": reply.cached_tokens,
        "searches": json.dumps(reply.queries, ensure_ascii=False),
        "code_runs": reply.code_runs,
        "code_failures": reply.code_failures,
        "cost_usd": cost(reply),
    }


def served_lately(ledger: Ledger) -> dict[str, list[str]]:
    """By model asked for, the versions that the last calls were answered by."""
    replies = [read(attempt) for attempt in ledger.latest_attempts(LATELY)]
    pairs = {(reply.attempt.vote.setup.auditor, reply.model_version) for reply in replies if reply.model_version}
    return {asked: sorted(version for model, version in pairs if model == asked) for asked, _ in sorted(pairs)}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the votes still missing would take. Costs are None if the price is unknown. Failed attempts are not foreseen."""

    instances: int
    """Those that may be asked about."""
    instances_expected: float
    settled: int
    calls_least: int
    calls_most: int
    """In the luckiest and the unluckiest course of the voting."""
    calls_expected: float
    usd_expected: float | None
    usd_most: float | None
    """If all votes are asked for, and each costs the most that it can: all output that it may have, and ten searches."""
    output_tokens: float
    searches: float
    """Of a call: the mean in the ledger, or an assumption."""
    is_assumed: bool


def estimates_of(auditor: ModelAuditor, raw: pl.DataFrame, chances: Sequence[float] = ()) -> dict[str, Estimate]:
    """By task, of these rows of `raw_medcalc`. Readers are asked for the inputs of each with a chance (see
    `chances_of_reading`); without any the run does not ask them."""
    found: dict[str, Estimate] = {task.name: estimate(auditor, task, as_seen(task.sees, raw)) for task in (AUDIT, RELABEL)}
    if may_be := [chance for chance in chances if chance]:
        to_read = raw.with_columns(all_asked()).filter(pl.Series(chances) > 0)
        found[INPUTS.name] = estimate(auditor, INPUTS, as_seen(Inputs, to_read), may_be)
    return found


def chances_of_reading(raw: pl.DataFrame, known: pl.DataFrame) -> list[float]:
    """How likely it is, for each row of `raw_medcalc`, that readers are asked for its inputs: 1 or 0 where `known` (see
    `labels.discrepancy.contested_or_deferred`) has it, else the share there, or an assumption."""
    share = known["to_read"].mean() if known.height >= ENOUGH else ASSUMED_TO_READ
    found = raw.select("uid").join(known, on="uid", how="left", maintain_order="left")["to_read"]
    return found.cast(pl.Float64).fill_null(share).to_list()


def estimate(
    auditor: ModelAuditor, task: Task, instances: Sequence[Any], chances: Sequence[float] | None = None
) -> Estimate:
    """Estimated from the length of the requests, and from what calls took so far: their output, their searches, and how many
    settled an instance. `chances` says how likely each is asked about; without them each is."""
    chance_of = {each.uid: chance for each, chance in zip(instances, chances or [1.0] * len(instances), strict=True)}
    casting = auditor.casting(task, instances)
    answered = [reply for reply in casting.replies() if reply.output_tokens is not None]
    known = len(answered) >= ENOUGH
    output = fmean(reply.output_tokens or 0 for reply in answered) if known else ASSUMED_OUTPUT_TOKENS
    searches = fmean(searches_of(reply) for reply in answered) if known else ASSUMED_SEARCHES
    searches = searches if "search" in casting.setup.tools else 0
    open_ = casting.open
    took = [casting.asked(instance) for instance in set(instances) - set(open_)]
    least = [len(casting.wanted(instance)) for instance in open_]
    most = [RUNS - len(casting.outcomes(instance)) for instance in open_]
    expected = [
        min(max(fmean(took) - (RUNS - high), low), high) if len(took) >= ENOUGH else (low + high) / 2
        for low, high in zip(least, most, strict=True)
    ]
    expected = [chance_of[each.uid] * calls for each, calls in zip(open_, expected, strict=True)]
    of_model, batch = known_price(auditor.model), auditor.mode == "batch"

    def usd(calls: Sequence[float], output_tokens: int, queries: float) -> float | None:
        if of_model is None:
            return None
        requests = [casting.request(instance, 0) for instance in open_]
        each = [
            of_model.of(request.tokens, output_tokens, queries if "search" in request.tools else 0, batch)
            for request in requests
        ]
        return sum(number * usd_each for number, usd_each in zip(calls, each, strict=True))

    return Estimate(
        instances=len(instances),
        instances_expected=sum(chance_of.values()),
        settled=len(instances) - len(open_),
        calls_least=sum(calls for each, calls in zip(open_, least, strict=True) if chance_of[each.uid] == 1),
        calls_most=sum(most),
        calls_expected=sum(expected),
        usd_expected=usd(expected, round(output), searches),
        usd_most=usd(most, MAX_OUTPUT_TOKENS, MOST_QUERIES),
        output_tokens=output,
        searches=searches,
        is_assumed=not known,
    )
