"""Files that cannot be read: each is refused with its place and what to do."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra 'tables' is not installed")

from xpnet.errors import DataError
from xpnet.tabular import content, read, survey


def refused(path: Path, content: str | bytes, message: str, **options: Any) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message) as caught:
        read(path, **options)
    assert str(path) in str(caught.value)


TEXTS = {
    "empty": ("", "is empty"),
    "blank": ("\n \n\n", "is empty"),
    "header alone": ("a,b\n", "has a header but no rows"),
    "header and empty rows": ("a,b\n,\n,\n", "has a header but no rows"),
    "no name": (",\n1,2\n", "line 1: expected a header that names the columns, found none"),
    "unnamed column": ("a,,c\n1,2,3\n", r"line 1: column 2 has no name\. Name or remove it\."),
    "short row": ("a,b,c\n1,2,3\n1,2\n", "line 3: expected 3 fields, as in the header, found 2"),
    "long row": ("a,b\n\n1,2\n1,2,3\n", "line 4: expected 2 fields, as in the header, found 3"),
    "ragged without header": ("1,2.5\n3\n", "line 2: expected 2 fields, as in the first line"),
    "open quote": ('a,b\n1,2\n"1,2\n3,4\n', "line 4: not well-formed CSV .* every quote is closed"),
    "text after a quote": ('a,b\n1,2\n"1"x,2,3\n', "line 3: not well-formed CSV"),
    "NUL": ("a,b\n1,2\n3,\0\n", "line 3: found a NUL byte"),
    "broken UTF-8": (b"\xc3\xa4,b\n1,2\n3,\xe9\n", "line 3: expected UTF-8, found byte 0xe9"),
    "cut off in a letter": (b"\xc3\xa4,b\n1,\xc3", "line 2: expected UTF-8, found byte 0xc3"),
    "no letter of Latin-1": (b"a,b\n1,\x81\n", "cannot be decoded as cp1252: .* 0x81"),
    "half a letter of UTF-16": ("a,b\n1,2\n".encode("utf-16")[:-1], "decoded as utf-16"),
}


@pytest.mark.parametrize(("content", "message"), TEXTS.values(), ids=list(TEXTS))
def test_bad_text(tmp_path, content, message):
    refused(tmp_path / "a.csv", content, message)


def test_a_given_encoding_is_not_second_guessed(tmp_path):
    refused(tmp_path / "a.csv", b"a,b\n1,\xe9\n", "line 2: expected UTF-8", encoding="utf-8")
    refused(tmp_path / "a.csv", "a,b\n1,é\n", "cannot be decoded as ascii", encoding="ascii")


FORMATS = {
    "workbook": ("a.csv", b"PK\x03\x04 [Content_Types].xml", "an Excel workbook; save its table"),
    "JSON": ("a.csv", b'{"a": [1, 2]}\n', "is JSON; write its rows as CSV"),
    "rows of JSON": ("a.csv", b'[{"a": 1}]\n', "is JSON; write its rows as CSV"),
    "web page": ("a.csv", b"<!DOCTYPE html><html>", "a web page, perhaps an error"),
    "pickle": ("a.pkl", b"\x80\x04\x95", "a pickle, which could run code"),
    "bzip2": ("a.csv.bz2", b"BZh91AY&SY", "compressed by bzip2; decompress it"),
    "picture": ("a.csv", b"\x89PNG\r\n", "is a picture"),
    "not parquet": ("a.parquet", b"a,b\n1,2\n", "is not parquet, as its name says"),
    "not Arrow": ("a.feather", b"a,b\n1,2\n", "is not Arrow, as its name says"),
    "not gzip": ("a.csv.gz", b"a,b\n1,2\n", "is not a gzip file, as its name says"),
    "not an archive": ("a.npz", b"a,b\n1,2\n", "is not a NumPy archive"),
    "broken parquet": ("a.parquet", b"PAR1 and no more", "cannot be read as parquet"),
    "broken Arrow": ("a.feather", b"ARROW1 and no more", "cannot be read as feather"),
    "broken gzip": (
        "a.csv.gz",
        gzip.compress(b"a,b\n1,2\n", mtime=0)[:-4],
        "cannot be read: Compressed",
    ),
    "damaged gzip": ("a.csv", b"\x1f\x8b and no more", "cannot be read: "),
}


@pytest.mark.parametrize(("name", "data", "message"), FORMATS.values(), ids=list(FORMATS))
def test_other_formats(tmp_path, name, data, message):
    refused(tmp_path / name, data, message)


def test_no_file_and_a_folder(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for name in ("none.csv", "folder.csv"):
        with pytest.raises(DataError, match=f"{name} cannot be read"):
            read(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_line_that_is_too_long(tmp_path, monkeypatch, encoding):
    monkeypatch.setattr(survey, "_LONGEST_LINE", survey.CHUNK)
    long = "x" * (2 * survey.CHUNK)
    for text, line in ((f"a,b\n1,{long}", 2), (long, 1), (f"{long}\na,b", 1)):
        refused(tmp_path / "a.csv", text.encode(encoding), f"line {line}: expected lines of at")


def test_a_file_of_one_gigabyte_without_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n")
    os.truncate(path, 1 << 30)
    with pytest.raises(DataError, match="line 3: found a NUL byte"):
        read(path)


def test_long_cells(tmp_path):
    for long in ("line\n" * 20_000, "x" * 3_000_000):
        (tmp_path / "a.csv").write_text(f'a;b\n1;"{long}"\n2;x\n' * 20, encoding="utf-8")
        table = read(tmp_path / "a.csv")
        assert {*table["b"].texts().values} == {"b", long.strip(), "x"}
    refused(tmp_path / "a.csv", 'a,b\n1,"' + "line\n" * 500_000, "field larger than field limit")


def test_gzip_that_has_no_end(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "_UNPACKED", 1 << 16)
    text = b"a,b\n" + b"1,2\n" * (1 << 20)
    refused(tmp_path / "a.csv.gz", gzip.compress(text), "unpacks to more than 0 MiB and 100 times")
    monkeypatch.setattr(content, "_UNPACKED", len(text))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text))
    assert read(tmp_path / "a.csv.gz").rows == 1 << 20
