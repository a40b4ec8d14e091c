"""GradientMonitor: norms as NumPy computes them, and sentences for trainings that go wrong."""

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xpnet as xn
from xpnet.training.callbacks.diagnosis import diagnose

_CUPY = {status.name: status for status in xn.backends.status()}["cupy"]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)), RNG.integers(0, 3, 40)


def make(optimizer=None, **settings):
    net = xn.Sequential(xn.Dense(6), xn.ReLU(), xn.Dense(3))
    return xn.Model(net, optimizer=optimizer or xn.SGD(0.1), dtype="float64", **settings)


def fit(model, monitor, x=X, y=Y, **settings):
    settings = {"epochs": 2, "batch_size": 10, "callbacks": [monitor], **settings}
    return model.fit(x, y, **settings)


# --- what is recorded ------------------------------------------------------------------------


def test_steps_and_epochs_that_are_recorded():
    monitor, model = xn.GradientMonitor(every=3), make()
    fit(model, monitor, epochs=2)
    fit(model, monitor, epochs=1)
    history = monitor["layers.0.weight"]
    assert history["step"] == [1, 4, 7, 10]
    assert history["epoch"] == [1, 1, 2, 3]


def test_a_row_for_each_parameter_in_order():
    monitor = xn.GradientMonitor(every=100)
    fit(make(), monitor)
    assert [row["name"] for row in monitor.rows] == [
        "layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias",
    ]  # fmt: skip
    assert all(tuple(row) == monitor.columns for row in monitor.rows)


@pytest.mark.parametrize("optimizer", [xn.SGD(0.1, momentum=0.9), xn.Adam(0.01)], ids=repr)
@pytest.mark.parametrize("library", ["numpy", "array_api_strict"])
def test_norms_are_those_of_numpy(optimizer, library):
    """The gradients of the batch, and the parameters before and after the step, by hand."""
    backend = "numpy" if library == "numpy" else pytest.importorskip(library)
    model = make(optimizer, backend=backend, input_shape=4)
    monitor = xn.GradientMonitor(every=1)
    before = {name: np.asarray(a) for name, a in model.state_dict().items()}
    fit(model, monitor, epochs=1, batch_size=100, shuffle=False)
    loss = xn.value_and_grad(
        lambda w0, b0, w1, b1: xn.ops.mean(
            xn.ops.softmax_cross_entropy(xn.ops.relu(X @ w0 + b0) @ w1 + b1, Y)
        ),
        wrt=(0, 1, 2, 3),
    )
    _, gradients = loss(*before.values())
    for row, gradient in zip(monitor.rows, gradients, strict=True):
        old, new = before[row["name"]], np.asarray(model.parameters[row["name"]])
        change = np.linalg.norm(new - old)
        assert row["gradient"] == pytest.approx(np.linalg.norm(gradient), rel=1e-12)
        assert row["parameter"] == pytest.approx(np.linalg.norm(old), rel=1e-12)
        assert row["update"] == pytest.approx(change, rel=1e-9)
        if old.ndim == 2:
            assert row["ratio"] == pytest.approx(change / np.linalg.norm(old), rel=1e-9)
            assert row["inactive"] == (gradient == 0).all(axis=0).mean()
        else:
            assert isnan(row["ratio"])
            assert isnan(row["inactive"])


def test_the_share_of_inactive_units_is_exact():
    """Two of six hidden units have a bias that no sample overcomes."""
    monitor, model = xn.GradientMonitor(), make(input_shape=4).build()
    model.parameters["layers.0.bias"][...] = [-1e6, 1e3, 1e3, -1e6, 1e3, 1e3]
    fit(model, monitor, epochs=1)
    assert monitor["layers.0.weight"]["inactive"] == [2 / 6]
    assert monitor["layers.2.weight"]["inactive"] == [0]


def test_small_and_large_numbers_of_float32_have_norms():
    monitor = xn.GradientMonitor()
    model = xn.Model(xn.Dense(1), loss=lambda z, t: xn.ops.mean(z) * 1e30, optimizer=xn.SGD(1e-36))
    fit(model, monitor, X, np.zeros(40), epochs=1, batch_size=40)
    assert 1e28 < monitor["weight"]["gradient"][0] < 1e31
    small = xn.GradientMonitor()
    model = xn.Model(xn.Dense(1), loss=lambda z, t: xn.ops.mean(z) * 1e-30, optimizer=xn.SGD(0.1))
    fit(model, small, X, np.zeros(40), epochs=1, batch_size=40)
    ratio = monitor["weight"]["gradient"][0] / small["weight"]["gradient"][0]
    assert ratio == pytest.approx(1e60, rel=1e-5)


def test_what_is_frozen_is_not_recorded():
    monitor, model = xn.GradientMonitor(), make(input_shape=4)
    model.freeze("layers.0")
    fit(model, monitor)
    assert {row["name"] for row in monitor.rows} == {"layers.2.weight", "layers.2.bias"}


def test_watching_changes_nothing():
    watched, twin = make(), make()
    fit(watched, xn.GradientMonitor(every=1))
    fit(twin, None, callbacks=[])
    for name, value in twin.parameters.items():
        np.testing.assert_array_equal(watched.parameters[name], value)


def test_a_fit_that_broke_off_within_a_step_leaves_nothing_behind():
    class Fail(xn.Callback):
        def on_gradient(self, model, step):
            raise KeyboardInterrupt

    monitor, model = xn.GradientMonitor(every=2), make()
    fit(model, monitor, epochs=1)
    with pytest.raises(KeyboardInterrupt):
        fit(model, monitor, callbacks=[monitor, Fail()])
    fit(model, monitor, epochs=1)
    assert monitor["layers.0.weight"]["step"] == [1, 3, 5, 7]


@pytest.mark.gpu
@pytest.mark.skipif(not _CUPY.usable, reason=f"cupy: {_CUPY.reason}")
def test_the_numbers_on_a_gpu_are_those_on_the_cpu():
    cpu, gpu = xn.GradientMonitor(every=2), xn.GradientMonitor(every=2)
    fit(make(backend="numpy"), cpu)
    fit(make(backend="cupy"), gpu)
    for one, other in zip(cpu.rows, gpu.rows, strict=True):
        assert one == pytest.approx(other, rel=1e-8, nan_ok=True)


def test_an_unknown_name_says_what_is_there():
    monitor = xn.GradientMonitor()
    with pytest.raises(KeyError, match="no parameters yet"):
        monitor["weight"]
    fit(make(), monitor)
    with pytest.raises(KeyError, match=r"layers\.0\.weight, layers\.0\.bias"):
        monitor["weight"]


def test_the_table_shows_the_last_record():
    monitor = xn.GradientMonitor(every=5)
    assert str(monitor) == "nothing recorded yet"
    fit(make(), monitor)
    lines = str(monitor).splitlines()
    loss = monitor.rows[-1]["loss"]
    assert lines[0] == f"step 6, epoch 2, loss {loss:.4g}"
    assert lines[1].split() == ["name", "gradient", "parameter", "update", "ratio", "inactive"]
    assert [line.split()[0] for line in lines[2:]] == [r["name"] for r in monitor.rows[-4:]]
    assert lines[3].split()[-1] == "-"
    assert len({len(line) for line in lines[1:]}) == 1
    assert repr(monitor) == "<GradientMonitor of 2 steps>"


@pytest.mark.parametrize("every", [0, -1, 1.5, True, None])
def test_settings_are_checked(every):
    with pytest.raises(xn.errors.ArgumentError, match="every"):
        xn.GradientMonitor(every)


# --- what is said ----------------------------------------------------------------------------


def test_a_training_that_goes_well_is_left_alone():
    monitor = xn.GradientMonitor(every=1)
    assert monitor.explain() == ["Nothing was recorded yet: give this monitor to a fit."]
    fit(make(), monitor, epochs=20)
    assert monitor.explain() == []


def test_dead_relus_are_named():
    monitor, model = xn.GradientMonitor(every=1), make(xn.SGD(1e-3), input_shape=4).build()
    model.parameters["layers.0.bias"][...] = [-1e6] * 4 + [10] * 2
    fit(model, monitor)
    (sentence,) = monitor.explain()
    assert sentence.startswith("layers.0.weight (67%): units whose gradient is exactly 0.")
    assert monitor.explain(inactive=0.7) == []


def test_vanishing_gradients_are_named():
    monitor = xn.GradientMonitor(every=1)
    model = xn.MLP([4] + [8] * 12 + [3], activation="sigmoid", dtype="float64")
    fit(model, monitor)
    found = monitor.explain(slow=0)
    assert len(found) == 1
    assert found[0].startswith("layers.0.weight (")
    assert "times layers.24.weight): gradients that fade" in found[0]


def test_an_exploding_gradient_and_its_step_are_named():
    """The inputs of the seventh batch are a million times too large."""
    monitor, x = xn.GradientMonitor(every=1), np.concatenate([X, X])
    x[60:70] *= 1e6
    fit(make(xn.SGD(1e-12)), monitor, x, np.concatenate([Y, Y]), epochs=1, shuffle=False)
    found = monitor.explain(slow=0)
    assert len(found) == 1
    assert "layers.0.weight (norm" in found[0]
    assert "in step 7)" in found[0]
    assert "jump" in found[0]


def test_a_rate_that_is_too_large_or_too_small_shows():
    fast, slow = xn.GradientMonitor(every=1), xn.GradientMonitor(every=1)
    fit(make(xn.Adam(1.0)), fast, epochs=1)
    fit(make(xn.SGD(1e-9)), slow)
    assert any("large relative to their parameters" in sentence for sentence in fast.explain())
    (sentence,) = slow.explain()
    assert "change almost nothing" in sentence


def history(gradient, inactive=0.0, ratio=1e-3):
    n = len(gradient)
    columns = {"gradient": gradient, "inactive": [inactive] * n, "ratio": [ratio] * n}
    return {"step": list(range(1, n + 1)), **columns}


def explain(histories):
    return diagnose(histories, inactive=0.5, vanishing=1e-4, exploding=1e3, fast=0.1, slow=1e-6)


@pytest.mark.parametrize("norm", [nan, inf])
def test_gradients_that_are_not_finite_are_named_from_the_first_record(norm):
    (sentence,) = explain({"bias": history([norm, 1.0, 1.0], inactive=nan)})
    assert sentence.startswith(f"bias (norm {norm} in step 1): gradients that jump")


def test_gradients_that_shrink_do_not_explode():
    assert explain({"w": history([1e6, 1e3, 1.0, 1e-3, 1e-6])}) == []


def test_a_unit_that_wakes_up_is_not_dead():
    asleep = history([1.0] * 5)
    asleep["inactive"] = [1.0, 1.0, 1.0, 0.9, 0.4]
    assert explain({"w": asleep}) == []
    asleep["inactive"] = [0.0, 0.0, 0.6, 0.7, 0.8]
    assert explain({"w": asleep})[0].startswith("w (80%)")


def test_vectors_and_single_layers_neither_vanish_nor_pace():
    bias = history([1e-9] * 3, inactive=nan, ratio=50.0)
    assert explain({"bias": bias, "weight": history([1.0] * 3)}) == []


def test_a_layer_that_was_frozen_since_is_not_judged_by_old_records():
    frozen = history([1e-9] * 3, inactive=1.0, ratio=5.0)
    assert explain({"first": frozen, "last": history([1.0] * 6)}) == []


@given(st.lists(st.floats(0, 1e6), max_size=40))
def test_the_jump_is_the_first_above_the_median_before(norms):
    found = explain({"b": history(norms, inactive=nan)}) if norms else []
    expected = [
        step
        for step, norm in enumerate(norms, 1)
        if step > 3 and 0 < 1e3 * sorted(norms[: step - 1])[(step - 1) // 2] < norm
    ]
    assert bool(found) == bool(expected)
    if expected:
        assert f" in step {expected[0]})" in found[0]
