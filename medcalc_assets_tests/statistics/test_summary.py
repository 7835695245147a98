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


def seen(calculator, uids, **said):
    """Rows of evidence: what is said of each uid in turn; what nobody says is null."""
    nothing = {"audit_status": None, "relabel_status": None, "comparison": None, "likely_error": None, "attribution": None}
    label = {name: values[0] for name, values in as_columns("label", [number(1)]).items()}
    return [
        {**calculator, "uid": uid, "auditor": "model", "contradicted": False, **label, **nothing}
        | {name: values[i] for name, values in said.items() if i < len(values)}
        for i, uid in enumerate(uids)
    ]


def kept(calculator, uid, reason, state="computable", final=None):
    cells = {name: values[0] for name, values in as_columns("final", [final or number(1)]).items()}
    return {**calculator, "uid": uid, "reason": reason, "state": state, **cells}


def test_every_figure_is_counted_by_calculator_and_for_the_auditor_that_counts():
    causes = dict.fromkeys(CAUSES, 1) | {next(iter(CAUSES)): 2}
    why = [cause for cause, n in causes.items() for _ in range(n)]
    compared = [*["relative"] * len(why), "days", "days", "abstention", "type", "type", "relative", "days"]
    first = seen(
        FIRST,
        range(len(compared)),
        contradicted=[True] * 2,
        audit_status=["likely_error", "passed", "undecided"],
        relabel_status=[*["high_confidence"] * 3, "deferred", "deferred", "not_relabelled"],
        comparison=compared,
        likely_error=[True] * (len(compared) - 2) + [False, False],
        attribution=why,
    )
    tables = {
        "label_evidence": table("label_evidence", *first, *seen(SECOND, [99])),
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
            kept(SECOND, 99, "unresolved"),
        ),
    }
    figures = summarise(tables)
    assert figures["calculator"].to_list() == ["b", "c"]
    first, second = figures.to_dicts()
    expected = FIRST | {
        "instances": len(compared),
        "auditor": "model",
        "contradicted": 2,
        "audit_flags": 1,
        "high_confidence": 3,
        "deferred": 2,
        "likely_errors": len(why) + 5,
        "contested_numbers": len(why),
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
