"""The same seed gives the same bits, and the interpreter gives what the plan gives."""

import os
import subprocess
import sys
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet.backends.generic import GenericBackend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4))
LABELS, REAL, W = RNG.integers(0, 3, 50), RNG.normal(size=(50, 3)), RNG.uniform(0, 2, 50)


def net():
    f = xn.Dense(6, "tanh")
    return xn.Sequential(xn.Dense(6, "relu"), xn.Residual(f), xn.Concat(f, xn.Sigmoid()),
                         xn.Multiply(xn.Dense(5), xn.Dense(1)), xn.Dense(3))  # fmt: skip


def make(**settings):
    settings = {"optimizer": xn.SGD(0.05, momentum=0.9, weight_decay=1e-3), **settings}
    return xn.Model(net(), **settings)


def trained(seed=0, fits=1, **settings):
    """The bits of the initial weights, of all losses, and of the final weights."""
    model = make(seed=seed, input_shape=4, **settings).build()
    bits = [a.tobytes() for a in model.state_dict().values()]
    for _ in range(fits):
        history = model.fit(X, LABELS, epochs=3, batch_size=16, validation_data=(X, LABELS))
        bits += [history[c] for c in ("loss", "accuracy", "val_loss", "val_accuracy")]
    return bits + [a.tobytes() for a in model.state_dict().values()]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_seed_gives_the_same_bits(optimizer, dtype):
    runs = [trained(7, 2, optimizer=optimizer, dtype=dtype) for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]


def test_other_seeds_give_other_weights_and_losses():
    a, b = trained(0), trained(1)
    assert a[0] != b[0]
    assert all(p != q for p, q in zip(a[-4:], b[-4:], strict=True))


def test_float32_starts_from_the_rounded_float64_weights():
    a, b = (make(dtype=d, input_shape=4).build().state_dict() for d in ("float32", "float64"))
    for name in a:
        np.testing.assert_array_equal(a[name], b[name].astype("float32"))


SCRIPT = """
import hashlib, numpy as np, xpnet as xn
X = np.arange(120.0).reshape(30, 4) % 7 - 3
y = np.arange(30) % 3
f = xn.Dense(6, "tanh")
net = xn.Sequential(xn.Dense(6), xn.Residual(f), xn.Concat(f, xn.Dense(2), f), xn.Dense(3))
model = xn.Model(net, optimizer="adam", seed=5)
losses = model.fit(X, y, epochs=3, batch_size=8)["loss"]
state = b"".join(a.tobytes() for a in model.state_dict().values())
print(losses, list(model.parameters), hashlib.sha256(state).hexdigest())
"""


def test_the_same_seed_gives_the_same_bits_in_another_process():
    outputs = set()
    for hash_seed in ("0", "1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "XPNET_BLAS": "numpy"},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(run.stdout)
    assert len(outputs) == 1
    assert "[" in outputs.pop()


# --- the order of the samples ----------------------------------------------------------------


def orders(rows=40, batch_size=1, fits=(2,), **settings):
    """The samples in the order in which training takes them, one list an epoch.

    The weight's gradient is the sum of the batch's inputs, so the steps of SGD tell the order.
    """
    seen, last = [], 0.0

    class Watch(xn.Callback):
        def on_epoch_begin(self, model, epoch):
            seen.append([])

        def on_step_end(self, model, step):
            nonlocal last
            now = float(model.parameters["weight"][0, 0])
            seen[-1].append(round(last - now))
            last = now

    model = xn.Model(
        xn.Dense(1, kernel_init="zeros"), lambda z, t: xn.ops.sum(z, axis=-1),
        xn.SGD(1.0), dtype="float64", seed=settings.pop("seed", 0),
    )  # fmt: skip
    x = np.arange(float(rows))[:, None]
    for epochs in fits:
        settings = {**settings, "batch_size": batch_size, "callbacks": [Watch()]}
        model.fit(x, x, epochs=epochs, **settings)
    return seen


def test_every_epoch_takes_every_sample_once_in_a_new_order():
    seen = orders(fits=(3, 2))
    assert all(sorted(epoch) == list(range(40)) for epoch in seen)
    assert len({tuple(epoch) for epoch in seen}) == 5
    assert list(range(40)) not in seen


def test_the_order_follows_the_seed_alone():
    assert orders(fits=(3,)) == orders(fits=(3,)) == orders(fits=(1, 2))
    assert orders(seed=1) != orders(seed=2)


def test_without_shuffle_the_samples_come_as_they_are():
    assert orders(shuffle=False) == [list(range(40))] * 2


def test_an_order_of_ones_own():
    calls = []

    def order(rows):
        calls.append(rows)
        return np.roll(np.arange(rows), len(calls))

    expected = [np.roll(np.arange(40), i).tolist() for i in (1, 2, 3)]
    assert orders(shuffle=order, fits=(1, 2)) == expected
    assert calls == [40, 40, 40]


@pytest.mark.parametrize(
    "wrong", [np.arange(39), np.zeros(40, dtype=int), np.arange(40)[:, None], np.arange(1, 41)]
)
def test_an_order_that_is_none(wrong):
    with pytest.raises(xn.errors.ArgumentError, match="order of 40 samples"):
        orders(shuffle=lambda rows: wrong)


# --- interpreter and plan --------------------------------------------------------------------

TARGETS = {
    "softmax_cross_entropy": LABELS,
    "binary_cross_entropy_with_logits": (REAL > 0).astype(float),
    "mean_squared_error": REAL,
}
OPTIMIZERS = {
    "sgd": lambda: xn.SGD(0.05),
    "nesterov": lambda: xn.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
    "momentum": lambda: xn.SGD(0.05, momentum=0.9),
    "adam": lambda: xn.Adam(0.01, weight_decay=0.1),
}
INTERPRETED = {"numpy": GenericBackend(np), "array_api_strict": array_api_strict}
if find_spec("torch"):
    INTERPRETED["torch"] = import_module("torch")


def fitted(loss, optimizer, weighted, backend):
    """The history, and predictions and metrics of what was learned."""
    y, w = TARGETS[loss], W if weighted else None
    model = make(loss=loss, optimizer=OPTIMIZERS[optimizer](), dtype="float64", backend=backend)
    history = model.fit(
        X, y, epochs=2, batch_size=16, sample_weight=w, validation_data=(X, y)
    ).to_dict()
    del history["seconds"]
    return history, model.predict(X), model.evaluate(X, y, sample_weight=w)


planned = cache(partial(fitted, backend="numpy"))  # the same for every backend


@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("backend", INTERPRETED)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_interpreter_equals_the_plan(loss, optimizer, backend, weighted):
    plan, z, e = planned(loss, optimizer, weighted)
    plain, z_plain, e_plain = fitted(loss, optimizer, weighted, INTERPRETED[backend])
    for column, values in plan.items():
        np.testing.assert_allclose(plain[column], values, rtol=1e-10, err_msg=column)
    np.testing.assert_allclose(z_plain, z, rtol=1e-8, atol=1e-10)
    assert e_plain == pytest.approx(e, rel=1e-10)


@pytest.mark.parametrize("backend", INTERPRETED)
def test_every_backend_starts_from_the_same_bits(backend):
    a = make(backend="numpy", input_shape=4).build().state_dict()
    b = make(backend=INTERPRETED[backend], input_shape=4).build().state_dict()
    assert list(a) == list(b)
    for name in a:
        assert a[name].tobytes() == np.asarray(b[name]).tobytes()
