"""Rows encoded cell by cell, compared with the same rows as a table."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xpnet.errors import DataError, DataWarning
from xpnet.tabular import Feature, Schema
from xpnet.tabular.row_encoder import CellError, RowEncoder

SCHEMA = Schema(
    (
        Feature("when", "date"),
        Feature("job", "category", ("3", "True", "a", "b", "c"), ("rare",)),
        Feature("id", "ignored"),
        Feature("member", "boolean"),
        Feature("age", "number"),
    )
)
ENCODER = RowEncoder(SCHEMA)
ROW = {"when": "2020-01-01", "job": "b", "member": True, "age": 3}

TEXTS = [
    *("a", " b ", "rare", "3", "3.0", "new", "", " ", "NA", "?", "nan", "1e3", "1e999", "inf"),
    *("-0", "1_000", "0x10", "yes", "No", "T", "0", "1", "on", "True", "2020", "20200229"),
    *("2020-02-30", "2020-02-29", "2020-02-29T12:30:01.5", "2020-02-29T12:30+02:00"),
]
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.sampled_from([0, 1, 3]),
    st.floats(),
    st.sampled_from(TEXTS),
)


def as_table(row):
    """The row as `Schema.encode` encodes it, or None for an error; whether a category is new."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        try:
            return SCHEMA.encode([row]), bool(caught)
        except DataError:
            return None, False


@given(st.fixed_dictionaries(dict.fromkeys(ROW, CELLS)))
@example({**ROW, "age": 1.1e75})
@example({**ROW, "age": "-1.1e75"})
@example({**ROW, "age": 1e75})
def test_a_row_is_encoded_as_a_table_with_one_row(row):
    expected, new = as_table(row)
    try:
        found = ENCODER.rows([row])
    except CellError:
        assert expected is None
        return
    assert expected is not None
    np.testing.assert_array_equal(found.matrix, expected)
    assert bool(found.unknown) is new


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(ROW, CELLS)), min_size=2, max_size=5))
def test_rows_are_encoded_each_by_itself(rows):
    encoded = [as_table(row)[0] for row in rows]
    columns = {name: [row[name] for row in rows] for name in ROW}
    if any(one is None for one in encoded):
        with pytest.raises(CellError):
            ENCODER.rows(rows)
        with pytest.raises(CellError):
            ENCODER.columns(columns)
        return
    found = ENCODER.rows(rows)
    np.testing.assert_array_equal(found.matrix, np.concatenate(encoded))
    np.testing.assert_array_equal(ENCODER.columns(columns).matrix, found.matrix)
    assert found.matrix.flags.c_contiguous


@pytest.mark.smoke
def test_errors_name_the_cell():
    with pytest.raises(CellError, match="row 1, column 'age': expected a finite number, got 'x'"):
        ENCODER.rows([ROW, {**ROW, "age": "x"}])
    with pytest.raises(CellError) as error:
        ENCODER.rows([{**ROW, "job": ["a"]}])
    found = error.value
    assert (found.row, found.column, found.value) == (0, "job", ["a"])
    assert found.expected == "a text"


@pytest.mark.parametrize("text", ["1,5", "1.234,5", "1 234", "5 kg", "1_000"])
def test_texts_that_are_numbers_in_some_files_alone(text):
    """A file's other cells say what they mean; a row has none."""
    with pytest.raises(CellError, match="expected a finite number"):
        ENCODER.rows([{**ROW, "age": text}])


def test_one_unknown_category_for_each_column():
    rows = [{**ROW, "job": job} for job in ("b", "rare", "x", "y")]
    found = ENCODER.rows(rows)
    assert found.unknown == [("job", "x")]
    assert found.matrix[:, 3].tolist() == [5, 1, 1, 1]
