"""Factors of the learning rate and of the weight decay of single parameters."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from support.each import Each

import xpnet as xn
from xpnet.backends.generic import GenericBackend
from xpnet.errors import ArgumentError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 5))
Y = (X @ RNG.normal(size=(5, 3))).argmax(axis=1)

OPTIMIZERS = {
    "sgd": lambda rate: xn.SGD(rate),
    "nesterov": lambda rate: xn.SGD(rate, momentum=0.9, nesterov=True),
    "adagrad": lambda rate: xn.Adagrad(rate),
    "adadelta": lambda rate: xn.Adadelta(rate),
    "rmsprop": lambda rate: xn.RMSprop(rate, momentum=0.5, centered=True),
    "adam": lambda rate: xn.Adam(rate),
    "amsgrad": lambda rate: xn.Adam(rate, amsgrad=True),
    "nadam": lambda rate: xn.Nadam(rate),
    "radam": lambda rate: xn.RAdam(rate),
    "lion": lambda rate: xn.Lion(rate),
    "clipped": lambda rate: xn.SGD(rate, clip_value=0.1, clip_norm=0.2, average_decay=0.8),
    "clipped as one": lambda rate: xn.Adam(rate, clip_global_norm=0.3),
    "decayed": lambda rate: xn.SGD(rate, momentum=0.9, weight_decay=0.1),
    "decoupled": lambda rate: xn.AdamW(rate, weight_decay=0.1),
}
RATES = {
    "layers.0.scale": 6.0,
    "layers.1.weight": 1.0,
    "layers.1.bias": 0.25,
    "layers.2.weight": 0.5,
    "layers.2.bias": 1.0,
}


class Scale(xn.Layer):
    """y = x scale, with factors."""

    def __init__(self, rate: float = 1.0, decay: float = 1.0) -> None:
        self.rate, self.decay = rate, decay

    def forward(self, x: Any) -> Any:
        shape = x.shape[1:]
        return x * self.parameter(x, "scale", shape, "ones", self.decay, rate=self.rate)


def net(factors: bool) -> xn.Sequential:
    if not factors:
        return xn.Sequential(Scale(), xn.Dense(6, "tanh"), xn.Dense(3))
    return xn.Sequential(
        Scale(6.0, 2.0), xn.Dense(6, "tanh", bias_rate=0.25), xn.Dense(3, kernel_rate=0.5)
    )


def make(optimizer: Any, factors: bool = True, **settings: Any) -> xn.Model:
    settings = {"backend": "numpy", "dtype": "float64", "input_shape": 5, **settings}
    return xn.Model(net(factors), optimizer=optimizer, **settings)


def after(model: xn.Model) -> dict[str, Any]:
    model.train_on_batch(X, Y)
    return model.state_dict()


@pytest.mark.parametrize("backend", ["numpy", GenericBackend(np)], ids=["plan", "interpreter"])
@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if n not in ("decayed", "decoupled")])
def test_a_parameter_moves_as_at_its_own_rate(name: str, backend: Any) -> None:
    optimizer = OPTIMIZERS[name]
    found = after(make(optimizer(0.01), backend=backend))
    for path, rate in RATES.items():
        wanted = after(make(optimizer(rate * 0.01), factors=False, backend=backend))
        assert_allclose(found[path], wanted[path], rtol=1e-12, err_msg=path)


def test_many_steps_as_torch_makes_them() -> None:
    """PyTorch has groups of parameters, too; its decay is a setting of each group."""
    torch = pytest.importorskip("torch")
    model = make(xn.AdamW(0.02, weight_decay=0.3))
    start = {n: torch.tensor(a, requires_grad=True) for n, a in model.state_dict().items()}
    decays = {"layers.0.scale": 0.6, "layers.1.weight": 0.3, "layers.2.weight": 0.3}
    theirs = torch.optim.AdamW(
        [
            {"params": [p], "lr": 0.02 * RATES[n], "weight_decay": decays.get(n, 0.0)}
            for n, p in start.items()
        ]
    )
    s, w, b, v, c = (start[name] for name in RATES)
    for _ in range(25):
        model.train_on_batch(X, Y)
        theirs.zero_grad()
        z = torch.tanh((torch.tensor(X) * s) @ w + b) @ v + c
        torch.nn.functional.cross_entropy(z, torch.tensor(Y)).backward()
        theirs.step()
    for name, found in model.state_dict().items():
        assert_allclose(found, start[name].detach().numpy(), rtol=1e-9, err_msg=name)


def test_coupled_decay_has_the_factor_too() -> None:
    """With a rate of 1, the step of SGD is the gradient, to which decay has been added."""
    free, decayed = (after(make(xn.SGD(1.0, weight_decay=d))) for d in (0.0, 0.1))
    before, factors = make("sgd").state_dict(), {"layers.0.scale": 12.0, "layers.2.weight": 0.5}
    for name in RATES:
        factor = 0.0 if name.endswith("bias") else factors.get(name, 1.0)
        wanted = free[name] - 0.1 * factor * before[name]
        assert_allclose(decayed[name], wanted, rtol=1e-9, atol=1e-15)


def test_libraries_agree(jax64: Any, each: Each) -> None:
    pytest.importorskip("torch")
    for name in ("nesterov", "clipped", "clipped as one", "decayed", "decoupled"):
        ends, optimizer = {}, OPTIMIZERS[name]
        for backend in ("numpy", "torch", "jax"):
            model = make(optimizer(0.01), backend=backend)
            model.fit(X, Y, epochs=2, batch_size=16)
            ends[backend] = {n: np.asarray(a) for n, a in model.state_dict().items()}
        for backend in ("torch", "jax"):
            with each(name, backend):
                for path, array in ends["numpy"].items():
                    assert_allclose(ends[backend][path], array, rtol=1e-9, atol=1e-12)


def test_equal_factors_are_neighbors() -> None:
    """Parameters with the rate 1, with and without decay, share one call of the optimizer."""
    table = make("adam").network.table
    assert [(rate, decay) for _, rate, decay in table.groups] == [
        (6.0, 2.0), (0.5, 1.0), (1.0, 1.0), (1.0, 0.0), (0.25, 0.0),
    ]  # fmt: skip
    order = sorted(table.specs, key=table.offsets.__getitem__)
    assert order == [
        "layers.0.scale", "layers.2.weight", "layers.1.weight", "layers.2.bias", "layers.1.bias",
    ]  # fmt: skip
    assert [g.part.start for g in table.groups[1:]] == [g.part.stop for g in table.groups[:-1]]
    graph = make("adam").engine.update.graph
    assert len(graph.nodes) == 4
    assert [v.name for v in graph.inputs[:4:2]] == ["step_size x6 x1", "step_size x0.5 x1"]


def test_without_factors_nothing_changes() -> None:
    plain = make("adam", factors=False).engine
    assert len(plain.update.graph.nodes) == 1
    assert [value.name for value in plain.update.graph.inputs] == ["step_size", "eps"]
    decayed = make(xn.AdamW(), factors=False).engine.update.graph
    assert [value.name for value in decayed.inputs] == ["decay", "step_size", "eps"]


@pytest.mark.parametrize("name", ["adam", "decoupled", "clipped"])
def test_saved_and_resumed(name: str, tmp_path: Any) -> None:
    xn.register("tests.factors.Scale")(Scale)
    whole = make(OPTIMIZERS[name](0.01))
    whole.fit(X, Y, epochs=4, batch_size=16)
    half = make(OPTIMIZERS[name](0.01))
    half.fit(X, Y, epochs=2, batch_size=16)
    half.save(tmp_path / "half.safetensors", optimizer_state=True)
    again = xn.load(tmp_path / "half.safetensors", backend="numpy")
    assert isinstance(again, xn.Model)
    assert again.network.table.groups == whole.network.table.groups
    again.fit(X, Y, epochs=2, batch_size=16)
    for path, array in whole.state_dict().items():
        assert_array_equal(again.state_dict()[path], array, err_msg=path)


def test_a_checkpoint_with_other_factors_is_refused(tmp_path: Any) -> None:
    """The optimizer's vectors have the order of the factors, which no setting may tell."""

    def model(rate: float) -> xn.Model:
        class Own(xn.Layer):
            def forward(self, x: Any) -> Any:
                return x * self.parameter(x, "scale", x.shape[1:], "ones", rate=rate)

        return xn.Model(xn.Sequential(Own(), xn.Dense(3)))

    for there, here in ((6.0, 1.0), (1.0, 6.0)):
        path = tmp_path / str(there)
        model(there).fit(X, Y, epochs=1, callbacks=[xn.Checkpoint(path)])
        with pytest.raises(ArgumentError, match="from another fit: factors there"):
            model(here).fit(X, Y, epochs=2, resume_from=path)
        model(there).fit(X, Y, epochs=2, resume_from=path)


def test_frozen_parameters_are_in_no_group() -> None:
    model = make("adam", frozen=["layers.0"])
    assert 6.0 not in [group.rate for group in model.network.table.groups]
    before = model.state_dict()["layers.0.scale"].copy()
    assert_array_equal(after(model)["layers.0.scale"], before)


def test_lbfgs_has_no_rate_but_a_decay() -> None:
    pytest.importorskip("scipy")
    with pytest.raises(ArgumentError, match=r"no learning rate, but layers.0.scale, layers.1.bias"):
        make(xn.LBFGS()).fit(X, Y)
    ends = []
    for decay, factor in ((0.2, 1.0), (0.1, 2.0)):
        model = xn.Model(Scale(decay=factor), "mse", xn.LBFGS(weight_decay=decay), seed=1)
        model.fit(X, X, epochs=5, verbose=False)
        ends.append(model.state_dict()["scale"])
    assert_array_equal(*ends)


@pytest.mark.parametrize(
    ("make_net", "message"),
    [
        (lambda: xn.Dense(3, bias_rate=0), "Dense: bias_rate must be a number greater than 0"),
        (lambda: xn.Dense(3, kernel_rate=float("inf")), "Dense: kernel_rate"),
        (lambda: xn.Dense(3, kernel_decay=-1), "Dense: kernel_decay"),
        (lambda: xn.Model(Scale(rate=-1), input_shape=2).build(), "'scale': rate"),
        (lambda: xn.Model(Scale(decay=-1), input_shape=2).build(), "'scale': decay"),
    ],
)
def test_bad_factors(make_net: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make_net()
