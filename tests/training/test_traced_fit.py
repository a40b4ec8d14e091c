"""Steps in loops that JAX compiles: the results do not depend on how they are made."""

from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.training.many_steps import Pace

jax = pytest.importorskip("jax", reason="JAX is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype("float32")
Y, W = RNG.integers(0, 3, 50), RNG.uniform(0.1, 2, 50)
FIT: dict[str, Any] = {"epochs": 3, "batch_size": 16}  # the last batch has two samples


def full() -> Any:
    return xn.Sequential(xn.Dense(6, "tanh"), xn.BatchNorm(), xn.Dropout(0.2), xn.Dense(3))


def make(backend: str = "jax", optimizer: Any = None, net: Any = None) -> xn.Model:
    """A model that is compiled quickly."""
    optimizer = optimizer or xn.SGD(0.1, momentum=0.9)
    return xn.Model(net or xn.Dense(3), optimizer=optimizer, backend=backend)


def outcome(model: xn.Model, history: Any = None) -> dict[str, Any]:
    """All that training has changed, on the host."""
    state = model.engine.state
    found = {n: np.asarray(v) for n, v in state.vectors.items() if n != "gradient"}
    if history is not None:
        found |= {n: np.asarray(history[n]) for n in history.columns if n != "seconds"}
    return found | {"counts": np.array([state.epoch, state.step, state.updates])}


def fitted(
    backend: str = "jax", optimizer: Any = None, net: Any = None, **settings: Any
) -> dict[str, Any]:
    model = make(backend, optimizer, net)
    size = {} if net else {"batch_size": 25}  # each size of a batch is compiled
    return outcome(model, model.fit(X, Y, **{**FIT, **size, **settings}))


def close(found: dict[str, Any], wanted: dict[str, Any], within: float = 2e-4) -> None:
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, within, within, err_msg=name)


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, name)


@pytest.fixture(scope="module")
def many() -> dict[str, Any]:
    """A fit whose steps are made in loops."""
    return fitted(net=full())


@pytest.mark.parametrize("steps", [1, 3])
def test_any_number_of_steps_in_a_call_gives_the_same_bits(steps: int, many: Any) -> None:
    same(fitted(net=full(), steps_per_execution=steps), many)


def test_steps_made_one_by_one(many: Any) -> None:
    close(fitted(net=full(), steps_per_execution=0), many, 1e-5)


def test_as_numpy(many: Any) -> None:
    close(many, fitted("numpy", net=full()))


def backwards(rows: int) -> Any:
    return np.arange(rows)[::-1]


@pytest.mark.parametrize(
    "settings",
    [{"shuffle": False}, {"shuffle": backwards, "sample_weight": W, "class_weight": "balanced"}],
    ids=["as they come", "weights"],
)
def test_settings_of_a_fit(settings: Any) -> None:
    close(fitted(**settings), fitted("numpy", **settings))


@pytest.mark.parametrize(
    "schedule",
    [xn.OneCycle(0.1, 3), xn.Warmup(xn.CosineDecay(0.1, 3), 1)],
    ids=["one cycle", "warmup"],
)
def test_schedules_that_vary_within_an_epoch(schedule: Any) -> None:
    found, wanted = (fitted(backend, xn.SGD(schedule)) for backend in ("jax", "numpy"))
    close(found, wanted)


def test_accumulated_batches() -> None:
    net = xn.Sequential(xn.Dropout(0.2), xn.Dense(3, kernel_penalty=xn.L2(0.01)))
    ends = []
    for backend in ("jax", "numpy"):
        model = xn.Model(net, optimizer=xn.SGD(0.1), backend=backend)
        history = model.fit(X, Y, sample_weight=W, accumulate=2, epochs=2, batch_size=16)
        ends.append(outcome(model, history))
    close(ends[0], ends[1])


class Change(xn.Callback):
    """Change the optimizer or its rate, at the end of an epoch or after a step."""

    def __init__(self, when: str, what: str) -> None:
        self.when, self.what = when, what

    def change(self, model: xn.Model) -> None:
        if self.what == "optimizer":
            model.optimizer = xn.Adam(0.01)
        else:
            model.optimizer.learning_rate = 0.01

    def on_epoch_end(self, model: xn.Model, epoch: int, logs: Any) -> None:
        if self.when == "epoch" and epoch == 1:
            self.change(model)


class ChangeAtStep(Change):
    def on_step_end(self, model: xn.Model, step: int) -> None:
        if step == 6:
            self.change(model)


@pytest.mark.parametrize(("what", "kind"), [("optimizer", Change), ("rate", ChangeAtStep)])
def test_a_callback_exchanges_the_optimizer(what: str, kind: Any) -> None:
    ends = []
    for backend in ("jax", "numpy"):
        model = make(backend)
        history = model.fit(X, Y, callbacks=[kind("epoch", what)], epochs=3, batch_size=10)
        ends.append(outcome(model, history))
    close(ends[0], ends[1])


def test_early_stopping_restores_the_best() -> None:
    ends = []
    for backend in ("jax", "numpy"):
        model = make(backend, xn.SGD(0.5))
        stop = xn.EarlyStopping(patience=2)
        history = model.fit(
            X, Y, epochs=20, batch_size=25, callbacks=[stop], validation_data=(X[::-1], Y)
        )
        ends.append(outcome(model, history))
    assert len(ends[0]["loss"]) < 20
    close(ends[0], ends[1], within=2e-3)


def test_metrics_are_those_of_all_samples() -> None:
    model = make()
    model.fit(X, Y, epochs=1, batch_size=16)
    for batch_size in (None, 16):
        found = model.evaluate(X, Y, sample_weight=W, batch_size=batch_size)
        z = np.asarray(model.predict(X), "float64")
        loss = np.log(np.exp(z).sum(1)) - z[np.arange(50), Y]
        assert found["loss"] == pytest.approx((loss * W).sum() / W.sum(), rel=1e-5)
        hit = z.argmax(1) == Y
        assert found["accuracy"] == pytest.approx((hit * W).sum() / W.sum(), rel=1e-5)


def test_predictions_in_batches() -> None:
    model = make().build(4)
    wanted = model.predict(X)
    for size in (16, 25, 99):
        np.testing.assert_allclose(model.predict(X, batch_size=size), wanted, rtol=1e-5, atol=1e-6)


def test_train_on_batch() -> None:
    losses = []
    for backend in ("jax", "numpy"):
        model = make(backend)
        losses.append([float(model.train_on_batch(X, Y, W)) for _ in range(3)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_lbfgs() -> None:
    pytest.importorskip("scipy")
    losses = [
        xn.MLP([4, 5, 3], optimizer="lbfgs", backend=b).fit(X, Y, epochs=8)["loss"]
        for b in ("jax", "numpy")
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-2)


class TestTransfers:
    """What goes to the device and back in an epoch does not depend on the number of steps."""

    @pytest.fixture
    def moved(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """The names of the functions that move arrays, when they do."""
        kind: Any = type(get("jax"))
        seen: list[str] = []
        put, read = kind._put, kind.to_numpy

        def noted_put(self: Any, host: Any) -> Any:
            seen.append("put")
            return put(self, host)

        def noted_read(self: Any, x: Any) -> Any:
            if self.owns(x):
                seen.append("read")
            return read(self, x)

        monkeypatch.setattr(kind, "_put", noted_put)
        monkeypatch.setattr(kind, "to_numpy", noted_read)
        monkeypatch.setattr("xpnet.training.traced_steps.Pace", lambda *_: Pace(99, 1e9, 99))
        return seen

    @pytest.mark.parametrize("shuffle", [True, False])
    def test_there_are_no_hidden_ones(self, moved: Any, shuffle: bool) -> None:
        numbers: list[Any] = []
        x, y = jax.numpy.asarray(np.tile(X, (8, 1))), jax.numpy.asarray(np.tile(Y, 8))
        for steps in (4, 16):
            rows = steps * 25
            data = x[:rows], y[:rows]
            model = make().build(4)
            model.fit(*data, epochs=1, batch_size=25)
            moved.clear()
            model.fit(*data, epochs=3, batch_size=25, shuffle=shuffle, validation_data=data)
            numbers.append(sorted(moved))
        assert numbers[0] == numbers[1]
        # In each of three epochs: once to wait, its results, those of validation.
        assert numbers[0].count("read") <= 3 * 3
