"""One product: any layout, every epilogue, an algorithm asked once, and what is tried first."""

import gc
import re
import sys
from itertools import product
from typing import Any

import numpy as np
import pytest

from xpnet.errors import UnknownNameError
from xpnet.lowering.cuda.gemm import handle, plan_matmul, usable
from xpnet.lowering.cuda.matrices import product_of
from xpnet.lowering.reading import Reader

RNG = np.random.default_rng(0)


def _put(cupy: Any, values: Any) -> Any:
    return cupy.array(np.asarray(values))


def _random(*shape: int, dtype: str = "float32") -> Any:
    return RNG.normal(size=shape).astype(dtype)


CASES = {
    "matrices": lambda r: (r(7, 5), r(5, 3)),
    "left transposed": lambda r: (r(5, 7).T, r(5, 3)),
    "right transposed": lambda r: (r(7, 5), r(3, 5).T),
    "both transposed": lambda r: (r(5, 7).T, r(3, 5).T),
    "part of the columns": lambda r: (r(7, 9)[:, 2:7], r(5, 8)[:, 1:4]),
    "every second row": lambda r: (r(14, 5)[::2], r(5, 3)),
    "row vector": lambda r: (r(5), r(5, 3)),
    "column vector": lambda r: (r(7, 5), r(5)),
    "strided vector": lambda r: (r(7, 5), r(10)[::2]),
    "two vectors": lambda r: (r(5), r(5)),
    "one row": lambda r: (r(1, 5), r(5, 3)),
    "one column": lambda r: (r(7, 5), r(5, 1)),
    "inner product of one": lambda r: (r(7, 1), r(1, 3)),
    "batch": lambda r: (r(4, 7, 5), r(4, 5, 3)),
    "batch transposed": lambda r: (r(4, 5, 7).swapaxes(1, 2), r(4, 3, 5).swapaxes(1, 2)),
    "batch with one right": lambda r: (r(4, 7, 5), r(5, 3)),
    "batch with one left": lambda r: (r(7, 5), r(4, 5, 3)),
    "batch of vectors": lambda r: (r(4, 7, 5), r(5)),
    "vector with a batch": lambda r: (r(5), r(4, 5, 3)),
    "two axes of batch": lambda r: (r(2, 4, 7, 5), r(2, 4, 5, 3)),
    "one right, transposed rows": lambda r: (r(4, 5, 7).swapaxes(1, 2), r(5, 3)),
}


def test_every_layout(cupy: Any, lt: Any, backend: Any, each: Any) -> None:
    for (name, make), dtype in product(CASES.items(), ("float32", "float64")):
        with each(name, dtype):
            a, b = make(lambda *shape, dtype=dtype: _random(*shape, dtype=dtype))
            left, right = cupy.ndarray(a), cupy.ndarray(b)
            out = cupy.empty((a @ b).shape, dtype)
            run = plan_matmul(backend, left, right, out)
            assert run is not None
            lt.PRODUCTS.clear()
            run()
            assert len(lt.PRODUCTS) == 1
            np.testing.assert_allclose(out.get(), a @ b, rtol=1e-5, atol=1e-5)
            left._values[...] *= 2  # the memory counts, not what was in it
            run()
            np.testing.assert_allclose(out.get(), 2 * out.get() / 2, rtol=0)
            np.testing.assert_allclose(out.get(), a @ b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: (np.broadcast_to(_random(5), (7, 5)), _random(5, 3)),
        lambda: (_random(7, 5)[::-1], _random(5, 3)),
        lambda: (_random(7, 10)[:, ::2], _random(5, 3)),
        lambda: (_random(0, 5), _random(5, 3)),
        lambda: (_random(7, 0), _random(0, 3)),
        lambda: (_random(3, 2, 7, 5)[:, ::-1], _random(3, 2, 5, 3)),
        lambda: (_random(7, 5), _random(5, 3).astype("float64")),
        lambda: (_random(7, 5).astype("int64"), _random(5, 3).astype("int64")),
    ],
)
def test_what_cublaslt_cannot_do_is_left(make: Any, cupy: Any, lt: Any, backend: Any) -> None:
    a, b = make()
    out = cupy.empty((a @ b).shape, (a @ b).dtype)
    assert plan_matmul(backend, cupy.ndarray(a), cupy.ndarray(b), out) is None


def test_a_batch_of_rows_with_one_matrix_is_one_product(cupy: Any, backend: Any) -> None:
    read = Reader(backend).operand
    arrays = [_random(4, 7, 5), _random(5, 3), _random(4, 7, 3)]
    found = product_of(*(read(cupy.ndarray(x)) for x in arrays))
    assert found is not None
    assert [(m.rows, m.columns, m.batch) for m in found] == [(3, 5, 1), (5, 28, 1), (3, 28, 1)]


# --- epilogues ----------------------------------------------------------------------------------


def _plan(backend: Any, a: Any, b: Any, out: Any, *args: Any) -> Any:
    epilogue, bias, aux = (*args, None, None)[:3]
    return plan_matmul(backend, a, b, out, epilogue=epilogue, bias=bias, aux=aux)


def _aux(backend: Any, *arrays: Any) -> Any:
    from xpnet.lowering.cuda.epilogue import auxiliary

    read = Reader(backend).operand
    return auxiliary(*map(read, arrays))


@pytest.mark.parametrize("shape", [(7, 5, 3), (40, 33, 130)])
def test_relu_forward_and_back(shape: Any, cupy: Any, lt: Any, backend: Any) -> None:
    n, i, o = shape
    x, w, b, gy, v = (_random(*s) for s in ((n, i), (i, o), (o,), (n, 4), (o, 4)))
    arrays = [cupy.ndarray(t) for t in (x, w, np.empty((n, o), "f"))]
    back = [cupy.ndarray(t) for t in (gy, v.T, np.empty((n, o), "f"))]
    aux, sums = _aux(backend, *arrays), cupy.empty(o, "float32")
    _plan(backend, *arrays, "relu_aux_bias", cupy.ndarray(b), aux)()
    z = x @ w + b
    np.testing.assert_allclose(arrays[2].get(), np.maximum(z, 0), rtol=1e-5, atol=1e-5)
    for epilogue in ("drelu", "drelu_bgrad"):
        _plan(backend, *back, epilogue, sums if "bgrad" in epilogue else None, aux)()
        wanted = (gy @ v.T) * (z > 0)
        np.testing.assert_allclose(back[2].get(), wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sums.get(), wanted.sum(axis=0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lead", [(1,), (1, 1), (4, 1)])
def test_bias_of_a_batch(lead: Any, cupy: Any, lt: Any, backend: Any) -> None:
    a, b, bias = _random(4, 7, 5), _random(4, 5, 8), _random(*lead, 8)
    out = cupy.empty((4, 7, 8), "float32")
    _plan(backend, cupy.ndarray(a), cupy.ndarray(b), out, "bias", cupy.ndarray(bias))()
    np.testing.assert_allclose(out.get(), a @ b + bias, rtol=1e-5, atol=1e-5)


def test_bias_and_bits_off_16_bytes_are_left(cupy: Any, lt: Any, backend: Any) -> None:
    """A kernel that assumes 16 bytes would end the context: this cannot be tried."""
    a, b, out = (cupy.ndarray(_random(*s)) for s in ((4, 7, 5), (4, 5, 3), (4, 7, 3)))
    memory = cupy.ndarray(_random(64))
    for skipped in range(1, 9):
        bias = memory[skipped : skipped + 3]
        assert (_plan(backend, a, b, out, "bias", bias) is None) == bool(skipped % 4)
    each = memory[:12].reshape(4, 1, 3)  # the second matrix's bias is off
    assert _plan(backend, a, b, out, "bias", each) is None
    bits = cupy.ndarray(np.zeros(256, "uint8"))
    for skipped in (0, 4, 16):
        found = _plan(backend, a[0], b[0], out[0], "relu_aux_bias", memory[:3], bits[skipped:])
        assert (found is None) == bool(skipped % 16)


def test_a_gate_needs_two_inner_elements(cupy: Any, lt: Any, backend: Any) -> None:
    for inner in (1, 2):
        a, b, out = (cupy.ndarray(_random(*s)) for s in ((6, inner), (inner, 4), (6, 4)))
        found = _plan(backend, a, b, out, "drelu", None, _aux(backend, a, b, out))
        assert (found is None) == (inner == 1)


@pytest.mark.parametrize(("epilogue", "level"), [("bias", "DEBUG"), ("", "WARNING")])
def test_what_a_refusal_costs_is_its_level(
    epilogue: str, level: str, cupy: Any, lt: Any, backend: Any, monkeypatch: Any, caplog: Any
) -> None:
    """Without an epilogue there are more launches; without the product there are no graphs."""
    handle()

    def refuse(*args: Any) -> None:
        raise lt.cuBLASLtError("CUBLAS_STATUS_INVALID_VALUE (7): ...")

    monkeypatch.setattr(lt, "matmul_algo_get_heuristic", refuse)
    a, bias = cupy.ndarray(_random(12, 12)), cupy.ndarray(_random(12))
    with caplog.at_level("DEBUG", "xpnet"):
        assert _plan(backend, a, a.T, cupy.empty((12, 12), "float32"), epilogue, bias) is None
    assert [r.levelname for r in caplog.records] == [level]


def test_an_unknown_epilogue_is_named(cupy: Any, lt: Any, backend: Any) -> None:
    out = cupy.empty((1, 1), "float32")
    with pytest.raises(UnknownNameError, match=r"epilogue 'relu'.*relu_bias"):
        plan_matmul(backend, out, out, out, epilogue="relu")


# --- what is kept -------------------------------------------------------------------------------


def test_algorithms_are_asked_once(cupy: Any, lt: Any, backend: Any) -> None:
    handle()
    arrays = [cupy.ndarray(_random(*s)) for s in ((8, 4), (4, 8), (8, 8))]
    lt.HEURISTICS.clear()
    for _ in range(3):
        plan_matmul(backend, *arrays)
    assert lt.HEURISTICS == ["DEFAULT"]
    base = cupy.ndarray(_random(9 * 4))
    at = base.data.ptr % 256 // 4
    moved = [base[i : i + 32].reshape(8, 4) for i in ((64 - at) % 64 % 4, 1)]
    for a in moved:  # another alignment is another question
        plan_matmul(backend, a, *arrays[1:])
    assert 1 < len(lt.HEURISTICS) <= 3


def test_descriptors_live_as_long_as_the_call(cupy: Any, lt: Any, backend: Any) -> None:
    handle()
    gc.collect()
    before = lt.alive("desc"), lt.alive("layout"), lt.alive("preference")
    a, b = _random(7, 5), _random(5, 3)
    out = cupy.empty((7, 3), "float32")
    run = plan_matmul(backend, cupy.ndarray(a.copy()), cupy.ndarray(b.copy()), out)
    gc.collect()
    assert (lt.alive("desc"), lt.alive("layout")) == (before[0] + 1, before[1] + 3)
    run()  # its arrays too
    np.testing.assert_allclose(out.get(), a @ b, rtol=1e-5, atol=1e-5)
    del run
    gc.collect()
    assert (lt.alive("desc"), lt.alive("layout"), lt.alive("preference")) == before


def test_each_stream_has_a_workspace(cupy: Any, lt: Any, backend: Any) -> None:
    run = plan_matmul(backend, *(cupy.ndarray(_random(4, 4)) for _ in range(3)))
    lt.PRODUCTS.clear()
    run()
    with cupy.cuda.Stream(non_blocking=True):
        run()
        run()
    first, second, third = (p["workspace"] for p in lt.PRODUCTS)
    assert first != second == third


def test_a_product_is_captured_without_an_allocation(cupy: Any, lt: Any, backend: Any) -> None:
    a, b = _random(4, 4), _random(4, 4)
    left, out = cupy.ndarray(a.copy()), cupy.empty((4, 4), "float32")
    run = plan_matmul(backend, left, cupy.ndarray(b), out)
    with cupy.cuda.Stream(non_blocking=True) as stream:
        run()
        before = cupy.COUNTS["allocations"]
        stream.begin_capture()
        run()
        graph = stream.end_capture()
        assert cupy.COUNTS["allocations"] == before
        left[...] = cupy.ndarray(2 * a)
        graph.launch()
        np.testing.assert_allclose(out.get(), 2 * a @ b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stages", [0, 3, 16, 36, 99])  # 99: of a later version
def test_no_tail_of_a_split_dimension_is_dropped(
    stages: int, cupy: Any, lt: Any, backend: Any
) -> None:
    """Where an algorithm's steps may not divide it, another one is asked for."""
    handle()
    lt.SETTINGS["split"] = 4, stages
    asked = {}
    for inner in (64, 100, 128, 384):
        a, b = _random(3, inner), _random(inner, 5)
        for left in (cupy.ndarray(a.copy()), cupy.ndarray(a.T.copy()).T):
            out = cupy.empty((3, 5), "float32")
            lt.HEURISTICS.clear()
            plan_matmul(backend, left, cupy.ndarray(b.copy()), out)()
            np.testing.assert_allclose(out.get(), a @ b, rtol=1e-4, atol=1e-5)
            asked[inner] = len(lt.HEURISTICS)
    step = {3: 16, 16: 64, 36: 128}.get(stages)
    assert asked == {n: 2 if step is None or n % step else 1 for n in asked}


# --- what is tried first ------------------------------------------------------------------------


@pytest.mark.usefixtures("untried")
def test_what_works_is_tried_once(cupy: Any, lt: Any) -> None:
    good, reason = usable(cupy)
    assert good
    assert reason.startswith("works")
    count = len(lt.PRODUCTS)
    assert usable(cupy) == (good, reason)
    assert len(lt.PRODUCTS) == count


@pytest.mark.usefixtures("untried")
def test_relu_that_hides_nan_is_used_only_in_training(cupy: Any, lt: Any) -> None:
    found = handle()
    assert found is not None
    assert found.epilogues == {"bias", "relu_aux_bias", "drelu", "drelu_bgrad"}
    assert "relu_bias: gives other numbers" in usable(cupy)[1]


@pytest.mark.usefixtures("untried")
def test_relu_that_keeps_nan_is_used(cupy: Any, lt: Any) -> None:
    lt.SETTINGS["nan_hidden"] = False
    found = handle()
    assert found is not None
    assert found.epilogues == {"bias", "relu_bias", "relu_aux_bias", "drelu", "drelu_bgrad"}
    assert usable(cupy) == (True, "works")


@pytest.mark.usefixtures("untried")
def test_a_gate_that_is_open_at_0_is_not_used(cupy: Any, lt: Any) -> None:
    lt.SETTINGS.update(nan_hidden=False, zero_positive=True)
    found = handle()
    assert found is not None
    assert "relu_bias" in found.epilogues
    assert "relu_aux_bias" not in found.epilogues


@pytest.mark.usefixtures("untried")
def test_a_gate_may_hide_infinity_and_nan(cupy: Any, lt: Any) -> None:
    """It is closed where the layer's output is 0; the weights' gradients show them."""
    lt.SETTINGS.update(nan_hidden=False, gradient_hidden=True)
    assert usable(cupy) == (True, "works")


@pytest.mark.usefixtures("untried")
def test_epilogues_that_there_are_not(cupy: Any, lt: Any) -> None:
    lt.SETTINGS.update(nan_hidden=False, refused={"DRELU_BGRAD"})
    found = handle()
    assert found is not None
    assert found.epilogues == {"bias", "relu_bias", "relu_aux_bias", "drelu"}
    assert "drelu_bgrad: RuntimeError: cuBLASLt has no product of this kind" in usable(cupy)[1]


@pytest.mark.usefixtures("untried")
def test_workspaces_of_the_trials_are_given_back(cupy: Any, lt: Any) -> None:
    found = handle()
    assert found is not None
    assert list(found._workspaces) == [cupy.cuda.get_current_stream().ptr]


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"wrong": True}, "product is wrong$"),
        ({"wrong": "TRANSA"}, "product is wrong$"),
        ({"wrong": "TRANSB"}, "product is wrong$"),
        ({"wrong": "unaligned"}, "product is wrong$"),
        ({"rounded": True}, "rounds the operands of a float32 product"),
        ({"stale": True}, "wrong when a CUDA graph replays it"),
        ({"refused": {"float32"}}, "no product of this kind in float32"),
    ],
)
def test_what_does_not_work_is_said(setting: Any, said: str, cupy: Any, lt: Any) -> None:
    lt.SETTINGS.update(setting)
    good, reason = usable(cupy)
    assert not good

    assert re.search(said, reason)
    assert handle() is None


def test_without_nvmath(cupy: Any, lt: Any, backend: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "nvmath.bindings", None)
    good, reason = usable(cupy)
    assert not good
    assert "nvmath-python cannot be imported" in reason
    assert "xpnet[cuda13]" in reason
    out = cupy.ndarray(_random(2, 2))
    assert plan_matmul(backend, out, out, cupy.empty((2, 2), "float32")) is None


def test_a_library_that_fails_to_load_is_said(cupy: Any, lt: Any, monkeypatch: Any) -> None:
    def create() -> None:
        raise RuntimeError("libcublasLt.so.13: cannot open shared object file")

    monkeypatch.setattr(lt, "create", create)
    assert usable(cupy) == (
        False,
        "cuBLASLt cannot be used: RuntimeError: libcublasLt.so.13: cannot open shared object file",
    )


@pytest.mark.usefixtures("untried")
def test_the_check_compiles_nothing(cupy: Any, lt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy would compile a kernel for each function and type: most of a first use's time."""

    def forbidden(self: Any, *args: Any, **kwargs: Any) -> None:
        raise AssertionError("a function of CuPy that is compiled")

    monkeypatch.setattr(cupy.ufunc, "__call__", forbidden)
    for name in ("all", "arange", "full", "matmul", "max", "ones", "sum"):
        monkeypatch.setattr(cupy, name, forbidden)
    lt.SETTINGS["nan_hidden"] = False
    assert usable(cupy) == (True, "works")
