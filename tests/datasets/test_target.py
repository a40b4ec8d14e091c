"""What a target column is taken for, and how it is encoded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet.datasets import read_table
from xpnet.errors import DataError, UnknownNameError


def read_target(folder, cells, task="auto"):
    path = folder / "a.csv"
    path.write_text("x,label\n" + "".join(f"0,{cell}\n" for cell in cells), encoding="utf-8")
    return read_table(path, task=task)


CLASSES = {
    "text": (["dog", "cat", "dog"], ("cat", "dog"), [1, 0, 1]),
    "whole numbers": (["7", "3", "10"], ("3", "7", "10"), [1, 0, 2]),
    "written as floats": (["1.0", "2", "1"], ("1", "2"), [0, 1, 0]),
    "two signs": (["-1", "1", "-1"], ("-1", "1"), [0, 1, 0]),
    "a hundred": ([str(i) for i in range(100)], tuple(map(str, range(100))), list(range(100))),
}


@pytest.mark.parametrize(("cells", "classes", "y"), CLASSES.values(), ids=list(CLASSES))
def test_labels_are_found_and_numbered(tmp_path, cells, classes, y):
    table = read_target(tmp_path, cells)
    assert table.classes == classes
    assert table.y.dtype == np.int64
    assert table.y.tolist() == y


@pytest.mark.parametrize(
    "cells",
    [["0.5", "1", "2"], ["-1", "0", "1"], [str(i) for i in range(101)], ["1e30", "2.5"]],
    ids=["fractions", "negative", "many", "huge"],
)
def test_values_are_left_as_they_are(tmp_path, cells):
    table = read_target(tmp_path, cells)
    assert table.classes is None
    assert table.y.dtype == np.float32
    np.testing.assert_array_equal(table.y, np.array(cells, np.float32))


@pytest.mark.smoke
def test_the_task_can_be_forced(tmp_path):
    assert read_target(tmp_path, ["0", "1"], task="regression").classes is None
    table = read_target(tmp_path, ["1.5", "-2", "1.5"], task="classification")
    assert table.classes == ("-2", "1.5")
    assert table.y.tolist() == [1, 0, 1]
    mixed = read_target(tmp_path, ["10", "many", "9"], task="classification")
    assert mixed.classes == ("10", "9", "many")


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=20))
def test_classes_give_the_labels_back(tmp_path_factory, labels):
    labels = [f"<{''.join(c for c in label if c.isalnum())}>" for label in labels]
    table = read_target(tmp_path_factory.mktemp("csv"), labels)
    assert [table.classes[i] for i in table.y] == labels
    assert list(table.classes) == sorted(set(labels))


@pytest.mark.parametrize(
    ("cells", "task", "message"),
    [
        (["1", "2", "x"], "auto", "line 4, column 'label': the target mixes .* 'x'"),
        (["a", "", "b"], "auto", "line 3, column 'label': expected a target, found an empty cell"),
        (["1", ""], "auto", "line 3, column 'label': expected a target, found an empty cell"),
        (["a", "nan"], "auto", "line 2, column 'label': the target mixes numbers and text"),
        (["1", ""], "regression", "line 3, column 'label': expected a number, found an empty"),
        (["1", "two"], "regression", "line 3, column 'label': expected a number, found 'two'"),
        (["1", "nan"], "auto", "line 3, column 'label': expected a finite number .* 'nan'"),
        (["1", "inf"], "classification", "line 3, column 'label': expected a finite .* 'inf'"),
    ],
)
def test_unclear_targets_are_refused(tmp_path, cells, task, message):
    with pytest.raises(DataError, match=message):
        read_target(tmp_path, cells, task=task)


def test_an_unknown_task_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'regression'"):
        read_target(tmp_path, ["1"], task="regresion")
