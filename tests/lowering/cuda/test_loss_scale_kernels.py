"""float16's loss scale as rules of graphs: kernels as their definitions, few launches."""

from collections import Counter
from copy import deepcopy
from typing import Any

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend
from xpnet.backends.cuda import CupyBackend
from xpnet.engine.batch_graph import BatchGraph, BatchSpec
from xpnet.engine.coefficients import Coefficients
from xpnet.engine.update_graph import update_graph
from xpnet.engine.vector_program import VectorProgram, changed_vectors
from xpnet.graph import interpret
from xpnet.kernels import Recorder, find
from xpnet.kernels.cuda import elements
from xpnet.lowering import lower
from xpnet.lowering.cuda.gemm import handle
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
OVERFLOWED, GOOD = [[2.0**40, 7, flag, 3] for flag in (1, 0)]


def _vector(n: int, *special: float) -> Any:
    found = RNG.normal(size=n).astype("float32")
    found[: len(special)] = special
    return found


CASES: list[tuple[Any, list[Any]]] = [
    *((UNSCALE, [_vector(n), [256, 5, 0, 1]]) for n in (1, 7, 300, 5000)),
    *((UNSCALE, [_vector(300, x), [256, 5, 0, 1]]) for x in (np.nan, np.inf, -np.inf, 3e38, 1e-30)),
    *((UNSCALE, [_vector(9, np.nan), [SMALLEST, 5, flag, 1]]) for flag in (0, 1)),
    *((COPY_IF_OVERFLOW, [_vector(n), _vector(n), OVERFLOWED]) for n in (1, 7, 300, 5000)),
    *((COPY_IF_OVERFLOW, [_vector(7, np.nan), _vector(12, np.inf), s]) for s in (OVERFLOWED, GOOD)),
    *(
        (NEXT_SCALE, [[scale, good, flag, 3]])
        for scale in (SMALLEST, 1.5 * SMALLEST, FIRST, 0.75 * LARGEST, LARGEST)
        for good in (0, 7, PATIENCE - 2, PATIENCE - 1)
        for flag in (0, 1)
    ),
]


@pytest.fixture
def float16(lowered: None, cupy: Any) -> Any:
    """CuPy's backend in float16."""
    return CupyBackend(cupy).rounded("float16")


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch, raw_kernels: None, lt: Any) -> Counter[str]:
    """How often each kernel that walks over elements was launched."""
    found: Counter[str] = Counter()
    plain = elements.cached_kernel

    def counting(cupy: Any, source: str, name: str, device: int) -> Any:
        kernel = plain(cupy, source, name, device)
        return lambda *args: (found.update([name]), kernel(*args))

    monkeypatch.setattr(elements, "cached_kernel", counting)
    return found


@pytest.mark.parametrize(
    "record", [UNSCALE, COPY_IF_OVERFLOW, NEXT_SCALE], ids=lambda record: record.name
)
def test_a_kernel_has_the_bits_of_its_definition(
    float16: Any, cupy: Any, record: Any, each: Any
) -> None:
    for i, given in enumerate(given for other, given in CASES if other is record):
        with each(i, *(f"{len(v)} of {v[:4]}" for v in given)):
            arrays = [np.asarray(v, "float32") for v in given]
            with np.errstate(all="ignore"):
                wanted = record.fn(np, *arrays)
            vectors = [cupy.asarray(a) for a in arrays]
            kernel, recorder = find(record, float16.families), Recorder(float16)
            assert kernel.family == "cuda"
            recorder.bind(kernel.function, *vectors)
            runs = lower(float16, recorder.calls, ())
            assert len(runs) == 1
            runs[0]()
            after = [*wanted, *arrays[len(wanted) :]]
            for found, expected in zip(vectors, after, strict=True):
                np.testing.assert_array_equal(found.get(), expected)


# --- the batch's graph --------------------------------------------------------------------------


def _data() -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(64, 5)).astype("float32")
    return X, (X @ rng.normal(size=(5, 3))).argmax(axis=1)


def _net() -> Any:
    return xn.Sequential(xn.Dense(8, "relu"), xn.BatchNorm(), xn.Dense(3))


def _model(optimizer: Any = None, **settings: Any) -> xn.Model:
    optimizer = optimizer or xn.Adam(0.01, average_decay=0.9)
    return xn.Model(_net(), optimizer=optimizer, **settings)


def _scale(model: xn.Model) -> Any:
    return model.engine.state.loss_scale


@pytest.mark.parametrize("scale", [1024.0, np.inf])
def test_the_interpreter_divides_the_gradient_of_a_scaled_loss(scale: float) -> None:
    X, y = _data()
    model = _model(backend="numpy").build(5)
    network, state = model.network, model.engine.state
    spec = BatchSpec("train", 64, (), "int64")
    scaled = BatchGraph.of(network, spec, scaled=True)
    graph, table = scaled.graph, network.table
    start = np.array([scale, 5, 0, 3], "float32")
    views = table.views(np, state.params)
    feeds: dict[Any, Any] = {
        **dict(zip(graph.inputs, (X, y), strict=True)),
        **{value: views[name] for name, value in graph.parameters.items()},
        scaled.scale: start[0, ...],
        graph.vectors["gradient"]: np.full(table.trainable, np.nan, "float32"),
        graph.vectors["loss_scale"]: start,
    }
    names = ["gradient", "loss_scale"]
    with np.errstate(all="ignore"):
        values = [graph.assignments[name] for name in names]
        gradient, after = interpret(graph, np, feeds, values)
    overflows = not np.isfinite(scale)
    assert after.tolist() == [scale, 5, overflows, 3]
    if not overflows:
        program = model.engine.programs.get(spec)
        program.load([X, y], slice(None))
        program.run()
        # Not the same bits: plans sum up in another order.
        np.testing.assert_allclose(gradient, state.gradient, rtol=1e-5, atol=1e-7)


# --- the update's graph -------------------------------------------------------------------------


def _update(overflowed: int) -> tuple[Any, dict[str, Any], list[float]]:
    """An update's graph, its vectors, and the numbers that it reads."""
    network = _model(backend="numpy").build(5).network
    optimizer = xn.Adam(0.01, average_decay=0.9, weight_decay=0.1)
    graph = update_graph(optimizer, network.table, "float32", scaled=True)
    rng = np.random.default_rng(2)
    vectors = {
        name: np.abs(rng.normal(size=value.shape)).astype("float32")
        for name, value in graph.vectors.items()
        if not name.startswith("kept.")
    }
    vectors["loss_scale"][...] = [1024, 7, overflowed, 2]
    if overflowed:
        vectors["gradient"][3] = np.inf
    return graph, vectors, [*Coefficients(optimizer, network.table)(0.01, 1)]


@pytest.mark.parametrize("overflowed", [0, 1])
@pytest.mark.parametrize("xp", [np, array_api_strict], ids=["numpy", "strict"])
def test_the_interpreter_leaves_a_step_out(xp: Any, overflowed: int) -> None:
    graph, start, numbers = _update(overflowed)
    vectors = {name: xp.asarray(v) for name, v in start.items()}
    for name, value in graph.vectors.items():
        vectors.setdefault(name, xp.zeros(value.shape, dtype=xp.float32))
    given = [xp.asarray(n, dtype=xp.float32) for n in numbers]
    inputs = dict(zip(graph.inputs, given, strict=True))
    with np.errstate(all="ignore"):
        found = changed_vectors(graph, xp, vectors, inputs)
    scale = [512, 0, 0, 3] if overflowed else [1024, 8, 0, 2]
    assert np.asarray(found["loss_scale"]).tolist() == scale
    for name in ("params", "gradient_sum", "square_sum", "average"):
        same = np.array_equal(np.asarray(found[name]), start[name])
        assert same == bool(overflowed), name


@pytest.mark.parametrize("overflowed", [0, 1])
def test_a_plan_changes_what_the_interpreter_changes(
    float16: Any, cupy: Any, overflowed: int
) -> None:
    graph, start, numbers = _update(overflowed)
    found = []
    for backend in (float16, NumpyBackend()):
        vectors = {name: backend.asarray(v.copy()) for name, v in start.items()}
        program = VectorProgram(graph, backend, vectors, "float32", spare=["gradient"])
        program.numbers.write(numbers)
        with np.errstate(all="ignore"):
            program.run()
        assert set(vectors) == set(start)  # what is kept is the program's own
        found.append({name: backend.to_numpy(v) for name, v in vectors.items()})
    for name in found[0].keys() - {"gradient"}:
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-6, err_msg=name)
        if overflowed and name != "loss_scale":
            np.testing.assert_array_equal(found[0][name], start[name])


# --- whole models -------------------------------------------------------------------------------


def test_a_step_launches_few_kernels_for_it(lowered: None, launched: Counter[str]) -> None:
    X, y = _data()
    model = _model(backend="cupy", precision="float16")
    model.train_on_batch(X, y)
    launched.clear()
    model.train_on_batch(X, y)
    # The parameters and Adam's two sums, and their average: kept and put back.
    once = {"unscale": 1, "copy_if_overflow": 2 * 4, "next_scale": 1}
    assert {name: n for name, n in launched.items() if not name.startswith("cast")} == once


def test_nothing_is_computed_by_its_definition(lowered: None) -> None:
    X, y = _data()
    model = _model(backend="cupy", precision="float16")
    assert "join_gradient" in str(model.plan(X, y))
    assert not model.plan(X, y).definitions
    assert not model.engine.update.rules.definitions


@pytest.mark.parametrize("scale", [FIRST, 2.0**30], ids=["good", "overflows at first"])
def test_captured_steps_have_the_bits_of_single_calls(
    lowered: None, cupy: Any, scale: float
) -> None:
    X, y = _data()
    assert handle("float16") is not None  # tried, which takes graphs of its own
    found = []
    for steps in (0, 3):
        model = _model(backend="cupy", precision="float16").build(5)
        _scale(model)[0] = scale
        cupy.LOG.clear()
        model.fit(X, y, epochs=3, batch_size=8, verbose=False, steps_per_execution=steps)
        assert ("launch" in {what for _, what in cupy.LOG}) == (steps > 0)
        vectors = {n: v for n, v in model.engine.state.vectors.items() if n != "gradient"}
        found.append({name: vector.get().tobytes() for name, vector in vectors.items()})
        left_out = float(_scale(model)[3])
        assert (left_out > 0) == (scale > FIRST)
    assert found[0] == found[1]


def test_a_copy_has_a_scale_of_its_own(lowered: None) -> None:
    X, y = _data()
    model = _model(backend="cupy", precision="float16")
    model.train_on_batch(X, y)
    twin = deepcopy(model)
    twin.train_on_batch(X, y)
    scales = [_scale(m).get().tolist() for m in (model, twin)]
    assert scales == [[FIRST, 1, 0, 0], [FIRST, 2, 0, 0]]
    model.optimizer = xn.SGD(0.1)
    model.train_on_batch(X, y)
    assert _scale(model).get().tolist() == [FIRST, 2, 0, 0]
    assert not model.engine.state.slots
