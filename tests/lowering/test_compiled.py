"""Every op, vjp and update: compiled calls give the results of single calls."""

import gc
import math
import tracemalloc
import weakref
from itertools import product

import numpy as np
import pytest

from xpnet import ops
from xpnet.graph import Graph, Plan, distinct
from xpnet.kernels import Recorder, find
from xpnet.lowering import Reader, lower
from xpnet.ops.op_registry import UPDATES

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

DTYPES = ["float32", "float64"]

# Calls that round or add differently when compiled.
ROUNDED = {"exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "pow", "sum", "matmul"}
ULPS = 4

SPECIAL = {
    "nan": [1.0, math.nan, -2.0, 0.5],
    "inf": [math.inf, 1.0, -0.5, 2.0, 0.25],
    "minus-inf": [-1.0, -math.inf, 0.5, 2.0, 0.25],
    "both-inf": [math.inf, 1.0, -math.inf],
    "zeros": [0.0, -0.0, 1.0, 0.0, -0.0],
    "huge": [1e30, 0.0, 2e30, 1.0],
    "minus-huge": [-1e30, -0.0, -2e30],
    "denormal": [1e-38, 1e-45, -1e-38, 1e-40],
}
GUARD = 16


class Bound:
    """A record's calls on arrays between guard bands, unchanged and compiled.

    `arrays` are those that are written, then those that are read.
    """

    def __init__(self, backend, record, written, read, static, alias=None):
        self.backend = backend
        self.start_from(written, read)
        self.count = len(written)
        pairs = [self.guarded(a) for a in self.starts]
        self.memories = [memory for memory, _ in pairs]
        self.arrays = [array for _, array in pairs]
        self.alias = None if alias is None else self.count + alias
        if alias is not None:
            self.arrays[0] = self.arrays[self.alias]
        recorder = Recorder(backend)
        kernel = find(record, backend.families)
        recorder.bind(kernel.function, *self.arrays, **static)
        self.calls = recorder.calls
        self.compiled = lower(backend, recorder.calls, recorder.borrowed)
        reader = Reader(backend)
        self.exact = not ROUNDED & {reader.name(call) for call in recorder.calls}

    def start_from(self, written, read):
        """Let the next runs begin with these values, in the arrays that were bound."""
        self.starts = [np.asarray(a) for a in (*written, *read)]

    @staticmethod
    def guarded(like):
        memory = np.full(like.size + 2 * GUARD, 77).astype(like.dtype)
        return memory, memory[GUARD : GUARD + like.size].reshape(like.shape)

    def run(self, steps):
        """What the steps wrote; nothing else may have changed."""
        for array, start in zip(self.arrays, self.starts, strict=True):
            array[...] = start
        self.backend.poison()
        with np.errstate(all="ignore"):
            for step in steps:
                step()
        for memory in self.memories:
            edges = np.concatenate([memory[:GUARD], memory[-GUARD:]])
            assert (edges == np.full(1, 77).astype(memory.dtype)).all()
        for i in range(self.count, len(self.arrays)):
            if i != self.alias:
                np.testing.assert_array_equal(
                    self.arrays[i], self.starts[i], "an input was changed"
                )
        return [array.copy() for array in self.arrays[: self.count]]

    def check(self):
        """Run as recorded, compiled, and compiled again."""
        wanted = self.run([call.run for call in self.calls])
        got = self.run(self.compiled)
        for a, b in zip(got, wanted, strict=True):
            same(a, b, self.exact)
        for a, b in zip(self.run(self.compiled), got, strict=True):
            np.testing.assert_array_equal(a, b, "another run gives something else")


def same(got, wanted, exact):
    """NaN and infinities in the same places; elsewhere equal, or to `ULPS` if not `exact`."""
    if exact or got.dtype.kind != "f":
        np.testing.assert_array_equal(got, wanted)
        return
    eps = np.finfo(got.dtype).eps
    np.testing.assert_allclose(got, wanted, rtol=ULPS * eps, atol=ULPS * eps)


def poison_like(arrays):
    """Outputs start as NaN (or whatever 0xFF bytes are)."""
    return [np.full(a.nbytes, 0xFF, "uint8").view(a.dtype).reshape(a.shape) for a in arrays]


def bound(backend, application, alias=None):
    written, read = poison_like(application.outputs), application.inputs
    return Bound(backend, application.record, written, read, application.static, alias)


def test_every_op_and_gradient(applications, new_compiling, examples, each):
    for case, dtype in product(examples, DTYPES):
        for n in case.rows:
            backend = new_compiling()
            for application in applications(case, n, dtype):
                with each(case, dtype, f"n={n}", application.record.name):
                    bound(backend, application).check()


def test_over_an_input(applications, new_compiling, examples, each):
    for case, dtype in product(examples, DTYPES):
        backend = new_compiling()
        for application in applications(case, 3, dtype):
            kernel = find(application.record, backend.families)
            for position in application.aliases(kernel):
                with each(case, dtype, application.record.name, f"over input {position}"):
                    bound(backend, application, position).check()


def filled(values, op):
    """Changes an array to these values, over and over."""

    def special(array):
        if op.startswith("scheduled") and not array.ndim:
            return array  # a rate, or a deviation, which multiplies numbers near 0 too
        found = np.resize(np.asarray(values).astype(array.dtype), array.shape)
        if op in ("sin", "cos"):  # which are not known for huge numbers; see `sine_and_cosine.py`
            return np.where(np.isfinite(found), np.clip(found, -1e6, 1e6), found)
        # Its definition is for c >= 0, and NumPy's (-inf)**0.5 differs from C's.
        return np.abs(found) if op == "focal" else found

    return special


def test_special_values(variations, new_compiling, examples, each):
    changes = [filled(values, examples.op) for values in SPECIAL.values()]
    for case, dtype in product(examples, DTYPES):
        backend = new_compiling()
        for applied in variations(case, 3, dtype, changes):
            with each(case, dtype, applied[0].record.name):
                binding = bound(backend, applied[0])
                for name, application in zip(SPECIAL, applied, strict=True):
                    with each(name):
                        binding.start_from(poison_like(application.outputs), application.inputs)
                        binding.check()


def test_every_update(cases, new_compiling, rule, each):
    """Two steps, so that the second one reads the slots of the first."""
    record = UPDATES[rule.name]
    for size, dtype in product((0, 1, 7, 64, 1000), DTYPES):
        with each(dtype, size=size):
            vectors = cases.vectors(rule, size, dtype)
            numbers = [np.array(c, dtype) for c in rule.coefficients]
            binding = Bound(new_compiling(), record, vectors, numbers, rule.static)
            binding.check()
            after = binding.run(binding.compiled)
            after[1] = vectors[1]
            binding.start_from(after, numbers)
            binding.check()


def test_updates_of_special_gradients(cases, new_compiling, rule, each):
    values = [v for group in SPECIAL.values() for v in group]
    for dtype in DTYPES:
        with each(dtype):
            vectors = cases.vectors(rule, len(values), dtype)
            vectors[1] = np.array(values).astype(dtype)
            numbers = [np.array(c, dtype) for c in rule.coefficients]
            Bound(new_compiling(), UPDATES[rule.name], vectors, numbers, rule.static).check()


def test_a_new_coefficient_takes_effect(compiling):
    """Without a new compilation: every run reads it."""
    p, g, rate = np.zeros(3), np.ones(3), np.array(1.0)
    recorder = Recorder(compiling)
    recorder.bind(find(UPDATES["sgd"], compiling.families).function, p, g, rate)
    (run,) = lower(compiling, recorder.calls, [])
    for value in (1.0, 10.0):
        rate[...], g[...] = value, 1.0
        run()
    np.testing.assert_array_equal(p, [-11.0] * 3)


def peak_of(steps):
    """Additional bytes that a run needs, including temporary ones."""
    for _ in range(2):
        for step in steps:
            step()
    tracemalloc.start()
    try:
        for step in steps:
            step()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for step in steps:
            step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_nothing_is_allocated_in_a_run(applications, new_compiling, examples, each):
    for case in examples:
        backend = new_compiling()
        for application in applications(case, 4096, "float64"):
            with each(case, application.record.name):
                binding = bound(backend, application)
                binding.run(binding.compiled)  # so that indices are valid rows
                compiled_only = all(not hasattr(step, "func") for step in binding.compiled)
                # NumPy's own calls need buffers for conversions.
                assert peak_of(binding.compiled) < (2048 if compiled_only else 256 * 1024)


def test_nothing_is_allocated_in_an_update(cases, compiling, rule):
    vectors = cases.vectors(rule, 4096, "float64")
    numbers = [np.array(c) for c in rule.coefficients]
    binding = Bound(compiling, UPDATES[rule.name], vectors, numbers, rule.static)
    assert peak_of(binding.compiled) < 2048


@pytest.mark.parametrize("name", sorted(UPDATES))
def test_an_update_is_one_call(cases, compiling, name):
    """Nothing of an optimizer's rule is left to NumPy."""
    rule = next(r for r in cases.RULES if r.name == name)
    vectors = cases.vectors(rule, 100, "float32")
    numbers = [np.array(c, "float32") for c in rule.coefficients]
    binding = Bound(compiling, UPDATES[name], vectors, numbers, rule.static)
    assert len(binding.compiled) == 1
    assert len(binding.calls) > 1


def test_what_runs_a_plan_keeps_all_memory_that_it_works_on(compiling):
    """The plan itself may be gone: its calls are bound to addresses, which keep nothing alive."""
    graph = Graph()
    x = graph.input("x", (64, 32), "float32")
    (y,) = distinct([ops.exp(x * 2 + 1)])
    plan = Plan(graph, compiling, {}, [y])
    memory = [weakref.ref(task.numbers) for call in plan.calls for task in call.tasks]
    memory += [weakref.ref(call._table) for call in plan.calls]
    run, inside, outside = plan.run, plan.array(x), plan.array(y)
    inside[...] = 0.5
    del plan
    gc.collect()
    assert len(memory) > 1
    assert all(reference() is not None for reference in memory)
    run()
    np.testing.assert_allclose(outside, np.exp(np.float32(2)), rtol=1e-6)
