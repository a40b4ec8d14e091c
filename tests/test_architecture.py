"""The rooms of docs/design.md, read off the imports: who may know whom, and who knows a library."""

import subprocess
import sys
from collections.abc import Callable

import pytest

pytest.importorskip("anatomy", reason="there are no benchmarks beside the tests")

from anatomy.imports import (
    MODULES,
    ROOT,
    Import,
    cycle,
    edges,
    every,
    imports,
    inside,
    packages_run,
    rooms,
    top,
)

# In order: a file may know its own room and those above it, whatever it wants to know for. `model`
# and the files beside it are the public face, "" is the package itself, which shows what the rooms
# offer, and `train` keeps names that moved.
ORDER = [
    "typing errors warn arguments optional locks philox random version",
    "backends",
    "ops",
    "kernels",
    "lowering",
    "graph",
    "nn",
    "optim",
    "data",
    "engine",
    "parallel",
    "training",
    "saving",
    "model model_settings mlp",
    "datasets estimators exchange plot tabular testing",
    "loading train serve cli __main__",
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
        "xpnet.backends.jax_backend",  # data from the host, and results
        "xpnet.backends.status",  # its version
        "xpnet.backends.torch_backend",  # data from the host
        "xpnet.lowering.cpu",
        "xpnet.data.raw_file",  # a file's bytes as arrays
        "xpnet.data.parquet_source",  # columns as a matrix
        "xpnet.lowering.cuda.check",  # references on the host
        "xpnet.training.objective",  # vectors as SciPy has them
        "xpnet.training.shared_record",  # what an epoch reports
        "xpnet.training.epoch_record",  # what an epoch reports
        "xpnet.training.order",  # a user's order of the samples
        "xpnet.training.traced_steps",  # what an epoch reads and reports
        "xpnet.training.evaluation",  # what an epoch reports
        "xpnet.saving.tensor_file",  # a file's bytes as arrays
        "xpnet.datasets",
        "xpnet.estimators",
        "xpnet.exchange",
        "xpnet.plot",
        "xpnet.serve",
        "xpnet.tabular",
        "xpnet.testing",
        "xpnet.cli",
    ],
    "cupy": ["xpnet.backends.cuda", "xpnet.lowering.cuda"],
    "cupyx": ["xpnet.backends.cuda", "xpnet.lowering.cuda"],
    "nvmath": ["xpnet.backends.cuda", "xpnet.lowering.cuda"],
    "llvmlite": ["xpnet.lowering.cpu"],
    "sklearn": [
        "xpnet.datasets",
        "xpnet.estimators",
        "xpnet.exchange",
        "xpnet.plot",
        "xpnet.tabular.permutation",
    ],
    "mpi4py": ["xpnet.parallel.mpi"],
    "scipy": ["xpnet.training.lbfgs"],
    "torch": ["xpnet.backends.torch_backend", "xpnet.exchange", "xpnet.testing.variants"],
    "array_api_strict": ["xpnet.testing.variants"],
    "onnx": ["xpnet.exchange"],
    "skl2onnx": ["xpnet.exchange"],
    "jax": ["xpnet.backends.jax_devices", "xpnet.testing.variants"],
    "pandas": [],
    "pyarrow": ["xpnet.tabular", "xpnet.data.parquet_source", "xpnet.cli.predictions"],
    "h5py": ["xpnet.data.opening"],
    "zarr": ["xpnet.data.opening"],
    "narwhals": ["xpnet.tabular"],
    "array_api_compat": ["xpnet.backends", "xpnet.ops.record"],
    "matplotlib": ["xpnet.plot", "xpnet.cli"],
    "pooch": ["xpnet.datasets", "xpnet.cli"],
    "tqdm": ["xpnet.training.progress", "xpnet.cli"],
    "safetensors": ["xpnet.saving.tensor_file"],
    "starlette": ["xpnet.serve"],
    "uvicorn": ["xpnet.serve"],
    "optuna": ["xpnet.training.callbacks.optuna_pruning", "xpnet.cli"],
    "tensorboardX": ["xpnet.training.callbacks.tensorboard"],
}
# Loaded when they are used, never by `import xpnet`; numpy alone may be imported at once.
LAZY = set(OWNERS) - {"numpy"}
# Rooms that are themselves loaded when they are used.
AT_ONCE = {"xpnet.estimators": "sklearn", "xpnet.lowering.cpu": "llvmlite"}


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def wrong_room(found: Import) -> bool:
    """Whether a module imports from a room below its own."""
    return ROOMS[top(found.name)] > ROOMS[top(found.importer)]


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
    library = found.name.partition(".")[0]
    at_once = not (found.lazy or found.typing)
    allowed = any(_within(found.importer, r) for r, name in AT_ONCE.items() if name == library)
    return library in LAZY and at_once and not allowed


def test_every_module_has_a_room() -> None:
    assert len(MODULES) > 50
    unknown = {name.split(".")[1] for name in MODULES if name != "xpnet"} - set(ROOMS)
    assert not unknown, f"give these a room in ROOMS and in docs/design.md: {unknown}"


@pytest.mark.smoke
def test_modules_import_only_from_their_own_room_and_those_above() -> None:
    assert len(inside()) > 150
    assert not list(map(str, filter(wrong_room, inside())))


@pytest.mark.smoke
def test_no_circles_between_files() -> None:
    assert not cycle(edges(inside()))


def test_no_circles_between_rooms() -> None:
    assert not cycle(rooms(inside()))


def test_compilers_for_one_device_do_not_know_those_for_another() -> None:
    assert {name for pair in STRANGERS for name in pair} <= MODULES.keys()
    assert not list(map(str, filter(stranger, inside())))


def test_the_owners_of_libraries_exist() -> None:
    assert {owner for owners in OWNERS.values() for owner in owners} <= MODULES.keys()


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
def test_the_rules_find_what_breaks_them(
    source: str, breaks: Callable[[Import], bool], broken: bool
) -> None:
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
    allowed |= {"SECURITY.md"}
    allowed |= {"xpnet", "tests", "benchmarks", "docs"}
    assert {name for name in top if not name.startswith(".")} <= allowed
