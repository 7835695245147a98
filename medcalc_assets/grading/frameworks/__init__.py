"""One module per framework that evaluates or trains: its own interface around the same prompts, reader and key.

Each is imported by its framework alone; the project does not depend on any of them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from medcalc_assets.grading.grader import LABEL_CELLS, UIDS, rows
from medcalc_assets.grading.reward import ground_truth, prompt


class Instance(NamedTuple):
    """A row of a key, as a framework needs it."""

    uid: int
    calculator: str
    note: str
    question: str
    prompt: str
    ground_truth: list[str]


def instances(key: str | Path) -> Iterator[Instance]:
    """The rows of a key that have a label: the CSV of a release, or of v1.0. Raises GraderError."""
    for row in rows(Path(key)):
        cells = [row[name] for name in LABEL_CELLS]
        if all(cells):
            uid = next(row[name] for name in UIDS if name in row)
            of = int(row["Calculator ID"]), row["Output Type"]
            label = ground_truth(cells[0], cells[1], cells[2], *of, original="Evaluation" not in row)
            note, question = row["Patient Note"], row["Question"]
            yield Instance(int(uid), row["Calculator Name"], note, question, prompt(note, question), label)
