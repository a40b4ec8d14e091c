"""Lists of calls: which become one product, and that the numbers stay the same."""

from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends.cuda import CupyBackend
from xpnet.errors import BackendUnavailableError, DivergedError
from xpnet.kernels import Recorder
from xpnet.lowering.cuda.products import lower_products
from xpnet.lowering.intervals import EVERYTHING, Intervals
from xpnet.lowering.reading import Reader

RNG = np.random.default_rng(0)


@pytest.fixture
def record(cupy: Any, lt: Any, backend: Any) -> Any:
    """``record(*calls)``: recorded, lowered, run plainly and lowered; returns the epilogues.

    A call is (name, *arguments, output); arguments are names of arrays of `ARRAYS` or numbers.
    """
    lt.SETTINGS["nan_hidden"] = False

    def run(
        calls: Any,
        arrays: dict[str, Any],
        dead: Any = (),
        rows: Any = MappingProxyType({}),
        skipped: int = 0,
    ) -> list[str]:
        found = []
        for lowered in (False, True):
            placed = {name: cupy.ndarray(a.copy()) for name, a in arrays.items()}
            for name, whole in rows.items():  # memory of four elements of another array
                placed[name] = placed[whole].reshape(-1)[skipped : skipped + 4]
            recorder = Recorder(backend)
            for name, *args, out in calls:
                given = [placed[a] if isinstance(a, str) else a for a in args]
                if name == "matmul_t":
                    given[0], name = given[0].T, "matmul"
                settings = {"axis": -2} if name == "sum" else {}
                recorder(getattr(backend.raw, name), *given, out=placed[out], **settings)
            live = Intervals([EVERYTHING])
            for name in dead:
                live.remove(Reader(backend).operand(placed[name]).range)
            todo = recorder.calls
            if lowered:
                todo = lower_products(backend, recorder.calls, live)
                lt.PRODUCTS.clear()
            for call in todo:
                call()
            found.append({n: a.get() for n, a in placed.items() if n not in dead})
        for name, values in found[0].items():
            np.testing.assert_allclose(found[1][name], values, rtol=1e-5, atol=1e-5, err_msg=name)
        run.left = [Reader(backend).name(c) for c in todo if Reader(backend).name(c) != "matmul"]
        return [p["epilogue"] for p in lt.PRODUCTS]

    return run


def _arrays(**shapes: Any) -> dict[str, Any]:
    return {
        name: np.zeros(s[1:], "bool") if s[0] == "?" else RNG.normal(size=s).astype("float32")
        for name, s in shapes.items()
    }


MLP = {"x": (6, 5), "w": (5, 4), "b": (1, 4), "y": (6, 4), "v": (4, 3), "z": (6, 3), "c": (1, 3)}
MLP |= {"g": (6, 3), "gv": (4, 3), "gc": (3,), "h": (6, 4), "gw": (5, 4), "gb": (4,)}
FORWARD = [
    ("matmul", "x", "w", "y"),
    ("add", "y", "b", "y"),
    ("maximum", "y", 0, "y"),
    ("matmul", "y", "v", "z"),
    ("add", "z", "c", "z"),
]
BACKWARD = [  # in the order of `autodiff`: a layer's last input first
    ("sum", "g", "gc"),
    ("matmul_t", "y", "g", "gv"),
    ("matmul", "g", "vt", "h"),
    ("greater", "y", 0, "m"),
    ("multiply", "h", "m", "h"),
    ("sum", "h", "gb"),
    ("matmul_t", "x", "h", "gw"),
]


def _mlp() -> dict[str, Any]:
    arrays = _arrays(**MLP, m=("?", 6, 4))
    return arrays | {"vt": arrays["v"].T}


def test_forward_alone_keeps_no_bits(record: Any) -> None:
    assert record(FORWARD, _mlp()) == ["RELU_BIAS", "BIAS"]
    assert not record.left


def test_forward_and_backward(record: Any) -> None:
    assert record(FORWARD + BACKWARD, _mlp(), dead=["m"]) == [
        "RELU_AUX_BIAS",
        "BIAS",
        "DEFAULT",
        "DRELU_BGRAD",
        "DEFAULT",
    ]
    assert record.left == ["sum"]


def test_without_a_sum_the_gate_alone_is_taken(record: Any, lt: Any) -> None:
    apart = [call for call in BACKWARD if call != ("sum", "h", "gb")]
    assert "DRELU" in record(FORWARD + apart, _mlp(), dead=["m"])
    lt.SETTINGS["refused"] = {"DRELU_BGRAD"}
    assert "DRELU" in record(FORWARD + BACKWARD, _mlp(), dead=["m"])
    assert record.left == ["sum", "sum"]


@pytest.mark.parametrize("place", ["g", "vt", "h"])
def test_sums_over_what_the_product_reads_or_writes_are_not_taken(record: Any, place: str) -> None:
    """The epilogue may write them while the operands are still read."""
    backward = [*BACKWARD[2:5], ("sum", "h", place + "_row")]
    arrays = _mlp()
    epilogues = record(FORWARD + backward, arrays, dead=["m"], rows={place + "_row": place})
    assert epilogues[-1] == "DRELU"


def test_where_relu_hides_nan_it_is_taken_only_for_training(record: Any, lt: Any) -> None:
    lt.SETTINGS["nan_hidden"] = True
    assert record(FORWARD + BACKWARD, _mlp(), dead=["m"]) == [
        "RELU_AUX_BIAS",
        "BIAS",
        "DEFAULT",
        "DRELU_BGRAD",
        "DEFAULT",
    ]
    assert record(FORWARD, _mlp()) == ["BIAS", "BIAS"]
    assert record.left == ["maximum"]


def test_a_gate_that_is_needed_stays(record: Any) -> None:
    assert "DRELU" not in record(FORWARD + BACKWARD, _mlp())
    read_later = [*FORWARD, *BACKWARD, ("multiply", "h", "m", "h2")]
    arrays = _mlp() | _arrays(h2=(6, 4))
    assert "DRELU" not in record(read_later, arrays, dead=["m"])


def test_a_gate_by_other_numbers_stays(record: Any) -> None:
    changed = [*FORWARD, ("multiply", "y", -1, "y"), *BACKWARD]
    epilogues = record(changed, _mlp(), dead=["m"])
    assert epilogues[0] == "RELU_BIAS"
    assert "DRELU" not in epilogues


def test_a_second_gate_by_other_numbers_stays(record: Any) -> None:
    again = [*FORWARD, *BACKWARD[2:5], ("multiply", "y", -1, "y"), *BACKWARD[2:5]]
    epilogues = record(again, _mlp(), dead=["m"])
    assert epilogues.count("DRELU") == 1
    assert record.left == ["multiply", "greater", "multiply"]


def test_gates_of_two_layers_in_the_same_memory(record: Any) -> None:
    """The second activation lies where the first one did: each gate has its own numbers."""
    again = [
        ("matmul", "x", "w", "y"),
        ("add", "y", "b", "y"),
        ("maximum", "y", 0, "y"),
        ("matmul", "x", "w2", "y"),
        ("add", "y", "b", "y"),
        ("maximum", "y", 0, "y"),
        *BACKWARD,
    ]
    arrays = _mlp() | _arrays(w2=(5, 4))
    epilogues = record(again, arrays, dead=["m"])
    assert epilogues[:2] == ["RELU_BIAS", "RELU_AUX_BIAS"]
    assert "DRELU_BGRAD" in epilogues


@pytest.mark.parametrize(
    "calls",
    [
        [("matmul", "x", "w", "y"), ("add", "y", "other", "y")],  # no row
        [("matmul", "x", "w", "y"), ("add", "y", "b", "h")],  # elsewhere
        [("matmul", "x", "w", "y"), ("add", "b", "y", "y")],  # the other way round
        [("matmul", "x", "w", "y"), ("add", "y", 1.5, "y")],
        [("matmul", "x", "w", "y"), ("multiply", "y", "b", "y")],
        [("matmul", "x", "w", "y"), ("maximum", "y", 0, "y")],  # no bias
        [("matmul", "x", "w", "y"), ("add", "y", "column", "y")],
        [("matmul_t", "x", "h", "gw"), ("sum", "h", "gb")],
        [("matmul_t", "x", "h", "gw")],
    ],
)
def test_what_is_not_quite_the_pattern_stays(calls: Any, record: Any) -> None:
    arrays = _mlp() | _arrays(other=(6, 4), column=(6, 1))
    assert record(calls, arrays) == ["DEFAULT"]
    assert len(record.left) == len(calls) - 1


def test_relu_at_another_level_is_not_taken(record: Any) -> None:
    calls = [FORWARD[0], FORWARD[1], ("maximum", "y", 0.5, "y")]
    assert record(calls, _mlp()) == ["BIAS"]


def test_products_that_cublaslt_has_not_stay(record: Any, lt: Any) -> None:
    lt.SETTINGS["refused"] = {"BIAS", "RELU_BIAS"}
    assert record(FORWARD, _mlp()) == ["DEFAULT", "DEFAULT"]


def test_sums_off_16_bytes_stay(record: Any) -> None:
    arrays = _mlp() | _arrays(whole=(2, 4))
    calls = [call if call[-1] != "gb" else ("sum", "h", "part") for call in BACKWARD]
    epilogues = record(FORWARD + calls, arrays, dead=["m"], rows={"part": "whole"}, skipped=1)
    assert "DRELU" in epilogues
    assert record.left == ["sum", "sum"]


def test_no_gate_of_a_column_and_a_row(record: Any, lt: Any) -> None:
    """cuBLAS has none; then the forward product keeps no bits."""
    shapes = {"v": (4, 1), "z": (6, 1), "c": (1, 1), "g": (6, 1), "gv": (4, 1), "gc": (1,)}
    arrays = _arrays(**MLP | shapes, m=("?", 6, 4))
    epilogues = record(FORWARD + BACKWARD, arrays | {"vt": arrays["v"].T}, dead=["m"])
    assert epilogues == ["RELU_BIAS", "BIAS", "DEFAULT", "DEFAULT", "DEFAULT"]
    assert not {"DRELU", "DRELU_BGRAD"} & {*lt.HEURISTICS}


def test_a_product_reads_and_writes_what_the_calls_did(
    record: Any, backend: Any, cupy: Any
) -> None:
    """So that what fuses the other calls sees through it."""
    recorder = Recorder(backend)
    x, w, b, y = (cupy.ndarray(a) for a in _arrays(x=(6, 5), w=(5, 4), b=(1, 4), y=(6, 4)).values())
    recorder(backend.raw.matmul, x, w, out=y)
    recorder(backend.raw.add, y, b, out=y)
    (call,) = lower_products(backend, recorder.calls)
    reader = Reader(backend)
    reads, written = reader.effects(call)
    assert reads == [reader.operand(a).range for a in (x, w, b)]
    assert written == reader.operand(y).range


def test_a_call_that_nobody_knows_may_write_anywhere(record: Any, backend: Any, cupy: Any) -> None:
    arrays = {name: cupy.ndarray(a) for name, a in _mlp().items()}
    recorder = Recorder(backend)

    def play(calls: Any) -> None:
        for name, *args, out in calls:
            given = [arrays[a] if isinstance(a, str) else a for a in args]
            recorder(getattr(backend.raw, name), *given, out=arrays[out])

    play(FORWARD[:3])
    recorder(lambda: arrays["y"].__setitem__(..., -1.0))
    play([("matmul", "g", "vt", "h"), ("greater", "y", 0, "m"), ("multiply", "h", "m", "h")])
    for call in lower_products(backend, recorder.calls):
        call()
    assert not arrays["h"].get().any()


def test_without_cublaslt_the_calls_are_as_they_were(cupy: Any, lt: Any, backend: Any) -> None:
    lt.SETTINGS["wrong"] = True
    recorder = Recorder(backend)
    x = cupy.ndarray(np.ones((3, 3), "float32"))
    recorder(backend.raw.matmul, x, x, out=cupy.empty((3, 3), "float32"))
    assert lower_products(backend, recorder.calls) == recorder.calls
    with pytest.raises(BackendUnavailableError, match=r"'tf32' needs cuBLASLt: .*wrong"):
        lower_products(backend.rounded("tf32"), recorder.calls)


# --- whole models -------------------------------------------------------------------------------


@pytest.fixture
def lowered(cupy: Any, lt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let plans on CuPy have cuBLASLt's products, and no other kernels of their own."""
    lt.SETTINGS["nan_hidden"] = False
    monkeypatch.setenv("XPNET_FAST", "0")
    monkeypatch.setattr(CupyBackend, "families", ("loops", "out"))
    monkeypatch.setattr(CupyBackend, "compiles", False)


def _nets() -> dict[str, Any]:
    shared = xn.Dense(6, "relu")
    return {
        "mlp": xn.Sequential(xn.Dense(8, "relu"), xn.Dense(8, "relu"), xn.Dense(3)),
        "gelu": xn.Sequential(xn.Dense(8, "gelu"), xn.Dense(3)),
        "skip": xn.Sequential(
            xn.Dense(6, "relu"), xn.Residual(shared, xn.ReLU()), shared, xn.Dense(3)
        ),
        "no bias": xn.Sequential(xn.Dense(8, "relu", bias=False), xn.Dense(3, bias=False)),
        "normalized": xn.Sequential(
            xn.Dense(8), xn.BatchNorm(), xn.ReLU(), xn.Dropout(0.3), xn.Dense(3)
        ),
    }


# Some of their biases are off 16 bytes.
ODD = {"5-7-3": (7, 3), "5-10-3-3": (10, 3, 3), "5-2-1-3": (2, 1, 3), "5-3-3": (3, 3)}


@pytest.mark.parametrize("widths", ODD.values(), ids=ODD)
def test_networks_of_odd_widths(widths: Any, lowered: None, lt: Any) -> None:
    layers = [*(xn.Dense(n, "relu") for n in widths[:-1]), xn.Dense(widths[-1])]
    found = [_fit(xn.Sequential(*layers), backend=b)[1] for b in ("numpy", "cupy")]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4)


def _fit(net: Any, **settings: Any) -> Any:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(50, 5)).astype("float32")
    y = (X @ rng.normal(size=(5, 3))).argmax(axis=1)
    settings = {"backend": "cupy", "optimizer": xn.Adam(0.01)} | settings
    model = xn.Model(_nets()[net] if isinstance(net, str) else net, **settings)
    history = model.fit(X, y, epochs=3, batch_size=16, verbose=False)
    return model, [row["loss"] for row in history]


@pytest.mark.parametrize("net", ["mlp", "gelu", "skip", "no bias", "normalized"])
def test_training_is_the_same(net: str, lowered: None, lt: Any) -> None:
    _, plain = _fit(net, backend="numpy")
    _, found = _fit(net)
    np.testing.assert_allclose(found, plain, rtol=1e-4)
    used = {p["epilogue"] for p in lt.PRODUCTS if p["type"] == 0}
    assert used & {"BIAS", "RELU_BIAS", "DEFAULT"}
    if net == "mlp":
        assert {"RELU_AUX_BIAS", "DRELU_BGRAD"} <= used


@pytest.mark.parametrize("what", ["a weight", "a sample"])
def test_nan_that_training_hides_ends_the_epoch(what: str, lowered: None, lt: Any) -> None:
    """Losses are finite, but the parameters are not; and no prediction hides it."""
    lt.SETTINGS["nan_hidden"] = True
    X = np.random.default_rng(1).normal(size=(48, 5)).astype("float32")
    y, used = np.arange(48) % 3, X.copy()
    model = xn.Model(_nets()["mlp"], backend="cupy", check_finite=False).build(5)
    if what == "a weight":
        model.parameters["layers.1.weight"][2, 3] = float("nan")
    else:
        used[20, 1] = np.nan
    lt.PRODUCTS.clear()
    with pytest.raises(DivergedError, match="update made parameters NaN or infinite in epoch 1"):
        model.fit(used, y, batch_size=16, shuffle=False, steps_per_execution=0, verbose=False)
    assert "RELU_AUX_BIAS" in {p["epilogue"] for p in lt.PRODUCTS}
    lt.PRODUCTS.clear()
    found = np.isnan(model.predict(used)).any(axis=1)
    assert found.tolist() == (
        [True] * 48 if what == "a weight" else [*map(bool, np.isnan(used[:, 1]))]
    )
    assert "RELU_AUX_BIAS" not in {p["epilogue"] for p in lt.PRODUCTS}
