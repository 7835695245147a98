"""Packets for physicians: issued as blind cases and cards, and what came back of them.

What comes back is kept as it came, below `$MEDCALC_HOME/answers/`, with what was read from it beside it: the warehouse can
always be made again. No record is changed or taken away; a later answer supersedes an earlier one, and so does a withdrawal.
"""

import datetime as dt
import hashlib
import io
import json
import logging
import random
import re
import secrets
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.labels.value import NA, as_columns
from medcalc_assets.physicians.choosing import Order, Waiting
from medcalc_assets.physicians.forms import (
    PACKET,
    Case,
    as_json,
    fingerprint,
    form_of,
    label_studio_config,
    label_studio_tasks,
    workbook_of,
)
from medcalc_assets.physicians.returned import (
    Answer,
    Fault,
    PacketError,
    Returned,
    Ruling,
    Said,
    Withdrawn,
    calculator_of,
    checked,
    read_json,
    read_workbook,
    refused,
    time_of,
)
from medcalc_assets.physicians.sample import open_cases
from medcalc_assets.physicians.spreadsheet import SheetError, content_of
from medcalc_assets.storage import tables
from medcalc_assets.storage.files import flush, locked, write_durably
from medcalc_assets.storage.warehouse import Warehouse

RECORD = "packet.json"
"""What is known here of a packet, its secret and the cases: it is not sent."""
TASKS = "{}_label_studio.json"
"""The cases of a packet as they were sent."""
DAYS = 28
"""For so long nobody else is given the cases of a packet; then it is overdue. What comes back later counts as well."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Packets:
    """The packets that were issued below `home`, and the answers that came back."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "packets"

    @property
    def answers(self) -> Path:
        return self.home / "answers"

    def issued(self) -> Iterator[dict[str, Any]]:
        """What is known of every packet: id, reviewer, secret, time, and the hash of each case."""
        for path in sorted(self.folder.glob(f"[!.]*/{RECORD}")):  # with a dot begins what a kill left unfinished
            try:
                packet = json.loads(path.read_bytes())
                known = all(isinstance(packet[name], str) for name in ("packet", "reviewer", "issued_at"))
                if not known or any(int(uid) < 0 or not isinstance(case, str) for uid, case in packet["cases"].items()):
                    raise ValueError("it is not as it was written")
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                log.warning(
                    "%s is set aside, as it is damaged (%r): no answer to this packet can be taken over, and its cases are "
                    "asked again. Restore the file from a backup.",
                    path,
                    error,
                )
            else:
                yield packet

    def find(self, name: str) -> dict[str, Any]:
        """Raises PacketError."""
        for packet in self.issued():
            if packet["packet"] == name:
                return packet
        raise PacketError(f"No packet {name!r:.80} was issued from {self.home}: `medcalc panel` lists them.")

    def records(self, files: Iterable[Path] | None = None) -> Iterator[tuple[dict[str, Any], list[Said]]]:
        """What was taken over (in these files, or in all), each record with its answers and rulings, in the order in which
        they count: a later one supersedes."""
        found = []
        for path in sorted(self.answers.glob("*.json") if files is None else files):
            if record := self._record(path):
                found.append(record)
        yield from sorted(found, key=lambda each: (_counts_from(each[0]), each[0]["ingested_at"]))

    def _record(self, path: Path) -> tuple[dict[str, Any], list[Said]] | None:
        try:
            record = json.loads(path.read_bytes())
            answers = [Answer(**answer) for answer in record["answers"]]
            rulings = [Ruling(**ruling) for ruling in record.get("rulings", [])]
            withdrawn = [Withdrawn(uid) for uid in record.get("withdrawn", [])]
            known = all(isinstance(record[name], str) for name in ("packet", "reviewer"))
            readable = all(type(answer.uid) is int and answer.label for answer in answers)
            named = all(calculator_of(each.uid) for each in rulings)
            if not (known and readable and (answers or rulings or withdrawn) and named):
                raise ValueError("it is not as it was written")
            _counts_from(record)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            received = ", ".join(str(each) for each in path.parent.glob(f"{path.stem}.*received"))
            remedy = f"medcalc ingest {received}" if received else "ingest the reviewer's file again"
            log.warning(
                "%s is set aside, as it is damaged (%r): its answers do not count. To restore it: %s", path, error, remedy
            )
            return None
        return record, [*answers, *rulings, *withdrawn]

    def lock(self) -> AbstractContextManager[None]:
        """One process at a time issues a packet or takes over answers."""
        return locked(self.home / "packets.lock")

    def out_for_review(self, answered: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
        """By uid the reviewers who have the case, and are not among the uids and reviewers that have `answered`."""
        known, out = set(answered), defaultdict(list)
        for packet in self.issued():
            for uid in map(int, packet["cases"]):
                if (uid, packet["reviewer"]) not in known:
                    out[uid].append(packet["reviewer"])
        return out

    def opinions(self, warehouse: Warehouse) -> dict[int | str, set[str]]:
        """By uid, and by id of a card, the reviewers who have answered, or who have it and are not overdue."""
        found: dict[int | str, set[str]] = defaultdict(set)
        for table, name in ((tables.PHYSICIAN_LABELS, "uid"), (tables.RULINGS, "card")):
            if warehouse.has(table):
                for each, reviewer in warehouse.read(table, columns=[name, "reviewer"]).iter_rows():
                    found[each].add(reviewer)
        for (each, reviewer), (_, answer) in self._last().items():
            (found[each].discard if isinstance(answer, Withdrawn) else found[each].add)(reviewer)
        for packet in self.issued():
            if not is_overdue(packet):
                for each in _asked(packet):
                    found[each].add(packet["reviewer"])
        return found

    def issue(
        self,
        warehouse: Warehouse,
        reviewer: str,
        n: int,
        per_case: int = 1,
        orders: Sequence[Order] = (),
        calculators: Collection[int] | None = None,
    ) -> Path:
        """Write a packet of the first `n` cases that this reviewer has not had, and that wait for one more opinion.

        That of `per_case` reviewers is asked for; of one more where they differ; and of a second one where a single answer
        stands that nothing else gives. Whoever has a case keeps it from others, until the packet is overdue.

        The cases are the first in this order, by turns in several: without one, in the plan that is open, else in that of
        the paper, and those that need another opinion. `calculators` are the ids of those that are asked about, all of them
        without. The packet is shuffled, and says of no case why it is there. What is said of cases holds of cards, too.

        Raises PacketError if there is none left, or for a name that is none.
        """
        slug = _slug(reviewer)
        if not slug or not reviewer.isprintable() or len(reviewer) > 80:
            raise PacketError(f"{reviewer!r} is no name of a reviewer: give letters, such as 'Dr Lee'.")
        if calculators is not None and "measure" in orders:
            raise PacketError(
                "The cases of a plan go out as they were drawn, or its rates would be none. Ask for calculators in another "
                "order."
            )
        with self.lock():
            return self._issue(warehouse, reviewer, slug, n, per_case, orders, calculators)

    def _issue(
        self,
        warehouse: Warehouse,
        reviewer: str,
        slug: str,
        n: int,
        per_case: int,
        orders: Sequence[Order],
        calculators: Collection[int] | None,
    ) -> Path:
        issued = list(self.issued())
        self._require_a_name_of_its_own(reviewer, issued)
        sent = [packet for packet in issued if packet["reviewer"] == reviewer]
        opinions = self.opinions(warehouse)
        had = {each for each, reviewers in opinions.items() if reviewer in reviewers}
        had |= {each for packet in sent for each in _asked(packet)}
        # A folder may be there that holds no readable record.
        name = next(name for i in count(len(sent) + 1) if not (self.folder / (name := f"{slug}-{i}")).exists())
        asked = CALCULATORS if calculators is None else calculators
        planned = calculators is None and open_cases(warehouse)
        named: Sequence[Order] = orders or (["measure", "again"] if planned else ["paper", "again"])
        head = Waiting(warehouse, had, opinions, per_case, asked).head(named, n, name)
        if not head:
            raise PacketError(
                f"There is no case left in the order {' and '.join(named)} that {reviewer} has not had, that nobody else "
                "has and nobody has settled."
            )
        uids, ids = ([each for each in head if isinstance(each, kind)] for kind in (int, str))
        raw = warehouse.read(tables.RAW_MEDCALC, columns=["uid", "question", "note"]).filter(pl.col("uid").is_in(uids))
        cases = [Case(*row) for row in raw.select("uid", "question", "note").sort("uid").iter_rows()]
        if ids:
            cases += [Case.of_card(row) for row in warehouse.read(tables.RULE_CARDS).to_dicts() if row["card"] in ids]
        random.Random(name).shuffle(cases)
        folder = self.folder / name
        unfinished = self.folder / f".{name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        packet = dict(zip(PACKET, (name, reviewer, secrets.token_urlsafe(16)), strict=True))
        about = {
            **packet,
            "issued_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "cases": {case.uid: fingerprint(case.question, case.note) for case in cases if not case.choices},
            "cards": {
                case.uid: {"case": fingerprint(case.question, case.note), "choices": [*case.choices]}
                for case in cases
                if case.choices
            },
        }
        workbook_of(packet, cases).save(workbook := io.BytesIO())
        for file, content in {
            f"{name}.html": form_of(packet, cases).encode(),
            f"{name}.xlsx": workbook.getvalue(),
            TASKS.format(name): as_json(label_studio_tasks(packet, cases)),
            "label_studio_config.xml": label_studio_config().encode(),
            RECORD: as_json(about),
        }.items():
            write_durably(unfinished / file, content)
        unfinished.rename(folder)
        flush(self.folder)
        return folder

    def cases(self, packet: Mapping[str, Any]) -> list[Case]:
        """The cases of a packet, as they were sent and in that order. Raises PacketError."""
        path = self.folder / packet["packet"] / TASKS.format(packet["packet"])
        cards = packet.get("cards", {})
        try:
            given = [task["data"] for task in json.loads(path.read_bytes())]
            found = [Case.sent(each["uid"], each["question"], each["note"]) for each in given]
            hashes = {str(case.uid): fingerprint(case.question, case.note) for case in found}
            if hashes != packet["cases"] | {card: asked["case"] for card, asked in cards.items()}:
                raise ValueError("it is not as it was sent")
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise PacketError(f"{path} is damaged ({error!r:.200}). Restore it from a backup.") from error
        return found

    def ingest(self, path: Path, output_types: Mapping[int, str], annotators: Mapping[str, str] | None = None) -> int | None:
        """Take over the answers in a file that came back, and return how many they are; None for a file taken before.

        `output_types` says of every uid what its question asks for. `annotators` are the names of the reviewers by
        annotator, where an export of Label Studio has several. An answer that was saved before the one that is known is
        kept, and does not count. Raises PacketError naming every fault and its remedy if anything in the file cannot be
        used; then nothing of it is taken over.
        """
        try:
            return self.take_over(path, content_of(path), output_types, annotators or {})
        except SheetError as error:
            raise PacketError(f"{path}: {error} Nothing was taken over.") from error

    def take_over(
        self, path: Path, content: bytes, output_types: Mapping[int, str], annotators: Mapping[str, str] | None = None
    ) -> int | None:
        """As `ingest`, of what a file at `path` would hold. Raises PacketError or SheetError."""
        with self.lock():
            return self._take_over(path, content, output_types, annotators or {})

    def _take_over(
        self, path: Path, content: bytes, output_types: Mapping[int, str], annotators: Mapping[str, str]
    ) -> int | None:
        suffix = Path(path.name.removesuffix(".received")).suffix
        digest = hashlib.sha256(content).hexdigest()[:16]
        if not annotators and (record := self.answers / f"{digest}.json").exists() and self._record(record):
            return None
        found = _read(path, suffix, content)
        by_name = _named(path, found, annotators)
        read: dict[Path, tuple[Returned, list[Said]]] = {}
        for said in found:
            reviewer = by_name[said.annotator] if by_name else None
            part = f"-{fingerprint(f'{said.packet} {said.annotator}', str(reviewer))[:8]}" if by_name else ""
            record = self.answers / f"{digest}{part}.json"
            if not (record.exists() and self._record(record)):
                read[record] = self._checked(path, said, output_types, reviewer)
        if not read:
            return None
        if not any(answers for _, answers in read.values()):
            raise PacketError(f"{path}: no case is answered. Fill in value, or 'yes' in cannot_be_computed.")
        for record, (said, answers) in read.items():
            if answers:
                self._keep(record, path.name, suffix, content, said, answers)
        return sum(len(answers) for _, answers in read.values())

    def _keep(self, record: Path, name: str, suffix: str, content: bytes, said: Returned, answers: list[Said]) -> None:
        now = dt.datetime.now(dt.UTC)
        about: dict[str, Any] = {
            "packet": said.packet,
            "reviewer": said.reviewer,
            "annotator": said.annotator,
            "file": name,
            # A clock that runs ahead must not make its answers the last for ever.
            "saved_at": said.saved_at and min(said.saved_at, now).isoformat(),
            "ingested_at": now.isoformat(timespec="microseconds"),
            "answers": [asdict(answer) for answer in answers if isinstance(answer, Answer)],
            "rulings": [asdict(answer) for answer in answers if isinstance(answer, Ruling)],
            "withdrawn": [answer.uid for answer in answers if isinstance(answer, Withdrawn)],
        }
        about |= self._superseding(about, answers)
        write_durably(record.with_suffix(f"{suffix}.received"), content)
        write_durably(record, as_json(about))

    def _checked(
        self, path: Path, said: Returned, output_types: Mapping[int, str], reviewer: str | None = None
    ) -> tuple[Returned, list[Said]]:
        """What was answered, under the name of the packet's reviewer, or of this one, who annotated it."""
        issued = list(self.issued())
        packet = next((packet for packet in issued if packet["packet"] == said.packet), None)
        if packet is None:
            raise PacketError(
                f"{path}: no packet {said.packet!r:.80} was issued from {self.home}. Is MEDCALC_HOME the right one?"
            )
        if packet["reviewer"] != said.reviewer:
            raise PacketError(
                f"{path}: the reviewer {said.reviewer!r:.60} is unknown: {said.packet} is for {packet['reviewer']!r}."
            )
        if (secret := packet.get("secret")) is None:
            log.warning("%s was issued without a secret, by an earlier version: who answered is not proven.", said.packet)
        elif not secrets.compare_digest(secret.encode(), (said.secret or "").encode(errors="replace")):
            raise PacketError(
                f"{path} does not hold the secret of {said.packet}. Use the file that was issued; nothing was taken over."
            )
        if reviewer:
            self._require_a_name_of_its_own(reviewer, issued)
        answers, faults = checked(said.rows, packet, output_types)
        known = set(_asked(packet))
        faults += [
            Fault("withdrawn", f"uid {uid!s:.20} is not in the packet", "Leave it out")
            for uid in said.withdrawn
            if uid not in known
        ]
        if faults := [*said.faults, *faults]:
            raise refused(path, faults)
        return said._replace(reviewer=reviewer or said.reviewer), [*answers, *map(Withdrawn, said.withdrawn)]

    def _require_a_name_of_its_own(self, reviewer: str, issued: Iterable[Mapping[str, Any]]) -> None:
        """Raises PacketError for a name that is nearly that of somebody else."""
        for each in issued:
            if _slug(each["reviewer"]) == _slug(reviewer) and each["reviewer"] != reviewer:
                raise PacketError(
                    f"{self.folder / each['packet']} exists, for {each['reviewer']!r}, nearly the same name: spell the name "
                    "otherwise."
                )

    def withdraw(self, packet: str, output_types: Mapping[int, str], uids: Collection[int | str] = ()) -> int:
        """Have the answers and rulings of a packet count no longer, these or all, and return how many they are.

        They are kept, and with them that they were withdrawn. Raises PacketError if there is none.
        """
        about = self.find(packet)
        counting = self.counting(about)
        if not (gone := [uid for uid in counting if not uids or uid in uids]) or not set(uids) <= set(counting):
            raise PacketError(f"{packet} has no such answer that counts: there are {_listed(counting) or 'none'}.")
        now = dt.datetime.now(dt.UTC).isoformat()
        content = {name: about.get(name) for name in PACKET} | {"saved_at": now, "answers": [], "withdrawn": gone}
        self.take_over(Path(f"{packet}_withdrawn.json"), as_json(content), output_types)
        return len(gone)

    def counting(self, packet: Mapping[str, Any]) -> list[int | str]:
        """The uids, and ids of cards, to which the reviewer of a packet has an answer that counts, and came with it."""
        return [
            uid
            for (uid, reviewer), (record, answer) in self._last().items()
            if reviewer == packet["reviewer"] and record["packet"] == packet["packet"] and not isinstance(answer, Withdrawn)
        ]

    def read_again(self, received: Path, record: Mapping[str, Any], output_types: Mapping[int, str]) -> list[Said]:
        """What a record was made of, from the file that was taken over. Raises PacketError."""
        try:
            suffix = Path(received.name.removesuffix(".received")).suffix
            found = _read(received, suffix, content_of(received))
            about = (record["packet"], record.get("annotator"))
            said = next((each for each in found if (each.packet, each.annotator) == about), found[0])
            return self._checked(received, said, output_types, record["reviewer"])[1]
        except SheetError as error:
            raise PacketError(f"{received}: {error}") from error

    def _superseding(self, about: Mapping[str, Any], answers: Iterable[Said]) -> dict[str, list[int | str]]:
        """The uids to which the reviewer answered otherwise before: where these answers supersede, and where they come too
        late. Both are said."""
        known = {
            answer.uid: (record, answer)
            for record, of_record in self.records()
            if record["reviewer"] == about["reviewer"]
            for answer in of_record
        }
        differ = [answer.uid for answer in answers if answer.uid in known and known[answer.uid][1] != answer]
        older = [uid for uid in differ if _counts_from(about) < _counts_from(known[uid][0])]
        newer = [uid for uid in differ if uid not in older]
        if newer:
            log.warning(
                "%s supersedes the earlier answers of %s to uid %s.", about["file"], about["reviewer"], _listed(newer)
            )
        if older:
            log.warning(
                "%s was saved before the answers of %s that are known to uid %s, which still count. If these are to count, "
                "save the file again.",
                about["file"],
                about["reviewer"],
                _listed(older),
            )
        return {"supersedes": newer, "superseded": older}

    def taken_over(self, instances: pl.DataFrame, files: Iterable[Path] | None = None) -> pl.DataFrame:
        """Rows of `physician_labels` for these instances: of every reviewer the last answer to each case that was not
        withdrawn, in these files or in all that came back."""
        last = {key: (record, answer) for key, (record, answer) in self._last(files).items() if isinstance(answer, Answer)}
        labels = [answer.label for _, answer in last.values()]
        cells: dict[str, list[Any]] = {
            "uid": [uid for uid, _ in last],
            "reviewer": [reviewer for _, reviewer in last],
            **as_columns("physician", labels),
            "state": ["not_computable" if label == NA else "computable" for label in labels],
            "answer_text": [answer.value or "cannot be computed" for _, answer in last.values()],
            **{
                name: [getattr(answer, name) for _, answer in last.values()]
                for name in ("assumptions", "time_point", "guideline", "rationale", "confidence", "missing_input")
            },
            "packet": [record["packet"] for record, _ in last.values()],
            "answered_at": [dt.datetime.fromisoformat(record["ingested_at"]) for record, _ in last.values()],
        }
        return tables.PHYSICIAN_LABELS.of_instances(instances, cells)

    def rulings(self, files: Iterable[Path] | None = None) -> list[dict[str, Any]]:
        """Rows of `rulings`, but for the calculator: of every reviewer the last ruling on each card that was not
        withdrawn."""
        return [
            {
                "card": ruling.uid,
                "reviewer": reviewer,
                "choice": ruling.choice,
                "guideline": ruling.guideline,
                "rationale": ruling.rationale,
                "confidence": ruling.confidence,
                "packet": record["packet"],
                "ruled_at": dt.datetime.fromisoformat(record["ingested_at"]),
            }
            for (_, reviewer), (record, ruling) in self._last(files).items()
            if isinstance(ruling, Ruling)
        ]

    def withdrawn(self) -> dict[tuple[int | str, str], dt.datetime]:
        """By uid and reviewer when the last answer was withdrawn."""
        return {
            key: time_of(record["ingested_at"])
            for key, (record, answer) in self._last().items()
            if isinstance(answer, Withdrawn)
        }

    def _last(self, files: Iterable[Path] | None = None) -> dict[tuple[Any, str], tuple[dict[str, Any], Said]]:
        """By uid and reviewer the last that was said, with its record."""
        return {
            (answer.uid, record["reviewer"]): (record, answer) for record, said in self.records(files) for answer in said
        }


def is_overdue(packet: Mapping[str, Any]) -> bool:
    return dt.datetime.now(dt.UTC) - time_of(packet["issued_at"]) > dt.timedelta(days=DAYS)


def _asked(packet: Mapping[str, Any]) -> Iterator[int | str]:
    """Its uids and ids of cards."""
    yield from map(int, packet["cases"])
    yield from packet.get("cards", {})


def _read(path: Path, suffix: str, content: bytes) -> list[Returned]:
    return read_json(path, content) if suffix.lower() == ".json" else [read_workbook(path, content)]


def _named(path: Path, found: Sequence[Returned], annotators: Mapping[str, str]) -> dict[str | None, str]:
    """The reviewers by annotator; none where a file is of one packet and one annotator, who is its reviewer."""
    if len(found) == 1 and not annotators:
        return {}
    there = list(dict.fromkeys(said.annotator for said in found))
    if len(there) == 1 and not annotators:
        raise PacketError(f"{path} holds several packets. Export the tasks of one; nothing was taken over.")
    if unnamed := [who for who in there if who not in annotators]:
        named = " ".join(f"--annotator {who}=NAME" for who in unnamed)
        raise PacketError(f"{path} has answers of annotators {', '.join(map(str, there))}. Say who they are: {named}.")
    if strangers := sorted(annotators.keys() - there):
        raise PacketError(f"{path} has no answer of annotator {', '.join(strangers)}, but of {', '.join(map(str, there))}.")
    return {who: annotators[str(who)] for who in there}


def _slug(reviewer: str) -> str:
    return re.sub(r"\W+", "-", reviewer.casefold()).strip("-")


def _counts_from(record: Mapping[str, Any]) -> dt.datetime:
    """When the reviewer saved the answers; when they were taken over, if the file did not say. Raises ValueError."""
    taken = time_of(record["ingested_at"])
    return time_of(record["saved_at"]) if record.get("saved_at") else taken


def _listed(uids: list[int | str]) -> str:
    return ", ".join(sorted(map(str, uids), key=lambda each: (len(each), each)))
