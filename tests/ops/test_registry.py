"""Every op, every vjp and every update rule, by the table in ``cases.py``, on every library."""

from importlib import import_module

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import ops
from xpnet.errors import ShapeError
from xpnet.ops.op_registry import REGISTRY, UPDATES
from xpnet.testing import finite_differences, sum_to_shape

TOLERANCE = {"float32": 3e-6, "float64": 1e-13}
dtypes = pytest.mark.parametrize("dtype", list(TOLERANCE))


def test_every_op_is_in_the_table(cases):
    assert {case.op for case in cases.CASES} == set(REGISTRY)


def test_every_vjp_is_in_the_table(cases):
    tested = {REGISTRY[c.op].vjp_of(i) for c in cases.CASES for i in cases.differentiable(c)}
    assert tested == {v for op in REGISTRY.values() for v in op.vjps if v is not None}


def test_every_update_rule_is_in_the_table(cases):
    assert {rule.name for rule in cases.RULES} == set(UPDATES)


@dtypes
def test_forward_against_its_reference(xp, cases, case, dtype):
    """`Variant.compute` also checks the inferred shape, the dtype and the inputs' integrity."""
    for n in case.rows:
        graph, node, feeds = cases.trace(case, n, dtype)
        wanted = case.reference(*case.arrays(n), **case.static(n))
        (got,) = xp.compute(graph, feeds, [node.output])
        tolerance = TOLERANCE[dtype]
        assert_allclose(xp.to_numpy(got), wanted, rtol=tolerance, atol=tolerance, err_msg=f"n={n}")


def test_ops_compute_on_arrays_at_once(xp, cases, case):
    """Outside a trace, an op is a function of arrays and returns only its output."""
    arrays = [xp.asarray(a) for a in case.arrays(3)]
    got = REGISTRY[case.op](*arrays, **case.static(3))
    assert xp.backend.owns(got)
    wanted = case.reference(*case.arrays(3), **case.static(3))
    assert_allclose(xp.to_numpy(got), wanted, rtol=1e-13, atol=1e-13)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"matmul expects .* got \(2, 3\), \(2, 3\)"):
        ops.matmul(np.ones((2, 3)), np.ones((2, 3)))


def compute_vjp(xp, cases, case, index, n, dtype):
    graph, node, feeds = cases.trace(case, n, dtype)
    gradient = cases.append_vjp(graph, node, index, feeds)
    return xp.to_numpy(xp.compute(graph, feeds, [gradient])[0]), feeds[graph.inputs[-1]]


def test_vjps_against_finite_differences(xp, cases, case):
    arrays, static = case.arrays(3), case.static(3)
    for index in cases.differentiable(case):
        got, gy = compute_vjp(xp, cases, case, index, 3, "float64")
        wanted = finite_differences(lambda *xs: case.reference(*xs, **static), arrays, index, gy)
        got = sum_to_shape(got, arrays[index].shape)
        assert_allclose(got, wanted, rtol=1e-7, atol=1e-8, err_msg=f"input {index}")


def test_vjps_in_float32_and_for_few_rows(xp, cases, case):
    for index in cases.differentiable(case):
        for n in case.rows:
            got, _ = compute_vjp(xp, cases, case, index, n, "float32")
            wanted, _ = compute_vjp(xp, cases, case, index, n, "float64")
            assert_allclose(got, wanted, rtol=1e-5, atol=1e-5, err_msg=f"input {index}, n={n}")


@dtypes
@pytest.mark.parametrize("size", [0, 1, 7])
def test_update_rules_against_their_reference(xp, cases, rule, size, dtype):
    record = UPDATES[rule.name]
    assert len(record.coefficients) == len(rule.coefficients)
    given = cases.vectors(rule, size, dtype)
    numbers = [xp.asarray(np.asarray(c, dtype)) for c in rule.coefficients]
    arrays = [xp.asarray(a) for a in given]
    got = record.fn(xp.xp, *arrays, *numbers, **rule.static)
    rows = [rule.reference(*row, *rule.coefficients) for row in zip(*given, strict=True)]
    wanted = list(zip(*rows, strict=True)) or [()] * len(given)
    for new, expected, array, old in zip(got, wanted, arrays, given, strict=True):
        assert str(xp.to_numpy(new).dtype) == dtype
        assert_allclose(xp.to_numpy(new), np.asarray(expected, dtype), rtol=TOLERANCE[dtype])
        np.testing.assert_array_equal(xp.to_numpy(array), old)


def test_update_rules_keep_float32_with_python_settings(cases, rule):
    """A Python number must not raise float32 vectors to float64 (NumPy 2's weak scalars)."""
    arrays = cases.vectors(rule, 3, "float32")
    numbers = [np.asarray(c, "float32") for c in rule.coefficients]
    got = UPDATES[rule.name].fn(np, *arrays, *numbers, **rule.static)
    assert {a.dtype for a in got} == {np.dtype("float32")}


@pytest.mark.parametrize("name", ["PASS", "REGISTRY", "UPDATES", "Update", "Vjp"])
def test_internals_have_left_the_public_names(name):
    """For one more version they are available there, with a warning that names their module."""
    assert name not in ops.__all__
    home = "op_registry" if name in ("REGISTRY", "UPDATES") else "record"
    with pytest.warns(DeprecationWarning, match=rf"xpnet\.ops\.{name} is now xpnet\.ops\.{home}"):
        found = getattr(ops, name)
    assert found is getattr(import_module(f"xpnet.ops.{home}"), name)


def test_residual_is_the_old_name_of_saves():
    for op in (ops.dropout, ops.relu):
        with pytest.warns(DeprecationWarning, match=r"Op\.residual is now Op\.saves"):
            assert op.residual == op.saves
    assert (ops.dropout.saves, ops.relu.saves) == (True, False)


def test_every_op_is_public_and_nothing_else():
    assert {name: getattr(ops, name) for name in ops.__all__ if name != "Op"} == REGISTRY
