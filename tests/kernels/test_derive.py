"""Kernels derived from definitions: which calls, which memory, and what cannot be derived."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from xpnet import ops
from xpnet.backends.cpu import NumpyBackend
from xpnet.graph import Graph, Plan
from xpnet.kernels import Recorder, derived, find
from xpnet.kernels.derive import results_of
from xpnet.kernels.terms import Underivable
from xpnet.ops.op_registry import REGISTRY, UPDATES
from xpnet.ops.record import Op, Update


class Counting(Recorder):
    """Counts the arrays of scratch memory that it hands out."""

    taken = 0

    def scratch(self, *args, **kwargs):
        self.taken += 1
        return super().scratch(*args, **kwargs)


X = np.random.default_rng(0).normal(size=(3, 3))
Y = np.random.default_rng(1).normal(size=(3, 3))


def bind(fn, places, inputs, signature="(...),(...)->(...)", **static):
    """Bind the kernel derived from a definition; returns its recorder."""
    recorder = Counting(NumpyBackend())
    op = Op("example", signature, fn, [None] * len(inputs))
    recorder.bind(derived(op).function, *places, *inputs, **static)
    return recorder


def run(fn, *inputs, over=None):
    """The results of the kernel derived from `fn`, and its recorder.

    The data come after the binding, as in a plan: nothing may be computed before.
    """
    wanted = np.asarray(fn(np, *inputs))
    arrays = [np.zeros_like(x) for x in inputs]
    out = np.full_like(wanted, 7) if over is None else arrays[over]
    recorder = bind(fn, [out], arrays)
    for array, x in zip(arrays, inputs, strict=True):
        array[...] = x
    for call in recorder.calls:
        call()
    for i, (array, x) in enumerate(zip(arrays, inputs, strict=True)):
        if i != over:
            assert_array_equal(array, x)
    return out, recorder


def check(fn, *inputs):
    """A derived kernel computes what its definition does, bit for bit.

    Also if its output overwrites any input of its shape and type.
    """
    wanted = np.asarray(fn(np, *inputs))
    same = [i for i, x in enumerate(inputs) if (x.shape, x.dtype) == (wanted.shape, wanted.dtype)]
    for over in (None, *same):
        got, recorder = run(fn, *inputs, over=over)
        assert got.dtype == wanted.dtype
        assert_array_equal(got, wanted)
        for call in recorder.calls:
            check_shapes(call)


def check_shapes(call):
    """CuPy's elementwise functions require an output of exactly their inputs' shape."""
    if isinstance(getattr(call, "func", None), np.ufunc) and call.func is not np.matmul:
        shapes = [np.shape(x) for x in call.args]
        assert np.broadcast_shapes(*shapes) == call.keywords["out"].shape


# The short definitions, and what may go wrong when memory is shared.
DEFINITIONS = {
    "operators": lambda xp, x, y: -(2 * x - y / 3 + 1) * (x**2) + 4 / (y * y),
    "powers": lambda xp, x, y: xp.abs(x) ** 3 + xp.abs(y) ** 0.5 + 2**x,
    "comparisons": lambda xp, x, y: xp.astype(((x > y) & ~(x >= 0)) | (y != x), x.dtype),
    "a mask times": lambda xp, x, y: x * xp.astype(x > 0, x.dtype),
    "masks alone": lambda xp, x, y: 1 - xp.astype(x > 0, x.dtype) * xp.astype(y > 0, y.dtype),
    "a number and a mask": lambda xp, x, y: 1 - xp.astype(x > 0, x.dtype) + y,
    "sum of a mask": lambda xp, x, y: xp.sum(xp.astype(x < y, x.dtype), axis=0) + y,
    "to integers": lambda xp, x, y: xp.astype(xp.astype(10 * x, xp.int64) % 3 == 1, x.dtype) + y,
    "truth of a number": lambda xp, x, y: xp.where(xp.astype(xp.floor(x), xp.bool), x, y),
    "full": lambda xp, x, y: xp.maximum(xp.zeros_like(x), y) + xp.full_like(x, 2.5) * x,
    "full alone": lambda xp, x, y: xp.ones_like(x),
    "full of another shape": lambda xp, x, y: xp.ones_like(x) + y[0],
    "full and full": lambda xp, x, y: xp.ones_like(x) - xp.full_like(y, 3.0),
    "clip": lambda xp, x, y: xp.clip(x, -0.5, 0.5) + xp.clip(y, None, 0.1),
    "where": lambda xp, x, y: xp.where(x > y, x, y),
    "where with numbers": lambda xp, x, y: xp.where(x > 0, y, 0.5) + xp.where(y > 0, -1.0, x),
    "where over its start": lambda xp, x, y: xp.where(y > 0, x, y + x),
    "where over its mask": lambda xp, x, y: xp.where(x > 0, y, xp.where(y > 0, x, 2 * y)),
    "where of a mask": lambda xp, x, y: xp.where(x > 0, xp.astype(y > 0, x.dtype), y),
    "reductions": lambda xp, x, y: (
        xp.sum(x, axis=1, keepdims=True) * xp.max(y) - xp.min(x * y, axis=0) + xp.mean(y, axis=-1)
    ),
    "a reduction last": lambda xp, x, y: xp.sum(x * y, axis=-1),
    "over no axis": lambda xp, x, y: xp.sum(x, axis=()),
    "argmax": lambda xp, x, y: xp.astype(xp.argmax(x, axis=1) == xp.argmax(y, axis=1), x.dtype),
    "transposed": lambda xp, x, y: x * xp.matrix_transpose(x),
    "transposed only": lambda xp, x, y: xp.matrix_transpose(x),
    "transposed twice": lambda xp, x, y: y + (x + y).mT * (x * y).mT,
    "permuted": lambda xp, x, y: xp.permute_dims(x, (1, 0)) - y,
    "product": lambda xp, x, y: xp.matmul(x, y),
    "product and sum": lambda xp, x, y: x @ xp.matrix_transpose(y) + x,
    "parts": lambda xp, x, y: x[:, 1:2] + x[..., -1:] * y[0] - y[None, 2, 0, None],
    "reversed": lambda xp, x, y: x[::-1] + y[:, ::-1],
    "one element": lambda xp, x, y: x[0, 1] + y,
    "reshaped": lambda xp, x, y: xp.reshape(xp.reshape(x.mT * 2, (9,)) + 1, (3, 3)) * y,
    "transposed and reshaped": lambda xp, x, y: xp.reshape(x.mT, (9,))[::3] + y,
    "reshaped by ones": lambda xp, x, y: xp.reshape(x, (3, 1, -1, 1))[:, 0, :, 0] * y,
    "broadcast": lambda xp, x, y: xp.broadcast_to(xp.expand_dims(x[0], axis=-1), (3, 3)) * y,
    "constants": lambda xp, x, y: x * xp.arange(3, dtype=x.dtype) + xp.asarray(0.5),
    "a single number": lambda xp, x, y: x * x.dtype.type(0.5) + y,
    "nothing": lambda xp, x, y: x,
    "the same again": lambda xp, x, y: xp.asarray(y, copy=True),
    "both twice": lambda xp, x, y: (x + y) * (x + y) - (x - y) * x * y,
    "operators from the right": lambda xp, x, y: (7 // x) + (7 % (y + 9)) + (True & (x > y)) * x,
    "NumPy's own": lambda xp, x, y: np.multiply(x, y) + np.float64(0.5) * x - np.sign(y),
    "late": lambda xp, x, y: xp.exp(x) + xp.tanh(y) + xp.sin(x * y) * x + xp.log1p(y * y) * y,
}


@pytest.mark.smoke
def test_the_kernel_computes_what_its_definition_does(each):
    for name, definition in DEFINITIONS.items():
        with each(name):
            check(definition, X, Y)


def test_types_stay(each):
    for name in sorted(set(DEFINITIONS) - {"constants"}):
        with each(name):
            check(DEFINITIONS[name], X.astype("float32"), Y.astype("float32"))


def test_integers_stay_integers():
    check(lambda xp, x, y: -(x * 2 + y % 3) // 2, np.arange(4), np.arange(4) * 5)


@pytest.mark.parametrize(
    ("op", "calls", "scratch"),
    [("sigmoid", 7, 1), ("softmax", 5, 1), ("tanh", 1, 0), ("log_softmax", 6, 2), ("relu", 1, 0)],
)
def test_as_few_calls_and_arrays_as_by_hand(op, calls, scratch):
    _, recorder = run(REGISTRY[op].fn, X)
    assert (len(recorder.calls), recorder.taken) == (calls, scratch)


def test_where_goes_on_from_what_is_there():
    """One masked copy each over what the last call wrote: x + y stays where it was computed."""
    fn = lambda xp, x, y: xp.where(x > 0, y, xp.where(y > 0, 0.0, x + y))  # noqa: E731
    _, recorder = run(fn, X, Y)
    assert len(recorder.calls) == 5  # greater, greater, add, copyto, copyto


def test_an_output_in_place_waits_for_the_residual():
    """Otherwise it would be computed elsewhere and copied."""
    x = X.copy()
    recorder = bind(lambda xp, x: (x * 2, x + 1), [x, X * 0], [x], "(...)->(...);(...)")
    assert (len(recorder.calls), recorder.taken) == (2, 0)


def test_a_long_chain_takes_the_output_alone():
    def chain(xp, x):
        for i in range(20):
            x = xp.tanh(x + i)
        return x

    _, recorder = run(chain, X)
    assert (len(recorder.calls), recorder.taken) == (40, 0)


def test_scratch_is_lent_again():
    def sums(xp, x):
        for i in range(20):
            x = x + xp.sum(xp.tanh(x + i), axis=-1, keepdims=True)
        return x

    _, recorder = run(sums, X)
    assert recorder.taken <= 3


@pytest.mark.parametrize(
    "fn",
    [
        lambda xp, x: (xp.exp(x) * 2, xp.exp(x)),
        lambda xp, x: (d := x - 1, d),
        lambda xp, x: (d := x - 1, d * x),
        lambda xp, x: (x * 2, x),
        lambda xp, x: (x, x * 2),
        lambda xp, x: (xp.sum(d := x * x, axis=0) + x, d),
    ],
)
@pytest.mark.parametrize("over", [False, True])
def test_a_saved_tensor_is_written_too(fn, over):
    """For all dependences, and also if the output overwrites the input."""
    x = X.copy()
    wanted = fn(np, X)
    places = [x if over else np.empty_like(X), np.empty_like(X)]
    for call in bind(fn, places, [x], "(...)->(...);(...)").calls:
        call()
    for place, array in zip(places, wanted, strict=True):
        assert_array_equal(place, array)


def test_an_update_in_place(cases, poisoned, rule):
    """All its outputs overwrite its inputs, some of which it reads until the end."""
    record = UPDATES[rule.name]
    vectors = cases.vectors(rule, 7, "float64")
    numbers = [np.array(c) for c in rule.coefficients]
    wanted = record.fn(np, *(v.copy() for v in vectors), *numbers, **rule.static)
    recorder = Recorder(poisoned)
    recorder.bind(derived(record).function, *vectors, *numbers, **rule.static)
    for call in recorder.calls:
        call()
    for vector, array in zip(vectors, wanted, strict=True):
        np.testing.assert_allclose(vector, array, rtol=1e-15)


def test_a_definition_that_draws_numbers_is_run_every_time():
    """An array that it creates without the namespace may differ the next time."""
    rng = np.random.default_rng(0)
    out = np.empty_like(X)
    (call,) = bind(lambda xp, x: x * rng.random(x.shape), [out], [X.copy()], "(...)->(...)").calls
    call()
    first = out.copy()
    call()
    assert not (first == out).any()


@pytest.mark.parametrize(
    "swap",
    [
        lambda xp, p, g: (g, p),
        lambda xp, p, g: (g[:], p[:]),
        lambda xp, p, g: (g, p) if p[0] != g[0] else (p, g),
    ],
    ids=["derived", "views", "definition"],
)
@pytest.mark.parametrize("families", [("out",), ()], ids=["derived", "definition"])
def test_two_places_change_their_arrays(swap, families):
    p, g = X[0].copy(), X[1].copy()
    recorder = Recorder(NumpyBackend())
    recorder.bind(find(Update("swap", swap), families).function, p, g)
    for call in recorder.calls:
        call()
    assert_array_equal(np.stack([p, g]), X[1::-1])


def written(x, y):
    """A definition may write into an array that it created; its steps cannot."""
    x[0] = y[0]
    return x


UNDERIVABLE = {
    "branches": lambda xp, x, y: x if x[0, 0] > 0 else y,
    "loops": lambda xp, x, y: next(iter(x)) + y,
    "numbers": lambda xp, x, y: float(x[0, 0]) * y,
    "functions": lambda xp, x, y: xp.linalg.inv(x),
    "attributes": lambda xp, x, y: x.sum(),
    "settings": lambda xp, x, y: xp.sum(x, axis=0, dtype=xp.float64) + y,
    "settings of elementwise functions": lambda xp, x, y: xp.add(x, y, dtype=xp.float64),
    "settings by position": lambda xp, x, y: xp.expand_dims(xp.sum(x, 0), 0) + y,
    "no axis": lambda xp, x, y: xp.astype(xp.argmax(x), x.dtype) + y,
    "signs": lambda xp, x, y: +x * y,
    "shifts": lambda xp, x, y: y + xp.astype(xp.astype(x, xp.int64) << 1, x.dtype),
    "writing": lambda xp, x, y: written(xp.asarray(x, copy=True), y),
    "masks as indices": lambda xp, x, y: x[xp.asarray([0, 1, 1])],
    "arrays from elsewhere": lambda xp, x, y: x * Y[::-1] + xp.asarray(X),
    "a library of its own": lambda xp, x, y: np.nextafter(x, y),
    "a library's reductions": lambda xp, x, y: np.add.reduce(x) + y,
    "constants alone": lambda xp, x, y: np.full(x.shape, 2.5),
    "mixed kinds": lambda xp, x, y: x * xp.astype(y, xp.int64),
    "numbers alone": lambda xp, x, y: xp.where(x > 0, 1.0, 0.0),
}


def test_other_definitions_are_run_as_they_are(each):
    for name, fn in UNDERIVABLE.items():
        with each(name):
            with pytest.raises(Underivable):
                results_of(Recorder(NumpyBackend()), fn, [X, Y], {})
            check(fn, X, Y)


@pytest.mark.parametrize(
    ("fn", "family"),
    [(DEFINITIONS["where"], "derived"), (UNDERIVABLE["branches"], "definition")],
    ids=["derived", "definition"],
)
def test_a_bound_kernel_says_what_it_is_made_of(fn, family):
    kernel = derived(Op("example", "(...),(...)->(...)", fn, [None, None]))
    assert kernel.family == "derived"
    Recorder(NumpyBackend()).bind(kernel.function, np.empty_like(X), X, Y)
    assert kernel.family == family


def test_a_plan_names_what_is_run_as_it_stands():
    graph = Graph()
    x = graph.input("x", (3, 3), "float64")
    y = Op("own", "(...)->(...)", lambda xp, x: xp.linalg.inv(x), [None])(x)
    last_row = str(Plan(graph, NumpyBackend(), {}, [ops.tanh(y)])).splitlines()[-2:]
    assert [row.split()[-1] for row in last_row] == ["definition", "derived"]


def test_a_mistake_in_a_definition_is_raised_at_once():
    def fn(xp, x):
        return helper(x)

    def helper(x, factor):
        return x * factor

    with pytest.raises(TypeError, match="missing 1 required positional argument: 'factor'"):
        bind(fn, [np.empty_like(X)], [X], "(...)->(...)")


RESHAPING = {
    "only": lambda xp, x: xp.reshape(x, (9,)),
    "and more": lambda xp, x: xp.reshape(x, (9,)) * 2,
    "of a part": lambda xp, x: xp.reshape(x[1:], (6,)) + 1,
    "of a step": lambda xp, x: xp.reshape(xp.reshape(x * 2, (9,)) + 1, (3, 3)),
}


@pytest.mark.parametrize("name", RESHAPING)
@pytest.mark.parametrize("orders", ["FC", "CF", "FF"])
def test_arrays_in_column_major_order_are_read_and_written_in_each_run(name, orders):
    """A reshape copies them in every step, not once when the kernel is bound."""
    fn = RESHAPING[name]
    x, out = np.zeros((3, 3), order=orders[0]), np.zeros(fn(np, X).shape, order=orders[1])
    calls = bind(fn, [out], [x], "(...)->(...)").calls
    for data in (X, Y):
        x[...] = data
        for call in calls:
            call()
        assert_array_equal(out, fn(np, data))


def test_a_product_is_not_planned_over_what_it_reads():
    """It would be computed elsewhere and copied there."""
    assert [derived(record).inplace for record in (ops.matmul, ops.affine.vjp_of(0))] == [(), ()]
    assert derived(ops.add).inplace == (0, 1)
    assert derived(ops.tanh.vjp_of(0)).inplace == (0, 1)


def test_an_update_may_be_any_callable(poisoned):
    """Such as one whose code is not accessible."""
    record = Update("own", partial(lambda rate, xp, p, g: (p - rate * g, g), 0.5))
    p, g = np.ones(3), np.ones(3)
    recorder = Recorder(poisoned)
    recorder.bind(derived(record).function, p, g)
    for call in recorder.calls:
        call()
    assert p.tolist() == [0.5] * 3
