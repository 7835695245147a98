"""How many labels are wrong, of the original ones and of our key's: what a model says, what a planned sample says, and
what a certificate proves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.value import columns
from medcalc_assets.statistics.certificate import bound
from medcalc_assets.statistics.error_model import CONTESTED, wrong_labels
from medcalc_assets.statistics.sampling import estimate_from_plan
from medcalc_assets.statistics.strata import STRATA, Terms, counted, right

CONTESTED_OR_SUSPECT = "contested, or contradicted without a relabel"
PARTS = {"contested": CONTESTED, CONTESTED_OR_SUSPECT: (*CONTESTED, "G"), "all": tuple(STRATA)}
"""Of the original labels, by the strata that they are made of."""
TERMS: Mapping[Terms, str] = {"paper": "by the agreement rule of the paper", "limits": "by a grader's limits"}
BASES = {
    "model": "as if the cases that physicians chose were a random draw of their kind",
    "design": "from a planned random sample, whatever the rates are",
    "certificate": "from a simple random sample of a size fixed beforehand: `high` is exceeded with 5% probability at most",
}


def error_rates(labels: pl.DataFrame, planned: pl.DataFrame, truth: pl.DataFrame | None = None) -> list[dict[str, Any]]:
    """How many original labels are wrong, and how many of our key: rows of `error_rates`.

    Args:
        labels: `label_evidence`, a row per instance, with `in_key` (it may grade), and with what would be without the
            physician's answer to it: `final_*`, `unaided` (it would grade), `evidence_class`.
        planned: The rows of `sampling_plan` of the last plan.
        truth: `uid` and `physician_*` of every label, where they are known, as in the demo.

    Where a physician has answered, our key holds that answer, which counts as right. A model covers the kinds of which
    physicians have seen any. Of a plan there are no rows as long as it lacks answers that it cannot do without; a
    certificate has one when the last answer to its sample is there, so that nobody stops when it looks well.
    """
    labels = labels.with_columns(answered=pl.col("physician_kind").is_not_null())
    known = None if truth is None else labels.drop(columns("physician")).join(truth, on="uid", how="left", validate="1:1")
    return [{"truth": None, "claim": None, **row} for terms in TERMS for row in _by_terms(labels, planned, known, terms)]


def _by_terms(
    labels: pl.DataFrame, planned: pl.DataFrame, known: pl.DataFrame | None, terms: Terms
) -> Iterator[dict[str, Any]]:
    everything, counts = labels.height, counted(labels, pl.col("stratum"))
    original = planned.join(labels.select("uid", wrong=~right("label", terms)), on="uid", how="left")
    for part, strata in PARTS.items():
        in_part = pl.col("stratum").is_in(strata)
        shared = {"labels": "original", "part": part, "terms": terms}
        if known is not None:
            shared["truth"] = known.select((in_part & ~right("label", terms)).sum()).item()
        wrong = wrong_labels(counts, terms, strata)
        if part != "all" and wrong.seen:
            told = {name: value for name, value in wrong._asdict().items() if name != "mean"} | {"wrong": wrong.mean}
            yield shared | told | {"basis": "model", "not_covered": everything - wrong.n}
        if rate := _design(original.filter(in_part | (pl.col("purpose") == "certify")), 0):
            yield shared | rate | {"not_covered": everything - rate["n"]}

    misses = pl.col("unaided") & ~right("final", terms)
    corrected = labels.select(misses.sum()).item()  # as the key holds the physician's answer instead
    size = labels["in_key"].sum()
    shared = {"labels": "key", "part": "may grade", "terms": terms}

    def truth(of: pl.DataFrame) -> dict[str, int]:
        if known is None:
            return {}
        still = pl.col("in_key") & ~pl.col("answered") & misses
        return {"truth": known.join(of.select("uid"), on="uid", how="semi").select(still.sum()).item()}

    if size:
        of_class = (
            labels.filter("unaided")
            .group_by(stratum="evidence_class")
            .agg(n=pl.len(), seen=pl.col("answered").sum(), **{f"original_{terms}": right("final", terms).sum()})
            .filter(pl.col("seen") > 0)
        )
        seen_of = of_class["stratum"].implode()
        wrong = wrong_labels(of_class, terms, of_class["stratum"].to_list(), {})
        known_wrong = int((of_class["seen"] - of_class[f"original_{terms}"]).sum())
        covered = labels.filter(pl.col("in_key") & (pl.col("answered") | pl.col("evidence_class").is_in(seen_of)))
        if wrong.seen:
            yield shared | {
                "basis": "model",
                "wrong": wrong.mean - known_wrong,
                "low": wrong.low - known_wrong,
                "high": wrong.high - known_wrong,
                "n": covered.height,
                "seen": covered["answered"].sum(),
                "not_covered": size - covered.height,
                **truth(covered),
            }
        if rate := _design(planned.join(labels.select("uid", wrong=misses), on="uid", how="left"), corrected):
            yield shared | rate | {"n": size, "not_covered": 0, **truth(labels)}
    yield from _certificates(planned.join(labels.select("uid", wrong=~right("final", terms)), on="uid", how="left"), terms)


def _design(planned: pl.DataFrame, corrected: int) -> dict[str, Any] | None:
    """What a plan for `find` and `measure` says of the labels that it was made for, `corrected` of them no more wrong."""
    whole = planned.filter(pl.col("purpose").is_in(["seen", "find"]))
    seen, measured = whole.filter(purpose="seen"), planned.filter(pl.col("purpose").is_in(["find", "measure"]))
    if "measure" not in planned["purpose"]:
        return None
    try:
        rate = estimate_from_plan(measured, int(seen["wrong"].sum()), seen.height)
    except MedcalcError:
        return None
    wrong, low, high = (max(figure - corrected, 0.0) for figure in rate[:3])
    figures = {"wrong": wrong, "low": low, "high": high, "n": rate.n, "seen": rate.answers + whole.height}
    return {"basis": "design", **figures}


def _certificates(planned: pl.DataFrame, terms: Terms) -> Iterator[dict[str, Any]]:
    for (part,), sample in planned.filter(purpose="certify").group_by("stratum", maintain_order=True):
        if sample["wrong"].null_count():
            continue
        found, (of, allowed) = int(sample["wrong"].sum()), sample.select("labels", "claim").row(0)
        yield {
            "labels": "key",
            "part": part,
            "terms": terms,
            "basis": "certificate",
            "wrong": found * of / sample.height,
            "low": found,
            "high": bound(of, sample.height, found),
            "n": of,
            "seen": sample.height,
            "not_covered": 0,
            "claim": allowed,
        }


def findings(rates: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the rows of `error_rates` come to, a sentence each: the original labels by the paper's terms, our key by a
    grader's limits, each by design where there is one; then what certificates prove."""
    if not rates:
        return ["How many labels are wrong is not known: no physician has answered."]
    return [*_rate(rates, "original", "paper"), *_rate(rates, "key", "limits")] + [
        f"Of the {rate['n']:,} labels of {rate['part']} that no physician had decided, at most {rate['high']:,.0f} were "
        f"wrong ({rate['high'] / rate['n']:.1%}; 95% confidence): {rate['low']:,.0f} of {rate['seen']:,} drawn at random "
        f"were. Claimed was at most {rate['claim']:,}: {'proven' if rate['high'] <= rate['claim'] else 'not proven'}."
        for rate in rates
        if rate["basis"] == "certificate" and rate["terms"] == "limits"
    ]


def headline(rates: Sequence[Mapping[str, Any]], labels: str, terms: Terms) -> Mapping[str, Any] | None:
    """The row of `error_rates` that says most: by design where there is one, else of the widest part. None without any."""
    found = [rate for rate in rates if (rate["labels"], rate["terms"]) == (labels, terms) and rate["basis"] != "certificate"]
    by_design = [rate for rate in found if rate["basis"] == "design" and not rate["not_covered"]]
    return next(reversed(by_design or found), None)


def _rate(rates: Sequence[Mapping[str, Any]], labels: str, terms: Terms) -> Iterator[str]:
    if rate := headline(rates, labels, terms):
        by_design = rate["basis"] == "design" and not rate["not_covered"]
        everything = rate["n"] + rate["not_covered"]
        name, kind, share = (
            ("Original labels", f"that are {rate['part']}", f"{rate['wrong'] / everything:.1%} of all {everything:,}")
            if labels == "original"
            else ("Our key", "of kinds that physicians have seen", f"{rate['wrong'] / rate['n']:.1%} of them")
        )
        among = f"the {rate['n']:,} {kind}," if rate["not_covered"] else f"all {everything:,}"
        basis = "by a planned random sample" if by_design else "by a model of the cases that physicians chose, and no sample"
        uncovered = f"; the other {rate['not_covered']:,} are not covered" if rate["not_covered"] else ""
        truth = f"; in truth {rate['truth']:,}, as the demo knows" if rate["truth"] is not None else ""
        yield (
            f"{name}: of {among} about {rate['wrong']:,.0f} are wrong ({rate['low']:,.0f} to {rate['high']:,.0f}; "
            f"{share}), {basis}{uncovered}{truth}."
        )
