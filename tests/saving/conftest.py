"""A user's layers, losses and functions, registered once for all tests of files."""

import json
import struct

import numpy as np
import pytest

import xpnet as xn


@xn.register("tests.Scale")
class Scale(xn.Layer):
    def __init__(self, start=1.0, *, name="scale"):
        self.start, self.name = start, name

    def forward(self, x):
        return x * self.parameter(x, self.name, x.shape[1:], xn.init.constant(self.start))


@xn.register("tests.cube")
def cube(x):
    return x * x * x


@xn.register("tests.quartic")
def quartic(output, target):
    d = output - target
    return xn.ops.mean(d * d * d * d, axis=-1)


@pytest.fixture
def own():
    """`Scale`, `cube` and `quartic`."""
    return {"Scale": Scale, "cube": cube, "quartic": quartic}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 4)).astype("float32"), rng.integers(0, 3, 60)


@pytest.fixture
def model(data):
    """A small model that was trained."""
    net = xn.Sequential(xn.Dense(8, "tanh"), xn.BatchNorm(), xn.Dropout(0.2), xn.Dense(3))
    model = xn.Model(net, optimizer=xn.Adam(xn.CosineDecay(0.01, 5)), seed=4, backend="numpy")
    model.fit(*data, epochs=2, batch_size=16)
    return model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


class File:
    """The parts of a safetensors file, to be changed and written again."""

    def __init__(self, path):
        self.path, raw = path, path.read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        self.header = json.loads(raw[8 : 8 + length])
        self.body = raw[8 + length :]
        self.data = json.loads(self.header["__metadata__"]["xpnet"])

    def write(self, text=None):
        text = json.dumps(self.data) if text is None else text
        if "__metadata__" in self.header:
            self.header["__metadata__"]["xpnet"] = text
        header = json.dumps(self.header).encode()
        self.path.write_bytes(struct.pack("<Q", len(header)) + header + self.body)


@pytest.fixture
def taken_apart(model, path):
    """The file of a model, as its parts."""
    model.save(path, optimizer_state=True)
    return File(path)
