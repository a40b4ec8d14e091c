"""`xpnet.testing`: right ops, layers, kernels and libraries pass, and each fault is found."""

import sys
from types import ModuleType

import numpy as np
import pytest

import xpnet as xn
from xpnet import testing
from xpnet.backends.generic import GenericBackend
from xpnet.errors import MissingDependencyError, UnknownNameError
from xpnet.kernels import Kernel, find
from xpnet.ops.record import Op
from xpnet.testing.examples import op_examples

QUICK = ("numpy", "numpy-readonly", "numpy-poisoned")
X = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])


def op_of(forward, vjp=None, signature="(...)->(...)"):
    return Op("example", signature, forward, [vjp])


def square(xp, x):
    return x * x


def square_vjp(xp, gy, x):
    return gy * x * 2


@pytest.mark.parametrize("example", [*op_examples()], ids=lambda example: example[0].name)
def test_every_op_of_the_library_passes(example):
    op, inputs, settings = example
    testing.check_op(op, *inputs, variants=QUICK, **settings)


def test_an_op_is_checked_on_all_that_can_run_here():
    testing.check_op(op_of(square, square_vjp), X)
    assert set(QUICK) <= set(testing.usable_variants()) <= set(testing.VARIANTS)


def test_a_reference_is_another_formula():
    testing.check_op(op_of(square, square_vjp), X, reference=np.square, variants=QUICK)
    with pytest.raises(AssertionError, match="example: float32 values on numpy"):
        testing.check_op(op_of(square, square_vjp), X, reference=np.abs)


def overwriting(xp, x):
    x *= x
    return x


def widening(xp, x):
    return xp.astype(x, xp.float64) * 1


def not_standard(xp, x):
    return xp.square(x) + 0 * xp.nan_to_num(x)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("forward", "vjp", "on", "words"),
    [
        (square, lambda xp, gy, x: gy * x, "numpy", "gradient of input 0 on numpy"),
        (square, lambda xp, gy, y: gy * y, "numpy-poisoned", "gradient of input 0"),
        (overwriting, None, "numpy", "input changed"),
        (overwriting, None, "numpy-readonly", "read-only"),
        (widening, None, "numpy", "float64.*the graph says.*float32"),
        (not_standard, None, "array-api-strict", "nan_to_num"),
    ],
    ids=["vjp", "reads", "overwrites", "read-only", "type", "strict"],
)
def test_each_fault_of_an_op_is_found(forward, vjp, on, words):
    if on == "array-api-strict":
        pytest.importorskip("array_api_strict")
    with pytest.raises((AssertionError, ValueError, AttributeError), match=words):
        testing.check_op(op_of(forward, vjp), X, reference=lambda x: x * x, variants=[on])


def test_a_variant_that_there_is_not():
    with pytest.raises(UnknownNameError, match="variant 'numpi'"), testing.variant("numpi"):
        pass


def test_a_variant_whose_library_is_not_installed_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "array_api_strict", None)
    with (
        pytest.raises(MissingDependencyError, match=r"pip install 'xpnet\[test\]'"),
        testing.variant("array-api-strict"),
    ):
        pass
    assert "array-api-strict" not in testing.usable_variants()


def test_every_vjp_that_is_asked_for_must_exist():
    graph, node, feeds = testing.trace_op(op_of(square), [X], {})
    with pytest.raises(ValueError, match="example has no gradient with respect to its input 0"):
        testing.append_vjp(graph, node, 0, feeds)


# --- kernels ---------------------------------------------------------------------------------


@pytest.mark.smoke
def test_the_librarys_kernels_pass():
    testing.check_kernel(find(xn.ops.affine, ("out",)), xn.ops.affine, X, X.T, X[:, 0])
    vjp = xn.ops.relu.vjp_of(0)
    testing.check_kernel(find(vjp, ("out",)), vjp, X, X)


def beyond(k, out, x):
    k(k.raw.multiply, x, x, out=out)
    wide = np.lib.stride_tricks.as_strided(out.ravel(), (out.size + 1,), (8,))
    k(k.raw.copyto, wide[-1:], 0.0)


def unwritten(k, out, x):
    k(k.raw.add, out, 0.0, out=out)


def changing(k, out, x):
    k(k.raw.multiply, x, x, out=x)
    k(k.raw.copyto, out, x)


def too_early(k, out, x):
    k(k.raw.copyto, out, x * x)


def adding(k, out, x):
    k(k.raw.copyto, out, 0.0)
    k(k.raw.add, out, x, out=out)
    k(k.raw.multiply, out, x, out=out)


@pytest.mark.parametrize(
    ("function", "inplace", "words"),
    [
        (beyond, (), "wrote past its output"),
        (unwritten, (), "nan"),
        (changing, (), "input 0 changed"),
        (too_early, (), "Not equal"),
        (adding, (0,), "square over input 0"),
    ],
)
def test_each_fault_of_a_kernel_is_found(function, inplace, words):
    record = Op("square", "(...)->(...)", square, [square_vjp])
    with pytest.raises(AssertionError, match=words):
        testing.check_kernel(Kernel("out", function, inplace), record, X)


# --- layers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: xn.Sequential(xn.Dense(3, "tanh"), xn.BatchNorm(), xn.Dropout(0.3)), 4),
        (xn.LayerNorm, (2, 3)),
        (lambda: lambda x: xn.Dense(2)(x) * 3.0, 4),
    ],
    ids=["sequential", "without parameters of two axes", "function"],
)
def test_layers_of_the_library_pass(layer, shape):
    testing.check_layer(layer(), shape, variants=QUICK)


def test_a_layer_on_ids():
    testing.check_layer(xn.Embedding(9, 4), 3, inputs=np.arange(15).reshape(5, 3) % 9)


def test_a_wrong_gradient_inside_a_layer_is_found():
    wrong = op_of(square, lambda xp, gy, x: gy * x)
    with pytest.raises(AssertionError, match=r"training: gradient of dense\.weight"):
        testing.check_layer(lambda x: wrong(xn.Dense(3)(x)), 4, variants=["numpy"])


# --- libraries -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["array_api_strict", "torch"])
def test_libraries_pass(name):
    testing.check_backend(pytest.importorskip(name))


def test_a_library_that_computes_something_else_is_found():
    wrong = ModuleType("wrong")
    vars(wrong).update({name: getattr(np, name) for name in np.__all__})
    wrong.tanh = lambda x: np.tanh(x) * (1 + 1e-4)
    with pytest.raises(AssertionError, match="tanh: values on wrong"):
        testing.check_backend(GenericBackend(wrong), dtypes=["float32"])
