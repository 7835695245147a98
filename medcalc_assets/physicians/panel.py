"""Who of the panel has what, since when, how far they are, and how well they agree so far."""

from itertools import combinations
from typing import Any

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.value import Label, columns
from medcalc_assets.physicians.choosing import Waiting
from medcalc_assets.physicians.consensus import agreement
from medcalc_assets.physicians.desk import Desk, is_answered
from medcalc_assets.physicians.packet import Packets, is_overdue
from medcalc_assets.storage.tables import INSTANCE_KEYS, RAW_MEDCALC
from medcalc_assets.storage.warehouse import Warehouse


def panel(packets: Packets, warehouse: Warehouse) -> dict[str, Any]:
    """Of every packet what was asked, answered and typed at the desk, when last, and whether it is overdue; and of all
    answers that came back with packets their agreement. `differ` and `alone` are the cases and cards that need another
    opinion, by the last run."""
    desk = Desk(packets, warehouse)
    rows = []
    for packet in packets.issued():
        asked = len(packet["cases"]) + len(packet.get("cards", {}))
        counting = len(packets.counting(packet))
        draft = desk.draft(packet)
        typed = sum(map(is_answered, draft.typed.values()))
        rows.append(
            {
                "packet": packet["packet"],
                "reviewer": packet["reviewer"],
                "issued_at": packet["issued_at"],
                "asked": asked,
                "answered": counting,
                "typed": typed,
                "to_hand_in": bool(typed) and (draft.saved_at or "") > (draft.handed_in_at or ""),
                "last": max(filter(None, (draft.saved_at, draft.handed_in_at)), default=None),
                "overdue": counting < asked and is_overdue(packet),
            }
        )
    instances = warehouse.read(RAW_MEDCALC, columns=[*INSTANCE_KEYS, "output_type"])
    answers = packets.taken_over(instances)
    types = dict(answers.select("uid", "output_type").iter_rows())
    by_reviewer: dict[str, dict[int, Label]] = {}
    for reviewer, uid, *cells in answers.select("reviewer", "uid", *columns("physician")).sort("reviewer").iter_rows():
        by_reviewer.setdefault(reviewer, {})[uid] = Label(*cells)
    shared = agreement(by_reviewer)
    pairs = []
    for one, other in combinations(by_reviewer, 2):
        if both := by_reviewer[one].keys() & by_reviewer[other].keys():
            alike = sum(accepts(by_reviewer[one][uid], by_reviewer[other][uid], types[uid]) for uid in both)
            pairs.append({"reviewers": [one, other], "cases": len(both), "agree": alike})
    waiting = Waiting(warehouse, (), {}, 1, CALCULATORS)
    return {
        "packets": rows,
        "agreement": {
            "cases": shared.cases,
            "alpha_computable": shared.alpha_computable,
            "alpha_value": shared.alpha_value,
            "pairs": pairs,
        },
        "differ": sorted(waiting.differ, key=str),
        "alone": sorted(waiting.alone),
    }
