"""Compiled scalar functions against the same functions in a wider type."""

import math
from itertools import product

import numpy as np
import pytest

from xpnet.backends.cpu import NumpyBackend
from xpnet.kernels import Call
from xpnet.lowering import lower

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

# Units in the last place that a result may be away from the true one. Largest error measured, on
# a processor that rounds a product and a sum once: exp 0.96 (float32) and 1.58 (float64), log 0.78
# and 0.85, log1p 1.44 and 1.41, expm1 1.52 and 2.11, tanh 1.24 and 1.28,
# sin 1.44 and 1.51, cos 1.53 and 1.42.
BOUNDS = {"exp": 2, "log": 2, "log1p": 2, "expm1": 3, "tanh": 2, "sin": 2, "cos": 2}
FARTHEST = {"sin": 2.0**26, "cos": 2.0**26}  # beyond, the reduction is not exact everywhere
WIDER = {"float32": "float64", "float64": "longdouble"}
dtypes = pytest.mark.parametrize("dtype", list(WIDER))
names = pytest.mark.parametrize("name", list(BOUNDS))

wide = pytest.mark.skipif(
    np.finfo("longdouble").nmant < 60, reason="no type here is wider than float64"
)


def compiled(name, x):
    """The results of the compiled function."""
    out = np.full_like(x, 77)
    call = Call(NumpyBackend(), getattr(np, name), (x,), {"out": out})
    (run,) = lower(NumpyBackend(compiles=True), [call], [])
    assert run is not call.run
    run()
    return out


def patterns(dtype):
    """Numbers with every sign, every exponent and every start of a mantissa."""
    rng = np.random.default_rng(0)
    if dtype == "float32":
        bits = (np.arange(2**16, dtype="uint32") << 16)[:, None]
        return (bits | rng.integers(0, 2**16, (1, 3), "uint32")).view(dtype).ravel()
    bits = (np.arange(2**16, dtype="uint64") << 48)[:, None]
    return (bits | rng.integers(0, 2**48, (1, 3), "uint64")).view(dtype).ravel()


def usual(dtype):
    """Numbers that networks have, and those near which the formulas change."""
    rng = np.random.default_rng(1)
    edges = [0.0, 0.625, 1.0, -1.0, math.log(2) / 2, math.sqrt(0.5), math.sqrt(2), 1e-4, 0.3, 20.0]
    near = np.concatenate([e * (1 + np.linspace(-1e-3, 1e-3, 2001)) for e in edges])
    drawn = [rng.normal(0, s, 50_000) for s in (1e-3, 0.3, 3, 40)]
    return np.concatenate([*drawn, near]).astype(dtype)


def errors(name, x):
    """Errors in units in the last place, where the true result is a finite number."""
    with np.errstate(all="ignore"):
        true = getattr(np, name)(x.astype(WIDER[str(x.dtype)]))
        rounded = true.astype(x.dtype)
        fine = np.isfinite(rounded)
        away = np.abs(compiled(name, x).astype(true.dtype) - true)[fine]
        return away / np.spacing(np.abs(rounded[fine]))


@names
@pytest.mark.parametrize("numbers", [patterns, usual])
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=wide)])
def test_error_in_units_in_the_last_place(name, numbers, dtype):
    x = numbers(dtype)
    x = x[~(np.abs(x) > FARTHEST.get(name, math.inf))]
    assert errors(name, x).max() <= BOUNDS[name]


@names
@dtypes
def test_infinite_and_undefined_where_it_should_be(name, dtype):
    """The numbers too large or too small, the poles, and NaN."""
    x = patterns(dtype)
    with np.errstate(all="ignore"):
        true = getattr(np, name)(x.astype(WIDER[dtype])).astype(dtype)
    got = compiled(name, x)
    special = ~np.isfinite(true)
    np.testing.assert_array_equal(got[special], true[special])
    assert np.isfinite(got[~special]).all()


@pytest.mark.smoke
@dtypes
@pytest.mark.parametrize("name", ["tanh", "expm1", "log1p", "sin"])
def test_odd_near_zero(name, dtype):
    """Zeros keep their sign, and numbers that are next to nothing stay what they are."""
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([0.0, -0.0, tiny, -tiny, 1e3 * tiny, -1e3 * tiny, 1e-30, -1e-30], dtype)
    got = compiled(name, x)
    np.testing.assert_array_equal(got, x)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(x))


EXACT = [
    ("exp", 0.0, 1.0),
    ("exp", -math.inf, 0.0),
    ("exp", math.inf, math.inf),
    ("log", 1.0, 0.0),
    ("log", 0.0, -math.inf),
    ("log", -0.0, -math.inf),
    ("log", -1.0, math.nan),
    ("log", math.inf, math.inf),
    ("log1p", -1.0, -math.inf),
    ("log1p", -1.5, math.nan),
    ("log1p", math.inf, math.inf),
    ("expm1", -math.inf, -1.0),
    ("expm1", math.inf, math.inf),
    ("tanh", math.inf, 1.0),
    ("tanh", -math.inf, -1.0),
    ("cos", 0.0, 1.0),
    *((name, x, math.nan) for name in ("sin", "cos") for x in (math.inf, -math.inf)),
    *((name, math.nan, math.nan) for name in BOUNDS),
]


def test_exact_values(each):
    for (name, x, wanted), dtype in product(EXACT, WIDER):
        with each(name, x, dtype):
            found = compiled(name, np.array([x], dtype))
            np.testing.assert_array_equal(found, np.array([wanted], dtype))


@pytest.mark.parametrize(("dtype", "largest"), [("float32", 88.5), ("float64", 709.5)])
def test_as_large_as_numbers_are(dtype, largest):
    """A finite result must not become infinite in an intermediate step."""
    x = np.linspace(0.9 * largest, largest, 100).astype(dtype)
    for name in ("exp", "expm1"):
        assert np.isfinite(compiled(name, x)).all()


@dtypes
def test_the_smallest_numbers(dtype):
    """An exponential goes down to the denormal numbers and then to 0."""
    info = np.finfo(dtype)
    end = math.log(info.smallest_subnormal)
    x = np.linspace(end - 2, end + 40, 1000).astype(dtype)
    with np.errstate(under="ignore"):
        wanted = np.exp(x)
    step = info.smallest_subnormal
    np.testing.assert_allclose(compiled("exp", x), wanted, rtol=4 * info.eps, atol=step)
    assert (compiled("exp", x[:10]) == 0).all()


@dtypes
def test_quarter_turns(dtype):
    """Near every multiple of pi/2, where another formula takes over, and far from 0."""
    middle = np.arange(-2000, 2001) * (math.pi / 4)
    x = np.concatenate([middle * (1 + e) for e in (0, 1e-6, -1e-6)]).astype(dtype)
    x = np.concatenate([x, np.linspace(-(2**26), 2**26, 1001).astype(dtype)])
    for name in ("sin", "cos"):
        true = getattr(np, name)(x.astype("longdouble" if dtype == "float64" else "float64"))
        np.testing.assert_allclose(compiled(name, x), true, rtol=0, atol=2 * np.finfo(dtype).eps)


@dtypes
def test_sines_of_huge_numbers_stay_sines(dtype):
    """Where the remainder is lost, the result is still a number from -1 to 1."""
    x = (2.0 ** np.linspace(26, np.finfo(dtype).maxexp - 0.1, 1000)).astype(dtype)
    for name in ("sin", "cos"):
        assert (np.abs(compiled(name, x)) <= 1).all()
