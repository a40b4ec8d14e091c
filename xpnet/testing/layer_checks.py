"""Check a layer: its gradients by finite differences, on every variant, and training steps."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xpnet import ops
from xpnet.arguments import function, texts
from xpnet.backends import dtype_name, get, is_float
from xpnet.backends.generic import GenericBackend
from xpnet.backends.readable import host_numbers
from xpnet.engine.config import check_sample_shape
from xpnet.errors import ArgumentError
from xpnet.graph import Graph, TraceSettings, Value, checked, distinct, gradients, initialize
from xpnet.model import Model
from xpnet.nn import Layer
from xpnet.optim import SGD
from xpnet.testing.differences import finite_differences
from xpnet.testing.op_checks import weights
from xpnet.testing.variants import Variant, usable_variants, variant
from xpnet.typing import ArrayLike

__all__ = ["check_layer"]

_SEED = 1
_DIFFERENCES: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-8}  # accuracy of central differences
_ROUNDING: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11}  # between two ways of running the layer


def check_layer(
    layer: Callable[..., Any],
    input_shape: int | tuple[int, ...],
    *,
    inputs: ArrayLike | None = None,
    variants: Iterable[str] | None = None,
) -> None:
    """Check a layer's gradients, and that all ways of running it agree, in float64.

    In training and outside it, the gradients of a weighted sum of the layer's outputs with
    respect to its input and its parameters must agree with finite differences. Every variant must
    give the same numbers as NumPy, and the same new state. Two training steps of a `Model` must
    give the same losses and parameters with the plan and with the interpreter.

    Parameters
    ----------
    layer : Layer or callable
        A layer, a network of layers, or a function of symbolic values.
    input_shape : int or tuple of int
        Shape of one sample, as for `xpnet.Model`.
    inputs : array, optional
        A batch to use instead of five random samples: indices, or samples away from kinks.
    variants : iterable of str, optional
        By default all that can run here; see `usable_variants`.

    Raises
    ------
    AssertionError
        If anything differs.

    Examples
    --------
    >>> import xpnet as xn
    >>> from xpnet.testing import check_layer
    >>> class Scale(xn.Layer):
    ...     def forward(self, x):
    ...         return x * self.parameter(x, "scale", x.shape[1:], xn.init.ones())
    >>> check_layer(Scale(), 4)
    >>> check_layer(xn.Sequential(xn.Dense(3, "tanh"), xn.Dropout(0.5), Scale()), 4)
    """
    function("layer", layer)
    shape = check_sample_shape(input_shape)
    if shape is None:
        raise ArgumentError("input_shape must be the shape of one sample, got None.")
    x = weights((5, *shape)) if inputs is None else host_numbers("inputs", inputs)
    names = usable_variants()
    if variants is not None:
        names = list(texts("variants", variants, "['numpy']"))
    for training in (True, False):
        traced = _Traced.of(layer, x, training)
        traced.check_gradients()
        for name in names:
            with variant(name) as library:
                traced.check_on(library)
    _check_steps(layer, shape, x)


@dataclass
class _Traced:
    """One number that depends on all of a layer's outputs, and its gradients, as a graph."""

    graph: Graph
    feeds: dict[Value, np.ndarray]
    wrt: list[Value]
    outputs: list[Value]  # the number, its gradients, the layer's new state
    mode: str

    @classmethod
    def of(cls, layer: Callable[..., Any], x: np.ndarray, training: bool) -> "_Traced":
        def function(x: Any) -> Any:
            y = layer(x)
            return ops.sum(y * weights(y.shape))

        graph = Graph(settings=TraceSettings("float64", training, _SEED))
        symbol = graph.input("x", x.shape, dtype_name(x.dtype))
        value = checked(function, graph.scope.call(function, symbol, name=""))
        parameters = initialize(graph, get("numpy"), value.dtype, _SEED)
        feeds = {graph.inputs[0]: x}
        feeds |= {graph.parameters[name]: array for name, array in parameters.items()}
        scheduled = [number.at(0) for number in graph.step_values.scheduled.values()]
        feeds |= graph.step_values.feeds(np.asarray(3), np.asarray(scheduled))
        wrt = [v for n, v in graph.parameters.items() if graph.specs[n].trainable]
        wrt += [v for v in graph.inputs if is_float(v.dtype)]
        slopes = gradients(graph, value, wrt)
        outputs = distinct([value, *slopes, *graph.assignments.values()])
        return cls(graph, feeds, wrt, outputs, "training" if training else "prediction")

    def compute(self, library: Variant, outputs: list[Value], feeds: Any = None) -> list[Any]:
        """The outputs' numbers on a library."""
        found = library.compute(self.graph, feeds or self.feeds, outputs)
        return [library.to_numpy(array) for array in found]

    def check_gradients(self) -> None:
        """Compare each gradient with finite differences."""
        with variant("numpy") as library:
            _, *slopes = self.compute(library, self.outputs)[: 1 + len(self.wrt)]

            def value(*arrays: np.ndarray) -> Any:
                feeds = dict(zip(self.feeds, arrays, strict=True))
                return self.compute(library, self.outputs[:1], feeds)[0]

            for symbol, slope in zip(self.wrt, slopes, strict=True):
                at = list(self.feeds).index(symbol)
                wanted = finite_differences(value, list(self.feeds.values()), at)
                what = f"{self.mode}: gradient of {symbol.name}"
                np.testing.assert_allclose(slope, wanted, err_msg=what, **_DIFFERENCES)

    def check_on(self, library: Variant) -> None:
        """Compare a library's numbers with NumPy's."""
        with variant("numpy") as plain:
            wanted = self.compute(plain, self.outputs)
        for value, a, b in zip(
            self.outputs, self.compute(library, self.outputs), wanted, strict=True
        ):
            what = f"{self.mode}: {value.name} on {library.name}"
            np.testing.assert_allclose(a, b, err_msg=what, **_ROUNDING)


class _Scaled(Layer):
    """A layer with an input multiplied by factors, so that there are parameters to train."""

    def __init__(self, layer: Callable[..., Any]) -> None:
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(x * self.parameter(x, "factors", x.shape[1:], "ones"))


def _square(output: Any, target: Any) -> Any:
    return ops.mean((output - target) * (output - target))


def _model(net: Any, shape: tuple[int, ...], backend: Any) -> Model:
    settings: dict[str, Any] = {"dtype": "float64", "seed": _SEED, "input_shape": shape}
    return Model(net, _square, SGD(0.1), backend=backend, **settings).build()


def _check_steps(layer: Any, shape: tuple[int, ...], x: np.ndarray) -> None:
    """Two training steps and a prediction, with the plan and with the interpreter."""
    net = _Scaled(layer) if is_float(dtype_name(x.dtype)) else layer
    plan, plain = (_model(net, shape, backend) for backend in ("numpy", GenericBackend(np)))
    target = np.zeros_like(plain.predict(x))
    for step in (1, 2):
        a, b = (m.train_on_batch(x, target) for m in (plan, plain))
        np.testing.assert_allclose(a, b, err_msg=f"the loss of step {step}", **_ROUNDING)
    for name, array in plain.parameters.items():
        np.testing.assert_allclose(plan.parameters[name], array, err_msg=name, **_ROUNDING)
    np.testing.assert_allclose(plan.predict(x), plain.predict(x), err_msg="predict", **_ROUNDING)
