"""Do the tests notice an error? `make mutants` changes the core in one place at a time, and counts what no test sees.

python -m medcalc_assets_tests.mutants [--seed 9] [--each 5] [--least 92] [labels/voting.py ...]
"""

import argparse
import ast
import difflib
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from itertools import accumulate
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parents[1]
PATIENCE = 120  # seconds; a mutant that makes a test hang was noticed
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "dagster", "polars", "duckdb", "numpy", "playwright.sync_api", "hypothesis"])

CORE = {
    "labels": "agreement attribution decision discrepancy limits parsing queue value voting",
    "calculators": "audit inputs rules units",
    "statistics": "agreement drift estimates summary",
    "auditors": "budget flow ledger prices replies",
    "auditors/gemini": "replies",
    "physicians": "consensus packet",
    "release": "use versions",
}
MODULES = [f"{folder}/{name}.py" for folder, names in CORE.items() for name in names.split()]


def mirror(module: str) -> str:
    """The tests that are to notice an error in a module: the folder of its name where they are quick, else the file."""
    folder, name = module.rsplit("/", 1)
    folder = "statistics" if module == "labels/agreement.py" else folder
    return folder if folder in ("labels", "calculators", "statistics") else f"{folder}/test_{name}"


EQUIVALENT = {
    "return (bounds[0] - slack < answer.number <= bounds[1] + slack)": "the slack is for binary noise: nothing lies there",
    "matrix = np.array([[(each.get(uid)) for uid in uids] for each in ratings.values()], dtype=float)": "None becomes NaN",
    "batch_poll_seconds: float = 61.0": "how often one looks is a matter of taste",
    'sa.Column("done", sa.Boolean, nullable=True),': "whoever announces a job says that it is not done",
}
"""Reviewed: mutated lines, and why nobody can notice them."""

OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
JOINS = {"left": "inner", "inner": "left", "semi": "anti", "anti": "semi", "full": "inner"}
STEPS = {"filter", "unique", "drop_nulls", "sort", "abs", "round", "strip", "lower", "casefold"}
"""Methods without which there still is a value."""
GUARDS = {"strict", "validate", "return_dtype"}
"""Arguments that say what holds anyway: no input makes a difference."""


def constant(value: object) -> object:
    """Another value of its type, None where there is none to speak of: text that is for people is not mutated."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str) and value.isidentifier():
        return JOINS.get(value, f"{value}_renamed")
    return None


def changed(node: ast.expr) -> Iterator[ast.expr]:
    """The node with one error in it, in every way that there is."""
    if isinstance(node, ast.Constant) and (other := constant(node.value)) is not None:
        yield ast.Constant(other)
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            yield ast.Compare(node.left, [*node.ops[:at], OTHER[type(operator)](), *node.ops[at + 1 :]], node.comparators)
    if isinstance(node, ast.BinOp) and type(node.op) in OTHER:
        yield ast.BinOp(node.left, OTHER[type(node.op)](), node.right)
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(OTHER[type(node.op)](), node.values)
        for at in range(len(node.values)):
            rest = node.values[:at] + node.values[at + 1 :]
            yield ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert | ast.USub):
        yield node.operand
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in STEPS:
            yield node.func.value
        for at in range(1, len(node.args)):
            yield ast.Call(node.func, node.args[:at] + node.args[at + 1 :], node.keywords)
        for dropped in (each for each in node.keywords if each.arg not in GUARDS):
            yield ast.Call(node.func, node.args, [kept for kept in node.keywords if kept is not dropped])


def places(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each expression below the node that may be wrong, with what to put there."""
    for name, below in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in below if isinstance(below, list) else [below]:
            told = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            told |= isinstance(child, ast.keyword) and child.arg in GUARDS
            told |= isinstance(child, ast.Subscript) and ast.unparse(child.value) == "Literal"
            if told or not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr | ast.Raise | ast.ImportFrom):
                continue
            if isinstance(node, ast.If | ast.IfExp | ast.While) and name == "test":
                yield from ((child, ast.Constant(value)) for value in (False, True) if not isinstance(node, ast.While))
            if isinstance(child, ast.expr):
                yield from ((child, mutant) for mutant in changed(child))
            yield from places(child)


def mutants(source: str) -> list[tuple[int, str]]:
    """Line and text of every mutant of a module that differs from it."""
    text, found = source.encode(), []
    starts = [0, *accumulate(map(len, text.splitlines(keepends=True)))]
    for node, mutant in places(ast.parse(source)):
        begin, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        new = ast.unparse(mutant) if isinstance(mutant, ast.Constant) else f"({ast.unparse(mutant)})"
        other = (text[:begin] + new.encode() + text[end:]).decode()
        if ast.dump(ast.parse(other)) != ast.dump(ast.parse(source)):
            found.append((node.lineno, other))
    return found


def tested(checkout: Path, tests: str) -> None:
    """In a process of its own: whether the tests of this checkout pass, told by the exit code."""
    import pytest

    os.chdir(checkout)
    sys.path.insert(0, str(checkout))
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name.startswith("medcalc_assets")]:
        del sys.modules[name]
    with (checkout / "log").open("w") as log, redirect_stdout(log), redirect_stderr(log):
        options = ["-x", "-n0", "-p", "no:cacheprovider", "-W", "ignore", f"--basetemp={checkout / 'temp'}"]
        os._exit(int(pytest.main([*options, f"medcalc_assets_tests/{tests}"])))


def passes(checkouts: Queue[Path], module: str, text: str) -> bool:
    """Whether the tests of a module pass with this text in its place, in a checkout that nobody uses."""
    checkout = checkouts.get()
    path = checkout / "medcalc_assets" / module
    before = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    try:
        process = PROCESSES.Process(target=tested, args=(checkout, mirror(module)))
        process.start()
        process.join(PATIENCE)
        process.kill()
        process.join()
        return process.exitcode == 0
    finally:
        path.write_text(before, encoding="utf-8")
        checkouts.put(checkout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--each", type=int, default=5, help="mutants per module")
    parser.add_argument("--least", type=float, default=92, help="per cent that must be noticed")
    parser.add_argument("modules", nargs="*", default=MODULES)
    asked = parser.parse_args()
    checkouts: Queue[Path] = Queue()
    noticed = total = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        for name in "ab":
            checkouts.put(
                Path(shutil.copytree(ROOT, Path(folder) / name, ignore=shutil.ignore_patterns(".*", "__pycache__")))
            )
        for module in asked.modules:
            source = (ROOT / "medcalc_assets" / module).read_text(encoding="utf-8")
            if not passes(checkouts, module, source):
                log = max(Path(folder).glob("*/log"), key=lambda path: path.stat().st_mtime).read_text()
                sys.exit(f"{module}: {mirror(module)} fails without any mutant\n{log[-2_000:]}")
            all_of_them = mutants(source)
            chosen = random.Random(f"{asked.seed} {module}").sample(all_of_them, min(asked.each, len(all_of_them)))
            alive = list(pool.map(lambda mutant, module=module: passes(checkouts, module, mutant[1]), chosen))
            found = sum(not each for each in alive)
            print(f"{module}: {found} of {len(chosen)} noticed", flush=True)
            for line, text in (mutant for mutant, lives in zip(chosen, alive, strict=True) if lives):
                diff = list(difflib.unified_diff(source.splitlines(), text.splitlines(), n=0))[3:]
                reason = EQUIVALENT.get(diff[-1][1:].strip())
                found += reason is not None
                print(f"  medcalc_assets/{module}:{line} {reason or ''}", *diff, sep="\n    ", flush=True)
            noticed, total = noticed + found, total + len(chosen)
    print(f"{noticed} of {total} mutants noticed, {noticed / total:.1%}")
    sys.exit(100 * noticed / total < asked.least)


if __name__ == "__main__":
    main()
