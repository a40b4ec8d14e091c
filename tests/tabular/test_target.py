"""The target of a table: labels as written, or values on a scale."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from xpnet.errors import DataError, DataWarning
from xpnet.tabular import Schema, Target, as_table


def column(values):
    return as_table({"y": values})["y"]


def infer(values, task="auto"):
    table = as_table({"y": values})
    return Target.infer(table, table["y"], task)


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["b", "a", "b", "a"], ("a", "b")),
        (["10", "9", "10", "9"], (9, 10)),
        (["007", "07", "007", "07"], ("007", "07")),
        (["02134", "10001"] * 2, ("02134", "10001")),
        (["1.0", "2.0"] * 2, ("1.0", "2.0")),
        ([3, 1, 2, 3, 1, 2], (1, 2, 3)),
        ([1.0, 2.0] * 2, (1, 2)),
        ([-1, 1] * 2, (-1, 1)),
        ([True, False] * 2, (False, True)),
        (["12345678901234567890", "12345678901234567891"] * 2,
         (12345678901234567890, 12345678901234567891)),
    ],
)  # fmt: skip
def test_labels(values, classes):
    target = infer(values)
    assert target.classes == classes
    assert [*map(type, target.classes)] == [*map(type, classes)]
    numbers = target.encode(column(values))
    assert sorted(set(numbers.tolist())) == [*range(len(classes))]
    assert target.labels(numbers).tolist() == [classes[k] for k in numbers]


@pytest.mark.parametrize("values", [[0.5, 1.5, 2.5], [-3, -2, -1], [*range(101)] * 2])
def test_values(values):
    target = infer(values)
    assert target.classes is None
    assert (target.low, target.high) == (min(values), max(values))
    encoded = target.encode(column(values))
    assert_array_equal(encoded, values)
    z = target.scaled(encoded)
    assert_allclose([z.mean(), z.std()], [0, 1], atol=1e-12)
    assert_allclose(target.unscaled(z), values)


def test_labels_that_are_floats():
    """An estimator's classes may be 1.0 and 2.0, which a column writes as 1 and 2."""
    target = Target("y", (1.0, 2.5))
    assert_array_equal(target.encode(column([2.5, 1.0, 1.0])), [1, 0, 0])
    assert_array_equal(Target("y", (1.0, 2.0)).encode(column(["2", "1"])), [1, 0])


def test_large_values_keep_their_digits():
    values = 1.7e9 + 20 * np.arange(50)
    target = infer(values)
    assert_allclose(np.diff(target.scaled(values)) * target.scale, 20, rtol=1e-6)


def test_predictions_are_clipped_to_the_range_seen():
    target = infer([10.5, 20.0, 30.0])
    assert_array_equal(target.unscaled(np.array([-99, 0, 99])), [10.5, target.center, 30.0])


def test_the_task_overrides():
    assert infer([0.5, 1.5] * 2, "classification").classes == (0.5, 1.5)
    assert infer([0, 1] * 2, "regression").classes is None


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        (["a"] * 4, "auto", "'a' in every row .* NA, nan"),
        ([None] * 4, "auto", "no values"),
        (["yes", None, "no", "no"], "auto", "row 1, column 'y'.*empty cell"),
        (["1", "2", "many", "2"], "auto", "mixes numbers and text, here 'many'"),
        ([f"{i} kg" for i in range(300)], "auto", "300 different values in 300 rows|kg"),
        (["a", "b"] * 2, "regression", "'a'"),
    ],
)
def test_targets_that_cannot_be_used(values, task, words):
    with pytest.raises(DataError, match=words):
        infer(values, task)


def test_labels_beyond_int64_keep_their_digits():
    target = infer([str(2**63 + 1), "5"] * 2)
    assert target.labels(np.array([1, 0])).tolist() == [2**63 + 1, 5]


def test_values_of_nearly_no_spread_are_not_divided():
    assert infer([0.0, 5e-324, 1e-323]).scale == 1


def test_values_that_cannot_be_squared_are_named():
    with pytest.raises(DataError, match=r"row 1, column 'y'.* at most 1e\+75, found -1e\+300"):
        infer([0.5, -1e300, 2.5])


def test_long_labels_are_cut_off_in_messages():
    with pytest.raises(DataError, match=r"row 0.*: 'z{60}\.\.\.' is not one .* are x{60}\.\.\., y"):
        infer(["x" * 999, "y"] * 2).encode(column(["z" * 999]))


def test_a_class_with_a_single_row_is_told():
    with pytest.warns(DataWarning, match="'b'.*a single row"):
        infer(["a", "a", "b"])


def test_labels_that_are_not_classes():
    target = infer(["yes", "no"] * 2)
    with pytest.raises(DataError, match=r"row 1, column 'y': 'yess' is not one.*mean 'yes'"):
        target.encode(column(["no", "yess"]))
    with pytest.raises(DataError, match=r"row 0.*empty cell"):
        target.encode(column([None, "yes"]))


@pytest.mark.parametrize("known", [["0.0", "1.0"], [0.0, 1.0], [0, 1], ["0", "1"]])
@pytest.mark.parametrize("given", [["1.0", "0.0"], [1.0, 0.0], [1, 0], ["1", "0.00"]])
def test_classes_that_another_source_writes_in_another_way(known, given):
    assert infer(known * 2, "classification").encode(column(given)).tolist() == [1, 0]


def test_classes_stay_as_written():
    both = infer(["1", "1.0", "007", "7", "a.0"] * 2, "classification")
    assert both.encode(column(["1.0", "1", "7.0", "007"])).tolist() == [
        both.classes.index(label) for label in ("1.0", "1", "7", "007")
    ]
    for other in ("1.00", "07", "a", "7."):
        with pytest.raises(DataError, match="not one of the model's classes"):
            both.encode(column([other]))


@pytest.mark.parametrize("value", [2.5, 0.0, -1e9, 7])
def test_a_number_that_is_the_same_in_every_row(value):
    table = {"x": [1.0, 2.0, 4.0], "price": [value] * 3}
    with pytest.warns(DataWarning, match="the table: the target 'price' is") as caught:
        schema = Schema.infer(table, "price", task="regression")
    assert f" is {value:g} in every row" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert len(caught) == 1
    assert schema.target.low == schema.target.high == value


@pytest.mark.parametrize("values", [[2.5, 2.5, 2.5 + 1e-12], [2.5]])
def test_numbers_that_differ_and_single_rows_are_no_reason_to_warn(values):
    Schema.infer({"x": range(len(values)), "price": values}, "price", task="regression")


def test_the_rows_that_are_chosen_decide_whether_a_target_is_constant():
    table = {"x": [1.0, 2.0, 4.0], "price": [2.5, 2.5, 3.5]}
    with pytest.warns(DataWarning, match="every row"):
        Schema.infer(table, "price", rows=np.array([0, 1]))
