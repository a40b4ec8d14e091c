"""A network as a plain function, under the transformations of JAX and PyTorch."""

from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import DataError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype("float32")
Y = RNG.normal(size=(12, 3)).astype("float32")


def trained(backend: str) -> xn.Model:
    net = xn.Sequential(xn.Dense(5, "tanh"), xn.BatchNorm(), xn.Dropout(0.3), xn.Dense(3))
    model = xn.Model(net, "mse", xn.SGD(0.1), backend=backend, input_shape=4)
    model.fit(X, Y, epochs=2, batch_size=6)
    return model


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax", "array_api_strict"])
def test_it_predicts(backend: str) -> None:
    """By the running statistics, and without dropout, as predictions do."""
    library = pytest.importorskip(backend)
    model = trained(library if backend == "array_api_strict" else backend)
    own = model.engine.backend
    f, x = model.function(), own.asarray(X)
    wanted = model.predict(X)
    np.testing.assert_allclose(own.to_numpy(f(model.state_dict(), x)), wanted, rtol=1e-5, atol=1e-6)
    alone = f(model.state_dict(), x[0, ...])
    assert tuple(alone.shape) == (3,)
    np.testing.assert_allclose(own.to_numpy(alone), wanted[0], rtol=1e-5, atol=1e-6)


def affine(backend: str) -> tuple[xn.Model, dict[str, Any]]:
    """A model without randomness, and its own gradients for a batch."""
    net = xn.Sequential(xn.Dense(5, "tanh"), xn.LayerNorm(), xn.Dense(3, "softplus"))
    model = xn.Model(net, "mse", xn.SGD(1.0), backend=backend, input_shape=4).build()
    before = {n: np.asarray(a).copy() for n, a in model.state_dict().items()}
    model.train_on_batch(X, Y)
    step = {n: before[n] - np.asarray(a) for n, a in model.state_dict().items()}
    model.load_state_dict(before)
    return model, step


class TestJax:
    @pytest.fixture(autouse=True)
    def _jax(self) -> None:
        self.jax = pytest.importorskip("jax", reason="JAX is not installed")

    def test_its_gradients_are_those_of_a_step(self) -> None:
        model, wanted = affine("jax")
        f = model.function()

        def loss(parameters: Any) -> Any:
            return self.jax.numpy.mean((f(parameters, X_) - Y) ** 2)

        X_ = self.jax.numpy.asarray(X)
        for transformed in (self.jax.grad(loss), self.jax.jit(self.jax.grad(loss))):
            for name, slope in transformed(model.state_dict()).items():
                np.testing.assert_allclose(slope, wanted[name], rtol=1e-4, atol=1e-6)

    def test_jit_and_vmap(self) -> None:
        model = trained("jax")
        f, p, x = model.function(), model.state_dict(), self.jax.numpy.asarray(X)
        wanted = model.predict(X)
        each = self.jax.vmap(f, (None, 0))
        for found in (self.jax.jit(f)(p, x), each(p, x), self.jax.jit(each)(p, x)):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)

    def test_of_the_inputs(self) -> None:
        model, _ = affine("jax")
        f, p, x = model.function(), model.state_dict(), self.jax.numpy.asarray(X[0])
        assert self.jax.jacobian(lambda v: f(p, v))(x).shape == (3, 4)

    def test_names_and_shapes_are_checked_while_it_is_traced(self) -> None:
        f, x = trained("jax").function(), self.jax.numpy.asarray(X)
        with pytest.raises(ShapeError):
            self.jax.jit(f)({"layers.0.weight": x}, x)


class TestTorch:
    def test_autograd_goes_through_it(self) -> None:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        model, wanted = affine("torch")
        p = {n: a.clone().requires_grad_() for n, a in model.state_dict().items()}
        loss = ((model.function()(p, torch.tensor(X)) - torch.tensor(Y)) ** 2).mean()
        loss.backward()
        for name, array in p.items():
            np.testing.assert_allclose(array.grad.numpy(), np.asarray(wanted[name]), 1e-4, 1e-6)


def test_what_it_refuses() -> None:
    model = trained("numpy")
    f, p = model.function(), model.state_dict()
    with pytest.raises(
        ShapeError, match=r"samples of shape \(4,\), got an array of shape \(12, 3\)"
    ):
        f(p, Y)
    with pytest.raises(ShapeError):
        f({n: a for n, a in p.items() if "bias" not in n}, X)
    with pytest.raises(ShapeError):
        f({n: a[..., :1] for n, a in p.items()}, X)
    with pytest.raises(DataError, match="expected arrays of one library, got list, ndarray"):
        f(p, X.tolist())


def test_it_does_not_follow_the_model() -> None:
    """It holds no numbers: only the parameters that it is given count."""
    model = trained("numpy")
    f, p = model.function(), model.state_dict()
    before = f(p, X)
    model.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(f(p, X), before)
    assert "layers.0.weight" in repr(f)
