"""Every import in the package, read off its files: who knows whom, and in which circles."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = [
    "MODULES",
    "ROOT",
    "Import",
    "cycle",
    "edges",
    "every",
    "imports",
    "inside",
    "packages_run",
    "rooms",
    "top",
]

ROOT = Path(__file__).parents[2]
_BY_NAME = ("require", "import_module", "__import__")  # functions that import what they are told


@dataclass(frozen=True)
class Import:
    """One imported module, and how."""

    importer: str
    name: str
    line: int
    lazy: bool = False
    typing: bool = False

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.name}"


def _modules() -> dict[str, Path]:
    """Every module under xpnet/, by dotted name."""
    found = {}
    for path in sorted((ROOT / "xpnet").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _walk(
    node: ast.AST, lazy: bool = False, typing: bool = False
) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Every node, with whether only a call runs it, and whether only a type checker reads it."""
    yield node, lazy, typing
    inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    unread: list[ast.stmt] = []
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        unread = node.body
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, inside, typing or child in unread)


def _names(node: ast.AST, importer: str) -> list[str]:
    """Dotted names of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{importer}:{node.lineno} imports relatively"
        base = node.module or ""
        full = [f"{base}.{alias.name}" for alias in node.names]
        return [name if name in MODULES else base for name in full]
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in _BY_NAME:
        given = [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
        return [str(name) for name in given]
    return []


def imports(source: str, importer: str) -> list[Import]:
    """What a module's source imports: inside functions and for type checkers too."""
    return [
        Import(importer, name, getattr(node, "lineno", 0), lazy, typing)
        for node, lazy, typing in _walk(ast.parse(source))
        for name in dict.fromkeys(_names(node, importer))
    ]


@cache
def every() -> list[Import]:
    """All imports of the package; not read before a test asks, since every worker collects."""
    found = ((name, path.read_text("utf-8")) for name, path in MODULES.items())
    return [i for name, source in found for i in imports(source, name)]


def inside() -> list[Import]:
    """Those of the package's own modules."""
    return [i for i in every() if i.name.partition(".")[0] == "xpnet"]


def top(module: str) -> str:
    """The file or package in xpnet/ that a module is or belongs to; "" for the root."""
    return module.partition(".")[2].partition(".")[0]


def packages_run(found: Import) -> list[str]:
    """The modules that an import runs: its own, and each `__init__` on the way there.

    Not those of packages that hold the importer too: they run already. The root is one of them;
    it shows names of every room, which it does not load.
    """
    parts = found.name.split(".")
    packages = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return [p for p in packages if p in MODULES and not found.importer.startswith(f"{p}.")]


def edges(found: Iterable[Import]) -> dict[str, set[str]]:
    """Every module's imports, those of the packages included that they run."""
    known: dict[str, set[str]] = {}
    for i in found:
        known.setdefault(i.importer, set()).update({i.name, *packages_run(i)} - {i.importer})
    return known


def rooms(found: Iterable[Import]) -> dict[str, set[str]]:
    """The same for the files and packages in xpnet/."""
    known: dict[str, set[str]] = {}
    for i in found:
        known.setdefault(top(i.importer), set()).update({top(i.name)} - {top(i.importer)})
    return known


def cycle(edges: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; empty if there are none."""
    done: set[str] = set()

    def search(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for other in sorted(edges.get(module, ())):
            if found := search(other, [*path, module]):
                return found
        done.add(module)
        return []

    return next(filter(None, (search(module, []) for module in sorted(edges))), [])
