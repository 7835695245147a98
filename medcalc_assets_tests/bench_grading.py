"""Speed and memory of grading: the replies of a run under three keys, and a million grades (`make bench`)."""

import resource
import time

import polars as pl

from medcalc_assets.benchmarks import demo
from medcalc_assets.grading.scores import grade, key_effects, leaderboard
from medcalc_assets.labels.value import as_frame

SENTENCE = "The patient is 57 years old. We put the values in, one by one. So the answer is approximately {}."


def of_demo(times: int) -> pl.DataFrame:
    """Replies to the demo's instances by so many runs."""
    rows = pl.DataFrame(
        [
            {
                "uid": each.row["Row Number"],
                "calculator_id": each.row["Calculator ID"],
                "output_type": each.row["Output Type"],
                "reply": SENTENCE.format(each.truth),
            }
            for each in demo.instances()
        ]
    )
    none = [pl.lit(None, dtype).alias(name) for name, dtype in TEXTS.items()]
    runs = pl.DataFrame({"run": [f"run {i}" for i in range(times)]}).with_columns(model="run", family=pl.lit("bench"))
    return rows.with_columns(pl.col("calculator_id").cast(pl.String).alias("calculator"), *none).join(runs, how="cross")


TEXTS = {"extracted": pl.String, "explanation": pl.String, "verdict": pl.Boolean}


def keys(count: int) -> pl.DataFrame:
    truths = [each.truth for each in demo.instances()]
    number = pl.col("key_number")
    frame = as_frame("key", truths).with_columns(
        pl.Series("uid", [each.row["Row Number"] for each in demo.instances()]),
        lower=number - 0.05 * number.abs(),
        upper=number + 0.05 * number.abs(),
    )
    names = ["v1.0", *(f"1.{i}.0" for i in range(count - 1))]
    return pl.concat([frame.with_columns(pl.lit(name).alias("key")) for name in names])


def timed(times: int) -> None:
    answers, known = of_demo(times), keys(3)
    started = time.perf_counter()
    grades = grade(answers, known)
    graded = time.perf_counter() - started
    about = known.select("uid", reason=pl.lit("confirmed"), stratum=pl.lit("F")).unique("uid")
    leaderboard(grades)
    key_effects(grades, about)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    spent = time.perf_counter() - started
    print(
        f"{grades.height:>9,} grades under 3 keys: {graded:>6.1f} s, with scores and effects {spent:>6.1f} s{peak:>7,} MiB"
    )


if __name__ == "__main__":
    for times in (3, 1_010):
        timed(times)
