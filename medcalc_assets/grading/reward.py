"""A row of a reward set: what the model is asked, and the label in the form in which it travels through a framework."""

from collections.abc import Mapping, Sequence
from typing import Any

from medcalc_assets.grading.grader import Truth, reward
from medcalc_assets.grading.statements import Asked

PROMPT = """\
Read the patient note and answer the question. Think step by step.

Give the final answer, and nothing else, in one pair of tags: <answer>17.29</answer> for a number without its unit,
<answer>05/21/2021</answer> for a date, <answer>(4 weeks, 3 days)</answer> for a gestational age. If the question cannot be
answered from the note, or does not apply to the patient, write <answer>unknown</answer>.

Patient note:

{note}

Question: {question}
"""
"""The same in both arms: abstaining is permitted in each, as in arXiv:2512.19691."""


def prompt(note: str, question: str) -> str:
    """What a model is asked; braces in a note stay what they are."""
    return PROMPT.replace("{question}", question).replace("{note}", note)


def ground_truth(answer: str, lower: str, upper: str, calculator_id: int, output_type: str, *, original: bool) -> list[str]:
    """A label with all that it is graded by, as a list of texts: what every framework hands on as it is."""
    return [answer, lower, upper, str(calculator_id), output_type, "v1.0" if original else "maintained"]


def truth_of(cells: Sequence[object]) -> Truth:
    """The label that `ground_truth` wrote; a numpy array of it, too. Raises ValueError."""
    answer, lower, upper, calculator_id, output_type, labelled = map(str, cells)
    return Truth.of(Asked.of(int(calculator_id), output_type, original=labelled == "v1.0"), answer, lower, upper)


def reward_of(completion: object, cells: object) -> float | None:
    """What a completion earns, a text or a list of messages; None where the row has no label, and so may not train.

    It never raises: a trainer would stop, hours in.
    """
    try:
        truth = truth_of(cells)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return reward(text_of(completion), truth)


def text_of(completion: object) -> str | None:
    """The text of a completion, or of the last message of a conversation; None for anything else."""
    if isinstance(completion, Sequence) and not isinstance(completion, str | bytes) and len(completion):
        completion = completion[-1]
    if not isinstance(completion, str):
        content: Any = completion.get("content") if isinstance(completion, Mapping) else getattr(completion, "content", None)
        if isinstance(content, list):  # parts, of which some are texts
            parts = (part.get("text") if isinstance(part, Mapping) else getattr(part, "text", None) for part in content)
            content = "".join(part for part in parts if isinstance(part, str))
        completion = content
    return completion if isinstance(completion, str) else None
