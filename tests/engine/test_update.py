"""Optimizers at work on a network: planned and interpreted, in part, within constraints."""

from dataclasses import dataclass, field, replace
from typing import Any

import array_api_strict
import numpy as np
import pytest
from numpy.testing import assert_allclose
from support.brief import BRIEF

import xpnet as xn
from xpnet.backends.generic import GenericBackend
from xpnet.errors import ArgumentError
from xpnet.kernels import KERNELS, Kernel
from xpnet.ops.op_registry import UPDATES
from xpnet.optim import Link, Optimizer

rng = np.random.default_rng(0)
X = rng.normal(size=(48, 5))
Y = (X @ rng.normal(size=(5, 3))).argmax(axis=1)

OPTIMIZERS = {
    "sgd": xn.SGD(0.1),
    "nesterov": xn.SGD(0.05, momentum=0.9, nesterov=True),
    "adagrad": xn.Adagrad(0.1),
    "adadelta": xn.Adadelta(5.0),
    "rmsprop": xn.RMSprop(0.01),
    "rmsprop centered": xn.RMSprop(0.002, momentum=0.5, centered=True),
    "adam": xn.Adam(0.01),
    "amsgrad": xn.Adam(0.01, amsgrad=True),
    "adamw": xn.AdamW(0.01),
    "nadam": xn.Nadam(0.01),
    "radam": xn.RAdam(0.02),
    "lion": xn.Lion(0.005, weight_decay=0.1),
    "clipped": xn.SGD(0.2, weight_decay=0.1, clip_value=0.1, clip_norm=0.2, average_decay=0.8),
    "clipped as one": xn.Adam(0.01, clip_global_norm=0.3, average_decay=0.8),
}
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=list(OPTIMIZERS))
planned_or_not = pytest.mark.parametrize(
    "backend",
    ["numpy", GenericBackend(np), array_api_strict],
    ids=["plan", "interpreter", "strict"],
)


def make(optimizer, backend="numpy", **settings):
    net = xn.Sequential(xn.Dense(6, "tanh"), xn.Dense(3))
    return xn.Model(net, optimizer=optimizer, backend=backend, dtype="float64", **settings)


def weights(model):
    return model.engine.backend.to_numpy(model.engine.state.params).copy()


@BRIEF
@every_optimizer
def test_a_model_learns(optimizer):
    model = make(optimizer)
    losses = [row["loss"] for row in model.fit(X, Y, epochs=30, batch_size=16)]
    assert losses[-1] < 0.75 * losses[0]


@every_optimizer
def test_interpreted_as_planned(optimizer):
    models = [make(optimizer, backend) for backend in ("numpy", array_api_strict)]
    for model in models:
        model.fit(X, Y, epochs=3, batch_size=16)
    assert_allclose(weights(models[1]), weights(models[0]), rtol=1e-9, atol=1e-12)
    slots = [model.engine.state.slots for model in models]
    assert set(slots[0]) == set(slots[1])
    for name, slot in slots[0].items():
        assert_allclose(models[1].backend.to_numpy(slots[1][name]), slot, rtol=1e-9, atol=1e-12)


def part(model, name):
    """Where a parameter stands in the flat vector."""
    table = model.network.table
    return slice(table.offsets[name], table.offsets[name] + int(np.prod(table.shapes[name])))


@planned_or_not
def test_each_parameters_gradient_is_clipped(backend):
    """A step of SGD with rate 1 is the gradient."""
    model = make(xn.SGD(1.0, clip_norm=0.01), backend, input_shape=5)
    before = weights(model)
    model.train_on_batch(X, Y)
    step = weights(model) - before
    for name in model.network.table.specs:
        assert_allclose(np.linalg.norm(step[part(model, name)]), 0.01, rtol=1e-3)


@planned_or_not
def test_the_whole_gradient_is_clipped(backend):
    free, model = (
        make(xn.SGD(1.0, **options), backend, input_shape=5)
        for options in ({}, {"clip_global_norm": 0.01})
    )
    before = weights(model)
    for each in (free, model):
        each.train_on_batch(X, Y)
    step, wanted = weights(model) - before, weights(free) - before
    assert_allclose(step, wanted * 0.01 / (np.linalg.norm(wanted) + 1e-6), rtol=1e-9)


# --- averages -------------------------------------------------------------------------------------


@planned_or_not
def test_average(backend):
    model, total = make(xn.SGD(0.5, average_decay=0.7), backend, input_shape=5), 0.0
    assert_allclose(model.backend.to_numpy(model.engine.update.average()), weights(model))
    for step in range(1, 6):
        model.train_on_batch(X, Y)
        total = 0.7 * total + 0.3 * weights(model)
        found = model.backend.to_numpy(model.engine.update.average())
        assert_allclose(found, total / (1 - 0.7**step), rtol=1e-12)


def test_the_average_is_a_new_vector():
    model = make(xn.SGD(0.5, average_decay=0.7), input_shape=5)
    for _ in range(2):
        before = weights(model)
        model.engine.update.average()[...] = 7.0
        assert_allclose(weights(model), before)
        model.train_on_batch(X, Y)
        slot = model.engine.state.slots["average"].copy()
        model.engine.update.average()[...] = 7.0
        assert_allclose(model.engine.state.slots["average"], slot)


def test_no_average():
    with pytest.raises(ArgumentError, match=r"such as xpnet.Adam\(average_decay=0.99\)"):
        make(xn.Adam(), input_shape=5).engine.update.average()


# --- what is not trained, and constraints ---------------------------------------------------------


@planned_or_not
@pytest.mark.parametrize("name", ["nesterov", "adamw", "clipped"])
def test_only_the_trained_part_changes(backend, name):
    model = make(OPTIMIZERS[name], backend, input_shape=5, frozen=["layers.0"])
    before, trainable = weights(model), model.network.table.trainable
    model.fit(X, Y, epochs=2, batch_size=16)
    after = weights(model)
    assert 0 < trainable < after.size == before.size
    np.testing.assert_array_equal(after[trainable:], before[trainable:])
    assert (after[:trainable] != before[:trainable]).all()
    for slot in model.engine.state.slots.values():
        assert slot.shape == (trainable,)


@planned_or_not
def test_weights_keep_their_constraints(backend):
    net = xn.Sequential(
        xn.Dense(6, "tanh", kernel_constraint=xn.MaxNorm(0.5)),
        xn.Dense(3, kernel_constraint=xn.UnitNorm()),
    )
    optimizer = xn.SGD(0.5, average_decay=0.5)
    model = xn.Model(net, optimizer=optimizer, backend=backend, dtype="float64")
    model.fit(X, Y, epochs=3, batch_size=16)
    after = {name: model.backend.to_numpy(a) for name, a in model.parameters.items()}
    first, second = (after[f"layers.{i}.weight"] for i in (0, 1))
    assert np.linalg.norm(first, axis=0).max() <= 0.5 * (1 + 1e-9)
    assert np.linalg.norm(first, axis=0).max() > 0.4
    assert_allclose(np.linalg.norm(second, axis=0), 1)
    assert (after["layers.0.bias"] != 0).all()


def halve(xp, x, *, slope):
    return slope * x


@dataclass(frozen=True)
class Halved:
    """A stand-in for a constraint: an op of one array, and its settings."""

    op: Any
    static: Any = field(default_factory=lambda: {"slope": 0.5})


HALVE = xn.ops.Op("halve", "(...)->(...)", halve, [None])


def not_in_place(k, out, x, *, slope):
    k(k.raw.copyto, out, 0)
    k(k.raw.multiply, x, slope, out=out)


@planned_or_not
@pytest.mark.parametrize("kernel", [None, Kernel("out", not_in_place)], ids=["derived", "own"])
def test_constraints_come_behind_the_rules_and_before_the_average(backend, kernel, monkeypatch):
    if kernel is not None:
        monkeypatch.setitem(KERNELS, ("out", "halve"), kernel)
    model = make(xn.SGD(0.5, average_decay=0.5), backend, input_shape=5)
    free = make(xn.SGD(0.5), backend, input_shape=5)
    specs = model.network.table.specs
    specs["layers.1.weight"] = replace(specs["layers.1.weight"], constraint=Halved(HALVE))
    model.optimizer = xn.SGD(0.5, average_decay=0.5)
    for each in (free, model):
        each.train_on_batch(X, Y)
    wanted = weights(free)
    wanted[part(model, "layers.1.weight")] *= 0.5
    assert_allclose(weights(model), wanted, rtol=1e-12)
    average = model.backend.to_numpy(model.engine.update.average())
    assert_allclose(average, wanted, rtol=1e-12)


# --- a user's own optimizer -----------------------------------------------------------------------


class TwoNumbers(Optimizer):
    """A decay beside a step: two rules that each read a number of their own."""

    def rules(self):
        return [Link(UPDATES["decoupled_decay"]), Link(UPDATES["sgd"])]

    def coefficients(self, rate, step):
        return {"lr": 0.0, "decay": rate * step}


@planned_or_not
def test_coefficients_are_read_by_name(backend):
    model = make(TwoNumbers(0.1), backend, input_shape=5)
    start = weights(model)
    model.train_on_batch(X, Y)
    assert_allclose(weights(model), 0.9 * start, rtol=1e-12)
    model.train_on_batch(X, Y)
    assert_allclose(weights(model), 0.8 * 0.9 * start, rtol=1e-12)


@planned_or_not
def test_a_new_rate_and_a_new_optimizer_take_effect(backend):
    model = make(TwoNumbers(0.1), backend, input_shape=5)
    start = weights(model)
    model.train_on_batch(X, Y)
    model.optimizer.learning_rate = 0.25
    model.train_on_batch(X, Y)
    assert_allclose(weights(model), 0.9 * 0.5 * start, rtol=1e-12)
    model.optimizer = TwoNumbers(0.2)
    model.train_on_batch(X, Y)
    assert_allclose(weights(model), 0.9 * 0.5 * 0.8 * start, rtol=1e-12)


class WeightsClipped(Optimizer):
    """Both of a link's limits: each weight's gradient alone is clipped, no bias's."""

    def rules(self):
        clip = Link(UPDATES["clip_norm"], {"limit": 0.01}, True, True)
        return [clip, Link(UPDATES["sgd"])]


@planned_or_not
def test_links_for_each_weight_alone(backend):
    free, model = (make(o, backend, input_shape=5) for o in (xn.SGD(1.0), WeightsClipped(1.0)))
    before = weights(model)
    for each in (free, model):
        each.train_on_batch(X, Y)
    step, wanted = weights(model) - before, weights(free) - before
    for name, spec in model.network.table.specs.items():
        norm = 0.01 if spec.decay else np.linalg.norm(wanted[part(model, name)])
        assert_allclose(np.linalg.norm(step[part(model, name)]), norm, rtol=1e-3)
