"""Predictions from several threads: each as if it were alone."""

import copy
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import xpnet as xn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(600, 20)).astype("float32"), RNG.integers(0, 3, 600)


def test_predictions_and_evaluations():
    model = xn.MLP([20, 100, 100, 3])
    model.fit(X, Y, epochs=1)
    parts = [X[:50], X[50:250], X[250:]]
    wanted = [model.predict(part) for part in parts]
    score = model.evaluate(X, Y)

    def ask(i):
        return np.array_equal(model.predict(parts[i % 3]), wanted[i % 3]), model.evaluate(X, Y)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(ask, range(2000)))
    assert all(same for same, _ in found)
    assert all(numbers == score for _, numbers in found)


def test_models_whose_products_are_worth_other_numbers_of_threads():
    """Small ones are computed by one thread, large ones by all; neither changes the other."""
    wide = RNG.normal(size=(350, 784)).astype("float32")
    models = [(xn.MLP([20, 100, 100, 3]).build(), X), (xn.MLP([784, 300, 300, 10]).build(), wide)]
    rows = [50, 350]
    wanted = [[model.predict(data[:n]) for n in rows] for model, data in models]

    def ask(i):
        (model, data), n = models[i % 2], i // 2 % 2
        return np.array_equal(model.predict(data[: rows[n]]), wanted[i % 2][n])

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(ask, range(400)))


def test_a_fit_beside_predictions_of_another_model_learns_the_same():
    wide = xn.MLP([784, 300, 10]).build()
    data = RNG.normal(size=(350, 784)).astype("float32")
    wanted = xn.MLP([20, 100, 100, 3]).fit(X, Y, epochs=5, batch_size=200)["loss"]
    prediction, model = wide.predict(data), xn.MLP([20, 100, 100, 3])
    with ThreadPoolExecutor(1) as threads:
        fit = threads.submit(lambda: model.fit(X, Y, epochs=5, batch_size=200)["loss"])
        while not fit.done():
            np.testing.assert_array_equal(wide.predict(data), prediction)
    assert fit.result() == wanted


def test_a_fit_that_is_watched_from_another_thread_learns_the_same():
    wanted = xn.MLP([20, 50, 3], dropout=0.1).fit(X, Y, epochs=10)["loss"]
    model = xn.MLP([20, 50, 3], dropout=0.1).build()
    with ThreadPoolExecutor(2) as threads:
        fit = threads.submit(lambda: model.fit(X, Y, epochs=10)["loss"])
        while not fit.done():
            assert np.isfinite(model.predict(X[:100])).all()
    assert fit.result() == wanted


def test_programs_that_are_compiled_at_the_same_time():
    """They share memory while they are made, too."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for seed in range(4):
            layers = [xn.Dense(30), xn.GELU(), xn.LayerNorm(), xn.Dense(20, "relu"), xn.Dense(3)]
            model = xn.Model(xn.Sequential(*layers), seed=seed).build((20,))
            alone = copy.deepcopy(model)
            wanted = {rows: alone.predict(X[:rows]) for rows in range(1, 60, 4)}
            with ThreadPoolExecutor(len(wanted)) as threads:
                found = list(threads.map(lambda rows, model=model: model.predict(X[:rows]), wanted))
            for rows, output in zip(wanted, found, strict=True):
                np.testing.assert_allclose(output, wanted[rows], rtol=1e-5, atol=1e-6)
    finally:
        sys.setswitchinterval(before)


_TWICE = """
import numpy as np, xpnet as xn
X = np.random.default_rng(0).normal(size=(24, 784)).astype("float32")
model = xn.MLP([784, 512, 512, 10])
first, again, third = model.predict(X), model.predict(X), model.predict(X)
print(np.array_equal(first, again), np.array_equal(again, third))
"""


def test_the_same_prediction_has_the_same_bits_with_two_threads():
    """The first one makes all choices, the next ones take a short way."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", _TWICE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True"]
