"""The page of one label: what it shows, in the order in which a reader asks."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, NamedTuple

from markupsafe import Markup

from medcalc_assets.benchmarks.versions import VERSIONS
from medcalc_assets.calculators.calculator import Calculator, Result
from medcalc_assets.calculators.inputs import numeral
from medcalc_assets.calculators.rules import Step
from medcalc_assets.labels.attribution import PUBLISHED
from medcalc_assets.labels.finding import STATUS
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import Label, from_row
from medcalc_assets.release.use import use_of
from medcalc_assets.release.versions import Version
from medcalc_assets.reports.cause import Rows, cause, listed
from medcalc_assets.reports.trace import changed, details, events, readings, shown, source_of
from medcalc_assets.statistics.effective_votes import amount, worth
from medcalc_assets.templates import markdown, templates

STATES = {
    "computable": ("", "Can be computed"),
    "not_computable": ("na", "Cannot be computed"),
    "ambiguous": ("open", "Ambiguous"),
    "contradicted": ("open", "No answer yet"),
}
"""By state, the colour and the words of its chip."""
OPEN = {
    "contested": "In dispute",
    "physician_unexplained": "Waits for a second physician",
    "unresolved": "Undecided",
}
"""By reason, what is still to be done about the label."""
USES = {
    (True, True): "To grade and to train models",
    (True, False): "To grade models",
    (False, True): "To train models",
    (False, False): "For neither",
}
"""By whether it may grade and may train."""
TITLES = {
    "imported": "Imported from {}",
    "derivation_audited": "Recomputed by {}",
    "audit_votes_cast": "Audited by {}",
    "relabel_votes_cast": "Answered blind by {}",
    "relabelled": "Relabelled by {}",
    "inputs_read": "Computed from the inputs that {} find",
    "contested": "Contested by the relabel of {}",
    "queued": "Queued for physicians, candidate",
    "adjudicated": "Answered blind by {}",
    "ruled": "Ruled on by physicians",
    "maintained": "Maintained",
    "released": "Released in {}",
}
"""By event, what happened and by whom."""
TURNS = ("derivation_audited", "relabelled", "inputs_read", "adjudicated", "ruled", "maintained")
"""The events of a history at which what is known of the value changes."""


class Line(NamedTuple):
    """One line of a rule: what the original does otherwise is in `otherwise` and `original`; whether points differ."""

    item: str
    asks: str
    found: str
    published: str
    original: str
    otherwise: str
    apart: str
    differs: bool


def label_page(rows: Rows, out: Sequence[str], before: int | None = None, after: int | None = None) -> str:
    """The page. `out`: who is still to answer; `before` and `after`: the neighbours by uid, for who comes from no list."""
    instance, maintained = rows["raw_medcalc"][0], rows["maintained_labels"][0]
    evidence = rows["label_evidence"][0]
    original, final = from_row(instance, "label"), from_row(maintained, "final")
    use = use_of(maintained["reason"], maintained["simulated"], rows["track_record"][0])
    entities = json.loads(instance["entities"])
    calculator = VERSIONS[instance["benchmark"]].calculator(instance["calculator_id"], entities)
    published = calculator.published.evaluate(entities)
    as_v1 = (calculator.original or calculator.published).evaluate(entities)
    note, marks = marked(instance["note"], rows["note_checks"])
    changed_rule = (
        from_row(rows["derivation_audit"][0], "published"),
        from_row(rows["derivation_audit"][0], "original_rule"),
    )
    return (
        templates()
        .get_template("label.html.j2")
        .render(
            instance=instance,
            unit=calculator.unit,
            source=f"{calculator.source[:1].upper()}{calculator.source[1:]}",
            was=shown(original, instance),
            now=shown(final, instance),
            stays=original == final,
            cause=cause(rows),
            state=STATES[maintained["state"]],
            open=OPEN.get(maintained["reason"]),
            use=USES[use.evaluation, use.reward],
            why=use.why,
            wrong=wrong(rows),
            since=_since(rows),
            strip=strip(rows, calculator),
            note=note,
            entities=list(_entities(calculator, entities, rows["note_checks"], marks, json.loads(evidence["missing"]))),
            lines=lines(published.steps, as_v1.steps),
            published=published,
            original=as_v1,
            knows_original=calculator.original is not None,
            outdated=changed_rule != (published.value, as_v1.value if calculator.original else None),
            taken=published.assumptions,
            implausible=[f"{published.rule.reader.name(each.entity)}: {each.message}" for each in published.implausible],
            conventions=_conventions(calculator, entities, published),
            cards=rows["rule_cards"],
            physicians=[row | {"answer": shown(from_row(row, "physician"), instance)} for row in rows["physician_labels"]],
            votes=[
                (
                    "Phase 2: blind answers",
                    amount(rows["effective_votes"], "relabel"),
                    [_vote(vote, shown(from_row(vote, "answer"), instance)) for vote in rows["relabel_votes"]],
                ),
                (
                    "Phase 1: is the original wrong?",
                    amount(rows["effective_votes"], "audit"),
                    [
                        _vote(vote, {"likely_error": "Yes", "passed": "No"}.get(vote["verdict"], "No vote"))
                        for vote in rows["audit_votes"]
                    ],
                ),
            ],
            readings=as_html(readings(rows, instance)),
            details=as_html(details(rows)),
            history=[
                (event, _title(event), _detail(event, rows["rule_cards"]), event["event"] in TURNS) for event in events(rows)
            ],
            out=out,
            before=before,
            after=after,
            simulated=maintained["simulated"],
        )
    )


def as_html(text: str) -> Markup:
    """Markdown of a trace as HTML. It is escaped already; no link, image or HTML in it is followed."""
    return Markup(markdown().render(text))


def wrong(rows: Rows) -> tuple[int | None, str, str]:
    """How likely the original is wrong, in percent; in words; and what that rests on."""
    evidence, maintained = rows["label_evidence"][0], rows["maintained_labels"][0]
    if physician := from_row(evidence, "physician"):
        right = accepts(physician, _known(from_row(evidence, "label")), evidence["output_type"])
        n = f"{evidence['n_answers_agree']} of {evidence['n_answers']} physicians, blind"
        if maintained["reason"] == "physician_unexplained":
            return None, "Open", f"{n}: {physician}. Nothing else gives that; a second one is asked."
        return (None, "No", f"{n}, give it.") if right else (None, "Yes", f"{n}, give {physician}.")
    if evidence["ruled"]:
        return None, "Yes" if evidence["ruled"] == "wrong" else "No", "Physicians ruled on what it hangs on."
    for row in rows["review_orders"]:
        percent = round(100 * row["probability_wrong"])
        return percent, f"{percent}% likely", f"{row['why'][:1].upper()}{row['why'][1:]}."
    return None, "Not estimated", "It is in no order of review yet."


def last_release(rows: Rows) -> tuple[dict[str, Any], Label | None] | None:
    """The event of the last release, and the label that it has; None where that is no answer."""
    released = [event for event in rows["label_events"] if event["event"] == "released"]
    if not released:
        return None
    last = max(released, key=lambda event: Version.parse(event["actor"]))
    return last, parse_label(last["value"]) if last["value"] else None


def _since(rows: Rows) -> tuple[str, str, str] | None:
    """The last release, what it said if that was another value, and which events came after it."""
    if (known := last_release(rows)) is None:
        return None
    (last, was), now = known, from_row(rows["maintained_labels"][0], "final")
    dated = [each for each in rows["label_events"] if each["happened_at"] and last["happened_at"]]
    later = [each for each in dated if each["happened_at"] > last["happened_at"] and each["event"] != "released"]
    titles = (TITLES[each["event"]].format(each["actor"]) for each in events({**rows, "label_events": later}))
    told = listed([f"{title[:1].lower()}{title[1:]}" for title in dict.fromkeys(titles)], most=3)
    return last["actor"], "Unchanged" if was == now else f"Was {shown(was, rows['raw_medcalc'][0])}", told if later else ""


def strip(rows: Rows, calculator: Calculator) -> list[dict[str, Any]]:
    """What the four sources say: always these, in this order, each held against the maintained label."""
    instance, maintained, evidence = (rows[name][0] for name in ("raw_medcalc", "maintained_labels", "label_evidence"))
    final = from_row(maintained, "final")

    def cell(who: str, value: Label | None, how: str, beside: str = "", nobody: str = "Nobody yet") -> dict[str, Any]:
        agrees = None if value is None or final is None else accepts(final, value, instance["output_type"])
        text = nobody if value is None else shown(value, instance)
        if value and value.number is not None and text == str(value):
            text = numeral(value.number)
        unit = calculator.unit if value and value.number is not None and "(" not in text else ""
        return {
            "who": who,
            "value": text,
            "none": value is None,
            "unit": unit,
            "beside": beside,
            "how": how,
            "agrees": agrees,
        }

    lower, upper = instance["lower_text"], instance["upper_text"]
    accepted = "Exact" if lower == upper else f"Accepts {lower} to {upper}"
    published = from_row(evidence, "published")
    how = {
        "reproduced": "Gives the original",
        "contradicted": "Contradicts the original",
        "suspect": "An entity cannot be meant: no verdict rests on it",
    }.get(evidence["verdict"])
    missing = [calculator.reader.name(key) for key in json.loads(evidence["missing"])]
    how = how or (f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} missing" if missing else "Cannot be computed")
    relabels = [row for row in rows["relabels"] if row["auditor"] == maintained["auditor"]] or rows["relabels"][:1]
    ruled, physician, computed = (from_row(evidence, name) for name in ("ruled", "physician", "computed"))
    return [
        cell(f"Original, {instance['benchmark']}", from_row(instance, "label"), accepted),
        cell("Its own entities, by the published rule", published, how, nobody="No value"),
        (
            cell("What blind readers find, by the published rule", computed, evidence["inputs_told"])
            if computed and from_row(evidence, "relabel") is None
            else _relabel(relabels, cell, rows["effective_votes"])
        ),
        (
            cell("Physicians’ rulings", ruled, "On what it hangs on, not on the row")
            if ruled and not physician
            else cell(
                "Physicians, blind",
                physician,
                evidence["reviewer"] or _answers(rows) or _rulings(rows["rule_cards"]),
                f"{evidence['n_answers_agree']} of {evidence['n_answers']}" if physician else "",
                "They differ" if rows["physician_labels"] else "Nobody yet",
            )
        ),
    ]


def _relabel(relabels: Sequence[Mapping[str, Any]], cell: Any, effective: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    row = next(iter(relabels), None)
    if row is None or row["status"] == "not_relabelled":
        return dict(cell("Blind relabel", None, "No votes are here"))
    votes = f"{row['n_agree']} of {row['n_votes']}" if row["n_votes"] is not None else ""
    how = f"By {row['auditor']}; {worth(effective, 'relabel', row['auditor']) if votes else 'the votes are not public'}"
    return dict(cell("Blind relabel", from_row(row, "relabel"), how, votes, nobody="No agreement"))


def _answers(rows: Rows) -> str:
    """What each of the physicians says."""
    each = ((row["reviewer"], shown(from_row(row, "physician"), rows["raw_medcalc"][0])) for row in rows["physician_labels"])
    return "; ".join(f"{reviewer}: {value}" for reviewer, value in each)


def _rulings(cards: Sequence[Mapping[str, Any]]) -> str:
    ruled = sum(row["ruling"] is not None for row in cards)
    return (
        f"{ruled} of {len(cards)} question{'' if len(cards) == 1 else 's'} ruled"
        if cards
        else "No question on a rule bears on it"
    )


def marked(note: str, checks: Iterable[Mapping[str, Any]]) -> tuple[Markup, dict[int, int]]:
    """The note with the words marked that `note_checks` quotes; and by finding the mark that shows it. A mark whose words
    are not there, or within another, is not made."""
    shown, place, marks = Markup(""), 0, {}
    quotes = sorted((row for row in checks if row["quote"]), key=lambda row: (row["quote_start"], -row["quote_end"]))
    holds = ((0, 0), -1)
    for row in quotes:
        start, end, number = row["quote_start"], row["quote_end"], row["finding"]
        if note[start:end] != row["quote"]:
            continue
        if start < holds[0][1]:
            marks[number] = holds[1]
            continue
        title = f"{row['entity']}: {row['explanation']}"
        kind = "" if row["kind"] in ("found", "converted") else ' class="bad"'
        mark = Markup(f'<mark id="m-{number}"{kind} title="{{}}">{{}}</mark>').format(title, note[start:end])
        shown += note[place:start] + mark
        place, marks[number], holds = end, number, ((start, end), number)
    return shown + note[place:], marks


def _entities(
    calculator: Calculator,
    entities: Mapping[str, Any],
    checks: Sequence[Mapping[str, Any]],
    marks: Mapping[int, int],
    missing: Iterable[str],
) -> Iterator[dict[str, Any]]:
    """The inputs: those that matter first. Each as given, and what the note says of it."""
    found = [
        {
            "name": calculator.reader.name(key),
            "given": "not given",
            "mark": "na",
            "says": "missing, and the rule needs it",
            "why": "",
        }
        for key in missing
    ]
    told: set[str] = set()
    for name, raw in entities.items():
        source = calculator.reader.find(str(name))
        key = source.key if source else str(name)
        of_it = [check for check in checks if check["entity"] == key and key not in told]
        told.add(key)
        status = next((check for check in of_it if check["kind"] in STATUS), None)
        given = status["given"] if status else _plain(raw)
        row = {"name": source.name if source else str(name), "given": given, "why": ""}
        row |= _status(status, marks) if status else {"mark": "", "says": "in words: not checked"}
        others = [check for check in of_it if check["kind"] not in STATUS]
        if others:
            row |= {"mark": "bad" if any(each["suspect"] for each in others) else "open"}
            row["why"] = " ".join(each["explanation"] for each in others)
            row["link"] = next((marks[each["finding"]] for each in others if each["finding"] in marks), row.get("link"))
        found.append(row)
    for check in checks:
        if check["entity"] not in told:
            row = {"name": _beside(check), "given": check["given"] or "", "mark": "open", "why": check["explanation"]}
            found.append(row | {"says": check["found"] or check["quote"] or "", "link": marks.get(check["finding"])})
    order = {"na": 0, "bad": 1, "open": 2, "good": 3, "": 4}
    yield from sorted(found, key=lambda row: order[row["mark"]])


def _status(check: Mapping[str, Any], marks: Mapping[int, int]) -> dict[str, Any]:
    link = marks.get(check["finding"])
    quote = " ".join((check["quote"] or "").split())
    match check["kind"]:
        case "found":
            return {"mark": "good", "says": quote, "link": link}
        case "converted":
            return {"mark": "good", "says": f"{quote}, converted", "link": link}
        case "another_number":
            return {"mark": "bad", "says": check["found"], "link": link}
        case _:
            return {"mark": "na", "says": "number not in the note"}


def _beside(check: Mapping[str, Any]) -> str:
    return {"label": "The original label", "patient": "The patient"}.get(check["entity"], f"{check['entity']}, the result")


def _plain(raw: Any) -> str:
    if isinstance(raw, bool):
        return "present" if raw else "absent"
    return " ".join(map(str, raw)) if isinstance(raw, list) else str(raw)


def lines(published: Sequence[Step], original: Sequence[Step]) -> list[Line]:
    """The steps of both rules side by side, those first whose outcome differs."""
    left, right = ([_item(step) for step in steps] for steps in (published, original))
    pairs: list[tuple[Step | None, Step | None]] = []
    for _, a, b, c, d in SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        pairs += zip_longest(published[a:b], original[c:d])
    return sorted((_line(*pair) for pair in pairs), key=lambda line: not line.differs)


def _item(step: Step) -> str:
    """What a step is about, without how it is judged, in which two rules may differ."""
    return step.what.partition(":")[0].partition(" in ")[0]


def _line(ours: Step | None, theirs: Step | None) -> Line:
    either = ours or theirs
    assert either is not None
    item, _, asks = either.what.partition(": ")
    differs = ours is None or theirs is None or ours.gives != theirs.gives
    otherwise = ""
    if differs and theirs and ours:
        asked = theirs.what.partition(": ")[2]
        told = [asked if asked != asks else "", theirs.found if theirs.found != ours.found else ""]
        otherwise = "; ".join(each for each in told if each)
    gives = (ours.gives if ours else "no step"), (theirs.gives if theirs else "no step")
    return Line(item, asks, either.found, *gives, otherwise, _apart(*gives) if differs else "", differs)


def _apart(ours: str, theirs: str) -> str:
    """The difference of two points; nothing where they are no points."""
    try:
        points = [float(text.replace("−", "-")) for text in (ours, theirs)]
    except ValueError:
        return ""
    return f"{points[1] - points[0]:+g}".replace("-", "−")


def _conventions(calculator: Calculator, entities: Mapping[str, Any], published: Result) -> list[tuple[str, str]]:
    """What each published convention gives, the default first; nothing where there is one only."""
    others = [(rule.cited, rule.evaluate(entities).shown) for rule in calculator.alternatives]
    return [(PUBLISHED, published.shown), *others] if others else []


def _vote(vote: Mapping[str, Any], answer: str) -> dict[str, Any]:
    return {
        **vote,
        "answer": answer if vote["status"] == "ok" else vote["status"].replace("_", " "),
        "sources": [source_of(each) for each in json.loads(vote["sources"] or "[]")],
    }


def _title(event: Mapping[str, Any]) -> str:
    """An event in words, with the value that it gave, of which six digits tell enough."""
    value = re.sub(r"\d+\.\d{5,}", lambda digits: numeral(float(digits[0])), changed(event))
    if event["event"] == "relabelled" and not value:
        return f"No relabel by {event['actor']}"
    value = value or ("no answer" if event["event"] in ("maintained", "released") else "")
    return TITLES[event["event"]].format(event["actor"]) + (f": {value}" if value else "")


def _detail(event: Mapping[str, Any], cards: Iterable[Mapping[str, Any]]) -> str:
    """What an event says besides; rulings by the question that they answer, as far as it is still asked."""
    detail = str(event["detail"])
    if event["event"] != "ruled" or not detail.startswith("{"):
        return detail
    rulings, _, shows = detail.partition("; ")
    questions = {card["card"]: card["question"] for card in cards}
    told = [
        f"{questions.get(card, card)} {choice.replace('_', ' ').capitalize()}"
        for card, choice in json.loads(rulings).items()
    ]
    return "; ".join([*told, shows])


def _known(label: Label | None) -> Label:
    assert label is not None, "an instance has a label"
    return label
