"""Features and a target from a file: what is accepted, and what is named as wrong."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="the extra 'tables' is not installed")

from xpnet.datasets import read_table
from xpnet.errors import ArgumentError, DataError, UnknownNameError


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def shared_file(name):
    root = os.environ.get("XPNET_DATA")
    if not root:
        pytest.skip("XPNET_DATA is not set")
    path = Path(root, name)
    if not path.is_file():
        pytest.skip(f"XPNET_DATA lacks {name}")
    return path


@pytest.mark.smoke
def test_any_column_can_be_the_target(tmp_path):
    table = read_table(write(tmp_path / "a.csv", "a,b,c\n1,2.5,yes\n4,5.5,no\n"), target="b")
    assert table.feature_names == ("a", "c")
    assert table.target_name == "b"
    np.testing.assert_array_equal(table.X, [[1, 1], [4, 0]])
    np.testing.assert_array_equal(table.y, np.array([2.5, 5.5], np.float32))
    assert table.X.dtype == table.y.dtype == np.float32
    assert table.classes is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "a,b,c\n1,2.5,x\n3,4,y\n"),
        ("a.csv", ",a,b,c\n0,1,2.5,x\n1,3,4,y\n"),
        ("a.tsv", "a\tb\tc\n1\t2,5\tx\n3\t4\ty\n"),
        ("a.txt", "a b c\n1 2.5 x\n3 4 y\n"),
        ("a.csv.gz", gzip.compress(b"a;b;c\n1;2.5;x\n3;4;y\n", mtime=0)),
    ],
)
def test_whatever_can_be_read(tmp_path, name, content):
    table = read_table(str(write(tmp_path / name, content)))
    np.testing.assert_array_equal(table.X, [[1, 2.5], [3, 4]])
    assert table.y.tolist() == [0, 1]
    assert table.y.dtype == np.int64
    assert table.classes == ("x", "y")
    assert table.feature_names == ("a", "b")
    assert table.target_name == "c"


@pytest.mark.parametrize(
    ("cells", "classes", "y"),
    [
        (["7", "3", "10"], ("3", "7", "10"), [1, 0, 2]),
        (["007", "07", "7"], ("007", "07", "7"), [0, 1, 2]),
        (["True", "False", "True"], ("False", "True"), [1, 0, 1]),
    ],
)
def test_classes_are_as_written(tmp_path, cells, classes, y):
    table = read_table(write(tmp_path / "a.csv", "x,y\n" + "".join(f"0,{c}\n" for c in cells)))
    assert table.classes == classes
    assert table.y.tolist() == y


def test_the_task_can_be_forced(tmp_path):
    path = write(tmp_path / "a.csv", "x,y\n0,0\n1,1\n")
    assert read_table(path).classes == ("0", "1")
    assert read_table(path, task="regression").classes is None
    with pytest.raises(UnknownNameError, match="Did you mean 'regression'"):
        read_table(path, task="regresion")


REFUSED = {
    "empty file": ("", "is empty"),
    "one column": ("a\n1\n", "expected at least two columns, .* found 1"),
    "repeated name": ("a,b,a\n1,2,3\n", "several columns are named 'a'"),
    "text": ("a,b,c\n1,2,3\n\n1,two,3\n", "line 4, column 'b': expected a number, found 'two'"),
    "empty cell": ("a,b\n1,2\n ,2\n", "line 3, column 'a': expected a number, found an empty cell"),
    "missing truth": ("a,b\nyes,2\n,2\n", "line 3, column 'a': .* found an empty cell"),
    "infinite": ("a,b\n-inf,2\n", "line 2, column 'a': expected a finite number, found '-inf'"),
    "too large": ("a,b\n1e39,2\n", r"line 2, column 'a': .* at most 3\.4e38 \(float32\)"),
    "target too large": ("a,b\n1,1e39\n2,0.5\n", r"line 2, column 'b': .* at most 3\.4e38"),
    "no target": ("a,b\n1,x\n2,NA\n", "line 3, column 'b': expected a target, found an empty"),
    "mixed target": ("a,b\n1,1\n2,x\n", "line 3, column 'b': the target mixes .* 'x'"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=list(REFUSED))
def test_bad_files_are_refused_by_place(tmp_path, content, message):
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path)
    assert str(path) in str(caught.value)


def test_a_missing_column_lists_what_there_is(tmp_path):
    path = write(tmp_path / "a.csv", "length,width,kind\n1,2,3\n")
    with pytest.raises(
        DataError, match=r"'widht'\. Did you mean 'width'.*'length', 'width', 'kind'"
    ):
        read_table(path, target="widht")
    with pytest.raises(DataError, match=r"no column 'zzz'\. Its columns") as caught:
        read_table(path, target="zzz")
    assert "Did you mean" not in str(caught.value)


def test_a_long_list_of_columns_is_cut(tmp_path):
    header = ",".join(f"pixel{i}" for i in range(784))
    row = ",".join(["0"] * 784)
    with pytest.raises(DataError, match=r"'pixel39', \.\.\.\.$"):
        read_table(write(tmp_path / "a.csv", f"{header}\n{row}\n"), target="label")


def test_an_archive_takes_no_target(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.eye(2), y=np.arange(2))
    with pytest.raises(ArgumentError, match="the array 'y'; got target='y'"):
        read_table(tmp_path / "a.npz", target="y")


def test_both_formats_give_the_same_table(tmp_path):
    X = np.array([[0.5, -1], [2, 3.25], [4, 5]], np.float32)
    labels = np.array(["b", "a", "b"])
    np.savez(tmp_path / "a.npz", X=X, y=labels)
    lines = [f"{a},{b},{label}" for (a, b), label in zip(X.tolist(), labels, strict=True)]
    write(tmp_path / "a.csv", "\n".join(["x0,x1,y", *lines]))
    from_csv, from_npz = read_table(tmp_path / "a.csv"), read_table(tmp_path / "a.npz")
    np.testing.assert_array_equal(from_csv.X, from_npz.X)
    np.testing.assert_array_equal(from_csv.y, from_npz.y)
    assert from_csv.classes == from_npz.classes == ("a", "b")
    assert from_csv.feature_names == from_npz.feature_names
    assert from_csv.target_name == from_npz.target_name


def test_wine_quality():
    table = read_table(shared_file("wine-quality/winequality-red.csv"))
    assert table.X.shape == (1599, 11)
    assert table.feature_names[0] == "fixed acidity"
    assert table.target_name == "quality"
    assert table.classes == ("3", "4", "5", "6", "7", "8")
    assert np.bincount(table.y).tolist() == [10, 53, 681, 638, 199, 18]


def test_california_housing():
    table = read_table(shared_file("california-housing/cal_housing.csv"))
    assert table.X.shape == (20640, 8)
    assert table.classes is None
    assert table.y.dtype == np.float32
    assert table.y[0] == 452600
    assert table.y.max() == 500001


def test_housing_with_blanks_and_text_is_refused():
    path = shared_file("california-housing/housing.csv")
    with pytest.raises(DataError, match=r"line 292, column 'total_bedrooms': .* an empty cell"):
        read_table(path, target="median_house_value")
