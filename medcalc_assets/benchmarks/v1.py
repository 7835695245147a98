"""MedCalc-Bench v1.0, whose spellings are those of the calculators here, and whose defects they have."""

from medcalc_assets.benchmarks.spec import INSTANCES, BenchmarkVersion

V1_0 = BenchmarkVersion(name="v1.0", splits=INSTANCES, is_original=True)
