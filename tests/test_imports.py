"""``import xpnet`` loads what it needs and nothing that is optional or slow."""

import subprocess
import sys

import pytest

OPTIONAL = [
    "cupy",
    "cupyx",
    "jax",
    "joblib",
    "matplotlib",
    "numba",
    "onnx",
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


def loaded(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return {name.partition(".")[0] for name in done.stdout.split()}


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


@pytest.mark.parametrize("name", ["datasets", "exchange", "plot", "testing"])
def test_rooms_that_not_every_program_needs_are_loaded_when_they_are_used(name: str) -> None:
    code = f"import sys, xpnet; print('xpnet.{name}' in sys.modules, xpnet.{name}.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", f"xpnet.{name}"]


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
