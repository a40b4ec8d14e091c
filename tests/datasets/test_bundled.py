"""The sets bundled with scikit-learn, and their split."""

import sys

import numpy as np
import pytest

from xpnet.datasets import Dataset, digits, iris
from xpnet.errors import ArgumentError, MissingDependencyError

sklearn_datasets = pytest.importorskip("sklearn.datasets")


def sorted_rows(X, y):
    rows = np.column_stack([X, y])
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize(
    ("load", "loader", "scale", "train", "test"),
    [(digits, "load_digits", 16, 1437, 360), (iris, "load_iris", 1, 120, 30)],
)
def test_parts_are_the_whole_set(load, loader, scale, train, test):
    X, y, X_test, y_test = load()
    assert X.shape[0] == y.shape[0] == train
    assert X_test.shape[0] == y_test.shape[0] == test
    assert X.dtype == X_test.dtype == np.float32
    assert y.dtype == y_test.dtype == np.int64
    X_all, y_all = getattr(sklearn_datasets, loader)(return_X_y=True)
    np.testing.assert_array_equal(
        sorted_rows(np.concatenate([X, X_test]), np.concatenate([y, y_test])),
        sorted_rows((X_all / scale).astype(np.float32), y_all),
    )


def test_digits_lie_between_0_and_1():
    X = digits().X
    assert X.shape[1] == 64
    assert X.min() == 0
    assert X.max() == 1


@pytest.mark.smoke
@pytest.mark.parametrize("load", [digits, iris])
def test_every_class_gets_its_share(load):
    data = load(test_size=0.25)
    share = np.bincount(data.y_test) / (np.bincount(data.y) + np.bincount(data.y_test))
    np.testing.assert_allclose(share, 0.25, atol=0.02)


def test_the_seed_decides_the_split():
    first, again, other = iris(seed=3), iris(seed=3), iris(seed=4)
    assert isinstance(first, Dataset)
    np.testing.assert_array_equal(first.X, again.X)
    np.testing.assert_array_equal(first.y_test, again.y_test)
    assert (first.X != other.X).any()


@pytest.mark.parametrize("test_size", [0, 1, -0.1, 30, float("nan")])
def test_a_size_that_is_no_fraction_is_refused(test_size):
    with pytest.raises(ArgumentError, match="test_size must be a fraction"):
        iris(test_size=test_size)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"test_size": 0.001}, "no stratified split"), ({"seed": -1}, "seed must be a whole number")],
)
def test_an_impossible_split_is_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        iris(**arguments)


@pytest.mark.parametrize("load", [digits, iris])
def test_without_sklearn_the_extra_is_named(monkeypatch, load):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingDependencyError, match=r"xpnet\[sklearn\]"):
        load()
