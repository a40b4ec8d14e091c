"""Random graphs: the plan computes what the interpreter does, and the gradients are right."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from xpnet import ops
from xpnet.errors import ShapeError
from xpnet.graph import Arena, Graph, Plan, distinct, gradients, interpret
from xpnet.ops.op_registry import REGISTRY

# Smooth ops with values near one: their difference quotients have many correct digits.
UNARY = [
    ops.tanh,
    ops.sigmoid,
    ops.softmax,
    ops.log_softmax,
    ops.identity,
    lambda x: -x,
    lambda x: ops.exp(ops.tanh(x)),
    lambda x: ops.log(2 + ops.tanh(x)),
    lambda x: 2 ** ops.tanh(x),
    lambda x: (1.5 + ops.sigmoid(x)) ** 2,
    lambda x: ops.sum(x, axis=-1, keepdims=True) / 4,
    lambda x: ops.mean(x, axis=0),
    lambda x: ops.mean(x) * ops.tanh(x),
    lambda x: ops.reshape(ops.reshape(x, shape=(-1,)), shape=x.shape),
    lambda x: ops.reshape(x, shape=x.shape[::-1]),
    lambda x: 1 - x,
    lambda x: x / 3,
    lambda x: np.full((2, 1), 0.5) * x,
    lambda x: np.full((3, 3), 0.25) @ x,
    *(ops.silu, ops.gelu, ops.gelu_tanh, ops.mish, ops.softplus, ops.softsign, ops.log_sigmoid),
    *(ops.erf, ops.elu, ops.log_cosh, ops.sin, ops.cos),
    lambda x: ops.linear(x, slope=-0.5),
    lambda x: ops.sqrt(1 + ops.sigmoid(x)),
    lambda x: ops.log1p(ops.sigmoid(x)),
    lambda x: ops.expm1(ops.tanh(x)),
    lambda x: ops.focal(ops.softplus(x), gamma=2.0),
    lambda x: ops.sum_squares(ops.tanh(x)) * x / 4,
    lambda x: ops.transpose(x),
    lambda x: ops.slice(x, axis=0, start=0, stop=1),
    lambda x: ops.standardize_features(x, epsilon=0.5),
    lambda x: ops.standardize_batch(x, epsilon=0.5),
    lambda x: ops.dropout(x, np.array(3), rate=0.4, seed=1, stream=17),
    lambda x: ops.gaussian_noise(x, np.array(3), std=0.1, seed=1, stream=17),
    lambda x: ops.scheduled_dropout(x, np.array(3), np.array(0.4), seed=1, stream=17),
    lambda x: ops.scheduled_gaussian_noise(x, np.array(3), np.array(0.1), seed=1, stream=17),
    # A scalar has no rows; the op itself must report that.
    lambda x: ops.embedding(x, np.array([[0, 1], [1, 1]]) % (*x.shape, 1)[0]),
]
BINARY = [
    lambda a, b: (a + b) / 2,
    lambda a, b: (a - b) / 2,
    lambda a, b: ops.tanh(a) * b,
    lambda a, b: a / (1.5 + ops.sigmoid(b)),
    lambda a, b: (1 + ops.sigmoid(a)) ** ops.tanh(b),
    lambda a, b: ops.concat(a, b, axis=-1),
    lambda a, b: ops.concat(b, a, a, axis=0),
    lambda a, b: ops.tanh(a @ b / 4),
    lambda a, b: ops.tanh(ops.affine(a, b, ops.mean(b, axis=-2))),
    lambda a, b: ops.tanh(ops.mean_squared_error(a, b)),
    lambda a, b: ops.soft_cross_entropy(a, np.full(a.shape, 0.25)) + ops.mean(b),
    lambda a, b: ops.binary_cross_entropy_with_logits(a, np.full(a.shape, 0.25)) * ops.mean(b),
    lambda a, b: ops.softmax_cross_entropy(a, np.zeros(a.shape[:-1], int)) - ops.mean(b),
    lambda a, b: ops.weighted_mean(ops.sum(a, axis=-1), np.ones(a.shape[:-1])) + b,
    lambda a, b: ops.binary_cross_entropy(ops.sigmoid(a), np.full(a.shape, 0.25)) * ops.mean(b),
    lambda a, b: ops.cross_entropy(ops.softmax(a), np.full(a.shape, 0.25)) * ops.mean(b),
]
KINKED = [
    lambda a, b: ops.relu(a),
    lambda a, b: ops.relu(a) * ops.relu(ops.tanh(b)),
    lambda a, b: ops.leaky_relu(a) + ops.selu(b),
    lambda a, b: ops.prelu(a, b),
    lambda a, b: ops.hard_sigmoid(a) * ops.hard_tanh(b),
    lambda a, b: ops.abs(a) - ops.huber(b, delta=0.5),
    lambda a, b: ops.maximum(a, b) * ops.minimum(a, b),
    lambda a, b: ops.max(a, axis=-1) * ops.mean(b),
    lambda a, b: ops.pinball(a, quantile=0.3) + ops.step(b, threshold=0.1),
    lambda a, b: ops.fill_nan(a, b) + ops.floor(b + 0.31),
]

steps = st.lists(st.tuples(*[st.integers(0, 2**16)] * 3), min_size=1, max_size=12)
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def build(numbers, dtype, choices):
    """A graph by a list of numbers: which op, and which values it is applied to.

    What does not fit together is left out. The loss uses every value that nothing else uses.
    """
    graph = Graph()
    shapes = {"x": (3, 2), "y": (2, 2), "z": (2,)}
    pool = [graph.input(name, shape, dtype) for name, shape in shapes.items()]
    for op, first, second in numbers:
        before = len(graph.nodes)
        operands = [pool[first % len(pool)], pool[second % len(pool)]]
        function = choices[op % len(choices)]
        try:
            pool.append(function(*operands[: 1 if function in UNARY else 2]))
        except ShapeError:
            del graph.nodes[before:]
    used = {v for node in graph.nodes for v in node.inputs}
    ends = [v for v in pool if v not in used]
    loss = ops.sum(ends[0] * ends[0]) / 5
    for v in ends:
        loss = loss + ops.mean(ops.tanh(v))
    return graph, loss


def numbers_for(graph, seed=0):
    rng = np.random.default_rng(seed)
    return {v: rng.uniform(-1.5, 1.5, v.shape).astype(v.dtype) for v in graph.inputs}


def run_twice(plan, graph, feeds, outputs):
    """Run from a workspace full of NaN, and again with the inputs left as they are."""
    plan._backend.poison()
    for v in graph.inputs:
        plan.array(v)[...] = feeds[v]
    plan.run()
    first = [plan.array(v).copy() for v in outputs]
    plan.run()
    for a, v in zip(first, outputs, strict=True):
        np.testing.assert_array_equal(plan.array(v), a, "a second run gives something else")
    return first


@many
@given(steps, st.sampled_from(["float32", "float64"]))
def test_plan_computes_what_the_interpreter_does(new_poisoned, numbers, dtype):
    graph, loss = build(numbers, dtype, UNARY + BINARY + KINKED)
    outputs = distinct([loss, *gradients(graph, loss, graph.inputs)])
    feeds = numbers_for(graph)
    wanted = interpret(graph, np, feeds, outputs)
    backend = new_poisoned()
    arena = Arena(backend)
    rtol = 1e-4 if dtype == "float32" else 1e-11
    for kept in (True, False):  # results stay in the arena, or go into arrays from outside
        given_arrays = {} if kept else {v: np.full(v.shape, np.nan, dtype) for v in outputs}
        plan = Plan(graph, backend, given_arrays, outputs if kept else [], arena)
        for a, b in zip(run_twice(plan, graph, feeds, outputs), wanted, strict=True):
            assert a.dtype == b.dtype == dtype
            assert_allclose(a, b, rtol=rtol, atol=rtol)


@many
@given(steps, st.integers(0, 2**16))
def test_gradients_against_difference_quotients(numbers, seed):
    graph, loss = build(numbers, "float64", UNARY + BINARY)
    feeds, forward = numbers_for(graph, seed), list(graph.nodes)
    grads = interpret(graph, np, feeds, gradients(graph, loss, graph.inputs))
    del graph.nodes[len(forward) :]
    h, direction = 1e-5, numbers_for(graph, seed + 1)
    ends = [
        interpret(graph, np, {v: a + s * direction[v] for v, a in feeds.items()}, [loss])[0]
        for s in (h, -h)
    ]
    slope = sum(np.sum(g * direction[v]) for v, g in zip(graph.inputs, grads, strict=True))
    assert_allclose(slope, (ends[0] - ends[1]) / (2 * h), rtol=1e-5, atol=1e-6)


def test_every_op_can_be_chosen():
    """The lists above hold every op that has a gradient, and those that gradients use."""
    operands = {"a": (2, 2), "b": (2, 2), "v": (3,)}
    seen = set()
    for function in UNARY + BINARY + KINKED:
        graph = Graph()
        a, b, v = (graph.input(n, s, "float64") for n, s in operands.items())
        for args in ((a, b), (v, v), (graph.input("c", (3, 3), "float64"),) * 2):
            try:
                function(*args[: 1 if function in UNARY else 2])
            except ShapeError:
                continue
        seen |= {node.record.name for node in graph.nodes}
    wanted = {name for name, op in REGISTRY.items() if any(op.vjps)}
    # autodiff appends sum_to where an operand was broadcast; one process has nobody to sum over
    assert seen == wanted - {"sum_to", "sum_over_processes"}


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_plan_of_few_rows(new_poisoned, rows):
    graph = Graph()
    x, t = graph.input("x", (rows, 2), "float64"), graph.input("t", (rows,), "int64")
    loss = ops.sum(ops.softmax_cross_entropy(ops.sigmoid(ops.relu(x)), t))
    outputs = distinct([loss, *gradients(graph, loss, [x])])
    feeds = {x: np.ones((rows, 2)), t: np.zeros(rows, "int64")}
    plan = Plan(graph, new_poisoned(), {}, outputs)
    got = run_twice(plan, graph, feeds, outputs)
    for a, b in zip(got, interpret(graph, np, feeds, outputs), strict=True):
        assert_allclose(a, b)
