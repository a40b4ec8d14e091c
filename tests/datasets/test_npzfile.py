"""Reading NumPy archives: what they may hold, and what is refused."""

import zipfile

import numpy as np
import pytest

from xpnet.datasets import read_table
from xpnet.errors import DataError

X = np.arange(12).reshape(4, 3)
Y = np.array([5, 7, 5, 9])


def save(folder, **arrays):
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def test_classification(tmp_path):
    table = read_table(save(tmp_path, X=X, y=Y, groups=np.zeros(2)))
    assert table.X.dtype == np.float32
    assert table.y.dtype == np.int64
    np.testing.assert_array_equal(table.X, X)
    assert table.y.tolist() == [0, 1, 0, 2]
    assert table.classes == ("5", "7", "9")
    assert table.feature_names == ("x0", "x1", "x2")
    assert table.target_name == "y"
    assert table.X_test is None
    assert table.y_test is None


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array([True, False, True, True]), ("False", "True")),
        (np.array(["b", "a", "b", "b"]), ("a", "b")),
        (np.array([2, 0, 2, 2], np.uint64), ("0", "2")),
        (np.array([3, -1, 3, 3], np.int8), ("-1", "3")),
        (np.array([3, 0, 3, 3], np.float16), ("0", "3")),
    ],
)
def test_labels_of_every_type(tmp_path, y, classes):
    table = read_table(save(tmp_path, X=X, y=y))
    assert table.classes == classes
    assert table.y.tolist() == [1, 0, 1, 1]
    assert table.y.dtype == np.int64


@pytest.mark.parametrize("y", [Y / 2, Y - 6, Y.astype(np.float16) / 2])
def test_regression(tmp_path, y):
    table = read_table(save(tmp_path, X=X, y=y))
    assert table.classes is None
    assert table.y.dtype == np.float32
    np.testing.assert_array_equal(table.y, y.astype(np.float32))


def test_test_arrays_are_encoded_as_the_training_ones(tmp_path):
    table = read_table(save(tmp_path, X=X, y=Y, X_test=X[:2], y_test=np.array([9, 5])))
    np.testing.assert_array_equal(table.X_test, X[:2])
    assert table.X_test.dtype == np.float32
    assert table.y_test.tolist() == [2, 0]
    assert table.y_test.dtype == np.int64


def test_test_values_of_a_regression_are_values(tmp_path):
    table = read_table(save(tmp_path, X=X, y=Y / 2, X_test=X[:2], y_test=np.array([9, 5])))
    np.testing.assert_array_equal(table.y_test, np.array([9, 5], np.float32))
    assert table.y_test.dtype == np.float32


def test_columns_of_targets_are_accepted(tmp_path):
    path = save(tmp_path, X=X, y=Y[:, None], X_test=X[:2], y_test=np.array([[9], [5]]))
    table = read_table(path)
    assert table.y.tolist() == [0, 1, 0, 2]
    assert table.y_test.tolist() == [2, 0]


BAD_X = np.where(X == 5, np.nan, X)
REFUSED = {
    "no y": ({"X": X}, "expected arrays X, y, but y is missing; found X"),
    "nothing": ({}, "X, y is missing; found none"),
    "half a test": ({"X": X, "y": Y, "y_test": Y}, "but X_test is missing; found X, y, y_test"),
    "objects": ({"X": X, "y": Y.astype(object)}, "array 'y' cannot be read: Object arrays"),
    "X of text": ({"X": X.astype(str), "y": Y}, "array 'X': expected numbers, found dtype <U"),
    "X complex": ({"X": X * 1j, "y": Y}, "array 'X': expected numbers, found dtype complex128"),
    "y of bytes": ({"X": X, "y": Y.astype(bytes)}, "array 'y': expected numbers or strings"),
    "X not flat": ({"X": X[..., None], "y": Y}, r"array 'X': .*shape \(4, 3, 1\)\. Flatten"),
    "no rows": ({"X": X[:0], "y": Y[:0]}, r"array 'X': .* found shape \(0, 3\)"),
    "no features": ({"X": X[:, :0], "y": Y}, r"array 'X': .* found shape \(4, 0\)"),
    "y short": ({"X": X, "y": Y[:3]}, r"array 'y': .* shape \(4,\), found shape \(3,\)"),
    "y of two columns": (
        {"X": X, "y": np.stack([Y, Y], axis=1)},
        r"array 'y': .* found shape \(4, 2\)\.$",
    ),
    "two labels a row": ({"X": X, "y": np.ones((4, 2))}, r"found shape \(4, 2\)\.$"),
    "y one-hot": (
        {"X": X, "y": np.eye(4)},
        r"array 'y': .* found shape \(4, 4\)\. It is one-hot: use y\.argmax\(axis=1\)\.",
    ),
    "y_test one-hot": (
        {"X": X, "y": Y, "X_test": X, "y_test": np.eye(4, dtype=bool)},
        r"use y_test\.argmax\(axis=1\)",
    ),
    "NaN in X": ({"X": BAD_X, "y": Y}, r"array 'X', index \(1, 2\): expected a finite .* nan"),
    "X too large": ({"X": X * 1e40, "y": Y}, r"array 'X', index \(0, 1\): .* 1e\+40"),
    "inf in y": ({"X": X, "y": np.array([1, 1, np.inf, 1])}, r"array 'y', index \(2,\): .* inf"),
    "widths differ": (
        {"X": X, "y": Y, "X_test": X[:, :2], "y_test": Y},
        "X and X_test must have the same number of columns, found 3 and 2",
    ),
    "unknown class": (
        {"X": X, "y": Y, "X_test": X, "y_test": np.array([5, 6, 7, 8])},
        "row 1, column 'y_test': expected one of the 3 classes in y, found '6'",
    ),
    "text after values": (
        {"X": X, "y": Y / 2, "X_test": X, "y_test": np.array([*"abcd"])},
        "row 0, column 'y_test': expected a number, found 'a'",
    ),
    "no label": ({"X": X, "y": np.array(["a", "", "b", "a"])}, "row 1, column 'y': .* an empty"),
}


@pytest.mark.parametrize(("arrays", "message"), REFUSED.values(), ids=list(REFUSED))
def test_bad_arrays_are_refused(tmp_path, arrays, message):
    path = save(tmp_path, **arrays)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path)
    assert str(path) in str(caught.value)


def test_regression_on_text_is_refused(tmp_path):
    path = save(tmp_path, X=X, y=np.array(["a", "b", "a", "b"]))
    with pytest.raises(DataError, match="row 0, column 'y': expected a number, found 'a'"):
        read_table(path, task="regression")


def test_what_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"PK, but not really")
    with pytest.raises(DataError, match="is not a NumPy archive"):
        read_table(path)
    with pytest.raises(DataError, match=r"none\.npz cannot be read"):
        read_table(tmp_path / "none.npz")


def test_a_damaged_member_is_refused(tmp_path):
    path = save(tmp_path, X=X, y=Y)
    content = path.read_bytes()
    assert content.count(X.tobytes()) == 1
    path.write_bytes(content.replace(X.tobytes(), bytes(X.nbytes)))
    with pytest.raises(DataError, match="cannot be read: Bad CRC"):
        read_table(path)


def test_a_member_that_is_no_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("X.npy", b"not an array")
        archive.writestr("y.npy", b"nor this")
    with pytest.raises(DataError, match="array 'X'"):
        read_table(tmp_path / "a.npz")
