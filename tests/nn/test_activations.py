"""Activation layers: torch's values and gradients, learned slopes, names and errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xpnet as xn
from xpnet.nn import activation

rng = np.random.default_rng(3)
# Ordinary numbers, large ones, and every kink.
X = np.concatenate([rng.normal(scale=3, size=40), [-60, -9, 9, 60, -3, -1, -0.5, 0, 0.5, 1, 3]])
GY = rng.normal(size=X.size)

# How torch spells each of our layers (its own hardsigmoid has a slope of 1/6 in float32 digits).
TORCH = [
    (xn.Identity(), lambda F, x: x),
    (xn.Linear(slope=-2.5), lambda F, x: -2.5 * x),
    (xn.ReLU(), lambda F, x: F.relu(x)),
    (xn.LeakyReLU(), lambda F, x: F.leaky_relu(x)),
    (xn.LeakyReLU(slope=1.5), lambda F, x: F.leaky_relu(x, 1.5)),
    (xn.ELU(), lambda F, x: F.elu(x)),
    (xn.ELU(alpha=0.3), lambda F, x: F.elu(x, 0.3)),
    (xn.SELU(), lambda F, x: F.selu(x)),
    (xn.GELU(), lambda F, x: F.gelu(x)),
    (xn.GELU(approximate="tanh"), lambda F, x: F.gelu(x, approximate="tanh")),
    (xn.SiLU(), lambda F, x: F.silu(x)),
    (xn.Mish(), lambda F, x: F.mish(x)),
    (xn.Softplus(), lambda F, x: F.softplus(x, threshold=100)),
    (xn.Softsign(), lambda F, x: F.softsign(x)),
    (xn.Sigmoid(), lambda F, x: x.sigmoid()),
    (xn.LogSigmoid(), lambda F, x: F.logsigmoid(x)),
    (xn.HardSigmoid(), lambda F, x: F.relu6(x + 3) / 6),
    (xn.Tanh(), lambda F, x: x.tanh()),
    (xn.HardTanh(), lambda F, x: F.hardtanh(x)),
    (xn.Softmax(), lambda F, x: F.softmax(x, -1)),
    (xn.LogSoftmax(), lambda F, x: F.log_softmax(x, -1)),
]


def values_and_gradients(function, *arrays):
    """The function's values, and the gradient of their sum weighted by `GY`."""
    wrt = tuple(range(len(arrays)))
    step = xn.value_and_grad(lambda *xs: xn.ops.sum(function(*xs) * GY), wrt=wrt)
    with np.errstate(all="ignore"):
        return step(*arrays)


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.mark.parametrize(("layer", "function"), TORCH, ids=[repr(layer) for layer, _ in TORCH])
def test_values_and_gradients_are_torchs(torch, layer, function):
    x = torch.tensor(X, requires_grad=True)
    y = function(torch.nn.functional, x)
    (y * torch.tensor(GY)).sum().backward()
    loss, (gx,) = values_and_gradients(layer, X)
    assert_allclose(loss, np.sum(y.detach().numpy() * GY), rtol=1e-12)
    assert_allclose(gx, x.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("width", [1, X.size])
def test_prelu_and_the_gradient_of_its_slopes_are_torchs(torch, width):
    start = np.linspace(-0.5, 1.5, width)
    x, a = torch.tensor(np.stack([X, 2 - X]), requires_grad=True), torch.tensor(start)
    a.requires_grad_()
    y = torch.nn.functional.prelu(x, a)
    (y * torch.tensor(GY)).sum().backward()
    loss, (gx, ga) = values_and_gradients(xn.ops.prelu, x.detach().numpy(), start)
    assert_allclose(loss, np.sum(y.detach().numpy() * GY), rtol=1e-12)
    assert_allclose(gx, x.grad.numpy(), rtol=1e-12, atol=1e-12)
    assert_allclose(ga, a.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_erf_is_torchs(torch):
    x = torch.tensor(X, requires_grad=True)
    (torch.special.erf(x) * torch.tensor(GY)).sum().backward()
    loss, (gx,) = values_and_gradients(xn.ops.erf, X)
    assert_allclose(loss, np.sum(torch.special.erf(x).detach().numpy() * GY), rtol=1e-12)
    assert_allclose(gx, x.grad.numpy(), rtol=1e-12, atol=1e-12)


def predict(layer, x):
    """The output of a layer after a dense layer that changes nothing, and the model."""
    unchanged = xn.Dense(x.shape[1], kernel_init=lambda xp, key, shape: xp.eye(*shape))
    net = xn.Sequential(unchanged, layer)
    model = xn.Model(
        net, loss="mean_squared_error", dtype="float64", input_shape=x.shape[1]
    ).build()
    return model.predict(x), model


BY_NAME = {
    "identity": xn.Identity,
    "linear": xn.Linear,
    "step": xn.Step,
    "relu": xn.ReLU,
    "leaky_relu": xn.LeakyReLU,
    "prelu": xn.PReLU,
    "elu": xn.ELU,
    "selu": xn.SELU,
    "gelu": xn.GELU,
    "gelu_tanh": lambda: xn.GELU("tanh"),
    "silu": xn.SiLU,
    "swish": xn.SiLU,
    "mish": xn.Mish,
    "softplus": xn.Softplus,
    "softsign": xn.Softsign,
    "sigmoid": xn.Sigmoid,
    "log_sigmoid": xn.LogSigmoid,
    "hard_sigmoid": xn.HardSigmoid,
    "tanh": xn.Tanh,
    "hard_tanh": xn.HardTanh,
    "softmax": xn.Softmax,
    "log_softmax": xn.LogSoftmax,
}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_name_is_the_layer_with_its_usual_settings(name):
    named, explicit = activation(name), BY_NAME[name]()
    assert repr(named) == repr(explicit)
    x = X[:44].reshape(11, 4)
    assert_array_equal(predict(named, x)[0], predict(explicit, x)[0])


@pytest.mark.parametrize("name", BY_NAME)
def test_each_trains_in_float32(name):
    x = np.tanh(X[:44].reshape(11, 4)).astype("float32")
    net = xn.Sequential(xn.Dense(6), activation(name), xn.Dense(1))
    model = xn.Model(net, loss="mean_squared_error", optimizer=xn.SGD(0.01))
    history = model.fit(x, x[:, :1] ** 2, epochs=3, batch_size=4)
    assert np.isfinite(history["loss"]).all()
    assert all(a.dtype == "float32" for a in model.parameters.values())


def test_a_step_is_one_from_its_threshold_on():
    x = np.array([[-1.0, 0.0, 0.5, 2.0]])
    assert_array_equal(predict(xn.Step(), x)[0], [[0, 1, 1, 1]])
    assert_array_equal(predict(xn.Step(0.5), x)[0], [[0, 0, 1, 1]])


def test_nothing_in_front_of_a_step_learns():
    net = xn.Sequential(xn.Dense(3), xn.Step(), xn.Dense(1))
    model = xn.Model(net, loss="mean_squared_error", optimizer=xn.SGD(0.1), dtype="float64")
    x = X[:44].reshape(11, 4)
    model.build(4)
    before = model.state_dict()
    model.fit(x, x[:, :1], epochs=2)
    changed = {n for n, a in model.parameters.items() if not np.array_equal(a, before[n])}
    assert changed == {"layers.2.weight", "layers.2.bias"}


@pytest.mark.parametrize(("shared", "shape"), [(False, (4,)), (True, (1,))])
def test_prelu_learns_its_slopes(shared, shape):
    x = X[:44].reshape(11, 4)
    y, model = predict(xn.PReLU(shared, init=0.5), x)
    assert_allclose(y, np.where(x > 0, x, x / 2), rtol=1e-15)
    slope = model.parameters["layers.1.slope"].copy()
    assert_array_equal(slope, np.full(shape, 0.5))
    model.fit(x, np.where(x > 0, x, 0.1 * x), epochs=1)
    assert (model.parameters["layers.1.slope"] < slope).all()


def test_weight_decay_leaves_slopes_alone():
    x = np.abs(X[:44].reshape(11, 4))  # no input is negative: the slope has gradient 0
    net = xn.Sequential(xn.PReLU(), xn.Dense(1))
    model = xn.Model(
        net, loss="mean_squared_error", optimizer=xn.SGD(0.01, weight_decay=0.5), dtype="float64"
    )
    model.fit(x, x[:, :1], epochs=2)
    assert_array_equal(model.parameters["layers.0.slope"], [0.25] * 4)


def test_prelu_refuses_a_number():
    with pytest.raises(xn.errors.ShapeError, match=r"shape \(\.\.\., units\)"):
        xn.value_and_grad(lambda x: xn.PReLU()(xn.ops.sum(x)), wrt=0)(np.ones(3))


@pytest.mark.parametrize("bad", ["1", None, True, np.nan, np.inf])
@pytest.mark.parametrize(
    "new",
    [
        lambda v: xn.Linear(slope=v),
        lambda v: xn.Step(threshold=v),
        lambda v: xn.LeakyReLU(slope=v),
        lambda v: xn.ELU(alpha=v),
        lambda v: xn.PReLU(init=v),
    ],
    ids=["Linear", "Step", "LeakyReLU", "ELU", "PReLU"],
)
def test_settings_are_finite_numbers(new, bad):
    with pytest.raises(xn.errors.ArgumentError, match="must be a finite number"):
        new(bad)


def test_the_choices_of_gelu_and_prelu():
    with pytest.raises(xn.errors.ArgumentError, match="'none' or 'tanh', got True"):
        xn.GELU(approximate=True)
    with pytest.raises(xn.errors.ArgumentError, match="True or False, got 3"):
        xn.PReLU(3)


def test_settings_show_in_the_representation():
    layers = [xn.LeakyReLU(0.2), xn.ELU(), xn.GELU(), xn.PReLU(True), xn.Mish()]
    assert [repr(layer) for layer in layers] == [
        "LeakyReLU(slope=0.2)",
        "ELU(alpha=1.0)",
        "GELU(approximate='none')",
        "PReLU(shared=True, init=0.25)",
        "Mish()",
    ]
