"""The report over the whole benchmark, for a reader who decides whether to trust it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from medcalc_assets.auditors.protocol import cost
from medcalc_assets.grading.scores import caveats, sentences
from medcalc_assets.labels.attribution import CAUSES
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.families import PANEL
from medcalc_assets.labels.value import from_row
from medcalc_assets.physicians.consensus import agreement
from medcalc_assets.reports.plots import disagreement_by_calculator, original_against_relabels, scores_between_keys
from medcalc_assets.statistics.agreement import compare_with_physicians
from medcalc_assets.statistics.error_rates import findings
from medcalc_assets.statistics.estimates import share
from medcalc_assets.statistics.summary import NEEDED, summarise, totals
from medcalc_assets.templates import markdown, templates


def report_page(
    stored: Mapping[str, pl.DataFrame],
    cards: pl.DataFrame,
    rates: Sequence[Mapping[str, Any]],
    effective: Sequence[Mapping[str, Any]],
    board: pl.DataFrame,
    effects: pl.DataFrame,
) -> str:
    """The whole benchmark, for a reader who decides whether to trust it: `cards` are the rows of `rule_cards`, `rates` those
    of `error_rates`, `effective` of `effective_votes`, `board` of `leaderboard`, `effects` of `key_effects`."""
    auditor = stored["maintained_labels"]["auditor"].mode().sort()[0]
    figures = summarise({name: stored[name] for name in NEEDED})
    total = totals(figures)
    audits, maintained = stored["derivation_audit"], stored["maintained_labels"]
    votes = pl.concat(
        [
            stored[name]
            .select("auditor", "status", "calls", "cost_usd", "input_tokens", "output_tokens")
            .filter(pl.col("status") != "not_cast")
            .with_columns(phase=pl.lit(phase))
            for phase, name in (("1", "audit_votes"), ("2", "relabel_votes"))
        ]
    )
    labellers = stored["relabels"]["auditor"].unique() if auditor == PANEL else [auditor]
    answers: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in stored["physician_labels"].iter_rows(named=True):
        answers[row["reviewer"]][row["uid"]] = from_row(row, "physician")
    body = (
        templates()
        .get_template("report.md.j2")
        .render(
            auditor=auditor,
            simulated=maintained["simulated"].any(),
            total=total,
            of_confident=share(total["likely_errors"], total["high_confidence"]),
            of_all=share(total["likely_errors"], total["instances"]),
            of_contradicted=share(total["contradicted"], total["instances"]),
            audited=stored["audit_flags"]
            .filter((pl.col("status") != "not_audited") & (pl.col("auditor") == auditor))
            .height,
            verdicts=dict(stored["label_evidence"]["verdict"].value_counts().sort("verdict").iter_rows()),
            causes=CAUSES,
            cards=cards.sort("labels", "calculator", "question", descending=[True, False, False]).to_dicts(),
            reasons=[(reason, maintained.filter(reason=reason).height, meaning) for reason, meaning in REASONS.items()],
            agreement=compare_with_physicians(audits, stored["relabels"], stored["physician_consensus"], auditor),
            rates=rates,
            effective=effective,
            findings=findings(rates),
            reviewers=agreement(answers),
            costs=votes.group_by("phase", "auditor")
            .agg(
                pl.len().alias("votes"),
                (pl.col("status") == "failed").sum().alias("failed"),
                pl.sum("input_tokens", "output_tokens"),
                cost().alias("cost_usd"),
            )
            .sort("phase", "auditor")
            .to_dicts(),
            by_calculator=figures.sort("likely_errors", "calculator", descending=[True, False]).to_dicts(),
            shares=disagreement_by_calculator(figures, auditor),
            board=board.sort("key", "rank", "run").to_dicts(),
            effects=[*sentences(effects.to_dicts(), labellers), *(caveats(board) if board.height else ())],
            slopes=scores_between_keys(effects) if effects.height else "",
            scatter=original_against_relabels(stored["label_evidence"], auditor),
        )
    )
    return templates().get_template("report.html.j2").render(body=Markup(markdown(images=True).render(body)))
