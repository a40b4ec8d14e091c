"""Bad data: a clear error of the right kind, before anything changes."""

import dataclasses

import array_api_strict
import numpy as np
import pytest
from numpy import inf, nan

import xpnet as xn
from xpnet.errors import ArgumentError, DataError, DTypeError, ShapeError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), np.arange(12) % 3
SOFT = np.full((12, 3), 1 / 3)


def put(a, value, place=(5, 2)):
    a = np.array(a, dtype=float if isinstance(value, float) else None)
    a[place] = value
    return a


class Sparse:
    """What a sparse matrix of SciPy looks like."""

    shape, nnz = (12, 4), 3

    def toarray(self):
        return X


BAD_X = {
    "NaN": (put(X, nan), DataError, "X contains NaN or infinity.*check_finite=False"),
    "inf": (put(X, inf), DataError, "X contains NaN or infinity"),
    "-inf": (put(X, -inf), DataError, "X contains NaN or infinity"),
    "too large": (put(X, 1e300), DataError, "too large for float32"),
    "too few features": (X[:, :3], ShapeError, r"\(4,\).*\(12, 3\)"),
    "too many features": (np.hstack([X, X]), ShapeError, r"\(4,\).*\(12, 8\)"),
    "one feature, flat": (X[:, 0], ShapeError, r"\(4,\).*\(12,\)"),
    "three dimensions": (X[None], ShapeError, r"\(4,\).*\(1, 12, 4\)"),
    "no samples": (X[:0], DataError, r"empty.*\(0, 4\)"),
    "no features": (X[:, :0], DataError, r"empty.*\(12, 0\)"),
    "empty list": ([], DataError, "empty"),
    "a number": (3.0, ShapeError, "X must have one row per sample"),
    "None": (None, (DataError, DTypeError), "X"),
    "text": ("data.csv", DTypeError, "X must hold real numbers"),
    "texts": (X.astype(str), DTypeError, "X must hold real numbers, got dtype <U"),
    "objects": (X.astype(object), DTypeError, "X must hold real numbers, got dtype object"),
    "complex": (X + 0j, DTypeError, "X must hold real numbers, got dtype complex128"),
    "dates": (np.zeros((12, 4), "M8[D]"), DTypeError, "X must hold real numbers"),
    "records": (np.zeros(12, "f4,f4"), DTypeError, "X must hold real numbers"),
    "ragged": ([[1, 2, 3, 4], [1, 2]] * 6, DataError, "X cannot be turned into an array"),
    "huge integers": ([[2**80] * 4] * 12, (DataError, DTypeError), "X"),
    "dict": ({"a": X}, (DataError, DTypeError), "X"),
    "sparse": (Sparse(), DataError, r"X is a sparse matrix.*X\.toarray\(\)"),
}

BAD_Y = {
    "too short": (Y[:11], DataError, "X has 12 samples, but .*y has 11"),
    "too long": (np.append(Y, 0), DataError, "X has 12 samples, but .*y has 13"),
    "empty": (Y[:0], DataError, "X has 12 samples, but .*y has 0"),
    "label too large": (put(Y, 3, 7), DataError, "0 to 2.*3 outputs.*from 0 to 3"),
    "label negative": (put(Y, -1, 7), DataError, "0 to 2.*from -1 to 2"),
    "labels from 1": (Y + 1, DataError, "0 to 2.*from 1 to 3"),
    "unsigned label": (put(Y, 255, 7).astype("uint8"), DataError, "from 0 to 255"),
    "float labels": (Y * 1.0, DTypeError, r"integers from 0 to 2.*float64.*astype"),
    "NaN labels": (put(Y, nan, 7), (DataError, DTypeError), "labels|y"),
    "labels as a column": (Y[:, None], ShapeError, r"\(samples,\).*\(12, 1\)"),
    "two columns": (np.stack([Y, Y], 1), ShapeError, r"\(samples,\).*\(12, 2\)"),
    "four one-hot columns": (np.eye(4)[Y], ShapeError, r"\(12, 3\).*\(12, 4\)"),
    "probabilities with NaN": (put(SOFT, nan, (5, 1)), DataError, "y contains NaN"),
    "probabilities not adding up": (SOFT * 2, DataError, "add up to 1"),
    "negative probability": (SOFT - [1, -1, 0], DataError, "from 0 to 1, got from -0.66"),
    "a number": (1, ShapeError, "y must have one row per sample"),
    "None": (None, (DataError, DTypeError), "y"),
    "texts": (Y.astype(str), DTypeError, "y must hold real numbers"),
    "objects": (Y.astype(object), DTypeError, "y must hold real numbers"),
    "complex": (SOFT + 0j, DTypeError, "y must hold real numbers"),
    "ragged": ([[0, 1], [2]] * 6, DataError, "y cannot be turned into an array"),
    "sparse": (Sparse(), DataError, r"y is a sparse matrix.*y\.toarray\(\)"),
}

W = np.ones(12)
BAD_W = {
    "negative": (put(W, -1.0, 3), DataError, "sample_weight must not be negative"),
    "all zero": (W * 0, DataError, "sample_weight is 0 for every sample"),
    "too short": (W[:11], DataError, r"sample_weight must have shape \(12,\), got \(11,\)"),
    "a column": (W[:, None], DataError, r"sample_weight must have shape \(12,\), got \(12, 1\)"),
    "a number": (1.0, DataError, "sample_weight must have shape"),
    "NaN": (put(W, nan, 3), DataError, "sample_weight contains NaN"),
    "inf": (put(W, inf, 3), DataError, "sample_weight contains NaN or infinity"),
    "text": ("balanced", DTypeError, "sample_weight must hold real numbers"),
    "dict": ({0: 1.0, 1: 2.0}, (DataError, DTypeError), "sample_weight"),
}

CASES = {
    **{f"X {name}": ((x, Y), kind, words) for name, (x, kind, words) in BAD_X.items()},
    **{f"y {name}": ((X, y), kind, words) for name, (y, kind, words) in BAD_Y.items()},
    **{f"w {name}": ((X, Y, w), kind, words) for name, (w, kind, words) in BAD_W.items()},
}
METHODS = {
    "fit": lambda m, x, y, w=None: m.fit(x, y, sample_weight=w),
    "train_on_batch": lambda m, x, y, w=None: m.train_on_batch(x, y, w),
    "evaluate": lambda m, x, y, w=None: m.evaluate(x, y, sample_weight=w),
    "validation": lambda m, *bad: m.fit(X, Y, validation_data=bad),
}


def trained():
    model = xn.Model(xn.Dense(3), optimizer=xn.SGD(0.1, momentum=0.9))
    model.fit(X, Y, epochs=2, batch_size=5)
    return model


def frozen(model):
    """Everything that training changes."""
    arrays = {**model.state_dict(), **model.engine.state.slots}
    return model.epoch, model.engine.state.updates, {n: a.tobytes() for n, a in arrays.items()}


@pytest.mark.parametrize("which", CASES)
@pytest.mark.parametrize("method", METHODS)
def test_bad_data_are_refused_before_anything_changes(method, which):
    data, kind, words = CASES[which]
    model = trained()
    before = frozen(model)
    with pytest.raises(kind, match=words) as caught:
        METHODS[method](model, *data)
    assert isinstance(caught.value, xn.errors.XpnetError)
    assert frozen(model) == before
    model.fit(X, Y, epochs=1)


@pytest.mark.smoke
@pytest.mark.parametrize("which", BAD_X)
def test_predict_refuses_the_same_inputs(which):
    x, kind, words = BAD_X[which]
    model = trained()
    before = frozen(model)
    with pytest.raises(kind, match=words):
        model.predict(x)
    assert frozen(model) == before


@pytest.mark.parametrize("which", ["X NaN", "y too short", "w negative"])
def test_an_error_about_validation_data_says_that_they_are_meant(which):
    data, kind, _ = CASES[which]
    with pytest.raises(kind, match=r"validation|X_?v|val"):
        trained().fit(X, Y, validation_data=data)


@pytest.mark.parametrize(
    "bad",
    [X, (X,), (X, Y, W, W), {"X": X, "y": Y}, "auto", 0.1, ()],
    ids=lambda b: type(b).__name__,
)
def test_validation_data_must_be_a_pair_or_a_triple(bad):
    model = trained()
    before = frozen(model)
    with pytest.raises(ArgumentError, match=r"validation_data must be \(X, y\)"):
        model.fit(X, Y, validation_data=bad)
    assert frozen(model) == before


def test_validation_weights_that_the_loss_cannot_use_are_refused_before_training():
    model = xn.Model(xn.Dense(3), lambda z, t: xn.ops.mean((z - t) ** 2.0))
    with pytest.raises(ShapeError, match="sample weights can be applied"):
        model.fit(X, X[:, :3], epochs=2, validation_data=(X, X[:, :3], W))
    assert model.epoch == 0
    assert not model.built


# --- a first call that fails leaves the model open -------------------------------------------


@pytest.mark.parametrize("which", ["y too short", "y label too large", "y None", "w negative"])
@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
def test_a_failed_first_call_does_not_settle_the_number_of_features(method, which):
    data, kind, _ = CASES[which]
    model = xn.Model(xn.Dense(3))
    with pytest.raises(kind):
        METHODS[method](model, *data)
    assert not model.built
    model.fit(X[:, :2], Y, epochs=1)


def test_a_first_call_with_bad_validation_data_does_not_settle_it_either():
    model = xn.Model(xn.Dense(3))
    with pytest.raises(ShapeError):
        model.fit(X, Y, validation_data=(X[:, :2], Y))
    assert not model.built


# --- check_finite ----------------------------------------------------------------------------


def test_without_the_check_nan_reaches_predictions():
    model = trained()
    model._config = dataclasses.replace(model._config, check_finite=False)
    z = model.predict(put(X, nan, (5, 2)))
    assert np.isnan(z[5]).all()
    assert np.isfinite(np.delete(z, 5, axis=0)).all()


@pytest.mark.parametrize("value", [nan, inf])
def test_without_the_check_training_stops_at_the_batch_that_is_bad(value):
    model = xn.Model(xn.Dense(3), check_finite=False)
    with pytest.raises(xn.errors.DivergedError) as caught:
        model.fit(put(X, value, (7, 0)), Y, epochs=1, batch_size=5, shuffle=False)
    assert (caught.value.epoch, caught.value.step) == (1, 2)
    assert all(np.isfinite(a).all() for a in model.parameters.values())


def test_without_the_check_labels_are_checked_all_the_same():
    model = xn.Model(xn.Dense(3), check_finite=False)
    with pytest.raises(DataError, match="from 0 to 3"):
        model.fit(X, put(Y, 3, 7))


@pytest.mark.parametrize("value", [nan, inf])
@pytest.mark.parametrize("loss", ["mean_squared_error", lambda z, t: (z - t) * (z - t)])
def test_nan_in_real_targets(loss, value):
    model = xn.Model(xn.Sequential(xn.Dense(1), lambda z: xn.ops.sum(z, axis=-1, keepdims=True)),
                     loss)  # fmt: skip
    with pytest.raises(DataError, match="y contains NaN or infinity"):
        model.fit(X, put(X[:, 0], value, 3))


# --- other losses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "y", "kind", "words"),
    [
        ("mean_squared_error", X[:, :2], ShapeError, r"\(12, 3\).*\(12, 2\)"),
        ("mean_squared_error", X[:, 0], ShapeError, r"\(12, 3\).*\(12,\)"),
        ("binary_cross_entropy_with_logits", X[:, :3] * 9, DataError, "from 0 to 1"),
        ("binary_cross_entropy_with_logits", Y, ShapeError, r"\(12, 3\).*\(12,\)"),
    ],
)
def test_targets_that_do_not_fit_the_loss(loss, y, kind, words):
    model = xn.Model(xn.Dense(3), loss)
    with pytest.raises(kind, match=words):
        model.fit(X, y)


@pytest.mark.parametrize("order", ["<", ">"])
def test_data_of_either_byte_order_are_taken(order):
    expected = xn.Model(xn.Dense(3)).fit(X, Y, epochs=1)["loss"]
    found = xn.Model(xn.Dense(3)).fit(X.astype(order + "f8"), Y.astype(order + "i4"), epochs=1)
    assert found["loss"] == expected


def test_real_sparse_targets_are_named():
    sparse = pytest.importorskip("scipy.sparse")
    for kind in (sparse.csr_matrix, sparse.csr_array, sparse.coo_array):
        with pytest.raises(DataError, match=r"y is a sparse matrix.*toarray"):
            trained().fit(X, kind(np.eye(3)[Y]))


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        (np.ones(4), r"X\[:1\] or X\[None\]"),
        (np.ones((3, 2, 2)), r"X\.reshape\(len\(X\), -1\).*xpnet\.Flatten"),
        (np.ones((3, 5)), r"so samples of shape \(5,\)\."),
    ],
)
def test_samples_of_another_shape_before_any_training(data, advice):
    with pytest.raises(ShapeError, match=r"the model is for samples of shape \(4,\).*" + advice):
        xn.MLP([4, 3]).predict(data)


def test_text_is_advised_by_what_it_is():
    X, Y = np.ones((3, 4)), np.arange(3)
    with pytest.raises(DTypeError, match=r"X\.astype\(float\).*one-hot.*Embedding"):
        xn.MLP([4, 3]).fit(X.astype(str), Y)
    with pytest.raises(DTypeError, match=r"labels with numpy\.unique\(y, return_inverse=True"):
        xn.MLP([4, 3]).fit(X, Y.astype(str))


@pytest.mark.parametrize("layer", [xn.Dense(3), xn.BatchNorm(), xn.LayerNorm()])
def test_the_samples_of_a_trace_are_not_named(layer):
    with pytest.raises(ShapeError, match=r"got \(n,\)"):
        xn.Model(layer, "mse").fit(np.ones(5), np.ones(5))


@pytest.mark.parametrize("cut", [lambda x: x[:, 1], lambda x: x[:, 1:2], lambda x: x])
@pytest.mark.parametrize("backend", ["numpy", array_api_strict], ids=["plan", "interp"])
def test_a_number_between_two_rows_of_a_table_is_named(cut, backend):
    ids = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 1.5], [3.0, 2.0]])
    net = lambda x: xn.Dense(2)(xn.Flatten()(xn.Embedding(4, 3)(cut(x))))  # noqa: E731
    model = xn.Model(net, backend=backend)
    with pytest.raises(DataError, match=r"from 0 to 3; got 1\.5 in row 2"):
        model.fit(ids, [0, 1, 0, 1])
