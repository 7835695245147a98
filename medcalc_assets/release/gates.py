"""What must hold of a candidate before it is released: each gate reads the files themselves and returns what breaks it."""

import hashlib
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from medcalc_assets.benchmarks.known import MARK, UNKNOWN
from medcalc_assets.calculators import KEYS
from medcalc_assets.errors import MedcalcError
from medcalc_assets.labels.decision import GIVEN_BY
from medcalc_assets.labels.limits import accepts, limits
from medcalc_assets.labels.parsing import LabelError, parse_label
from medcalc_assets.labels.simulated import is_simulated
from medcalc_assets.labels.value import Label, OutputType
from medcalc_assets.release.build import build, identity_of
from medcalc_assets.release.formats import IN_CSV, SIMULATED, SPELLING, evaluation_set, reward_set
from medcalc_assets.release.released import behind
from medcalc_assets.release.releases import (
    MANIFEST,
    Releases,
    labels_in,
    manifest_of,
    read_labels,
    sha256,
    tampered,
)
from medcalc_assets.release.use import BY_TRACK_RECORD, records_of, with_uses
from medcalc_assets.release.versions import Version, changes, require_version
from medcalc_assets.storage import tables
from medcalc_assets.storage.chain import breaks, place
from medcalc_assets.storage.warehouse import Warehouse, ranges

CHANGING = [reason for reason, given_by in GIVEN_BY.items() if given_by != "label"]
"""The reasons for which a label may differ from the original one."""
NAMED_BY = {
    "nobody": ("original",),
    "label": ("original",),
    "relabel": ("original", "auditor", "relabel"),
    "physician": ("original", "reviewer", "physician"),
    "ruled": ("original", "rulings", "ruled"),
    "computed": ("original", "computed", "inputs"),
}
MUST_NAME = {reason: NAMED_BY[given_by] for reason, given_by in GIVEN_BY.items()} | {
    "physician_confirms": ("original", "relabel", "reviewer", "physician"),
    "confirmed": NAMED_BY["relabel"],
    "ambiguous": NAMED_BY["relabel"],
}
"""By reason, what the evidence has to name."""
GIVES = {reason: {"label": "original"}.get(given_by, given_by) for reason, given_by in GIVEN_BY.items()}
"""By reason, which of the evidence is the label."""


@dataclass(frozen=True)
class Candidate:
    """The files that are to become a release, and what they were made from."""

    warehouse: Warehouse
    releases: Releases

    @property
    def folder(self) -> Path:
        return self.releases.candidate

    @property
    def labels(self) -> pl.DataFrame:
        """All of them, with their notes: a gate reads some columns of all, or all by parts."""
        return labels_in(self.folder)

    def read(self, *columns: str, uids: tuple[int, int] | None = None) -> pl.DataFrame:
        return read_labels(self.folder / manifest_of(self.folder)["labels"], columns, uids)

    @property
    def parts(self) -> Iterator[tuple[int, int]]:
        """From which uid to which labels are read at once."""
        return ranges(self.read("Row Number")["Row Number"])

    @property
    def version(self) -> Version:
        return Version.parse(manifest_of(self.folder)["version"])


def every_label_has_evidence(candidate: Candidate) -> Iterator[str]:
    """No label without evidence: it names what its reason rests on, gives the label, and what an ambiguous label assumes."""
    names = ["Row Number", "Reason", "Evidence", "Assumptions", "Ground Truth Answer"]
    for uid, reason, text, assumptions, answer in _rows(candidate, names):
        named = json.loads(text or "{}")
        if lacking := [name for name in MUST_NAME.get(reason, ()) if named.get(name) is None]:
            yield f"uid {uid} is {reason}, and its evidence does not name {', '.join(lacking)}"
        elif reason not in MUST_NAME:
            yield f"uid {uid} has the reason {reason!r}, which is none"
        elif answer is not None and not any(_same(answer, evidence := named.get(which)) for which in _given_by(reason)):
            yield f"uid {uid} is {answer}, and its evidence ({GIVES[reason]}) is {evidence}"
        if reason == "ambiguous" and len(set(json.loads(assumptions or "{}").values())) < 2:
            yield f"uid {uid} is ambiguous, and its assumptions do not name two conventions with two values"


def contradicted_is_no_answer(candidate: Candidate) -> Iterator[str]:
    """What its own entities contradict, and nobody has recomputed, has no answer and no limits; every other label has."""
    names = ["Row Number", "Reason", "Ground Truth Answer", "Lower Limit", "Upper Limit"]
    for uid, reason, *cells in candidate.read(*names).iter_rows():
        if reason == "contradicted" and any(cell is not None for cell in cells):
            yield f"uid {uid} is contradicted, and its answer and limits are {', '.join(map(str, cells))}"
        elif reason != "contradicted" and None in cells:
            yield f"uid {uid} is {reason}, and has no answer or no limits"


def explanations_tell_the_labels(candidate: Candidate) -> Iterator[str]:
    """A label that stays keeps its explanation; another has one that names it, if there is one, and the original label."""
    names = ["Row Number", "Ground Truth Answer", "Ground Truth Explanation", "Simulated"]
    rows = _rows(candidate, names, ["label_text", "explanation"])
    for uid, answer, told, simulated, was, explained in rows:
        mark = SIMULATED if simulated else ""
        if not told.startswith(mark):
            yield f"uid {uid}: the explanation does not say that it is simulated"
        told = told.removeprefix(mark)
        if answer is None:
            if f" The original label was {was}; " not in told:
                yield f"uid {uid} was {was} and has no answer, and its explanation says: {told[:120]}"
        elif answer == was:
            if told != explained:
                yield f"uid {uid} is {answer} as in the original, and has another explanation than there"
        elif not (told.startswith(f"Maintained label {answer}: ") and told.endswith(f" The original label was {was}.")):
            yield f"uid {uid} was {was} and is {answer}, and its explanation says: {told[:120]}"


def no_change_without_a_reason(candidate: Candidate) -> Iterator[str]:
    """A label differs from the original only for a reason that permits it, and then it is in the changelog."""
    labels = candidate.read("Row Number", "Reason", "Ground Truth Answer")
    original = candidate.warehouse.read(tables.RAW_MEDCALC, columns=["uid", "label_text"])
    changed = labels.join(original, left_on="Row Number", right_on="uid").filter(
        pl.col("Ground Truth Answer") != pl.col("label_text")
    )
    since = next(path for path in candidate.folder.glob(f"*_changes_since_{manifest_of(candidate.folder)['original']}.csv"))
    told = set(pl.read_csv(since, columns=["Row Number"])["Row Number"])
    for uid, reason, answer, was in changed.iter_rows():
        if reason not in CHANGING:
            yield f"uid {uid} is {answer} and was {was}, but its reason is {reason!r}"
        if uid not in told:
            yield f"uid {uid} changed and is not in {since.name}"


def value_within_limits(candidate: Candidate) -> Iterator[str]:
    """A number lies within its limits; a date or N/A is its own limits, or has none."""
    for uid, _, answer, low, high in _answers(candidate):
        try:
            value, lower, upper = parse_label(answer), parse_label(low), parse_label(high)
        except LabelError as error:
            yield f"uid {uid}: {answer!r}, {low!r} or {high!r} is no label, {error}"
            continue
        if value.number is None:
            if not value == lower == upper:
                yield f"uid {uid}: {answer} has the limits {low} and {high}"
        elif lower.number is None or upper.number is None or not lower.number <= value.number <= upper.number:
            yield f"uid {uid}: {answer} is not within {low} and {high}"


def limits_by_type(candidate: Candidate) -> Iterator[str]:
    """±5% for decimals, exact for integers and dates."""
    for uid, output_type, answer, low, high in _answers(candidate):
        value = parse_label(answer)
        if bounds := limits(value, output_type):
            written = parse_label(low).number, parse_label(high).number
            slack = SPELLING * max(1.0, abs(bounds[1])) if output_type == "decimal" else 0.0
            if None in written or any(
                not math.isclose(a, b or 0.0, rel_tol=0, abs_tol=slack) for a, b in zip(bounds, written, strict=True)
            ):
                rule = f"{bounds[0]:.10g} and {bounds[1]:.10g}"
                yield f"uid {uid}: {output_type} {answer} has the limits {low} and {high}, not {rule}"


def simulated_says_demo(candidate: Candidate) -> Iterator[str]:
    """Simulated evidence is only in a release of which every file says DEMO, in its name or its first lines."""
    names = ["Row Number", "Evidence", "Auditor", "Simulated", "Evaluation", "Reward"]
    simulated = usable = 0
    for uids in candidate.parts:
        labels = _with_original(candidate, names, ["source"], uids).with_columns(
            reviewer=pl.col("Evidence").str.json_path_match("$.reviewer"), auditor="Auditor"
        )
        for uid in labels.filter(is_simulated() & ~pl.col("Simulated"))["Row Number"]:
            yield f"uid {uid} rests on simulated evidence and is not called simulated"
        labels = labels.filter(is_simulated() | pl.col("Simulated"))
        simulated += labels.height
        usable += labels.filter(pl.col("Evaluation") | pl.col("Reward")).height
    yield from _without_mark(candidate, "DEMO") if simulated else ()
    if usable:
        yield f"{usable} labels of simulated evidence may grade or train"


def no_uid_lost_or_added(candidate: Candidate) -> Iterator[str]:
    """All calculators, of one source, with each instance once; the evaluation set is what of them may grade."""
    if missing := sorted(set(KEYS) - candidate.warehouse.written(tables.MAINTAINED_LABELS)):
        yield f"{len(missing)} of {len(KEYS)} calculators were not run, such as {missing[0]}: `medcalc run` runs them all"
    raw = candidate.warehouse.read(tables.RAW_MEDCALC, columns=["uid", "source", "source_version"])
    if (sources := raw.select("source", "source_version").unique()).height > 1:
        yield f"the instances are of {sources.height} versions of the source: `medcalc run` reads them anew"
    labels = candidate.read("Row Number", "Reason", "Simulated", "Evaluation", "Reward")
    stem = candidate.folder / manifest_of(candidate.folder)["labels"].removesuffix("_all.parquet")
    csv, parquet, rewards = (Path(f"{stem}{ending}") for ending in (".csv", ".parquet", "_reward.parquet"))
    grading = evaluation_set(labels)["Row Number"]
    in_csv = pl.scan_csv(csv, infer_schema=False).select("Row Number").collect(engine="streaming")["Row Number"]
    for name, expected, uids in (
        ("all labels", raw["uid"], labels["Row Number"]),
        ("the evaluation set as Parquet", grading, read_labels(parquet, ["Row Number"])["Row Number"]),
        ("the evaluation set as CSV", grading, in_csv.cast(pl.Int64)),
    ):
        if lost := set(expected) - set(uids):
            yield f"{name}: {len(lost)} lost, such as uid {min(lost)}"
        if added := set(uids) - set(expected):
            yield f"{name}: {len(added)} added, such as uid {min(added)}"
        if uids.n_unique() != len(uids):
            yield f"{name}: a uid occurs twice"
    same, rewarded, text = True, True, hashlib.sha256()
    for n, here in enumerate(candidate.parts):
        part = candidate.read(uids=here)
        same &= read_labels(parquet, uids=here).equals(evaluation_set(part))
        rewarded &= read_labels(rewards, uids=here).equals(reward_set(part))
        text.update(evaluation_set(part).select(IN_CSV).write_csv(include_header=not n).encode())
    if not same or text.hexdigest() != sha256(csv):
        yield "the evaluation set is not the same in all files"
    if not rewarded:
        yield "the reward set is not what of all labels may train"


def source_is_whole_or_called_unknown(candidate: Candidate) -> Iterator[str]:
    """Of a known benchmark no row is missing, edited or added; of an unknown one every file says that it is unknown."""
    if set(KEYS) - candidate.warehouse.written(tables.RAW_MEDCALC):  # which no_uid_lost_or_added tells
        return
    name, differences = identity_of(candidate.warehouse)
    yield from (f"the source is not the whole of {name}: {difference}" for difference in differences)
    if (said := manifest_of(candidate.folder)["benchmark"]) != name:
        yield f"the benchmark is {name}, and the manifest says that it is {said}"
    yield from _without_mark(candidate, MARK) if name == UNKNOWN else ()


def one_auditor_for_all(candidate: Candidate) -> Iterator[str]:
    """The labels of a release rest on the relabels of one auditor."""
    counts = candidate.read("Auditor")["Auditor"].value_counts().sort("Auditor").rows()
    if len(counts) > 1:
        told = ", ".join(f"{count:,} on those of {auditor}" for auditor, count in counts)
        yield f"labels rest on relabels of {len(counts)} auditors ({told}): `medcalc run` makes them all with one"


def evaluation_key_does_not_shrink(candidate: Candidate) -> Iterator[str]:
    """Labels may grade (not those of a demo), and as many as in the release before, unless it is said why not."""
    manifest = manifest_of(candidate.folder)
    now = int(candidate.read("Evaluation")["Evaluation"].sum())
    if not now and not manifest["demo"]:
        yield "no label may grade: were the authors' files, or the auditor, forgotten? `medcalc status` shows what was used"
    previous = candidate.releases.before(candidate.version)
    file = previous and candidate.releases.file_of_labels(str(previous))
    before = int(read_labels(file, ["Evaluation"])["Evaluation"].sum()) if file else 0
    if now < before and not manifest["because"]:
        yield f"{now:,} labels may grade, and {before:,} in {previous}: state why with --because, or find what was forgotten"


def policy_on_every_label(candidate: Candidate) -> Iterator[str]:
    """Every label carries what it may be used for, as its reason and the track record of its evidence permit."""
    said = ["Evaluation", "Reward", "Use Because"]
    labels = candidate.read("Row Number", "Reason", "Simulated", "Evidence Class", *said)
    known = labels.rename({"Reason": "reason", "Simulated": "simulated", "Evidence Class": "evidence_class"})
    store = candidate.warehouse
    expected = with_uses(known, records_of(store, store.read(tables.LABEL_EVIDENCE)))
    for row in expected.iter_rows(named=True):
        if tuple(row[name] for name in said) != (row["evaluation"], row["reward"], row["use_because"]):
            says = [row[name] for name in said]
            yield f"uid {row['Row Number']} is {row['reason']}, simulated: {row['simulated']}, and says {says}"


def confidence_follows_from_evidence(candidate: Candidate) -> Iterator[str]:
    """The confidence of every label is what its reason, and the published rule's value in its evidence, make it."""
    names = ["Row Number", "Reason", "Output Type", "Evidence", "Confidence"]
    for uid, reason, output_type, text, said in _rows(candidate, names):
        if said != (found := _confidence(reason, output_type, json.loads(text or "{}"))):
            yield f"uid {uid} is {reason}: by its evidence its confidence is {found!r}, and not {said!r}"


def same_bytes_again(candidate: Candidate) -> Iterator[str]:
    """Made again from the same tables, every file has the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again"
        because = manifest_of(candidate.folder)["because"]
        build(candidate.warehouse, candidate.releases, candidate.version, again, because=because)
        for name in sorted({path.name for path in (*again.iterdir(), *candidate.folder.iterdir())}):
            pair = [place / name for place in (again, candidate.folder)]
            if not all(path.exists() for path in pair) or sha256(pair[0]) != sha256(pair[1]):
                yield f"{name} is not what the tables give"


def released_is_untouched(candidate: Candidate) -> Iterator[str]:
    """No released version is overwritten, changed or taken away."""
    released = {}
    if candidate.warehouse.has(tables.LABEL_RELEASES):
        rows = candidate.warehouse.read(tables.LABEL_RELEASES, columns=["version", "manifest_sha256"])
        released = dict(rows.iter_rows())
    target = candidate.releases.of(candidate.version)
    if target.exists() and (str(candidate.version) in released or not candidate.releases.is_released):
        yield f"{candidate.version} is released already, in {target}: a released version is never overwritten"
    for version in map(str, candidate.releases.versions):
        if version not in released and version != str(candidate.version):
            yield (
                f"{version} lies in {candidate.releases.folder}, and was not released from here, or not to the end: give "
                "that version to finish it, or move its folder away"
            )
    for version, manifest_sha256 in released.items():
        folder = candidate.releases.of(Version.parse(version))
        if not folder.is_dir():
            yield f"{version} was released and {folder} is gone"
        elif sha256(folder / MANIFEST) != manifest_sha256:
            yield f"{folder / MANIFEST} was changed since its release"
        else:
            yield from (f"{version}: {harm}" for harm in tampered(folder))


def history_tells_the_labels(candidate: Candidate) -> Iterator[str]:
    """The history is unbroken, and the last event of each maintained label gives that label."""
    store = candidate.warehouse
    for uids in ranges(store.read(tables.MAINTAINED_LABELS, columns=["uid"])["uid"]):
        history = store.read(tables.LABEL_EVENTS, uids=uids)
        for event, why in breaks(history):
            yield f"uid {event['uid']}, {place(event)}: {why}. `medcalc verify` says all"
        yield from (
            f"uid {uid} is {now}, and its history ends with {was}: materialize label_events"
            for uid, was, now in behind(store, history, uids)
        )


def version_tells_the_change(candidate: Candidate) -> Iterator[str]:
    """The version number is as high as the gravest change since the release before it asks for."""
    version = candidate.version
    previous = candidate.releases.before(version)
    try:
        if not previous:
            return
        file = candidate.releases.file_of_labels(str(previous))
        found = [changes(read_labels(file, uids=uids), candidate.read(uids=uids)) for uids in candidate.parts]
        require_version(version, previous, pl.concat(each.select("Row Number", "Level") for each in found))
        if manifest_of(candidate.releases.of(previous))["demo"] != manifest_of(candidate.folder)["demo"]:
            yield f"{previous} and {version} are not both of the demo: give MEDCALC_HOME another folder"
    except MedcalcError as error:
        yield str(error)


GATES: dict[str, Callable[[Candidate], Iterator[str]]] = {
    gate.__name__: gate
    for gate in (
        every_label_has_evidence,
        contradicted_is_no_answer,
        explanations_tell_the_labels,
        no_change_without_a_reason,
        value_within_limits,
        limits_by_type,
        simulated_says_demo,
        no_uid_lost_or_added,
        source_is_whole_or_called_unknown,
        one_auditor_for_all,
        evaluation_key_does_not_shrink,
        policy_on_every_label,
        confidence_follows_from_evidence,
        same_bytes_again,
        released_is_untouched,
        history_tells_the_labels,
        version_tells_the_change,
    )
}


def _without_mark(candidate: Candidate, mark: str) -> Iterator[str]:
    """The files that do not say so, neither in their name nor in their first lines."""
    for path in sorted(candidate.folder.iterdir()):
        if mark.replace(" ", "_") not in path.name and mark.encode() not in _head_of(path):
            yield f"{path.name} does not say {mark}"


def _head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(200)


def _rows(candidate: Candidate, names: Sequence[str], original: Sequence[str] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]
    """These columns of every label, and of its original instance, without holding those of all at once."""
    for uids in candidate.parts:
        yield from _with_original(candidate, names, original, uids).iter_rows()


def _with_original(
    candidate: Candidate, names: Sequence[str], original: Sequence[str], uids: tuple[int, int]
) -> pl.DataFrame:
    labels = candidate.read(*names, uids=uids)
    if not original:
        return labels
    raw = candidate.warehouse.read(tables.RAW_MEDCALC, columns=["uid", *original], uids=uids)
    return labels.join(raw, left_on="Row Number", right_on="uid")


def _label(text: object) -> Label | None:
    """The label that evidence names; None for none."""
    try:
        return parse_label(text)
    except LabelError:
        return None


def _given_by(reason: str) -> tuple[str, ...]:
    """Which of the evidence the label may be: in dispute where the relabel agrees, and within the limits of what is ruled or
    computed, it is the original one."""
    return ("original", GIVES[reason]) if reason in ("contested", "ruled", "computed") else (GIVES[reason],)


def _same(answer: str, evidence: object) -> bool:
    """Whether a label as a release has it, and as evidence has it, are the same but for spelling."""
    label, other = _label(answer), _label(evidence)
    if label is None or other is None:
        return False
    if label.number is None or other.number is None:
        return label == other
    return math.isclose(label.number, other.number, rel_tol=1e-6, abs_tol=1e-6)


def _confidence(reason: str, output_type: OutputType, evidence: Mapping[str, object]) -> str:
    """What `use.confidence` has to say, from the file alone."""
    if reason in ("physician", "physician_confirms"):
        return "physician"
    if reason in ("ruled", "computed"):
        return {"ruled": "rulings", "computed": "inputs"}[reason]
    if reason not in BY_TRACK_RECORD:
        return "none"
    label = _label(evidence.get(GIVES[reason]))
    by_rule = ["computed"] if evidence.get("derivation") == "suspect" else ["computed", "published_rule"]
    values = [value for name in by_rule if (value := _label(evidence.get(name)))]
    return "two ways" if label and any(accepts(label, value, output_type) for value in values) else "one way"


def _answers(candidate: Candidate) -> Iterator[tuple]:  # type: ignore[type-arg]
    """Of the labels that have an answer."""
    labels = candidate.read("Row Number", "Output Type", "Ground Truth Answer", "Lower Limit", "Upper Limit")
    yield from labels.drop_nulls().iter_rows()
