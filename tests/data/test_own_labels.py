"""Labels that a loss or a metric of your own looks up: refused like those of named losses."""

from importlib.util import find_spec

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.errors import DataError, DTypeError

NAMES = {"numpy": "numpy", "interpreter": array_api_strict}
NAMES |= {name: name for name in ("torch", "jax") if find_spec(name)}
X = np.ones((12, 4), "float32")
LABELS = np.arange(12) % 3
EYE = np.eye(3, dtype="float32")


def one_hot(z, t):
    return -ops.sum(ops.log_softmax(z) * ops.one_hot(t, classes=3), axis=-1)


def row_of_a_table(z, t):
    return ops.sum((z - ops.embedding(EYE, t)) ** 2, axis=-1)


def from_numbers(z, t):
    return ops.softmax_cross_entropy(z, ops.as_index(t))


INTEGERS = {"labels": ops.softmax_cross_entropy, "one_hot": one_hot, "table": row_of_a_table}
BAD = {"too large": 3, "negative": -1, "far too large": 2**31 - 1, "far too small": -(2**31)}
REALS = {
    "one column": (lambda t: t, from_numbers),
    "of two columns": (
        lambda t: np.stack([t, np.zeros_like(t)], axis=1),
        lambda z, t: ops.softmax_cross_entropy(z, ops.as_index(t[:, 0])),
    ),
    "from one": (
        lambda t: t + 1,
        lambda z, t: ops.softmax_cross_entropy(z, ops.as_index(t - 1)),
    ),
}
BAD_REALS = {**BAD, "a fraction": 0.5, "NaN": np.nan, "infinite": np.inf}


def with_one(y, bad):
    y = y.copy()
    y[7] = bad
    return y


def refused(loss, good, bad, backend, each):
    """Whether every way to give these targets raises, and changes nothing."""

    def model(**settings):
        return xn.MLP([4, 3], backend=NAMES[backend], check_finite=False, **settings)

    ways = {
        "fit": lambda m: m.fit(X, bad, epochs=1, verbose=False),
        "evaluate": lambda m: m.evaluate(X, bad),
        "train_on_batch": lambda m: m.train_on_batch(X, bad),
        "validation": lambda m: m.fit(X, good, epochs=1, validation_data=(X, bad), verbose=False),
    }
    for name, way in ways.items():
        for settings in ({"loss": loss}, {"loss": own_mean, "metrics": [loss]}):
            with each(name, *settings):
                made = model(**settings)
                made.evaluate(X, good)
                before = made.state_dict()
                with pytest.raises(DataError, match="so it must hold whole numbers from 0 to 2"):
                    way(made)
                for key, array in made.state_dict().items():
                    np.testing.assert_array_equal(np.asarray(array), np.asarray(before[key]))
    with each("a batch like the one before"):
        made = model(loss=loss)
        made.train_on_batch(X, good)
        made.train_on_batch(X, good)
        with pytest.raises(DataError, match="whole numbers from 0 to 2"):
            made.train_on_batch(X, bad)


def own_mean(z, t):
    return ops.mean(z * z, axis=-1)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("loss", INTEGERS)
@pytest.mark.parametrize("backend", NAMES)
def test_labels_that_are_no_class(loss, kind, backend, each):
    refused(INTEGERS[loss], LABELS, with_one(LABELS, BAD[kind]), backend, each)


@pytest.mark.parametrize("kind", BAD_REALS)
@pytest.mark.parametrize("loss", REALS)
def test_numbers_that_are_no_class(loss, kind, each):
    made, function = REALS[loss]
    bad = made(with_one(LABELS.astype("float32"), BAD_REALS[kind]))
    refused(function, made(LABELS.astype("float32")), bad, "numpy", each)


@pytest.mark.parametrize("loss", INTEGERS)
def test_good_labels_train(loss, each):
    model = xn.MLP([4, 3], loss=INTEGERS[loss])
    model.fit(X, LABELS, epochs=2, verbose=False)
    for dtype in ("int32", "uint8", "bool"):
        with each(dtype):
            model.train_on_batch(X, LABELS.astype(dtype))


@pytest.mark.parametrize("loss", INTEGERS)
@pytest.mark.parametrize("bad", [LABELS + 0.5, with_one(LABELS.astype(object), "x")])
def test_labels_of_another_type(loss, bad):
    with pytest.raises(DTypeError):
        xn.MLP([4, 3], loss=INTEGERS[loss]).fit(X, bad, epochs=1)


@pytest.mark.parametrize("loss", INTEGERS)
@pytest.mark.parametrize("kind", BAD)
def test_value_and_grad(loss, kind):
    vg = xn.value_and_grad(lambda z, t: ops.mean(INTEGERS[loss](z, t)))
    z = np.ones((12, 3), "float32")
    assert np.isfinite(vg(z, LABELS)[0])
    with pytest.raises(DataError, match=r"argument 1 is looked up in .* numbers from 0 to 2"):
        vg(z, with_one(LABELS, BAD[kind]))


def test_value_and_grad_of_objects():
    vg = xn.value_and_grad(lambda z, t: ops.mean(ops.softmax_cross_entropy(z, t)))
    with pytest.raises(DTypeError, match="argument 1 must hold real numbers"):
        vg(np.ones((12, 3)), LABELS.astype(object))


def test_more_labels_than_are_checked_at_a_time():
    many, y = np.ones((9000, 4), "float32"), np.zeros(9000, "float32")
    model = xn.MLP([4, 3], loss=from_numbers)
    model.evaluate(many, y)
    y[8765] = 1.25
    with pytest.raises(DataError, match=r"got 1\.25 in row 8765"):
        model.evaluate(many, y)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("op", [ops.accuracy, lambda z, t: ops.top_k_accuracy(z, t, top=2)])
def test_metrics_that_look_labels_up(op, kind):
    def hits(z, t):
        return op(z, t)

    model = xn.MLP([4, 3], loss=own_mean, metrics=[hits])
    assert 0 <= model.evaluate(X, LABELS)["hits"] <= 1
    with pytest.raises(DataError, match="whole numbers from 0 to 2"):
        model.evaluate(X, with_one(LABELS, BAD[kind]))
