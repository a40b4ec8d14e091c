"""Check an array library: every op and a small fit, compared with NumPy."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from xpnet.arguments import elements
from xpnet.backends import Backend, check_float, get
from xpnet.model import Model
from xpnet.nn import BatchNorm, Dense, Dropout, Sequential
from xpnet.optim import Adam
from xpnet.testing.examples import op_examples
from xpnet.testing.op_checks import VALUES, append_vjp, differentiable, trace_op
from xpnet.testing.variants import Variant
from xpnet.typing import Namespace

__all__ = ["check_backend"]

_FIT: dict[str, float] = {"float32": 1e-4, "float64": 1e-9}  # rounding, amplified by a few steps


def check_backend(namespace: Namespace, *, dtypes: Iterable[str] = ("float32", "float64")) -> None:
    """Check that an array library gives NumPy's results, up to rounding.

    Arrays must survive a round trip unchanged. Every op of the registry and its gradients must
    have NumPy's values. A small network with batch normalization and dropout must have the same
    losses in three epochs of training, and the same predictions.

    Parameters
    ----------
    namespace : module, str or Backend
        As for a model's ``backend``: a namespace that follows the Array API standard, such as
        ``torch`` or ``jax.numpy``, or a backend's name.
    dtypes : iterable of str, default ("float32", "float64")
        The dtypes to check.

    Raises
    ------
    AssertionError
        If anything differs.
    DTypeError
        If the device cannot compute in one of the dtypes.

    Examples
    --------
    >>> import numpy as np
    >>> from xpnet.backends.generic import GenericBackend
    >>> from xpnet.testing import check_backend
    >>> check_backend(GenericBackend(np))
    """
    backend = get(namespace)
    library, plain = Variant(backend.name, backend), Variant("numpy", get("numpy"))
    for dtype in elements("dtypes", dtypes, "['float32']"):
        check_float(dtype)
        backend.check(dtype)
        _check_arrays(backend, dtype)
        for op, inputs, settings in op_examples():
            _check_op(library, plain, op, inputs, settings, dtype)
        _check_fit(backend, dtype)


def _check_arrays(backend: Backend, dtype: str) -> None:
    given = np.array([[0.1, -2.0, np.inf], [np.nan, 0.0, -0.0]], dtype)
    array = backend.asarray(given)
    if not backend.owns(array):
        raise AssertionError(f"{backend.name} made {type(array).__name__}, which it does not own")
    np.testing.assert_array_equal(backend.to_numpy(array), given, err_msg="round trip")


def _check_op(
    library: Variant, plain: Variant, op: Any, inputs: Any, settings: Any, dtype: str
) -> None:
    """Check an op's values and its gradients."""
    graph, node, feeds = trace_op(op, inputs, settings, dtype)
    positions = differentiable(op, len(inputs))
    slopes = [append_vjp(graph, node, index, feeds) for index in positions]
    outputs = [node.output, *slopes]
    names = ["values", *(f"gradient of input {index}" for index in positions)]
    results = zip(
        names,
        library.compute(graph, feeds, outputs),
        plain.compute(graph, feeds, outputs),
        strict=True,
    )
    for name, got, wanted in results:
        np.testing.assert_allclose(
            library.to_numpy(got),
            plain.to_numpy(wanted),
            rtol=4 * VALUES[dtype],  # both are rounded, a gradient more than once
            atol=4 * VALUES[dtype],
            err_msg=f"{op.name}: {name} on {library.name}",
        )


def _check_fit(backend: Backend, dtype: str) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5)).astype(dtype), rng.integers(0, 3, 40)
    found = []
    for used in (backend, "numpy"):
        net = Sequential(Dense(8, "tanh"), BatchNorm(), Dropout(0.2), Dense(3))
        model = Model(net, optimizer=Adam(0.01), dtype=check_float(dtype), seed=1, backend=used)
        history = model.fit(X, y, epochs=3, batch_size=16, verbose=False)
        found.append((history["loss"], np.asarray(model.predict(X))))
    for what, got, wanted in zip(("losses", "predictions"), *found, strict=True):
        np.testing.assert_allclose(
            got, wanted, _FIT[dtype], _FIT[dtype], err_msg=f"{what} of a fit on {backend.name}"
        )
