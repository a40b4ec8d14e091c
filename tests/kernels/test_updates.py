"""The optimizers' update kernels against their definitions: in place, in blocks."""

import math
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet.kernels import Recorder, find
from xpnet.ops.op_registry import UPDATES

TOLERANCE = {"float32": 1e-6, "float64": 1e-15}
GUARD = 16


def guarded(array):
    """A copy of a vector inside a longer one, whose ends must not change."""
    memory = np.full(array.size + 2 * GUARD, 77.0, array.dtype)
    memory[GUARD:-GUARD] = array
    return memory, memory[GUARD : array.size + GUARD]


def test_update_in_place(cases, new_poisoned, rule, each):
    for size, dtype in product((0, 1, 7, 64, 129), TOLERANCE):
        with each(dtype, size=size):
            check(cases, new_poisoned(), rule, size, dtype, ("out",))


def test_fallback_is_the_definition(cases, poisoned, rule):
    """Without a kernel, the plain definition runs and its results are copied."""
    check(cases, poisoned, rule, 7, "float64", ())


def check(cases, poisoned, rule, size, dtype, families):
    """Parameters and slots change as by the definition; the gradient may be overwritten."""
    poisoned.block = 64  # several blocks and a remainder, in small vectors
    record = UPDATES[rule.name]
    start = cases.vectors(rule, size, dtype)
    numbers = [np.array(c, dtype) for c in rule.coefficients]
    memories, vectors = zip(*map(guarded, start), strict=True)
    recorder = Recorder(poisoned)
    recorder.bind(find(record, families).function, *vectors, *numbers, **rule.static)
    wanted = start
    for _ in range(2):
        poisoned.poison()
        for call in recorder.calls:
            call()
        wanted = record.fn(np, *wanted, *numbers, **rule.static)
        wanted = [wanted[0], start[1], *wanted[2:]]  # a fresh gradient for the second step
        vectors[1][...] = start[1]
        for i, (got, expected) in enumerate(zip(vectors, wanted, strict=True)):
            assert_allclose(got, expected, rtol=TOLERANCE[dtype], err_msg=f"vector {i}")
    for memory in memories:
        assert (memory[:GUARD] == 77).all()
        assert (memory[-GUARD:] == 77).all()


GRADIENTS = ["decay", "clip_value", "clip_norm", "rms", "centered_rms"]


def test_gradients_that_are_handed_on(cases, new_poisoned, rule, each):
    """What the next rule reads: the gradient is the definition's, the parameters are unchanged.

    The other rules change the parameters and are the last of a chain.
    """
    assert not (rule.name in GRADIENTS and UPDATES[rule.name].last)
    if rule.name not in GRADIENTS:
        assert UPDATES[rule.name].last or rule.name in ("decoupled_decay", "average")
        return
    for size in (0, 7, 129):
        with each(size=size):
            poisoned = new_poisoned()
            poisoned.block = 64
            record = UPDATES[rule.name]
            vectors, numbers = (
                cases.vectors(rule, size, "float64"),
                map(np.array, rule.coefficients),
            )
            wanted = record.fn(np, *vectors, *rule.coefficients, **rule.static)
            start = vectors[0].copy()
            recorder = Recorder(poisoned)
            recorder.bind(find(record, ("out",)).function, *vectors, *numbers, **rule.static)
            poisoned.poison()
            for call in recorder.calls:
                call()
            assert_allclose(vectors[1], wanted[1], rtol=1e-15)
            np.testing.assert_array_equal(vectors[0], start)


@pytest.mark.parametrize("name", ["decoupled_decay", "average"])
def test_rules_that_leave_the_gradient_alone(cases, poisoned, name):
    """They come before and after rules that read it."""
    rule = next(rule for rule in cases.RULES if rule.name == name)
    vectors = cases.vectors(rule, 7, "float64")
    gradient = vectors[1].copy()
    recorder = Recorder(poisoned)
    function = find(UPDATES[name], ("out",)).function
    recorder.bind(function, *vectors, *map(np.array, rule.coefficients), **rule.static)
    for call in recorder.calls:
        call()
    np.testing.assert_array_equal(vectors[1], gradient)


@pytest.mark.parametrize("families", [("out",), ()], ids=["kernel", "definition"])
class TestSpecialGradients:
    """Zeros, almost no variance, and invalid gradients."""

    def after(self, poisoned, families, name, vectors, numbers=(), **static):
        recorder = Recorder(poisoned)
        function = find(UPDATES[name], families).function
        recorder.bind(function, *vectors, *map(np.array, numbers), **static)
        with np.errstate(all="ignore"):
            for call in recorder.calls:
                call()
        return vectors

    def test_sign_of_zero(self, poisoned, families):
        vectors = [np.ones(3), np.array([0.0, -0.0, 1e-30]), np.zeros(3)]
        p, *_ = self.after(poisoned, families, "lion", vectors, [0.5], beta2=0.9, share=1.0)
        assert p.tolist() == [1.0, 1.0, 0.5]

    def test_norm_of_zero(self, poisoned, families):
        _, g = self.after(poisoned, families, "clip_norm", [np.ones(3), np.zeros(3)], limit=1.0)
        assert g.tolist() == [0, 0, 0]

    def test_a_constant_gradient_has_no_variance(self, poisoned, families):
        """Rounding makes the running variance negative, whose root would be NaN."""
        gradient = np.linspace(0.1, 2, 500)
        vectors = [np.zeros(500) for _ in range(4)]
        for _ in range(200):
            vectors[1][...] = gradient
            static = {"rho": 0.5, "epsilon": 1e-3}
            self.after(poisoned, families, "centered_rms", vectors, **static)
            assert np.isfinite(vectors[1]).all()
        assert (vectors[3] - 0.5 * vectors[2] ** 2).min() < 0

    @pytest.mark.parametrize("name", ["clip_value", "clip_norm"])
    def test_clipping_does_not_hide_nan(self, poisoned, families, name):
        vectors = [np.ones(2), np.array([1.0, np.nan])]
        _, g = self.after(poisoned, families, name, vectors, limit=0.5)
        assert np.isnan(g[1])


SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e30, -1e30, 1e-38, -1e-38, 1e-45, 5e-324, 1]


def test_special_gradients_as_by_the_definition(cases, new_poisoned, rule, each):
    """Also over what they leave in the slots: a second step follows.

    NaN where the definition has NaN, infinite where it is infinite, the same signs of the steps.
    """
    for dtype in TOLERANCE:
        with each(dtype):
            check_special(cases, new_poisoned(), rule, dtype)


def check_special(cases, poisoned, rule, dtype):
    record = UPDATES[rule.name]
    vectors = cases.vectors(rule, len(SPECIAL), dtype)
    numbers = [np.array(c, dtype) for c in rule.coefficients]
    recorder = Recorder(poisoned)
    recorder.bind(find(record, ("out",)).function, *vectors, *numbers, **rule.static)
    wanted = [v.copy() for v in vectors]
    with np.errstate(all="ignore"):
        for _ in range(2):
            vectors[1][...] = wanted[1] = np.array(SPECIAL).astype(dtype)
            poisoned.poison()
            for call in recorder.calls:
                call()
            wanted = list(record.fn(np, *wanted, *numbers, **rule.static))
            for i, (got, expected) in enumerate(zip(vectors, wanted, strict=True)):
                if i != 1 or not rule.coefficients:  # the last rule may overwrite the gradient
                    assert_allclose(got, expected, rtol=TOLERANCE[dtype], err_msg=f"vector {i}")


@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_the_sign_of_any_gradient(poisoned, dtype):
    """Lion's step is its sign: 0 and NaN stay; all others are a full step, however small."""
    p, g, m = np.zeros((3, len(SPECIAL)), dtype)
    recorder = Recorder(poisoned)
    function = find(UPDATES["lion"], ("out",)).function
    recorder.bind(function, p, g, m, np.array(-1.0, dtype), beta2=0.95, share=0.5)
    g[...] = gradient = np.array(SPECIAL).astype(dtype)
    with np.errstate(invalid="ignore"):
        for call in recorder.calls:
            call()
    np.testing.assert_array_equal(p, [math.copysign(x != 0, x) if x == x else x for x in gradient])


def test_coefficients_are_read_in_each_run(poisoned):
    """A new learning rate takes effect without binding again."""
    p, g, rate = np.zeros(2), np.ones(2), np.array(1.0)
    recorder = Recorder(poisoned)
    recorder.bind(find(UPDATES["sgd"], ("out",)).function, p, g, rate)
    for value in (1.0, 10.0):
        rate[...], g[...] = value, 1.0
        for call in recorder.calls:
            call()
    assert_allclose(p, [-11.0, -11.0])
