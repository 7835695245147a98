"""Speed of the statistics on 106 times the real test split, and what simulated worlds say of its plans (`make bench`)."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from medcalc_assets.labels.cards import Hanging, hanging, in_order
from medcalc_assets.statistics.certificate import bound, sample_size
from medcalc_assets.statistics.error_model import probability_wrong, wrong_labels
from medcalc_assets.statistics.sampling import answers_for, draw
from medcalc_assets.statistics.strata import counted
from medcalc_assets.statistics.track_record import track_record
from medcalc_assets_tests.statistics.real import evidence_of, hanging_of, instances_of
from medcalc_assets_tests.statistics.worlds import coverage, decisions_for, orders, shown_by_cards

TIMES = 106  # 111,000 rows


def timed(what: str, work: Callable[[], object]) -> None:
    started = time.perf_counter()
    work()
    print(f"{what:<40}{time.perf_counter() - started:>8.2f} s")


def speed(evidence: pl.DataFrame, labels: list[Hanging]) -> None:
    many = pl.concat([evidence] * TIMES).with_columns(uid=pl.int_range(pl.len()))
    counts = counted(many)
    sizes = {h: n - seen for h, n, seen in counts.select("stratum", "n", "seen").iter_rows()}
    print(f"{many.height:,} rows")
    timed("strata, model", lambda: wrong_labels(counted(many), "limits"))
    timed("probability of every label", lambda: probability_wrong(many))
    timed("track record", lambda: track_record(many))
    timed("plan: how many, and which", lambda: draw(many, {"F": answers_for(sizes, many.height, 0.005)}, "bench"))
    timed("certificate and bound", lambda: (sample_size(many.height, 0.001, 2), bound(many.height, 1000, 20)))
    rows = many.filter(pl.col("contradicted")).to_dicts()
    timed("cards: what the contradicted hang on", lambda: [hanging(row, ()) for row in rows])
    timed("cards: order", lambda: in_order([each for each in labels for _ in range(TIMES)]))


def simulated(evidence: pl.DataFrame, labels: list[Hanging]) -> None:
    unseen = evidence.filter(pl.col("physician_kind").is_null())["stratum"].value_counts()
    for answers in (100, 200, 385):
        held = coverage(dict(unseen.iter_rows()), answers, worlds=5000, seed=0)
        print(f"simulated: the interval of {answers} answers holds the truth in {held:.1%} of 5,000 worlds")
    found, strata = orders(evidence, shown_by_cards(labels))
    for varied in (False, True):
        needed = decisions_for(found, strata, share=0.9, worlds=500, seed=0, varied=varied)
        told = ", ".join(f"{name} {mean:.0f}" for name, mean in needed.items())
        print(f"simulated: 90% of the wrong labels{', rates varied' if varied else ''}, in decisions: {told}")


if __name__ == "__main__":
    folder = Path(os.environ["MEDCALC_REAL_DATA"])
    evidence = evidence_of(folder, instances_of(folder))
    hanging_labels = hanging_of(evidence)
    speed(evidence, hanging_labels)
    simulated(evidence, hanging_labels)
