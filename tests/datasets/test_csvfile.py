"""Reading CSV files: every dialect promised, and every way to be wrong named by its place."""

import csv
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet.datasets import read_table
from xpnet.errors import DataError

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))


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


@given(
    names=st.lists(NAMES, min_size=2, max_size=5),
    delimiter=st.sampled_from(",;\t"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    data=st.data(),
)
def test_round_trip(tmp_path_factory, names, delimiter, line_end, quoting, data):
    # No delimiters in a name, where quoting hides only the one in use, and no blanks at its end.
    names = [re.sub(r"[,;\t\n]", "_", f"c{i} {name}.") for i, name in enumerate(names)]
    row = st.lists(FLOATS, min_size=len(names), max_size=len(names))
    rows = data.draw(st.lists(row, min_size=1, max_size=6))
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
        writer.writerows([names, *rows])
    table = read_table(path, task="regression")
    expected = np.array(rows, np.float32)
    np.testing.assert_array_equal(table.X, expected[:, :-1])
    np.testing.assert_array_equal(table.y, expected[:, -1])
    assert (*table.feature_names, table.target_name) == tuple(names)
    assert table.X.dtype == table.y.dtype == np.float32


def test_any_column_can_be_the_target(tmp_path):
    table = read_table(write(tmp_path / "a.csv", "a,b,c\n1,2.5,3\n4,5.5,6\n"), target="b")
    assert table.feature_names == ("a", "c")
    assert table.target_name == "b"
    np.testing.assert_array_equal(table.X, [[1, 3], [4, 6]])
    np.testing.assert_array_equal(table.y, np.array([2.5, 5.5], np.float32))


def test_blanks_quotes_blank_lines_and_byte_order_mark(tmp_path):
    content = '\ufeff"first; or; so", b \r\n 1e3 ,\t2.5 \r\n\r\n"-4", "5.5"\r\n  \r\n'
    table = read_table(write(tmp_path / "a.CSV", content))
    assert table.feature_names == ("first; or; so",)
    assert table.target_name == "b"
    np.testing.assert_array_equal(table.X, [[1000], [-4]])
    np.testing.assert_array_equal(table.y, [2.5, 5.5])


REFUSED = {
    "empty file": ("", "line 1: expected a header .* found 0"),
    "blank first line": ("\na,b\n1,2\n", "line 1: expected a header .* found 0"),
    "one column": ("a\n1\n", "line 1: expected a header .* found 1"),
    "no header": ("1,2.5\n3,4.5\n", "line 1: .* found only numbers. Add a first line"),
    "unnamed column": (
        ",b,c\n1,2,3\n",
        r"line 1: column 1 has no name\..* to_csv\(path, index=False",
    ),
    "unnamed later": ("a,,c\n1,2,3\n", r"line 1: column 2 has no name\. Name or remove it\.$"),
    "duplicate header": ("a,b,a\n1,2,3\n", "line 1: two columns are named 'a'"),
    "no rows": ("a,b\n\n", "no rows of data"),
    "text": ("a,b,c\n1,2,3\n\n1,two,3\n", "line 4, column 'b': expected a number, found 'two'"),
    "decimal comma": ("a;b\n1,5;2\n", "line 2, column 'a': .* decimal point, found '1,5'"),
    "two commas": ("a;b\n1,5,2;2\n", "column 'a': expected a number, found '1,5,2'"),
    "digit groups": ("a,b\n1_000,2\n", "line 2, column 'a': expected a number, found '1_000'"),
    "empty cell": ("a,b\n1,2\n ,2\n", "line 3, column 'a': expected a number, found an empty cell"),
    "NaN": ("a,b\n1,2\nnan,2\n", "line 3, column 'a': expected a finite number .* 'nan'"),
    "infinite": ("a,b\n-inf,2\n", "line 2, column 'a': expected a finite number .* '-inf'"),
    "too large": ("a,b\n1e39,2\n", r"line 2, column 'a': .* at most 3.4e38 .* '1e39'"),
    "short row": ("a,b,c\n1,2,3\n1,2\n", "line 3: expected 3 fields, .* found 2"),
    "long row": ("a,b\n1,2\n1,2,3\n", "line 3: expected 2 fields, .* found 3"),
    "open quote": ('a,b\n1,2\n"1,2\n3,4\n', "line 4: not well-formed CSV"),
    "old Mac line ends": ("a,b\r1,2\r", "not well-formed CSV"),
    "Latin-1": (b"a,b\n1,2\n3,\xe9\n", "line 3: expected UTF-8, found byte 0xe9 at position 3"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "line 1: expected UTF-8"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=list(REFUSED))
def test_bad_files_are_refused_by_place(tmp_path, content, message):
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("39,State-gov,77516,no\n50,Self-emp,83311,no\n", "'39' and '77516'"),
        ("5.1,0.2,0.2,setosa\n4.9,0.2,0.2,setosa\n", "'5.1' and '0.2'"),
    ],
    ids=["text", "duplicate"],
)
def test_a_missing_header_is_suspected(tmp_path, content, names):
    with pytest.raises(DataError, match=f"names such as {names}. If the header is missing"):
        read_table(write(tmp_path / "a.csv", content))


@pytest.mark.parametrize("header", ["a,b,kind", "1,b,kind", "2,1,kind", "1990,1991,kind"])
def test_names_that_count_on_are_no_missing_header(tmp_path, header):
    with pytest.raises(DataError, match=r"numbers\.$"):
        read_table(write(tmp_path / "a.csv", f"{header}\n1,two,3\n"))


def test_lines_are_counted_across_quoted_line_breaks(tmp_path):
    path = write(tmp_path / "a.csv", 'a,b\n1,"x\ny"\n?,z\n')
    with pytest.raises(DataError, match="line 4, column 'a'"):
        read_table(path)


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
    with pytest.raises(DataError, match=r"'pixel39', \.\.\.\.$"):
        read_table(write(tmp_path / "a.csv", header + "\n"), target="label")


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


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "line 292, column 'total_bedrooms': expected a number, found an empty cell"),
        ("median_house_value", "line 2, column 'ocean_proximity': .* found 'NEAR BAY'"),
    ],
)
def test_housing_with_blanks_and_text_is_refused(target, message):
    with pytest.raises(DataError, match=message):
        read_table(shared_file("california-housing/housing.csv"), target=target)
