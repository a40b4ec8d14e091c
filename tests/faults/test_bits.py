"""The same program has the same bits: in another process, resumed, and beside other threads."""

import hashlib
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.lowering.cpu import best_blas, conditions, mkl
from xpnet.lowering.cpu.pool import numpys
from xpnet.saving import fit_state

X = np.random.default_rng(1).normal(size=(400, 64)).astype("float32")
Y = np.arange(400) % 10


def digest(model: xn.Model) -> str:
    parts = (np.asarray(value).tobytes() for value in model.parameters.values())
    return hashlib.sha256(b"".join(parts)).hexdigest()


def fitted(sizes: tuple[int, ...] = (64, 32, 10), batch: int = 40, **settings: Any) -> str:
    model = xn.MLP(sizes, seed=0)
    given = {"epochs": 2, "verbose": False, **settings}
    model.fit(X[:, : sizes[0]], Y % sizes[-1], batch_size=batch, **given)
    return digest(model)


# --- libraries ------------------------------------------------------------------------------------

CHILD = """
import os, sys
sys.path[:0] = sys.argv[2:]
import xpnet as xn
from test_bits import X, Y, digest
from xpnet.lowering.cpu import best_blas
if os.environ.get("INTEL"):
    best_blas.intel = lambda: True
class Kill(xn.Callback):
    def on_step_end(self, model, step):
        if step == int(os.environ["KILL"]):
            os._exit(9)
model = xn.MLP([64, 32, 10], seed=0)
save = xn.Checkpoint(sys.argv[1], every=4, unit="step")
given = dict(epochs=3, batch_size=40, verbose=False, resume_from=sys.argv[1])
model.fit(X, Y, callbacks=[save, Kill()], **given)
print(digest(model))
"""


def child(folder: Path, kill: int, **variables: str) -> str:
    package = Path(xn.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(Path(__file__).parent), str(package)],
        env={**os.environ, "KILL": str(kill), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == (0 if kill < 0 else 9), done.stderr
    return done.stdout


@pytest.mark.parametrize("variables", [{}, {"INTEL": "1"}, {"XPNET_BLAS": "mkl"}])
def test_a_broken_fit_resumes_to_the_same_bits_with_mkl(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str]
) -> None:
    pytest.importorskip("llvmlite", reason="steps are compiled by llvmlite")
    monkeypatch.delenv("XPNET_BLAS", raising=False)
    monkeypatch.delenv("XPNET_FAST", raising=False)
    if mkl.entry("float32") is None:
        pytest.skip("there is no MKL")
    whole = child(tmp_path / "whole", -1, **variables)
    assert child(tmp_path / "broken", 17, **variables) == ""
    assert child(tmp_path / "broken", -1, **variables) == whole


def resumed(folder: Path, epochs: int, **settings: Any) -> list[str]:
    """What a fit that resumes says about its conditions."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        save = [xn.Checkpoint(folder)]
        fitted(epochs=epochs, resume_from=folder, callbacks=save, **settings)
    mine = [w for w in caught if issubclass(w.category, xn.errors.ResumeWarning)]
    assert all(w.filename == __file__ for w in mine)
    return [str(w.message) for w in mine]


def test_the_same_conditions_say_nothing(tmp_path: Path) -> None:
    assert [resumed(tmp_path, epochs) for epochs in (1, 2, 3)] == [[], [], []]


@pytest.mark.parametrize(
    ("what", "name", "value"),
    [
        ("BLAS", "_blas", "another BLAS"),
        ("processor", "_processor", "another processor"),
        ("MKL", "_mkl", "another MKL"),
        ("compiled by", "_compiler", "another LLVM"),
        ("NumPy", "np", type("NumPy", (), {"__version__": "1.99"})),
    ],
)
def test_other_conditions_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str, name: str, value: Any
) -> None:
    before = xn.backends.get("numpy")
    if what in ("MKL", "compiled by") and before.lowering != "cpu":
        pytest.skip("steps are not compiled")
    assert resumed(tmp_path, 1) == []
    monkeypatch.setattr(conditions, name, value if what == "NumPy" else lambda: value)
    (said,) = resumed(tmp_path, 2)
    assert f"{what} there: " in said
    assert f"; here: {'1.99' if what == 'NumPy' else value})" in said
    assert said.count(" there: ") == 1


def test_another_version_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert resumed(tmp_path, 1) == []
    monkeypatch.setattr(fit_state, "__version__", "99.0")
    (said,) = resumed(tmp_path, 2)
    assert "xpnet there: " in said
    assert said.count(" there: ") == 1


def test_what_a_checkpoint_says_is_escaped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as there:
        there.setattr(conditions, "_blas", lambda: "\x1b[2Ja BLAS")
        assert resumed(tmp_path, 1) == []
    (said,) = resumed(tmp_path, 2)
    assert r"BLAS there: \x1b[2Ja BLAS; here: " in said
    assert said.isprintable()


def test_another_number_of_blas_threads_is_named(tmp_path: Path) -> None:
    with Threads(2) as possible:
        if not possible:
            pytest.skip("the threads of NumPy's BLAS cannot be set")
        assert resumed(tmp_path, 1) == []
    with Threads(1):
        (said,) = resumed(tmp_path, 2)
    assert "threads of the BLAS there: 2; here: 1" in said


class Threads:
    """A number of BLAS threads, as the user sets it."""

    def __init__(self, count: int) -> None:
        self._count, self._before = count, numpys().count

    def __enter__(self) -> bool:
        numpys()._give(self._count)
        return numpys().count == self._count

    def __exit__(self, *_: object) -> None:
        numpys()._give(self._before)


def test_a_checkpoint_of_an_earlier_version_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from xpnet.saving import snapshots

    real = snapshots.write_file

    def earlier(path: Any, arrays: Any, data: Any) -> None:
        data["state"].pop("conditions")
        real(path, arrays, data)

    monkeypatch.setattr(snapshots, "write_file", earlier)
    assert resumed(tmp_path, 1) == []
    monkeypatch.setattr(conditions, "_blas", lambda: "another BLAS")
    assert resumed(tmp_path, 2) == []


# --- other threads --------------------------------------------------------------------------------


NEIGHBORS: dict[str, Callable[[], object]] = {
    "a small model": lambda: fitted((20, 8, 3), 32),
    "a large model": lambda: fitted((64, 600, 10), 400),
    "predictions": lambda: xn.MLP([64, 400, 10], seed=1).build().predict(X),
    "NumPy's products": lambda: X.T @ X,
}


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Another thread does this again and again."""
    done = threading.Event()

    def repeat() -> None:
        while not done.is_set():
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("name", NEIGHBORS)
@pytest.mark.parametrize(("sizes", "batch"), [((64, 500, 10), 400), ((64, 32, 10), 40)])
def test_a_fit_beside_other_threads(name: str, sizes: tuple[int, ...], batch: int) -> None:
    with Threads(2):
        alone = {fitted(sizes, batch) for _ in range(2)}
        with beside(NEIGHBORS[name]):
            assert {fitted(sizes, batch) for _ in range(4)} == alone


def test_the_rule_does_not_measure() -> None:
    """The same product has the same library, whatever was computed before."""
    found = {id(best_blas.best("float32", 64, 32, 48, threads=1)) for _ in range(50)}
    assert len(found) == 1
