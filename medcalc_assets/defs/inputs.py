"""What is contested or deferred, the other way: blind readers find the inputs, and the published rule computes."""

import json
from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.auditors.protocol import Question, columns_of, votes_frame
from medcalc_assets.auditors.tasks import INPUTS, version
from medcalc_assets.benchmarks.versions import VERSIONS
from medcalc_assets.calculators.input_votes import InputConsensus, Said, all_asked, consensus, together
from medcalc_assets.defs.settings import Settings, Votes
from medcalc_assets.defs.stage import CALLS, MODEL_CALLS, columns, describe, stage
from medcalc_assets.labels.families import PANEL
from medcalc_assets.labels.value import as_columns
from medcalc_assets.labels.voting import USABLE, asked
from medcalc_assets.storage.tables import INPUT_CONSENSUS, INPUT_VOTES, INSTANCE_KEYS


@stage(
    "disagreement",
    also=version(INPUTS.prompt_sha256),
    pool=MODEL_CALLS,
    ins={
        "raw_medcalc": columns(*INSTANCE_KEYS, *columns_of(Question)[1:]),
        "disagreement_scores": columns("uid", "auditor", "likely_error"),
        "relabels": columns("uid", "auditor", "status"),
    },
)
def input_votes(
    context: dg.AssetExecutionContext,
    raw_medcalc: pl.LazyFrame,
    disagreement_scores: pl.DataFrame,
    relabels: pl.DataFrame,
    settings: Settings,
    votes: Votes,
) -> pl.DataFrame:
    """Of the instances that are contested or deferred by the auditor that counts; MEDCALC_INPUT_VOTES says otherwise."""
    counts = pl.col("auditor") == settings.auditor_that_counts
    contested = disagreement_scores.filter(counts, "likely_error").select("uid")
    deferred = relabels.filter(counts, pl.col("status") == "deferred").select("uid")
    chosen = pl.concat([contested, deferred]).lazy()
    match settings.input_votes:
        case "contested":
            raw_medcalc = raw_medcalc.join(chosen, on="uid", how="semi")
        case "none":
            raw_medcalc = raw_medcalc.clear()
    instances, cast = settings.votes(INPUTS, raw_medcalc.with_columns(all_asked()), votes, context.run.run_id)
    frame = votes_frame(INPUT_VOTES, cast, instances)
    describe(context, frame, settings.auditor_that_counts, **CALLS)
    return frame


@stage("disagreement", ins={"raw_medcalc": columns(*INSTANCE_KEYS, "benchmark", "entities")})
def input_consensus(
    context: dg.AssetExecutionContext, raw_medcalc: pl.DataFrame, input_votes: pl.DataFrame, settings: Settings
) -> pl.DataFrame:
    found: list[tuple[int, str, InputConsensus]] = []
    voted = raw_medcalc.join(input_votes.select("uid"), on="uid", how="semi")
    said = input_votes.filter(USABLE).sort("run_index").group_by("uid", "auditor").agg("inputs")
    answers: dict[int, dict[str, list[str]]] = {}
    for uid, auditor in input_votes.select("uid", "auditor").unique(maintain_order=True).iter_rows():
        answers.setdefault(uid, {})[auditor] = []
    for uid, auditor, of_auditor in said.iter_rows():
        answers[uid][auditor] = of_auditor
    for uid, number, benchmark, text in voted.select("uid", "calculator_id", "benchmark", "entities").iter_rows():
        calculator = VERSIONS[benchmark].calculator(number, entities := json.loads(text))
        by_auditor = {
            auditor: consensus(calculator, entities, list(map(_said, votes)))
            for auditor, votes in sorted(answers[uid].items())
        }
        found += [(uid, auditor, each) for auditor, each in by_auditor.items()]
        if settings.auditor_that_counts == PANEL:
            voters = {name: by_auditor[name] for name in settings.voters if name in by_auditor}
            found.append((uid, PANEL, together(voters, calculator.output_type)))
    cells: dict[str, list[Any]] = {
        "uid": [uid for uid, _, _ in found],
        "auditor": [auditor for _, auditor, _ in found],
        "status": [each.status for _, _, each in found],
        **as_columns("computed", [each.value for _, _, each in found]),
        "missing": [json.dumps(each.missing, ensure_ascii=False) for _, _, each in found],
        "inputs": [json.dumps(each.inputs, ensure_ascii=False) for _, _, each in found],
        "explanation": [each.explanation for _, _, each in found],
    }
    by_whom = asked(input_votes)
    rows = INPUT_CONSENSUS.of_instances(raw_medcalc.select(INSTANCE_KEYS), cells)
    frame = rows.drop("model_version", "prompt_sha256").join(by_whom, on=["uid", "auditor"], how="left")
    of_counting = pl.col("auditor") == settings.auditor_that_counts
    computed = pl.col("status").is_in(["computed", "not_computable"]) & of_counting
    describe(context, frame, settings.auditor_that_counts, computed=computed.sum())
    return frame.select(INPUT_CONSENSUS.names)


def _said(inputs: str) -> dict[str, Said]:
    """A vote as `input_votes` has it, by the name of the input."""
    return {each["input"]: Said(each["value"], each["unit"], each["quote"]) for each in json.loads(inputs)}
