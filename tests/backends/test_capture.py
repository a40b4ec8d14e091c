"""Steps as CUDA graphs, on the stand-in: the same bits, few launches, and why not where not."""

import gc
import logging
import os
import signal
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.backends.cpu import NumpyBackend
from xpnet.errors import ArgumentError, DivergedError, ShapeError
from xpnet.lowering.cuda import gemm
from xpnet.lowering.cuda.cuda_graph import Graph, NotCaptured
from xpnet.training import cuda_graphs, device_epoch

FEATURES, CLASSES = 5, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(75, FEATURES)).astype("float32")
Y = (X @ RNG.normal(size=(FEATURES, CLASSES))).argmax(axis=1)


@pytest.fixture
def gpu(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A CuPy whose products can be captured, as with cuBLASLt."""
    monkeypatch.setattr(gemm, "usable", lambda cupy, precision="float32": (True, "works"))
    monkeypatch.setenv("XPNET_FAST", "0")  # the stand-in has no compiler for what is fused
    cupy.SETTINGS["products"] = True
    return cupy


def _net(*more: Any) -> Any:
    return xn.Sequential(xn.Dense(7), *more, xn.ReLU(), xn.Dense(CLASSES))


def _model(*more: Any, **settings: Any) -> xn.Model:
    return xn.Model(_net(*more), backend="cupy", seed=3, **settings)


def _bits(model: xn.Model) -> dict[str, bytes]:
    found = {name: a.get().tobytes() for name, a in model.state_dict().items()}
    slots = {f"slot {n}": a.get().tobytes() for n, a in model.engine.state.slots.items()}
    return found | slots


def _fit(model: xn.Model, **settings: Any) -> Any:
    """What a fit of 75 samples in batches of 8 (9 of them, and one of 3) leaves."""
    settings = {"epochs": 3, "batch_size": 8, "verbose": False} | settings
    history = model.fit(X, Y, **settings).to_dict()
    return (
        {n: c for n, c in history.items() if n != "seconds"},
        _bits(model),
        model.engine.state.updates,
    )


def _launches(cupy: Any) -> int:
    return sum(what == "launch" for _, what in cupy.LOG)


def _captures(cupy: Any) -> int:
    return sum(what == "begin capture" for _, what in cupy.LOG)


MODELS = {
    "plain": lambda: _model(),
    "float64": lambda: _model(dtype="float64"),
    "dropout": lambda: _model(xn.Dropout(0.4)),
    "scheduled dropout": lambda: _model(xn.Dropout(xn.FlatCosine(0.4, 2))),
    "running means": lambda: _model(xn.BatchNorm()),
    "momentum": lambda: _model(optimizer=xn.SGD(0.1, momentum=0.9, weight_decay=0.01)),
    "warmup": lambda: _model(optimizer=xn.Adam(xn.Warmup(xn.CosineDecay(0.01, 3), 1.5))),
    "clipped, averaged": lambda: _model(
        optimizer=xn.AdamW(0.01, clip_global_norm=0.5, average_decay=0.9)
    ),
    "factors": lambda: _model(xn.Dense(4, kernel_rate=2.0, bias_rate=0.1), optimizer="adamw"),
    "branches": lambda: _model(xn.Concat(xn.Dense(3), xn.Dense(2))),
    "frozen": lambda: _model(frozen=("layers.0",)),
}
FITS: dict[str, dict[str, Any]] = {
    "shuffled": {},
    "as they come": {"shuffle": False},
    "in an order of your own": {"shuffle": lambda n: np.arange(n)[::-1]},
    "weighted": {"sample_weight": np.arange(75) % 4},
    "validated": {"validation_data": (X[:9], Y[:9])},
    "whole batches": {"batch_size": 25},
    "one batch": {"batch_size": 75},
}


@pytest.mark.parametrize("name", MODELS)
def test_has_the_bits_of_single_calls(gpu: Any, name: str) -> None:
    wanted = _fit(MODELS[name](), steps_per_execution=0)
    assert _launches(gpu) == 0
    assert _fit(MODELS[name](), steps_per_execution=3) == wanted
    assert _launches(gpu) > 0


@pytest.mark.parametrize("settings", FITS.values(), ids=FITS)
@pytest.mark.parametrize("steps", [1, 4, 32, None])
def test_has_the_bits_of_single_calls_in_every_fit(gpu: Any, settings: Any, steps: Any) -> None:
    wanted = _fit(_model(), steps_per_execution=0, **settings)
    assert _fit(_model(), steps_per_execution=steps, **settings) == wanted


@pytest.mark.parametrize("what", ["learning rate", "optimizer"])
@pytest.mark.parametrize("steps", [0, None])
def test_what_is_changed_at_a_safe_point_counts_at_once(gpu: Any, what: str, steps: Any) -> None:
    class Change(xn.Callback):
        def stride(self) -> int:
            return 4

        def on_safe_point(self, model: Any, context: Any) -> None:
            if context.state.step == 4 and what == "optimizer":
                model.optimizer = xn.SGD(0.3, momentum=0.5)
            elif context.state.step == 4:
                model.optimizer.learning_rate = 1e-9

    def fit(steps: Any) -> Any:
        model = _model(optimizer=xn.SGD(0.1, momentum=0.9))
        return _fit(model, callbacks=[Change()], steps_per_execution=steps, epochs=1)

    assert fit(steps) == fit(0)
    assert fit(steps) != _fit(_model(optimizer=xn.SGD(0.1, momentum=0.9)), epochs=1)


def test_steps_by_hand_go_on_from_captured_ones(gpu: Any) -> None:
    models = _model(), _model()
    for model, steps in zip(models, (0, 4), strict=True):
        _fit(model, steps_per_execution=steps)
        model.train_on_batch(X[:8], Y[:8])
        _fit(model, steps_per_execution=steps, batch_size=20)
    assert _bits(models[0]) == _bits(models[1])


def test_each_graph_is_captured_once_and_launched_in_every_epoch(gpu: Any) -> None:
    _fit(_model(), steps_per_execution=3, epochs=4)
    # An epoch: one step by calls, 8 whole batches by graphs of 3, 3 and 2, and the smaller one,
    # which is made by calls the first time.
    assert _launches(gpu) == 3 + 3 * 4
    assert _captures(gpu) == 3


def test_the_bits_are_those_of_a_cpu_to_rounding(gpu: Any) -> None:
    host = xn.Model(_net(), backend="numpy", seed=3)
    history = host.fit(X, Y, epochs=3, batch_size=8, verbose=False)
    found = _fit(_model())[0]
    np.testing.assert_allclose(found["loss"], history["loss"], rtol=1e-5)


def test_an_epoch_reads_and_uploads_as_much_whatever_its_steps(gpu: Any) -> None:
    counts = []
    for batch_size in (15, 5):
        model = _model()
        _fit(model, epochs=2, batch_size=batch_size)
        gpu.COUNTS.update(dict.fromkeys(gpu.COUNTS, 0))
        _fit(model, epochs=2, batch_size=batch_size)
        first = dict(gpu.COUNTS)
        _fit(model, epochs=5, batch_size=batch_size)
        counts.append({n: gpu.COUNTS[n] - 2 * first[n] for n in ("reads", "uploads")})
    assert counts[0] == counts[1]


def test_other_work_on_the_device_is_not_captured(gpu: Any) -> None:
    """Such as another thread's, on the stream on which the backend works."""
    backend: Any = get("cupy")
    x, out = gpu.ones(3), gpu.zeros(3)

    def call() -> None:
        gpu.add(x, x, out=out)
        with backend.stream:
            gpu.multiply(x, 5, out=x)

    with backend.work():
        graph = Graph(backend, [call])
        graph.launch()
        assert out.get().tolist() == [10, 10, 10]
        graph.launch()
        assert x.get().tolist() == [5, 5, 5]


def test_a_graph_frees_what_it_captured(gpu: Any) -> None:
    gpu.SETTINGS["devices"] = 2
    backend: Any = get("cupy:1")
    with backend.work():
        x, out = gpu.ones(100), gpu.zeros(100)
        graph = Graph(backend, [lambda: gpu.add(x + 1, x, out=out)])
        assert gpu.CAPTURED["bytes"] == 800
        graph.launch()
        assert out.get().tolist() == [3] * 100
    del graph
    gc.collect()
    assert gpu.CAPTURED["bytes"] == 0
    with backend.work(), pytest.raises(NotCaptured, match="copies data"):
        Graph(backend, [lambda: x + 1, lambda: gpu.array([1.0])])
    gc.collect()
    assert gpu.CAPTURED["bytes"] == 0


def test_batch_loss_is_that_of_the_last_step(gpu: Any) -> None:
    losses = []
    for steps in (0, 4):
        model = _model()
        _fit(model, steps_per_execution=steps, batch_size=25)
        losses.append(float(model.batch_loss))
    assert losses[0] == losses[1]


class TestStops:
    class Every(xn.Callback):
        """Needs a safe point after so many steps; notes where it had one, and may interrupt."""

        def __init__(self, steps: int, interrupt: int = 0) -> None:
            self.steps, self.interrupt = steps, interrupt
            self.seen: list[int] = []

        def stride(self) -> int:
            return self.steps

        def on_safe_point(self, model: Any, run: Any) -> None:
            self.seen.append(run.state.step)
            if run.state.step == self.interrupt and not run.over:
                os.kill(os.getpid(), signal.SIGINT)

    def test_a_graph_ends_where_a_callback_needs_a_safe_point(self, gpu: Any) -> None:
        every = self.Every(4)
        result = _fit(_model(), callbacks=[every])
        assert result == _fit(_model(), steps_per_execution=0)
        assert {4, 8, 12, 16, 20, 24, 28} <= set(every.seen)

    def test_graphs_between_safe_points_have_few_lengths(self, gpu: Any) -> None:
        settings = {"batch_size": 1, "epochs": 2}
        result = _fit(_model(), callbacks=[self.Every(17)], **settings)
        assert _captures(gpu) <= 6  # of 1, 2, 4, 8, 16 and 32 steps
        assert result == _fit(_model(), steps_per_execution=0, **settings)

    @pytest.mark.usefixtures("usual_handlers")
    def test_an_interrupt_ends_the_fit_behind_a_graph(self, gpu: Any) -> None:
        model = _model()
        history = model.fit(
            X, Y, epochs=3, batch_size=8, verbose=False, callbacks=[self.Every(3, 6)]
        )
        assert (history.interrupted, model.engine.state.updates, len(history)) == ("SIGINT", 6, 0)

    @pytest.mark.parametrize("steps", [0, None])
    def test_a_checkpoint_within_an_epoch_is_resumed(
        self, gpu: Any, tmp_path: Any, steps: Any
    ) -> None:
        wanted = _fit(_model(xn.Dropout(0.2)), steps_per_execution=0)
        save = xn.Checkpoint(tmp_path, every=4, unit="step", keep=99)
        _fit(_model(xn.Dropout(0.2)), callbacks=[save])
        names = sorted(p.name for p in tmp_path.iterdir())
        for path in tmp_path.iterdir():  # as if it had been killed behind step 16
            if path.name > "checkpoint-000000000016.safetensors":
                path.unlink()
        assert len(names) == 8
        resumed = _model(xn.Dropout(0.2))
        found = _fit(resumed, callbacks=[save], resume_from=tmp_path, steps_per_execution=steps)
        assert found[1:] == wanted[1:]
        assert found[0]["loss"] == wanted[0]["loss"]


class TestChangesOnTheWay:
    def test_another_optimizer(self, gpu: Any) -> None:
        def change(model: Any, epoch: int, logs: Any) -> None:
            if epoch == 2:
                model.optimizer = xn.SGD(0.1, momentum=0.5)

        fits = [_fit(_model(), steps_per_execution=s, callbacks=[change], epochs=4) for s in (0, 4)]
        assert fits[0] == fits[1]

    def test_another_learning_rate(self, gpu: Any) -> None:
        def change(model: Any, epoch: int, logs: Any) -> None:
            model.optimizer.learning_rate = 0.1 / epoch

        fits = [_fit(_model(), steps_per_execution=s, callbacks=[change]) for s in (0, 4)]
        assert fits[0] == fits[1]

    def test_a_prediction_between_epochs_shares_the_memory(self, gpu: Any) -> None:
        def look(model: Any, epoch: int, logs: Any) -> None:
            model.predict(np.ones((200, FEATURES), "float32"))

        assert _fit(_model(), callbacks=[look]) == _fit(_model(), steps_per_execution=0)

    def test_other_parameters(self, gpu: Any) -> None:
        start = _model().build(FEATURES).state_dict()

        def change(model: Any, epoch: int, logs: Any) -> None:
            model.load_state_dict(start)

        fits = [_fit(_model(), steps_per_execution=s, callbacks=[change]) for s in (0, 4)]
        assert fits[0] == fits[1]


class TestDivergence:
    @pytest.mark.parametrize("rate", [1e30, 1e9])
    def test_is_found_and_undone_as_without_graphs(self, gpu: Any, rate: float) -> None:
        found = []
        for steps in (0, 4):
            model = xn.Model(_net(), "mean_squared_error", xn.SGD(rate), backend="cupy")
            with pytest.raises(DivergedError) as error:
                model.fit(
                    X, np.eye(CLASSES)[Y], batch_size=8, steps_per_execution=steps, verbose=False
                )
            found.append((str(error.value), error.value.step, _bits(model)))
        assert found[0] == found[1]


class Steps(xn.Callback):
    def on_step_end(self, model: Any, step: int) -> None:
        pass


class Gradients(xn.Callback):
    def on_gradient(self, model: Any, step: int) -> None:
        pass


class Safe(xn.Callback):
    def on_safe_point(self, model: Any, run: Any) -> None:
        pass


class Own:
    """Your own schedule, called in every step."""

    varies = True

    def __call__(self, epoch: float) -> float:
        return 0.01 / (1 + epoch)

    def __repr__(self) -> str:
        return "Own()"


def branching(xp: Any, x: Any) -> Any:
    """|x|, as nobody should write it."""
    return x if bool(xp.all(x > 0)) else xp.abs(x)


REFUSED: dict[str, Any] = {
    "Steps reads every step": lambda: (_model(), {"callbacks": [Steps()]}),
    "Gradients reads every step": lambda: (_model(), {"callbacks": [Gradients()]}),
    "Safe reads every step": lambda: (_model(), {"callbacks": [Safe()]}),
    "a step adds up the gradients of 2 batches": lambda: (_model(), {"accumulate": 2}),
    r"your own function \(Own\(\)\)": lambda: (_model(optimizer=xn.Adam(Own())), {}),
}


class TestRefusals:
    @pytest.mark.parametrize("reason", REFUSED)
    def test_are_logged_and_the_steps_made_one_by_one(
        self, gpu: Any, caplog: pytest.LogCaptureFixture, reason: str
    ) -> None:
        model, settings = REFUSED[reason]()
        plain, _ = REFUSED[reason]()
        with caplog.at_level(logging.INFO, logger="xpnet"):
            assert _fit(model, **settings) == _fit(plain, **settings | {"steps_per_execution": 0})
        assert len([r for r in caplog.records if "without CUDA graphs" in r.message]) == 2
        assert _launches(gpu) == 0
        with pytest.raises(
            ArgumentError, match=f"steps_per_execution=4 is not possible: .*{reason}"
        ):
            _fit(REFUSED[reason]()[0], steps_per_execution=4, **settings)

    def test_where_products_cannot_be_captured(
        self, cupy: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(gemm, "usable", lambda cupy, precision: (False, "no nvmath here"))
        with caplog.at_level(logging.INFO, logger="xpnet"):
            _fit(_model())
        assert "products cannot be captured (no nvmath here)" in caplog.text
        with pytest.raises(ArgumentError, match="no nvmath here"):
            _fit(_model(), steps_per_execution=2)

    def test_an_op_that_is_run_by_its_definition(
        self, gpu: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        own = xn.ops.Op("branching", "(...)->(...)", branching, [lambda xp, gy, x: gy * xp.sign(x)])

        def net(x: Any) -> Any:
            return xn.Dense(CLASSES)(own(xn.Dense(4)(x)))

        with caplog.at_level(logging.INFO, logger="xpnet"):
            xn.Model(net, backend="cupy").fit(X, Y, epochs=1, verbose=False)
        assert "branching is computed by its definition" in caplog.text

    def test_a_call_that_copies_from_the_host(
        self, gpu: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def concatenate(arrays: Any, axis: int, out: Any) -> None:
            gpu.concatenate(arrays, axis, out)

        monkeypatch.setattr(get("cupy").raw, "concatenate", concatenate)
        net = xn.Concat(xn.Dense(2), xn.Dense(1))
        with caplog.at_level(logging.INFO, logger="xpnet"):
            xn.Model(net, backend="cupy").fit(X, Y, epochs=1, batch_size=25, verbose=False)
        assert "a call copies data from the host" in caplog.text
        monkeypatch.undo()

    def test_what_is_found_when_it_is_captured(
        self, gpu: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        gpu.SETTINGS["products"] = False  # CuPy refuses its own products then
        with caplog.at_level(logging.INFO, logger="xpnet"):
            found = _fit(_model())
        assert caplog.text.count("without CUDA graphs") == 1
        assert "NotImplementedError: calling cuBLAS API during stream capture" in caplog.text
        backend: Any = get("cupy")
        assert not backend.capturing.is_capturing()
        gpu.SETTINGS["products"] = True
        assert found == _fit(_model())
        gpu.SETTINGS["products"] = False
        with pytest.raises(ArgumentError, match="steps_per_execution=4 is not possible here"):
            _fit(_model(), steps_per_execution=4)

    def test_rows_that_no_kernel_fetches(
        self, gpu: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def begin(*args: Any) -> None:
            raise ShapeError("a batch is too large.")

        monkeypatch.setattr(device_epoch, "begin", begin)
        with caplog.at_level(logging.INFO, logger="xpnet"):
            assert _fit(_model()) == _fit(_model(), steps_per_execution=0)
        assert "without CUDA graphs: a batch is too large" in caplog.text
        with pytest.raises(ArgumentError, match=r"a batch is too large\. Leave it out"):
            _fit(_model(), steps_per_execution=4)

    def test_other_backends_have_no_graphs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        model = xn.MLP([FEATURES, CLASSES], backend=NumpyBackend(compiles=False))
        with pytest.raises(ArgumentError, match=r"numpy has no CUDA graphs, .* Leave it out"):
            model.fit(X, Y, epochs=1, steps_per_execution=8)
        model.fit(X, Y, epochs=1, steps_per_execution=1, verbose=False)
        monkeypatch.setenv("XPNET_FALLBACK", "numpy")
        model.fit(X, Y, epochs=1, steps_per_execution=8, verbose=False)

    @pytest.mark.parametrize("steps", [-1, 1.5, "many", True])
    def test_numbers_that_are_none(self, steps: Any) -> None:
        with pytest.raises(ArgumentError, match="steps_per_execution must be a whole number"):
            xn.MLP([FEATURES, CLASSES]).fit(X, Y, steps_per_execution=steps)

    def test_the_old_name_of_the_setting_warns_and_works(self, gpu: Any) -> None:
        with pytest.warns(DeprecationWarning, match="steps_per_graph is now steps_per_execution"):
            found = _fit(_model(), steps_per_graph=3)
        assert _launches(gpu) == 3 + 2 * 4
        assert found == _fit(_model(), steps_per_execution=3)


class TestTheRule:
    def test_small_steps_go_together(self, gpu: Any) -> None:
        assert cuda_graphs.usual_steps(_model().build(FEATURES).engine, 64) == 32

    def test_large_ones_do_not(self, gpu: Any) -> None:
        assert cuda_graphs.usual_steps(_model().build(FEATURES).engine, 10**7) == 1

    def test_no_more_than_an_epoch_has(self, gpu: Any) -> None:
        _fit(_model(), batch_size=25, epochs=2)
        assert _launches(gpu) == 2  # the two steps behind the first, in each epoch


class TestTheStandIn:
    """It is worth no more than its likeness to CUDA."""

    def test_refuses_reads_and_allocations_while_it_captures(self, cupy: Any) -> None:
        x, out = cupy.ones(3), cupy.empty(3)
        stream = cupy.cuda.Stream(non_blocking=True)
        for call in (x.get, lambda: x + x, lambda: cupy.asarray(np.ones(3)), stream.synchronize):
            with stream:
                stream.begin_capture()
                with pytest.raises(RuntimeError, match="cudaErrorStreamCapture"):
                    call()
                stream.end_capture()
        with stream:
            stream.begin_capture()
            cupy.add(x, x, out=out)
            graph = stream.end_capture()
            assert out.get()[0] != 2
            graph.launch()
            assert out.get().tolist() == [2, 2, 2]

    def test_the_default_stream_cannot_be_captured(self, cupy: Any) -> None:
        with pytest.raises(RuntimeError, match="default"):
            cupy.cuda.get_current_stream().begin_capture()

    def test_a_stream_is_late_until_somebody_waits(self, cupy: Any) -> None:
        x, late = cupy.zeros(1), cupy.cuda.Stream(non_blocking=True)
        with late:
            x[...] = 5
            done = late.record()
        assert float(x[0]) == 0
        cupy.cuda.get_current_stream().wait_event(done)
        assert float(x[0]) == 5
