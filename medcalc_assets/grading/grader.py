"""Whether what a reply says is right by a key, and what it earns in training.

As `grader.py` this is part of every release, in one file with all that it uses: see `standalone`.
"""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from medcalc_assets.grading.replies import Outcome, Reply, read_reply
from medcalc_assets.grading.statements import WRITTEN, Asked
from medcalc_assets.labels.limits import within
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.value import Label

UIDS = ("Row Number", "Unique ID", "uid", "id")
LABEL_CELLS = ("Ground Truth Answer", "Lower Limit", "Upper Limit")
REPLIES = ("reply", "response", "completion", "output", "LLM Answer")
"""What the column of instances, and that of replies, may be called."""


class GraderError(ValueError):
    """A file that cannot be graded: which one, in which row, and what to do."""


class Truth(NamedTuple):
    """A label of a key, and which numbers it accepts: `limits` is None where it accepts itself alone."""

    label: Label
    limits: tuple[float, float] | None
    asked: Asked

    @classmethod
    def of(cls, asked: Asked, answer: str, lower: str, upper: str) -> "Truth":
        """From the cells of a key. Raises LabelError."""
        label, lowest, highest = (parse_label(cell) for cell in (answer, lower, upper))
        is_number = label.number is not None and lowest.number is not None and highest.number is not None
        return cls(label, (lowest.number or 0.0, highest.number or 0.0) if is_number else None, asked)

    @property
    def kinds(self) -> set[str]:
        """Of an answer that the question permits: its own, and that there is none."""
        return {"date" if self.asked.kind == "date" else "number", "na"}


class Grade(NamedTuple):
    """What was read of a reply, and what a key says of it.

    `strict` counts values and a written N/A; `lenient` also an abstention in words. An answer that the harness lost is
    neither right nor wrong: count it apart, or give both bounds.
    """

    outcome: Outcome
    answer: str | None
    why: str | None
    strict: bool
    lenient: bool
    reward: float


def grade(text: str | None, truth: Truth) -> Grade:
    """Grade one reply.

    >>> truth = Truth.of(Asked("decimal"), "20", "19", "21")
    >>> grade("So it is approximately 20.4.", truth).strict
    True
    >>> grade("There is not enough information.", truth).outcome
    'abstained'
    """
    reply = read_reply(text, truth.asked)
    lenient = is_right(reply, truth)
    strict = lenient and reply.why in {None, WRITTEN}
    return Grade(
        reply.outcome, str(reply.label) if reply.label else None, reply.why, strict, lenient, _reward(text, reply, truth)
    )


def is_right(reply: Reply, truth: Truth) -> bool:
    """Whether what was read, an abstention in words included, is what the key accepts."""
    return reply.label is not None and within(truth.limits, truth.label, reply.label)


def reward(text: str | None, truth: Truth) -> float:
    """What a reply earns in training: 1.0 if right, 0.1 if it can be read and is of a permitted type, 0.0 otherwise.

    As in arXiv:2512.19691 (`medcalc.py` of the authors), an answer has to stand in `<answer>` tags. There, `unknown` earns
    0.0 unless the label is unknown, and a number 0.0 if it is: a policy learns that a wrong number (0.1) is better than an
    abstention (0.0) wherever it is not sure, and its authors' 0.1 for `unknown` is never reached. Here the type is that of
    the question, which permits its own and an abstention, and never depends on the label. Nor is a right answer lost by its
    spelling: there `1,234`, `1e2`, `12%`, `.5` and `N/A` earn 0.0. An abstention has to be written (`unknown`, `N/A`) to
    earn 1.0.

    >>> truth = Truth.of(Asked("decimal"), "20", "19", "21")
    >>> [reward(f"<answer>{said}</answer>", truth) for said in ("20.5", "7", "unknown", "02/01/2020", "hm")]
    [1.0, 0.1, 0.1, 0.0, 0.0]
    """
    return _reward(text, read_reply(text, truth.asked), truth)


def _reward(text: str | None, reply: Reply, truth: Truth) -> float:
    if reply.label is None or "<answer>" not in (text or "") or reply.label.kind not in truth.kinds:
        return 0.0
    return 1.0 if is_right(reply, truth) and reply.why in {None, WRITTEN} else 0.1


def read_key(path: Path) -> dict[int, Truth]:
    """The labels of a key by `Row Number`: a CSV in the columns of MedCalc-Bench. What has no answer grades nothing.

    A release says what each label may be used for; a key that does not is taken for v1.0, with its fractions. Raises
    GraderError.
    """
    key: dict[int, Truth] = {}
    for row_number, row in enumerate(rows(path), 2):
        try:
            cells = [row[name] for name in LABEL_CELLS]
            if all(cells):
                asked = Asked.of(int(row["Calculator ID"]), row["Output Type"], original="Evaluation" not in row)
                key[int(_first(row, UIDS[:2]))] = Truth.of(asked, *cells)
        except KeyError as error:
            raise GraderError(f"{path} has no column {error}: give the CSV of a release.") from None
        except LabelError as error:
            raise GraderError(
                f"{path}, row {row_number}: an answer or limit is a cell {error}. Get the release again."
            ) from None
        except (TypeError, ValueError) as error:
            raise GraderError(f"{path}, row {row_number}: {error}. Get the release again.") from None
    return key


def grade_all(key: Mapping[int, Truth], replies: Mapping[int, str | None]) -> dict[int, Grade]:
    """A grade for each label of the key: a reply that is not there is `missing`. What is not in the key is not graded."""
    return {uid: grade(replies.get(uid), truth) for uid, truth in key.items()}


def summary(grades: Mapping[int, Grade]) -> dict[str, Any]:
    """How many are right, of all in the key, and between which bounds: lost answers all wrong, or all right."""
    outcomes = Counter(each.outcome for each in grades.values())
    lost = outcomes["harness_error"] + outcomes["missing"]
    lenient = sum(each.lenient for each in grades.values())
    return {
        "labels": len(grades),
        **{outcome: outcomes[outcome] for outcome in sorted(outcomes)},
        "right": sum(each.strict for each in grades.values()),
        "right_lenient": [lenient, lenient + lost],
    }


def main() -> None:
    """`python grader.py REPLIES [KEY]`: a JSON object per reply, and the figures at the end, to standard error."""
    arguments = [Path(argument) for argument in sys.argv[1:]]
    if not 1 <= len(arguments) <= 2:
        sys.exit(
            "python grader.py REPLIES [KEY]: REPLIES is JSONL or CSV with `Row Number` and `reply`, KEY the CSV beside it."
        )
    try:
        beside = (
            path for path in sorted(Path(__file__).parent.glob("*medcalc_bench_*.csv")) if "_changes_since_" not in path.name
        )
        key = read_key(arguments[1] if arguments[1:] else next(beside))
        replies = dict(_replies(arguments[0]))
    except StopIteration:
        sys.exit("There is no key beside grader.py: give the CSV of a release as second argument.")
    except (GraderError, OSError) as error:
        sys.exit(str(error))
    if not replies.keys() & key.keys():
        sys.exit(f"{arguments[0]}: no row is one of the key: is it of this benchmark, with its row numbers?")
    grades = grade_all(key, replies)
    for uid, each in grades.items():
        print(json.dumps({"Row Number": uid, **each._asdict()}))
    print(json.dumps(summary(grades) | {"not_in_the_key": len(replies.keys() - key.keys())}), file=sys.stderr)


def _replies(path: Path) -> Iterator[tuple[int, str | None]]:
    seen = set()
    for row_number, row in enumerate(rows(path), 1):
        try:
            uid = int(_first(row, UIDS))
            text = _first(row, REPLIES)
        except KeyError as error:
            raise GraderError(
                f"{path}, row {row_number}: there is no {error}. Name the columns `Row Number` and `reply`."
            ) from None
        except (TypeError, ValueError, OverflowError):
            raise GraderError(f"{path}, row {row_number}: the row number is no whole number.") from None
        if uid in seen:
            raise GraderError(f"{path}, row {row_number}: row number {uid} occurs twice. Give one run of one model.")
        seen.add(uid)
        yield uid, None if text is None else str(text)


def _first(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    for name in names:
        if name in row:
            return row[name]
    raise KeyError(" or ".join(names))


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Of a JSONL file, or of a CSV."""
    csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix == ".csv":
                yield from csv.DictReader(file)
                return
            for line_number, line in enumerate(file, 1):
                if not isinstance(row := json.loads(line), dict):
                    raise GraderError(f"{path}, line {line_number}: no JSON object. Give one per reply.")
                yield row
    except (UnicodeDecodeError, csv.Error) as error:
        raise GraderError(f"{path} cannot be read: {error}. Write it in UTF-8.") from None
    except (json.JSONDecodeError, RecursionError):
        raise GraderError(f"{path}, line {line_number}: no JSON. Was the file cut off?") from None


if __name__ == "__main__":
    main()
