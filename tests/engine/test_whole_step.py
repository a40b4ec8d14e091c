"""A step on a state in pieces, and the same on vectors; which rules allow it."""

from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.kernels import is_elementwise
from xpnet.ops.op_registry import UPDATES
from xpnet.ops.record import Update
from xpnet.optim import Link, Optimizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
Y = (X @ RNG.normal(size=(5, 3))).argmax(axis=1)
WITH_SUMS = {"clip_norm", "next_scale", "copy_if_overflow"}


def test_which_rules_treat_every_element_alike(rule: Any, each: Any) -> None:
    update = UPDATES[rule.name]
    assert is_elementwise(update, rule.static) is (rule.name not in WITH_SUMS)


def branching(xp: Any, p: Any, g: Any, rate: Any) -> Any:
    """A rule that looks at its numbers."""
    if xp.max(g) > 1:
        return p - rate * g / 2, g
    return p - rate * g, g


def with_where(xp: Any, p: Any, g: Any, rate: Any) -> Any:
    return p - rate * xp.where(g > 0, g, 2 * g), g


def of_one_element(xp: Any, p: Any, g: Any, rate: Any) -> Any:
    return p - rate * g + 0 * p[0], g


def centered(xp: Any, p: Any, g: Any, rate: Any) -> Any:
    return p - rate * (g - xp.mean(g)), g


class Own(Optimizer):
    """An optimizer with this rule."""

    def __init__(self, rule: Any, **settings: Any) -> None:
        super().__init__(0.1, **settings)
        self.rule = Update("own", rule, coefficients=("rate",))

    def rules(self) -> list[Link]:
        return [Link(self.rule)]

    def coefficients(self, rate: float, step: int) -> dict[str, float]:
        return {"rate": rate}


@pytest.mark.parametrize(
    ("own", "alike"),
    [(branching, False), (with_where, True), (of_one_element, False), (centered, False)],
)
def test_rules_of_ones_own(own: Any, alike: bool) -> None:
    assert is_elementwise(Own(own).rule, {}) is alike


OPTIMIZERS = {
    "clipped": lambda: xn.SGD(
        0.2, momentum=0.9, clip_value=0.1, clip_norm=0.05, average_decay=0.8, weight_decay=0.1
    ),
    "clipped as one": lambda: xn.SGD(0.1, clip_global_norm=0.3, weight_decay=0.1),
    "of one's own": lambda: Own(with_where),
    "a mean": lambda: Own(centered),
    "one element": lambda: Own(of_one_element, weight_decay=0.1),
}


def net() -> Any:
    return xn.Sequential(
        xn.Dense(6, kernel_constraint=xn.MaxNorm(0.7), bias_penalty=xn.L2(0.1)),
        xn.BatchNorm(),
        xn.Dense(3, kernel_penalty=xn.L1(0.01)),
    )


@pytest.mark.parametrize("frozen", [(), ("layers.2.weight", "layers.0.bias")], ids=["all", "part"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_in_pieces_as_in_vectors(optimizer: str, frozen: Any, jax64: Any) -> None:
    if frozen and not optimizer.startswith("clipped"):
        pytest.skip("which parts a rule changes matters to those that are clipped")
    ends = []
    for backend in ("numpy", "jax"):
        model = xn.Model(
            net(),
            optimizer=OPTIMIZERS[optimizer](),
            backend=backend,
            dtype="float64",
            frozen=frozen,
        )
        model.fit(X, Y, epochs=2, batch_size=20)
        ends.append(model.engine.state.vectors)
    vectors, pieces = ends
    assert vectors.keys() == pieces.keys()
    for name, vector in vectors.items():
        if name != "gradient":
            np.testing.assert_allclose(pieces[name], vector, 1e-9, 1e-12, err_msg=name)


def test_freeze_and_unfreeze(jax64: Any) -> None:
    ends = []
    for backend in ("numpy", "jax"):
        model = xn.Model(net(), optimizer="sgd", backend=backend, dtype="float64")
        model.fit(X, Y, epochs=1, batch_size=20)
        model.freeze("layers.0.weight", "layers.1")
        before = model.state_dict()
        model.fit(X, Y, epochs=1, batch_size=20)
        for name, array in model.state_dict().items():
            kept = name.startswith(("layers.0.weight", "layers.1"))
            assert np.array_equal(array, before[name]) is kept, name
        model.unfreeze("layers.1")
        model.fit(X, Y, epochs=1, batch_size=20)
        ends.append(model.state_dict())
    for name, array in ends[0].items():
        np.testing.assert_allclose(ends[1][name], array, 1e-9, 1e-12, err_msg=name)


def test_a_rule_that_branches_on_its_numbers_is_named(jax64: Any) -> None:
    model = xn.MLP([5, 3], backend="jax", optimizer=Own(branching)).build()
    before = model.state_dict()
    with pytest.raises(xn.errors.GraphError, match=r"^the rule 'own' cannot.*whole_step\.py, line"):
        model.fit(X, Y)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert (model.epoch, model.engine.state.updates) == (0, 0)
    model.optimizer = "sgd"
    model.fit(X, Y, epochs=1)
