"""The code version of a table: a hash of all code of this package that its asset reaches, found in the sources themselves.

From the asset's function on, every global name that is used is looked up: where it is defined here, that definition is
reached, and what it uses in turn; where it is imported from this package, the definition there is. Of a parameter (or
`self`) whose class is of this package, only the members that are used are reached: `settings.warehouse` does not reach the
whole of the settings. Comments, docstrings and layout do not count, nor do annotations; what a table is (its columns) is
hashed by `stage`, and what is no code (a prompt) is given to it.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
NOT_CONTENT = frozenset({f"{PACKAGE.name}.storage.tables", f"{PACKAGE.name}.defs.stage", f"{PACKAGE.name}.errors"})
"""Modules that say how a table is described and stored, not what is in it."""

Symbol = tuple[str, str]
"""A module and the name of a definition in it, `Class.member`, or "" for the whole module."""


@dataclass(frozen=True)
class Sources:
    """The sources of a package, in the folder of its name."""

    package: Path = PACKAGE

    @cache  # noqa: B019 - as many as there are packages: one
    def module(self, name: str) -> "Module | None":
        """The module of this dotted name; None if it is not of this package."""
        if name.split(".")[0] != self.package.name:
            return None
        path = self.package.joinpath(*name.split(".")[1:])
        file = next((each for each in (path / "__init__.py", path.with_suffix(".py")) if each.is_file()), None)
        return Module(self, name, file) if file else None

    def code_version(self, module: str, function: str) -> str:
        """Twelve hexadecimal digits of the hash of all that this function reaches."""
        reached: dict[Symbol, str] = {}
        ahead: list[Symbol] = [(module, function)]
        while ahead:
            symbol = ahead.pop()
            if symbol not in reached and symbol[0] not in NOT_CONTENT:
                reached[symbol], uses = self._code(symbol)
                ahead += uses
        text = "\0".join(part for symbol, code in sorted(reached.items()) for part in (*symbol, code))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cache  # noqa: B019 - as above
    def _code(self, symbol: Symbol) -> tuple[str, tuple[Symbol, ...]]:
        """The code of a definition, and what it uses; nothing for a name that its module does not define."""
        module = self.module(symbol[0])
        if module is None:
            return "", ()
        node = module.definition(symbol[1])
        return (ast.unparse(node), tuple(module.uses(node))) if node else ("", tuple(module.inherited(symbol[1])))


@dataclass(frozen=True)
class Module:
    """A source file: its definitions and its imports."""

    sources: Sources
    name: str
    file: Path

    @cached_property
    def tree(self) -> ast.Module:
        tree = ast.parse(self.file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(body := getattr(node, "body", None), list):
                node.body = [each for each in body if not _is_text(each)] or [ast.Pass()]  # type: ignore[attr-defined]
        return tree

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """By name, members of classes as `Class.member`."""
        found: dict[str, ast.stmt] = {}
        for node in self.tree.body:
            found |= dict.fromkeys(_names(node), node)
            if isinstance(node, ast.ClassDef):
                found |= {f"{node.name}.{name}": member for member in node.body for name in _names(member)}
        return found

    @cached_property
    def imports(self) -> dict[str, Symbol]:
        """What each imported name of this package stands for; a module is (module, "")."""
        found: dict[str, Symbol] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {each.asname: (each.name, "") for each in node.names if each.asname}
            elif isinstance(node, ast.ImportFrom) and node.module:
                for each in node.names:
                    inner = f"{node.module}.{each.name}"
                    is_module = self.sources.module(inner) is not None
                    found[each.asname or each.name] = (inner, "") if is_module else (node.module, each.name)
        return {name: symbol for name, symbol in found.items() if self.sources.module(symbol[0])}

    def definition(self, name: str) -> ast.AST | None:
        """None for what is not defined here, such as the member of a base class."""
        return self.definitions.get(name) if name else self.tree

    def inherited(self, name: str) -> Iterator[Symbol]:
        """Where a member that its class does not define itself may be defined: in its base classes of this package."""
        owner, _, member = name.partition(".")
        node = self.definitions.get(owner)
        for base in node.bases if member and isinstance(node, ast.ClassDef) else ():
            for module, of_class in self._within(base, {}):
                yield module, f"{of_class}.{member}"

    def uses(self, node: ast.AST) -> Iterator[Symbol]:
        """The definitions of this package that a definition uses."""
        if isinstance(node, ast.Module):
            yield from self.imports.values()
            return
        owner = next((name for name, each in self.definitions.items() if each is node and "." in name), "").split(".")[0]
        itself = (self.name, owner) if owner else None
        yield from self._within(node, {"self": itself, "cls": itself})

    def _within(self, node: ast.AST, local: dict[str, Symbol | None]) -> Iterator[Symbol]:
        """Uses in a node, given the local names in sight, with the class of each that is annotated with one of ours."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            stored = (each for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store))
            local = {**local, **dict.fromkeys(each.id for each in stored), **dict(self._parameters(node.args, local))}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            base = node.value.id
            if owner := local.get(base):
                yield owner[0], f"{owner[1]}.{node.attr}"
                return
            if base not in local and base in self.imports and not self.imports[base][1]:  # an attribute of a module
                yield self.imports[base][0], node.attr
                return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in local:
            if node.id in self.definitions:
                yield self.name, node.id
            elif node.id in self.imports:
                yield self._resolved(self.imports[node.id])
        for field, child in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                for each in child if isinstance(child, list) else [child]:
                    if isinstance(each, ast.AST):
                        yield from self._within(each, local)

    def _parameters(self, arguments: ast.arguments, local: dict[str, Symbol | None]) -> Iterator[tuple[str, Symbol | None]]:
        """The parameters, with the class of each that is annotated with one of this package."""
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            yield each.arg, local.get(each.arg) if each.arg in ("self", "cls") else None
            if isinstance(each.annotation, ast.Name):
                name = each.annotation.id
                symbol = (self.name, name) if name in self.definitions else self.imports.get(name)
                if symbol and symbol[1]:
                    module = self.sources.module(symbol[0])
                    if module and isinstance(module.definitions.get(symbol[1]), ast.ClassDef):
                        yield each.arg, symbol

    def _resolved(self, symbol: Symbol) -> Symbol:
        """Where a name is defined that the module only imports itself (`from package import name`)."""
        module = self.sources.module(symbol[0])
        if module and symbol[1] and symbol[1] not in module.definitions and symbol[1] in module.imports:
            return module._resolved(module.imports[symbol[1]])
        return symbol


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _names(node: ast.stmt) -> list[str]:
    """What a statement defines."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
