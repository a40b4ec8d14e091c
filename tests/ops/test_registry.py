"""Every op, every vjp and every update rule, by the table in ``cases.py``, on every library."""

from functools import cache
from importlib import import_module
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import ops
from xpnet.errors import ShapeError
from xpnet.kernels.by_element import is_elementwise
from xpnet.ops.op_registry import REGISTRY, UPDATES
from xpnet.testing import finite_differences, sum_to_shape

TOLERANCE = {"float32": 3e-6, "float64": 1e-13}


def test_every_op_is_in_the_table(cases):
    assert {case.op for case in cases.CASES} == set(REGISTRY)


def test_every_vjp_is_in_the_table(cases):
    tested = {REGISTRY[c.op].vjp_of(i) for c in cases.CASES for i in cases.differentiable(c)}
    assert tested == {v for op in REGISTRY.values() for v in op.vjps if v is not None}


def test_every_update_rule_is_in_the_table(cases):
    assert {rule.name for rule in cases.RULES} == set(UPDATES)


@pytest.fixture(scope="module")
def reference():
    """``reference(case, n)``: what an op should give, computed once for all libraries."""
    return cache(lambda case, n: case.reference(*case.arrays(n), **case.static(n)))


def test_forward_against_its_reference(xp, cases, examples, reference, each):
    """`Variant.compute` also checks the inferred shape, the dtype and the inputs' integrity."""
    for case in examples:
        for n in case.rows:
            for dtype, tolerance in TOLERANCE.items():
                with each(case, dtype, n=n):
                    graph, node, feeds = cases.trace(case, n, dtype)
                    (got,) = xp.compute(graph, feeds, [node.output])
                    wanted = reference(case, n)
                    assert_allclose(xp.to_numpy(got), wanted, rtol=tolerance, atol=tolerance)


def test_ops_compute_on_arrays_at_once(xp, cases, reference, each):
    """Outside a trace, an op is a function of arrays and returns only its output."""
    for case in cases.CASES:
        with each(case):
            arrays = [xp.asarray(a) for a in case.arrays(3)]
            got = REGISTRY[case.op](*arrays, **case.static(3))
            assert xp.backend.owns(got)
            assert_allclose(xp.to_numpy(got), reference(case, 3), rtol=1e-13, atol=1e-13)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"matmul expects .* got \(2, 3\), \(2, 3\)"):
        ops.matmul(np.ones((2, 3)), np.ones((2, 3)))


def compute_vjp(xp, cases, case, index, n, dtype):
    graph, node, feeds = cases.trace(case, n, dtype)
    gradient = cases.append_vjp(graph, node, index, feeds)
    return xp.to_numpy(xp.compute(graph, feeds, [gradient])[0])


@pytest.fixture(scope="module")
def differences(cases):
    """``differences(case, index)``: a gradient by the reference, once for all libraries."""

    @cache
    def found(case, index):
        graph, node, feeds = cases.trace(case, 3, "float64")
        cases.append_vjp(graph, node, index, feeds)
        gy, static = feeds[graph.inputs[-1]], case.static(3)
        return finite_differences(
            lambda *xs: case.reference(*xs, **static), case.arrays(3), index, gy
        )

    return found


def test_vjps(xp, cases, examples, differences, each):
    """In float64 against finite differences, in float32 and for few rows against float64."""
    for case in examples:
        for index in cases.differentiable(case):
            for n in case.rows:
                with each(case, f"input {index}", n=n):
                    exact = compute_vjp(xp, cases, case, index, n, "float64")
                    with each("float32"):
                        got = compute_vjp(xp, cases, case, index, n, "float32")
                        assert_allclose(got, exact, rtol=1e-5, atol=1e-5)
                    if n == 3:
                        got = sum_to_shape(exact, case.arrays(3)[index].shape)
                        assert_allclose(got, differences(case, index), rtol=1e-7, atol=1e-8)


def test_the_gradients_of_all_cases_are_compared_with_differences(cases):
    """The test above does so for 3 rows."""
    assert all(3 in case.rows for case in cases.CASES)


def test_update_rules_against_their_reference(xp, cases, rule, each):
    record = UPDATES[rule.name]
    assert len(record.coefficients) == len(rule.coefficients)
    for size, (dtype, tolerance) in product((0, 1, 7), TOLERANCE.items()):
        with each(dtype, size=size):
            given = cases.vectors(rule, size, dtype)
            numbers = [xp.asarray(np.asarray(c, dtype)) for c in rule.coefficients]
            arrays = [xp.asarray(a) for a in given]
            got = record.fn(xp.xp, *arrays, *numbers, **rule.static)
            rows = [rule.reference(*row, *rule.coefficients) for row in zip(*given, strict=True)]
            wanted = list(zip(*rows, strict=True)) or [()] * len(given)
            for new, expected, array, old in zip(got, wanted, arrays, given, strict=True):
                assert str(xp.to_numpy(new).dtype) == dtype
                assert_allclose(xp.to_numpy(new), np.asarray(expected, dtype), rtol=tolerance)
                np.testing.assert_array_equal(xp.to_numpy(array), old)


def test_update_rules_keep_float32_with_python_settings(cases, rule):
    """A Python number must not raise float32 vectors to float64 (NumPy 2's weak scalars)."""
    arrays = cases.vectors(rule, 3, "float32")
    numbers = [np.asarray(c, "float32") for c in rule.coefficients]
    got = UPDATES[rule.name].fn(np, *arrays, *numbers, **rule.static)
    assert {a.dtype for a in got} == {np.dtype("float32")}


def test_rules_that_skip_zeros_are_marked(cases, rule):
    """They compute each element by itself, and change none whose gradient is 0."""
    record = UPDATES[rule.name]
    p, _, *slots = cases.vectors(rule, 7, "float64")
    given = [p, np.zeros_like(p), *slots]
    numbers = [np.asarray(c, "float64") for c in rule.coefficients]
    found = record.fn(np, *given, *numbers, **rule.static)
    kept = all(np.array_equal(new, old) for new, old in zip(found, given, strict=True))
    assert record.skips_zeros == (kept and is_elementwise(record, rule.static))


def test_internals_have_left_the_public_names(each):
    """For one more version they are available there, with a warning that names their module."""
    for name in ("PASS", "REGISTRY", "UPDATES", "Update", "Vjp"):
        home = "op_registry" if name in ("REGISTRY", "UPDATES") else "record"
        message = rf"xpnet\.ops\.{name} is now xpnet\.ops\.{home}"
        with each(name):
            assert name not in ops.__all__
            with pytest.warns(DeprecationWarning, match=message):
                found = getattr(ops, name)
            assert found is getattr(import_module(f"xpnet.ops.{home}"), name)


def test_residual_is_the_old_name_of_saves():
    for op in (ops.dropout, ops.relu):
        with pytest.warns(DeprecationWarning, match=r"Op\.residual is now Op\.saves"):
            assert op.residual == op.saves
    assert (ops.dropout.saves, ops.relu.saves) == (True, False)


def test_every_op_is_public_and_nothing_else():
    assert {name: getattr(ops, name) for name in ops.__all__ if name != "Op"} == REGISTRY
