"""Speed of traces, pages and releases on the real test split, on 106 times its rows, and with five votes in both phases.

`python -m medcalc_assets_tests.bench_release` prints what each takes. MEDCALC_REAL_DATA names the folder with
`medcalc_bench_v1_test.csv` and `published/`.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from medcalc_assets.auditors.protocol import AuditVote, RelabelVote, votes_frame
from medcalc_assets.benchmarks.spec import INSTANCES
from medcalc_assets.calculators import KEYS
from medcalc_assets.labels.value import from_row
from medcalc_assets.labels.voting import RUNS
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.release.build import build
from medcalc_assets.release.gates import GATES, Candidate
from medcalc_assets.release.releases import Releases
from medcalc_assets.reports.pages import write_pages
from medcalc_assets.storage.tables import INSTANCE_KEYS, TABLES
from medcalc_assets.storage.warehouse import Warehouse

COPIES = 106
TRACED = (284, 868, 328, 3, 864, 1007)
MEDCALC = [sys.executable, "-c", "from medcalc_assets.cli import main; main()"]
RATIONALE = "The note gives what the rule needs; each step was computed anew and held against the source. " * 20


def measure(name: str, work: Callable[[], object]) -> None:
    start = time.perf_counter()
    work()
    print(f"{name:60} {time.perf_counter() - start:8.2f} s", flush=True)


def vote(warehouse: Warehouse) -> None:
    """Five votes a label in both phases: as many as an audit casts, and as long, but invented for this measurement."""
    raw = warehouse.read(TABLES["raw_medcalc"])
    said = {
        "status": "ok",
        "model_version": "bench",
        "prompt_sha256": "0" * 64,
        "rationale": RATIONALE,
        "sources": '["bench"]',
    }
    rows = [(row["uid"], run, from_row(row, "label")) for row in raw.iter_rows(named=True) for run in range(RUNS)]
    audits = (AuditVote(uid=uid, run_index=run, verdict="passed", **said) for uid, run, _ in rows)
    answers = (RelabelVote(uid=uid, run_index=run, answer=label, **said) for uid, run, label in rows)
    for name, votes in (("audit_votes", audits), ("relabel_votes", answers)):
        warehouse.write(TABLES[name], [votes_frame(TABLES[name], {"bench": votes}, raw.select(INSTANCE_KEYS))], KEYS)


def multiplied(warehouse: Warehouse, copies: int) -> None:
    """Every table that a release is made from, with its rows under as many more uids."""
    for name in ("raw_medcalc", "derivation_audit", "maintained_labels", "physician_consensus"):
        frame = warehouse.read(TABLES[name])
        more = (frame.with_columns(pl.col("uid") + 10_000 * copy) for copy in range(copies))
        warehouse.write(TABLES[name], more, KEYS)


def main() -> None:
    real = Path(os.environ["MEDCALC_REAL_DATA"])
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        environment = os.environ | {
            "MEDCALC_HOME": str(home),
            "DAGSTER_HOME": folder,
            "MEDCALC_SOURCE": str(real / "medcalc_bench_v1_test.csv"),
            "MEDCALC_AUTHORS": str(real / "published"),
        }

        def medcalc(*arguments: str) -> None:
            subprocess.run([*MEDCALC, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)

        measure("medcalc run", lambda: medcalc("run"))
        warehouse = Warehouse(home)
        vote(warehouse)
        for uid in TRACED:
            measure(f"medcalc trace {uid}, ten votes", lambda uid=uid: medcalc("trace", str(uid)))
        measure(
            f"{INSTANCES['test']:,} pages, index and report", lambda: write_pages(warehouse, Packets(home), home / "report")
        )
        measure("medcalc release, gates included", lambda: medcalc("release", "--version", "1.1.0"))
        multiplied(warehouse, COPIES)
        candidate = Candidate(warehouse, Releases(home / "other"))
        measure(
            f"the files of a release of {COPIES * INSTANCES['test']:,}",
            lambda: build(warehouse, candidate.releases, None, candidate.folder),
        )
        measure("and its gates", lambda: [list(gate(candidate)) for gate in GATES.values()])


if __name__ == "__main__":
    main()
