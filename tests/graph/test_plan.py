"""What a plan promises besides its results: no allocation, folded constants, a readable print."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import Dense, Residual, Sequential, ops
from xpnet.backends import get
from xpnet.graph import Arena, Graph, ParameterTable, Plan, distinct, gradients, initialize

ROWS, FEATURES = 1024, 64


def training_step(dtype="float32", rows=ROWS):
    """A small network with a skip, its loss and gradients, planned on flat vectors."""
    backend, graph = get("numpy"), Graph()
    x, t = graph.input("x", (rows, FEATURES), dtype), graph.input("t", (rows,), "int64")
    net = Sequential(Dense(FEATURES, "relu"), Residual(Dense(FEATURES, "tanh")), Dense(10))
    loss = ops.mean(ops.softmax_cross_entropy(graph.scope.call(net, x, name=""), t))
    outputs = distinct([loss, *gradients(graph, loss, list(graph.parameters.values()))])
    table = ParameterTable.of(graph)
    params = table.flatten(backend, initialize(graph, backend, dtype, 0))
    grads = np.full_like(params, np.nan)
    given = {v: table.view(np, params, name) for name, v in graph.parameters.items()}
    given |= {
        v: table.view(np, grads, name)
        for name, v in zip(graph.parameters, outputs[1:], strict=True)
    }
    plan = Plan(graph, backend, given, outputs[:1])
    plan.array(x)[...] = np.linspace(-1, 1, rows * FEATURES).reshape(rows, FEATURES)
    plan.array(t)[...] = np.arange(rows) % 10
    return plan, outputs, grads


def test_a_run_allocates_no_array():
    """Only NumPy's fixed buffers for conversions (64 kB per operand) are temporary."""
    plan, _, _ = training_step()
    plan.run()
    tracemalloc.start()
    try:
        plan.run()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        plan.run()
        after, peak = tracemalloc.get_traced_memory()
        live = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)]
        )
    finally:
        tracemalloc.stop()
    assert peak - before < 256 * 1024 <= 4 * ROWS * FEATURES
    assert after - before < 1024
    assert sum(trace.size for trace in live.traces) == 0


@pytest.mark.smoke
def test_results_land_in_the_arrays_given():
    plan, outputs, grads = training_step("float64")
    plan.run()
    assert np.isfinite(grads).all()
    first = grads.copy()
    grads[...] = np.nan
    plan.run()
    np.testing.assert_array_equal(grads, first)
    assert plan.array(outputs[0]).shape == ()


def test_print_lists_every_node():
    plan, _, _ = training_step()
    text = str(plan)
    title, header, *rows = text.splitlines()
    assert rows[0].split()[:2] == ["input", "x"]
    rows = [row for row in rows if not row.startswith("input ")]
    assert title.startswith("Plan on numpy:")
    assert header.split() == ["op", "output", "shape", "memory", "kernel"]
    for name in ("affine", "relu", "tanh", "add", "softmax_cross_entropy", "mean"):
        assert any(row.startswith(f"{name}(") for row in rows)
        if name not in ("add", "mean"):  # gradients passed on unchanged, and folded
            assert any(row.startswith(f"{name}.vjp_") for row in rows)
    assert any("over v" in row for row in rows), "nothing was computed in place"
    assert any(" given " in row for row in rows)
    assert f"{len(rows)} nodes" in title
    assert f"{len(plan.calls)} calls" in title
    assert all(row.endswith(("out", "derived")) for row in rows)


def test_constants_are_folded():
    """What depends only on constants is computed once and is not a node of the plan."""
    graph = Graph()
    x = graph.input("x", (2,), "float64")
    c = ops.exp(graph.constant(np.array([0.0, 1.0]), "float64"))
    y = x * (c + 1)
    plan = Plan(graph, get("numpy"), {}, [y, c])
    assert len(plan.calls) == 1
    assert "exp" not in str(plan)
    plan.array(x)[...] = 2
    plan.run()
    assert_allclose(plan.array(y), [4, 2 * (1 + np.e)])
    assert_allclose(plan.array(c), [1, np.e])


def test_a_result_given_from_outside_is_computed_even_if_constant():
    """Folding must not leave the array that the caller reads unwritten."""
    graph = Graph()
    y = ops.exp(graph.constant(np.zeros(2), "float64"))
    place = np.full(2, np.nan)
    Plan(graph, get("numpy"), {y: place}, []).run()
    assert_allclose(place, [1, 1])


def test_nodes_that_no_output_needs_are_left_out():
    graph = Graph()
    x = graph.input("x", (2,), "float64")
    y, unused = ops.exp(x), ops.log(x)
    plan = Plan(graph, get("numpy"), {}, [y])
    assert "exp" in str(plan)
    assert "log" not in str(plan)
    with pytest.raises(KeyError):
        plan.array(unused)


def test_inputs_and_constants_are_never_overwritten():
    """In-place kernels overwrite only what the plan computed itself."""
    graph = Graph()
    x = graph.input("x", (3,), "float64")
    data = np.array([1.0, 2.0, 3.0])
    y = ops.exp(x) * graph.constant(data, "float64")
    plan = Plan(graph, get("numpy"), {}, [y])
    plan.array(x)[...] = 0
    for _ in range(2):
        plan.run()
        assert_allclose(plan.array(y), data)
    assert_allclose(plan.array(x), 0)
    assert_allclose(data, [1, 2, 3])


def test_plans_share_an_arena():
    """A larger plan makes the arena grow; the smaller one keeps the memory that it was bound to."""
    arena, plans = Arena(get("numpy")), []
    for rows in (2, 500, 3):
        graph = Graph()
        x = graph.input("x", (rows, 4), "float64")
        y = ops.softmax(ops.sigmoid(x))
        plans.append((Plan(graph, get("numpy"), {}, [y], arena), x, y))
    for plan, x, y in plans * 2:
        plan.array(x)[...] = 1.0
        plan.run()
        assert_allclose(plan.array(y), 0.25)


def test_distinct_gives_each_value_memory_of_its_own():
    graph = Graph()
    x = graph.input("x", (2,), "float64")
    c, y = graph.constant(1.0, "float64"), ops.exp(x)
    values = distinct([y, y, x, c, x])
    assert len(set(values)) == 5
    assert values[0] is y
    assert all(v.kind == "node" for v in values)
    places = {v: np.full(v.shape, np.nan) for v in values}
    plan = Plan(graph, get("numpy"), places, [])
    plan.array(x)[...] = [0, 1]
    plan.run()
    for v, wanted in zip(values, ([1, np.e], [1, np.e], [0, 1], 1, [0, 1]), strict=True):
        assert_allclose(places[v], wanted)
