"""Predictions from several threads: each as if it were alone."""

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
        found = list(threads.map(ask, range(200)))
    assert all(same for same, _ in found)
    assert all(numbers == score for _, numbers in found)


def test_a_fit_that_is_watched_from_another_thread_learns_the_same():
    wanted = xn.MLP([20, 50, 3], dropout=0.1).fit(X, Y, epochs=10)["loss"]
    model = xn.MLP([20, 50, 3], dropout=0.1).build()
    with ThreadPoolExecutor(2) as threads:
        fit = threads.submit(lambda: model.fit(X, Y, epochs=10)["loss"])
        while not fit.done():
            assert np.isfinite(model.predict(X[:100])).all()
    assert fit.result() == wanted
