"""How large the package's files, functions and classes are, read off its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from anatomy.imports import MODULES, ROOT

__all__ = [
    "ATTRIBUTES",
    "LONGEST_FILE",
    "LONGEST_FUNCTION",
    "SETTINGS",
    "Class",
    "classes",
    "files",
    "functions",
    "lines_of",
]

LONGEST_FILE = 300
LONGEST_FUNCTION = 45
ATTRIBUTES = 10
SETTINGS = 12  # of what only holds settings: these are read as a list, and never change


Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


def files() -> dict[str, int]:
    """Lines of each file, by its path."""
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in MODULES.values()
    }


def functions() -> dict[str, int]:
    """Lines of each function, by its module, name and first line."""
    return {
        f"{module}:{node.lineno} {node.name}": lines_of(node)
        for module in MODULES
        for node in ast.walk(_tree(module))
        if isinstance(node, Function)
    }


def lines_of(function: Function) -> int:
    """From `def` to the last line, without the docstring."""
    last = function.end_lineno or function.lineno
    if ast.get_docstring(function) is None:
        return last - function.lineno + 1
    text = function.body[0]
    return last - function.lineno - (text.end_lineno or text.lineno) + text.lineno


@dataclass(frozen=True)
class Class:
    """A class, and the attributes that its instances have.

    Attributes
    ----------
    module, name : str
    attributes : frozenset of str
        What a method assigns to ``self.x``, and the fields of a dataclass or a named tuple, those
        of bases in the package included. Properties that can be assigned to are none.
    parameters : frozenset of str
        The parameters of its own constructor and its bases'.
    bases : frozenset of str
        The names of its bases in the package, and of theirs.
    frozen : bool
        Whether it is a frozen dataclass.
    """

    module: str
    name: str
    attributes: frozenset[str]
    parameters: frozenset[str]
    bases: frozenset[str] = frozenset()
    frozen: bool = False

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def counted(self) -> frozenset[str]:
        """The attributes that count.

        scikit-learn prescribes an estimator's parameters, and an attribute with a final underscore
        for each thing that it learns: they are its public face, as a module's names are.
        """
        if not self.module.startswith("xpnet.estimators."):
            return self.attributes
        own = (name for name in self.attributes if not name.endswith("_"))
        return frozenset(own) - self.parameters

    @property
    def limit(self) -> int:
        """A frozen dataclass holds settings, and so does an optimizer, which refuses changes."""
        return SETTINGS if self.frozen or "Optimizer" in self.bases else ATTRIBUTES


@cache
def classes() -> list[Class]:
    """Every class of the package."""
    return [_class(module, node) for module in MODULES for node in _definitions(module)]


def _definitions(module: str) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(_tree(module)) if isinstance(node, ast.ClassDef))


def _class(module: str, node: ast.ClassDef) -> Class:
    bases = [_class(*found) for base in node.bases if (found := _found(module, base))]
    made = next((f for f in _methods(node) if f.name == "__init__"), None)
    own = {a.arg for a in (*made.args.args[1:], *made.args.kwonlyargs)} if made else set()
    properties = {f.name for f in _methods(node) if f.decorator_list}
    attributes = _fields(node) | _assigned(node)
    inherited = {name for base in bases for name in base.attributes}
    return Class(
        module,
        node.name,
        frozenset((attributes | inherited) - properties),
        frozenset(own.union(*(base.parameters for base in bases))),
        frozenset({base.name for base in bases}.union(*(base.bases for base in bases))),
        any("frozen=True" in ast.unparse(d) for d in node.decorator_list),
    )


def _methods(node: ast.ClassDef) -> Iterator[Function]:
    return (f for f in node.body if isinstance(f, Function))


def _fields(node: ast.ClassDef) -> set[str]:
    """The fields of a dataclass or a named tuple."""
    makers = [ast.unparse(d) for d in (*node.decorator_list, *node.bases)]
    if not any("dataclass" in m or m.endswith("NamedTuple") for m in makers):
        return set()
    return {
        s.target.id
        for s in node.body
        if isinstance(s, ast.AnnAssign)
        and isinstance(s.target, ast.Name)
        and "ClassVar" not in ast.unparse(s.annotation)
    }


def _assigned(node: ast.ClassDef) -> set[str]:
    """What is assigned to `self.x`, in any method."""
    return {
        x.attr
        for method in _methods(node)
        for x in ast.walk(method)
        if isinstance(x, ast.Attribute)
        and isinstance(x.ctx, ast.Store)
        and isinstance(x.value, ast.Name)
        and x.value.id == "self"
    }


def _found(module: str, base: ast.expr) -> tuple[str, ast.ClassDef] | None:
    """The class of the package that a base class's name means in a module."""
    name = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
    holder, _, name = name.rpartition(".")
    if holder:
        home = _home(module, holder)
        return _named(home, name) if home else None
    return _named(module, name)


def _named(module: str, name: str) -> tuple[str, ast.ClassDef] | None:
    own = next((c for c in _definitions(module) if c.name == name), None)
    if own:
        return module, own
    home = _home(module, name)
    return _named(home, name) if home else None


def _home(module: str, name: str) -> str | None:
    """The module of the package that a name is, or is imported from."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and name in [a.asname or a.name for a in node.names]:
            homes = (f"{node.module}.{name}", node.module or "")
            return next((home for home in homes if home in MODULES), None)
    return None
