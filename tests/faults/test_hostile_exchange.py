"""ONNX files and NumPy archives that claim what is not there."""

import io
import tracemalloc
import zipfile
from itertools import pairwise

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import DataError, FormatError, XpnetError
from xpnet.exchange import wire


def megabytes(action, *arguments):
    """The memory that Python and NumPy take at most."""
    tracemalloc.start()
    try:
        action(*arguments)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak / 2**20


# --- NumPy archives -------------------------------------------------------------------------------


def npy(array):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array)
    return stream.getvalue()


X, Y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2


def archive(path, method=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)


def refused(path, words):
    with pytest.raises(DataError, match=words):
        xn.datasets.read_table(path)
    with pytest.raises(DataError, match=words):
        xn.tabular.read(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_archives_that_unpack_to_many_times_their_size(tmp_path, method, dtype):
    path, zeros = tmp_path / "a.npz", np.zeros((2**20, 16), dtype)
    archive(path, method, X=npy(zeros), y=npy(Y))
    assert megabytes(refused, path, "too many for a file of .* numpy.savez|never uses") < 10


@pytest.mark.parametrize("shape", [(6, 3), (2**40, 2), (2**40, 2**40), (0, 2), (-6, -2), (6,)])
def test_shapes_that_do_not_fit(tmp_path, shape):
    raw, header = npy(X), str(shape).encode()
    wrong = raw.replace(b"(6, 2), }" + b" " * len(header), header + b", }" + b" " * 6)
    assert len(wrong) == len(raw) != raw
    archive(tmp_path / "a.npz", X=wrong, y=npy(Y))
    assert megabytes(refused, tmp_path / "a.npz", "claims the shape|cannot be read") < 20


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_members(tmp_path, method):
    path = tmp_path / "a.npz"
    archive(path, method, X=npy(X), y=npy(Y))
    whole = path.read_bytes()
    seen = set()
    for at in range(30, len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            xn.datasets.read_table(path)
        except XpnetError as error:
            seen.add(type(error.__cause__))
    assert len(seen) > 1


@pytest.mark.parametrize("flag", [1, 0x20, 0x40])
def test_members_that_are_encrypted_or_patched(tmp_path, flag):
    path = tmp_path / "a.npz"
    archive(path, X=npy(X), y=npy(Y))
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        raw[raw.index(mark) + offset] |= flag
    path.write_bytes(raw)
    refused(path, "cannot be read")


def test_members_of_an_unknown_method(tmp_path):
    path = tmp_path / "a.npz"
    archive(path, X=npy(X), y=npy(Y))
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        raw[raw.index(mark) + offset] = 77
    path.write_bytes(raw)
    refused(path, "cannot be read")


def test_members_of_the_same_name(tmp_path):
    archive(tmp_path / "a.npz", X=npy(X), Z=npy(X + 1), y=npy(Y))
    raw = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(raw.replace(b"Z.npy", b"X.npy"))
    refused(tmp_path / "a.npz", "two arrays of the same name")


def test_what_is_compressed_as_usual_is_read(tmp_path):
    many = np.repeat(np.arange(64, dtype="u1"), 64 * 1000).reshape(1000, -1)
    np.savez_compressed(tmp_path / "a.npz", X=many % 2, y=np.arange(1000) % 2)
    assert xn.datasets.read_table(tmp_path / "a.npz").X.shape == (1000, 4096)


# --- ONNX -----------------------------------------------------------------------------------------

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
WEIGHT, BIAS = np.ones((4, 8), "f"), np.zeros(8, "f")


def tensor(array=WEIGHT, name="w", **changes):
    found = numpy_helper.from_array(array, name)
    for key, value in changes.items():
        if key == "dims":
            del found.dims[:]
            found.dims.extend(value)
        else:
            setattr(found, key, value)
    return found


def model_of(tensors, features=4, nodes=None, units=8):
    ends = [
        helper.make_tensor_value_info(n, 1, ["n", k]) for n, k in (("x", features), ("y", units))
    ]
    nodes = nodes or [helper.make_node("Gemm", ["x", "w", "b"], ["y"])]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def onnx_refused(tmp_path, model, words):
    path = tmp_path / "m.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())

    def read():
        with pytest.raises(XpnetError, match=words) as caught:
            xn.exchange.from_onnx(path, loss="mse")
        assert len(str(caught.value)) < 5000

    assert megabytes(read) < 10 * path.stat().st_size / 2**20 + 20


@pytest.mark.parametrize("features", [3, 2_000_000, 2**40, 2**62])
def test_inputs_that_claim_other_features(tmp_path, features):
    model = model_of([tensor(), tensor(BIAS, "b")], features)
    onnx_refused(tmp_path, model, "shapes in the file do not fit|matrix for 4 units")


@pytest.mark.parametrize("kind", [99, 0, 8, 14, 16, 21, -1, 2**31 - 1])
def test_tensors_of_unknown_types(tmp_path, kind):
    model = model_of([tensor(data_type=kind), tensor(BIAS, "b")])
    onnx_refused(tmp_path, model, "element type|not a valid ONNX file")


@pytest.mark.parametrize(
    "dims", [(4, 9), (2**40, 2**40), (0, 2**40), (-4, -8), (4, 8, 2**60), (2**62, 2**2), (1,) * 70]
)
def test_tensors_of_other_sizes(tmp_path, dims):
    model = model_of([tensor(dims=dims), tensor(BIAS, "b")])
    onnx_refused(tmp_path, model, "claims the shape|not a valid ONNX file|constant matrix")


@pytest.mark.parametrize("field", ["float_data", "raw_data"])
def test_tensors_without_bytes(tmp_path, field):
    empty = tensor(raw_data=b"")
    if field == "float_data":
        empty.ClearField("raw_data")
    onnx_refused(tmp_path, model_of([empty, tensor(BIAS, "b")]), "claims the shape|not a valid")


@pytest.mark.parametrize("where", ["secret", "/etc/passwd", "../secret", "link"])
def test_other_files_are_not_read(tmp_path, where):
    (tmp_path / "secret").write_bytes(WEIGHT.tobytes())
    (tmp_path / "link").symlink_to("secret")
    outside = tensor()
    onnx.external_data_helper.set_external_data(outside, where, 0, 128)
    outside.ClearField("raw_data")
    for part in (
        model_of([outside, tensor(BIAS, "b")]),
        model_of(
            [tensor(BIAS, "b")],
            nodes=[
                helper.make_node("Constant", [], ["w"], value=outside),
                helper.make_node("Gemm", ["x", "w", "b"], ["y"]),
            ],
        ),
    ):
        onnx_refused(tmp_path, part, "in other files, which are not read")


def field(number, content):
    """A field of a protobuf message."""
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


@pytest.mark.parametrize(
    "content",
    [
        field(7, field(1, b"") * 70_000),  # operators
        field(7, field(5, b"") * 70_000),  # tensors
        field(7, field(1, field(1, b"") * 70_000)),  # names of inputs
        field(7, field(1, field(5, b"") * 70_000)),  # attributes
        field(8, b"") * 70_000,  # operator sets
        field(14, b"") * 70_000,  # metadata
        b"\x08\x01" * 70_000,  # numbers
    ],
)
def test_files_of_many_small_messages(tmp_path, content, monkeypatch):
    monkeypatch.setattr(wire, "_FIELDS", 50_000)  # the test counts every allocation
    valid = model_of([tensor(), tensor(BIAS, "b")]).SerializeToString()
    onnx_refused(tmp_path, valid + content, "more than 50,000 fields")


def test_messages_within_messages(tmp_path):
    content = b""
    for _ in range(60):  # a graph in an attribute in an operator in a graph ...
        content = field(1, field(5, field(6, content)))
    valid = model_of([tensor(), tensor(BIAS, "b")]).SerializeToString()
    onnx_refused(tmp_path, valid + field(7, content), "nested more than 50 levels")


def test_files_that_are_cut_off(tmp_path):
    valid = model_of([tensor(), tensor(BIAS, "b")]).SerializeToString()
    for length in range(1, len(valid)):
        (tmp_path / "m.onnx").write_bytes(valid[:length])
        with pytest.raises(XpnetError):
            xn.exchange.from_onnx(tmp_path / "m.onnx", loss="mse")


def test_too_many_operators(tmp_path):
    names = ["x", *(f"v{i}" for i in range(10_001)), "y"]
    nodes = [helper.make_node("Relu", [a], [b]) for a, b in pairwise(names)]
    model = model_of([], nodes=nodes, features=4, units=4)
    onnx_refused(tmp_path, model, "more than 10,000 operators")


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [
        ("LeakyRelu", {"alpha": "text"}),
        ("LeakyRelu", {"alpha": [1.0, 2.0]}),
        ("LeakyRelu", {"alpha": tensor()}),
        ("LeakyRelu", {"alpha": float("nan")}),
        ("Flatten", {"axis": "text"}),
        ("Softmax", {"axis": [1, 2]}),
        ("Gelu", {"approximate": 3}),
        ("HardSigmoid", {"alpha": "\x1b"}),
    ],
)
def test_attributes_of_the_wrong_kind(tmp_path, kind, attribute):
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node(kind, ["h"], ["y"], **attribute),
    ]
    model = model_of([tensor(), tensor(BIAS, "b")], nodes=nodes)
    onnx_refused(tmp_path, model, "from_onnx|must be")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("raw", [True, False])
def test_both_forms_of_numbers_are_read(tmp_path, dtype, raw):
    kind = {"f4": 1, "f8": 11}[dtype]
    w = np.random.default_rng(0).normal(size=(4, 8)).astype(dtype)
    tensors = [
        helper.make_tensor(n, kind, a.shape, a.tobytes() if raw else a.ravel(), raw)
        for n, a in (("w", w), ("b", np.arange(8, dtype=dtype)))
    ]
    model = model_of(tensors)
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.elem_type = kind
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    found = xn.exchange.from_onnx(tmp_path / "m.onnx", loss="mse")
    assert found.dtype == {"f4": "float32", "f8": "float64"}[dtype]
    assert np.array_equal(found.state_dict()["layers.0.weight"], w)


def test_files_that_are_none(tmp_path):
    for content in (b"", b"x", b"\x1b[2J", b"PK\x03\x04" + bytes(100), bytes(1000)):
        (tmp_path / "m.onnx").write_bytes(content)
        with pytest.raises(FormatError) as caught:
            xn.exchange.from_onnx(tmp_path / "m.onnx", loss="mse")
        assert "\x1b" not in str(caught.value)
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FormatError, match="cannot be read"):
            xn.exchange.from_onnx(place, loss="mse")
