"""Files that were changed at random: errors of xpnet's, or a model, and nothing else."""

import json
import struct
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xpnet as xn
from xpnet.errors import XpnetError

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def original() -> bytes:
    shared = xn.Dense(3, "prelu")
    net = xn.Sequential(
        xn.Dense(3, kernel_penalty=xn.L2(0.1), kernel_constraint=xn.MaxNorm(2)), shared,
        xn.Residual(shared, xn.BatchNorm()), xn.Maxout(3), xn.Concat(xn.ReLU(), xn.Dropout(0.1)),
        xn.Dense(2),
    )  # fmt: skip
    optimizer = xn.Adam(xn.Warmup(xn.CosineDecay(0.1, 3), 1), clip_norm=1.0)
    model = xn.Model(net, xn.losses.focal(), optimizer, input_shape=2, metrics=["accuracy"])
    with TemporaryDirectory() as folder:
        model.save(Path(folder) / "m", optimizer_state=True, preprocessing={"columns": ["a"]})
        return (Path(folder) / "m").read_bytes()


def try_to_load(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        path.write_bytes(content)
        try:
            model = xn.load(path)
        except XpnetError:
            assert path.read_bytes() == content
            return
        assert all(np.isfinite(array).all() for array in model.state_dict().values())


@SETTINGS
@given(st.data())
def test_bytes(data):
    raw = bytearray(original())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["set", "cut", "insert", "copy"])):
            case "set":
                raw[place] = data.draw(st.integers(0, 255))
            case "cut":
                del raw[place : place + data.draw(st.integers(1, 50))]
            case "insert":
                raw[place:place] = data.draw(st.binary(max_size=20))
            case "copy":
                raw[place:place] = raw[place : place + data.draw(st.integers(1, 200))]
        raw = raw or bytearray(b"x")
    try_to_load(bytes(raw))


NUMBERS = st.sampled_from([0, -1, 1, 2, 3, 10**9, 10**18, 2**63, 0.5, -0.5, 1e308, 5e-324])
TEXTS = st.sampled_from(
    ["", "relu", "Dense", "Sequential", "L2", "ops.concat", "ops.mean", "init.normal", "\x1b[2J"]
)
LEAVES = NUMBERS | TEXTS | st.none() | st.booleans()
OBJECTS = st.sampled_from(
    [
        {"kind": "ReLU", "settings": {}},
        {"kind": "Dense", "settings": {"units": 3}},
        {"kind": "Flatten", "settings": {}},
        {"kind": "Embedding", "settings": {"size": 3, "units": 2}},
        {"kind": "Concat", "settings": {"branches": []}},
        {"kind": "L1", "settings": {"rate": 0.5}},
        {"kind": "CosineRestarts", "settings": {"rate": 0.1, "epochs": 2}},
        {"kind": "losses.quantile", "settings": {"q": [0.1, 0.9]}},
        {"kind": "init.orthogonal", "settings": {}},
        {"ref": "ops.reshape"},
        {"ref": "ops.softmax_cross_entropy"},
        {"same": 1},
        {"tuple": [1, 2]},
        {"map": {}},
        {"float": "nan"},
    ]
)
VALUES = st.recursive(
    LEAVES | OBJECTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS, inner, max_size=3)
        | st.builds(
            lambda layers: {"kind": "Add", "settings": {"branches": layers}}, st.lists(inner)
        )
    ),
    max_leaves=6,
)


def places(value, path=()):
    """Where something stands within lists and dicts."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


@SETTINGS
@given(st.data())
def test_descriptions(data):
    raw = original()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    described = json.loads(header["__metadata__"]["xpnet"])
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(list(places(described))))
        place = described
        for key in path:
            place = place[key]
        if data.draw(st.booleans()) or isinstance(place, list):
            place[last] = deepcopy(data.draw(VALUES))  # a later change is to leave the pool
        else:
            del place[last]
    header["__metadata__"]["xpnet"] = json.dumps(described)
    text = json.dumps(header).encode()
    try_to_load(struct.pack("<Q", len(text)) + text + raw[8 + length :])


@SETTINGS
@given(st.data())
def test_headers(data):
    raw = original()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    name = data.draw(st.sampled_from(sorted(header)))
    if name != "__metadata__":
        field = data.draw(st.sampled_from(["dtype", "shape", "data_offsets"]))
        types = st.sampled_from(["F64", "F16", "I64", "U8", "BOOL", "BF16", "X"])
        values = types if field == "dtype" else st.lists(NUMBERS, max_size=70)
        header[name][field] = data.draw(values)
    else:
        header[name] = data.draw(VALUES)
    text = json.dumps(header).encode()
    try_to_load(struct.pack("<Q", len(text)) + text + raw[8 + length :])
