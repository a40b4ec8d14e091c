"""Data in memory as tables: every library's frames, mappings, rows and arrays give one thing."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from xpnet.errors import DataError
from xpnet.tabular import as_table

NAN, DAY = np.nan, datetime.datetime(2026, 11, 30, 17, 21)
DATA = {
    "float": [0.5, None, 3.0],
    "int": [2**62, 5, -7],
    "text": ["b", None, "a"],
    "boolean": [True, False, True],
    "date": [DAY, None, datetime.datetime(2020, 1, 1)],
}
NUMBERS = {"float": [0.5, NAN, 3], "int": [2.0**62, 5, -7], "boolean": [1, 0, 1]}
TEXTS = {
    "float": ["0.5", None, "3"],
    "int": [str(2**62), "5", "-7"],
    "text": ["b", None, "a"],
    "boolean": ["True", "False", "True"],
    "date": ["2026-11-30 17:21:00", None, "2020-01-01"],
}
DATES = np.array([DAY, "NaT", "2020-01-01"], "datetime64[us]")


def pandas_frame():
    return pytest.importorskip("pandas").DataFrame(DATA)


def pandas_nullable():
    return pytest.importorskip("pandas").DataFrame(DATA).convert_dtypes()


def pandas_of_arrow():
    pytest.importorskip("pyarrow")
    return pytest.importorskip("pandas").DataFrame(DATA).convert_dtypes(dtype_backend="pyarrow")


def pandas_objects():
    return pytest.importorskip("pandas").DataFrame(DATA, dtype=object)


def polars_frame():
    return pytest.importorskip("polars").DataFrame(DATA)


def arrow_table():
    return pytest.importorskip("pyarrow").table(DATA)


def mapping():
    return DATA


def mapping_of_arrays():
    return {name: np.array(values, object) for name, values in DATA.items()}


def rows():
    found = [{name: values[i] for name, values in DATA.items()} for i in range(3)]
    del found[1]["float"]  # what is not there is missing
    return found


def structured():
    kinds = [("float", "f8"), ("int", "i8"), ("text", object), ("boolean", "?")]
    cells = zip(*DATA.values(), strict=True)
    return np.array(
        [(NAN if f is None else f, i, t, b, d or "NaT") for f, i, t, b, d in cells],
        [*kinds, ("date", "M8[s]")],
    )


SOURCES = [
    pandas_frame,
    pandas_nullable,
    pandas_of_arrow,
    pandas_objects,
    polars_frame,
    arrow_table,
    mapping,
    mapping_of_arrays,
    rows,
    structured,
]


def texts(column):
    codes, values = column.texts()
    assert codes.dtype == np.int32
    assert values == sorted(set(values))
    return [None if code < 0 else values[code] for code in codes]


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same(source):
    table = as_table(source())
    assert (table.source, table.rows, set(table.columns)) == ("the table", 3, set(DATA))
    assert table.named
    for name, values in DATA.items():
        column = table[name]
        assert column.stored == {"float": "number", "int": "number"}.get(name, name)
        assert texts(column) == TEXTS[name]
        assert column.missing().tolist() == [value is None for value in values]
        assert not column.categorical
    for name, numbers in NUMBERS.items():
        found = table[name].numbers()
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, numbers)
    dates = table["date"].dates()
    assert dates.dtype == "datetime64[us]"
    np.testing.assert_array_equal(dates, DATES)
    assert as_table(table) is table


def test_categories_are_told():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    for frame in (
        pd.DataFrame({"a": pd.Categorical(["u", None]), "b": pd.Categorical([3, 1])}),
        pl.DataFrame({"a": pl.Series(["u", None], dtype=pl.Categorical)}),
        pl.DataFrame({"a": pl.Series(["u", None], dtype=pl.Enum(["u", "v"]))}),
    ):
        column = as_table(frame)["a"]
        assert column.categorical
        assert column.take(np.array([1])).categorical
        assert texts(column) == ["u", None]
    assert as_table(pd.DataFrame({"b": pd.Categorical([3, 1])}))["b"].categorical


def test_names_of_pandas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame([[1, "x", 3]], columns=[0, ("a", "b"), 0])
    table = as_table(frame, source="here")
    assert list(table.columns) == ["0", "('a', 'b')"]
    assert table.repeated == {"0"}
    assert table.place(0, "0") == "here, row 0, column '0'"
    assert table["0"].numbers().tolist() == [1]


def test_times_become_utc():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    zone = datetime.timezone(datetime.timedelta(hours=2))
    time = datetime.datetime(2026, 1, 1, 1, tzinfo=zone)
    for data in (
        pd.DataFrame({"a": [time]}),
        pl.DataFrame({"a": [time]}),
        {"a": [time]},
        [{"a": time}],
    ):
        column = as_table(data)["a"]
        assert column.dates().tolist() == [datetime.datetime(2025, 12, 31, 23)]


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("data", "stored", "expected"),
    [
        (np.array([[1, 2], [3, 4]], np.uint8), "number", [["1", "3"], ["2", "4"]]),
        (np.array([[1, NAN]], np.float32), "number", [["1"], [None]]),
        (np.array([[True], [False]]), "boolean", [["True", "False"]]),
        (np.array([["a", " NA "]]), "text", [["a"], [None]]),
        (np.array([["2026-01-01"]], "M8[D]"), "date", [["2026-01-01"]]),
        ([[0.1, 2], [3, 4]], "number", [["0.1", "3"], ["2", "4"]]),
        ([["x", "y"], ["z", None]], "text", [["x", "z"], ["y", None]]),
    ],
)
def test_two_dimensions(data, stored, expected):
    table = as_table(data)
    assert not table.named
    assert list(table.columns) == [f"x{i}" for i in range(len(expected))]
    assert [texts(column) for column in table.columns.values()] == expected
    assert {column.stored for column in table.columns.values()} == {stored}


def test_lists_keep_numbers_beside_texts():
    table = as_table([[1, "x"], [2.5, "y"]])
    assert table["x0"].stored == "number"
    assert table["x0"].numbers().tolist() == [1, 2.5]
    assert texts(table["x1"]) == ["x", "y"]


def test_an_array_is_not_copied():
    X = np.ones((5, 3), order="F")
    column = as_table(X)["x1"]
    X[2, 1] = 7
    assert column.numbers().tolist() == [1, 1, 7, 1, 1]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([Decimal("0.5"), 1, Decimal("nan")], [0.5, 1, NAN]),
        ([2**70, None], [2.0**70, NAN]),
        ([np.float32(0.5), np.int8(3), 7], [0.5, 3, 7]),
        ([" 1", "NA", "2 "], [1, NAN, 2]),
        ([None, None], [NAN, NAN]),
    ],
)
def test_numbers_of_every_type(cells, expected):
    np.testing.assert_array_equal(as_table({"a": cells})["a"].numbers(), expected)


def test_a_column_of_nothing_is_anything():
    column = as_table({"a": [None, NAN]})["a"]
    assert column.missing().all()
    assert np.isnan(column.numbers()).all()
    assert np.isnat(column.dates()).all()
    assert texts(column) == [None, None]


def lazy():
    return pytest.importorskip("polars").DataFrame({"a": [1]}).lazy()


def durations():
    return pytest.importorskip("polars").DataFrame({"a": [datetime.timedelta(1)]})


def pandas_mixed():
    return pytest.importorskip("pandas").DataFrame({"a": ["x", 1, None]})


REFUSED = {
    "a single row": ({"a": 3, "b": 4}, "Write a single row as a list of one mapping"),
    "no dimension": ({"a": np.ones(())}, "column 'a': expected a sequence of cells, found array"),
    "two dimensions": ({"a": np.ones((2, 2))}, "column 'a': expected a sequence of cells"),
    "a single text": ({"a": "xyz"}, "column 'a': expected a sequence of cells, found 'xyz'"),
    "a single number": ({"a": 3}, "column 'a': expected a sequence of cells, found 3"),
    "lengths": ({"a": [1, 2], "b": [1]}, r"different lengths: \[1, 2\]"),
    "a row that is none": ([{"a": 1}, [2]], "row 1: expected a mapping of names to cells"),
    "one dimension": (np.ones(3), r"expected two dimensions .* found shape \(3,\)"),
    "nothing": ([], r"found shape \(0,\)"),
    "ragged": ([[1, 2], [3]], "is not a table"),
    "lazy": (lazy, r"found LazyFrame. Call its collect"),
    "an object": (object(), r"expected two dimensions"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_no_table_is_refused(data, message):
    with pytest.raises(DataError, match=message):
        as_table(data() if callable(data) else data)


EAST = datetime.timezone(datetime.timedelta(hours=5))
UNUSABLE = {
    "mixed cells": ({"a": ["x", None, "y", 3]}, r"row 3, column 'a': expected a text.* found 3"),
    "mixed rows": ([{"a": 1}, {"a": "x"}, {"a": 2}], r"row 1, column 'a': expected a number"),
    "booleans among numbers": ({"a": [1, 2, True]}, r"row 2, .* expected a number, .* found True"),
    "pandas": (pandas_mixed, r"row 1, column 'a': expected a text"),
    "lists": ([{"a": [1, 2]}], r"row 0, column 'a': expected a number, text or date, found \[1, 2"),
    "complex": ({"a": [1j]}, r"row 0, column 'a': .* found 1j\. Convert or drop the column"),
    "durations": (durations, r"row 0, column 'a': expected a number, text or date, found datetime"),
    "long": ({"a": [["x" * 999]]}, r"found \['x{58}\.{4} Convert"),
    "before year 1": (
        {"a": [DAY, datetime.datetime(1, 1, 1, tzinfo=EAST)]},
        r"row 1, column 'a': expected a date of the years 1 to 9999 in UTC, found 0001-01-01",
    ),
}


@pytest.mark.parametrize(("data", "message"), UNUSABLE.values(), ids=list(UNUSABLE))
@pytest.mark.parametrize("face", ["numbers", "texts", "dates", "missing"])
def test_a_column_that_cannot_be_used_is_refused_when_it_is_read(data, message, face):
    table = as_table(data() if callable(data) else data)
    column = table.take(np.arange(table.rows))["a"]
    assert len(column) == table.rows
    with pytest.raises(DataError, match=message):
        getattr(column, face)()


def test_masked_cells_are_missing():
    column = as_table({"a": np.ma.array([1.5, 2.5], mask=[False, True])})["a"]
    np.testing.assert_array_equal(column.numbers(), [1.5, np.nan])
    assert as_table({"a": np.ma.array([1, 2])})["a"].missing().tolist() == [False, False]


def test_a_signaling_nan_is_missing():
    cells = [Decimal("sNaN"), Decimal(1)]
    assert as_table({"a": cells})["a"].missing().tolist() == [True, False]


@pytest.mark.parametrize(
    ("cells", "method", "message"),
    [
        ([1, 10**400], "numbers", "row 1, column 'a': expected a finite number, found inf"),
        ([Fraction(10**400), 1], "numbers", "row 0, column 'a': expected a finite"),
        (["x" * 999], "numbers", r"found 'x{60}\.\.\.'\."),
        (
            np.array(["300000"], "datetime64[s]"),
            "dates",
            "of the years 1 to 9999, found 300",
        ),
        (["0001-01-01T00:00+01:00"], "dates", "row 0, column 'a': expected a date, found '0001-"),
        ([1, np.inf], "numbers", "row 1, column 'a': expected a finite number, found inf"),
        ([DAY], "numbers", "row 0, column 'a': expected a number, found 2026-11-30 17:21:00"),
        ([1, 2.5], "dates", "row 0, column 'a': expected a date, found 1"),
        (["x"], "dates", "row 0, column 'a': expected a date, found 'x'. Write dates as"),
        (["1", "x"], "numbers", "row 1, column 'a': expected a number, found 'x'"),
        (["1e400"], "numbers", "row 0, column 'a': expected a finite number, found '1e400'"),
    ],
)
def test_cells_of_another_kind_are_named(cells, method, message):
    column = as_table({"a": cells})["a"]
    with pytest.raises(DataError, match=message):
        getattr(column, method)()
