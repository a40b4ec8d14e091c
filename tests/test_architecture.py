"""The rooms of docs/design.md, read off the imports: who may know whom, and who knows a library."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

import pytest

ROOT = Path(__file__).parents[1]

ROOMS = {
    "typing": 0,
    "errors": 0,
    "optional": 0,
    "arguments": 0,
    "philox": 0,
    "random": 0,
    "version": 0,
    "backends": 1,
    "ops": 2,
    "kernels": 3,
    "lowering": 4,
    "graph": 5,
    "nn": 6,
    "optim": 7,
    "data": 8,
    "engine": 8,
    "training": 8,
    "saving": 8,
    "base_model": 8,
    "model": 8,
    "mlp": 8,
    "model_settings": 8,
    "datasets": 9,
    "estimators": 9,
    "exchange": 9,
    "plot": 9,
    "testing": 9,
    "train": 10,  # names that moved
    "": 10,  # the package itself, which shows what the rooms offer
    "cli": 10,  # a user of the package like any other: it shows its version
    "__main__": 10,
}

# Where a library may be imported: these modules, and everything inside these packages.
OWNERS = {
    "numpy": [
        "xpnet.backends.cpu",
        "xpnet.backends.generic",  # hands arrays of any library to NumPy
        "xpnet.backends.select",  # its version
        "xpnet.lowering.cpu",
        "xpnet.training.lbfgs",  # vectors as SciPy has them
        "xpnet.training.epoch",  # a user's order of the samples
        "xpnet.training.measure",  # what an epoch reports
        "xpnet.saving.tensor_file",  # a file's bytes as arrays
        "xpnet.datasets",
        "xpnet.estimators",
        "xpnet.exchange",
        "xpnet.plot",
        "xpnet.testing",
        "xpnet.cli",
    ],
    "cupy": ["xpnet.backends.cuda", "xpnet.lowering.cuda"],
    "cupyx": ["xpnet.backends.cuda", "xpnet.lowering.cuda"],
    "nvmath": ["xpnet.backends.cuda", "xpnet.lowering.cuda"],
    "llvmlite": ["xpnet.lowering.cpu"],
    "sklearn": ["xpnet.datasets", "xpnet.estimators", "xpnet.exchange", "xpnet.plot"],
    "scipy": ["xpnet.training.lbfgs"],
    "torch": ["xpnet.exchange", "xpnet.testing.variants"],
    "array_api_strict": ["xpnet.testing.variants"],
    "onnx": ["xpnet.exchange"],
    "jax": [],
    "pandas": [],
    "array_api_compat": ["xpnet.backends", "xpnet.ops.record"],
    "matplotlib": ["xpnet.plot", "xpnet.cli"],
    "pooch": ["xpnet.datasets", "xpnet.cli"],
    "tqdm": ["xpnet.training.progress", "xpnet.cli"],
    "safetensors": ["xpnet.saving.tensor_file", "xpnet.cli.export"],
    "tensorboardX": ["xpnet.training.callbacks.tensorboard"],
}
# Loaded when they are used, never by `import xpnet`; numpy alone may be imported at once.
LAZY = set(OWNERS) - {"numpy"}
# Rooms that are themselves loaded when they are used.
AT_ONCE = {"xpnet.estimators": "sklearn", "xpnet.lowering.cpu": "llvmlite"}


@dataclass(frozen=True)
class Import:
    """One imported module, and how."""

    importer: str
    name: str
    line: int
    lazy: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.name}"


def _modules() -> dict[str, Path]:
    """Every module under xpnet/, by dotted name."""
    found = {}
    for path in sorted((ROOT / "xpnet").rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _type_checking(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _walk(node: ast.AST, lazy: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node that runs, with whether it does so only when a function is called."""
    inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    yield node, lazy
    body: Iterable[ast.AST] = node.orelse if _type_checking(node) else ast.iter_child_nodes(node)
    for child in body:
        yield from _walk(child, inside)


def _names(node: ast.AST, importer: str) -> list[str]:
    """Dotted names of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{importer}:{node.lineno} imports relatively"
        base = node.module or ""
        full = [f"{base}.{alias.name}" for alias in node.names]
        return [name if name in MODULES else base for name in full]
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
        "require",
        "import_module",
        "__import__",
    ):
        given = [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
        return [str(name) for name in given]
    return []


def imports(source: str, importer: str) -> list[Import]:
    """What a module's source imports, other than for type checkers."""
    return [
        Import(importer, name, getattr(node, "lineno", 0), lazy)
        for node, lazy in _walk(ast.parse(source))
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


def _room(module: str) -> int:
    return ROOMS[module.partition(".")[2].partition(".")[0]]


def wrong_room(found: Import) -> bool:
    """Whether a module imports from a room below its own."""
    return _room(found.name) > _room(found.importer)


def wrong_owner(found: Import) -> bool:
    """Whether a library is imported where it must not be known."""
    owners = OWNERS.get(found.name.partition(".")[0])
    return owners is not None and not any(
        found.importer == owner or found.importer.startswith(f"{owner}.") for owner in owners
    )


def too_early(found: Import) -> bool:
    """Whether a library that is loaded when it is used is imported at once."""
    top = found.name.partition(".")[0]
    rooms = [room for room, library in AT_ONCE.items() if library == top]
    return top in LAZY and not found.lazy and not found.importer.startswith(tuple(rooms))


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


def test_every_module_has_a_room() -> None:
    assert len(MODULES) > 50
    unknown = {name.split(".")[1] for name in MODULES if name != "xpnet"} - set(ROOMS)
    assert not unknown, f"give these a room in ROOMS and in docs/design.md: {unknown}"


@pytest.mark.smoke
def test_modules_import_only_from_their_own_room_and_those_above() -> None:
    assert len(inside()) > 150
    assert not list(map(str, filter(wrong_room, inside())))


@pytest.mark.smoke
def test_no_cycles() -> None:
    edges: dict[str, set[str]] = {}
    for found in inside():
        if found.name != found.importer:
            edges.setdefault(found.importer, set()).add(found.name)
    assert not cycle(edges)


def test_libraries_are_known_only_where_they_belong() -> None:
    assert not list(map(str, filter(wrong_owner, every())))


def test_optional_libraries_are_imported_when_they_are_used() -> None:
    assert not list(map(str, filter(too_early, every())))


def test_only_declared_libraries_are_imported() -> None:
    known = {*sys.stdlib_module_names, *OWNERS, "xpnet"}
    assert not [str(i) for i in every() if i.name.partition(".")[0] not in known]


@pytest.mark.parametrize(
    ("source", "breaks", "broken"),
    [
        ("from xpnet.model import Model", wrong_room, True),
        ("from xpnet import training", wrong_room, True),
        ("def f():\n    import xpnet.training", wrong_room, True),
        ("import xpnet", wrong_room, True),
        ("from xpnet.ops import relu", wrong_room, False),
        ("from xpnet import ops, errors", wrong_room, False),
        ("if TYPE_CHECKING:\n    from xpnet.model import Model", wrong_room, False),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import xpnet.training", wrong_room, True),
        ("import cupy", wrong_owner, True),
        ("def f():\n    from cupy.cuda import Device", wrong_owner, True),
        ("import numpy as np", wrong_owner, True),
        ("require('sklearn.datasets', 'sklearn', 'x')", wrong_owner, True),
        ("import math", wrong_owner, False),
        ("import tqdm", too_early, True),
        ("try:\n    import llvmlite\nexcept ImportError:\n    pass", too_early, True),
        ("class A:\n    import tqdm", too_early, True),
        ("def f():\n    import tqdm", too_early, False),
    ],
)
def test_the_rules_find_what_breaks_them(source: str, breaks: Any, broken: bool) -> None:
    assert any(map(breaks, imports(source, "xpnet.graph.example"))) is broken


def test_the_search_finds_cycles() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_files_are_of_a_size_to_be_read() -> None:
    long = {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}
    assert not {name: lines for name, lines in long.items() if lines > 400}


def test_every_folder_of_tests_has_a_smoke_test() -> None:
    tests = ROOT / "tests"
    marked = {
        path.parent for path in tests.rglob("test_*.py") if "mark.smoke" in path.read_text("utf-8")
    }
    folders = {path.parent for path in tests.rglob("test_*.py")}
    assert folders - marked == {tests / "faults"}, "those of `faults` start and kill processes"


def test_top_level_of_the_repository() -> None:
    try:
        listed = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    if "pyproject.toml" not in listed.split():
        pytest.skip("the tests are not in a git checkout of xpnet")
    top = {name.partition("/")[0] for name in listed.splitlines()}
    allowed = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
    allowed |= {"xpnet", "tests", "benchmarks", "docs"}
    assert {name for name in top if not name.startswith(".")} <= allowed
