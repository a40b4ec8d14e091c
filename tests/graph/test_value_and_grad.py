"""`value_and_grad`: the general algorithm, in the library of its arrays."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import Concat, Dense, Residual, Sequential, ops, value_and_grad
from xpnet.backends import dtype_name, get
from xpnet.errors import ArgumentError, DataError, DTypeError, GraphError, ShapeError


@pytest.fixture
def lib(xp):
    """An array library; variants that differ only in the plan add nothing here."""
    if xp.name == "numpy-poisoned":
        pytest.skip("value_and_grad has no plan")
    return xp


def product(a, b):
    return ops.sum(ops.tanh(a) * b)


A, B = np.array([[0.5, -1.0]]), np.array([[2.0], [3.0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_gradient_in_the_library_of_the_arguments(lib, dtype):
    a, b = lib.asarray(A.astype(dtype)), lib.asarray(B.astype(dtype))
    value, gradient = value_and_grad(product)(a, b)
    for got, wanted in (
        (value, np.sum(np.tanh(A) * B)),
        (gradient, (1 - np.tanh(A) ** 2) * B.sum()),
    ):
        assert lib.backend.owns(got)
        assert dtype_name(got.dtype) == dtype
        assert_allclose(lib.to_numpy(got), wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("wrt", "kind"),
    [(0, "a"), (1, "b"), ((0,), ("a",)), ((1, 0), ("b", "a")), ([0, 1], ("a", "b"))],
)
def test_wrt(lib, wrt, kind):
    wanted = {"a": (1 - np.tanh(A) ** 2) * B.sum(), "b": np.full((2, 1), np.tanh(A).sum())}
    _, got = value_and_grad(product, wrt=wrt)(lib.asarray(A), lib.asarray(B))
    assert isinstance(got, tuple) == isinstance(kind, tuple)
    pairs = zip(got, kind, strict=True) if isinstance(kind, tuple) else [(got, kind)]
    for array, name in pairs:
        assert_allclose(lib.to_numpy(array), wanted[name])


def network(x, t):
    hidden = Sequential(Dense(4, "tanh"), Residual(Dense(4, "relu")), Concat(Dense(2), Dense(1)))
    return ops.mean(ops.softmax_cross_entropy(hidden(x), t))


def test_parameters_of_layers(lib):
    """The same start and the same gradients on every library, by dotted names."""
    x, t = np.linspace(-1, 1, 12).reshape(4, 3), np.array([0, 2, 1, 0])
    vg = value_and_grad(network, wrt="parameters")
    wanted_start = vg.init(x, t, seed=5)
    wanted, wanted_grads = vg(x, t, parameters=wanted_start)
    arrays = lib.asarray(x), lib.asarray(t)
    start = vg.init(*arrays, seed=5)
    value, grads = vg(*arrays, parameters=start)
    assert list(start) == list(grads) == list(wanted_start)
    assert_allclose(lib.to_numpy(value), wanted, rtol=1e-13)
    for name, gradient in grads.items():
        assert lib.backend.owns(gradient)
        np.testing.assert_array_equal(lib.to_numpy(start[name]), wanted_start[name])
        assert_allclose(lib.to_numpy(gradient), wanted_grads[name], rtol=1e-12, atol=1e-15)


def test_gradient_by_an_argument_beside_parameters(lib):
    vg = value_and_grad(lambda x: ops.sum(Dense(2)(x)), wrt=0)
    x = lib.asarray(np.ones((3, 4)))
    parameters = vg.init(x)
    _, gradient = vg(x, parameters=parameters)
    weight = lib.to_numpy(parameters["dense.weight"])
    assert_allclose(lib.to_numpy(gradient), np.tile(weight.sum(1), (3, 1)))


def test_init_depends_on_the_seed_and_the_parameter_only():
    vg = value_and_grad(lambda x: ops.sum(Dense(3)(Dense(3)(x))), wrt="parameters")
    x = np.ones((2, 3))
    first, again, other = vg.init(x), vg.init(x, seed=0), vg.init(x, seed=1)
    assert (first["dense.weight"] == again["dense.weight"]).all()
    assert (first["dense.weight"] != other["dense.weight"]).all()
    assert (first["dense.weight"] != first["dense_1.weight"]).all()
    assert (first["dense.bias"] == 0).all()


def test_numbers_and_closures(lib):
    """The function may capture arrays of the library."""
    captured = lib.asarray(np.array([1.0, 2.0]))
    value, gradient = value_and_grad(lambda x: ops.sum(x * 2 + x * captured))(
        lib.asarray(np.ones(2))
    )
    assert_allclose(lib.to_numpy(value), 7)
    assert_allclose(lib.to_numpy(gradient), [3, 4])


def test_a_python_number_is_float64():
    value, gradient = value_and_grad(lambda x: x * x)(3.0)
    assert (float(value), float(gradient)) == (9.0, 6.0)
    assert gradient.dtype == np.float64


def test_shapes_may_change_from_call_to_call():
    vg = value_and_grad(lambda x: ops.mean(x * x))
    for n in (1, 4):
        assert_allclose(vg(np.ones(n))[1], np.full(n, 2 / n))


def test_backend_by_name():
    _, gradient = value_and_grad(lambda x: ops.sum(x * x), backend="numpy")([1.0, 2.0])
    assert get("numpy").owns(gradient)


def test_gradients_are_the_callers_own():
    """Each is a separate array that the caller may change."""
    x, y = np.ones(3), np.ones(3)
    value, (gx, gy) = value_and_grad(lambda a, b: ops.sum(a + b), wrt=(0, 1))(x, y)
    gx *= 0
    gy += 1
    assert_allclose(gx, 0)
    assert_allclose(gy, 2)
    assert_allclose(value, 6)
    z = np.array(2.0)
    value, _ = value_and_grad(lambda v: v)(z)
    assert not np.shares_memory(value, z)


@pytest.mark.parametrize("wrt", [-1, "weights", (0, "x"), None, (0, -2)])
def test_bad_wrt(wrt):
    with pytest.raises(ArgumentError, match="wrt must be an argument's position"):
        value_and_grad(product, wrt=wrt)


def test_wrt_out_of_range():
    with pytest.raises(ArgumentError, match="wrt=2 names a missing argument: 2 were given"):
        value_and_grad(product, wrt=2)(A, B)


def test_integer_arguments_have_no_gradient():
    vg = value_and_grad(lambda z, t: ops.mean(ops.softmax_cross_entropy(z, t)), wrt=1)
    with pytest.raises(DTypeError, match="argument 1 is int64"):
        vg(np.ones((2, 3)), np.zeros(2, int))


def test_wrong_parameters():
    vg = value_and_grad(lambda x: ops.sum(Dense(2)(x)), wrt="parameters")
    x = np.ones((1, 3))
    good = vg.init(x)
    with pytest.raises(GraphError, match=r"parameters dense.weight, dense.bias; got none.*vg.init"):
        vg(x)
    with pytest.raises(GraphError, match=r"got dense.weight, other"):
        vg(x, parameters={"dense.weight": good["dense.weight"], "other": good["dense.bias"]})
    with pytest.raises(ShapeError, match=r"'dense.bias' has shape \(2,\), got \(3,\)"):
        vg(x, parameters={**good, "dense.bias": np.zeros(3)})
    with pytest.raises(GraphError, match="parameters none; got w"):
        value_and_grad(lambda x: ops.sum(x))(x, parameters={"w": x})


def test_result_must_be_a_value():
    with pytest.raises(GraphError, match=r"must return one symbolic value.*got float"):
        value_and_grad(lambda x: 1.0)(A)
    with pytest.raises(GraphError, match="got tuple"):
        value_and_grad(lambda x: (x, x))(A)


def test_libraries_are_not_mixed():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(DataError, match=r"different libraries.*numpy, torch"):
        value_and_grad(product)(A, torch.ones(2))
