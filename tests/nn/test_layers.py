"""Layers: what they compute, how their parameters are named, and what they refuse."""

import array_api_strict
import numpy as np
import pytest

import xpnet as xn

X = np.random.default_rng(0).normal(size=(7, 4))


def built(net, loss="mean_squared_error", **settings):
    return xn.Model(net, loss=loss, dtype="float64", input_shape=4, **settings).build()


@pytest.mark.smoke
def test_dense_is_an_affine_map():
    model = built(xn.Dense(3, bias_init=xn.init.normal(1.0)))
    w, b = model.parameters["weight"], model.parameters["bias"]
    assert (w.shape, b.shape) == ((4, 3), (3,))
    np.testing.assert_allclose(model.predict(X), X @ w + b, rtol=1e-13)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


ACTIVATIONS = {
    "identity": (xn.Identity, lambda x: x),
    "relu": (xn.ReLU, lambda x: np.maximum(x, 0)),
    "sigmoid": (xn.Sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "tanh": (xn.Tanh, np.tanh),
    "softmax": (xn.Softmax, softmax),
    "log_softmax": (xn.LogSoftmax, lambda x: np.log(softmax(x))),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("form", ["name", "class", "object", "layer behind"])
def test_activations_in_every_form(name, form):
    kind, formula = ACTIVATIONS[name]
    if form == "layer behind":
        net = xn.Sequential(xn.Dense(5), kind())
    else:
        net = xn.Dense(5, {"name": name, "class": kind, "object": kind()}[form])
    model = built(net)
    w = next(v for k, v in model.parameters.items() if k.endswith("weight"))
    np.testing.assert_allclose(model.predict(X), formula(X @ w), rtol=1e-12, atol=1e-14)


def test_dense_works_on_the_last_axis_of_higher_ranks():
    x = np.random.default_rng(1).normal(size=(6, 5, 4))
    model = xn.Model(xn.Dense(3), loss="mean_squared_error", dtype="float64", input_shape=(5, 4))
    model.build()
    np.testing.assert_allclose(model.predict(x), x @ model.parameters["weight"], rtol=1e-12)


@pytest.mark.parametrize("units", [0, -1, 2.0, 2.5, True, None, "3", np.nan, (3,)], ids=repr)
def test_units_must_be_a_whole_number(units):
    with pytest.raises(xn.errors.ArgumentError, match="units must be a whole number"):
        xn.Dense(units)


def test_units_may_be_a_numpy_integer():
    labels = np.array([0, 2, 1])
    assert built(xn.Dense(labels.max() + 1)).predict(X).shape == (7, 3)


@pytest.mark.parametrize("bad", ["rleu", "relu "])
def test_an_unknown_activation_lists_the_names_and_the_nearest(bad):
    with pytest.raises(xn.errors.UnknownNameError) as caught:
        xn.Dense(3, bad)
    assert "Did you mean 'relu'?" in str(caught.value)
    assert all(name in str(caught.value) for name in ACTIVATIONS)


def test_what_is_no_activation_is_refused():
    with pytest.raises(xn.errors.ArgumentError, match="a name or a function"):
        xn.Dense(3, 0.5)


ARRAYS = [X, X.tolist(), array_api_strict.zeros((2, 4)), 3.0, None]
LAYERS = [xn.Dense(3), xn.ReLU(), xn.Sequential(xn.Dense(3)), xn.Residual(xn.Dense(4)), xn.Add()]


@pytest.mark.parametrize("data", ARRAYS, ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("layer", LAYERS, ids=lambda f: type(f).__name__)
def test_a_layer_called_on_data_says_what_to_do(layer, data):
    with pytest.raises(xn.errors.GraphError) as caught:
        layer(data)
    for words in (type(layer).__name__, type(data).__name__, "symbolic", "xpnet.Model"):
        assert words in str(caught.value)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda f: type(f).__name__)
def test_a_layer_called_without_input(layer):
    with pytest.raises(xn.errors.GraphError, match="without an input"):
        layer()


def test_dense_refuses_a_vector():
    with pytest.raises(xn.errors.ShapeError, match=r"\(samples, features\)"):
        xn.Model(xn.Dense(3), loss="mean_squared_error").fit(X[:, 0], X[:, :3])


def test_dense_refuses_what_was_summed_over_the_features():
    net = xn.Sequential(lambda x: xn.ops.sum(x, axis=1), xn.Dense(3))
    with pytest.raises(xn.errors.ShapeError, match=r"Dense expects.*\(samples, features\)"):
        built(net)


def test_a_shared_layer_has_one_set_of_parameters():
    shared = xn.Dense(4)
    model = built(xn.Sequential(shared, xn.Tanh(), shared))
    assert list(model.parameters) == ["layers.0.weight", "layers.0.bias"]
    w = model.parameters["layers.0.weight"]
    np.testing.assert_allclose(model.predict(X), np.tanh(X @ w) @ w, rtol=1e-12)


def test_a_shared_layer_refuses_inputs_of_two_widths():
    shared = xn.Dense(3)
    with pytest.raises(xn.errors.GraphError, match="shared layer needs inputs of the same shape"):
        built(xn.Sequential(shared, shared))


def test_parameters_are_named_by_their_path():
    net = xn.Sequential(
        xn.Dense(4),
        xn.Residual(xn.Dense(4), xn.Tanh()),
        xn.Concat(xn.Dense(2), xn.Sequential(xn.Tanh(), xn.Dense(3))),
    )
    assert [n for n in built(net).parameters if n.endswith("weight")] == [
        "layers.0.weight",
        "layers.1.inner.layers.0.weight",
        "layers.2.branches.0.weight",
        "layers.2.branches.1.layers.1.weight",
    ]


def test_two_models_of_one_net_do_not_share_parameters():
    net = xn.Sequential(xn.Dense(4), xn.Dense(2))
    a, b = built(net), built(net)
    before = b.predict(X)
    a.fit(X, X[:, :2], epochs=2)
    np.testing.assert_array_equal(b.predict(X), before)
    assert not np.array_equal(a.predict(X), before)


def test_a_parameter_that_does_not_reach_the_loss_is_named():
    def net(x):
        xn.Dense(5)(x)
        return head(x)

    head = xn.Dense(3)
    model = built(net)
    state = model.state_dict()
    with pytest.raises(xn.errors.GraphError, match=r"'dense\.weight'.*no path"):
        model.fit(X, X[:, :3])
    assert (model.epoch, model.engine.state.updates) == (0, 0)
    assert all(np.array_equal(state[n], a) for n, a in model.parameters.items())


def test_a_network_without_parameters_is_refused():
    with pytest.raises(xn.errors.GraphError, match="no parameters"):
        built(xn.Sequential(xn.ReLU()))


@pytest.mark.parametrize("net", [lambda x: None, lambda x: 3.0, lambda x: (x, x), lambda x: X])
def test_a_net_must_return_one_symbolic_value(net):
    with pytest.raises(xn.errors.GraphError, match="must return one symbolic value"):
        built(net)


def test_a_layer_without_forward_says_so():
    class Empty(xn.Layer):
        pass

    with pytest.raises(xn.errors.GraphError, match=r"Empty must define forward\(self, x\)"):
        built(Empty())


def test_a_net_cannot_branch_on_its_data():
    with pytest.raises(xn.errors.GraphError, match="no truth value"):
        built(lambda x: xn.Dense(3)(x) if x else x)
