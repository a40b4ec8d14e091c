"""The message for data that are no numbers says what they are, and a remedy that works."""

import datetime
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import xpnet as xn

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 3


class Loader:
    """Batches, as loaders of other libraries give them."""

    def __iter__(self) -> Any:
        return iter([(X, Y)])


def said(X: Any = X, y: Any = Y, width: int = 4) -> str:
    with pytest.raises(xn.errors.XpnetError) as info:
        xn.MLP([width, 8, 3]).fit(X, y, epochs=1, verbose=False)
    return str(info.value)


def objects(odd: Any) -> Any:
    """An array of objects with one that is no number."""
    array = X.astype(object)
    array[3, 1] = odd
    return array


INPUTS = {
    "no columns": (lambda: X[:, :0], "at least one feature column"),
    "no rows": (lambda: X[:0], "at least one sample"),
    "no rows and no columns": (lambda: X[:0, :0], "at least one sample"),
    "dates": (lambda: X.astype("i8").astype("M8[s]"), "dates or times .dtype datetime64"),
    "durations": (lambda: X.astype("i8").astype("m8[s]"), "dates or times .dtype timedelta64"),
    "dates of Python": (
        lambda: objects(datetime.date(2020, 1, 2)),
        "dates or times .such as 2020-01-02",
    ),
    "times of Python": (lambda: objects(datetime.time(3)), "dates or times .such as 03:00"),
    "text among objects": (lambda: objects("a"), "got text, such as 'a': convert numbers in text"),
    "missing": (lambda: objects(None), "missing values .such as None"),
    "decimals": (lambda: np.array([[Decimal(1)] * 4] * 30), r"with X.astype\(float\)"),
    "objects": (lambda: objects(object()), "objects of the class object"),
    "text": (lambda: X.astype(str), "convert numbers in text"),
    "a dict": (lambda: {"a": 1}, r"is a dict, .*column_stack\(\[\*X.values"),
    "a generator": (lambda: (row for row in X), r"is a generator.*numpy.stack\(list\(X\)\)"),
    "an iterator": (lambda: iter(X), r"is an? iterator.*numpy.stack\(list\(X\)\)"),
    "a loader": (lambda: Loader(), "is a Loader, which is no array"),
    "nothing": (lambda: None, "got a NoneType"),
    "named fields": (lambda: np.zeros(30, "f4,f4"), "named fields .f0, f1.: .*structured_to_un"),
    "complex": (lambda: X + 0j, "the real and the imaginary parts"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(name: str) -> None:
    make, message = INPUTS[name]
    found = said(X=make())
    assert re.search(message, found), found
    usual = name in ("text", "text among objects")
    assert ("numbers in text" in found) == usual


@pytest.mark.parametrize("missing", [1, 10, 30])
def test_missing_labels(missing: int) -> None:
    """astype would make -9223372036854775808 of NaN."""
    y = np.where(np.arange(30) < missing, np.nan, Y)
    found = said(y=y)
    assert f"{missing} of 30 are missing (NaN): remove these rows" in found
    assert "astype" not in found


def test_whole_floats_and_others() -> None:
    assert "convert them with y.astype('int64')" in said(y=Y * 1.0)
    found = said(y=Y + 0.5)
    assert "with fractions: use loss='mean_squared_error'" in found
    assert "astype" not in found


def test_one_column_of_labels() -> None:
    assert "For one column use y.ravel()." in said(y=Y[:, None])
    assert "For one column use numpy.ravel(y)." in said(y=Y[:, None].tolist())


def test_tables_of_pandas() -> None:
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    assert "For one column use y.iloc[:, 0]." in said(y=pd.DataFrame({"y": Y}))
    assert "10 of 30 are missing" in said(y=pd.Series(Y).astype("Int64").mask(Y == 2))
    found = said(y=pd.Series(Y).astype(str))
    assert "got text, such as '0': encode text first" in found
    dates = pd.DataFrame({name: pd.to_datetime(["2020-01-02"] * 30) for name in "abcd"})
    assert "dates or times" in said(X=dates)
    mixed = pd.DataFrame(X).assign(a=["x"] * 30)
    assert "got text, such as 'x'" in said(X=mixed, width=5)


def test_tables_of_polars() -> None:
    pl = pytest.importorskip("polars", reason="polars is not installed")
    assert "For one column use y.to_series()." in said(y=pl.DataFrame({"y": Y}))
    assert "got text, such as '0': encode text first" in said(y=pl.Series(Y).cast(pl.String))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("layer", [1, 5, -2])
def test_a_hidden_layer_that_is_not_there(layer: int) -> None:
    fitted = xn.MLPClassifier((8,), max_iter=60).fit(X, Y)
    words = rf"layer must be from -1 .* to 0 .*1 hidden layer; got {layer}\."
    with pytest.raises(xn.errors.ArgumentError, match=words):
        fitted.transform(X, layer=layer)
