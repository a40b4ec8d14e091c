"""``import xpnet`` loads what it needs and nothing that is optional or slow."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import xpnet

OPTIONAL = [
    "cupy",
    "cupyx",
    "jax",
    "joblib",
    "matplotlib",
    "numba",
    "onnx",
    "optuna",
    "pandas",
    "pooch",
    "requests",
    "safetensors",
    "scipy",
    "sklearn",
    "tensorboardX",
    "torch",
    "tqdm",
]


def modules(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def loaded(statement: str) -> set[str]:
    """Top-level names of those modules."""
    return {name.partition(".")[0] for name in modules(statement)}


@pytest.mark.parametrize(
    "statement",
    [
        "import xpnet",
        "from xpnet import *",
        "import xpnet.cli",
        "import xpnet.datasets",
        "import xpnet.exchange",
        "import xpnet.plot",
        "import xpnet.testing",
    ],
)
def test_loads_nothing_optional(statement: str) -> None:
    found = loaded(statement)
    assert "xpnet" in found
    assert not found & set(OPTIONAL)


def test_the_package_alone_loads_neither_a_room_nor_numpy() -> None:
    found = modules("import xpnet")
    assert {name for name in found if name.startswith("xpnet")} == {"xpnet", "xpnet.version"}
    assert "numpy" not in found


@pytest.mark.parametrize("name", xpnet._ROOMS)
def test_rooms_are_loaded_when_they_are_used(name: str) -> None:
    code = f"import sys, xpnet; print('xpnet.{name}' in sys.modules, xpnet.{name}.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", f"xpnet.{name}"]


@pytest.mark.parametrize(
    ("name", "needless"),
    [
        ("SGD", ["xpnet.nn", "xpnet.engine", "xpnet.model"]),
        ("Dense", ["xpnet.optim", "xpnet.engine", "xpnet.model"]),
        ("value_and_grad", ["xpnet.nn", "xpnet.optim", "xpnet.model"]),
        ("MLP", ["xpnet.datasets", "xpnet.exchange", "xpnet.plot", "xpnet.estimators"]),
    ],
)
def test_a_name_loads_its_own_room_and_what_that_needs(name: str, needless: list[str]) -> None:
    found = modules(f"from xpnet import {name}")
    assert xpnet._HOMES[name] in found
    assert not found & set(needless)


def test_each_name_is_what_its_home_offers() -> None:
    offered = {*xpnet.__all__, *xpnet.__dir__()} - {*xpnet._ROOMS, "__version__"}
    assert set(xpnet._HOMES) == offered
    for name in offered - set(xpnet._NAMES["xpnet.estimators"].split()):
        home = importlib.import_module(xpnet._HOMES[name])
        assert name in home.__all__
        assert getattr(xpnet, name) is getattr(home, name)


def test_type_checkers_see_the_same_names_with_the_same_homes() -> None:
    tree = ast.parse(Path(str(xpnet.__file__)).read_text("utf-8"))
    (block,) = (n for n in tree.body if isinstance(n, ast.If) and isinstance(n.test, ast.Name))
    seen = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, "only `X as X` is exported"
            seen[alias.name] = node.module
    assert seen == xpnet._HOMES | dict.fromkeys(xpnet._ROOMS, "xpnet")


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(xpnet), "Dense", raising=False)
    first = xpnet.Dense
    assert vars(xpnet)["Dense"] is first


def test_estimators_are_loaded_when_they_are_used() -> None:
    pytest.importorskip("sklearn", minversion="1.9")
    code = (
        "import sys, xpnet; print('sklearn' in sys.modules, 'MLPRegressor' in dir(xpnet), "
        "xpnet.MLPClassifier.__name__, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "MLPClassifier", "True"]


def test_building_and_training_load_nothing_optional() -> None:
    found = loaded(
        "import numpy as np, xpnet\n"
        "X = np.ones((4, 2), dtype='float32')\n"
        "model = xpnet.MLP([2, 3, 2])\n"
        "model.fit(X, [0, 1, 0, 1], epochs=1, verbose=False)\n"
        "model.predict(X)"
    )
    assert not found & set(OPTIONAL)


def test_the_check_sees_what_is_loaded() -> None:
    assert "decimal" in loaded("import decimal")
    assert "decimal" not in loaded("import xpnet")
