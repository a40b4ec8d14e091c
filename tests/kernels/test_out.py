"""Every kernel, handwritten or derived, against the definition that it replaces."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.testing import assert_allclose

from xpnet import ops
from xpnet.kernels import KERNELS, Kernel, Recorder, derived, find
from xpnet.kernels.derive import results_of
from xpnet.kernels.terms import Underivable

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}

# Handwritten kernels that reshape an input, which needs row-major memory, as a plan's is.
ROW_MAJOR = {"softmax_cross_entropy.vjp_z", "embedding.vjp_w", "sum_squares"}


def check(got, application, dtype):
    for array, wanted in zip(got, application.outputs, strict=True):
        assert array.dtype == wanted.dtype
        assert_allclose(array, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


# Definitions from which no kernel can be derived. Each has a handwritten one, because a definition
# would allocate in every step.
UNDERIVABLE = {
    "concat",
    "slice.vjp_x",
    "embedding",
    "dropout",
    "gaussian_noise",
    "scheduled_dropout",
    "scheduled_gaussian_noise",
}


def kernels(record):
    """The kernel that a plan uses, and the derived one if it differs."""
    chosen = find(record, ("out",))
    return [chosen] if chosen.family == "derived" else [chosen, derived(record)]


def named(application, kernel, alias=None):
    """What a failure is called by."""
    over = "" if alias is None else f" over input {alias}"
    return f"{application.record.name} ({kernel.family}){over}"


def test_only_these_definitions_cannot_be_derived(cases, applications, poisoned):
    found = set()
    for case in cases.CASES:
        for application in applications(case, 3, "float32"):
            record = application.record
            try:
                results_of(Recorder(poisoned), record.fn, application.inputs, application.static)
            except Underivable:
                found.add(record.name)
    assert found == UNDERIVABLE
    assert {("out", name) for name in found} <= KERNELS.keys()


def test_every_kernel_belongs_to_a_record(every_record):
    known = {record.name for record in every_record}
    assert {name for family, name in KERNELS if family in ("out", "cuda")} <= known


def test_kernel_gives_what_the_definition_gives(applications, new_poisoned, examples, each):
    """Output (and saved tensor) start as NaN between guard bands; two runs give the same bits."""
    for case, dtype in product(examples, TOLERANCE):
        for n in case.rows:
            poisoned = new_poisoned()
            for application in applications(case, n, dtype):
                for kernel in kernels(application.record):
                    with each(case, dtype, f"n={n}", named(application, kernel)):
                        run = application.bind(kernel, poisoned)
                        first, second = run(), run()
                        check(first, application, dtype)
                        for a, b in zip(first, second, strict=True):
                            np.testing.assert_array_equal(a, b, "the second run")


def test_every_declared_inplace_position(applications, new_poisoned, examples, each):
    for case, dtype in product(examples, TOLERANCE):
        for n in case.rows:
            poisoned = new_poisoned()
            for application in applications(case, n, dtype):
                for kernel in kernels(application.record):
                    for position in application.aliases(kernel):
                        with each(case, dtype, f"n={n}", named(application, kernel, position)):
                            run = application.bind(kernel, poisoned, alias=position)
                            check(run(), application, dtype)


def test_every_declared_inplace_position_is_reached(cases, applications):
    """The test above covers each position that a handwritten kernel declares."""
    tried, declared = set(), set()
    for case in cases.CASES:
        for application in applications(case, 3, "float64"):
            kernel, name = find(application.record, ("out",)), application.record.name
            if kernel.family == "derived":
                continue  # it may overwrite any input, but some never have the right type
            count = len(application.inputs)
            declared |= {(name, i) for i in kernel.inplace[:count]}
            tried |= {(name, i) for i in application.aliases(kernel)}
    assert tried == declared


def test_inputs_in_column_major_order(applications, new_poisoned, examples, each):
    for case in examples:
        poisoned = new_poisoned()
        for application in applications(case, 3, "float64"):
            if application.record.name not in ROW_MAJOR:
                for kernel in kernels(application.record):
                    with each(case, named(application, kernel)):
                        run = application.bind(kernel, poisoned, order="F")
                        check(run(), application, "float64")


# Huge values have one sign, so that no sum cancels: orders of summation may differ.
SPECIAL = {
    "nan": [1.0, math.nan, -2.0, 0.5],
    "inf": [math.inf, 1.0, -0.5, 2.0, 0.25],
    "minus-inf": [-1.0, -math.inf, 0.5, 2.0, 0.25],
    "both-inf": [math.inf, 1.0, -math.inf],
    "zeros": [0.0, -0.0, 1.0, 0.0, -0.0],
    "huge": [1e30, 0.0, 2e30, 1.0],
    "minus-huge": [-1e30, -0.0, -2e30],
    "tiny": [1e-38, 1e-45, -1e-38],
}


def filled(values):
    """Changes an array to these values, over and over."""
    return lambda array: np.resize(np.asarray(values, array.dtype), array.shape)


def test_special_values_as_by_the_definition(variations, new_poisoned, examples, each):
    """NaN where the definition has NaN, infinite where it is infinite, equal elsewhere."""
    changes = [filled(values) for values in SPECIAL.values()]
    for case, dtype in product(examples, TOLERANCE):
        poisoned = new_poisoned()
        for applied in variations(case, 3, dtype, changes):
            application = replace(applied[0])
            for kernel in kernels(application.record):
                for alias in (None, *application.aliases(kernel)):
                    with each(case, dtype, named(application, kernel, alias)):
                        run = application.bind(kernel, poisoned, alias=alias)
                        for name, special in zip(SPECIAL, applied, strict=True):
                            application.inputs, application.outputs = (
                                special.inputs,
                                special.outputs,
                            )
                            with each(name), np.errstate(all="ignore"):
                                check(run(), application, dtype)


def test_fallback_is_the_definition(applications, new_poisoned, examples, each):
    """Without a kernel, the plain definition runs and its results are copied."""
    for case in examples:
        poisoned = new_poisoned()
        for application in applications(case, 3, "float64"):
            with each(case, application.record.name):
                kernel = find(application.record, ())
                assert (kernel.family, kernel.inplace) == ("definition", ())
                check(application.bind(kernel, poisoned)(), application, "float64")


def test_find_prefers_the_first_family(monkeypatch):
    record = ops.concat
    own = Kernel("own", print)
    monkeypatch.setitem(KERNELS, ("own", record.name), own)
    assert find(record, ("own", "out")) is own
    assert find(record, ("out", "own")).family == "out"
