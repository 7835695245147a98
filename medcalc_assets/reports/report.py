"""The report over the whole benchmark, for a reader who decides whether to trust it."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from medcalc_assets.auditors.protocol import cost, of_unknown_cost
from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.inputs import numeral
from medcalc_assets.grading.scores import caveats, sentences
from medcalc_assets.labels import attribution
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.families import PANEL
from medcalc_assets.labels.value import from_row
from medcalc_assets.physicians.consensus import agreement
from medcalc_assets.reports.charts import Kind, Mark, Stage, address, flow, scatter, slopes
from medcalc_assets.reports.index import BY_ENTITIES, CAUSES, ITS_OWN, NO_VOTES, RELABEL, SHORT, words
from medcalc_assets.reports.trace import rulers
from medcalc_assets.statistics.agreement import compare_with_physicians
from medcalc_assets.statistics.effective_votes import amount_of
from medcalc_assets.statistics.error_rates import BASES, TERMS, findings, headline
from medcalc_assets.statistics.estimates import proportion, share
from medcalc_assets.statistics.summary import NEEDED, summarise, totals
from medcalc_assets.templates import templates

COLORS = {"convention": "open", "superseded": "open", "incomputable": "na"}
"""By cause, where it is not that of an error."""
HEAT = (
    ("contradicted", "Contradicted", ""),
    ("audit_flags", "Flagged", ""),
    ("changed", "Changed", ""),
    ("not_computable", "N/A", "vn"),
    ("ambiguous", "Ambiguous", "vo"),
    ("unresolved", "Unresolved", "vo"),
)
"""The columns of the table of calculators: figure, words, and colour. Those without any label are left out."""
ANSWERED, RULED, NOBODY = "Answered", "Ruled", "Nobody yet"
PHASES = {"audit": "1", "relabel": "2", "inputs": "2, inputs"}
RATES = ("Labels", "Wrong", "#Expected", "#95%", "#Of", "#Seen", "#Not covered", "Basis")


def report_page(
    stored: Mapping[str, pl.DataFrame],
    listed: pl.DataFrame,
    rates: Sequence[Mapping[str, Any]],
    original: str,
) -> str:
    """The page. `stored`: the tables that it is made from, by name; `listed`: what the index has of each label; `rates`: the
    rows of `error_rates`; `original`: what the benchmark is called."""
    maintained, evidence = stored["maintained_labels"], stored["label_evidence"]
    auditor = maintained["auditor"].mode().sort()[0]
    figures = summarise({name: stored[name] for name in NEEDED})
    total = totals(figures)
    labels = listed.join(
        evidence.select("uid", "comparison", "likely_error", "discrepancy", "label_number", "relabel_number"),
        on="uid",
    )
    labels = labels.with_columns(all=pl.lit("Labels"), physicians=_physicians())
    flowing = flow(labels, list(_stages(labels, original)))
    wrong = headline(rates, "original", "paper")
    rates_head = [*RATES, *(["#In truth"] if any(row["truth"] is not None for row in rates) else [])]
    marks = list(_rates_of(rates, original))
    compared = compare_with_physicians(
        stored["derivation_audit"], stored["relabels"], stored["physician_consensus"], auditor
    )
    board, effects = stored["leaderboard"], stored["key_effects"]
    by = rulers(stored["rulings"])
    cards = [
        _card(row) | {"by": by.get(row["card"], "")}
        for row in stored["rule_cards"].sort("labels", "card", descending=[True, False]).to_dicts()
    ]
    numbers = labels.filter(comparison="relative")
    apart = scatter(numbers) if numbers.height else None
    causes = list(_causes(labels))
    keys = list(slopes(effects)) if effects.height else []
    labellers = stored["relabels"]["auditor"].unique() if auditor == PANEL else [auditor]
    return (
        templates()
        .get_template("report.html.j2")
        .render(
            simulated=maintained["simulated"].any(),
            out=(),
            auditor=auditor,
            original=original,
            total=total,
            wrong=wrong,
            first=marks[0] if wrong else _mark("", total["contradicted"], total["instances"], "bad"),
            marks=marks,
            top=_round_top(max((each.high for each in marks), default=100.0)),
            findings=findings(rates),
            rates_head=rates_head,
            rates_rows=[_rate(row)[: len(rates_head)] for row in rates],
            certificate=list(_certificate(stored, labels, marks, rates, cards)),
            of_confident=share(total["likely_errors"], total["high_confidence"]),
            of_all=share(total["likely_errors"], total["instances"]),
            of_contradicted=share(total["contradicted"], total["instances"]),
            flow=flowing,
            flow_rows=[(each.start, each.end, f"{each.labels:,}") for each in flowing.bands],
            reasons=list(_reasons(labels)),
            causes=causes,
            causes_rows=[(_link(each["href"], each["name"]), f"{each['labels']:,}", each["meaning"]) for each in causes],
            scatter=apart,
            scatter_rows=[
                (_link(f"labels/{row['uid']}.html", row["uid"]), row["calc"], row["was"], numeral(row["relabel_number"]))
                for row in (apart.linked if apart else ())
            ],
            differs=address(relabel=RELABEL[True]),
            cards=cards,
            ruled=sum(each["ruling"] is not None for each in cards),
            heat=[each for each in HEAT if total[each[0]]],
            by_calculator=_by_calculator(figures),
            agreement=[
                _mark(_whose(row["label_set"], original), row["n_agree"], row["n"], color, f"{row['n_agree']} of {row['n']}")
                for row, color in zip(compared, ("bad", "ink", *("good" for _ in compared)), strict=False)
                if row["n"]
            ],
            agreement_rows=[_agreement(row, original) for row in compared if row["n"]],
            chosen=f"On the labels that physicians ({compared[0]['reviewers']}) answered blind, by the paper's agreement "
            "rule; the line is the 95% interval. Where they chose the cases, it says nothing of the rest.",
            keys=keys,
            key_rows={
                key: [
                    (
                        each.run,
                        f"{each.n:,}",
                        f"{each.before:.1f}%",
                        f"{each.now:.1f}%",
                        f"{each.now - each.before:+.1f} points",
                    )
                    for each in runs
                ]
                for key, runs in keys
            },
            verdicts=dict(evidence["verdict"].value_counts().sort("verdict").iter_rows()),
            audited=stored["audit_flags"]
            .filter((pl.col("status") != "not_audited") & (pl.col("auditor") == auditor))
            .height,
            basis=" ".join(f"By {basis}: {meaning}." for basis, meaning in BASES.items()),
            same=" ".join(f"Wrong {meaning}: {_SAME[terms]}" for terms, meaning in TERMS.items()),
            reviewers=agreement(_answers(stored["physician_labels"])),
            effective=[_independent(row) for row in stored["effective_votes"].to_dicts()],
            board=[_score(row) for row in board.sort("key", "rank", "run").to_dicts()],
            effects=[*sentences(effects.to_dicts(), labellers), *(caveats(board) if board.height else ())],
            costs=list(_costs(stored)),
        )
    )


_SAME = {
    "paper": "numbers of which either is fractional or above 20 differ by more than 5%, others by more than 1 point; a date "
    "is another day; one of them is N/A.",
    "limits": "the answer is outside the limits within which a grader takes it for right.",
}


def _physicians() -> pl.Expr:
    reason = pl.col("reason")
    decided = pl.when(reason.str.starts_with("Physician")).then(pl.lit(ANSWERED)).when(reason == words("ruled"))
    return decided.then(pl.lit(RULED)).otherwise(pl.lit(NOBODY))


def _stages(labels: pl.DataFrame, original: str) -> Iterator[Stage]:
    """What sorts the labels. A stage that nobody has been through yet is left out."""
    yield Stage(original, "all", [Kind("Labels", "ink", "index.html")])
    colors = dict(zip(BY_ENTITIES.values(), ("q", "bad", "open", "open"), strict=True))
    yield Stage("Its own entities", "by", [Kind(name, color, address(by=name)) for name, color in colors.items()])
    if (labels["relabel"] != NO_VOTES).any():
        colors = {RELABEL[False]: "good", RELABEL[True]: "bad", RELABEL[None]: "open", NO_VOTES: "q"}
        kinds = [Kind(name, color, address(relabel=name)) for name, color in colors.items()]
        yield Stage("Relabelled blind", "relabel", kinds)
    if (labels["physicians"] != NOBODY).any():
        reasons = labels.filter(physicians=ANSWERED)["reason"].unique().sort()
        query = "index.html#" + "&".join(address(reason=each).partition("#")[2] for each in reasons)
        kinds = [Kind(NOBODY, "q"), Kind(RULED, "ink", address(reason=words("ruled"))), Kind(ANSWERED, "ink", query)]
        yield Stage("Physicians", "physicians", kinds)
    colors = dict(zip(SHORT.values(), ("good", "good", "good", "open"), strict=True))
    yield Stage("May be used", "use", [Kind(name, color, address(use=name)) for name, color in colors.items()])


def _rates_of(rates: Sequence[Mapping[str, Any]], original: str) -> Iterator[Mark]:
    """The share of wrong labels, of the original ones and of our key's, as `findings` says them."""
    if row := headline(rates, "original", "paper"):
        yield _share_of(row, row["n"] + row["not_covered"], original, "bad")
    if row := headline(rates, "key", "limits"):
        yield _share_of(row, row["n"], f"What may grade{', as far as physicians saw' if row['not_covered'] else ''}", "good")


def _share_of(rate: Mapping[str, Any], of: int, name: str, color: str) -> Mark:
    return Mark(name, 100 * rate["wrong"] / of, 100 * rate["low"] / of, 100 * rate["high"] / of, color)


def _mark(name: str, part: int, of: int, color: str, basis: str = "") -> Mark:
    found = proportion(part, of)
    return Mark(name, 100 * found.value, 100 * found.low, 100 * found.high, color, basis)


def _round_top(highest: float) -> int:
    """The end of an axis in percent: of four equal parts in whole numbers."""
    return min(100, 20 * math.ceil(highest / 20))


def _rate(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{row['labels']}: {row['part']}",
        TERMS[row["terms"]],
        f"{row['wrong']:,.1f}",
        f"{row['low']:,.0f} to {row['high']:,.0f}",
        *(f"{row[name]:,}" for name in ("n", "seen", "not_covered")),
        row["basis"],
        "" if row["truth"] is None else f"{row['truth']:,}",
    )


def _certificate(
    stored: Mapping[str, pl.DataFrame],
    labels: pl.DataFrame,
    marks: Sequence[Mark],
    rates: Sequence[Mapping[str, Any]],
    cards: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, str | Markup]]:
    """What may be relied on, a line each."""
    uses = Counter(labels["use"])
    yield "Labels", f"{labels.height:,}"
    yield "May grade models", f"{uses[SHORT[True, True]] + uses[SHORT[True, False]]:,}"
    yield "May train models", f"{uses[SHORT[True, True]] + uses[SHORT[False, True]]:,}"
    yield "May do neither", f"{uses[SHORT[False, False]]:,}"
    for mark in marks:
        if mark.color == "good":
            told = f"{mark.value:.0f}% ({mark.low:.0f} to {mark.high:.0f})"
            yield f"Likely wrong: {mark.name[:1].lower()}{mark.name[1:]}", told
    proofs = [row for row in rates if row["basis"] == "certificate" and row["terms"] == "limits"]
    for row in proofs:
        proven = "proven" if row["high"] <= row["claim"] else "not proven"
        yield f"Wrong in {row['part']}, certified", f"{row['high']:,.0f} of {row['n']:,} at most: {proven}"
    if not proofs:
        yield "Certified by a random sample", "nothing yet"
    if cards:
        yield "Questions ruled by physicians", f"{sum(each['ruling'] is not None for each in cards):,} of {len(cards):,}"
    releases = stored["label_releases"].sort("released_at")
    if releases.height:
        last = releases.row(-1, named=True)
        yield "Last release", f"{last['version']}, {last['released_at']:%Y-%m-%d}"
        changed = labels["since"].sum()
        yield f"Changed since {last['version']}", _link("index.html#since=1", f"{changed:,}") if changed else "none"
        yield "SHA-256", Markup("<code>{} … {}</code>").format(last["manifest_sha256"][:12], last["manifest_sha256"][-4:])
    else:
        yield "Last release", "none yet"


def _reasons(labels: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    counts = Counter(labels["reason"])
    for reason, meaning in REASONS.items():
        if n := counts[words(reason)]:
            yield _link(address(reason=words(reason)), words(reason)), f"{n:,}", f"{meaning[:1].upper()}{meaning[1:]}"


def _causes(labels: pl.DataFrame) -> Iterator[dict[str, Any]]:
    counts = Counter(labels["cause"])
    known = [(text, COLORS.get(cause, "bad"), attribution.CAUSES[cause]) for cause, text in CAUSES.items()]  # type: ignore[index]
    own = (ITS_OWN, "bad", "no relabel contradicts it, but its own entities do by the published rule, or its score's range")
    for name, color, meaning in sorted([*known, own], key=lambda each: -counts[each[0]]):
        if n := counts[name]:
            yield {"name": name, "labels": n, "color": color, "href": address(cause=name), "meaning": meaning}


def _card(row: Mapping[str, Any]) -> dict[str, Any]:
    name = CALCULATORS[row["calculator_id"]].name
    question = row["question"].removeprefix(f"{name}: ")
    choices = json.loads(row["choices"])
    answered = {choice: n for choice, n in json.loads(row["answered"]).items() if n}
    told = "; ".join(f"{n} that {choices[choice]}" for choice, n in answered.items())
    return dict(row) | {
        "name": name,
        "question": question if question.startswith("v1.0") else f"{question[:1].upper()}{question[1:]}",
        "uids": json.loads(row["uids"]),
        "ruling": choices.get(row["ruling"], row["ruling"]),
        "told": f"Blind answers to its labels imply: {told}." if told else "",
    }


def _by_calculator(figures: pl.DataFrame) -> list[dict[str, Any]]:
    rows = [
        row
        | {
            "share": proportion(row["likely_errors"], row["instances"]),
            "name": CALCULATORS[row["calculator_id"]].name,
            "href": address(calc=CALCULATORS[row["calculator_id"]].name),
        }
        for row in figures.to_dicts()
    ]
    return sorted(rows, key=lambda row: (-row["share"].value, -row["contradicted"], row["name"]))


def _whose(label_set: str, original: str) -> str:
    return {"original": original, "own entities": "Own entities, published rule"}.get(label_set, f"Relabels of {label_set}")


def _agreement(row: Mapping[str, Any], original: str) -> tuple[str, ...]:
    return (
        _whose(row["label_set"], original),
        f"{row['n_agree']} of {row['n']}",
        f"{row['agreement']:.0%}",
        f"{row['agreement_low']:.1%} to {row['agreement_high']:.1%}",
        *((f"{row['smape']:.1f}", f"{row['smape_low']:.1f} to {row['smape_high']:.1f}") if row["smape_n"] else ("", "")),
        f"{row['smape_n']}",
    )


def _answers(physicians: pl.DataFrame) -> dict[str, dict[int, Any]]:
    answers: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in physicians.iter_rows(named=True):
        answers[row["reviewer"]][row["uid"]] = from_row(row, "physician")
    return answers


def _independent(row: Mapping[str, Any]) -> tuple[Any, ...]:
    of = {"auditor": "", "family": "outcomes of the family ", "panel": "outcomes of the ", "all": "outcomes of "}
    whose = of[row["scope"]] + row["name"]
    return (
        PHASES[row["phase"]],
        whose,
        "not known" if row["votes"] is None else row["votes"],
        f"{row['labels']:,}",
        "" if row["error_rate"] is None else f"{row['error_rate']:.1%}",
        "" if row["correlation"] is None else f"{row['correlation']:.2f}",
        amount_of(row) if row["effective"] else "not known",
    )


def _score(row: Mapping[str, Any]) -> tuple[Any, ...]:
    clustered = f"{row['clustered_low']:.1%} to {row['clustered_high']:.1%}" if row["clustered_low"] is not None else ""
    right, lost = f"{row['right']:,} of {row['n']:,}", f"{row['harness_error'] + row['missing']:,}"
    return row["key"], row["rank"], row["run"], right, f"{row['share']:.1%}", clustered, lost


def _costs(stored: Mapping[str, pl.DataFrame]) -> Iterable[tuple[Any, ...]]:
    votes = pl.concat(
        [
            stored[name]
            .select("auditor", "status", "calls", "cost_usd", "input_tokens", "output_tokens")
            .filter((pl.col("status") != "not_cast") | (pl.col("calls") > 0))
            .with_columns(phase=pl.lit(phase))
            for phase, name in (("1", "audit_votes"), ("2", "relabel_votes"))
        ]
    )
    spent = votes.group_by("phase", "auditor").agg(
        pl.len().alias("votes"),
        (pl.col("status") == "failed").sum().alias("failed"),
        pl.sum("input_tokens", "output_tokens"),
        cost().alias("dollars"),
        of_unknown_cost().alias("unknown"),
    )
    for phase, auditor, votes_cast, failed, into, out, dollars, unknown in spent.sort("phase", "auditor").iter_rows():
        counts = (f"{each:,}" for each in (votes_cast, failed, into, out))
        yield phase, auditor, *counts, f"{dollars:.2f}" + (f" and {unknown:,} calls of unknown cost" if unknown else "")


def _link(href: str, text: object) -> Markup:
    return Markup('<a href="{}">{}</a>').format(href, text)
