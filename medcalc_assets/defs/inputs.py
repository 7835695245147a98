"""What is contested or deferred, the other way: blind readers find the inputs, and the published rule computes."""

import json
from typing import Any

import dagster as dg
import polars as pl

from medcalc_assets.auditors.protocol import Question, columns_of, votes_frame
from medcalc_assets.auditors.tasks import INPUTS, version
from medcalc_assets.benchmarks.versions import VERSIONS
from medcalc_assets.calculators.input_votes import InputConsensus, Said, all_asked, computed, consensus, together
from medcalc_assets.defs.settings import Settings, Votes
from medcalc_assets.defs.stage import CALLS, MODEL_CALLS, columns, describe, stage
from medcalc_assets.labels.discrepancy import contested_or_deferred
from medcalc_assets.labels.families import PANEL
from medcalc_assets.labels.value import as_columns, as_frame
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
    known = contested_or_deferred(disagreement_scores, relabels, settings.auditor_that_counts)
    match settings.input_votes:
        case "contested":
            raw_medcalc = raw_medcalc.join(known.filter("to_read").lazy(), on="uid", how="semi")
        case "none":
            raw_medcalc = raw_medcalc.clear()
    instances, cast = settings.votes(INPUTS, raw_medcalc.with_columns(all_asked()), votes, context.run.run_id)
    frame = votes_frame(INPUT_VOTES, cast, instances)
    describe(context, frame, settings.auditor_that_counts, **CALLS)
    return frame


@stage("disagreement", ins={"raw_medcalc": columns(*INSTANCE_KEYS, "benchmark", "entities", "note")})
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
    for uid, number, benchmark, text, note in voted.select(
        "uid", "calculator_id", "benchmark", "entities", "note"
    ).iter_rows():
        calculator = VERSIONS[benchmark].calculator(number, entities := json.loads(text))
        by_auditor = {
            auditor: consensus(calculator, entities, list(map(_said, votes)), note)
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


def answers_of(input_votes: pl.DataFrame, raw_medcalc: pl.DataFrame) -> pl.DataFrame:
    """The votes with the `answer_*` that the published rule makes of each; null of one that failed or was not cast."""
    rows = input_votes.join(raw_medcalc, on="uid")
    answers = [
        inputs and computed(VERSIONS[benchmark].calculator(number, json.loads(entities)), _said(inputs))
        for inputs, benchmark, number, entities in rows.select(
            "inputs", "benchmark", "calculator_id", "entities"
        ).iter_rows()
    ]
    return rows.select("uid", "auditor", "run_index", "status").hstack(as_frame("answer", answers))


def _said(inputs: str) -> dict[str, Said]:
    """A vote as `input_votes` has it, by the name of the input."""
    return {each["input"]: Said(each["value"], each["unit"], each["quote"]) for each in json.loads(inputs)}
