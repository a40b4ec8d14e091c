"""Model files that claim what is not there, and files with a changed bit."""

import json
import os
import struct

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import FormatError, XpnetError
from xpnet.saving import tensor_file, tensor_header


class File:
    """The parts of a model's file, to be written again with others."""

    def __init__(self, path):
        self.path = path
        model = xn.MLP([4, 8, 2], seed=1, backend="numpy").build()
        model.save(path, optimizer_state=True)
        raw = path.read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        self.header, self.body = json.loads(raw[8 : 8 + length]), raw[8 + length :]
        self.data = json.loads(self.header["__metadata__"]["xpnet"])

    def write(self, text=None, head=None):
        header = {**self.header, "__metadata__": {"xpnet": text or json.dumps(self.data)}}
        head = json.dumps(header).encode() if head is None else head
        self.path.write_bytes(struct.pack("<Q", len(head)) + head + self.body)

    def refused(self, words):
        with pytest.raises(FormatError, match=words) as caught:
            xn.load(self.path)
        assert len(str(caught.value)) < 5000

    def head(self):
        return json.dumps(self.header).encode()


@pytest.fixture
def file(tmp_path):
    return File(tmp_path / "model.safetensors")


# --- names, counts and sizes ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["layers.0.weight", "layers.0.bias", "__metadata__"])
def test_names_that_occur_twice(file, name):
    entry = json.dumps(file.header[name])
    file.write(head=file.head()[:-1] + f', "{name}": {entry}}}'.encode())
    file.refused("a name occurs twice")


def test_names_within_a_tensor_that_occur_twice(file):
    file.write(head=file.head().replace(b'"shape": [4, 8]', b'"shape": [8], "shape": [4, 8]'))
    file.refused("a name occurs twice")


@pytest.mark.parametrize(
    "many", ["[],", "{},", "0,", '"",', "[[],[]],", '{"":' * 300 + "0" + "}" * 300 + ","]
)
def test_descriptions_of_many_small_values(file, many):
    text = json.dumps(file.data)[:-1] + ', "more": [' + many * (4_000_000 // len(many)) + "0]}"
    file.write(text)
    file.refused("too many small values")


def test_descriptions_whose_braces_are_hidden(file):
    hidden = "[" + ",".join(["\\u007b\\u007d"] * 300_000) + "]"
    head = file.head().replace(
        b'"checksum\\"', b'"more\\": ' + hidden.encode() + b', \\"checksum\\"'
    )
    assert len(head) > 300_000
    file.write(head=head)
    file.refused("too many small values")


def test_too_many_tensors(file, monkeypatch):
    monkeypatch.setattr(tensor_header, "_TENSORS", 10)
    end = len(file.body)
    more = {"dtype": "F32", "shape": [0], "data_offsets": [end, end]}
    file.header |= {f"t{i}": more for i in range(5)}
    file.write()
    file.refused("more than 10 tensors")


def test_a_header_that_is_too_long(file):
    file.write(head=file.head() + b" " * (16 * 2**20))
    file.refused("its header has .* bytes, more than")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": [4, 9]}, "do not fit"),
        ({"shape": [2**40, 2**40]}, "do not fit"),
        ({"shape": [10**4000, 8]}, "do not fit"),
        ({"shape": [1] * 100}, "do not fit"),
        ({"shape": [4.0, 8]}, "do not fit"),
        ({"shape": [True, 32]}, "do not fit"),
        ({"shape": [-4, -8]}, "do not fit"),
        ({"shape": None}, "do not fit"),
        ({"dtype": 4}, "do not fit"),
        ({"dtype": "F64"}, "do not fit"),
        ({"dtype": "\x1b[2J"}, r"the type \\x1b\[2J"),
        ({"data_offsets": [0]}, "do not fit"),
        ({"more": 1}, "do not fit"),
        ({"data_offsets": [4, 132]}, "a gap or an overlap"),
    ],
)
def test_tensors_that_do_not_fit(file, changes, words):
    file.header["layers.0.weight"] |= changes
    file.write()
    file.refused(words)


@pytest.mark.parametrize("more", [b"\0", b"\0" * 100])
def test_bytes_of_no_tensor(file, more):
    file.body += more
    file.write()
    file.refused("damaged")


@pytest.mark.parametrize("key", ["updates", "epoch", "step"])
@pytest.mark.parametrize("kind", ["Adam", "Nadam", "RAdam"])
def test_counts_that_are_huge(tmp_path, key, kind):
    """The next step takes no longer."""
    optimizer = getattr(xn, kind)(0.1, beta1=1 - 1e-15)
    model = xn.MLP([2, 2], optimizer=optimizer, backend="numpy").build()
    model.save(tmp_path / "m", optimizer_state=True)
    file = File(tmp_path / "other")
    file.path = tmp_path / "m"
    raw = file.path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    file.header, file.body = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    file.data = json.loads(file.header["__metadata__"]["xpnet"]) | {key: 2**60}
    file.write()
    loaded = xn.load(file.path)
    loaded.train_on_batch(np.ones((2, 2)), [0, 1])
    assert all(np.isfinite(a).all() for a in loaded.state_dict().values())


@pytest.mark.parametrize("kind", ["ReLU", "Dropout", "BatchNorm", "Flatten"])
def test_thousands_of_layers(file, kind):
    settings = {"rate": 0.1} if kind == "Dropout" else {}
    layer = {"kind": kind, "settings": settings}
    net = {"kind": "Sequential", "settings": {"layers": [layer] * 3000}}
    file.data["model"]["net"] = net
    file.write()
    file.refused("parameter names do not match|nothing to train")


@pytest.mark.parametrize(
    "part",
    [
        {"frozen": [f"layers.{i}" for i in range(100_000)]},
        {"metrics": ["mse"] * 100_000},
        {"input_shape": [1] * 100_000},
        {"input_shape": [2**61] * 60},
        {"net": {"kind": "Dense", "settings": {"units": 10**15}}},
        {"net": {"kind": "x" * 1_000_000, "settings": {}}},
    ],
)
def test_long_lists_and_large_numbers(file, part):
    file.data["model"] |= part
    file.write()
    with pytest.raises(FormatError):
        xn.load(file.path)


# --- one handle -----------------------------------------------------------------------------------


def test_a_file_that_is_replaced_while_it_is_read(file, tmp_path, monkeypatch):
    """Header and numbers come from the file that was opened, not from the one that replaced it."""
    other = tmp_path / "other"
    xn.MLP([4, 8, 2], seed=2, backend="numpy").build().save(other)
    wanted = xn.load(file.path).state_dict()
    real = tensor_file.read_header

    def replaced(*arguments):
        found = real(*arguments)
        os.replace(other, file.path)
        return found

    monkeypatch.setattr(tensor_file, "read_header", replaced)
    loaded = xn.load(file.path).state_dict()
    assert all(np.array_equal(loaded[name], array) for name, array in wanted.items())


# --- the checksum ---------------------------------------------------------------------------------


def test_a_changed_bit_anywhere_in_the_numbers(file):
    for at in range(0, len(file.body), 7):
        body = bytearray(file.body)
        body[at] ^= 1 << at % 8
        whole, file.body = file.body, bytes(body)
        file.write()
        file.refused("damaged: its numbers were changed")
        file.body = whole
    file.write()
    xn.load(file.path)


def test_files_without_a_checksum_load(file):
    del file.data["checksum"]
    file.write()
    assert xn.load(file.path).built


@pytest.mark.parametrize("wrong", [None, "", "crc32:", 3, [], "\x1b[2J", "x" * 100_000])
def test_checksums_that_are_none(file, wrong):
    file.data["checksum"] = wrong
    file.write()
    if wrong is None:
        assert xn.load(file.path).built
    else:
        file.refused("damaged: its numbers were changed")


def test_the_checksum_is_that_of_the_documentation(file):
    from zlib import crc32

    entries = [e["data_offsets"] for n, e in file.header.items() if n != "__metadata__"]
    total = sum(crc32(file.body[start:end]) for start, end in entries) % 2**32
    assert file.data["checksum"] == f"crc32:{total:08x}"


def test_checkpoints_have_one_too(tmp_path):
    X, y = np.ones((8, 2)), np.arange(8) % 2
    xn.MLP([2, 2]).fit(X, y, epochs=1, verbose=False, callbacks=[xn.Checkpoint(tmp_path)])
    (path,) = tmp_path.glob("*.safetensors")
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(FormatError, match="damaged"):
        xn.MLP([2, 2]).fit(X, y, epochs=2, verbose=False, resume_from=path)


# --- what names look like in a terminal -----------------------------------------------------------


@pytest.mark.parametrize(
    "evil", ["\x1b]0;title\x07", "\x9b2J", "\r\x08", "\u202e", "\ud800", "\u2028"]
)
def test_errors_can_be_shown(file, evil):
    file.data["model"]["net"] = {"kind": f"A{evil}B", "settings": {}}
    file.write()
    with pytest.raises(FormatError) as caught:
        xn.load(file.path)
    assert all(c.isprintable() or c == "\n" for c in str(caught.value))
    for kind in (FormatError, xn.errors.DatasetError, xn.errors.MissingDependencyError):
        error = kind(f"a{evil}b\tc\nd")
        assert isinstance(error, XpnetError)
        assert all(c.isprintable() or c in "\n\t" for c in str(error))


def test_letters_of_every_language_stay():
    for text in ("東京 é ß", "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "a\xa0b"):
        assert str(FormatError(text)) == text
