import polars as pl

from medcalc_assets.labels.attribution import CAUSES
from medcalc_assets.labels.queue import SUSPECT_DATE, SUSPECT_NUMBER, UNDECIDED
from medcalc_assets.labels.value import NA, as_columns, number
from medcalc_assets.statistics.summary import summarise, totals
from medcalc_assets.storage.tables import TABLES

FIRST, SECOND = {"calculator_id": 2, "calculator": "b"}, {"calculator_id": 3, "calculator": "c"}


def table(name, *rows):
    types = TABLES[name].polars_schema
    return pl.DataFrame([*rows], schema={column: types[column] for row in rows for column in row})


def scored(calculator, comparison, error, cause=None, auditor="model"):
    return {**calculator, "auditor": auditor, "comparison": comparison, "likely_error": error, "attribution": cause}


def kept(calculator, uid, reason, state="computable", final=None):
    cells = {name: values[0] for name, values in as_columns("final", [final or number(1)]).items()}
    return {**calculator, "uid": uid, "reason": reason, "state": state, **cells}


def of_auditors(calculator, **statuses):
    return [{**calculator, "auditor": name, "status": status} for name, found in statuses.items() for status in found]


def test_every_figure_is_counted_by_calculator_and_for_the_auditor_that_counts():
    label = {name: values[0] for name, values in as_columns("label", [number(1)]).items()}
    causes = dict.fromkeys(CAUSES, 1) | {next(iter(CAUSES)): 2}
    tables = {
        "derivation_audit": table(
            "derivation_audit",
            {**SECOND, "uid": 9, "verdict": "reproduced", **label},
            *({**FIRST, "uid": uid, "verdict": "contradicted", **label} for uid in (0, 1)),
            *({**FIRST, "uid": uid, "verdict": "reproduced", **label} for uid in (2, 3, 4, 5)),
        ),
        "audit_flags": table(
            "audit_flags", *of_auditors(FIRST, model=["likely_error", "passed", "undecided"], other=["likely_error"] * 3)
        ),
        "relabels": table(
            "relabels",
            *of_auditors(
                FIRST, model=["high_confidence"] * 3 + ["deferred"] * 2 + ["not_relabelled"], other=["deferred"] * 5
            ),
        ),
        "disagreement_scores": table(
            "disagreement_scores",
            scored(FIRST, "relative", False),
            *(scored(FIRST, "relative", True, cause) for cause, n in causes.items() for _ in range(n)),
            *(scored(FIRST, comparison, True) for comparison in ("days", "days", "abstention", "type", "type")),
            scored(FIRST, "days", False),
            scored(FIRST, "relative", True, next(iter(CAUSES)), auditor="other"),
        ),
        "adjudication_queue": table(
            "adjudication_queue",
            *({**FIRST, "tier": tier} for tier in (0, SUSPECT_DATE, SUSPECT_NUMBER, SUSPECT_NUMBER, UNDECIDED)),
        ),
        "maintained_labels": table(
            "maintained_labels",
            kept(FIRST, 0, "confirmed"),
            kept(FIRST, 1, "physician_confirms", final=number(2)),
            kept(FIRST, 2, "physician", "not_computable", NA),
            kept(FIRST, 3, "relabelled", "not_computable", NA),
            kept(FIRST, 4, "ambiguous", "ambiguous"),
            kept(FIRST, 5, "unresolved"),
            kept(SECOND, 9, "unresolved"),
        ),
    }
    figures = summarise(tables, "model")
    assert figures["calculator"].to_list() == ["b", "c"]
    first, second = figures.to_dicts()
    expected = FIRST | {
        "instances": 6,
        "auditor": "model",
        "contradicted": 2,
        "audit_flags": 1,
        "high_confidence": 3,
        "deferred": 2,
        "likely_errors": sum(causes.values()) + 5,
        "contested_numbers": sum(causes.values()),
        "contested_dates": 2,
        "contested_abstentions": 3,
        **causes,
        "suspects": 3,
        "physician_labels": 2,
        "changed": 3,
        "not_computable": 2,
        "ambiguous": 1,
        "unresolved": 1,
    }
    assert first == expected
    assert second == dict.fromkeys(expected, 0) | SECOND | {"auditor": "model", "instances": 1, "unresolved": 1}
    summed = totals(figures)
    assert summed == {name: first[name] + second[name] for name in expected if name not in (*FIRST, "auditor")} | {
        "calculators_with_errors": 1
    }
