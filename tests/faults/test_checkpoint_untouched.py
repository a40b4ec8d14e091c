"""A checkpoint that is refused leaves the model, its optimizer and its callbacks as they were."""

import json
import struct

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import XpnetError

X, Y = np.arange(24.0, dtype="f").reshape(6, 4) / 24, [0, 1, 0, 1, 1, 0]


def model():
    return xn.Model(
        xn.Sequential(xn.Dense(3, "relu"), xn.Dense(2)), optimizer=xn.Adam(), backend="numpy"
    ).build(4)


def callbacks(tmp_path):
    return [
        xn.EarlyStopping("loss"),
        xn.KeepBest("loss"),
        xn.ReduceOnPlateau("loss"),
        xn.GradientMonitor(),
        xn.JSONLinesLog(tmp_path / "log.jsonl", append=True),
    ]


@pytest.fixture
def checkpoint(tmp_path):
    saved = [*callbacks(tmp_path), xn.Checkpoint(tmp_path)]
    model().fit(X, Y, epochs=2, verbose=False, callbacks=saved)
    path = max(tmp_path.glob("*.safetensors"))
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    return path, header, json.loads(header["__metadata__"]["xpnet"]), raw[8 + length :]


def write(checkpoint):
    path, header, data, body = checkpoint
    header["__metadata__"]["xpnet"] = json.dumps(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def refused(checkpoint, tmp_path):
    write(checkpoint)
    own, fit = callbacks(tmp_path), model()
    before = {name: np.array(vector) for name, vector in fit.engine.state.vectors.items()}
    rate, states = fit.engine.optimizer.learning_rate, [c.get_state() for c in own[:4]]
    with pytest.raises(XpnetError):
        fit.fit(X, Y, epochs=3, verbose=False, callbacks=own, resume_from=checkpoint[0])
    state = fit.engine.state
    assert all(np.array_equal(state.vectors[name], old) for name, old in before.items())
    assert (state.epoch, state.step, state.updates) == (0, 0, 0)
    assert fit.engine.optimizer.learning_rate == rate
    assert [c.get_state() for c in own[:4]] == states


def test_an_unchanged_one_is_resumed(checkpoint, tmp_path):
    write(checkpoint)
    history = model().fit(
        X, Y, epochs=3, verbose=False, callbacks=callbacks(tmp_path), resume_from=checkpoint[0]
    )
    assert len(history) == 3


KEYS = (
    "fit parameters updates epoch step batch begin seconds stopping rate history callbacks"
).split()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [None, -1, 1.5, "x", "\x1b", [], {}, [1], {"map": {}}, 10**400])
def test_values_of_another_kind(checkpoint, tmp_path, key, value):
    if key in ("seconds", "rate") and value == 1.5:
        return  # a number as any other
    checkpoint[2]["state"][key] = value
    refused(checkpoint, tmp_path)


@pytest.mark.parametrize("value", ["x", [], {}, {"kind": "Dense", "settings": {"units": 1}}, -1])
def test_a_learning_rate_of_another_kind(checkpoint, tmp_path, value):
    checkpoint[2]["state"]["schedule"] = value
    refused(checkpoint, tmp_path)


@pytest.mark.parametrize("value", [None, "x", [], {"map": {}}, {"map": {"on_epoch_end": 1}}])
@pytest.mark.parametrize("which", range(5))
def test_callbacks_of_another_kind(checkpoint, tmp_path, which, value):
    checkpoint[2]["state"]["callbacks"][which]["state"] = value
    refused(checkpoint, tmp_path)


@pytest.mark.parametrize("which", range(4))
def test_attributes_that_a_callback_does_not_keep(checkpoint, tmp_path, which):
    found = checkpoint[2]["state"]["callbacks"][which]["state"]["map"]
    found["on_epoch_end"] = "x"
    refused(checkpoint, tmp_path)


@pytest.mark.parametrize("which", range(4))
def test_attributes_of_another_type(checkpoint, tmp_path, which):
    found = checkpoint[2]["state"]["callbacks"][which]["state"]["map"]
    for name in list(found):
        old, found[name] = found[name], "x"
        refused(checkpoint, tmp_path)
        found[name] = old


@pytest.mark.parametrize("row", [None, 1, {}, {"map": {}}, {"map": {"epoch": 1, "loss": "x"}}])
def test_rows_of_another_kind(checkpoint, tmp_path, row):
    checkpoint[2]["state"]["history"][1] = row
    refused(checkpoint, tmp_path)


@pytest.mark.parametrize("name", ["params", "slots.gradient_sum", "results"])
def test_arrays_that_are_missing(checkpoint, tmp_path, name):
    header = checkpoint[1]
    if name not in header:
        name = next(n for n in header if n.startswith("slots."))
    header[f"{name}_"] = header.pop(name)
    refused(checkpoint, tmp_path)


def test_arrays_of_another_type(checkpoint, tmp_path):
    checkpoint[1]["params"]["dtype"] = "I32"
    refused(checkpoint, tmp_path)
