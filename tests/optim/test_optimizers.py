"""Optimizers against torch.optim, by the rules' definitions and by their kernels."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    Nadam,
    RAdam,
    RMSprop,
)
from xpnet.backends import get
from xpnet.errors import ArgumentError, UnknownNameError
from xpnet.kernels import Recorder, find
from xpnet.optim import Optimizer, get_optimizer

STEPS, SIZE, WEIGHTS = 50, 23, 17  # of 23 parameters the first 17 are weights, the others biases
PARTS = [slice(0, WEIGHTS), slice(WEIGHTS, SIZE)]


def start():
    return np.random.default_rng(0).normal(size=SIZE)


def gradient(p, step):
    """Gradients that turn, grow and are sometimes exactly 0."""
    g = np.cos(3 * p + step) * (1 + step % 10)
    g[step % SIZE] = 0
    return g


class ByDefinition:
    """Applies an optimizer's chain with the rules' plain functions."""

    def __init__(self, optimizer, p):
        self.optimizer, self.p = optimizer, p.copy()
        self.chain = [*optimizer.chain(), *optimizer.averaging()]
        names = [name for link in self.chain for name in link.update.slots]
        self.slots = {name: np.zeros_like(p) for name in names}

    def step(self, number, g):
        g = g.copy()
        rate = self.optimizer.learning_rate(0)
        numbers = self.optimizer.coefficients(rate, number)
        numbers |= self.optimizer.decay_coefficients(rate, self.optimizer.decay_after(0))
        for link in self.chain:
            vectors = [self.p, g, *(self.slots[name] for name in link.update.slots)]
            values = [np.array(numbers[name]) for name in link.update.coefficients]
            for part in self.parts(link):
                self.apply(link, [v[part] for v in vectors], values)

    def parts(self, link):
        if link.weights_only:
            return PARTS[:1]
        return PARTS if link.per_parameter else [slice(None)]

    def apply(self, link, vectors, numbers):
        new = link.update.fn(np, *vectors, *numbers, **link.static)
        for vector, values in zip(vectors, new, strict=True):
            vector[...] = values


class ByKernel(ByDefinition):
    """The same with kernels, in blocks of 8."""

    def apply(self, link, vectors, numbers):
        backend = type(get("numpy"))()
        backend.block = 8
        recorder = Recorder(backend)
        function = find(link.update, backend.families).function
        recorder.bind(function, *vectors, *numbers, **link.static)
        for call in recorder.calls:
            call()


ways = pytest.mark.parametrize("way", [ByDefinition, ByKernel])

PAIRS = {
    "sgd": (SGD(0.1), "SGD", {"lr": 0.1}),
    "momentum": (SGD(0.05, momentum=0.9), "SGD", {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (
        SGD(0.05, momentum=0.9, nesterov=True),
        "SGD",
        {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    ),
    "adagrad": (Adagrad(), "Adagrad", {}),
    "adagrad settings": (Adagrad(0.5, epsilon=1e-3), "Adagrad", {"lr": 0.5, "eps": 1e-3}),
    "adadelta": (Adadelta(), "Adadelta", {}),
    "adadelta settings": (
        Adadelta(0.5, rho=0.7, epsilon=1e-3),
        "Adadelta",
        {"lr": 0.5, "rho": 0.7, "eps": 1e-3},
    ),
    "rmsprop": (RMSprop(), "RMSprop", {}),
    "rmsprop settings": (
        RMSprop(0.1, rho=0.7, epsilon=1e-3),
        "RMSprop",
        {"lr": 0.1, "alpha": 0.7, "eps": 1e-3},
    ),
    "rmsprop momentum": (RMSprop(momentum=0.9), "RMSprop", {"momentum": 0.9}),
    "rmsprop centered": (RMSprop(centered=True), "RMSprop", {"centered": True}),
    "rmsprop centered momentum": (
        RMSprop(0.001, rho=0.9, momentum=0.8, centered=True, epsilon=1e-4),
        "RMSprop",
        {"lr": 0.001, "alpha": 0.9, "momentum": 0.8, "centered": True, "eps": 1e-4},
    ),
    "adam": (Adam(), "Adam", {}),
    "adam settings": (
        Adam(0.1, beta1=0.7, beta2=0.9, epsilon=1e-3),
        "Adam",
        {"lr": 0.1, "betas": (0.7, 0.9), "eps": 1e-3},
    ),
    "adam without memory": (
        Adam(0.01, beta1=0, beta2=0),
        "Adam",
        {"lr": 0.01, "betas": (0.0, 0.0)},
    ),
    "amsgrad": (
        Adam(0.1, beta2=0.9, amsgrad=True),
        "Adam",
        {"lr": 0.1, "betas": (0.9, 0.9), "amsgrad": True},
    ),
    "adamw": (AdamW(), "AdamW", {}),
    "adamw amsgrad": (
        AdamW(0.1, beta2=0.9, amsgrad=True),
        "AdamW",
        {"lr": 0.1, "betas": (0.9, 0.9), "amsgrad": True},
    ),
    "nadam": (Nadam(), "NAdam", {}),
    "nadam settings": (
        Nadam(0.1, beta1=0.7, beta2=0.9, epsilon=1e-3, momentum_decay=0.1),
        "NAdam",
        {"lr": 0.1, "betas": (0.7, 0.9), "eps": 1e-3, "momentum_decay": 0.1},
    ),
    "radam": (RAdam(), "RAdam", {}),
    "radam settings": (
        RAdam(0.1, beta1=0.7, beta2=0.9, epsilon=1e-3),
        "RAdam",
        {"lr": 0.1, "betas": (0.7, 0.9), "eps": 1e-3},
    ),
    "radam never divided": (RAdam(0.01, beta2=0.5), "RAdam", {"lr": 0.01, "betas": (0.9, 0.5)}),
}


@pytest.fixture
def torch():
    """PyTorch in float64: a state of NAdam's is of the default type."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(torch.float32)


def rebuilt(optimizer, **changes):
    """The same optimizer with other options."""
    settings = {k: v for k, v in vars(optimizer).items() if not k.startswith("_")}
    return type(optimizer)(optimizer.learning_rate, **{**settings, **changes})


def compare(torch, ours, theirs, parts, clip=lambda parts: None):
    """Make the same steps with both; all parameters agree after each."""
    for step in range(1, STEPS + 1):
        g = gradient(np.concatenate([part.numpy() for part in parts]), step)
        for part, piece in zip(parts, PARTS, strict=True):
            part.grad = torch.tensor(g[piece])
        clip(parts)
        theirs.step()
        ours.step(step, g)
        wanted = np.concatenate([part.numpy() for part in parts])
        assert_allclose(ours.p, wanted, rtol=1e-10, atol=1e-12, err_msg=f"step {step}")


@ways
@pytest.mark.parametrize("decay", [None, 0.3])
@pytest.mark.parametrize(("optimizer", "name", "settings"), PAIRS.values(), ids=list(PAIRS))
def test_fifty_steps_as_torch_makes_them(torch, optimizer, name, settings, decay, way):
    """Torch decays groups of parameters; here weights and biases are separate groups."""
    if decay is not None:
        optimizer, settings = rebuilt(optimizer, weight_decay=decay), {**settings}
        settings["weight_decay"] = decay
    parts = [torch.tensor(start()[piece]) for piece in PARTS]
    groups = [{"params": [parts[0]]}, {"params": [parts[1]], "weight_decay": 0.0}]
    theirs = getattr(torch.optim, name)(groups, **settings)
    compare(torch, way(optimizer, start()), theirs, parts)


@ways
@pytest.mark.parametrize("limit", [0.5, 8.0, 1e6])
@pytest.mark.parametrize("kind", ["clip_value", "clip_norm", "clip_global_norm"])
def test_gradients_are_clipped_as_torch_does(torch, kind, limit, way):
    """The raw gradients are clipped; decay and the optimizer come afterwards."""
    norm, value = torch.nn.utils.clip_grad_norm_, torch.nn.utils.clip_grad_value_
    clip = {
        "clip_value": lambda parts: value(parts, limit),
        "clip_norm": lambda parts: [norm([part], limit) for part in parts],
        "clip_global_norm": lambda parts: norm(parts, limit),
    }[kind]
    ours = way(Adam(0.1, weight_decay=0.3, **{kind: limit}), start())
    parts = [torch.tensor(start()[piece]) for piece in PARTS]
    groups = [{"params": [parts[0]], "weight_decay": 0.3}, {"params": [parts[1]]}]
    compare(torch, ours, torch.optim.Adam(groups, lr=0.1), parts, clip)


@pytest.mark.smoke
@ways
def test_values_are_clipped_before_the_norm(way):
    ours = way(SGD(1.0, clip_value=1.0, clip_global_norm=1.0), np.zeros(SIZE))
    ours.step(1, np.full(SIZE, 100.0) * (np.arange(SIZE) < 4))
    assert_allclose(ours.p[:4], -0.5, rtol=1e-6)


@ways
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_lion_as_its_paper_has_it(decay, way):
    """Algorithm 2 of Chen et al. (2023), whose means are means."""
    rate, beta1, beta2 = 0.01, 0.8, 0.95
    ours, p = way(Lion(rate, beta1, beta2, weight_decay=decay), start()), start()
    m, decays = np.zeros(SIZE), decay * (np.arange(SIZE) < WEIGHTS)
    for step in range(1, STEPS + 1):
        g = gradient(p, step)
        ours.step(step, g)
        update = np.sign(beta1 * m + (1 - beta1) * g)
        m = beta2 * m + (1 - beta2) * g
        p = p - rate * (update + decays * p)
        assert_allclose(ours.p, p, rtol=1e-10, atol=1e-12, err_msg=f"step {step}")


@ways
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_average_of_the_parameters(decay, way):
    ours, average = way(SGD(0.1, average_decay=decay), start()), np.zeros(SIZE)
    for step in range(1, STEPS + 1):
        ours.step(step, gradient(ours.p, step))
        average = decay * average + (1 - decay) * ours.p
        assert_allclose(ours.slots["average"], average, rtol=1e-12)


EVERYTHING = {"weight_decay": 0.1, "clip_value": 5.0, "clip_norm": 9.0, "average_decay": 0.9}


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["plain", "options"])
@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.1, momentum=0.9, nesterov=True),
        Adagrad(),
        Adadelta(),
        RMSprop(0.001, momentum=0.5, centered=True),
        Adam(amsgrad=True),
        AdamW(),
        Nadam(),
        RAdam(),
        Lion(),
    ],
    ids=lambda o: type(o).__name__,
)
def test_kernels_follow_the_definitions(optimizer, options):
    """This test does not need torch."""
    optimizer = rebuilt(optimizer, **options)
    both = [ByDefinition(optimizer, start()), ByKernel(optimizer, start())]
    for step in range(1, STEPS + 1):
        for way in both:
            way.step(step, gradient(start(), step))
        assert_allclose(both[1].p, both[0].p, rtol=1e-12)
        for name, slot in both[0].slots.items():
            assert_allclose(both[1].slots[name], slot, rtol=1e-12)


def test_first_step_of_adam_is_the_learning_rate():
    """With both moments corrected, |step| is lr for any size of gradient, if epsilon is small."""
    way = ByDefinition(Adam(0.01, epsilon=1e-12), start())
    way.step(1, np.linspace(-9, 9.1, SIZE))
    assert_allclose(np.abs(way.p - start()), 0.01, rtol=1e-9)


def test_steps_of_nadam_in_any_order():
    """Its product of momenta depends on the step, not on the calls: models may share it."""
    one, other = Nadam(momentum_decay=0.1), Nadam(momentum_decay=0.1)
    wanted = [one.coefficients(0.1, step) for step in range(1, 2000)]
    assert [other.coefficients(0.1, step) for step in range(1999, 0, -1)] == wanted[::-1]
    assert all(a["step_size"] != b["step_size"] for a, b in pairwise(wanted[:300]))


@pytest.mark.parametrize("optimizer", [SGD, AdamW, Lion])
def test_biases_do_not_decay(optimizer):
    way = ByDefinition(optimizer(0.5, weight_decay=0.1), np.ones(SIZE))
    way.step(1, np.zeros(SIZE))
    assert_allclose(way.p[:WEIGHTS], 0.95)
    assert_allclose(way.p[WEIGHTS:], 1)


BAD = {
    "rate 0": (lambda: SGD(0), "learning_rate must be a number greater than 0, got 0"),
    "rate below 0": (lambda: Adam(-0.1), "learning_rate"),
    "infinite rate": (lambda: SGD(float("inf")), "learning_rate"),
    "no number": (lambda: SGD("fast"), "learning_rate.*'fast'"),
    "nan": (lambda: SGD(float("nan")), "learning_rate"),
    "true": (lambda: SGD(True), "learning_rate"),
    "momentum 1": (lambda: SGD(momentum=1), r"momentum must be a number in \[0, 1.*got 1"),
    "momentum below 0": (lambda: SGD(momentum=-0.5), "momentum"),
    "nesterov alone": (lambda: SGD(nesterov=True), "needs a momentum greater than 0, such as 0.9"),
    "decay below 0": (lambda: SGD(weight_decay=-1), "weight_decay"),
    "infinite decay": (lambda: Adam(weight_decay=float("inf")), "weight_decay"),
    "decay of text": (lambda: AdamW(weight_decay="0.1"), "weight_decay"),
    "beta1": (lambda: Adam(beta1=1.0), "beta1"),
    "beta2": (lambda: Adam(beta2=-0.1), "beta2"),
    "beta of text": (lambda: Adam(beta2="0.9"), "beta2"),
    "epsilon 0": (lambda: Adam(epsilon=0), "epsilon must be a number greater than 0, got 0"),
    "epsilon of text": (lambda: Adam(epsilon="small"), "epsilon"),
    "adagrad's epsilon": (lambda: Adagrad(epsilon=0), "epsilon"),
    "adadelta's rho": (lambda: Adadelta(rho=1), r"rho must be a number in \[0, 1"),
    "adadelta's epsilon": (lambda: Adadelta(epsilon=-1), "epsilon"),
    "rmsprop's rho": (lambda: RMSprop(rho=1.5), "rho"),
    "rmsprop's momentum": (lambda: RMSprop(momentum=1), "momentum"),
    "rmsprop's epsilon": (lambda: RMSprop(epsilon=None), "epsilon"),
    "nadam's decay": (lambda: Nadam(momentum_decay=-1), "momentum_decay"),
    "nadam's beta1": (lambda: Nadam(beta1=1), "beta1"),
    "radam's beta2": (lambda: RAdam(beta2=1), "beta2"),
    "lion's beta1": (lambda: Lion(beta1=1), "beta1"),
    "lion's beta2": (lambda: Lion(beta2=float("nan")), "beta2"),
    "clip_value 0": (lambda: SGD(clip_value=0), "clip_value must be a number greater than 0"),
    "clip_norm below 0": (lambda: Adam(clip_norm=-1), "clip_norm"),
    "clip_global_norm": (lambda: Lion(clip_global_norm=float("nan")), "clip_global_norm"),
    "both norms": (
        lambda: SGD(clip_norm=1.0, clip_global_norm=2.0),
        r"clip_norm \(each parameter's gradient\) or clip_global_norm .*got 1.0 and 2.0",
    ),
    "average_decay 1": (lambda: SGD(average_decay=1), r"average_decay must be .*\[0, 1"),
    "a list": (lambda: get_optimizer(["sgd"]), r"a name or an object such as xpnet.SGD\(0.1\)"),
    "base class": (lambda: Optimizer(0.1).chain(), r"Optimizer must define rules\(self\)"),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=list(BAD))
def test_bad_settings(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_an_option_that_there_is_not():
    with pytest.raises(TypeError, match="clip_nrom"):
        SGD(0.1, clip_nrom=1.0)


@pytest.mark.parametrize("name", ["weight_decay", "clip_norm", "average_decay", "momentum"])
def test_settings_do_not_change(name):
    optimizer = SGD(0.1, momentum=0.5)
    with pytest.raises(ArgumentError, match=f"{name} of an optimizer cannot be changed"):
        setattr(optimizer, name, 0.5)
    optimizer.learning_rate = 0.3
    assert optimizer.rate(0.5) == 0.3


def test_numpy_numbers_are_numbers():
    assert SGD(np.float32(0.5), momentum=np.float64(0.5)).learning_rate(0) == 0.5


@pytest.mark.parametrize("kind", [SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW, Nadam, RAdam, Lion])
def test_optimizers_by_name(kind):
    name = kind.__name__.lower()
    assert type(get_optimizer(name)) is kind
    assert get_optimizer(name, 0.5).learning_rate(3) == 0.5


def test_an_optimizer_is_taken_as_it_is():
    own = SGD(0.3)
    assert get_optimizer(own) is own
    with pytest.raises(UnknownNameError, match=r"unknown optimizer 'adma'. Did you mean 'adam'\?"):
        get_optimizer("adma")


def test_repr_shows_the_settings():
    text = repr(SGD(0.1, momentum=0.9, clip_value=2.0))
    assert text.startswith("SGD(")
    assert "momentum=0.9" in text
    assert "clip_value=2.0" in text
    assert "clip_norm" not in text
    assert "_products" not in repr(Nadam())


@pytest.mark.parametrize(("beta1", "decay"), [(0.99999, 1.0), (1 - 1e-9, 50.0), (1 - 1e-16, 1e3)])
def test_late_steps_of_nadam_need_no_product(beta1, decay):
    """The closed form equals the product, and a count from a file may be anything."""
    nadam = Nadam(beta1=beta1, momentum_decay=decay)
    for step in (50_000, 100_000):
        assert nadam._late_product(step) == pytest.approx(nadam._product(step), rel=1e-9)
    for step in (100_001, 2**40, 2**60, 2**62):
        assert all(np.isfinite([*nadam.coefficients(0.1, step).values()]))
    assert len(nadam._products) <= 100_001
