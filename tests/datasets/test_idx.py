"""The IDX reader: right on every type, and clear about every way to be wrong."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from xpnet.datasets import read_idx
from xpnet.errors import DatasetError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
DTYPES = st.sampled_from(sorted(CODES))
SHAPES = npst.array_shapes(max_dims=4, max_side=5, min_side=0)


def encode_idx(array):
    code = CODES[array.dtype.str[1:]]
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    values = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return bytes([0, 0, code, array.ndim]) + sizes + values


def assert_refused(path, reason):
    with pytest.raises(DatasetError, match=reason) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


@given(data=st.data(), packed=st.booleans())
def test_round_trip(tmp_path_factory, data, packed):
    array = data.draw(npst.arrays(data.draw(DTYPES), data.draw(SHAPES)))
    path = tmp_path_factory.mktemp("idx") / ("a.idx.gz" if packed else "a.idx")
    path.write_bytes(gzip.compress(encode_idx(array)) if packed else encode_idx(array))
    read = read_idx(path)
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    assert read.flags.writeable
    np.testing.assert_array_equal(read, array)


@given(content=st.binary(max_size=64) | st.binary(max_size=64).map(lambda b: b"\0\0\x08\x01" + b))
def test_any_bytes_give_an_array_or_our_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("idx") / "a.idx"
    path.write_bytes(content)
    try:
        array = read_idx(path)
    except DatasetError:
        return
    assert encode_idx(array) == content


def test_known_bytes_are_big_endian(tmp_path):
    path = tmp_path / "a.idx"
    path.write_bytes(bytes.fromhex("00000b02 00000001 00000002 0102 ff00".replace(" ", "")))
    np.testing.assert_array_equal(read_idx(path), [[258, -256]])


GOOD = encode_idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "truncated: the magic number takes 4 bytes, found 0"),
        (b"\1" + GOOD[1:], "wrong magic number 01000802"),
        (b"\0\0\x07\x01", "wrong magic number 00000701"),
        (b"\0\0\x08\x00", "wrong magic number 00000800"),
        (GOOD[:9], "truncated: the header takes 8 bytes, found 5"),
        (GOOD[:-1], r"truncated: an array of shape \(2, 3\) takes 6 bytes, found 5"),
        (GOOD + b"!", r"trailing bytes after the array of shape \(2, 3\)"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_malformed_content_is_refused(tmp_path, content, reason, packed):
    path = tmp_path / ("a.idx.gz" if packed else "a.idx")
    path.write_bytes(gzip.compress(content) if packed else content)
    assert_refused(path, reason)


def test_sizes_that_no_array_can_have_are_refused(tmp_path):
    path = tmp_path / "a.idx"
    path.write_bytes(b"\0\0\x08\x03" + b"\0" * 4 + b"\xff" * 8)
    assert_refused(path, "not a usable IDX file")
    path.write_bytes(b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"!")
    assert_refused(path, "not a usable IDX file")


def test_gz_name_without_gzip_content_is_refused(tmp_path):
    path = tmp_path / "a.idx.gz"
    path.write_bytes(GOOD)
    assert_refused(path, "Not a gzipped file")


def test_cut_and_damaged_gzip_are_refused(tmp_path):
    path = tmp_path / "a.idx.gz"
    packed = gzip.compress(encode_idx(np.arange(999, dtype="i4")))
    path.write_bytes(packed[:-9])
    assert_refused(path, "ended before")
    path.write_bytes(packed[:-8] + bytes(4) + packed[-4:])
    assert_refused(path, "CRC check failed")


def test_missing_file_is_refused(tmp_path):
    assert_refused(tmp_path / "none.idx", "No such file")


@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz"])
def test_a_header_that_lies_allocates_nothing(tmp_path, name):
    path = tmp_path / name
    content = b"\0\0\x0e\x03" + b"\xff" * 12 + b"few"
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    tracemalloc.start()
    try:
        assert_refused(path, "truncated: an array of shape")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
