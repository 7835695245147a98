"""The figures over all labels: computed anew from the tables, so that they are true whatever was materialized last."""

from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table as Grid

from medcalc_assets.cli import as_json, console, home, print_json

if TYPE_CHECKING:
    import polars as pl

    from medcalc_assets.storage.warehouse import Warehouse

TEXTS = {"note", "question", "entities", "explanation", "working", "alternatives", "evidence", "attribution_evidence", "why"}
"""Columns that the summary does without: most of what the tables hold."""
HEADINGS = {
    "calculator": "calculator",
    "all": "instances",
    "contra": "contradicted",
    "flags": "audit_flags",
    "conf": "high_confidence",
    "errors": "likely_errors",
    "new": "changed",
    "N/A": "not_computable",
    "ambig": "ambiguous",
    "open": "unresolved",
}
"""Short, so that the names of the calculators fit a terminal of 80 columns; LEGEND says what they mean."""
LEGEND = (
    "contra: contradicted by their own entities. flags: of Phase 1. conf: high-confidence relabels. errors: likely errors. "
    "new: changed labels. ambig: ambiguous. open: unresolved."
)
RARE = 0.1
"""Below this share of contradicted labels: in v1.0's test split it is 0.185 (194 of 1,047)."""
VERDICTS = {
    "reproduced": "reproduced by the published rule",
    "contradicted": "[bold]contradicted by the published rule[/]",
    "not_computable": "not computable from their entities",
    "suspect": "with an entity that cannot be meant",
}

PHASES = {"audit": "Phase 1", "relabel": "Phase 2", "inputs": "Inputs read"}
OTHERS = ("raw_medcalc", "derivation_audit", "relabels", "physician_consensus")
"""What is shown besides the counts of `statistics.summary`."""


@click.command()
@home
@click.option("--by-calculator", is_flag=True, help="Show a row per calculator, too.")
@as_json
def summary(by_calculator: bool, as_json: bool) -> None:
    """Show the figures over all labels, the finding last.

    \b
    Examples:
      medcalc summary
      medcalc summary --by-calculator
    """
    from medcalc_assets.storage.warehouse import Warehouse, home_folder

    found = figures(Warehouse(home_folder()))
    if as_json:
        print_json(found)
    else:
        show(found, by_calculator)


def figures(warehouse: "Warehouse") -> dict[str, Any]:
    """All figures, by the keys of docs/json.md. Raises WarehouseError where a table is missing, or of two auditors."""
    import polars as pl

    from medcalc_assets.labels.attribution import CAUSES
    from medcalc_assets.labels.decision import REASONS
    from medcalc_assets.physicians.sample import last_plan, progress
    from medcalc_assets.release.build import in_quarantine
    from medcalc_assets.release.leaks import leaks_into_test
    from medcalc_assets.release.rates import rates
    from medcalc_assets.statistics.agreement import compare_with_physicians
    from medcalc_assets.statistics.strata import counted
    from medcalc_assets.statistics.summary import NEEDED, summarise, totals
    from medcalc_assets.storage import tables
    from medcalc_assets.storage.warehouse import WarehouseError

    needed = {name: tables.TABLES[name] for name in (*NEEDED, *OTHERS)}
    found = {
        name: warehouse.read(table, columns=[each for each in table.names if each not in TEXTS or name == "label_evidence"])
        for name, table in needed.items()
    }
    raw, evidence, maintained = found["raw_medcalc"], found["label_evidence"], found["maintained_labels"]
    audits = found["derivation_audit"]
    auditors = maintained["auditor"].unique().sort().to_list()
    if len(auditors) > 1:
        raise WarehouseError(
            f"Maintained labels were made with {' and '.join(auditors)}: run all partitions with one of them."
        )
    auditor = auditors[0] if auditors else "none"
    by_calculator, leaks = summarise(found), leaks_into_test(raw)
    total = totals(by_calculator)
    kinds = _counts(evidence["relabel_kind"].drop_nulls())
    verdicts, reasons = _counts(evidence["verdict"]), _counts(maintained["reason"])
    votes = tables.EFFECTIVE_VOTES
    effective = warehouse.read(votes) if warehouse.has(votes) else pl.DataFrame(schema=votes.polars_schema)
    physicians = compare_with_physicians(audits, found["relabels"], found["physician_consensus"], auditor)
    return {
        "simulated": bool(maintained["simulated"].any()),
        "sources": raw["source"].unique().sort().to_list(),
        "benchmark": raw["benchmark"].unique().sort().to_list(),
        "leaks": leaks and leaks._asdict(),
        "auditor": auditor,
        "instances": total["instances"],
        "quarantined": in_quarantine(warehouse).height,
        "calculators": by_calculator.height,
        "output_types": _counts(raw["output_type"]),
        "note_types": _counts(raw["note_type"]),
        "derivation": {
            **{verdict: verdicts.get(verdict, 0) for verdict in VERDICTS},
            "original_rule_reproduces": int(audits["original_rule_reproduces"].sum()),
            "suspects": total["suspects"],
        },
        "phase1": {
            "audited": evidence.filter(pl.col("audit_status") != "not_audited").height,
            "flagged": total["audit_flags"],
        },
        "relabels": {
            "high_confidence": total["high_confidence"],
            "deferred": total["deferred"],
            **{name: kinds.get(kind, 0) for name, kind in (("numbers", "number"), ("dates", "date"), ("na", "na"))},
            "agree": total["high_confidence"] - total["likely_errors"],
        },
        "likely_errors": {
            "labels": total["likely_errors"],
            "calculators": total["calculators_with_errors"],
            "numbers": total["contested_numbers"],
            "dates": total["contested_dates"],
            "abstentions": total["contested_abstentions"],
            "of_high_confidence": _share(total["likely_errors"], total["high_confidence"]),
            "of_all": _share(total["likely_errors"], total["instances"]),
            "by_cause": {cause: total[cause] for cause in CAUSES},
        },
        "strata": counted(evidence).to_dicts(),
        "cards": _cards(warehouse, evidence),
        "physicians": pl.DataFrame(physicians).fill_nan(None).to_dicts(),
        "error_rates": rates(warehouse, evidence),
        "effective_votes": effective.to_dicts(),
        "plan": progress(last_plan(warehouse), set(found["physician_consensus"]["uid"])) or None,
        "maintained": {
            **{name: total[name] for name in ("changed", "not_computable", "ambiguous", "unresolved")},
            "by_reason": {reason: reasons.get(reason, 0) for reason in REASONS},
        },
        "by_calculator": by_calculator.to_dicts(),
    }


def _cards(warehouse: "Warehouse", evidence: "pl.DataFrame") -> dict[str, int]:
    """How many questions on rules and readings there are, and what the rulings so far settle of the labels."""
    from medcalc_assets.storage.tables import RULE_CARDS

    cards = warehouse.read(RULE_CARDS, columns=["labels", "ruling", "shows_wrong"])
    return {
        "open": cards["ruling"].null_count(),
        "ruled": cards["ruling"].count(),
        "would_show_wrong": int(cards["shows_wrong"].sum()),
        "shown_wrong": evidence.filter(ruled="wrong").height,
        "shown_right": evidence.filter(ruled="right").height,
        "determined": evidence["ruled_kind"].count(),
    }


def _counts(values: "pl.Series") -> dict[str, int]:
    return dict(values.value_counts(sort=True).iter_rows())


def _share(part: int, of: int) -> dict[str, float] | None:
    from medcalc_assets.statistics.estimates import proportion

    found = proportion(part, of)
    return {"share": found.value, "low": found.low, "high": found.high} if found.n else None


def show(found: dict[str, Any], by_calculator: bool = False) -> None:
    """The figures as tables, and in the last lines what they come to."""
    from medcalc_assets.labels.attribution import CAUSES
    from medcalc_assets.labels.decision import REASONS
    from medcalc_assets.statistics.effective_votes import amount
    from medcalc_assets.statistics.estimates import share
    from medcalc_assets.statistics.strata import JUDGED, STRATA

    everything, errors, relabels = found["instances"], found["likely_errors"], found["relabels"]
    console.print(
        f"{everything:,} instances of {found['calculators']} calculators ({escape(', '.join(found['sources']))}): "
        f"{_listed(found['output_types'])}; notes {_listed(found['note_types'])}",
        soft_wrap=True,
    )
    derivation = Grid(title="Labels against their own entities, without a model", title_justify="left", show_header=False)
    for verdict, meaning in VERDICTS.items():
        count = found["derivation"][verdict]
        derivation.add_row(meaning, f"{count:,} ({share(count, everything)})")
    derivation.add_row("reproduced by the original rule", f"{found['derivation']['original_rule_reproduces']:,}")
    derivation.add_row("contradicted, and by no relabel", f"{found['derivation']['suspects']:,}")
    console.print(derivation)

    facts = Grid(title=f"Labels against the relabels of {escape(found['auditor'])}", title_justify="left", show_header=False)
    audited = found["phase1"]["audited"]
    facts.add_row("flagged by Phase 1", f"{found['phase1']['flagged']:,} of {audited:,}" if audited else "not audited")
    facts.add_row(
        "high-confidence relabels",
        f"{relabels['high_confidence']:,}: {relabels['numbers']:,} numbers, {relabels['dates']:,} dates, "
        f"{relabels['na']:,} N/A",
    )
    facts.add_row("deferred", f"{relabels['deferred']:,}")
    facts.add_row("the relabel agrees", f"{relabels['agree']:,}")
    facts.add_row(
        "[bold]likely errors[/]",
        f"[bold]{errors['labels']:,}[/]: {errors['numbers']:,} numbers, {errors['dates']:,} dates, "
        f"{errors['abstentions']:,} abstentions",
    )
    for cause, meaning in CAUSES.items():
        facts.add_row(f"  {cause}", f"{errors['by_cause'][cause]:,}: {meaning}")
    console.print(facts)

    for phase, meaning in PHASES.items():
        if told := amount(found["effective_votes"], phase):
            console.print(escape(f"{meaning}: {told}"))

    agreement = Grid(title="Against physicians", title_justify="left")
    for heading in ("label set", "agree", "Wilson 95%", "sMAPE %", "bootstrap 95%", "N"):
        agreement.add_column(heading)
    for row in found["physicians"]:
        agreement.add_row(
            escape(row["label_set"]),
            f"{row['n_agree']}/{row['n']}",
            f"{row['agreement_low']:.1%} to {row['agreement_high']:.1%}" if row["n"] else "",
            f"{row['smape']:.2f}" if row["smape_n"] else "",
            f"{row['smape_low']:.1f} to {row['smape_high']:.1f}" if row["smape_n"] else "",
            str(row["smape_n"]),
        )
    console.print(agreement)

    strata = Grid("what is known before a physician looks", "labels", "seen", *JUDGED, title="Strata", title_justify="left")
    for row in found["strata"]:
        right = (f"{row[f'{judged}_paper']} / {row[f'{judged}_limits']}" if row["seen"] else "" for judged in JUDGED)
        strata.add_row(f"{row['stratum']}: {STRATA[row['stratum']]}", f"{row['n']:,}", f"{row['seen']:,}", *right)
    console.print(strata)
    console.print("Right among the seen: by the paper's terms / by a grader's limits.", style="dim")
    cards = found["cards"]
    console.print(
        f"{_counted(cards['open'] + cards['ruled'], 'question')} on rules and readings (`medcalc cards`): {cards['open']:,} "
        f"open, which would show {cards['would_show_wrong']:,} further original labels wrong, if ruled as expected; "
        f"{cards['ruled']:,} ruled, which show {cards['shown_wrong']:,} wrong and {cards['shown_right']:,} right, and "
        f"determine {cards['determined']:,} values."
    )

    of_demo = any(row["truth"] is not None for row in found["error_rates"])
    wrong = Grid(title="How many labels are wrong", title_justify="left")
    for heading in (
        "labels",
        "wrong by",
        "expected",
        "95%",
        "of",
        "seen",
        "not covered",
        "basis",
        *(["in truth"] if of_demo else []),
    ):
        wrong.add_column(heading)
    for row in found["error_rates"]:
        wrong.add_row(
            f"{row['labels']}: {row['part']}",
            row["terms"],
            f"{row['wrong']:,.1f}",
            f"{row['low']:,.0f} to {row['high']:,.0f}",
            *(f"{row[name]:,}" for name in ("n", "seen", "not_covered")),
            row["basis"],
            *([_known(row["truth"])] if of_demo else []),
        )
    if found["error_rates"]:
        console.print(wrong)
    if plan := found["plan"]:
        asked = ", ".join(f"{purpose} {of['answered']:,} of {of['cases']:,}" for purpose, of in plan.items())
        console.print(f"The last plan, cases answered: {asked}.", soft_wrap=True)

    reasons = Grid("reason", "labels", "the maintained label is", title="Maintained labels", title_justify="left")
    for reason, meaning in REASONS.items():
        reasons.add_row(reason, f"{found['maintained']['by_reason'][reason]:,}", meaning)
    console.print(reasons)
    if by_calculator:
        _show_by_calculator(found["by_calculator"])
    _show_finding(found)


def _show_by_calculator(rows: list[dict[str, Any]]) -> None:
    grid = Grid(title="By calculator", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for heading in HEADINGS:
        is_name = heading == "calculator"
        grid.add_column(heading, justify="left" if is_name else "right", no_wrap=is_name)
    for row in rows:
        grid.add_row(row["calculator"], *(str(row[column] or "·") for column in list(HEADINGS.values())[1:]))
    console.print(grid)
    console.print(LEGEND, style="dim")


def _show_finding(found: dict[str, Any]) -> None:
    from medcalc_assets.statistics.error_rates import findings
    from medcalc_assets.statistics.estimates import share

    everything, errors, maintained = found["instances"], found["likely_errors"], found["maintained"]
    confident = found["relabels"]["high_confidence"]
    console.print()
    if found["simulated"]:
        console.print(
            "[bold yellow]SIMULATED[/]: votes and physicians are invented for the demo; they say nothing of real labels."
        )
    if confident:
        console.print(
            f"[bold]{_counted(errors['labels'], 'likely error')}[/] in {_counted(errors['calculators'], 'calculator')}: "
            f"{share(errors['labels'], everything)} of all {everything:,}, "
            f"{share(errors['labels'], confident)} of the {confident:,} with a high-confidence relabel."
        )
    if set_aside := found["quarantined"]:
        console.print(
            f"[bold yellow]In quarantine: {set_aside:,}[/] of the source's rows, which cannot be read and are in no figure. "
            "The table medcalc.quarantine says why, and `medcalc run --strict` refuses them."
        )
    contradicted = found["derivation"]["contradicted"]
    console.print(
        f"[bold]{_counted(contradicted, 'label')}[/] contradicted by the instance's own entities: "
        f"{share(contradicted, everything)}."
    )
    if leaks := found["leaks"]:
        if found["benchmark"] == ["v1.0"] and contradicted < RARE * everything:
            console.print(
                "Contradictions are rare here: the calculators with the most defects, which have 194 of the 1,047 labels of "
                "v1.0's test split contradicted, hardly occur. Rules have little more to show; votes or physicians have to."
            )
        console.print(
            f"Shared with v1.0's test split: note and calculator of {_counted(len(leaks['cases']), 'label')}, and the note "
            f"alone of {len(leaks['notes']):,} more. `medcalc reward export` leaves the first out, by its key."
        )
    for said in findings(found["error_rates"]):
        console.print(said)
    console.print(
        f"[bold]{_counted(maintained['changed'], 'label')}[/] changed; of the maintained labels "
        f"{maintained['not_computable']:,} are N/A, {maintained['ambiguous']:,} ambiguous, {maintained['unresolved']:,} "
        "unresolved."
    )


def _known(figure: int | None) -> str:
    return "" if figure is None else f"{figure:,}"


def _counted(count: int, of: str) -> str:
    return f"{count:,} {of}{'' if count == 1 else 's'}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {escape(value)}" for value, count in counts.items())
