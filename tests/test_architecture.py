"""The rooms of docs/design.md, read off the imports: who may know whom, and who knows a library."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

# In order: a file may know its own room and those above it, whatever it wants to know for. `model`
# and the files beside it are the public face, "" is the package itself, which shows what the rooms
# offer, and `train` keeps names that moved.
ORDER = [
    "typing errors arguments optional philox random version",
    "backends",
    "ops",
    "kernels",
    "lowering",
    "graph",
    "nn",
    "optim",
    "data",
    "engine",
    "training",
    "saving",
    "model model_settings mlp loading",
    "datasets estimators exchange plot testing",
    "train cli __main__",
]
ROOMS = {name: number for number, names in enumerate(ORDER) for name in names.split()}
ROOMS[""] = ROOMS["cli"]

# Packages that do not know one another, though they are in the same room.
STRANGERS = [("xpnet.lowering.cpu", "xpnet.lowering.cuda")]

# Where a library may be imported: these modules, and everything inside these packages.
OWNERS = {
    "numpy": [
        "xpnet.backends.cpu",
        "xpnet.backends.generic",  # hands arrays of any library to NumPy
        "xpnet.backends.select",  # its version
        "xpnet.lowering.cpu",
        "xpnet.training.lbfgs",  # vectors as SciPy has them
        "xpnet.training.order",  # a user's order of the samples
        "xpnet.training.evaluation",  # what an epoch reports
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
    lazy: bool = False
    typing: bool = False

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


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _walk(
    node: ast.AST, lazy: bool = False, typing: bool = False
) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Every node, with whether only a call runs it, and whether only a type checker reads it."""
    yield node, lazy, typing
    inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    unread = node.body if isinstance(node, ast.If) and _type_checking(node) else []
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
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
        "require",
        "import_module",
        "__import__",
    ):
        given = [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
        return [str(name) for name in given]
    return []


def imports(source: str, importer: str) -> list[Import]:
    """What a module's source imports: inside functions and for type checkers too."""
    return [
        Import(importer, name, node.lineno, lazy, typing)
        for node, lazy, typing in _walk(ast.parse(source))
        for name in dict.fromkeys(_names(node, importer))
    ]


ALL = [i for name, path in MODULES.items() for i in imports(path.read_text("utf-8"), name)]
INSIDE = [i for i in ALL if i.name.partition(".")[0] == "xpnet"]


def _top(module: str) -> str:
    """The file or package in xpnet/ that a module is or belongs to."""
    return module.partition(".")[2].partition(".")[0]


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def wrong_room(found: Import) -> bool:
    """Whether a module imports from a room below its own."""
    return ROOMS[_top(found.name)] > ROOMS[_top(found.importer)]


def stranger(found: Import) -> bool:
    """Whether a module imports from a package that it must not know."""
    return any(
        _within(found.importer, one) and _within(found.name, other)
        for pair in STRANGERS
        for one, other in (pair, pair[::-1])
    )


def wrong_owner(found: Import) -> bool:
    """Whether a library is imported where it must not be known."""
    owners = OWNERS.get(found.name.partition(".")[0])
    return owners is not None and not any(_within(found.importer, owner) for owner in owners)


def too_early(found: Import) -> bool:
    """Whether a library that is loaded when it is used is imported at once."""
    top = found.name.partition(".")[0]
    rooms = [room for room, library in AT_ONCE.items() if library == top]
    at_once = not (found.lazy or found.typing)
    return top in LAZY and at_once and not found.importer.startswith(tuple(rooms))


def packages_run(found: Import) -> list[str]:
    """The packages whose `__init__` an import runs, but for those that hold the importer too.

    The root is one of those. It shows names of every room, which it does not load.
    """
    parts = found.name.split(".")
    packages = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return [p for p in packages if p in MODULES and not found.importer.startswith(f"{p}.")]


def edges(found: list[Import]) -> dict[str, set[str]]:
    """Every module's imports, those of the packages included that they run."""
    known: dict[str, set[str]] = {}
    for i in found:
        known.setdefault(i.importer, set()).update({i.name, *packages_run(i)} - {i.importer})
    return known


def rooms(found: list[Import]) -> dict[str, set[str]]:
    """The same for the files and packages in xpnet/."""
    known: dict[str, set[str]] = {}
    for i in found:
        known.setdefault(_top(i.importer), set()).update({_top(i.name)} - {_top(i.importer)})
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


def test_every_module_has_a_room() -> None:
    assert len(MODULES) > 50
    unknown = {name.split(".")[1] for name in MODULES if name != "xpnet"} - set(ROOMS)
    assert not unknown, f"give these a room in ROOMS and in docs/design.md: {unknown}"


def test_modules_import_only_from_their_own_room_and_those_above() -> None:
    assert len(INSIDE) > 150
    assert not list(map(str, filter(wrong_room, INSIDE)))


def test_no_circles_between_files() -> None:
    assert not cycle(edges(INSIDE))


def test_no_circles_between_rooms() -> None:
    assert not cycle(rooms(INSIDE))


def test_compilers_for_one_device_do_not_know_those_for_another() -> None:
    assert {name for pair in STRANGERS for name in pair} <= MODULES.keys()
    assert not list(map(str, filter(stranger, INSIDE)))


def test_the_owners_of_libraries_exist() -> None:
    assert {owner for owners in OWNERS.values() for owner in owners} <= MODULES.keys()


def test_libraries_are_known_only_where_they_belong() -> None:
    assert not list(map(str, filter(wrong_owner, ALL)))


def test_optional_libraries_are_imported_when_they_are_used() -> None:
    assert not list(map(str, filter(too_early, ALL)))


def test_only_declared_libraries_are_imported() -> None:
    known = {*sys.stdlib_module_names, *OWNERS, "xpnet"}
    assert not [str(i) for i in ALL if i.name.partition(".")[0] not in known]


@pytest.mark.parametrize(
    ("source", "breaks", "broken"),
    [
        ("from xpnet.model import Model", wrong_room, True),
        ("from xpnet import training", wrong_room, True),
        ("def f():\n    import xpnet.training", wrong_room, True),
        ("import xpnet", wrong_room, True),
        ("from xpnet.ops import relu", wrong_room, False),
        ("from xpnet import ops, errors", wrong_room, False),
        ("if TYPE_CHECKING:\n    from xpnet.model import Model", wrong_room, True),
        ("if typing.TYPE_CHECKING:\n    import xpnet.training", wrong_room, True),
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
        ("if TYPE_CHECKING:\n    import tqdm", too_early, False),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import tqdm", too_early, True),
    ],
)
def test_the_rules_find_what_breaks_them(source: str, breaks: Any, broken: bool) -> None:
    assert any(map(breaks, imports(source, "xpnet.graph.example"))) is broken


def test_the_search_finds_cycles() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_circles_are_found_wherever_the_import_stands() -> None:
    def found(**sources: str) -> list[str]:
        read = [imports(source, f"xpnet.{name}") for name, source in sources.items()]
        return cycle(edges([i for one in read for i in one]))

    plain = "import xpnet.ops"
    assert found(graph=plain) == []
    assert found(graph=plain, ops="def f():\n    import xpnet.graph")
    assert found(graph=plain, ops="if TYPE_CHECKING:\n    import xpnet.graph")
    assert found(graph="from xpnet.ops.relu import x", ops="import xpnet.graph") == [
        "xpnet.graph",
        "xpnet.ops",
        "xpnet.graph",
    ]


def test_an_import_runs_the_packages_that_hold_the_module() -> None:
    ops, cpu = "xpnet.ops.activations", "xpnet.lowering.cpu"
    assert packages_run(Import("xpnet.nn.dense", ops, 1)) == ["xpnet.ops", ops]
    assert packages_run(Import("xpnet.ops.special", ops, 1)) == [ops]
    assert packages_run(Import("xpnet.lowering.fuse", f"{cpu}.blas", 1)) == [cpu, f"{cpu}.blas"]


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
