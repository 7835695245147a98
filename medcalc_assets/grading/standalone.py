"""`grader.py` of a release: the grader and all that it uses, as one file that needs the standard library alone.

It is made of the modules' own text, definition by definition, so that there is no second copy to keep the same.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from medcalc_assets.grading import grader, replies, statements
from medcalc_assets.labels import limits, parsing, value

FILE = "grader.py"
PARTS = (value, parsing, limits, statements, replies, grader)
"""In an order in which each uses those before it."""


class Definition(NamedTuple):
    """A function, class or constant of a module: its text, with the comments before it, and the names in it."""

    name: str
    text: str
    uses: set[str]


@cache
def source() -> str:
    """The text of the file. Raises ValueError where two parts give one name to two things."""
    texts = [inspect.getsource(module) for module in PARTS]
    parts = [list(_definitions(text)) for text in texts]
    found = {each.name: each for part in parts for each in part}
    if len(found) < sum(map(len, parts)):
        raise ValueError(f"Two parts of {FILE} give the same name to two things: rename one.")
    used, ahead = set(), {each.name for each in parts[-1]}
    while ahead:
        used |= ahead
        ahead = {use for name in ahead for use in found[name].uses if use in found} - used
    imported = {name: line for text in texts for name, line in _imports(text)}
    names = {use for name in used for use in found[name].uses}
    return "\n".join(
        [
            f'"""{inspect.getdoc(grader)}\n"""\n',
            "from __future__ import annotations\n",
            *sorted({line for name, line in imported.items() if name in names}),
            *(f"\n{each.text}" for name, each in found.items() if name in used),
            '\nif __name__ == "__main__":\n    main()\n',
        ]
    )


def _definitions(text: str) -> Iterator[Definition]:
    lines, body = text.splitlines(), ast.parse(text).body
    for before, node, after in zip([None, *body], body, [*body[1:], None], strict=False):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                start = node.lineno
            case _:
                continue
        first = (before.end_lineno or 0) if before else 0
        while start - 1 > first and lines[start - 2].startswith("#"):
            start -= 1
        end = after.end_lineno if isinstance(after, ast.Expr) else node.end_lineno  # what is said of a constant
        yield Definition(
            name, "\n".join(lines[start - 1 : end]), {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        )


def _imports(text: str) -> Iterator[tuple[str, str]]:
    """What a module imports of the standard library: by name, the line."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            yield from ((each.asname or each.name, f"import {ast.unparse(each)}") for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(("medcalc_assets", "__future__")):
            yield from ((each.asname or each.name, f"from {node.module} import {ast.unparse(each)}") for each in node.names)
