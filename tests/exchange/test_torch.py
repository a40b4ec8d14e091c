"""PyTorch computes what xpnet computes, both ways."""

import copy
import importlib
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import ArgumentError, GraphError, MissingDependencyError, ShapeError
from xpnet.exchange import from_torch, to_torch, to_torch_state_dict

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn

ACTIVATIONS = [
    *(nn.ReLU(), nn.LeakyReLU(0.2), nn.PReLU(), nn.PReLU(8, 0.1), nn.ELU(0.6), nn.SELU()),
    *(nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Softplus(), nn.Softsign()),
    *(nn.Hardsigmoid(), nn.Hardtanh(), nn.Sigmoid(), nn.LogSigmoid(), nn.Tanh(), nn.Identity()),
    *(nn.Softmax(-1), nn.Softmax(1), nn.LogSoftmax(-1), nn.Dropout(0.3)),
    *(nn.LayerNorm(8), nn.LayerNorm(8, 0.1, elementwise_affine=False)),
    *(nn.BatchNorm1d(8), nn.BatchNorm1d(8, 0.1, 0.4, affine=False)),
]


def output(module: Any, X: Any) -> Any:
    with torch.no_grad():
        return module.eval()(torch.as_tensor(X)).numpy()


def reals(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def ids(X: Any, model: xn.Model) -> Any:
    """Samples as torch wants them: numbers of rows of a table are whole."""
    return X.astype("int64") if "Embedding" in repr(model.network.net) else X


def test_twenty_random_networks(drawn: Any, equal: Any) -> None:
    net = to_torch(drawn.model)
    X = ids(drawn.X, drawn.model)
    equal(output(net, X), drawn.model.predict(drawn.X))
    again = from_torch(net, input_shape=drawn.X.shape[1:])
    equal(again.predict(drawn.X), output(net, X))
    for model in (again, drawn.model):
        state = to_torch_state_dict(model)
        assert {n: t.shape for n, t in state.items()} == {
            n: t.shape for n, t in net.state_dict().items()
        }
        net.load_state_dict(state)
        equal(output(net, X), drawn.model.predict(drawn.X))


@pytest.mark.parametrize("module", ACTIVATIONS, ids=str)
def test_module(module: Any, equal: Any) -> None:
    net = nn.Sequential(nn.Linear(5, 8), copy.deepcopy(module), nn.Linear(8, 3, bias=False))
    net(torch.as_tensor(reals(30, 5)))  # moves running statistics
    model = from_torch(net)
    equal(model.predict(reals(9, 5)), output(net, reals(9, 5)))
    again = to_torch(model)
    assert repr(again).replace("dim=-1", "dim=1") == repr(net.eval()).replace("dim=-1", "dim=1")
    state = net.state_dict()
    assert [*to_torch_state_dict(model)] == [*state]
    for name, tensor in to_torch_state_dict(model).items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(tensor, state[name]), name


def test_nested_and_float64(equal: Any) -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(4, 6), nn.Sequential(nn.Tanh(), nn.Linear(6, 2))))
    model = from_torch(net.double(), loss="mse", optimizer="sgd", seed=4)
    assert (model.dtype, model.seed, model.network.loss.name) == (
        "float64",
        4,
        "mean_squared_error",
    )
    equal(model.predict(reals(3, 4).astype("float64")), output(net, reals(3, 4).astype("float64")))
    assert [*model.parameters][2] == "layers.0.layers.1.layers.1.weight"
    assert [*to_torch_state_dict(model)] == [*net.state_dict()]


def test_a_single_module(equal: Any) -> None:
    linear = nn.Linear(4, 2)
    equal(from_torch(linear).predict(reals(3, 4)), output(linear, reals(3, 4)))


def test_embedding_and_flatten(equal: Any) -> None:
    net = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 3))
    X = np.arange(12).reshape(4, 3) % 9
    equal(from_torch(net, input_shape=3).predict(X), output(net, X))
    with pytest.raises(ArgumentError, match="input_shape"):
        from_torch(net)


def test_a_module_that_stands_twice_is_shared(equal: Any) -> None:
    linear = nn.Linear(4, 4)
    net = nn.Sequential(linear, nn.Tanh(), linear)
    model = from_torch(net)
    assert [*model.parameters] == ["layers.0.weight", "layers.0.bias"]
    equal(model.predict(reals(3, 4)), output(net, reals(3, 4)))
    assert [*to_torch_state_dict(model)] == [*net.state_dict()]
    again = to_torch(model)
    assert again[0] is again[2]
    model.load_state_dict({n: 0 * a for n, a in model.parameters.items()})
    from_torch(net.state_dict(), model)
    equal(model.predict(reals(3, 4)), output(net, reals(3, 4)))


def test_a_dense_layers_own_activation_is_a_module(equal: Any) -> None:
    layers = [xn.Dense(6, "prelu"), xn.Dense(5, "tanh", bias=False), xn.Dense(2)]
    model = xn.Model(xn.Sequential(*layers), input_shape=4)
    net = to_torch(model)
    assert [type(part).__name__ for part in net] == "Linear PReLU Linear Tanh Linear".split()
    equal(output(net, reals(3, 4)), model.predict(reals(3, 4)))


def test_what_is_made_shares_no_memory() -> None:
    net = nn.Sequential(nn.Linear(4, 2))
    model = from_torch(net)
    before = model.state_dict()
    tensors, arrays = to_torch_state_dict(model), to_torch_state_dict(model, tensors=False)
    with torch.no_grad():
        net[0].weight.zero_()
        tensors["0.weight"].zero_()
        arrays["0.weight"][...] = 0
    np.testing.assert_array_equal(model.parameters["layers.0.weight"], before["layers.0.weight"])


class Skip(nn.Module):
    """A user's module, with its own names."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.first = nn.BatchNorm1d(4), nn.Linear(4, 6)
        self.inner, self.last = nn.Linear(6, 6, bias=False), nn.Linear(6, 2)

    def forward(self, x: Any) -> Any:
        h = torch.relu(self.first(self.norm(x)))
        return self.last(h + torch.tanh(self.inner(h)))


def skip() -> xn.Model:
    net = xn.Sequential(
        xn.BatchNorm(),
        xn.Dense(6, "relu"),
        xn.Residual(xn.Dense(6, "tanh", bias=False)),
        xn.Dense(2),
    )
    return xn.Model(net, input_shape=4)


def test_a_state_dict_in_order(equal: Any) -> None:
    module, model = Skip(), skip()
    module(torch.as_tensor(reals(30, 4)))
    assert from_torch(module.state_dict(), model) is model
    equal(model.predict(reals(9, 4)), output(module, reals(9, 4)))
    with pytest.raises(ArgumentError, match="Skip, for which xpnet has no layer"):
        from_torch(module)


def test_a_state_dict_by_name_in_any_order(equal: Any) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model = xn.Model(xn.Sequential(xn.Dense(4), xn.Dense(4)), input_shape=4)
    state = {name: net.state_dict()[name].numpy() for name in reversed(net.state_dict())}
    equal(from_torch(state, model).predict(reals(3, 4)), output(net, reals(3, 4)))


def test_half_precision_becomes_float32() -> None:
    net = nn.Sequential(nn.Linear(4, 2))
    model = from_torch(net.bfloat16())
    assert model.dtype == "float32"
    wanted = net[0].weight.detach().float().numpy().T
    np.testing.assert_array_equal(model.parameters["layers.0.weight"], wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s | {"more.weight": s["last.weight"]}, "5 modules .*, but the model has 4"),
        (lambda s: {n: a for n, a in s.items() if n != "last.bias"}, "has weight, which does not"),
        (lambda s: s | {"last.weight": s["last.weight"].T}, r"has shape \(6, 2\), got \(2, 6\)"),
        (lambda s: s | {"last.bias": s["last.bias"] * float("nan")}, "NaN"),
    ],
)
def test_a_state_dict_that_does_not_fit(change: Any, message: str) -> None:
    model = skip()
    before = model.state_dict()
    with pytest.raises(ValueError, match=message):
        from_torch(change(dict(Skip().state_dict())), model)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, before[name])


def test_a_layer_without_counterpart_in_a_state_dict() -> None:
    class Own(xn.Layer):
        def forward(self, x: Any) -> Any:
            return x * self.parameter(x, "weight", x.shape[1:], "ones")

    model = xn.Model(xn.Sequential(Own(), xn.Dense(2)), input_shape=4)
    net = nn.Sequential(nn.LayerNorm(4, bias=False), nn.Linear(4, 2))
    with pytest.raises(ShapeError, match=r"does not fit 'layers.0', a Own with weight"):
        from_torch(net.state_dict(), model)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.ReLU6(), "module '1' is ReLU6, for which"),
        (nn.Softplus(2.0), "beta=2.0; xpnet has only beta=1"),
        (nn.Hardtanh(-2.0, 2.0), "min_val=-2.0"),
        (nn.Softmax(0), "only dim=-1"),
        (nn.Flatten(0), "start_dim=0"),
        (nn.LayerNorm((3, 8)), "only over the last axis"),
        (nn.LayerNorm(8, bias=False), "a weight and a bias, or neither"),
        (nn.BatchNorm1d(8, track_running_stats=False), "track_running_stats=False"),
        (nn.BatchNorm1d(8, momentum=None), "momentum"),
        (nn.Embedding(8, 2, padding_idx=0), "padding_idx=0"),
    ],
    ids=str,
)
def test_what_xpnet_has_not(module: Any, message: str) -> None:
    with pytest.raises((ArgumentError, TypeError), match=message):
        from_torch(nn.Sequential(nn.Linear(4, 8), module, nn.Linear(8, 2)))


@pytest.mark.parametrize(
    "module", [nn.BatchNorm1d(3), nn.PReLU(3), nn.Softmax(1), nn.LogSoftmax(1)], ids=str
)
def test_channels_along_another_axis_than_features(module: Any) -> None:
    net = nn.Sequential(nn.Embedding(9, 3), module, nn.Flatten(), nn.Linear(9, 2))
    with pytest.raises(ArgumentError, match="torch uses axis 1, xpnet the last"):
        from_torch(net, input_shape=3)


def test_layers_without_a_module_have_no_state_dict_of_torch() -> None:
    dense = xn.Dense(3)
    with pytest.raises(GraphError, match=r"no module for Residual.* \(at layers.2\)"):
        to_torch_state_dict(skip())
    with pytest.raises(GraphError, match=r"no module for .*at the top"):
        to_torch_state_dict(xn.Model(lambda x: dense(x), input_shape=2))


def doubled(module: Any, inputs: Any, *_: Any) -> Any:
    """A hook of either kind."""


def hooked() -> dict[str, tuple[Any, str]]:
    """Modules that compute something else than their class, and what an error says of them."""
    prune, linear = importlib.import_module("torch.nn.utils.prune"), lambda: nn.Linear(8, 8)
    own, masked = linear(), prune.l1_unstructured(linear(), "weight", amount=0.5)
    own.forward = lambda x: 2 * x
    before, after = linear(), linear()
    before.register_forward_pre_hook(doubled)
    after.register_forward_hook(doubled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = nn.utils.weight_norm(linear())
    spectral = nn.utils.spectral_norm(linear())
    chain = nn.Sequential(linear())
    chain.register_forward_hook(doubled)
    return {
        "weight norm": (old, r"hook WeightNorm, .*: torch.nn.utils.remove_weight_norm\(module\)"),
        "spectral norm": (spectral, r"hook SpectralNorm, .*remove_spectral_norm\(module\)"),
        "pruned": (masked, r"hook L1Unstructured, .*prune.remove\(module, 'weight'\)"),
        "before": (before, "Linear, has the hook doubled, .*remove\\(\\) of the handle"),
        "after": (after, "Linear, has the hook doubled"),
        "its own forward": (own, "has its own forward or __call__"),
        "a chain": (chain, "module '1', Sequential, has the hook doubled"),
    }


@pytest.mark.parametrize("name", hooked())
def test_modules_that_compute_something_else(name: str) -> None:
    module, message = hooked()[name]
    with pytest.raises(ArgumentError, match=message):
        from_torch(nn.Sequential(nn.Linear(4, 8), module, nn.Linear(8, 2)))


def test_a_sequential_that_is_called_in_another_way() -> None:
    class Doubled(nn.Sequential):
        def __call__(self, x: Any) -> Any:
            return 2 * super().__call__(x)

    with pytest.raises(ArgumentError, match="the module, Doubled, has its own forward"):
        from_torch(Doubled(nn.Linear(4, 2)))


@pytest.mark.parametrize("kind", ["forward", "_call_impl"])
@pytest.mark.parametrize("at", ["the module", "module '1'", "module '1.0'"])
def test_methods_of_one_module(kind: str, at: str) -> None:
    inner = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    net = nn.Sequential(nn.Linear(4, 4), inner)
    changed = {"the module": net, "module '1'": inner, "module '1.0'": inner[0]}[at]
    vars(changed)[kind] = lambda x: 3 * x
    with pytest.raises(ArgumentError, match=f"{at}, .* has its own forward or __call__"):
        from_torch(net)


def changed_everywhere() -> dict[str, Any]:
    """Changes that no module shows: what to replace, and by what."""
    return {
        "method": (nn.Linear, "forward", lambda self, x: x[:, :2] * 3),
        "activation's method": (nn.Tanh, "forward", lambda self, x: 3 * x),
        "function": (nn.functional, "linear", lambda x, w, b=None: 2 * (x @ w.T)),
        "chain's method": (nn.Sequential, "forward", lambda self, x: x[:, :2]),
    }


@pytest.mark.parametrize("name", changed_everywhere())
def test_methods_and_functions_of_torch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    from_torch(net)
    monkeypatch.setattr(*changed_everywhere()[name])
    with pytest.raises(ArgumentError, match="the module, Sequential, computes something else"):
        from_torch(net)


@pytest.mark.parametrize("name", ["forward_hook", "forward_pre_hook"])
def test_hooks_of_all_modules(name: str) -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh())

    def doubled(module: Any, given: Any, *found: Any) -> Any:
        return 2 * found[0] if found else (2 * given[0],)

    handle = getattr(nn.modules.module, f"register_module_{name}")(doubled)
    try:
        with pytest.raises(ArgumentError, match="a hook for all modules"):
            from_torch(net)
    finally:
        handle.remove()
    from_torch(net)


def test_what_changes_no_output(equal: Any) -> None:
    shared = nn.Linear(4, 4)
    net = nn.Sequential(shared, nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)), shared)
    net(torch.from_numpy(reals(9, 4)))
    for parameter in net.parameters():
        parameter.requires_grad = False
    net[0].register_full_backward_hook(lambda *_: None)
    net[1].register_buffer("unused", torch.zeros(3))
    state = {key: value.clone() for key, value in net.state_dict().items()}
    model = from_torch(net)
    assert all(part.training for part in net.modules())
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    net[1].eval()
    from_torch(net)
    assert [part.training for part in net.modules()] == [True, True, False, False, False]
    equal(model.predict(reals(9, 4)), output(net, reals(9, 4)))


def test_weights_in_place_of_parameters(equal: Any) -> None:
    net = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2))
    weight = 2 * net[0].weight.detach()
    del net[0].weight
    net[0].weight = weight
    net[1].weight = nn.Parameter(3 * net[1].weight.detach())
    net[1].bias = None
    equal(from_torch(net).predict(reals(9, 4)), output(net, reals(9, 4)))


@pytest.mark.filterwarnings("ignore:Complex modules")
def test_complex_numbers() -> None:
    with pytest.raises(ArgumentError, match="real numbers, got one of shape"):
        from_torch(nn.Sequential(nn.Linear(4, 2).to(torch.complex64)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_modules_that_torch_compiles_or_traces() -> None:
    net = nn.Sequential(nn.Linear(4, 2), nn.Tanh())
    for other in (torch.compile(net), torch.fx.symbolic_trace(net)):
        with pytest.raises(ArgumentError, match="from_torch: the module"):
            from_torch(other)
    net.compile()
    assert from_torch(net).network.output_shape == (2,)


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "orthogonal"])
def test_parametrized_weights_are_computed(name: str, equal: Any) -> None:
    parametrized = getattr(nn.utils.parametrizations, name)
    net = nn.Sequential(parametrized(nn.Linear(5, 8)), nn.ReLU(), parametrized(nn.Linear(8, 3)))
    state = {key: value.clone() for key, value in net.state_dict().items()}
    model = from_torch(net)
    equal(model.predict(reals(9, 5)), output(net, reals(9, 5)))
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (lambda t: t.to("meta"), "on the device 'meta', without data"),
        (lambda t: t.to_sparse(), "of layout sparse_coo"),
        (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "that is quantized"),
    ],
)
def test_tensors_without_all_their_elements(tensor: Any, message: str) -> None:
    state = nn.Linear(4, 2).state_dict()
    model = xn.Model(xn.Sequential(xn.Dense(2)), input_shape=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state["weight"] = tensor(state["weight"])
    with pytest.raises(ArgumentError, match=message):
        from_torch(state, model)


def test_names_of_a_state_dict_are_text() -> None:
    with pytest.raises(ArgumentError, match="must be strings, got the key 0"):
        from_torch({0: torch.zeros(2)}, skip())  # type: ignore[dict-item]


def test_a_model_where_none_belongs_and_none_where_one_does() -> None:
    with pytest.raises(ArgumentError, match="Leave out `model`"):
        from_torch(nn.Linear(4, 2), skip())
    with pytest.raises(ArgumentError, match="Pass only the state dict and the model"):
        from_torch(nn.Linear(4, 2).state_dict())
    with pytest.raises(ArgumentError, match="Pass only the state dict and the model"):
        from_torch(Skip().state_dict(), skip(), seed=3)


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = xn.MLP([4, 3, 2])
    for name in ("torch", "torch.nn"):
        monkeypatch.setitem(sys.modules, name, None)
    state = to_torch_state_dict(model, tensors=False)
    from_torch(state, xn.MLP([4, 3, 2], seed=1))
    for call in (to_torch, to_torch_state_dict, from_torch):
        with pytest.raises(MissingDependencyError, match=r"Install it with: pip install torch$"):
            call(model)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_parameters_are_refused(dtype):
    """Their real part would be another network."""
    layer = torch.nn.Linear(4, 2, dtype=getattr(torch, dtype))
    for given in (layer, torch.nn.Sequential(layer)):
        with pytest.raises(xn.errors.ArgumentError, match="real numbers, got one of shape"):
            xn.exchange.from_torch(given)
    state = torch.nn.Sequential(layer).state_dict()
    with pytest.raises(xn.errors.ArgumentError, match="real numbers"):
        xn.exchange.from_torch(state, xn.Model(xn.Sequential(xn.Dense(2)), input_shape=4))
