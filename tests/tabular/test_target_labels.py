"""What a target is taken for: classes, or values to predict."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet.errors import DataError
from xpnet.tabular import as_table
from xpnet.tabular.target_labels import target_labels


def labels(cells, task="auto"):
    return target_labels(as_table({"y": cells})["y"], task)


CLASSES = {
    "text": (["dog", "cat", "dog"], ("cat", "dog"), [1, 0, 1]),
    "missing": (["dog", None, "cat"], ("cat", "dog"), [1, -1, 0]),
    "truth values": ([True, False], (False, True), [1, 0]),
    "words": (["yes", "no"], ("no", "yes"), [1, 0]),
    "whole numbers": (["7", "3", "10"], (3, 7, 10), [1, 0, 2]),
    "stored numbers": ([7, 3, 10], (3, 7, 10), [1, 0, 2]),
    "stored floats": ([7.0, np.nan, 10.0], (7, 10), [0, -1, 1]),
    "written as floats": (["2.0", "10.0", "1.0"], ("1.0", "2.0", "10.0"), [1, 2, 0]),
    "zeros before them": (["007", "07", "1"], ("007", "07", "1"), [0, 1, 2]),
    "two signs": (["-1", "1", "-1"], (-1, 1), [0, 1, 0]),
    "a hundred": (2 * list(map(str, range(100))), tuple(range(100)), 2 * list(range(100))),
    "ten": (list(map(str, range(10))), tuple(range(10)), list(range(10))),
    "beyond float64": ([2**53 + 1, 2**53], (2**53, 2**53 + 1), [1, 0]),
    "numbered": (
        5 * [f"No. {i}" for i in range(30, 55)],
        tuple(f"No. {i}" for i in range(30, 55)),
        5 * [*range(25)],
    ),
    "few with a unit": (["36 months", "60 months"], ("36 months", "60 months"), [0, 1]),
}


@pytest.mark.smoke
@pytest.mark.parametrize(("cells", "classes", "codes"), CLASSES.values(), ids=list(CLASSES))
def test_classes(cells, classes, codes):
    found = labels(cells)
    assert found.classes == classes
    assert [type(label) for label in found.classes] == [type(label) for label in classes]
    assert found.codes.tolist() == codes
    assert found.codes.dtype == np.int64


@pytest.mark.parametrize(
    "cells",
    [
        ["0.5", "1", "2"],
        ["0,5", "1", "2"],
        ["-1", "0", "1"],
        2 * list(map(str, range(101))),
        list(map(str, range(11))),
        [0.5, 1, None],
    ],
    ids=["fractions", "decimal commas", "negative", "many", "many for their rows", "stored"],
)
def test_values(cells):
    assert labels(cells) is None


def test_the_task_can_be_forced():
    assert labels(["0", "1"], "regression") is None
    assert labels([True, False], "regression") is None
    assert labels(["1.5", "-2", "1.5"], "classification").classes == ("-2", "1.5")
    assert labels([1.5, 2, 1.5], "classification").classes == (1.5, 2)
    assert labels(["10", "many", "9"], "classification").classes == ("10", "9", "many")
    with pytest.raises(DataError, match="row 1, column 'y': expected a number, found 'x'"):
        labels(["1", "x"], "regression")


@settings(deadline=None)
@given(st.lists(st.text("abc", min_size=1, max_size=2), min_size=1))
def test_classes_give_the_labels_back(cells):
    found = labels(cells, "classification")
    assert [found.classes[code] for code in found.codes] == cells
    assert list(found.classes) == sorted(set(cells))


MANY = [f"{i / 10}" for i in range(50)]
MISTAKES = {
    "mixed": (["1", "2", "x"], "row 2, column 'y': the target mixes numbers and text, here 'x'"),
    "decimal commas": (["1,234", "2,345"], "row 0, .* may group thousands"),
    "units": ([f"{n} kg" for n in MANY], "row 0, .* Remove 'kg'"),
    "a unit, few values": (["1.5 kg", "2.5 kg", "1.5 kg"], "row 0, .* Remove 'kg'"),
    "a currency before": ([f"USD {n}" for n in MANY], "row 0, .* Remove 'USD'"),
    "degrees": ([f"{n} °C" for n in MANY], "row 0, .* Remove '°C'"),
    "signs": ([f"\u2212{n}" for n in MANY], "row 0, .* Write '-' for the sign"),
    "names": ([f"name {n}" for n in MANY], "text with 50 different values in 50 rows, such as"),
    "infinite": (["1", "inf"], "row 1, .* expected a finite number, found 'inf'"),
}


@pytest.mark.parametrize(("cells", "message"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistakes_are_told(cells, message):
    with pytest.raises(DataError, match=message):
        labels(cells)
