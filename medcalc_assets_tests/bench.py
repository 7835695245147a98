"""Speed and memory of the rules and the chain, on the real test split and on 10 and 100 times its rows (`make bench`).

Each measurement is a process of its own: what Dagster adds is the difference between a run of the chain and the same
functions called one after the other, storage included.
"""

import ast
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import polars as pl

from medcalc_assets.auditors.protocol import votes_frame
from medcalc_assets.benchmarks import demo as demo
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.calculators import CALCULATORS, KEYS, Calculator, audit_derivation
from medcalc_assets.defs.cards import cards_of
from medcalc_assets.defs.derivation import audited, checked
from medcalc_assets.defs.disagreement import attributed
from medcalc_assets.defs.phase3_adjudication import agreed
from medcalc_assets.defs.settings import Settings
from medcalc_assets.labels.decision import maintain
from medcalc_assets.labels.discrepancy import score_disagreement
from medcalc_assets.labels.evidence import gather
from medcalc_assets.labels.queue import review_order
from medcalc_assets.labels.value import Label, columns
from medcalc_assets.labels.voting import asked, audit_verdicts
from medcalc_assets.physicians.authors import FILE, REQUIRED, UID
from medcalc_assets.statistics.agreement import compare_with_physicians
from medcalc_assets.statistics.strata import stratum
from medcalc_assets.statistics.summary import NEEDED, summarise
from medcalc_assets.statistics.track_record import evidence_class
from medcalc_assets.storage import tables
from medcalc_assets.storage.tables import INSTANCE_KEYS

LABEL = columns("label")
MEBIBYTE = 1024  # ru_maxrss is in KiB on Linux


def chain_without_dagster() -> None:
    """What the assets do, in their order."""
    settings = Settings.from_environment()
    store = settings.warehouse

    def write(table: tables.Table, frame: pl.DataFrame) -> pl.DataFrame:
        store.write(table, [frame.select(table.names).cast(table.polars_schema)], KEYS if table.partitioned else None)
        return frame

    def raw(*names: str) -> pl.DataFrame:
        return store.read(tables.RAW_MEDCALC, KEYS, [*INSTANCE_KEYS, *names])

    store.write(tables.RAW_MEDCALC, [settings.benchmark.read().instances], KEYS)
    instances = raw("benchmark", "output_type", "row_sha256", "source", "entities", *LABEL).partition_by("calculator")
    store.write(tables.DERIVATION_AUDIT, map(audited, instances), KEYS)
    notes = raw("benchmark", "note", "entities", *LABEL).partition_by("calculator")
    store.write(tables.NOTE_CHECKS, map(checked, notes), KEYS)
    for table in (tables.AUDIT_VOTES, tables.RELABEL_VOTES):
        write(table, votes_frame(table, {}, raw()))
    flags = (
        raw()
        .join(audit_verdicts(store.read(tables.AUDIT_VOTES)), on="uid", how="left")
        .join(asked(store.read(tables.AUDIT_VOTES)), on="uid", how="left")
        .with_columns(auditor=pl.lit("authors"), n_votes=pl.lit(0), n_flags=pl.lit(0), status=pl.lit("not_audited"))
    )
    write(tables.AUDIT_FLAGS, flags)
    write(tables.RELABELS, settings.authors_files.relabels(raw(*LABEL), KEYS))
    audits = store.read(tables.DERIVATION_AUDIT)
    scores = score_disagreement(audits.drop(INSTANCE_KEYS[1:]), store.read(tables.RELABELS))
    checks = store.read(tables.NOTE_CHECKS)
    write(tables.DISAGREEMENT_SCORES, scores := attributed(scores, checks))
    answers = write(tables.PHYSICIAN_LABELS, settings.authors_files.physician_labels(raw("output_type", *LABEL), KEYS))
    physicians = write(tables.PHYSICIAN_CONSENSUS, agreed(answers))
    rulings = write(tables.RULINGS, pl.DataFrame(schema=tables.RULINGS.polars_schema))
    write(tables.INPUT_VOTES, votes_frame(tables.INPUT_VOTES, {}, raw()))
    inputs = write(tables.INPUT_CONSENSUS, pl.DataFrame(schema=tables.INPUT_CONSENSUS.polars_schema))
    known = (audits, checks, flags, store.read(tables.RELABELS), inputs, scores, physicians, rulings)
    evidence = write(tables.LABEL_EVIDENCE, gather(*known, "authors").with_columns(stratum=stratum()))
    write(tables.RULE_CARDS, cards_of(evidence, raw("question", "note", "entities"), rulings))
    write(tables.ADJUDICATION_QUEUE, review_order(evidence))
    write(tables.MAINTAINED_LABELS, maintain(evidence).with_columns(evidence_class=evidence_class()))
    relabels = store.read(tables.RELABELS)
    compare_with_physicians(audits, relabels, physicians, "authors")
    summarise(
        {name: store.read(tables.TABLES[name], columns=[*INSTANCE_KEYS[1:], *needed]) for name, needed in NEEDED.items()}
    )


def rules_over(instances: list[tuple[Calculator, dict[str, object], Label]], times: int) -> None:
    """Print how many instances a second all rules (published, other conventions, original) get through, on one core."""
    started = time.process_time()
    for _ in range(times):
        for calculator, entities, label in instances:
            audit_derivation(calculator, entities, label)
    spent, count = time.process_time() - started, times * len(instances)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MEBIBYTE
    print(f"all rules over {count:>9,} instances: {count / spent:>7,.0f} a second{peak:>7,} MiB")


def rules(real: Path) -> None:
    original = Source(str(real / "medcalc_bench_v1_test.csv")).read().instances
    names = ("calculator_id", "entities", *LABEL)
    real_ones = [
        (CALCULATORS[number], json.loads(entities), Label(*label))
        for number, entities, *label in original.select(names).iter_rows()
    ]
    for times in (1, 10, 10):  # the first round resolves the units
        rules_over(real_ones, times)
    invented = [
        (CALCULATORS[instance.row["Calculator ID"]], ast.literal_eval(instance.row["Relevant Entities"]), instance.truth)
        for instance in demo.instances()
    ]
    rules_over(invented, 1_000_000 // len(invented))


def multiplied(real: Path, factor: int, folder: Path) -> tuple[Path, Path]:
    """The benchmark and the authors' file with every row `factor` times, under uids of their own."""
    original = pl.read_csv(real / "medcalc_bench_v1_test.csv", infer_schema=False)
    step = original.height
    source = folder / "benchmark.csv"
    with source.open("wb") as file:
        for copy in range(factor):
            uid = (pl.col("Unique ID").cast(pl.Int64) + copy * step).cast(pl.String)
            original.with_columns(uid.alias("Unique ID")).write_csv(file, include_header=copy == 0)
    rows = list(_published_rows(real / "published" / FILE))
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet()
    sheet.append(REQUIRED)
    for copy in range(factor):
        for row in rows:
            sheet.append([row[UID] + copy * step, *(row[name] for name in REQUIRED[1:])])
    workbook.save(folder / FILE)
    return source, folder


def _published_rows(path: Path) -> Iterator[dict[str, object]]:
    lines = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0].iter_rows(values_only=True)
    header = next(lines)
    for line in lines:
        row = dict(zip(header, line, strict=False))
        if row[UID] is not None:
            yield row


def measure(name: str, command: list[str], environment: dict[str, str]) -> float:
    """Run the command in a process of its own and print its wall time, CPU time and peak memory. Returns the wall time."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"{name} failed:\n{errors}")
    print(f"{name:<34}{wall:>8.1f} s wall{usage.ru_utime + usage.ru_stime:>8.1f} s CPU{usage.ru_maxrss // MEBIBYTE:>7,} MiB")
    return wall


def main() -> None:
    real = Path(os.environ.get("MEDCALC_REAL_DATA") or sys.exit("make bench needs MEDCALC_REAL_DATA"))
    medcalc = str(Path(sys.executable).parent / "medcalc")
    rules(real)
    start = measure("starting a process", [sys.executable, "-c", "import medcalc_assets.cli, datasets"], dict(os.environ))
    for factor in (1, 10, 100):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source, authors = multiplied(real, factor, folder)
            print(f"{factor} times the test split, {source.stat().st_size / 1e6:,.0f} MB of CSV")
            environment = os.environ | {"MEDCALC_SOURCE": str(source), "MEDCALC_AUTHORS": str(authors)}
            plain = measure(
                "  the functions alone",
                [sys.executable, "-m", "medcalc_assets_tests.bench", "alone"],
                environment | {"MEDCALC_HOME": str(folder / "alone")},
            )
            for log in ("stock", "kept"):
                (dagster := folder / log).mkdir()
                if log == "kept":
                    shutil.copy(Path(__file__).parents[1] / "dagster.yaml", dagster)
                places = {"MEDCALC_HOME": str(folder / f"home-{log}"), "DAGSTER_HOME": str(dagster)}
                run = measure(f"  medcalc run, {log} event log", [medcalc, "run"], environment | places)
            print(f"  Dagster's part is {(run - plain) / (plain - start):.1f} times the work itself\n")


if __name__ == "__main__":
    chain_without_dagster() if sys.argv[1:] == ["alone"] else main()
