"""What can be wrong with a file: each case its own words, and nothing is changed by it."""

import os
import pickle
import struct

import numpy as np
import pytest
from safetensors.numpy import save_file

import xpnet as xn
from xpnet.errors import ArgumentError, DataError, FormatError, UnknownNameError


def loading(path, words):
    with pytest.raises(FormatError, match=words):
        xn.load(path)


# --- no file of ours ------------------------------------------------------------------------------


def test_no_file(tmp_path):
    loading(tmp_path / "nothing", "there is no file .*nothing")
    loading(tmp_path, "is a folder")
    for bad in (None, 3, "", b"x"):
        with pytest.raises(ArgumentError, match="expected the name of a file"):
            xn.load(bad)
    with pytest.raises(ArgumentError, match="cannot be the name of a file"):
        xn.load("a\0b")
    loading("x" * 5000, "cannot be read")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of this kind are POSIX's")
def test_a_pipe_is_not_waited_for(tmp_path, model):
    os.mkfifo(tmp_path / "pipe")
    loading(tmp_path / "pipe", "not a regular file")
    with pytest.raises(FormatError, match="not a regular file"):
        model.save(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"abc", "not a safetensors file"),
        (b"learning_rate: 0.1\n" * 100, "not a safetensors file"),
        (b"PK\x03\x04" + b"\0" * 100, "zip archive"),
        (pickle.dumps([1, 2]), "a pickle, which could run code"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "HDF5"),
        (struct.pack("<Q", 2**63) + b"{}", "not a safetensors file.*too large"),
        (struct.pack("<Q", 10**6) + b"{}", "truncated"),
        (struct.pack("<Q", 100_000) + b"[" * 100_000, "not a safetensors file"),
        (struct.pack("<Q", 8) + b"{\xff:1   }", "not a safetensors file"),
    ],
)
def test_files_of_other_kinds(path, content, words):
    path.write_bytes(content)
    loading(path, words)


def test_safetensors_of_another_program(path):
    save_file({"weight": np.ones(3)}, path, {"format": "pt"})
    loading(path, "of another program: .* load_state_dict")


def test_a_checkpoint_is_no_model(tmp_path, data):
    xn.MLP([4, 3]).fit(*data, epochs=1, callbacks=[xn.Checkpoint(tmp_path)])
    loading(next(tmp_path.glob("*.safetensors")), "is not a model but 'xpnet checkpoint'")


def test_cut_short_anywhere(taken_apart):
    raw = taken_apart.path.read_bytes()
    for length in {*range(40), *range(0, len(raw), 97), len(raw) - 1}:
        taken_apart.path.write_bytes(raw[:length])
        loading(taken_apart.path, "truncated|is empty")
    taken_apart.path.write_bytes(raw + b"\0")
    loading(taken_apart.path, "damaged")


# --- what the description says --------------------------------------------------------------------


def changed(file, *path, to):
    place = file.data
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = to
    file.write()


def test_another_version(taken_apart):
    changed(taken_apart, "version", to=3)
    loading(taken_apart.path, "has version 3 of the format, but this xpnet reads versions 1 and 2")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[1]", "not a JSON object"),
        ('{"format": NaN}', "not valid JSON"),
        ('{"format": 1, "format": 2}', "twice"),
        ("[" * 100_000, "not valid JSON"),
        ('{"seed": ' + "9" * 5000 + "}", "not valid JSON"),
    ],
)
def test_bad_json(taken_apart, text, words):
    taken_apart.write(text)
    loading(taken_apart.path, words)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (["epoch"], "x", "no valid 'epoch'"),
        (["epoch"], -1, "epoch must be a whole number"),
        (["updates"], None, "the optimizer vectors"),
        (["preprocessing"], [], "no valid 'preprocessing'"),
        (["model"], {}, "lacks .*'net'"),
        (["model", "more"], 1, r"unknown \['more'\]"),
        (["model", "dtype"], "float16", "dtype must be"),
        (["model", "dtype"], "float64", "has the type float32, but the model has float64"),
        (["model", "seed"], 1.5, "seed must be"),
        (["model", "input_shape"], None, "which shape a sample has"),
        (["model", "input_shape"], [5], "has shape"),
        (["model", "frozen"], ["nowhere"], "no layer or parameter is called 'nowhere'"),
        (["model", "loss"], "no such loss", "unknown loss"),
        (
            ["model", "optimizer"],
            {"kind": "Dense", "settings": {"units": 3}},
            "an optimizer must be",
        ),
        (["model", "optimizer"], "sgd", "vectors .* not belong to SGD"),
        (["model", "net"], None, "net must be a layer"),
        (["model", "net"], {"kind": "Dense"}, "instead of an object or a setting"),
        (["model", "net"], {"kind": "Dense", "settings": {"size": 3}}, "do not make a Dense"),
        (["model", "net"], {"kind": "Dense", "settings": {"units": -3}}, "do not make a Dense"),
        (["model", "net"], {"kind": "Secret", "settings": {}}, "needs 'Secret', .*not registered"),
        (["model", "net"], {"ref": "os.system"}, "needs 'os.system', .*not registered"),
        (["model", "net"], {"kind": "ops.relu", "settings": {}}, "not registered"),
        (["model", "net"], {"same": 7}, "instead of an object or a setting"),
        (["model", "net"], {"float": "1"}, "instead of an object or a setting"),
        (["model", "net"], {"kind": "L2", "settings": {}}, "cannot be loaded"),
        (
            ["model", "net"],
            {"kind": "StepDecay", "settings": {"rate": 1}},
            "epoch must be a number",
        ),
        (["model", "net"], {"kind": "init.zeros", "settings": {}}, "cannot be built"),
    ],
)
def test_bad_descriptions(taken_apart, place, value, words):
    changed(taken_apart, *place, to=value)
    loading(taken_apart.path, words)


def test_what_is_nested_too_deep(taken_apart):
    net = {"kind": "Dense", "settings": {"units": 3}}
    for _ in range(150):
        net = {"kind": "Residual", "settings": {"layers": [net]}}
    changed(taken_apart, "model", "net", to=net)
    loading(taken_apart.path, "nested more than|not valid JSON")


def test_few_words_for_a_large_network(taken_apart):
    """Each layer is the one before twice: 2**40 layers to trace."""
    net = {"kind": "Identity", "settings": {}, "id": 1}
    for number in range(2, 42):
        two = [net, {"same": number - 1}]
        net = {"kind": "Sequential", "settings": {"layers": two}, "id": number}
    changed(taken_apart, "model", "net", to=net)
    loading(taken_apart.path, "more than 10,000 objects")


def test_a_huge_layer_is_not_made(taken_apart):
    net = taken_apart.data["model"]["net"]["settings"]["layers"]
    net[0]["settings"]["units"] = 10**15
    taken_apart.write()
    loading(taken_apart.path, r"has shape \(4, 1000000000000000\), got \(4, 8\)")


# --- the tensors ----------------------------------------------------------------------------------


def test_missing_and_further_tensors(taken_apart):
    taken_apart.header["layers.9.weight"] = taken_apart.header.pop("layers.0.weight")
    taken_apart.write()
    loading(taken_apart.path, r"missing \['layers.0.weight'\], unknown \['layers.9.weight'\]")


def test_a_wrong_shape(taken_apart):
    taken_apart.header["layers.0.weight"]["shape"] = [8, 4]
    taken_apart.write()
    loading(taken_apart.path, r"'layers.0.weight' has shape \(4, 8\), got \(8, 4\)")


def test_a_wrong_type(taken_apart):
    taken_apart.header["layers.0.weight"]["dtype"] = "I32"
    taken_apart.write()
    loading(taken_apart.path, "'layers.0.weight' has the type int32")
    taken_apart.header["layers.0.weight"].update(dtype="BF16", shape=[4, 16])
    taken_apart.write()
    loading(taken_apart.path, "type BF16, which NumPy lacks")


def test_a_wrong_slot(taken_apart):
    name = next(n for n in taken_apart.header if n.startswith("optimizer/"))
    taken_apart.header[name]["shape"].append(1)
    taken_apart.write()
    loading(taken_apart.path, "the optimizer's .* has shape")


def test_numbers_that_are_none(taken_apart):
    start = taken_apart.header["layers.0.weight"]["data_offsets"][0]
    body = bytearray(taken_apart.body)
    body[start : start + 4] = struct.pack("<f", float("nan"))
    taken_apart.body = bytes(body)
    taken_apart.write()
    loading(taken_apart.path, "'layers.0.weight' holds NaN")


@pytest.mark.parametrize("offsets", [[-4, 124], [0, 2**63], [4, 132], [128, 0], [0, 124], [0.0, 1]])
def test_places_outside_of_the_file(taken_apart, offsets):
    taken_apart.header["layers.0.weight"]["data_offsets"] = offsets
    taken_apart.write()
    loading(taken_apart.path, "not a safetensors file")


# --- saving ---------------------------------------------------------------------------------------


def nothing_written(model, path, error, words):
    path.write_bytes(b"the old file")
    with pytest.raises(error, match=words):
        model.save(path)
    assert path.read_bytes() == b"the old file"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


class Unregistered(xn.Layer):
    def forward(self, x):
        return x


def unregistered(*values):
    return values[0]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"net": Unregistered()}, r"net is of the class Unregistered, which is not registered"),
        ({"net": xn.Sequential(xn.Dense(3), unregistered)}, r"net.layers\[1\] is the function unr"),
        ({"net": xn.Dense(3, unregistered)}, "net.activation is the function unregistered"),
        ({"net": xn.Dense(3, lambda x: x)}, r"is a lambda, .* xpnet.register\('name'\)"),
        ({"optimizer": xn.SGD(lambda epoch: 0.1)}, "optimizer.learning_rate is a lambda"),
        ({"metrics": [lambda z, t: z[:, 0]]}, r"metrics\[0\] is a lambda"),
        ({"loss": lambda z, t: xn.ops.mean(z * z)}, "loss is a lambda"),
        ({"net": xn.Dense(3, kernel_init=lambda xp, key, s: xp.ones(s))}, "kernel_init is a lam"),
    ],
)
def test_parts_that_are_not_registered(path, part, words):
    settings = {"net": xn.Dense(3), "loss": "mse", "input_shape": 3} | part
    if part.get("net") is not None and isinstance(part["net"], Unregistered):
        settings["net"] = xn.Sequential(xn.Dense(3), part["net"])
        words = words.replace("net is", r"net.layers\[1\] is")
    nothing_written(xn.Model(**settings), path, ArgumentError, words)


def test_attributes_that_are_not_the_settings(path):
    @xn.register("tests.Wrong")
    class Wrong(xn.Layer):
        def __init__(self, units):
            self.units = units * 2

        def forward(self, x):
            return x @ self.parameter(x, "w", (x.shape[-1], self.units), "ones")

    @xn.register("tests.Missing")
    class Missing(xn.Layer):
        def __init__(self, units):
            self.dense = xn.Dense(units)

        def forward(self, x):
            return self.dense(x)

    @xn.register("tests.Array")
    class Array(Missing):
        def __init__(self, units):
            super().__init__(3)
            self.units = np.ones(3)

    nothing_written(xn.Model(Wrong(2), input_shape=3), path, ArgumentError, "other|rebuilt")
    nothing_written(xn.Model(Missing(2), input_shape=3), path, ArgumentError, "self.units = units")
    nothing_written(xn.Model(Array(2), input_shape=3), path, ArgumentError, "net.units is an array")


def test_parameters_that_are_not_finite(model, path):
    model.parameters["layers.0.weight"][0, 0] = np.inf
    nothing_written(model, path, DataError, "'layers.0.weight' holds NaN or infinite")


@pytest.mark.parametrize("bad", [[1], {"x": np.ones(2)}, {"x": float("nan")}, "text"])
def test_preprocessing_that_json_cannot_hold(model, path, bad):
    with pytest.raises(ArgumentError, match="preprocessing must be"):
        model.save(path, preprocessing=bad)
    assert not path.exists()


def test_a_bad_backend_is_told_before_the_file_is_read(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown backend"):
        xn.load(tmp_path / "nothing", "nunpy")


# --- names ----------------------------------------------------------------------------------------


def test_names_that_are_taken(own):
    for name in ("Dense", "ops.relu", "init.normal", "losses.huber", "tests.Scale"):
        with pytest.raises(ArgumentError, match=f"the name {name!r} is taken"):
            xn.register(name)(unregistered)
    for bad in (lambda x: x, 3, "text"):
        with pytest.raises((ArgumentError, TypeError)):
            xn.register()(bad)
    with pytest.raises(ArgumentError, match="needs a name"):
        xn.register("")(unregistered)


def test_a_definition_that_is_run_again_takes_its_own_place():
    def define():
        @xn.register("tests.again")
        class Again(xn.Layer):
            def forward(self, x):
                return x

        return Again

    first, second = define(), define()
    assert first is not second
