"""Optimisers against torch.optim, by the rules' definitions and by their kernels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import SGD, Adam
from xpnet.backends import get
from xpnet.errors import ArgumentError, UnknownNameError
from xpnet.kernels import Recorder, find
from xpnet.optim import Optimizer, get_optimizer

STEPS, SIZE, WEIGHTS = 10, 23, 17  # of 23 parameters the first 17 are weights


def start():
    return np.random.default_rng(0).normal(size=SIZE)


def gradient(p, step):
    """Gradients that turn, grow and are sometimes exactly 0."""
    g = np.cos(3 * p + step) * (1 + step)
    g[step % SIZE] = 0
    return g


class ByDefinition:
    """Applies an optimiser's chain with the rules' plain functions."""

    def __init__(self, optimizer, p):
        self.optimizer, self.chain, self.p = optimizer, optimizer.chain(), p.copy()
        names = [name for link in self.chain for name in link.update.slots]
        self.slots = {name: np.zeros_like(p) for name in names}

    def step(self, number, g):
        g = g.copy()
        numbers = self.optimizer.coefficients(self.optimizer.learning_rate(0), number)
        for link in self.chain:
            vectors = [self.p, g, *(self.slots[name] for name in link.update.slots)]
            self.apply(link, vectors, [np.array(c) for c in numbers])

    def apply(self, link, vectors, numbers):
        part = slice(WEIGHTS if link.weights_only else None)
        numbers = numbers[: len(link.update.coefficients)]
        new = link.update.fn(np, *(v[part] for v in vectors), *numbers, **link.static)
        for vector, values in zip(vectors, new, strict=True):
            vector[part] = values


class ByKernel(ByDefinition):
    """The same with the kernels, in blocks of 8."""

    def apply(self, link, vectors, numbers):
        backend = type(get("numpy"))()
        backend.block = 8
        recorder = Recorder(backend)
        part = slice(WEIGHTS if link.weights_only else None)
        numbers = numbers[: len(link.update.coefficients)]
        function = find(link.update, backend.families).function
        recorder.bind(function, *(v[part] for v in vectors), *numbers, **link.static)
        for call in recorder.calls:
            call()


PAIRS = {
    "sgd": (SGD(0.1), "SGD", {"lr": 0.1}),
    "sgd decay": (SGD(0.1, weight_decay=0.3), "SGD", {"lr": 0.1, "weight_decay": 0.3}),
    "momentum": (SGD(0.05, momentum=0.9), "SGD", {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (
        SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
        "SGD",
        {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ),
    "adam": (Adam(), "Adam", {}),
    "adam settings": (
        Adam(0.1, beta1=0.7, beta2=0.9, epsilon=1e-3),
        "Adam",
        {"lr": 0.1, "betas": (0.7, 0.9), "eps": 1e-3},
    ),
    "adam decay": (Adam(0.01, weight_decay=0.1), "Adam", {"lr": 0.01, "weight_decay": 0.1}),
    "adam without memory": (
        Adam(0.01, beta1=0, beta2=0),
        "Adam",
        {"lr": 0.01, "betas": (0.0, 0.0)},
    ),
}


@pytest.mark.parametrize("way", [ByDefinition, ByKernel])
@pytest.mark.parametrize(("optimizer", "name", "settings"), PAIRS.values(), ids=list(PAIRS))
def test_ten_steps_as_torch_makes_them(optimizer, name, settings, way):
    """Torch decays a group of parameters; here the weights are one and the biases another."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours, p = way(optimizer, start()), start()
    parts = [torch.tensor(p[:WEIGHTS]), torch.tensor(p[WEIGHTS:])]
    groups = [{"params": [parts[0]]}, {"params": [parts[1]], "weight_decay": 0.0}]
    theirs = getattr(torch.optim, name)(groups, **settings)
    for step in range(1, STEPS + 1):
        p = np.concatenate([part.numpy() for part in parts])
        g = gradient(p, step)
        parts[0].grad, parts[1].grad = torch.tensor(g[:WEIGHTS]), torch.tensor(g[WEIGHTS:])
        theirs.step()
        ours.step(step, g)
        wanted = np.concatenate([part.numpy() for part in parts])
        assert_allclose(ours.p, wanted, rtol=1e-12, atol=1e-14, err_msg=f"step {step}")


@pytest.mark.parametrize(
    "optimizer", [SGD(0.1, momentum=0.9, weight_decay=0.1), Adam(weight_decay=0.1)], ids=repr
)
def test_kernels_follow_the_definitions(optimizer):
    """Needs no torch."""
    ways = [ByDefinition(optimizer, start()), ByKernel(optimizer, start())]
    for step in range(1, STEPS + 1):
        for way in ways:
            way.step(step, gradient(start(), step))
        assert_allclose(ways[1].p, ways[0].p, rtol=1e-13)
        for name, slot in ways[0].slots.items():
            assert_allclose(ways[1].slots[name], slot, rtol=1e-13)


def test_first_step_of_adam_is_the_learning_rate():
    """With both moments corrected, |step| is lr for any size of gradient, if epsilon is small."""
    way = ByDefinition(Adam(0.01, epsilon=1e-12), start())
    way.step(1, np.linspace(-9, 9.1, SIZE))
    assert_allclose(np.abs(way.p - start()), 0.01, rtol=1e-9)


def test_biases_do_not_decay():
    way = ByDefinition(SGD(0.5, weight_decay=0.1), np.ones(SIZE))
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
    "beta1": (lambda: Adam(beta1=1.0), "beta1"),
    "beta2": (lambda: Adam(beta2=-0.1), "beta2"),
    "beta of text": (lambda: Adam(beta2="0.9"), "beta2"),
    "epsilon 0": (lambda: Adam(epsilon=0), "epsilon must be a number greater than 0|epsilon"),
    "epsilon of text": (lambda: Adam(epsilon="small"), "epsilon"),
    "a list": (lambda: get_optimizer(["sgd"]), r"a name or an object such as xpnet.SGD\(0.1\)"),
    "base class": (lambda: Optimizer(0.1).chain(), r"Optimizer must define rule\(self\)"),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=list(BAD))
def test_bad_settings(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_numpy_numbers_are_numbers():
    assert SGD(np.float32(0.5), momentum=np.float64(0.5)).learning_rate(0) == 0.5


def test_optimizers_by_name():
    assert type(get_optimizer("sgd")) is SGD
    assert get_optimizer("adam", 0.5).learning_rate(3) == 0.5
    own = SGD(0.3)
    assert get_optimizer(own) is own
    with pytest.raises(UnknownNameError, match=r"unknown optimizer 'adma'. Did you mean 'adam'\?"):
        get_optimizer("adma")


def test_repr_shows_the_settings():
    text = repr(SGD(0.1, momentum=0.9))
    assert text.startswith("SGD(")
    assert "momentum=0.9" in text
