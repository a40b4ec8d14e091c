"""All of training as on CuPy, with the stand-in: the same numbers, few transfers."""

import inspect
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import backend_of, cuda, get
from xpnet.errors import DataError
from xpnet.lowering import conditions

FEATURES, CLASSES = 5, 3


def _data(rows: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, FEATURES)).astype("float32")
    return X, (X @ rng.normal(size=(FEATURES, CLASSES))).argmax(axis=1)


def _targets(kind: str, y: Any) -> Any:
    """Targets for each kind of loss, made from labels."""
    one_hot = np.eye(CLASSES, dtype="float32")[y]
    return {
        "labels": y,
        "soft": 0.8 * one_hot + 0.2 / CLASSES,
        "binary": one_hot,
        "real": one_hot * 3 - 1,
    }[kind]


_LOSS = {
    "labels": "softmax_cross_entropy",
    "soft": "softmax_cross_entropy",
    "binary": "binary_cross_entropy_with_logits",
    "real": "mean_squared_error",
}


def _net() -> Any:
    """Every kind of layer: a skip, a fork, a gate, a shared layer."""
    shared = xn.Dense(6, "tanh")
    return xn.Sequential(
        xn.Dense(6, "relu"),
        xn.Residual(shared, xn.Sigmoid()),
        shared,
        xn.Concat(xn.Dense(4, "relu"), xn.Multiply(xn.Dense(2), xn.Dense(2, "softmax"))),
        xn.Dense(CLASSES),
    )


def _pair(**settings: Any) -> tuple[xn.Model, xn.Model]:
    return tuple(xn.Model(_net(), backend=name, **settings) for name in ("numpy", "cupy"))


def _same(a: Any, b: Any) -> None:
    host = b.get() if hasattr(b, "get") else b
    np.testing.assert_allclose(a, host, rtol=1e-5, atol=1e-6)


class TestSameNumbers:
    @pytest.mark.parametrize("kind", list(_LOSS))
    @pytest.mark.parametrize("weighted", [False, True])
    def test_fit_for_every_loss(self, cupy: Any, kind: str, weighted: bool) -> None:
        X, labels = _data(50)
        y, w = _targets(kind, labels), (labels % 3 * 0.5 if weighted else None)
        models = _pair(loss=_LOSS[kind])
        rows = [
            model.fit(
                X, y, epochs=2, batch_size=16, sample_weight=w, validation_data=(X[:9], y[:9])
            ).to_dict()
            for model in models
        ]
        for name in rows[0].keys() - {"seconds"}:
            np.testing.assert_allclose(rows[0][name], rows[1][name], rtol=1e-5, err_msg=name)
        for name, value in models[0].parameters.items():
            _same(value, models[1].parameters[name])

    @pytest.mark.parametrize(
        "optimizer",
        [
            xn.SGD(0.1),
            xn.SGD(0.1, momentum=0.9, weight_decay=0.01),
            xn.SGD(0.1, momentum=0.9, nesterov=True),
            xn.Adam(0.01, weight_decay=0.01),
        ],
        ids=["sgd", "momentum", "nesterov", "adam"],
    )
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_fit_for_every_optimizer(self, cupy: Any, optimizer: Any, dtype: str) -> None:
        X, y = _data(40)
        models = _pair(optimizer=optimizer, dtype=dtype)
        for model in models:
            model.fit(X, y, epochs=2, batch_size=16)
        for name, value in models[0].parameters.items():
            assert models[1].parameters[name].dtype == dtype
            _same(value, models[1].parameters[name])

    @pytest.mark.parametrize("weighted", [False, True])
    def test_fit_that_adds_up_the_gradients_of_batches(self, cupy: Any, weighted: bool) -> None:
        X, y = _data(50)
        models = _pair()
        w = y % 3 * 0.5 if weighted else None
        fits = [m.fit(X, y, epochs=2, batch_size=8, accumulate=3, sample_weight=w) for m in models]
        np.testing.assert_allclose(fits[0]["loss"], fits[1]["loss"], rtol=1e-5)
        for name, value in models[0].parameters.items():
            _same(value, models[1].parameters[name])

    def test_predict_evaluate_and_one_step(self, cupy: Any) -> None:
        X, y = _data(30)
        host, device = _pair()
        _same(host.predict(X, batch_size=7), device.predict(X, batch_size=7))
        assert host.evaluate(X, y) == pytest.approx(device.evaluate(X, y), rel=1e-5)
        _same(host.train_on_batch(X, y), device.train_on_batch(X, y))
        _same(host.predict(X), device.predict(X))

    def test_state_goes_from_one_to_the_other(self, cupy: Any) -> None:
        X, y = _data(30)
        host, device = _pair()
        device.fit(X, y, epochs=1)
        host.build(FEATURES).load_state_dict(
            {name: a.get() for name, a in device.state_dict().items()}
        )
        _same(host.predict(X), device.predict(X))
        device.load_state_dict(host.state_dict())
        _same(host.predict(X), device.predict(X))

    def test_a_run_that_diverges_is_undone(self, cupy: Any) -> None:
        X, y = _data(32)
        model = xn.Model(xn.Dense(CLASSES), "mean_squared_error", xn.SGD(1e30), backend="cupy")
        before = model.build(FEATURES).state_dict()
        with np.errstate(all="ignore"), pytest.raises(xn.errors.DivergedError, match="epoch 1"):
            model.fit(X * 1e9, np.eye(CLASSES)[y], epochs=3, batch_size=8)
        for name, value in before.items():
            _same(value.get(), model.parameters[name])


class TestResults:
    """Results come back in the library of the arrays that came in."""

    def test_predict(self, cupy: Any) -> None:
        X, _ = _data(8)
        model = xn.Model(_net(), backend="cupy")
        assert isinstance(model.predict(X), np.ndarray)
        assert isinstance(model.predict(X.tolist()), np.ndarray)
        assert isinstance(model.predict(cupy.asarray(X)), cupy.ndarray)

    def test_a_model_follows_device_arrays(self, cupy: Any) -> None:
        X, y = _data(8)
        model = xn.MLP([FEATURES, 4, CLASSES])
        model.fit(cupy.asarray(X), cupy.asarray(y), epochs=1)
        assert model.backend is get("cupy")
        assert isinstance(model.train_on_batch(cupy.asarray(X), cupy.asarray(y)), cupy.ndarray)
        assert isinstance(model.evaluate(cupy.asarray(X), cupy.asarray(y))["loss"], float)

    def test_arrays_of_host_and_device_are_not_mixed(self, cupy: Any) -> None:
        X, y = _data(8)
        with pytest.raises(DataError, match=r"different libraries.*\(cupy, numpy\)"):
            xn.MLP([FEATURES, CLASSES]).fit(cupy.asarray(X), y)

    def test_backend_of(self, cupy: Any) -> None:
        assert backend_of(cupy.ones(2)) is get("cupy") is get(cupy)

    def test_value_and_grad(self, cupy: Any) -> None:
        X, y = _data(8)
        net = _net()

        def loss(x: Any, t: Any) -> Any:
            return xn.ops.mean(xn.ops.softmax_cross_entropy(net(x), t))

        vg = xn.value_and_grad(loss, wrt="parameters")
        start = vg.init(X, y)
        value, grads = vg(X, y, parameters=start)
        device = {name: cupy.asarray(a) for name, a in start.items()}
        found, found_grads = vg(cupy.asarray(X), cupy.asarray(y), parameters=device)
        _same(value, found)
        for name, grad in grads.items():
            assert isinstance(found_grads[name], cupy.ndarray)
            _same(grad, found_grads[name])


def _cost(cupy: Any, epochs: int, rows: int, **settings: Any) -> dict[str, int]:
    """The counts of one call of fit, with batches of 8 samples and a built network."""
    X, y = _data(rows)
    model = xn.MLP([FEATURES, 8, CLASSES], backend="cupy")
    model.fit(X[:8], y[:8], epochs=1, batch_size=8)
    cupy.COUNTS.update(dict.fromkeys(cupy.COUNTS, 0))
    model.fit(X, y, epochs=epochs, batch_size=8, **settings)
    return dict(cupy.COUNTS)


class TestNoHiddenTransfers:
    def test_reads_do_not_depend_on_the_steps(self, cupy: Any) -> None:
        few, many = _cost(cupy, 2, 16), _cost(cupy, 2, 320)
        assert few["reads"] == many["reads"]
        assert few["uploads"] == many["uploads"]

    @pytest.mark.parametrize("weighted", [False, True])
    def test_nor_where_gradients_are_added_up(self, cupy: Any, weighted: bool) -> None:
        def cost(rows: int) -> dict[str, int]:
            weights = np.arange(rows) % 3 if weighted else None
            return _cost(cupy, 2, rows, accumulate=4, sample_weight=weights)

        few, many = cost(16), cost(320)
        for what in ("reads", "uploads"):
            assert few[what] == many[what], what

    def test_an_epoch_waits_three_times_at_most(self, cupy: Any) -> None:
        # The first loss, early; all losses, at the end; whether the parameters are still finite.
        assert _cost(cupy, 7, 80)["reads"] - _cost(cupy, 2, 80)["reads"] <= 5 * 3

    def test_an_epoch_uploads_nothing(self, cupy: Any) -> None:
        assert _cost(cupy, 7, 80)["uploads"] == _cost(cupy, 2, 80)["uploads"]

    def test_the_door_reads_only_to_check(self, cupy: Any) -> None:
        # One read checks that X is finite; two give the lowest and the highest label.
        assert _cost(cupy, 1, 80)["reads"] <= 3 + 4  # and whether the parameters are finite

    def test_a_step_allocates_nothing(self, cupy: Any) -> None:
        few, many = _cost(cupy, 1, 80), _cost(cupy, 1, 160)
        assert many["allocations"] == few["allocations"]

    def test_a_step_copies_no_input_that_its_output_overwrites(self, cupy: Any) -> None:
        assert _cost(cupy, 1, 80)["alias_copies"] == 0

    @pytest.mark.parametrize("check_finite", [False, True])
    def test_a_step_by_hand_waits_for_nothing(self, cupy: Any, check_finite: bool) -> None:
        X, y = map(cupy.asarray, _data(16))
        model = xn.MLP([FEATURES, 8, CLASSES], check_finite=check_finite)
        model.fit(X, y, epochs=1)
        before = cupy.COUNTS["reads"]
        model.train_on_batch(X, y)
        assert cupy.COUNTS["reads"] == before

    def test_predict_moves_the_data_there_and_the_result_back(self, cupy: Any) -> None:
        X, _ = _data(64)
        model = xn.MLP([FEATURES, 8, CLASSES], backend="cupy", check_finite=False)
        model.predict(X, batch_size=8)
        cupy.COUNTS.update(dict.fromkeys(cupy.COUNTS, 0))
        model.predict(X, batch_size=8)
        assert (cupy.COUNTS["uploads"], cupy.COUNTS["reads"]) == (1, 1)

    def test_evaluate_reads_do_not_depend_on_the_batches(self, cupy: Any) -> None:
        X, y = map(cupy.asarray, _data(64))
        model = xn.MLP([FEATURES, 8, CLASSES], backend="cupy")
        reads = []
        for batch_size in (64, 8):
            before = cupy.COUNTS["reads"]
            model.evaluate(X, y, batch_size=batch_size)
            reads.append(cupy.COUNTS["reads"] - before)
        assert reads[0] == reads[1]


def test_a_checkpoint_says_which_sums_have_no_fixed_order(cupy: Any) -> None:
    assert conditions(get("cupy"))["gradients of embeddings"] == "added in no fixed order"
    assert "gradients of embeddings" not in conditions(get("numpy"))


class TestTheStandIn:
    """The stand-in must behave like CuPy."""

    def test_refuses_to_become_a_numpy_array(self, cupy: Any) -> None:
        with pytest.raises(TypeError, match="Implicit conversion"):
            np.asarray(cupy.ones(2))
        with pytest.raises(TypeError):
            np.ones(2) + cupy.ones(2)
        with pytest.raises(TypeError):
            cupy.ones(2) + np.ones(2)
        with pytest.raises(TypeError):
            cupy.add(cupy.ones(2), np.ones(2))

    def test_counts_what_waits(self, cupy: Any) -> None:
        x = cupy.ones(())
        float(x), int(x), bool(x), x.tolist(), x.item(), cupy.asnumpy(x)
        assert cupy.COUNTS["reads"] == 6

    def test_takes_nothing_that_cupy_does_not(self, cupy: Any) -> None:
        x, index = cupy.ones(3), cupy.arange(2)
        for call in (
            lambda: cupy.take(x, index, mode="clip"),
            lambda: cupy.add(x, x, where=x > 0),
            lambda: cupy.sum(x, where=x > 0),
            lambda: cupy.zeros(3, device="cpu"),
        ):
            with pytest.raises(TypeError):
                call()

    def test_refuses_an_output_of_another_type_in_take(self, cupy: Any) -> None:
        with pytest.raises(TypeError, match="Output dtype mismatch"):
            cupy.take(cupy.ones(3, "float32"), cupy.arange(2), out=cupy.empty(2, "float64"))

    def test_refuses_what_cupy_refuses_of_memory(self, cupy: Any) -> None:
        x, index = cupy.zeros((4, 6), "float32"), cupy.arange(4)
        for error, call in (
            (TypeError, lambda: x.set(np.zeros((4, 6)))),
            (ValueError, lambda: x.set(np.zeros((6, 4), "float32"))),
            (RuntimeError, lambda: x[:, ::2].set(np.zeros((4, 3), "float32"))),
            (TypeError, lambda: cupy.add.at(cupy.zeros(4, "int64"), index, index)),
            (TypeError, lambda: cupy.multiply.at(x, index, x)),
            (TypeError, lambda: cupy.add.at(x, index, np.zeros((4, 6)))),
            (IndexError, lambda: cupy.add.at(x, cupy.zeros(4), x)),
            (TypeError, lambda: cupy.take(x, cupy.zeros(4), axis=0)),
            (TypeError, lambda: cupy.copyto(cupy.zeros(4, "int32"), cupy.zeros(4))),
            (TypeError, lambda: cupy.copyto(x, x, where=x)),
        ):
            with pytest.raises(error):
                call()
        x.T.set(np.ones((6, 4), "float32"))
        assert x.get().min() == 1

    def test_counts_what_cupy_copies(self, cupy: Any) -> None:
        x = cupy.zeros((4, 6), "float32")
        for call, copies in (
            (lambda: x.reshape(-1), 0),
            (lambda: x.T.reshape(-1), 1),
            (lambda: cupy.add.at(x, cupy.arange(4), cupy.ones((4, 6))), 3),
        ):
            before = cupy.COUNTS["allocations"]
            call()
            assert cupy.COUNTS["allocations"] - before == copies

    def test_a_function_that_it_lacks_says_so(self, cupy: Any) -> None:
        with pytest.raises(NotImplementedError, match=r"no cupy\.hypot"):
            cupy.hypot(1, 2)

    def test_has_the_signatures_of_the_real_cupy(self, standin_modules: Any) -> None:
        real = pytest.importorskip("cupy", reason="CuPy is not installed (.ci/run does, later)")
        standin = standin_modules["cupy"]
        compared = 0
        for name, ours in vars(standin).items():
            if inspect.isfunction(ours) and not name.startswith("_") and name != "modules":
                theirs = getattr(real, name)
                assert _parameters(ours) == _parameters(theirs), name
                compared += 1
            elif isinstance(ours, standin.ufunc):
                assert isinstance(getattr(real, name), real.ufunc), name
                compared += 1
        assert compared > 60

    def test_every_function_of_the_backend_is_in_the_real_cupy(self) -> None:
        real = pytest.importorskip("cupy", reason="CuPy is not installed (.ci/run does, later)")
        backend = cuda.CupyBackend(real)
        assert backend.raw.matmul is real.matmul


def _parameters(function: Any) -> list[tuple[str, Any, Any]]:
    if not inspect.isfunction(function):
        function = type(function).__call__  # matmul is an object
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found if p.name != "self"]
