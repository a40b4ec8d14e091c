"""What JAX's steps do to the state: its memory is re-used, and nothing else is."""

import os
import pickle
import signal
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.errors import DivergedError, ResumeWarning
from xpnet.saving.fit_state import take

jax = pytest.importorskip("jax", reason="JAX is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype("float32")
Y = RNG.integers(0, 3, 48)


def make(backend: Any = "jax", **settings: Any) -> xn.Model:
    settings = {"optimizer": xn.SGD(0.1, momentum=0.9, average_decay=0.5), **settings}
    return xn.Model(xn.Dense(3), backend=backend, input_shape=4, **settings)


def values(arrays: Any) -> dict[str, Any]:
    return {name: np.array(array) for name, array in arrays.items()}


def unchanged(arrays: Any, wanted: Any) -> None:
    for name, array in wanted.items():
        np.testing.assert_array_equal(arrays[name], array, name)


def usable(model: xn.Model) -> None:
    """All parameters and vectors have values, and training goes on."""
    for vector in model.engine.state.vectors.values():
        assert np.isfinite(np.asarray(vector)).all()
    assert np.isfinite(model.evaluate(X, Y)["loss"])
    assert np.isfinite(model.fit(X, Y, epochs=1, batch_size=16)["loss"]).all()


class TestAliases:
    """A step re-uses the memory of the state, but of no array that a user holds."""

    @pytest.mark.parametrize("net", ["affine", "one parameter"])
    def test_what_was_read_keeps_its_values(self, net: str) -> None:
        model = make()
        if net == "one parameter":
            model = xn.Model(xn.Dense(3, bias=False), optimizer="sgd", backend="jax", input_shape=4)
        model.fit(X, Y, epochs=1, batch_size=16)
        held = {
            **{f"parameter {n}": a for n, a in model.parameters.items()},
            **{f"state {n}": a for n, a in model.state_dict().items()},
            **{f"gradient {n}": a for n, a in model.gradients.items()},
            "loss": model.batch_loss,
            "prediction": model.predict(jax.numpy.asarray(X)),
        }
        before = values(held)
        model.fit(X, Y, epochs=2, batch_size=16)
        unchanged(held, before)

    def test_data_and_starting_values_are_not_touched(self) -> None:
        x, y = jax.numpy.asarray(X), jax.numpy.asarray(Y)
        start = {"weight": jax.numpy.ones((4, 3)), "bias": jax.numpy.zeros(3)}
        model = make()
        model.load_state_dict(start)
        model.fit(x, y, epochs=1, batch_size=48)
        unchanged({"x": x, "y": y, **start}, {"x": X, "y": Y, "weight": np.ones((4, 3))})

    def test_copies_are_independent(self) -> None:
        model = make()
        model.fit(X, Y, epochs=1, batch_size=16)
        twins = [deepcopy(model), pickle.loads(pickle.dumps(model))]
        average = model.averaged()
        before = [values(twin.parameters) for twin in (*twins, average)]
        model.fit(X, Y, epochs=1, batch_size=16)
        for twin, wanted in zip((*twins, average), before, strict=True):
            unchanged(twin.parameters, wanted)
        for twin in twins:
            twin.fit(X, Y, epochs=1, batch_size=16)
            unchanged(twin.parameters, values(model.parameters))


class Starts(xn.Callback):
    """Keep the parameters at the start of an epoch."""

    def on_epoch_begin(self, model: xn.Model, epoch: int) -> None:
        self.last = values(model.state_dict())


class TestFailures:
    @pytest.mark.parametrize("steps", [None, 0])
    @pytest.mark.parametrize("when", [0, 2])
    def test_divergence_is_told_as_by_numpy(self, when: int, steps: Any) -> None:
        told, kept = [], []
        for backend in ("jax", "numpy"):
            model = make(
                backend, loss="mse", optimizer=xn.SGD(lambda e: 1e30 if e >= when else 0.1)
            )
            watch = Starts()
            with pytest.raises(DivergedError) as caught:
                model.fit(
                    X,
                    X[:, :3],
                    epochs=5,
                    batch_size=16,
                    callbacks=[watch],
                    steps_per_execution=steps,
                )
            told.append((str(caught.value), caught.value.epoch, caught.value.step))
            unchanged(values(model.state_dict()), watch.last)
            kept.append((model.epoch, model.engine.state.step, model.engine.state.updates))
            model.optimizer = xn.SGD(0.1)
            assert np.isfinite(model.fit(X, X[:, :3], epochs=1)["loss"]).all()
        assert told[0] == told[1]
        assert kept[0] == kept[1]

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_an_error_within_a_run(self, error: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its memory was taken already: the last good parameters come back."""
        model = make()
        model.fit(X, Y, epochs=1, batch_size=16)
        good = values(model.state_dict())
        kind: Any = type(get("jax"))
        usual = kind.stepping

        def broken(self: Any, function: Any) -> Any:
            run = usual(self, function)

            def call(*args: Any) -> Any:
                run(*args)
                raise error("lost")

            return call

        monkeypatch.setattr(kind, "stepping", broken)
        model.optimizer = xn.SGD(0.1, momentum=0.9)  # its program is not compiled yet
        with pytest.raises(error, match="lost"):
            model.fit(X, Y, epochs=1, batch_size=16)
        monkeypatch.undo()
        unchanged(model.state_dict(), good)
        model.optimizer = xn.SGD(0.1, momentum=0.9)
        usable(model)

    def test_an_interrupt_ends_the_fit(self, usual_handlers: Any) -> None:
        def interrupt(model: xn.Model, epoch: int, logs: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)

        model = make()
        history = model.fit(X, Y, epochs=9, batch_size=16, callbacks=[interrupt])
        assert (history.interrupted, model.epoch) == ("SIGINT", 1)
        usable(model)


class At(xn.Callback):
    """Take a snapshot after this many steps, of which several are made at once."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.snapshot: Any = None

    def stride(self) -> int:
        return self.step

    def on_safe_point(self, model: xn.Model, context: Any) -> None:
        if context.state.step == self.step and self.snapshot is None:
            self.snapshot = take(context)


FIT: dict[str, Any] = {"epochs": 3, "batch_size": 10}  # 5 steps in an epoch, the last of 8 samples


def resumed(first: str, second: str, step: int) -> tuple[Any, Any]:
    """A whole fit and one that goes on from a snapshot, perhaps on another backend."""
    at = At(step)
    make(first).fit(X, Y, callbacks=[at], **FIT)
    whole, other = make(second), make(second)
    history = whole.fit(X, Y, **FIT)
    again = other.fit(X, Y, resume_from=at.snapshot, **FIT)
    return (history, whole), (again, other)


@pytest.mark.parametrize("step", [3, 5, 7])
def test_a_fit_that_resumes_ends_with_the_same_bits(step: int) -> None:
    (history, whole), (again, other) = resumed("jax", "jax", step)
    assert again["loss"] == history["loss"]
    for name, vector in whole.engine.state.vectors.items():
        if name != "gradient":
            np.testing.assert_array_equal(other.engine.state.vectors[name], vector)


@pytest.mark.parametrize(
    "pair", [("numpy", "jax"), ("jax", "numpy"), ("torch", "jax")], ids=" to ".join
)
def test_a_fit_resumes_on_another_library(pair: Any) -> None:
    if "torch" in pair:
        pytest.importorskip("torch")
    with pytest.warns(ResumeWarning, match=f"backend there: {pair[0]}; here: {pair[1]}"):
        (history, whole), (again, other) = resumed(*pair, step=7)
    np.testing.assert_allclose(again["loss"], history["loss"], rtol=1e-5)
    for name, array in whole.state_dict().items():
        np.testing.assert_allclose(other.state_dict()[name], array, rtol=1e-4, atol=1e-5)


def test_checkpoints_every_few_steps(tmp_path: Any) -> None:
    model = make()
    model.fit(X, Y, callbacks=[xn.Checkpoint(tmp_path, every=2, unit="step")], **FIT)
    again = make()
    again.fit(X, Y, resume_from=tmp_path, **FIT)
    unchanged(again.state_dict(), values(model.state_dict()))


def test_files_and_optimizer_state(tmp_path: Any) -> None:
    model = make()
    model.fit(X, Y, epochs=1, batch_size=16)
    model.save(tmp_path / "m.safetensors", optimizer_state=True)
    twin = xn.load(tmp_path / "m.safetensors", backend="jax")
    host = xn.load(tmp_path / "m.safetensors", backend="numpy")
    assert isinstance(twin, xn.Model)
    assert isinstance(host, xn.Model)
    for each in (model, twin, host):
        each.fit(X, Y, epochs=1, batch_size=16)
    unchanged(twin.state_dict(), values(model.state_dict()))
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(host.state_dict()[name], array, rtol=1e-4, atol=1e-6)
