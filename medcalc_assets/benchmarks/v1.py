"""MedCalc-Bench v1.0, whose spellings are those of the calculators here, and whose defects they have."""

from medcalc_assets.benchmarks.spec import INSTANCES, REPOSITORY, BenchmarkVersion

V1_0 = BenchmarkVersion(
    name="v1.0",
    title="MedCalc-Bench",
    address=f"https://huggingface.co/datasets/{REPOSITORY}",
    splits=INSTANCES,
    is_original=True,
)
