"""A plan of what physicians are asked: to find wrong labels, to measure how many there are, to certify those that leave."""

import datetime as dt
import re
from typing import Any, NamedTuple, Self

import polars as pl

from medcalc_assets.errors import MedcalcError
from medcalc_assets.physicians.sample import last_plan, open_cases
from medcalc_assets.release.rates import with_key
from medcalc_assets.release.use import records_of
from medcalc_assets.statistics import sampling
from medcalc_assets.statistics.certificate import bound, highest_allowed, sample_size
from medcalc_assets.statistics.review import with_probability
from medcalc_assets.statistics.track_record import CLASSES
from medcalc_assets.storage.tables import INSTANCE_KEYS, LABEL_EVIDENCE, SAMPLING_PLAN
from medcalc_assets.storage.warehouse import Warehouse

USES = {"evaluation": "in_key", "reward": "trains"}
"""What can be certified: the labels of a use, or of a class of evidence (CLASSES)."""


class PlanError(MedcalcError):
    """A plan cannot be made as asked. Nothing was written."""


class Claim(NamedTuple):
    """What a certificate is to prove: at most this share of the labels of a set are wrong."""

    share: float
    of: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises PlanError.

        >>> Claim.parse("5% of evaluation")
        Claim(share=0.05, of='evaluation')
        """
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s+of\s+(\w+)\s*", text)
        if not found or found[2] not in (*USES, *CLASSES) or not 0 < float(found[1]) < 100:
            raise PlanError(
                f"--certify {text!r:.60} is no claim: give a share of {', '.join((*USES, *CLASSES))}, such as "
                "'5% of evaluation'."
            )
        return cls(float(found[1]) / 100, found[2])


def planned(
    warehouse: Warehouse, find: int, measure: int, certify: str, seed: str, again: bool, now: dt.datetime
) -> pl.DataFrame:
    """The rows of `sampling_plan` that a new plan adds: nothing is written.

    The sample of a certificate is the smallest that proves the claim if all of its labels are right. What physicians have
    answered before is a stratum counted whole, as `seen`.

    Raises PlanError where a plan is open, unless `again`, or where there are too few labels.
    """
    before = last_plan(warehouse)
    number = 1 + (before["plan"][0] if before.height else 0)
    if (left := len(open_cases(warehouse))) and not again:
        raise PlanError(
            f"Plan {number - 1} is open: {left} of its cases have no answer. Have them answered (`medcalc packet --order "
            "measure`), or give --again to leave it and plan anew."
        )
    if not (find or measure or certify):
        raise PlanError("A plan for nothing: give --find, --measure or --certify.")
    evidence = with_probability(warehouse.read(LABEL_EVIDENCE))
    labels = with_key(evidence, records_of(warehouse, evidence))
    unseen = labels.filter(pl.col("physician_kind").is_null())
    claim, answers, allowed = None, 0, None
    certified = pl.lit(False)
    if certify:
        claim = Claim.parse(certify)
        certified = pl.col(USES[claim.of]) if claim.of in USES else pl.col("evidence_class") == claim.of
        of = unseen.select(certified.sum()).item()
        answers, allowed = sample_size(of, claim.share), highest_allowed(claim.share, of)
    drawn = sampling.plan(unseen.with_columns(certified=certified), seed, find, measure, answers)
    seen = labels.filter(pl.col("physician_kind").is_not_null()).sort("uid")
    whole = seen.select(
        "uid", "stratum", draw=pl.int_range(1, pl.len() + 1), inclusion_probability=pl.lit(1.0), purpose=pl.lit("seen")
    )
    group = ["purpose", "stratum"]
    return (
        pl.concat([drawn, whole.select(drawn.columns)])
        .with_columns(answers=pl.len().over(group))
        .with_columns(
            plan=pl.lit(number),
            labels=(pl.col("answers") / pl.col("inclusion_probability")).round(),
            claim=pl.when(purpose="certify").then(pl.lit(allowed)),
            stratum=pl.when(purpose="certify").then(pl.lit(claim and claim.of)).otherwise("stratum"),
            seed=pl.lit(seed),
            planned_at=pl.lit(now),
        )
        .join(labels.select(*INSTANCE_KEYS, "probability_wrong"), on="uid", validate="m:1")
        .select(pl.col(name).cast(dtype) for name, dtype in SAMPLING_PLAN.polars_schema.items())
    )


def promise(plan: pl.DataFrame, labels: int) -> list[str]:
    """What a plan is going to prove, in sentences; `labels` are all of the benchmark."""
    of: dict[str, Any] = {purpose: plan.filter(purpose=purpose) for purpose in ("find", "measure", "certify")}
    said = []
    if (find := of["find"]).height:
        said.append(
            f"find: the {find.height:,} most likely wrong, of which about {find['probability_wrong'].sum():,.0f} are."
        )
    if (measure := of["measure"]).height:
        strata = measure.group_by("stratum").agg(pl.col("labels", "answers").first()).sort("stratum")
        sizes = dict(strata.select("stratum", "answers").iter_rows())
        half = sampling.margin(dict(strata.select("stratum", "labels").iter_rows()), sizes)
        drawn = ", ".join(f"{stratum} {n}" for stratum, n in sizes.items())
        said.append(
            f"measure: {measure.height:,} at random ({drawn}): the number of wrong original labels to ±{half:,.0f}, "
            f"±{half / labels:.1%} of all {labels:,}, if the rates are as anticipated."
        )
    if (certify := of["certify"]).height:
        part, n_labels, n, allowed = certify.select("stratum", "labels", "answers", "claim").row(0)
        otherwise = " and ".join(f"{bound(n_labels, n, found):,} with {found}" for found in (1, 2) if found <= n)
        said.append(
            f"certify: {n:,} of the {n_labels:,} labels of {part} at random: if all are right, at most {allowed:,} of them "
            f"are wrong ({allowed / n_labels:.1%}; 95% confidence). Whatever comes is said: at most {otherwise} wrong in it."
        )
    return said
