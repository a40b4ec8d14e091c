"""Small files for the command line to train on."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.brief import BRIEF

from xpnet.cli import main


def pytest_collection_modifyitems(items):
    """Most of the trainings here are too short, and their warnings say so."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(BRIEF)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """The caller's backend settings would change what is tested."""
    for name in ("XPNET_BACKEND", "XPNET_FALLBACK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def table():
    """120 rows of three features of very different sizes, the last of them constant."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3)) * [1.0, 1000.0, 0.0] + [5.0, -2000.0, 0.1]
    return X, (X[:, 0] - 5) + (X[:, 1] + 2000) / 1000


def write_csv(path, X, target, name="target"):
    header = ",".join([*(f"f{i}" for i in range(X.shape[1])), name])
    lines = [
        ",".join([*(f"{v:.8g}" for v in row), str(t)]) for row, t in zip(X, target, strict=True)
    ]
    path.write_text("\n".join([header, *lines]) + "\n")
    return str(path)


@pytest.fixture
def classes_csv(tmp_path, table):
    X, value = table
    return write_csv(tmp_path / "kinds.csv", X, np.where(value > 0, "yes", "no"), "kind")


@pytest.fixture
def values_csv(tmp_path, table):
    X, value = table
    return write_csv(tmp_path / "values.csv", X, 1000 + 50 * value, "price")


@pytest.fixture
def run(capsys):
    """Run a command that must succeed; return its standard output and error."""

    def run(*arguments):
        assert main([*map(str, arguments)]) == 0
        return capsys.readouterr()

    return run


@pytest.fixture
def run_json(run):
    """Train with ``--json``; return the object, which must be all there is on stdout."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    def run_json(*arguments):
        out = run("train", *arguments, "--json").out
        assert out.count("\n") == 1
        return json.loads(out, parse_constant=refuse)

    return run_json
