"""LayerNorm and BatchNorm: against PyTorch, their state, one row, and outside training."""

import array_api_strict
import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
X = RNG.normal(2, 3, size=(90, 5))
Y = RNG.normal(size=(90, 2))


def model_of(net, **settings):
    settings = {"dtype": "float64", "input_shape": 5, "optimizer": xn.SGD(0.1)} | settings
    return xn.Model(net, "mse", **settings).build()


def batch_norm_net():
    return xn.Sequential(xn.Dense(4), xn.BatchNorm(), xn.ReLU(), xn.Dense(2))


def torch_twin(torch, model, norm):
    """PyTorch's network with the same parameters."""
    twin = torch.nn.Sequential(
        torch.nn.Linear(5, 4), norm, torch.nn.ReLU(), torch.nn.Linear(4, 2)
    ).double()
    with torch.no_grad():
        for name, tensor in twin.named_parameters():
            array = model.parameters[f"layers.{name}"]
            tensor.copy_(torch.tensor(array.T if array.ndim == 2 else array))
    return twin


@pytest.mark.parametrize("kind", ["BatchNorm", "LayerNorm"])
def test_training_as_in_torch(kind):
    """Three epochs of batches: the parameters, and the running statistics."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours = {"BatchNorm": xn.BatchNorm(), "LayerNorm": xn.LayerNorm()}[kind]
    model = model_of(xn.Sequential(xn.Dense(4), ours, xn.ReLU(), xn.Dense(2)))
    norm = {"BatchNorm": torch.nn.BatchNorm1d(4), "LayerNorm": torch.nn.LayerNorm(4)}[kind]
    twin = torch_twin(torch, model, norm)
    theirs = torch.optim.SGD(twin.parameters(), 0.1)
    for _ in range(3):
        for start in range(0, 90, 32):
            x, y = (torch.tensor(a[start : start + 32]) for a in (X, Y))
            theirs.zero_grad()
            torch.nn.functional.mse_loss(twin(x), y).backward()
            theirs.step()
    model.fit(X, Y, epochs=3, batch_size=32, shuffle=False)
    state = twin.state_dict()
    for name, array in model.parameters.items():
        wanted = state[name.removeprefix("layers.")].numpy()
        wanted = wanted.T if wanted.ndim == 2 else wanted
        np.testing.assert_allclose(array, wanted, rtol=1e-9, atol=1e-12, err_msg=name)
    twin.eval()
    with torch.no_grad():
        np.testing.assert_allclose(model.predict(X), twin(torch.tensor(X)).numpy(), rtol=1e-9)


@pytest.mark.parametrize("layer", [xn.BatchNorm(), xn.LayerNorm()], ids=repr)
def test_in_training_the_output_is_standardized(layer):
    def f(w, x):
        return xn.ops.sum(w * layer(x))

    vg = xn.value_and_grad(f)
    parameters = vg.init(np.ones_like(X), X)
    y = vg(np.ones_like(X), X, parameters=parameters)[1]
    axis = 0 if isinstance(layer, xn.BatchNorm) else 1
    np.testing.assert_allclose(y.mean(axis=axis), 0, atol=1e-12)
    wanted = X.std(axis=axis) / np.sqrt(X.var(axis=axis) + 1e-5)
    np.testing.assert_allclose(y.std(axis=axis), wanted, rtol=1e-10)


def test_running_statistics_follow_the_batches():
    model = xn.Model(xn.Sequential(xn.BatchNorm(momentum=0.5), xn.Dense(2)), "mse", xn.SGD(1e-12),
                     dtype="float64")  # fmt: skip
    model.train_on_batch(X[:40], Y[:40])
    model.train_on_batch(X[40:], Y[40:])
    means = [X[:40].mean(0), X[40:].mean(0)]
    variances = [X[:40].var(0, ddof=1), X[40:].var(0, ddof=1)]
    np.testing.assert_allclose(
        model.parameters["layers.0.running_mean"], 0.25 * means[0] + 0.5 * means[1], rtol=1e-12
    )
    np.testing.assert_allclose(
        model.parameters["layers.0.running_var"],
        0.25 + 0.25 * variances[0] + 0.5 * variances[1],
        rtol=1e-12,
    )


def test_evaluation_and_prediction_do_not_change_the_state():
    model = model_of(batch_norm_net())
    model.fit(X, Y, epochs=1)
    before = model.state_dict()
    model.predict(X[:3] * 100)
    model.evaluate(X * 100, Y)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_row_is_predicted_alike_alone_and_among_others():
    model = model_of(batch_norm_net())
    model.fit(X, Y, epochs=2)
    np.testing.assert_allclose(model.predict(X)[7:8], model.predict(X[7:8]), rtol=1e-12)


def test_batches_of_one_row():
    """They use the running statistics and do not change them."""
    model = model_of(batch_norm_net())
    model.fit(X, Y, epochs=1, batch_size=89)  # the second batch is one row
    before = model.state_dict()
    expected = model.evaluate(X[:1], Y[:1])["loss"]
    assert float(model.train_on_batch(X[:1], Y[:1])) == pytest.approx(expected, rel=1e-6)
    for name in ("layers.1.running_mean", "layers.1.running_var"):
        np.testing.assert_array_equal(model.parameters[name], before[name])
    assert (model.parameters["layers.1.weight"] != before["layers.1.weight"]).any()


def test_a_constant_feature_gives_finite_numbers():
    x = X.copy()
    x[:, 2] = 7.0
    model = xn.Model(xn.Sequential(xn.BatchNorm(), xn.Dense(2)), "mse", dtype="float64")
    model.fit(x, Y, epochs=2)
    assert all(np.isfinite(a).all() for a in model.state_dict().values())


def test_state_is_no_parameter_to_train():
    model = model_of(batch_norm_net(), optimizer=xn.Adam(weight_decay=0.1))
    model.fit(X, Y, epochs=1)
    assert len(model.gradients) == 6
    assert not any("running" in name for name in model.gradients)
    assert model.engine.state.slots["gradient_sum"].size == 5 * 4 + 4 + 4 + 4 + 4 * 2 + 2
    assert {"layers.1.running_mean", "layers.1.running_var"} <= model.state_dict().keys()


def test_state_moves_with_the_parameters():
    model = model_of(batch_norm_net())
    model.fit(X, Y, epochs=2)
    twin = model_of(batch_norm_net(), seed=5)
    twin.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))


def test_a_step_that_diverges_leaves_the_state():
    model = model_of(batch_norm_net(), check_finite=False)
    model.fit(X, Y, epochs=1)
    before = model.state_dict()
    with pytest.raises(xn.errors.DivergedError):
        model.fit(np.where(X[60, 1] == X, np.inf, X), Y, epochs=1, batch_size=30, shuffle=False)
    for name, array in model.state_dict().items():
        assert np.isfinite(array).all(), name
        np.testing.assert_array_equal(array, before[name])


def test_a_shared_layer_follows_both_of_its_inputs():
    norm = xn.BatchNorm(momentum=0.5)

    def net(x):
        return xn.Dense(2)(xn.Concat()(norm(x), norm(x * 2 + 1)))

    model = xn.Model(net, "mse", xn.SGD(1e-12), dtype="float64")
    model.train_on_batch(X, Y)
    mean = X.mean(0)
    np.testing.assert_allclose(
        model.parameters["batchnorm.running_mean"], 0.25 * mean + 0.5 * (2 * mean + 1), rtol=1e-12
    )


def test_higher_ranks_count_their_inner_axes_as_samples():
    x = RNG.normal(size=(12, 3, 5))
    model = xn.Model(xn.Sequential(xn.BatchNorm(momentum=1), xn.Flatten(), xn.Dense(2)), "mse",
                     xn.SGD(1e-12), dtype="float64")  # fmt: skip
    model.train_on_batch(x, Y[:12])
    np.testing.assert_allclose(
        model.parameters["layers.0.running_mean"], x.mean((0, 1)), rtol=1e-12
    )
    np.testing.assert_allclose(
        model.parameters["layers.0.running_var"], x.reshape(-1, 5).var(0, ddof=1), rtol=1e-12
    )


def test_without_scale_and_shift():
    net = xn.Sequential(xn.LayerNorm(affine=False), xn.BatchNorm(affine=False), xn.Dense(2))
    names = set(model_of(net).parameters)
    assert names == {"layers.1.running_mean", "layers.1.running_var", "layers.2.weight",
                     "layers.2.bias"}  # fmt: skip


@pytest.mark.parametrize("backend", [array_api_strict])
def test_the_interpreter_keeps_the_same_state(backend):
    a, b = model_of(batch_norm_net()), model_of(batch_norm_net(), backend=backend)
    a.fit(X, Y, epochs=2, batch_size=32)
    b.fit(X, Y, epochs=2, batch_size=32)
    for name, array in a.state_dict().items():
        np.testing.assert_allclose(np.asarray(b.parameters[name]), array, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("momentum", [0, -0.1, 1.1, np.nan, "a"], ids=repr)
def test_momentum_is_checked(momentum):
    with pytest.raises(xn.errors.ArgumentError, match="momentum must be"):
        xn.BatchNorm(momentum)


@pytest.mark.parametrize("layer", [xn.BatchNorm, xn.LayerNorm])
def test_epsilon_is_checked(layer):
    with pytest.raises(xn.errors.ArgumentError, match="epsilon must be"):
        layer(epsilon=0)
