"""Files, other libraries, plots, data sets, backends and `xpnet.testing`."""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from faults.junk_call import Call, Target

import xpnet as xn
from xpnet.ops.op_registry import REGISTRY
from xpnet.saving.registry import _MAKERS, _OBJECTS

__all__ = ["TOOLS"]

HUGE = "array of 10**12 rows"

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
y = np.arange(8) % 2


@cache
def _model() -> xn.Model:
    model = xn.MLP([3, 4, 2], backend="numpy")
    model.fit(X, y, epochs=1, verbose=False)
    return model


def _square(x: Any, *_: Any) -> Any:
    return x * x


def _plain(name: str, function: Callable[..., Any], *given: Any, **named: Any) -> Target:
    return Target(name, lambda _: Call(function, given, {**named}))


def _check(name: str, *given: Any, **named: Any) -> Target:
    """A check of `xpnet.testing`, which fails with an `AssertionError`; some take long."""
    function, fine = getattr(xn.testing, name), ("AssertionError", "RuntimeWarning")
    return Target(
        f"testing.{name}",
        lambda _: Call(function, given, {**named}, allowed=fine, without=("None", HUGE)),
    )


def _register(name: Any = None) -> None:
    class Own(xn.Layer):
        pass

    if isinstance(name, type):  # it is what is registered
        return

    try:
        xn.register(name)(Own)
    finally:
        for table in (_MAKERS, _OBJECTS):
            for key in [k for k, v in table.items() if v is Own]:
                del table[key]


def _exchange() -> list[Target]:
    found = [_plain("exchange.to_sklearn", xn.exchange.to_sklearn, _model(), [0, 1])]
    if find_spec("sklearn") is not None:
        from sklearn.neural_network import MLPClassifier

        theirs = MLPClassifier((3,), max_iter=300, tol=1.0).fit(X, y)
        found.append(_plain("exchange.from_sklearn", xn.exchange.from_sklearn, theirs, seed=0))
    if find_spec("onnx") is not None:
        found.append(
            Target(
                "exchange.to_onnx",
                lambda folder: Call(xn.exchange.to_onnx, (_model(), folder / "m.onnx")),
            )
        )
        found.append(
            _with_file(
                "exchange.from_onnx",
                xn.exchange.from_onnx,
                "n.onnx",
                lambda p: xn.exchange.to_onnx(_model(), p),
                loss="mse",
            )
        )
    if find_spec("torch") is not None:
        import torch

        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        found += [
            _plain("exchange.to_torch", xn.exchange.to_torch, _model()),
            _plain("exchange.to_torch_state_dict", xn.exchange.to_torch_state_dict, _model()),
            _plain("exchange.from_torch", xn.exchange.from_torch, net, input_shape=3, loss="mse"),
            _plain(
                "exchange.from_torch(state)",
                xn.exchange.from_torch,
                net.state_dict(),
                xn.MLP([3, 4, 2], backend="numpy"),
            ),
        ]
    return found


def _with_file(
    name: str, function: Callable[..., Any], file: str, write: Callable[[Path], Any], **named: Any
) -> Target:
    """A function that reads a file."""

    def make(folder: Path) -> Call:
        if not (folder / file).exists():
            write(folder / file)
        return Call(function, (folder / file,), {**named})

    return Target(name, make)


def _plots() -> list[Target]:
    if find_spec("matplotlib") is None:
        return []
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    def closed(_: Any) -> None:
        pyplot.close("all")

    two = xn.MLP([2, 3, 2], backend="numpy").build()
    history = {"loss": [2.0, 1.0], "val_loss": [3.0, 2.0]}
    scores = np.linspace(0, 1, 16).reshape(8, 2)
    pictures = np.ones((4, 2, 2))
    rows: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
        (xn.plot.confusion_matrix, (y, y), {}),
        (xn.plot.decision_boundary, (two, X[:, :2], y), {"resolution": 5}),
        (xn.plot.graph, (_model(),), {}),
        (xn.plot.history, (history,), {}),
        (xn.plot.images, (pictures,), {}),
        (xn.plot.roc_curves, (y, scores), {}),
        (xn.plot.weights, (xn.MLP([4, 3, 2]).build(),), {"shape": (2, 2)}),
    ]
    return [
        Target(
            f"plot.{row[0].__name__}",
            lambda _, r=row: Call(*r, use=closed, without=(HUGE,)),
        )
        for row in rows
    ]


def _write_csv(path: Path) -> None:
    path.write_text("a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(9)))


def _write_idx(path: Path) -> None:
    path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]))


_RELU = REGISTRY["relu"]
_CHECKED = xn.testing.variants.usable_variants()[:1]

TOOLS = [
    _with_file("load", xn.load, "m.safetensors", _model().save),
    Target("register", lambda _: Call(_register, ("Junk.Own",))),
    _plain("register()", xn.register("Junk.Other"), lambda x: x),
    *_exchange(),
    *_plots(),
    _plain("datasets.iris", xn.datasets.iris),
    _plain("datasets.digits", xn.datasets.digits),
    _with_file("datasets.read_idx", xn.datasets.read_idx, "idx", _write_idx),
    _with_file("datasets.read_table", xn.datasets.read_table, "t.csv", _write_csv),
    _plain("backends.backend_of", xn.backends.backend_of, X),
    _plain("backends.check_float", xn.backends.check_float, "float32"),
    _plain("backends.dtype_name", xn.backends.dtype_name, X.dtype),
    _plain("backends.get", xn.backends.get, "numpy"),
    _plain("backends.is_float", xn.backends.is_float, "float32"),
    _plain("backends.namespace_of", xn.backends.namespace_of, X),
    _plain("backends.resolve", xn.backends.resolve, "numpy", X),
    _check("check_backend", np, dtypes=["float32"]),
    _check("check_layer", xn.ReLU(), 3, variants=_CHECKED),
    _check("check_op", _RELU, X.astype("float64"), variants=_CHECKED),
    _plain("testing.differentiable", xn.testing.differentiable, _RELU, 1),
    _check(
        "finite_differences",
        _square,
        [np.ones(3)],
        0,
    ),
    _check("guarded", X),
    _check("sum_to_shape", X, (3,)),
    _check("trace_op", _RELU, [X], {}),
    _plain("testing.variant", lambda name: xn.testing.variant(name).__enter__(), "numpy"),
]
