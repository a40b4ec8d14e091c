"""Random shapes, sizes, types and losses: training runs, and a small step goes downhill."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpnet as xn

LOSSES = ["softmax_cross_entropy", "binary_cross_entropy_with_logits", "mean_squared_error"]
TYPES = ["float32", "float64", "float16", "int8", "uint16", "int64", "bool"]


@st.composite
def problems(draw):
    """A net, its loss, and data that fit."""
    rows, features = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    hidden = draw(st.lists(st.integers(1, 6), max_size=3))
    outputs, loss = draw(st.integers(1, 4)), draw(st.sampled_from(LOSSES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(TYPES))
    x = 3 * rng.normal(size=(rows, features))
    x = (np.abs(x) if kind.startswith("u") else x).astype(kind)
    if loss == "softmax_cross_entropy":
        y = rng.integers(0, outputs, rows)
        y = np.eye(outputs)[y] if draw(st.booleans()) else y
    elif loss == "mean_squared_error":
        y = rng.normal(size=(rows, outputs))
    else:
        y = rng.integers(0, 2, (rows, outputs))
    activation = draw(st.sampled_from(["relu", "tanh", "sigmoid", "identity", "softmax"]))
    return [features, *hidden, outputs], activation, loss, x, y


@settings(max_examples=60, deadline=None)
@given(
    problems(),
    st.integers(1, 15),
    st.sampled_from(["sgd", "adam"]),
    st.sampled_from(["float32", "float64"]),
    st.booleans(),
    st.booleans(),
)
def test_training_runs(problem, batch_size, optimizer, dtype, shuffle, as_lists):
    sizes, activation, loss, x, y = problem
    if as_lists:
        x, y = x.tolist(), y.tolist()
    model = xn.MLP(sizes, activation, loss=loss, optimizer=optimizer, dtype=dtype)
    history = model.fit(x, y, epochs=2, batch_size=batch_size, shuffle=shuffle,
                        validation_data=(x, y))  # fmt: skip
    values = [v for c in history.columns for v in history[c]]
    assert np.isfinite(values).all()
    assert model.engine.state.updates == 2 * -(-len(x) // batch_size)
    z = model.predict(x, batch_size=batch_size)
    assert z.shape == (len(x), sizes[-1])
    assert z.dtype == dtype
    assert model.evaluate(x, y)["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(problems(), st.booleans())
def test_a_small_step_goes_downhill_as_far_as_the_gradient_says(problem, weighted):
    sizes, activation, loss, x, y = problem
    activation = "tanh" if activation == "relu" else activation  # a kink has no gradient
    rate = 1e-5
    model = xn.MLP(sizes, activation, loss=loss, optimizer=xn.SGD(rate), dtype="float64").build()
    w = np.linspace(0.5, 2, len(x)) if weighted else None
    start = model.state_dict()
    before = float(model.train_on_batch(x, y, w))
    moved = sum(float(np.sum((a - start[n]) ** 2)) for n, a in model.parameters.items())
    expected = moved / rate  # rate times the square of the gradient
    after = model.evaluate(x, y, sample_weight=w)["loss"]
    assert before - after == pytest.approx(expected, rel=0.05, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_one_bad_number_anywhere_is_found(data):
    rows, features = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 5))
    x, y = np.zeros((rows, features)), np.zeros(rows, int)
    model = xn.MLP([features, 2])
    model.build()
    state = model.state_dict()
    place = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, features - 1))
    if data.draw(st.booleans()):
        x[place] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    else:
        y[place[0]] = data.draw(st.integers(2, 10) | st.integers(-9, -1))
    with pytest.raises(xn.errors.DataError):
        model.fit(x, y)
    with pytest.raises(xn.errors.DataError):
        model.train_on_batch(x, y)
    assert all(np.array_equal(a, state[n]) for n, a in model.parameters.items())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.booleans())
def test_batches_of_any_sizes_in_any_order_predict_alike(sizes, training):
    """Programs share memory, and only some are kept: no size may disturb another."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)), rng.integers(0, 2, 60)
    model = xn.MLP([3, 4, 2], dtype="float64", optimizer="sgd").build()
    for size in sizes:
        if training:
            model.train_on_batch(x[:size], y[:size])
        w0, b0, w1, b1 = (model.parameters[f"layers.{i}.{n}"]
                          for i in (0, 2) for n in ("weight", "bias"))  # fmt: skip
        expected = np.maximum(x[:size] @ w0 + b0, 0) @ w1 + b1
        np.testing.assert_allclose(model.predict(x[:size]), expected, rtol=1e-10, atol=1e-13)
