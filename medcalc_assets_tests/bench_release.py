"""Time and memory of traces, pages and releases on the real test split, with ten votes a label, and on 106 times its rows.

`python -m medcalc_assets_tests.bench_release` prints what each takes, in a process of its own. MEDCALC_REAL_DATA names the
folder with `medcalc_bench_v1_test.csv` and `published/`.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from playwright.sync_api import sync_playwright

from medcalc_assets.auditors.protocol import AuditVote, RelabelVote, votes_frame
from medcalc_assets.benchmarks.spec import INSTANCES
from medcalc_assets.calculators import KEYS
from medcalc_assets.labels.value import from_row
from medcalc_assets.labels.voting import RUNS
from medcalc_assets.storage.chain import CONTENT, chained
from medcalc_assets.storage.tables import INSTANCE_KEYS, LABEL_EVENTS, RAW_MEDCALC, TABLES, Table
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets_tests.bench import measure

COPIES = 106
TRACED = (284, 868, 328, 3, 864, 1007)
TYPED = """text => {
  const box = document.getElementById("text"), started = performance.now();
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  document.body.offsetHeight;
  return performance.now() - started;
}"""
RATIONALE = "The note gives what the rule needs; each step was computed anew and held against the source. " * 20


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
    """Every table of instances, with its rows under as many more uids, and chains of history of their own: of a source that
    is unknown, as the real one has no such rows."""
    for table in TABLES.values():
        if "uid" in table.key and warehouse.has(table):
            frame = warehouse.read(table)
            if table is RAW_MEDCALC:
                frame = frame.with_columns(pl.lit("copies.csv").alias("source"), pl.col("note_sha256").alias("row_sha256"))
            with warehouse.connect() as connection:  # an append-only one would keep what it has
                connection.execute(f"DELETE FROM {table.full_name}")
            warehouse.write(table, _copies(table, frame, copies), KEYS if table.partitioned else None)


def _copies(table: Table, frame: pl.DataFrame, copies: int) -> Iterator[pl.DataFrame]:
    for copy in range(copies):
        more = frame.with_columns(pl.col("uid") + 10_000 * copy)
        yield chained(more.select(CONTENT), {}) if table is LABEL_EVENTS else more


def weigh(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    labels = sorted(path.stat().st_size for path in files if path.parent.name == "labels")
    index = sum(path.stat().st_size for path in files if path.stem == "index" or path.parent.name == "index")
    whole = sum(path.stat().st_size for path in files)
    median = labels[len(labels) // 2]
    print(f"  {len(files):,} files, {whole / 1e6:,.0f} MB; a label {median / 1e3:,.0f} kB, the index {index / 1e3:,.0f} kB")


def open_index(folder: Path) -> None:
    """Until the index can be used, and until it shows what a first, a second and a third key ask for: by a clock, which the
    load of the machine moves, and by the time that the page itself was at work."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def at_work() -> float:
            metrics = session.send("Performance.getMetrics")["metrics"]
            return next(1_000 * each["value"] for each in metrics if each["name"] == "TaskDuration")

        started = time.perf_counter()
        page.goto((folder / "index.html").as_uri())
        page.wait_for_selector("#boxes fieldset")
        told = [f"ready in {time.perf_counter() - started:.2f} s ({at_work():,.0f} ms at work)"]
        page.wait_for_timeout(2_000)
        for text in ("u", "ur", "ure"):
            before = at_work()
            took = page.evaluate(TYPED, text)
            told.append(f"{text!r} {took:,.0f} ms ({at_work() - before:,.0f})")
        browser.close()
    print("  index: " + ", ".join(told))


def bench(real: Path, copies: int, folder: Path) -> None:
    environment = os.environ | {
        "MEDCALC_HOME": str(folder / "home"),
        "DAGSTER_HOME": str(folder),
        "MEDCALC_SOURCE": str(real / "medcalc_bench_v1_test.csv"),
        "MEDCALC_AUTHORS": str(real / "published"),
    }

    def medcalc(*arguments: str) -> None:
        measure(f"medcalc {' '.join(arguments)}", [str(Path(sys.executable).parent / "medcalc"), *arguments], environment)

    medcalc("run")
    warehouse = Warehouse(folder / "home")
    if copies == 1:
        vote(warehouse)
        for uid in TRACED:
            medcalc("trace", str(uid))
    else:
        multiplied(warehouse, copies)
    print(f"{copies * INSTANCES['test']:,} labels{', ten votes each' if copies == 1 else ''}")
    medcalc("pages")
    weigh(folder / "home" / "report")
    open_index(folder / "home" / "report")
    medcalc("release", "--version", "1.1.0")
    medcalc("verify")
    medcalc("diff", "v1.0", "1.1.0")


def main() -> None:
    for copies in (1, COPIES):
        with tempfile.TemporaryDirectory() as folder:
            bench(Path(os.environ["MEDCALC_REAL_DATA"]), copies, Path(folder))


if __name__ == "__main__":
    main()
