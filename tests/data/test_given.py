"""Objects that are no arrays, or offer the protocols halfway: refused, with the cause, at once."""

import datetime
from array import array
from collections import UserList, deque
from decimal import Decimal
from importlib.util import find_spec

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends.readable import check_given
from xpnet.errors import DataError, DTypeError, XpnetError

ROWS = 30
X = np.random.default_rng(0).normal(size=(ROWS, 3))
Y = np.arange(ROWS) % 3


def kind(**members):
    """An object with these members."""
    return type("Halfway", (), members)()


def failing(*_, **__):
    raise RuntimeError("from afar")


LIKE = {"shape": (ROWS, 3), "ndim": 2, "dtype": np.dtype("float64"), "device": "cpu"}
ENDLESS = {
    "samples": kind(__len__=lambda self: ROWS, __getitem__=lambda self, i: np.zeros(3)),
    "batches": kind(__len__=lambda self: 3, __getitem__=lambda self, i: (X[:10], Y[:10])),
    "itself": kind(__len__=lambda self: ROWS, __getitem__=lambda self, i: self),
    "numbers": kind(__len__=lambda self: ROWS, __getitem__=lambda self, i: 1.0),
    "no length": kind(__getitem__=failing, __iter__=failing),
    "in a list": [kind(__len__=lambda self: 3, __getitem__=lambda self, i: 0.0)] * 3,
    "generator": (row for row in X),
    "iterator": iter(X),
    "set": {1, 2},
    "map": map(float, range(3)),
}
HALFWAY = {
    "__array__ raises": kind(__array__=failing),
    "__array__ raises, with a shape": kind(__array__=failing, **LIKE),
    "namespace raises": kind(__array_namespace__=failing, **LIKE),
    "namespace is a number": kind(__array_namespace__=lambda self, api_version=None: 5, **LIKE),
    "shape raises": kind(shape=property(failing), dtype=LIKE["dtype"]),
    "interface raises": kind(__array_interface__=property(failing)),
    "every attribute raises": kind(__getattr__=failing),
}
WRONG = {
    "__array__ gives a list": kind(__array__=lambda self, *_, **__: [1, 2]),
    "namespace of others": kind(__array_namespace__=lambda self, api_version=None: np, **LIKE),
    "interface is text": kind(__array_interface__="nonsense"),
    "interface without data": kind(
        __array_interface__={"shape": (2,), "typestr": "<f8", "data": None, "version": 3}
    ),
    "shape lies": kind(__array__=lambda self, *_, **__: np.zeros(7), **LIKE),
    "to_numpy raises": kind(to_numpy=failing),
    "to_numpy gives text": kind(to_numpy=lambda self: "x"),
    "DLPack raises": kind(__dlpack__=failing, __dlpack_device__=failing, **LIKE),
    "object": object(),
    "a class": np.ndarray,
}
WAYS = {
    "X": lambda m, data: m.fit(data, Y, epochs=1, verbose=False),
    "y": lambda m, data: m.fit(X, data, epochs=1, verbose=False),
    "sample_weight": lambda m, data: m.fit(X, Y, sample_weight=data, epochs=1, verbose=False),
    "validation": lambda m, data: m.fit(X, Y, validation_data=(data, Y), epochs=1, verbose=False),
    "predict": lambda m, data: m.predict(data),
    "evaluate": lambda m, data: m.evaluate(data, Y),
    "train_on_batch": lambda m, data: m.train_on_batch(data, Y),
}
ESTIMATORS = {
    "X": lambda data: xn.MLPClassifier(max_iter=1).fit(data, Y),
    "y": lambda data: xn.MLPRegressor(max_iter=1).fit(X, data),
    "sample_weight": lambda data: xn.MLPRegressor(max_iter=1).fit(X, Y, sample_weight=data),
    "table": lambda data: xn.TabularClassifier(max_epochs=1).fit(data, Y),
    "labels of a table": lambda data: xn.TabularClassifier(max_epochs=1).fit(X, data),
    "values of a table": lambda data: xn.TabularRegressor(max_epochs=1).fit(X, data),
}
ELSEWHERE = {
    "Standardize": xn.Standardize.of,
    "value_and_grad": lambda data: xn.value_and_grad(lambda x: xn.ops.sum(x * x))(data),
    "init": lambda data: xn.value_and_grad(lambda x: xn.ops.sum(x * x)).init(data),
    "state": lambda data: model().load_state_dict(dict.fromkeys(model().state_dict(), data)),
}


def model():
    return xn.MLP([3, 4, 3]).build()


def refused(data, each, error=XpnetError):
    """Whether a model refuses the data wherever it takes some, and stays as it was."""
    made = model()
    before = made.state_dict()
    for name, way in WAYS.items():
        with each(name), pytest.raises(error):
            way(made, data)
    for name, value in made.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert made.epoch == 0


@pytest.mark.parametrize("name", ENDLESS)
def test_what_numpy_would_iterate_over(name, each):
    refused(ENDLESS[name], each, DataError)
    for way, fit in ESTIMATORS.items():
        with each("estimator", way), pytest.raises(DataError):
            fit(ENDLESS[name])
    for way, take in ELSEWHERE.items():
        with each("elsewhere", way), pytest.raises(DataError):
            take(ENDLESS[name])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [xn.MLPClassifier, xn.MLPRegressor])
def test_scores_of_what_numpy_would_iterate_over(kind, each):
    fitted = kind(hidden_layer_sizes=(4,), max_iter=1).fit(X, Y)
    for name, data in ENDLESS.items():
        with each(name), pytest.raises(DataError):
            fitted.score(X, data)


@pytest.mark.parametrize("name", HALFWAY)
def test_protocols_that_raise(name, each):
    refused(HALFWAY[name], each, DataError)
    with pytest.raises(DataError, match=r"from afar|'int' object") as caught:
        model().predict(HALFWAY[name])
    assert not isinstance(caught.value.__cause__, XpnetError)
    for way in ("X", "sample_weight"):
        with each("estimator", way), pytest.raises(DataError):
            ESTIMATORS[way](HALFWAY[name])


@pytest.mark.parametrize("name", WRONG)
def test_protocols_that_give_something_else(name, each):
    refused(WRONG[name], each)
    for way, fit in ESTIMATORS.items():  # with scikit-learn's own errors, too
        with each("estimator", way), pytest.raises((ValueError, TypeError)):
            fit(WRONG[name])


def test_an_estimator_stays_as_it_was():
    made = xn.MLPRegressor(max_iter=1)
    with pytest.raises(DataError):
        made.fit(HALFWAY["__array__ raises"], Y)
    assert not hasattr(made, "n_features_in_")


def test_the_message_says_what_to_do():
    with pytest.raises(DataError, match=r"X is a Halfway, .* numpy\.stack\(\[X\[i\] for i"):
        model().fit(ENDLESS["samples"], Y)
    with pytest.raises(DataError, match=r"sample_weight is a generator.*data\.batches"):
        model().fit(X, Y, sample_weight=(1.0 for _ in Y))
    with pytest.raises(DataError, match="X is a dict"):
        model().predict({"a": X[:, 0]})


def test_torch_datasets_and_loaders(each):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pairs = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    for data in (pairs, torch.utils.data.DataLoader(pairs)):
        refused(data, each, DataError)


@pytest.mark.filterwarnings("ignore:.*quantize_per_tensor")
def test_torch_tensors_without_numbers_on_the_host(each):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    y = torch.tensor(Y)
    for data in (
        torch.zeros(ROWS, 3, dtype=torch.complex64),
        torch.zeros(ROWS, 3).to_sparse(),
        torch.zeros(ROWS, 3, device="meta"),
        torch.quantize_per_tensor(torch.zeros(ROWS, 3), 0.1, 0, torch.quint8),
    ):
        with each(str(data.dtype), str(data.layout), str(data.device)):
            for made in (model(), xn.MLP([3, 3])):
                with pytest.raises(XpnetError):
                    made.fit(data, y, epochs=1, verbose=False)
                with pytest.raises(XpnetError):
                    made.predict(data)


@pytest.mark.parametrize(
    "data",
    [
        X.tolist(),
        tuple(map(tuple, X)),
        deque(X.tolist()),
        UserList(X.tolist()),
        list(X),
        [UserList(row) for row in X.tolist()],
        [array("d", row) for row in X.tolist()],
        [range(3)] * ROWS,
        memoryview(X),  # type: ignore[arg-type]
        np.asfortranarray(X),
        kind(__array__=lambda self, *_, **__: X),
        kind(to_numpy=lambda self: X),
        kind(__array_interface__=X.__array_interface__, keep=X),
    ],
    ids=lambda data: type(data).__name__,
)
def test_what_is_taken(data):
    assert model().predict(data).shape == (ROWS, 3)


def test_elements_of_many_types_are_each_looked_at():
    check_given("X", [1, 2.0, np.float32(3), True])
    with pytest.raises(DataError, match="X's element's element is a Halfway"):
        check_given("X", [[1.0], [2.0, ENDLESS["numbers"]], [3.0]])


# --- numbers that are none ------------------------------------------------------------------------

DAY = datetime.datetime(2020, 1, 1)
NO_NUMBERS = {
    "datetime64": np.full((ROWS, 3), DAY, "datetime64[s]"),
    "timedelta64": np.full((ROWS, 3), 5, "timedelta64[s]"),
    "dates": [[DAY] * 3] * ROWS,
    "Decimal": np.full((ROWS, 3), Decimal("1.5")),
    "text": X.astype(str),
    "bytes": X.astype("S8"),
    "complex": X.astype(complex),
    "fields": np.zeros(ROWS, [("a", "f8"), ("b", "f8")]),
    "masked": np.ma.masked_array(X, X > 0),
    "raw bytes": np.zeros((ROWS, 3), "V8"),
    "None": np.full((ROWS, 3), None),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_arrays_without_real_numbers(name, each):
    refused(NO_NUMBERS[name], each)


@pytest.mark.parametrize("name", ["datetime64", "timedelta64", "masked"])
def test_estimators_do_not_train_on_them(name, each):
    for way in ("X", "y"):
        with each(way), pytest.raises((DTypeError, DataError)):
            ESTIMATORS[way](NO_NUMBERS[name])


COLUMNS = {
    "date": DAY.date(),
    "datetime": DAY,
    "duration": datetime.timedelta(1),
    "time": datetime.time(1),
    "text": "x",
}


@pytest.mark.parametrize("library", ["polars", "pandas", "pyarrow"])
@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_a_table_that_are_no_numbers(library, name, each):
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    made = {"a": [COLUMNS[name]] * ROWS, "b": X[:, 1].tolist(), "c": X[:, 2].tolist()}
    table = module.table if library == "pyarrow" else module.DataFrame
    for columns in (made, {"a": made["a"]}, dict.fromkeys("abc", made["a"])):
        refused(table(columns), each)
        with each("estimator", *columns), pytest.raises((DTypeError, ValueError, TypeError)):
            ESTIMATORS["X"](table(columns))
    if library != "pyarrow":
        refused(module.Series(made["a"]), each)


@pytest.mark.skipif(not find_spec("polars"), reason="polars is not installed")
def test_tables_of_numbers_are_taken():
    import polars as pl

    frame = pl.DataFrame(X, schema=["a", "b", "c"])
    for column in (pl.lit(2), pl.lit(True), pl.lit(Decimal("1.5")), pl.lit(0.5, pl.Float32)):
        assert model().predict(frame.with_columns(column.alias("a"))).shape == (ROWS, 3)
    with pytest.raises(DataError, match="call its collect"):
        model().predict(frame.lazy())


def test_dates_are_labels_of_a_classifier():
    days = (np.datetime64("2020-01-01") + Y.astype("timedelta64[D]")).astype("datetime64[D]")
    made = xn.MLPClassifier(max_iter=2)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        made.fit(X, days)
    assert made.predict(X).dtype == days.dtype
