"""Which cases and cards a packet asks: those that wait for a physician, mixed so that nothing tells why one is there."""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest
from typing import Any, Literal

import polars as pl

from medcalc_assets.calculators import BY_SLUG
from medcalc_assets.labels.cards import all_in_order
from medcalc_assets.physicians.sample import open_cases
from medcalc_assets.storage import tables
from medcalc_assets.storage.warehouse import Warehouse

Order = Literal["paper", "likely", "measure", "cards", "again"]
"""The queue, by tiers and severity, its tiers and calculators by turns; by falling P(wrong), after the cards that show a
label wrong, as each such ruling settles more than an answer could; as the open plan drew them, all of its purposes mixed;
the open cards; or what needs another opinion, first where physicians differ, then where one answer stands that nothing else
gives."""
CONTROLS = 5
"""Of so many cases of a packet one is a control, whose label nothing contradicts, unless a plan or cards alone are asked: a
case of its own says nothing about its label. Source: none, it is a convention."""
SPECIALTIES = {
    "cardiology": "mean_arterial_pressure cha2ds2_vasc has_bled revised_cardiac_risk_index heart_score framingham_risk "
    "ldl_calculated qtc_bazett qtc_fridericia qtc_framingham qtc_hodges qtc_rautaharju",
    "critical care": "mean_arterial_pressure glasgow_coma_score apache_ii sofa sirs serum_osmolality maintenance_fluids "
    "anion_gap delta_gap delta_ratio albumin_corrected_anion_gap albumin_corrected_delta_gap albumin_corrected_delta_ratio",
    "emergency medicine": "heart_score perc_rule wells_pulmonary_embolism wells_deep_vein_thrombosis glasgow_coma_score "
    "sirs glasgow_blatchford curb_65 centor_mcisaac fever_pain",
    "endocrinology": "homa_ir ldl_calculated corrected_calcium corrected_sodium steroid_conversion body_mass_index",
    "gastroenterology": "child_pugh fib_4 meld_na glasgow_blatchford",
    "haematology": "has_bled wells_pulmonary_embolism wells_deep_vein_thrombosis perc_rule caprini",
    "infectious diseases": "centor_mcisaac fever_pain curb_65 pneumonia_severity_index sirs sofa",
    "internal medicine": "charlson framingham_risk curb_65 pneumonia_severity_index body_mass_index target_weight "
    "body_surface_area ideal_body_weight adjusted_body_weight corrected_calcium corrected_sodium",
    "nephrology": "creatinine_clearance ckd_epi_gfr mdrd_gfr fractional_excretion_of_sodium free_water_deficit "
    "corrected_sodium serum_osmolality anion_gap albumin_corrected_anion_gap",
    "obstetrics": "estimated_due_date conception_date gestational_age",
    "paediatrics": "maintenance_fluids centor_mcisaac fever_pain",
    "pharmacology": "steroid_conversion morphine_equivalents creatinine_clearance",
    "surgery": "caprini revised_cardiac_risk_index charlson maintenance_fluids",
}
"""By specialty the calculators that it is asked about. One may be of several."""


def of_specialty(name: str) -> set[int]:
    """The ids of its calculators."""
    return {BY_SLUG[slug].id for slug in SPECIALTIES[name].split()}


@dataclass(frozen=True)
class Waiting:
    """What waits for an answer by somebody who has not `had` it.

    `had` are uids and ids of cards. `opinions` are by uid, or id of a card, the reviewers who have answered it or have it
    still. One that has as many as it needs waits for nobody: `per_case`, two where one answer stands that nothing else
    gives, and one more than have answered where they differ.
    """

    warehouse: Warehouse
    had: Collection[int | str]
    opinions: Mapping[int | str, Collection[str]]
    per_case: int
    calculators: Collection[int]
    """The ids of those that are asked about."""

    @cached_property
    def _calculators(self) -> dict[int | str, int]:
        """By uid."""
        raw = self.warehouse.read(tables.RAW_MEDCALC, columns=["uid", "calculator_id"])
        return {uid: number for uid, number in raw.iter_rows()}  # noqa: C416, as dict() would not be of both kinds

    @cached_property
    def _cards(self) -> list[dict[str, Any]]:
        return self.warehouse.read(tables.RULE_CARDS).to_dicts() if self.warehouse.has(tables.RULE_CARDS) else []

    @cached_property
    def differ(self) -> dict[int | str, int]:
        """Of cases and cards without a majority, how many have answered."""
        answers = self.warehouse.read(tables.PHYSICIAN_LABELS, columns=["uid"])["uid"]
        agreed = self.warehouse.read(tables.PHYSICIAN_CONSENSUS, columns=["uid"])["uid"]
        counts = answers.filter(~answers.is_in(agreed.implode())).value_counts()
        cards = {row["card"]: row["rulings"] for row in self._cards if row["rulings"] and not row["ruling"]}
        return dict(counts.iter_rows()) | cards

    @cached_property
    def alone(self) -> set[int]:
        """The cases on which one answer stands, and nothing else gives it."""
        reasons = self.warehouse.read(tables.MAINTAINED_LABELS, columns=["uid", "reason"])
        return set(reasons.filter(reason="physician_unexplained")["uid"])

    def head(self, orders: Sequence[Order], n: int, name: str) -> list[int | str]:
        """The first `n` in these orders, by turns, with controls among them; `name` is the packet's."""
        turns = zip_longest(*(self._in_order(order) for order in orders))
        found = list(dict.fromkeys(uid for turn in turns for uid in turn if uid is not None))
        cases = [uid for uid in found[:n] if isinstance(uid, int)]
        if "measure" in orders:  # which has drawn them
            return found[:n]
        controls = self._controls(name, cases, len(cases) // CONTROLS)
        return [*found[: n - len(controls)], *controls]

    def _in_order(self, order: Order) -> Iterable[int | str]:
        cards = self._cards
        match order:
            case "measure":
                found: Iterable[int | str] = open_cases(self.warehouse)
            case "cards":
                found = (row["card"] for row in (*all_in_order(cards), *(row for row in cards if row["ruling"])))
            case "again":
                found = chain(sorted(self.differ, key=str), sorted(self.alone))
            case "likely":
                first = (row["card"] for row in all_in_order(cards) if row["shows_wrong"])
                likely = self.warehouse.read(tables.REVIEW_ORDERS, columns=["uid", "likely"]).sort("likely")["uid"]
                found = chain(first, likely)
            case "paper":
                found = self._by_turns()
        calculators = self._calculators | {row["card"]: row["calculator_id"] for row in cards}
        return [each for each in found if calculators.get(each) in self.calculators and self.waits(each)]

    def waits(self, each: int | str) -> bool:
        """Whether one more reviewer is to be asked."""
        needed = max(self.per_case, 2 if each in self.alone else self.differ.get(each, 0) + 1)
        return each not in self.had and len(self.opinions.get(each, ())) < needed

    def _by_turns(self) -> Sequence[int]:
        """The queue, of every tier the first, then of every tier the second, and so on; within a tier of every calculator
        the first."""
        queue = self.warehouse.read(tables.ADJUDICATION_QUEUE, columns=["uid", "calculator_id", "tier", "severity"])
        waits = queue.filter(pl.col("uid").map_elements(self.waits, pl.Boolean))
        in_order = waits.sort("tier", "severity", "uid", descending=[False, True, False], nulls_last=True)
        of_calculator = in_order.with_columns(turn=pl.int_range(pl.len()).over("tier", "calculator_id"))
        return (
            of_calculator.sort("tier", "turn", maintain_order=True)
            .with_columns(place=pl.int_range(pl.len()).over("tier"))
            .sort("place", "tier")["uid"]
            .to_list()
        )

    def _controls(self, name: str, cases: Sequence[int], n: int) -> list[int]:
        """Drawn among the labels that nothing contradicts, of the calculators of these cases as far as there are any."""
        queued = set(self.warehouse.read(tables.ADJUDICATION_QUEUE, columns=["uid"])["uid"])
        kept = queued | set(open_cases(self.warehouse)) | set(cases)
        calculators = self._calculators
        asked = {calculators[uid] for uid in cases}
        free = [
            uid
            for uid, calculator in calculators.items()
            if isinstance(uid, int)
            and uid not in kept
            and calculator in self.calculators
            and uid not in self.had
            and not self.opinions.get(uid)
        ]
        random.Random(name).shuffle(free)
        return sorted(free, key=lambda uid: calculators[uid] not in asked)[:n]
