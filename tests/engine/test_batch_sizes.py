"""Sizes of batches that come rarely are interpreted; which ones depends on the state alone."""

import pickle
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.engine.batch_sizes import counted, rare
from xpnet.engine.programs import InterpretedProgram
from xpnet.errors import FormatError
from xpnet.saving.file_values import sizes_of
from xpnet.saving.fit_state import take

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(90, 5)).astype("float32"), RNG.integers(0, 3, 90)


def model() -> Any:
    """A network with everything that a step changes or reads."""
    net = xn.Sequential(
        xn.Dense(8, bias=False), xn.BatchNorm(), xn.ReLU(), xn.Dropout(0.3), xn.Dense(3)
    )
    return xn.Model(net, optimizer=xn.Adam(0.01), backend="numpy", input_shape=5)


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the programs that are interpreted from here on."""
    found = []
    before = InterpretedProgram.__init__

    def init(self: Any, backend: Any, table: Any, state: Any, graph: Any, step: Any) -> None:
        found.append(graph.graph.inputs[0].shape[0])
        before(self, backend, table, state, graph, step)

    monkeypatch.setattr(InterpretedProgram, "__init__", init)
    return found


def steps(m: Any, sizes: Any) -> None:
    for rows in sizes:
        m.fit(X[:rows], Y[:rows], epochs=1, batch_size=90, verbose=False)


def same(a: Any, b: Any) -> None:
    for name, array in a.state_dict().items():
        np.testing.assert_array_equal(b.state_dict()[name], array, err_msg=name)


@pytest.mark.parametrize("kind", ["fit", "train_on_batch"])
def test_a_new_size_is_interpreted_three_times(kind: str, interpreted: list[int]) -> None:
    m = model()
    for rows in (32, 7, 32, 8, 7, 7, 7, 32, 7):
        if kind == "fit":
            steps(m, [rows])
        else:
            m.train_on_batch(X[:rows], Y[:rows])
    assert interpreted == [7, 8, 7, 7]


@pytest.mark.parametrize(
    "fit",
    [
        {"epochs": 1, "batch_size": 90},
        {"epochs": 1, "batch_size": 32},
        {"epochs": 3, "batch_size": 32},
        {"epochs": 1, "batch_size": 32, "accumulate": 2},
    ],
)
def test_a_first_fit_is_compiled_whole_batches_and_rest(
    fit: dict[str, int], interpreted: list[int]
) -> None:
    m = model()
    for _ in range(3):
        m.fit(X, Y, verbose=False, **fit)
    assert interpreted == []


def test_a_later_fit_of_several_steps_is_compiled(interpreted: list[int]) -> None:
    m = model()
    steps(m, [90])
    m.fit(X[:50], Y[:50], epochs=2, batch_size=32, verbose=False)
    assert interpreted == []
    m.fit(X[:55], Y[:55], epochs=1, batch_size=20, verbose=False)
    assert interpreted == [15]  # the last batch; there are two of 20


def test_evaluation_and_prediction_are_always_compiled(interpreted: list[int]) -> None:
    """The same call gives the same bits, however often it was made."""
    m = model()
    steps(m, [90])
    for rows in (7, 8, 9):
        m.predict(X[:rows])
        m.evaluate(X[:rows], Y[:rows])
    assert interpreted == []


def test_the_interpreter_makes_the_same_step(interpreted: list[int]) -> None:
    """To rounding: sums are in another order."""
    one, other = model(), model()
    one.engine.state.sizes = {90: 3}
    other.engine.state.sizes = {90: 3, 17: 3}
    for start in (0, 17, 34):
        rows = slice(start, start + 17)
        a, b = (m.train_on_batch(X[rows], Y[rows]) for m in (one, other))
        np.testing.assert_allclose(a, b, rtol=1e-5)
    assert interpreted == [17] * 3
    for name, array in one.state_dict().items():
        np.testing.assert_allclose(other.state_dict()[name], array, rtol=1e-3, atol=1e-5)


TWINS = {
    "copy": lambda m, folder: deepcopy(m),
    "pickle": lambda m, folder: pickle.loads(pickle.dumps(m)),
    "file": lambda m, folder: (m.save(folder / "m.safetensors", optimizer_state=True),
                               xn.load(folder / "m.safetensors"))[1],
}  # fmt: skip


@pytest.mark.parametrize("kind", TWINS)
def test_a_twin_goes_on_with_the_same_bits(kind: str, tmp_path: Path) -> None:
    first = model()
    steps(first, [40, 7, 8, 7, 9])
    second = TWINS[kind](first, tmp_path)
    assert second.engine.state.sizes == first.engine.state.sizes
    for m in (first, second):
        steps(m, [7, 8, 9, 7, 10, 8, 7])
        m.train_on_batch(X[:9], Y[:9])
    same(first, second)


class Stopped(Exception):
    pass


class StopAt(xn.Callback):
    def __init__(self, count: int) -> None:
        self.left = count
        self.snapshot: Any = None

    def on_safe_point(self, model: Any, context: Any) -> None:
        self.left -= 1
        if not self.left:
            self.snapshot = take(context)
            raise Stopped


def test_a_resumed_fit_interprets_what_the_first_one_did(interpreted: list[int]) -> None:
    """Also in a process in which the model has not been trained before."""
    fit = {"epochs": 1, "batch_size": 40, "verbose": False}
    whole, broken, resumed = model(), model(), model()
    steps(whole, [90])
    whole.fit(X[:87], Y[:87], **fit)
    steps(broken, [90])
    stop = StopAt(1)
    with pytest.raises(Stopped):
        broken.fit(X[:87], Y[:87], callbacks=[stop], **fit)
    resumed.fit(X[:87], Y[:87], resume_from=stop.snapshot, **fit)
    assert interpreted == [7, 7, 7]
    same(whole, resumed)
    for m in (whole, resumed):
        steps(m, [7, 7, 7])
    same(whole, resumed)


def test_sizes_are_forgotten_when_there_are_many() -> None:
    sizes = counted({}, [500, 20], 1)
    assert sizes == {500: 3, 20: 3}
    for rows in range(1000, 3000):
        sizes = counted(counted(sizes, [rows]), [500])
    assert len(sizes) == 1000
    assert sizes[500] == 3
    assert 20 not in sizes
    assert rare(sizes, [500, 2999, 7]) == {2999, 7}
    assert rare(sizes, [7, 7, 8]) == {8}
    assert rare(sizes, [7, 8], epochs=2) == frozenset()


@pytest.mark.parametrize("found", [None, {}, [1], [[1]], [[1, 2, 3]], [["a", 1]], [[0, 1]], "ab"])
def test_sizes_in_a_damaged_file_are_refused(found: Any) -> None:
    with pytest.raises(FormatError, match="sizes must be pairs"):
        sizes_of(found)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_partial_fit_of_many_sizes_compiles_none_of_them(interpreted: list[int]) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    fitted = xn.MLPClassifier((8,), random_state=0)
    for rows in range(90, 30, -1):
        fitted.partial_fit(X[:rows], Y[:rows], classes=[0, 1, 2])
    assert interpreted == [*range(89, 30, -1)]
