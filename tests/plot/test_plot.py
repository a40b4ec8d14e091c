"""What holds for all pictures: no pyplot, no display, a clear error without matplotlib."""

import subprocess
import sys

import numpy as np
import pytest

import xpnet as xn

PICTURES = {
    "history": lambda: xn.plot.history({"loss": [2.0, 1.0]}),
    "confusion_matrix": lambda: xn.plot.confusion_matrix([0, 1], [0, 1]),
    "decision_boundary": lambda: xn.plot.decision_boundary(
        lambda p: p[:, 0] > 0, np.eye(2), [0, 1], resolution=3
    ),
    "graph": lambda: xn.plot.graph(xn.MLP([2, 2]).build()),
    "images": lambda: xn.plot.images(np.zeros((2, 3, 3))),
    "roc_curves": lambda: xn.plot.roc_curves([0, 1], [0.0, 1.0]),
    "weights": lambda: xn.plot.weights(np.ones((4, 2)), shape=(2, 2)),
}


def test_every_picture_is_here():
    assert set(PICTURES) == set(xn.plot.__all__)


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_can_be_saved(name, kind, saved):
    pytest.importorskip("sklearn")
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[kind]
    assert saved(PICTURES[name](), kind).startswith(start)


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "roc_curves"])
def test_without_matplotlib_the_extra_is_named(name, monkeypatch):
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.textpath"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(xn.errors.MissingDependencyError, match=r"xpnet\[plot\]"):
        PICTURES[name]()


def test_nothing_goes_through_pyplot():
    code = """
import sys, numpy as np, xpnet as xn
xn.plot.history({"loss": [2.0, 1.0]}).savefig("/dev/null", format="png")
xn.plot.confusion_matrix([0, 1], [0, 1]).figure.savefig("/dev/null", format="png")
xn.plot.decision_boundary(lambda p: p, np.eye(2), [0, 1]).figure.savefig("/dev/null", format="png")
xn.plot.graph(xn.MLP([2, 2]).build()).figure.savefig("/dev/null", format="png")
xn.plot.images(np.zeros((2, 3, 3))).savefig("/dev/null", format="png")
xn.plot.weights(np.ones((4, 2)), shape=(2, 2)).figure.savefig("/dev/null", format="png")
print("matplotlib.pyplot" in sys.modules, "matplotlib.figure" in sys.modules)
"""
    run = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_arrays_of_any_library_are_drawn():
    strict = pytest.importorskip("array_api_strict")
    y = strict.asarray([0, 1, 1])
    assert [t.get_text() for t in xn.plot.confusion_matrix(y, y).texts] == ["1", "0", "0", "2"]
    (image,) = xn.plot.weights(strict.ones((4, 1)), shape=(2, 2)).images
    assert image.get_array().compressed().tolist() == [1, 1, 1, 1]
    assert len(xn.plot.images(strict.zeros((2, 3, 3))).axes) == 2
