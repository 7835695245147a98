"""The story of one label: what it was, what every rule, auditor and physician says of it, and why it is what it is now."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from medcalc_assets.benchmarks.versions import VERSIONS
from medcalc_assets.calculators import Rule
from medcalc_assets.calculators.input_votes import NOT_STATED
from medcalc_assets.calculators.working import block_quoted, bullets, escaped, table
from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.attribution import CAUSES
from medcalc_assets.labels.decision import REASONS
from medcalc_assets.labels.queue import TIERS
from medcalc_assets.labels.value import Label, from_row
from medcalc_assets.release.use import records_of, use_of
from medcalc_assets.reports.cause import Rows, cause
from medcalc_assets.reports.history import SOURCES
from medcalc_assets.statistics.effective_votes import amount
from medcalc_assets.storage.tables import EFFECTIVE_VOTES, LABEL_EVIDENCE, RULE_CARDS, RULINGS
from medcalc_assets.storage.warehouse import Warehouse

QUESTION = "The question"
LISTS = ("findings", "missing", "not_in_note")
"""What of the evidence is a list."""
STATES = {
    "computable": "computable",
    "not_computable": "**not computable** (N/A is the answer)",
    "ambiguous": "**ambiguous**: defensible under several named assumptions",
    "contradicted": "**without an answer**",
}


class TraceError(MedcalcError):
    """There is no story to tell. The message says what to do first."""


def rows_of(warehouse: Warehouse, uid: int) -> Rows:
    """All rows of one instance. Raises TraceError if the warehouse does not have it, or not all of it yet."""
    rows = warehouse.rows_of(uid)
    if missing := [
        name for name in ("raw_medcalc", "derivation_audit", "label_evidence", "maintained_labels") if not rows[name]
    ]:
        raise TraceError(
            f"There is no {' and no '.join(missing)} of uid {uid} in {warehouse.path}: give the `Row Number` (or `Unique "
            "ID`) of an instance, after `medcalc run` has run its calculator."
        )
    rows["rule_cards"] = cards_by_uid(warehouse).get(uid, [])
    records = records_by_class(warehouse, warehouse.read(LABEL_EVIDENCE))
    rows["effective_votes"] = warehouse.read(EFFECTIVE_VOTES).to_dicts() if warehouse.has(EFFECTIVE_VOTES) else []
    rows["track_record"] = records[rows["maintained_labels"][0]["evidence_class"]]
    return rows


def records_by_class(warehouse: Warehouse, evidence: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """By class of evidence its row of `track_record`, as it follows from what is known now."""
    return {row["evidence_class"]: [row] for row in records_of(warehouse, evidence).iter_rows(named=True)}


def cards_by_uid(warehouse: Warehouse) -> dict[int, list[dict[str, Any]]]:
    """By uid the rows of `rule_cards` that it hangs on, with `by` whom they were ruled on, and how."""
    found: dict[int, list[dict[str, Any]]] = {}
    if not (warehouse.has(RULE_CARDS) and warehouse.has(RULINGS)):
        return found
    by = rulers(warehouse.read(RULINGS))
    for row in warehouse.read(RULE_CARDS).iter_rows(named=True):
        for uid in json.loads(row["uids"]):
            found.setdefault(uid, []).append(row | {"by": by.get(row["card"], "")})
    return found


def rulers(rulings: pl.DataFrame) -> dict[str, str]:
    """By card, who ruled on it, and how."""
    by: dict[str, list[str]] = {}
    for card, reviewer, choice in rulings.sort("reviewer").select("card", "reviewer", "choice").iter_rows():
        by.setdefault(card, []).append(f"{reviewer}: {choice.replace('_', ' ')}")
    return {card: "; ".join(said) for card, said in by.items()}


def answered(rows: Rows) -> list[tuple[int, str]]:
    """Uid and reviewer of each answer that the rows have."""
    return [(row["uid"], row["reviewer"]) for row in rows["physician_labels"]]


def trace(rows: Rows, out: Iterable[str]) -> str:
    """The whole story as markdown, in the order in which it happened. Text of others is quoted, and inert.

    `out` are the reviewers who have the case in a packet and have not answered: they must not see it.
    """
    instance = rows["raw_medcalc"][0]
    sections = {
        QUESTION: _question(instance),
        "Original": _original(instance),
        "Recomputed from the benchmark's entities, without a model": _working(instance, rows["derivation_audit"][0]),
        "Phase 1: is the label wrong?": _audits(rows),
        "Phase 2: blind answers": _relabels(rows, instance),
        "Phase 2, by inputs: what blind readers find in the note, and the rule computes": readings(rows, instance),
        "Disagreement and its cause": _disagreement(rows, instance),
        "Phase 3: physicians": _adjudications(rows, instance),
        "The maintained label": _maintained(rows),
        "History and releases": _history(rows),
    }
    return _headline(rows, out) + "\n\n" + _told(sections) + "\n"


def details(rows: Rows) -> str:
    """What of the story is data rather than a tale, as markdown: the comparison, the queue, and what decided."""
    return _told(
        {
            "Disagreement and its cause": _disagreement(rows, rows["raw_medcalc"][0]),
            "Review": "\n\n".join(_queue(rows)),
            "The maintained label": _maintained(rows),
        }
    )


def _told(sections: Mapping[str, str]) -> str:
    return "\n\n".join(f"## {title}\n\n{body}" for title, body in sections.items())


def shown(label: Label | None, instance: Mapping[str, Any]) -> str:
    """A label as a person reads it; a gestational age in weeks and days, too."""
    if label and label.number is not None and "week" in instance["label_text"]:
        weeks, days = divmod(round(label.number), 7)
        return f"{label} days ({weeks} weeks, {days} days)"
    return "no answer" if label is None else str(label)


def _headline(rows: Rows, out: Iterable[str]) -> str:
    instance, maintained = rows["raw_medcalc"][0], rows["maintained_labels"][0]
    original, final = from_row(instance, "label"), from_row(maintained, "final")
    by_rule = shown(from_row(rows["derivation_audit"][0], "published"), instance)
    was, now, name = shown(original, instance), shown(final, instance), instance["benchmark"]
    match maintained["reason"], original == final:
        case "contradicted", _:
            now = f"has no answer: {name} says {was}, and its own entities give {by_rule}"
        case "contested", True:
            now = f"is in dispute: {name} and the relabel say {was}, and its own entities give {by_rule}"
        case "contested", False:
            now = f"is in dispute: {name} says {was}, and the relabel {now}"
        case _, True:
            now = f"stays {now}"
        case _:
            now = f"was {was} and is now {now}"
    use = use_of(maintained["reason"], maintained["simulated"], rows["track_record"][0])
    permitted = [name for name, may in (("evaluation", use.evaluation), ("reward", use.reward)) if may]
    lines = [
        f"# Label {instance['uid']} {now}",
        f"{escaped(instance['calculator_name'])} ({instance['calculator']}), {escaped(instance['note_type'])} note "
        f"{escaped(instance['note_id'])}, source {escaped(instance['source'])} ({escaped(instance['source_version'])}).",
        escaped(cause(rows)),
        f"Why: {REASONS[maintained['reason']]}. It is {STATES[maintained['state']]}, and may serve for "
        f"{' and '.join(permitted) or 'neither evaluation nor reward'}: {use.why}.",
    ]
    if names := ", ".join(map(escaped, out)):
        lines.insert(1, f"**Out for blind review with {names}: do not show this to them before they have answered.**")
    return "\n\n".join(lines)


def _question(instance: Mapping[str, Any]) -> str:
    return f"{block_quoted(instance['question'])}\n\nThe note:\n\n{block_quoted(instance['note'])}"


def _original(instance: Mapping[str, Any]) -> str:
    limits = f"{escaped(instance['lower_text'])} to {escaped(instance['upper_text'])}"
    entities = json.loads(instance["entities"])
    return "\n\n".join(
        [
            f"Label **{escaped(instance['label_text'])}**, accepted from {limits}, from these entities:",
            table(("Entity", "Original"), ((name, json.dumps(raw, ensure_ascii=False)) for name, raw in entities.items())),
            f"and with this explanation:\n\n{block_quoted(instance['explanation'])}",
        ]
    )


def _working(instance: Mapping[str, Any], audit: Mapping[str, Any]) -> str:
    """The working under every rule, computed now: what is stored came from the same code, or the trace says so."""
    entities = json.loads(instance["entities"])
    calculator = VERSIONS[instance["benchmark"]].calculator(instance["calculator_id"], entities)
    reading = calculator.reader.read(entities)
    published = calculator.published.apply(reading)
    original = calculator.original.apply(reading).value if calculator.original else None
    blocks = [
        f"By {escaped(calculator.source)}: **{audit['verdict']}**. {escaped(audit['explanation'])}",
        f"### By the published rule: {shown(published.value, instance)}\n\n{published.working}",
    ]
    for rule in calculator.alternatives:
        blocks.append(_other_rule(f"another published convention, {escaped(rule.cited)}", rule, published.value, instance))
    if calculator.original:
        blocks.append(_other_rule("the original rule", calculator.original, published.value, instance))
    stored = from_row(audit, "published"), from_row(audit, "original_rule")
    if stored != (published.value, original):
        blocks.append(
            f"**The rules have changed since the audit**, which found {shown(stored[0], instance)} by the published rule "
            f"and {shown(stored[1], instance)} by the original rule: run the chain again."
        )
    return "\n\n".join(blocks)


def _other_rule(name: str, rule: Rule, published: Label | None, instance: Mapping[str, Any]) -> str:
    result = rule.evaluate(json.loads(instance["entities"]))
    heading = f"### By {name}: {shown(result.value, instance)}"
    return heading if result.value == published else f"{heading}\n\n{result.working}"


def _audits(rows: Rows) -> str:
    flags = [
        f"{escaped(row['auditor'])}: **{row['status']}**, {row['n_flags']} of {row['n_votes']} usable votes call it wrong."
        for row in rows["audit_flags"]
        if row["status"] != "not_audited"
    ]
    votes = _votes(rows, "audit", lambda vote: vote["verdict"])
    return "\n\n".join([*flags, *votes]) or "Nobody has audited it."


def _relabels(rows: Rows, instance: Mapping[str, Any]) -> str:
    agreed = [
        f"{escaped(row['auditor'])}: **{shown(from_row(row, 'relabel'), instance)}**, {row['status']}"
        + (", votes not published." if row["n_votes"] is None else f", {row['n_agree']} of {row['n_votes']} agree.")
        for row in rows["relabels"]
    ]
    votes = _votes(rows, "relabel", lambda vote: shown(from_row(vote, "answer"), instance))
    return "\n\n".join([*agreed, *votes]) or "Nobody has relabelled it."


def readings(rows: Rows, instance: Mapping[str, Any]) -> str:
    """What the readers agree on, input by input, beside what the benchmark has, and every reading."""
    told = []
    for row in rows["input_consensus"]:
        value = shown(from_row(row, "computed"), instance)
        told.append(
            f"{escaped(row['auditor'])}: **{value}**, {row['status'].replace('_', ' ')}. {escaped(row['explanation'])}."
        )
        found = (
            (
                each["input"] + (" (differs)" if each["differs"] else ""),
                "they differ" if each["read"] is None else each["read"],
                f"{each['n_agree']} of {each['n_votes']}",
                each["quote"] or ("none that stand there" if each["differs"] and each["read"] != NOT_STATED else ""),
                each["given"],
            )
            for each in json.loads(row["inputs"])
        )
        told.append(table(("Input", "Read", "Readers", "Words of the note", "Benchmark"), found))
    votes = _votes(rows, "input", lambda vote: f"{len(json.loads(vote['inputs']))} inputs read")
    return "\n\n".join([*told, *votes]) or "No model was asked. One that votes is, of contested and deferred labels."


def _votes(rows: Rows, kind: str, answer: Any) -> Iterator[str]:
    """How independent the votes are, and each with all that is known of it: who, by which prompt, what, why, and from which
    sources."""
    votes = rows[f"{kind}_votes"]
    if votes and (told := amount(rows["effective_votes"], "inputs" if kind == "input" else kind)):
        yield escaped(told)
    for vote in votes:
        said = f"**{answer(vote)}**" if vote["status"] == "ok" else vote["status"].replace("_", " ")
        model = f", served as {escaped(vote['model_version'])}" if vote["model_version"] else ""
        prompt = f", prompt {vote['prompt_sha256'][:12]}" if vote["prompt_sha256"] else ""
        yield f"### {escaped(vote['auditor'])}, vote {vote['run_index'] + 1}: {said}{model}{prompt}"
        if vote["rationale"]:
            yield block_quoted(vote["rationale"])
        if vote["sources"]:
            yield bullets("Sources", (source_of(source) for source in json.loads(vote["sources"])))


def source_of(source: Any) -> str:
    """A source as a vote cites it, in words."""
    return source if isinstance(source, str) else ", ".join(str(part) for part in source.values() if part)


def _disagreement(rows: Rows, instance: Mapping[str, Any]) -> str:
    return (
        "\n\n".join(_score(row, instance) for row in rows["disagreement_scores"]) or "There is no relabel to compare with."
    )


def _score(row: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    labels = f"original {shown(from_row(row, 'label'), instance)}, relabel {shown(from_row(row, 'relabel'), instance)}"
    match row["comparison"]:
        case "relative":
            apart = f"{row['discrepancy']:.1%} apart"
        case "days":
            apart = f"{row['days']} days apart"
        case _:
            apart = "an abstention" if row["comparison"] == "abstention" else "answers of two types"
    verdict = "**a likely error**" if row["likely_error"] else "no error"
    cause = (
        f"\n\nAttributed to **{row['attribution']}**: {CAUSES[row['attribution']]}. Here, "
        f"{escaped(row['attribution_evidence'])}."
        if row["attribution"]
        else ""
    )
    return f"Against {escaped(row['auditor'])}: {labels}, {apart}: {verdict}.{cause}"


def _queue(rows: Rows) -> list[str]:
    queue = [f"In the queue as {TIERS[row['tier']]}: {escaped(row['why'])}." for row in rows["adjudication_queue"]] or [
        "Not in the queue: nothing contests it."
    ]
    queue += [
        f"Number {row['likely']:,} of what physicians have not answered, by P(the original is wrong) "
        f"{row['probability_wrong']:.2f}: {row['why']}. An answer {row['worth']}."
        for row in rows["review_orders"]
    ]
    queue += [
        f"Plan {row['plan']} asks for it to {row['purpose']}: number {row['draw']:,} of {row['answers']:,} from the "
        f"{row['labels']:,} of {row['stratum']}."
        for row in rows["sampling_plan"]
        if row["purpose"] != "seen"
    ]
    return queue


def _adjudications(rows: Rows, instance: Mapping[str, Any]) -> str:
    answers = []
    for row in rows["physician_labels"]:
        when = f", {row['answered_at']:%Y-%m-%d}" if row["answered_at"] else ""
        answer = shown(from_row(row, "physician"), instance)
        answers.append(f"### {escaped(row['reviewer'])}{when}: **{answer}**, typed as {escaped(row['answer_text'])}")
        for name in ("assumptions", "time_point", "guideline", "rationale", "confidence"):
            if row[name]:
                answers.append(f"{name.replace('_', ' ').capitalize()}:\n\n{block_quoted(row[name])}")
    agreed = [
        f"The physicians' label is **{shown(from_row(row, 'physician'), instance)}**: {row['n_agree']} of "
        f"{row['n_answers']} agree ({escaped(row['reviewer'])})."
        for row in rows["physician_consensus"]
    ]
    without = "No majority: it needs another reviewer." if answers else "No physician has answered it."
    return "\n\n".join(
        [*_queue(rows), bullets("It hangs on", map(_card, rows["rule_cards"])), *answers, *(agreed or [without])]
    )


def _card(row: Mapping[str, Any]) -> str:
    ruled = (
        f"Ruled {row['ruling'] or 'without a majority'}, {row['rulings_agree']} of {row['rulings']} physicians agree"
        if row["rulings"]
        else "Nobody has ruled on it"
    )
    labels = f"{row['labels']:,} label{'' if row['labels'] == 1 else 's'}"
    return f"{row['question']} {ruled} (card {row['card']}, {labels})."


def _maintained(rows: Rows) -> str:
    instance, maintained = rows["raw_medcalc"][0], rows["maintained_labels"][0]
    limits = (
        "exact"
        if maintained["lower_number"] == maintained["upper_number"]
        else f"accepted from {maintained['lower_number']:.10g} to {maintained['upper_number']:.10g}"
    )
    evidence = {name: found for name, found in json.loads(maintained["evidence"]).items() if found is not None}
    conventions = json.loads(maintained["assumptions"] or "{}")
    return "\n\n".join(
        block
        for block in (
            f"**{shown(from_row(maintained, 'final'), instance)}**, {limits}; reason `{maintained['reason']}`, "
            f"state `{maintained['state']}`, relabels of {escaped(maintained['auditor'])}.",
            table(("Convention", "gives"), ((name, value or "no value") for name, value in conventions.items())),
            table(
                ("Evidence", "What it says"),
                ((name, _brief(json.loads(found) if name in LISTS else found)) for name, found in evidence.items()),
            ),
        )
        if block
    )


def changed(event: Mapping[str, Any]) -> str:
    """The value that an event gave, with the one before it if that was another."""
    before, value = event["before"], event["value"]
    return value or "" if before == value or not event["sequence"] else f"{before or 'none'} → {value or 'none'}"


def _brief(found: object) -> str:
    if isinstance(found, list):
        return "; ".join(map(str, found))
    return f"{found:.6g}" if isinstance(found, float) else str(found)


def events(rows: Rows) -> list[dict[str, Any]]:
    """Every event, run after run; what one run made, in the order of the chain."""
    order = [*SOURCES, "released"]
    began: dict[str | None, str] = {}
    for event in rows["label_events"]:
        began[event["run_id"]] = min(f"{event['happened_at'] or ''}", began.get(event["run_id"], "9"))
    return sorted(rows["label_events"], key=lambda e: (began[e["run_id"]], order.index(e["event"]), e["sequence"]))


def _history(rows: Rows) -> str:
    told = (
        (
            f"{event['happened_at']:%Y-%m-%d %H:%M}" if event["happened_at"] else "unknown",
            event["event"].replace("_", " "),
            event["actor"],
            changed(event),
            event["detail"],
            (event["run_id"] or "")[:8],
        )
        for event in events(rows)
    )
    return table(("When", "What", "By", "Value", "Detail", "Run"), told) or "Nothing has been written down yet."
