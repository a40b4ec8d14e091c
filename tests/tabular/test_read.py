"""Reading files: every dialect, encoding and format promised gives the cells that were written."""

import csv
import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="the extra 'tables' is not installed")

from xpnet.errors import ArgumentError, DataError, MissingDependencyError
from xpnet.tabular import Table, read
from xpnet.tabular.cells import MISSING

NAN = np.nan


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def cells(table: Table) -> dict[str, list[str | None]]:
    """The table as texts, None where missing."""
    found = {}
    for name, column in table.columns.items():
        codes, values = column.texts()
        found[name] = [None if code < 0 else values[code] for code in codes]
    return found


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@given(
    rows=st.integers(2, 4).flatmap(
        lambda n: st.lists(st.lists(TEXT, min_size=n, max_size=n), min_size=1, max_size=5)
    ),
    delimiter=st.sampled_from(",;\t|€"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_table_of_texts_comes_back(tmp_path, rows, delimiter, line_end, quoting, encoding):
    names = [f"c{i}" for i in range(len(rows[0]))]
    rows.append(["end"] * len(names))  # empty rows at the end are left out
    if any("\r" in cell or "\n" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # csv does not quote the line ends that it does not write
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(
        [names, *rows]
    )
    path = write(tmp_path / "a.csv", text.getvalue().encode(encoding))
    table = read(path, delimiter=delimiter, encoding=encoding, header=True)
    for i, name in enumerate(names):
        expected = [None if (cell := row[i].strip()) in MISSING else cell for row in rows]
        assert cells(table)[name] == expected


def test_a_long_column_of_different_texts(tmp_path):
    """It is read in several blocks."""
    texts = [f"name {i:06}" for i in range(200_000)]
    table = read(write(tmp_path / "a.csv", "\n".join(["a", *texts, texts[7]])))
    codes, values = table["a"].texts()
    assert values == texts
    np.testing.assert_array_equal(codes, [*range(200_000), 7])


PLAIN = {"a": [1.5, NAN, -3], "b": [2, 5, 6]}
DIALECTS = {
    "commas": "a,b\n1.5,2\n,5\n-3,6\n",
    "semicolons": "a;b\n1.5;2\nNA;5\n-3;6\n",
    "tabs": "a\tb\n1.5\t2\n\t5\n-3\t6\n",
    "pipes": "a|b\n1.5|2\n?|5\n-3|6\n",
    "blanks after commas": "a, b\n 1.5, 2\n ?, 5\n-3,\t6 \n",
    "late quotes": 'a, "b"\n1.5, "2"\n, "5"\n-3, 6\n',
    "decimal commas": "a;b\n1,5;2\n;5\n-3;6\n",
    "byte order mark": "\ufeffa,b\n1.5,2\n,5\n-3,6\n",
    "Windows line ends": "a,b\r\n1.5,2\r\n,5\r\n-3,6\r\n",
    "old Mac line ends": "a,b\r1.5,2\r,5\r-3,6\r",
    "no last line end": "a,b\n1.5,2\n,5\n-3,6",
    "blank lines": "\n\na,b\n\n1.5,2\n   \n,5\n-3,6\n\n \n",
    "empty rows at the end": "a,b\n1.5,2\n,5\n-3,6\n,\n,\n",
    "a column of nothing": "a,b,\n1.5,2,\n,5,\n-3,6,\n",
    "Excel's first line": "sep=;\na;b\n1.5;2\n;5\n-3;6\n",
    "comments": "# one, two, three\n# made by hand\na,b\n1.5,2\n,5\n-3,6\n",
    "quotes": '"a","b"\n"1.5","2"\n"","5"\n"-3","6"\n',
    "other words": "a,b\n1.5,2\n<NA>,5\n-3,6\n",
}


@pytest.mark.smoke
@pytest.mark.parametrize("content", DIALECTS.values(), ids=list(DIALECTS))
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_dialects_are_recognized(tmp_path, content, pack):
    table = read(write(tmp_path / "a.csv", pack(content.encode())))
    assert list(table.columns) == ["a", "b"]
    for name, numbers in PLAIN.items():
        np.testing.assert_array_equal(table[name].numbers(), numbers)
    assert table["a"].missing().tolist() == [False, True, False]
    assert table.rows == len(table) == 3


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a  b\n 1.5 2\n?\t 5 \n-3  6\n", {}),
        ("a b\n1.5 2\n? 5\n-3 6\n", {"delimiter": " "}),
        ("a:b\n1.5:2\n:5\n-3:6\n", {"delimiter": ":"}),
        ("a,b\n1.5,2\n,5\n-3,6\n", {"decimal": "."}),
        ('a,b\n"1,5",2\n,5\n-3,6\n', {"decimal": ","}),
    ],
)
def test_delimiters_and_marks_can_be_given(tmp_path, content, options):
    table = read(write(tmp_path / "a.txt", content), **options)
    for name, numbers in PLAIN.items():
        np.testing.assert_array_equal(table[name].numbers(), numbers)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-32", "utf-16-le"])
def test_encodings_are_recognized(tmp_path, encoding):
    path = write(tmp_path / "a.csv", "größe,é\n1,€\n2,à la carte\n".encode(encoding))
    table = read(path)
    assert cells(table) == {"größe": ["1", "2"], "é": ["€", "à la carte"]}
    assert bool(table.notes) is (encoding == "cp1252")
    assert cells(read(path, encoding=encoding)) == cells(table)


HEADERS = {
    "numbers": ("1,2.5\n3,4.5\n", None, ["x0", "x1"]),
    "byte order mark": ("\ufeff1,2.5\n3,4.5\n", None, ["x0", "x1"]),
    "some numbers": ("39,State-gov,77516\n50,Private,83311\n", None, ["x0", "x1", "x2"]),
    "iris": ("5.1,0.2,0.2,setosa\n4.9,0.2,0.2,setosa\n", None, ["x0", "x1", "x2", "x3"]),
    "text": ("a,b\n1,2\n", None, ["a", "b"]),
    "text that is none": ("a,b\n1,2\n", False, ["x0", "x1"]),
    "numbers that are names": ("1,2.5\n3,4.5\n", True, ["1", "2.5"]),
    "numbered by pandas": ("0,1,2\n3,4.5,6\n", None, ["0", "1", "2"]),
    "years": ("country,1990,2000,2020\nx,1,2,3\n", None, ["country", "1990", "2000", "2020"]),
    "wavelengths": ("kind,1.5,2.0,2.5\nx,1,2,3\n", None, ["kind", "1.5", "2.0", "2.5"]),
    "counted in any order": ("2,1,kind\n3,4,x\n", None, ["2", "1", "kind"]),
    "line break": ('"price\n(EUR)";b\n1;2\n', None, ["price\n(EUR)", "b"]),
    "index of pandas": (",b\n0,2\n", None, ["Unnamed: 0", "b"]),
}


@pytest.mark.parametrize(("content", "header", "names"), HEADERS.values(), ids=list(HEADERS))
def test_headers(tmp_path, content, header, names):
    table = read(write(tmp_path / "a.csv", content), header=header)
    assert list(table.columns) == names
    assumed = header is None and names[0] in ("x0", "Unnamed: 0")
    assert bool(table.notes) is assumed
    number = next(i for i, name in enumerate(names) if i and name != "kind")
    assert cells(table)[names[0]][0] != "\ufeff1"
    last = content.split("\n")[-2].replace(";", ",").split(",")[number]
    assert cells(table)[names[number]][-1] == last


def test_a_repeated_name_is_told(tmp_path):
    table = read(write(tmp_path / "a.csv", "a,b,a\n1,2,3\n"))
    assert table.repeated == {"a"}
    assert cells(table) == {"a": ["1"], "b": ["2"]}


def test_numbers_are_exact(tmp_path):
    numbers = ["9007199254740991", "1790000000.123456", "52.520006599999999", "5e-324", "1e308"]
    column = read(write(tmp_path / "a.csv", "a,b\n" + "".join(f"{n},1\n" for n in numbers)))["a"]
    assert column.numbers().tolist() == list(map(float, numbers))
    assert column.texts().values == sorted(numbers)


def test_rows_know_their_lines(tmp_path):
    content = 'a,b\n\n1,"x\ny"\n   \n3,4\nfive,6\n'
    table = read(write(tmp_path / "a.csv", content))
    assert table.place(1, "b") == f"{tmp_path / 'a.csv'}, line 6, column 'b'"
    assert table.take(np.array([2, 0])).place(0, "a").endswith("line 7, column 'a'")
    with pytest.raises(DataError, match=r"line 7, column 'a': expected a number, found 'five'"):
        table["a"].numbers()
    (tmp_path / "a.csv").unlink()
    assert table.place(1, "b").endswith("row 1, column 'b'")


def test_taken_columns(tmp_path):
    table = read(write(tmp_path / "a.csv", "a,b\n1,x\n2,\n3,z\n")).take(np.array([2, 1]))
    part = table.take(np.array([0]))
    assert cells(table) == {"a": ["3", "2"], "b": ["z", None]}
    assert cells(part) == {"a": ["3"], "b": ["z"]}
    assert table["b"].missing().tolist() == [False, True]
    assert table["a"].numbers().tolist() == [3, 2]
    assert list(table.without("a").columns) == ["b"]
    with pytest.raises(DataError, match=r"no column 'c'\. Its columns: 'a', 'b'\."):
        table.select(["c"])


def test_parquet_and_arrow_files(tmp_path):
    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.parquet

    data = pa.table(
        {
            "n": pa.array([1, None, 2**62], pa.int64()),
            "s": ["x", None, "007"],
            "c": pa.array(["u", "v", None]).dictionary_encode(),
            "b": [True, None, False],
            "d": pa.array([0, None, 10**6], pa.timestamp("us")),
        }
    )
    pyarrow.parquet.write_table(data, tmp_path / "a.parquet")
    pyarrow.feather.write_feather(data, tmp_path / "a.csv")  # whatever its name
    for name in ("a.parquet", "a.csv"):
        table = read(tmp_path / name)
        stored = [column.stored for column in table.columns.values()]
        assert stored == ["number", "text", "text", "boolean", "date"]
        assert cells(table) == {
            "n": ["1", None, str(2**62)],
            "s": ["x", None, "007"],
            "c": ["u", "v", None],
            "b": ["True", None, "False"],
            "d": ["1970-01-01", None, "1970-01-01 00:00:01"],
        }
        assert table["c"].categorical
        assert table.source == str(tmp_path / name)


def test_archives_of_numpy(tmp_path):
    X = np.array([[0.5, np.nan], [1, 2**60]])
    np.savez(tmp_path / "a.npz", X=X, y=np.array(["u", "v"]))
    table = read(tmp_path / "a.npz")
    assert cells(table) == {"x0": ["0.5", "1"], "x1": [None, str(2**60)], "y": ["u", "v"]}
    np.savez(tmp_path / "b.npz", X=X)
    assert list(read(tmp_path / "b.npz").columns) == ["x0", "x1"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input(monkeypatch, pack):
    stream = io.TextIOWrapper(io.BytesIO(pack(b"a,b\n1,2\nx,3\n")))
    monkeypatch.setattr("sys.stdin", stream)
    table = read("-")
    assert table.place(1, "a") == "standard input, line 3, column 'a'"
    assert cells(table) == {"a": ["1", "x"], "b": ["2", "3"]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ""}, "delimiter: expected one character"),
        ({"delimiter": '"'}, "delimiter: expected one character"),
        ({"decimal": ";"}, r"decimal: expected '\.' or ','"),
        ({"encoding": "latin-99"}, "encoding: expected one such as"),
        ({"encoding": "base64"}, "encoding: expected one such as"),
    ],
)
def test_options_are_checked(tmp_path, options, message):
    with pytest.raises(ArgumentError, match=message):
        read(tmp_path / "none.csv", **options)


def test_many_columns(tmp_path):
    names = [f"gene{i}" for i in range(30_000)]
    content = ",".join(names) + "\n" + 2 * (",".join(["0.5"] * len(names)) + "\n")
    table = read(write(tmp_path / "a.csv", content))
    assert list(table.columns) == names
    assert table["gene29999"].numbers().tolist() == [0.5, 0.5]


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'xpnet\[tables\]'"):
        read(write(tmp_path / "a.csv", "a,b\n1,2\n"))


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2\n", gzip.compress(b"a,b\n1,2\n"), b"a,b\n1,\xe9\n", b"a  b\n1  2\n"],
    ids=["plain", "gzip", "Latin-1", "runs of spaces"],
)
def test_pyarrow_is_given_no_stream_of_python(tmp_path, monkeypatch, content):
    # One of its threads may still hold the stream when Python ends, and aborts the process then.
    import pyarrow as pa
    import pyarrow.csv

    given, read_csv = [], pyarrow.csv.read_csv
    monkeypatch.setattr("pyarrow.csv.read_csv", lambda f, *o: given.append(f) or read_csv(f, *o))
    assert len(read(write(tmp_path / "a.txt", content)).columns) == 2
    assert [type(stream) for stream in given] == [pa.OSFile]
