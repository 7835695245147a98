"""Why an original label and its relabel differ, as far as the label's own entities can tell."""

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.value import NA, Label, OutputType

Cause = Literal["aggregation", "aggregation_and_more", "convention", "superseded", "not_aggregation", "incomputable"]

CAUSES: dict[Cause, str] = {
    "aggregation": "no published rule gives the label from its own entities; the published rule gives the relabel",
    "aggregation_and_more": "no published rule gives the label, and the published rule does not give the relabel either",
    "convention": "label and relabel each follow a published rule, but not the same one, and no newer one decides",
    "superseded": "the relabel follows a published rule, the label only one that has been superseded",
    "not_aggregation": "a published rule gives the label, none gives the relabel: the entities differ from the note, the "
    "note can be read in another way, or the relabel is wrong",
    "incomputable": "the relabel says that the note has no answer",
}
PUBLISHED = "the published rule"


class Attribution(NamedTuple):
    """The cause, and the evidence in one sentence."""

    cause: Cause
    evidence: str


def attribute(
    label: Label,
    relabel: Label,
    output_type: OutputType,
    published: Label | None,
    alternatives: Mapping[str, Label | None],
    superseded: Collection[str] = (),
) -> Attribution:
    """The cause of a likely error, from what the rules make of the benchmark's entities.

    `published` is the published rule's value (None: not computable) and `alternatives` those of the other published
    conventions, by name, of which some are `superseded`. A rule gives a label if its value is within the label's limits.
    """
    values = {PUBLISHED: published, **alternatives}

    def given_by(truth: Label) -> list[str]:
        return [rule for rule, value in values.items() if value and accepts(truth, value, output_type)]

    for_label, for_relabel = given_by(label), given_by(relabel)
    finds = f"{PUBLISHED} finds {published or 'no value'}"
    whose_label = f"{for_label[0]} gives the label {label}" if for_label else f"no rule gives the label {label} ({finds})"
    if relabel == NA:
        return Attribution("incomputable", f"{whose_label}; the relabel is N/A")
    if not for_label:
        if PUBLISHED in for_relabel:
            return Attribution("aggregation", f"{whose_label}; it gives the relabel {relabel}")
        whose = f"{for_relabel[0]} gives" if for_relabel else "no rule gives"
        return Attribution("aggregation_and_more", f"{whose_label}; {whose} the relabel {relabel}")
    # A rule that lies between label and relabel, within the limits of both, tells them not apart.
    if others := [rule for rule in for_relabel if rule not in for_label]:
        current = [rule for rule in others if rule not in superseded]
        loses = bool(current) and all(rule in superseded for rule in for_label)
        evidence = f"{whose_label}; {(current or others)[0]} gives the relabel {relabel}"
        return Attribution("superseded" if loses else "convention", evidence)
    return Attribution("not_aggregation", f"{whose_label}; no rule gives the relabel {relabel} from these entities")
