"""The kernels that loops are printed as, run by an emulator: they must do as the calls on NumPy."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from xpnet import ops
from xpnet.backends import get, status
from xpnet.kernels import Recorder, find
from xpnet.lowering.cuda.cuda_functions import PRELUDE
from xpnet.lowering.cuda.kernel_kinds import printed
from xpnet.lowering.fuse import fuse
from xpnet.lowering.intervals import EVERYTHING, Intervals
from xpnet.lowering.ir import Loop
from xpnet.lowering.reading import Reader
from xpnet.ops.op_registry import REGISTRY, UPDATES
from xpnet.ops.record import Update

pytestmark = pytest.mark.xdist_group("the loops of the zoo")
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e-30, 88.0, -104.0, np.inf, -np.inf, np.nan]


@pytest.fixture(scope="module")
def launcher(emulated: Any) -> Callable[..., Callable[..., None]]:
    """``launcher(cases)`` compiles the kernels of these; what it returns launches them."""

    def build(cases: Any) -> Callable[..., None]:
        found = {case.source.name: case.source.code for case in cases}
        return partial(emulated.run, emulated.built(PRELUDE, found.items()))

    return build


@pytest.fixture(scope="module")
def zoo_launch(zoo_cases: Any, launcher: Any) -> Callable[..., None]:
    return launcher(zoo_cases)


@pytest.mark.parametrize("backwards", [False, True])
def test_every_loop_of_every_model(zoo_cases: Any, zoo_launch: Any, backwards: bool) -> None:
    assert len(zoo_cases) > 300
    assert {case.source.kind for case in zoo_cases} == {"elements", "rows", "tiles"}
    for case in zoo_cases:
        case.check(zoo_launch, backwards)


@pytest.mark.gpu
def test_every_loop_of_every_model_on_a_gpu(zoo_cases: Any) -> None:
    found = {s.name: s for s in status()}["cupy"]
    if not found.usable:
        pytest.skip(found.reason)
    for case in zoo_cases:
        case.check_on_gpu(get("cupy"))


@pytest.fixture(scope="module")
def applied(collect: Any) -> Callable[..., list[Any]]:
    """``applied(record, *arrays)``: the loops of an op, a vjp or an update, applied to arrays."""

    def apply(record: Any, *arrays: Any, **static: Any) -> list[Any]:
        backend = collect.parallel_backend()
        recorder = Recorder(backend)
        with np.errstate(all="ignore"):
            made = record.fn(np, *arrays, **static)
        made = [np.asarray(m) for m in (made if isinstance(made, tuple) else (made,))]
        places = [] if isinstance(record, Update) else [np.empty_like(m) for m in made]
        kernel = find(record, backend.families)
        recorder.bind(kernel.function, *places, *arrays, **static)
        return collect.cases_of(recorder.calls, recorder.borrowed)

    return apply


def _normal(*shape: int, dtype: str = "float32", seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


# Columns for teams of every size, numbers in registers and in memory, and rows for several blocks.
COLUMNS = [1, 2, 10, 32, 33, 256, 257, 1024, 1025, 3000, 4097]


def test_rows_of_every_length(applied: Any, launcher: Any) -> None:
    cases = []
    for columns in COLUMNS:
        for rows in (2, 37):
            cases += applied(ops.softmax, _normal(rows, columns))
            labels = np.arange(rows) % columns
            cases += applied(ops.softmax_cross_entropy, _normal(rows, columns), labels)
            cases += applied(ops.accuracy, _normal(rows, columns), labels)
    assert {case.source.team for case in cases if case.source.kind == "rows"} > {1, 16, 32, 256}
    launch = launcher(cases)
    for case in cases:
        case.check(launch)
        case.check(launch, backwards=True)


@pytest.mark.parametrize("columns", [300, 1024, 1025, 4096])
def test_a_row_that_fits_stays_in_registers(applied: Any, columns: int) -> None:
    """And its numbers are written once, not once in each phase."""
    (case,) = applied(ops.softmax, _normal(4, columns))
    assert case.source.team * case.source.each >= columns
    assert len(re.findall(r"^ *p\d\[.* = ", case.source.code, re.MULTILINE)) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_over_rows(applied: Any, launcher: Any, dtype: str) -> None:
    vjp = ops.affine.vjp_of(2)
    shapes = [(2, 1), (3000, 1), (3000, 10), (70, 700), (5, 5000), (1025, 33)]
    whole = [_normal(n, o).round().astype(dtype) for n, o in shapes]  # exact in any order
    cases = [case for gy in whole for case in applied(vjp, gy)]
    kinds = ["elements" if o == 1 else "tiles" for _, o in shapes]
    assert [case.source.kind for case in cases] == kinds
    launch = launcher(cases)
    for case in cases:
        case.check(launch)
        case.check(launch, backwards=True)


def test_a_long_row_is_reduced_by_many_blocks(applied: Any, launcher: Any) -> None:
    cases = []
    for n in (4096, 4097, 300_000):
        cases += applied(UPDATES["clip_norm"], _normal(n), _normal(n, seed=1), limit=0.5)
    kinds = [case.source.kind for case in cases]
    assert kinds == ["rows", "elements", "elements", "elements", "elements"]
    launch = launcher(cases)
    for case in cases:
        case.check(launch)


@pytest.mark.parametrize("n", [1, 7, 255, (1 << 20) + 3])
def test_an_optimizer_of_any_length(applied: Any, launcher: Any, n: int) -> None:
    vectors = [_normal(n, seed=i) for i in range(3)]
    squares = np.abs(_normal(n, seed=3))
    numbers = [np.array(x, "float32") for x in (1e-3, 1e-8)]
    static = {"beta1": 0.9, "beta2": 0.999}
    cases = applied(UPDATES["adam"], *vectors, squares, *numbers, **static)
    assert [case.source.kind for case in cases] == ["elements"]
    assert cases[0].source.each == (4 if n > 1 << 20 else 1)
    cases[0].check(launcher(cases))


def test_nan_infinity_and_zeros(applied: Any, launcher: Any) -> None:
    x = np.array([[a, b] for a in SPECIAL for b in SPECIAL], "float32")
    a, b = x[:, :1].copy(), x[:, 1:].copy()
    cases = []
    for name in "maximum minimum add subtract multiply divide".split():
        cases += applied(REGISTRY[name], a, b)
    for name in "abs exp negative relu sigmoid softplus tanh softmax log_softmax sqrt".split():
        cases += applied(REGISTRY[name], x)
    cases += applied(ops.accuracy, x, np.arange(len(x)) % 2)
    launch = launcher(cases)
    for case in cases:
        case.check(launch)


FUNCTIONS = """abs bitwise_and bitwise_invert bitwise_or bitwise_xor cos equal exp expm1 greater
    greater_equal isfinite isinf isnan less less_equal log log1p logical_and logical_not
    logical_or logical_xor maximum minimum negative not_equal pow sign sin sqrt tanh""".split()


# What loops do not know of numbers of a type stays the library's.
_LOGICAL = set("logical_and logical_not logical_or logical_xor".split())
_TESTS = {"isfinite", "isinf", "isnan"}
_WHOLE = _LOGICAL | _TESTS | {"pow", "sign"}
LEFT = {"float": _LOGICAL, "bool": _TESTS, "int32": _WHOLE, "int64": _WHOLE}
LEFT["uint8"] = _WHOLE | {"abs"}
ALL = Intervals([EVERYTHING])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool", "uint8"])
def test_every_function_of_numbers(collect: Any, launcher: Any, dtype: str) -> None:
    """As NumPy computes them, where it has them in this type."""
    values = SPECIAL if dtype.startswith("float") else [0, 1, 2, 3, 5, 100]
    pairs = np.array([[a, b] for a in values for b in values], dtype)
    backend = collect.parallel_backend()
    recorder, left = Recorder(backend), set()
    for name in FUNCTIONS:
        function = getattr(np, name, None) or getattr(np, f"bitwise_{name}")
        args = [pairs[:, i].copy() for i in range(function.nin)]
        try:
            with np.errstate(all="ignore"):
                out = np.empty_like(function(*args))
        except TypeError:
            continue
        if out.dtype.name in ("float16", "int8"):
            continue
        recorder(function, *args, out=out)
        if not isinstance(*fuse(Reader(backend), recorder.calls[-1:], ALL), Loop):
            left.add(name)
            recorder.calls.pop()
    assert left == LEFT["float" if dtype.startswith("float") else dtype]
    assert len(recorder.calls) > 10
    cases = collect.cases_of(recorder.calls)
    launch = launcher(cases)
    for case in cases:
        case.check(launch)


@pytest.mark.parametrize(("name", "inputs"), [("relu", 1), ("mean_squared_error", 2), ("mean", 1)])
def test_sizes_are_no_part_of_a_kernel(applied: Any, name: str, inputs: int) -> None:
    found = [applied(REGISTRY[name], *[_normal(n, 5)] * inputs) for n in (3, 8, 64)]
    assert len({tuple(case.source.name for case in cases) for cases in found}) == 1


def test_indices_are_wide_where_they_must_be(applied: Any) -> None:
    loop = applied(ops.relu, _normal(3, 5))[0].loop
    assert "typedef int I;" in printed(loop).code
    loop.columns = 1 << 31
    assert "typedef long long I;" in printed(loop).code
