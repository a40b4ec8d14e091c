"""The loss scale's rules, by hand, on every library."""

from typing import Any

import numpy as np

from xpnet.ops.loss_scale import (
    COPY_IF_OVERFLOW,
    FIRST,
    LARGEST,
    NEXT_SCALE,
    PATIENCE,
    SMALLEST,
    UNSCALE,
)

RNG = np.random.default_rng(0)

# The scale before and after a step.
STEPS = [
    ([1024, 7, 0, 2], [1024, 8, 0, 2]),
    ([1024, 7, 1, 2], [512, 0, 0, 3]),
    ([1024, PATIENCE - 2, 0, 0], [1024, PATIENCE - 1, 0, 0]),
    ([1024, PATIENCE - 1, 0, 0], [2048, 0, 0, 0]),
    ([1024, PATIENCE - 1, 1, 0], [512, 0, 0, 1]),
    ([LARGEST, PATIENCE - 1, 0, 0], [LARGEST, 0, 0, 0]),
    ([SMALLEST, 0, 1, 0], [SMALLEST, 0, 0, 1]),
]


def _applied(xp: Any, rule: Any, *vectors: Any) -> list[Any]:
    """What a rule makes of these vectors, on the host."""
    arrays = [xp.asarray(np.asarray(v, "float32")) for v in vectors]
    with np.errstate(all="ignore"):
        found = [xp.to_numpy(v) for v in rule.fn(xp.xp, *arrays)]
    assert {v.dtype.name for v in found} == {"float32"}
    return found


def test_the_next_scale(xp: Any, each: Any) -> None:
    for before, after in STEPS:
        with each(before):
            assert _applied(xp, NEXT_SCALE, before)[0].tolist() == after


def test_gradients_are_divided_and_looked_at(xp: Any, each: Any) -> None:
    for bad in (None, np.inf, -np.inf, np.nan):
        with each(bad):
            gradient = RNG.normal(size=100).astype("float32")
            if bad is not None:
                gradient[61] = bad
            found, scale = _applied(xp, UNSCALE, gradient, [FIRST, 5, 0, 3])
            np.testing.assert_array_equal(found, gradient / np.float32(FIRST))
            assert scale.tolist() == [FIRST, 5, bad is not None, 3]


def test_an_overflow_stays_noted(xp: Any) -> None:
    assert _applied(xp, UNSCALE, [1.0], [FIRST, 5, 1, 3])[1].tolist() == [FIRST, 5, 1, 3]


def test_a_copy_is_made_where_the_step_overflowed(xp: Any, each: Any) -> None:
    own, other = [1.0, np.nan, 3.0], [4.0, 5.0, np.inf, 7.0]
    for overflowed in (0, 1):
        with each(overflowed=overflowed):
            (found,) = _applied(xp, COPY_IF_OVERFLOW, own, other, [FIRST, 0, overflowed, 0])
            np.testing.assert_array_equal(found, other[:3] if overflowed else own)
