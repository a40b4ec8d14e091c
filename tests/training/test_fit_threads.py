"""Threads that share the steps of a fit: the same bits every time, whatever happens."""

import faulthandler
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from threading import Event, Thread
from time import sleep
from typing import Any

import numpy as np
import pytest
from support import fits
from support.brief import BRIEF
from support.each import Each
from support.fits import MANY, Again, near, same, state

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend
from xpnet.errors import ArgumentError
from xpnet.lowering.cpu import thread_count
from xpnet.lowering.cpu.workers import Workers
from xpnet.ops import Op
from xpnet.training import compiled_steps

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(117, 6)), RNG.integers(0, 3, 117)
W = np.arange(117) % 4 / 2
WITHIN = {"float32": 1e-5, "float64": 1e-10}

pytestmark = pytest.mark.usefixtures("small_work_is_shared")


@pytest.fixture(autouse=True)
def _watchdog() -> Iterator[None]:
    """A test that hangs ends the process, and says where."""
    faulthandler.dump_traceback_later(120, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def make(*more: Any, dense: dict[str, Any] | None = None, **settings: Any) -> xn.Model:
    net = xn.Sequential(xn.Dense(8, "tanh", **(dense or {})), *more, xn.Dense(3))
    return xn.Model(net, **{"backend": NumpyBackend(compiles=True), "seed": 1, **settings})


def trained(model: xn.Model, X: Any = X, y: Any = Y, **settings: Any) -> dict[str, Any]:
    return fits.trained(model, X, y, **settings)


# --- bits -----------------------------------------------------------------------------------------

MODELS: dict[str, tuple[Callable[..., xn.Model], dict[str, Any]]] = {
    "momentum": (lambda **s: make(optimizer=xn.SGD(0.1, momentum=0.9), **s), {}),
    "norms": (
        lambda **s: make(optimizer=xn.SGD(0.1, clip_norm=0.1), metrics=["accuracy"], **s),
        {},
    ),
    "norm, decay": (
        lambda **s: make(optimizer=xn.Adam(clip_global_norm=0.1, weight_decay=0.1), **s),
        {},
    ),
    "weights, penalties": (
        lambda **s: make(dense={"kernel_penalty": xn.L1(0.01), "bias_penalty": xn.L2(0.1)}, **s),
        {"sample_weight": W},
    ),
    "factors": (
        lambda **s: make(dense={"kernel_rate": 3.0, "bias_rate": 0.1}, optimizer="adamw", **s),
        {},
    ),
    "scheduled dropout": (lambda **s: make(xn.Dropout(xn.FlatCosine(0.4, 2)), **s), {}),
    "dropout": (lambda **s: make(xn.Dropout(0.2), **s), {"validation_data": (X[:50], Y[:50])}),
}


def test_a_number_of_threads_has_its_bits(each: Each) -> None:
    """In every run, in steps one by one, and for batches that do not divide (the last has 17)."""
    for i, (name, (model, settings)) in enumerate(MODELS.items()):
        dtype = ("float32", "float64")[i % 2]
        fit, one = Again(model(dtype=dtype), 6), dict[str, Any]()
        for threads in (1, 2, 3, 5):
            with each(name, dtype, threads=threads):
                wanted = fit(X, Y, threads=threads, **settings)
                one = one or wanted
                same(fit(X, Y, threads=threads, steps_per_execution=1, **settings), wanted)
                near(wanted, one, WITHIN[dtype])
                assert (threads == 1) == all(np.array_equal(wanted[n], one[n]) for n in one)


def test_two_batches(each: Each) -> None:
    """Of 33 rows and of 17, which no program of whole steps makes."""
    for threads, dtype in ((2, "float64"), (5, "float32")):
        with each(dtype, threads=threads):
            found = [
                trained(make(dtype=dtype), X[:50], Y[:50], batch_size=33, threads=n)
                for n in (threads, threads, 1)
            ]
            same(found[0], found[1])
            near(found[0], found[2], WITHIN[dtype])


# Rounding errors that grow; see `lowering/test_models.py`.
ROUGH = {"layer batch norm"}


def test_every_model(zoo: Any, each: Each) -> None:
    """To the bit as the same steps one by one; layers as one thread, to rounding."""
    entries = [e for e in zoo.ZOO if not str(e).startswith("activation")]
    for number, entry in enumerate(entries):
        threads, dtype = (2, 3, 5)[number % 3], ("float32", "float64")[number % 2]
        with each(entry, dtype, threads=threads):
            X, y = (a[:60] for a in entry.data())
            fit = Again(entry.model(NumpyBackend(compiles=True), dtype), X.shape[1])
            settings = {"batch_size": 15, "threads": threads, "steps_per_execution": 1}
            found = fit(X, y, **settings)
            if not fit.model.optimizer.whole_batch:
                same(fit(X, y, **{**settings, "steps_per_execution": MANY}), found)
            if str(entry).startswith(("layer", "embedding")) and str(entry) not in ROUGH:
                near(found, fit(X, y, **{**settings, "threads": 1}), WITHIN[dtype])


def test_every_activation(zoo: Any, each: Each) -> None:
    """In two networks that have half of them each."""
    dtypes: list[Any] = ["float32", "float64"]
    for i, dtype in enumerate(dtypes):
        layers = [xn.Dense(5, name) for name in zoo.ACTIVATIONS[i::2]]
        made: Any = xn.Sequential(*layers, xn.Dense(3))
        backend = NumpyBackend(compiles=True)
        fit = Again(xn.Model(made, dtype=dtype, backend=backend, optimizer=xn.SGD(0.1)), 6)
        with each(dtype):
            settings = {"batch_size": 39, "threads": 3}
            same(fit(X, Y, **settings, steps_per_execution=1), fit(X, Y, **settings))


def test_long_vectors(monkeypatch: pytest.MonkeyPatch, each: Each) -> None:
    """The update has threads of its own: by its length, and not by the batch."""
    for module in ("compile_tasks", "long_rows"):
        monkeypatch.setattr(f"xpnet.lowering.cpu.{module}.PIECE", 16)
    monkeypatch.setattr("xpnet.lowering.cpu.compile_tasks.LONG", 64)
    for elements, threads in product((4096, 40, 8), (1, 2, 3)):
        monkeypatch.setattr("xpnet.engine.update._ELEMENTS", elements)
        with each(elements=elements, threads=threads):
            optimizer = xn.SGD(0.1, clip_global_norm=0.01)
            found = [
                trained(
                    make(dtype="float64", optimizer=optimizer),
                    threads=threads,
                    steps_per_execution=n,
                )
                for n in (1, MANY)
            ]
            same(found[0], found[1])


def test_predictions_and_evaluations(each: Each) -> None:
    """Threads share them by default; the rows of a batch have the same bits every time."""
    model = make().build(6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XPNET_NUM_THREADS", "1")
        wanted = model.predict(X), model.evaluate(X, Y)
        for threads in (2, 3):
            patch.setenv("XPNET_NUM_THREADS", str(threads))
            with each(threads=threads):
                found = model.predict(X)
                np.testing.assert_array_equal(model.predict(X), found)
                np.testing.assert_allclose(found, wanted[0], rtol=1e-5, atol=1e-6)
                near(model.evaluate(X, Y), wanted[1], 1e-5)


# --- settings -------------------------------------------------------------------------------------


def test_numbers_of_threads_that_are_none(monkeypatch: pytest.MonkeyPatch, each: Each) -> None:
    """They are refused before anything changes."""
    model, new = make(), make()
    model.fit(X, Y, epochs=1)
    before = state(model)
    for threads in (0, -1, "two", 1.5, True, 65, np.float64(2), [2]):
        with each(threads=threads):
            for one in (model, new):
                with pytest.raises(ArgumentError, match="threads must be a whole number"):
                    one.fit(X, Y, threads=threads)  # type: ignore[arg-type]
    for text in ("0", "-1", "two", "1.5", "65", "2 3", "0x2"):
        monkeypatch.setenv("XPNET_NUM_THREADS", text)
        with each(XPNET_NUM_THREADS=text):
            for one in (model, new):
                with pytest.raises(ArgumentError, match="XPNET_NUM_THREADS must be a whole"):
                    one.fit(X, Y)
    assert not new.built
    same(state(model), before)
    for text in ("", " ", " 2 ", "64"):
        monkeypatch.setenv("XPNET_NUM_THREADS", text)
        model.fit(X, Y, epochs=1)
    monkeypatch.setenv("XPNET_NUM_THREADS", "nonsense")
    whole: Any = np.int64(2)
    model.fit(X, Y, epochs=1, threads=whole)  # the environment is not asked


def test_the_environment_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the fit does."""
    wanted = {n: trained(make(), threads=n) for n in (1, 3)}
    monkeypatch.setenv("XPNET_NUM_THREADS", "3")
    same(trained(make()), wanted[3])
    same(trained(make(), threads=1), wanted[1])
    monkeypatch.delenv("XPNET_NUM_THREADS")
    monkeypatch.setattr(thread_count, "cores", lambda: 3)
    monkeypatch.setattr(thread_count, "numpys", lambda: Blas(5))
    same(trained(make()), wanted[3])
    monkeypatch.setattr(thread_count, "numpys", lambda: Blas(1))
    same(trained(make()), wanted[1])


class Blas:
    """A BLAS with so many threads."""

    def __init__(self, count: int) -> None:
        self.count = count


def test_more_threads_than_cores(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They are allowed, and slower, which is said once."""
    monkeypatch.setattr(thread_count, "cores", lambda: 2)
    thread_count._say_more.cache_clear()
    with caplog.at_level(logging.INFO, logger="xpnet"):
        trained(make(), threads=2)
        assert caplog.text == ""
        same(trained(make(), threads=5), trained(make(), threads=5))
    said = [r.getMessage() for r in caplog.records if r.name == "xpnet"]
    assert said == ["5 threads on 2 cores: they take turns, which is slower than one per core"]


# --- several fits, and other processes ------------------------------------------------------------


def test_fits_in_several_python_threads(each: Each) -> None:
    """Each learns what it learns alone; some have no other threads, and none waits for them."""
    kinds = [("norms", 3), ("dropout", 2), ("weights, penalties", 5), ("momentum", 1)]

    def fit(name: str, threads: int) -> dict[str, Any]:
        model, settings = MODELS[name]
        found: dict[str, Any] = {}
        for i in range(2):
            fitted = trained(model(), threads=threads, epochs=5, **settings)
            found |= {f"{i} {key}": v for key, v in fitted.items()}
        return found

    wanted = [fit(*kind) for kind in kinds]
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(fit, *kind) for kind in kinds]
    for kind, one, other in zip(kinds, found, wanted, strict=True):
        with each(*kind):
            same(one.result(), other)


@BRIEF
def test_a_fit_that_is_watched_from_another_thread() -> None:
    wanted, model = trained(make(), threads=3, epochs=20), make().build(6)
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(trained, model, threads=3, epochs=20)
        while not fit.done():
            assert np.isfinite(model.predict(X[:40])).all()
    same(fit.result(), wanted)


_FORK = """
import os
import numpy as np
import xpnet as xn
from xpnet.lowering.cpu import thread_count
from xpnet.lowering.cpu.workers import Workers
from xpnet.lowering.cpu.workers import workers

thread_count._ROWS, thread_count._FLOPS = 1, 1.0
rng = np.random.default_rng(0)
X, y = rng.normal(size=(117, 6)).astype("float32"), rng.integers(0, 3, 117)

def fit(model, **settings):
    settings = {"epochs": 3, "batch_size": 25, "threads": 3, **settings}
    return model.fit(X, y, **settings)["loss"]

wanted, children = fit(xn.MLP([6, 8, 3])), []

def child(model):
    assert workers()._threads == []
    copy = xn.MLP([6, 8, 3])
    assert fit(copy, steps_per_execution=99) == wanted
    assert np.isfinite(model.predict(X)).all()
    assert len(workers()._threads) == 2

class Fork(xn.Callback):
    def stride(self):
        return 1000

    def on_safe_point(self, model, context):
        if context.state.step not in (4, 11):
            return
        number = os.fork()
        if number == 0:
            code = 1
            try:
                child(model)
                code = 0
            finally:
                os._exit(code)
        children.append(os.waitpid(number, 0)[1])

model = xn.MLP([6, 8, 3])
assert fit(model, callbacks=[Fork()], steps_per_execution=99) == wanted
assert fit(xn.MLP([6, 8, 3])) == wanted
print(children)
"""


def script(text: str, **settings: str) -> str:
    """Run a script in a process of its own; what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", text],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "XPNET_FAST": "1",
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_a_fork_in_a_fit() -> None:
    """Child and parent go on; each has threads of its own."""
    assert script(_FORK) == "[0, 0]\n"


# --- errors and signals ---------------------------------------------------------------------------


class Stop(xn.Callback):
    """Ends the fit in an orderly way after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, model: Any, step: int) -> None:
        pass

    def on_safe_point(self, model: Any, context: Any) -> None:
        context.stopping |= context.state.step == self.step


def after(step: int, **settings: Any) -> dict[str, Any]:
    """The state after so many steps, one by one."""
    model = make()
    model.fit(X, Y, callbacks=[Stop(step)], epochs=step, batch_size=25, threads=3, **settings)
    assert model.engine.state.step == step
    return state(model)


class Fails(xn.Callback):
    """Fails in one of its methods."""

    def __init__(self, where: str, step: int = 8) -> None:
        self.where, self.step = where, step

    def stride(self) -> int:
        return 4

    def on_safe_point(self, model: Any, context: Any) -> None:
        if self.where == "safe point" and context.state.step == self.step:
            raise ZeroDivisionError

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        if self.where == "epoch begin" and epoch == 2:
            raise ZeroDivisionError

    def on_epoch_end(self, model: Any, epoch: int, logs: Any) -> None:
        if self.where == "epoch end":
            raise ZeroDivisionError


class FailsInStep(Fails):
    def on_step_end(self, model: Any, step: int) -> None:
        if step == self.step:
            raise ZeroDivisionError


def test_an_error_of_a_callback(each: Each) -> None:
    """It comes out; the state is that after the last whole step, and the next fit works."""
    callbacks = {
        "safe point": (Fails("safe point"), 8),
        "epoch begin": (Fails("epoch begin"), 5),
        "epoch end": (Fails("epoch end"), 5),
        "step": (FailsInStep("step", 7), 7),
    }
    for name, (callback, step) in callbacks.items():
        with each(name):
            model = make()
            with pytest.raises(ZeroDivisionError):
                model.fit(X, Y, epochs=2, batch_size=25, threads=3, callbacks=[callback])
            found, wanted = state(model), after(step)
            found["counts"][0] = wanted["counts"][0]  # epochs are counted at their end
            same(found, wanted)
            assert np.isfinite(trained(model, threads=3)["loss"]).all()


class Begun(xn.Callback):
    """Says when the steps have begun."""

    def __init__(self) -> None:
        self.event = Event()

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        self.event.set()


@pytest.mark.usefixtures("usual_handlers")
def test_a_signal_while_threads_work(each: Each) -> None:
    """The fit ends after the steps of its call; its state is that after as many steps."""
    for steps in (None, 3):
        with each(steps=steps):
            model, begun = make(), Begun()

            def send(event: Event = begun.event) -> None:
                event.wait()
                sleep(0.02)
                os.kill(os.getpid(), signal.SIGINT)

            sender = Thread(target=send)
            sender.start()
            history = model.fit(X, Y, epochs=10**6, batch_size=25, threads=3, callbacks=[begun],
                                steps_per_execution=steps)  # fmt: skip
            sender.join()
            assert history.interrupted == "SIGINT"
            same(state(model), after(model.engine.state.step))
            assert np.isfinite(trained(model, epochs=1, threads=3)["loss"]).all()


class TimeIsUp(Exception):
    pass


def test_an_error_of_a_signal_s_handler_while_threads_work(
    monkeypatch: pytest.MonkeyPatch, each: Each
) -> None:
    """Python calls the handler when the steps of a call are made; they count."""
    whole, at = Workers.run, 0

    def run(self: Workers, program: int, parts: int, width: int, steps: int = 1) -> None:
        nonlocal at
        whole(self, program, parts, width, steps)
        at -= steps > 1
        if at == 0:
            raise TimeIsUp

    for number, steps in ((1, 3), (2, 2), (3, 3)):
        with each(call=number), monkeypatch.context() as patch:
            patch.setattr(Workers, "run", run)
            patch.setattr(compiled_steps, "_SECONDS", 60.0)  # so that time does not cut calls
            at, model = number, make()
            with pytest.raises(TimeIsUp):
                model.fit(X, Y, epochs=9, batch_size=25, threads=3, steps_per_execution=steps)
            patch.undo()
            assert model.engine.state.step == {1: 4, 2: 8, 3: 14}[number]
            same(state(model), after(model.engine.state.step))
            assert np.isfinite(trained(model, threads=3)["loss"]).all()


# --- the threads of the BLAS ----------------------------------------------------------------------


def large_products(threads: int | None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program of a training step that is worth the threads of a BLAS, but not shared."""
    monkeypatch.setattr(thread_count, "_ROWS", 10**6)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(128, 300)).astype("float32"), rng.integers(0, 3, 128)
    model = xn.MLP([300, 300, 3], backend=NumpyBackend(True))
    model.fit(X, y, epochs=1, batch_size=128, threads=threads, verbose=False)
    programs: Any = model.engine.programs
    return next(program for spec, program in programs._made.items() if spec.mode == "train")


def test_one_thread_is_one_of_the_blas_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XPNET_NUM_THREADS", raising=False)
    assert large_products(None, monkeypatch).flops > 2e7
    assert large_products(2, monkeypatch).flops > 2e7
    assert large_products(1, monkeypatch).flops == 0
    monkeypatch.setenv("XPNET_NUM_THREADS", "1")
    assert large_products(None, monkeypatch).flops == 0


def test_a_plan_that_is_not_compiled_as_a_whole_is_not_shared() -> None:
    unread = Op("unread", "(...)->(...)", lambda xp, x: xp.flip(xp.flip(x)), [lambda xp, gy: gy])
    net = xn.Sequential(xn.Dense(64, "relu"), unread, xn.Dense(3))
    model = xn.Model(net, loss="mse", input_shape=4, backend=NumpyBackend(True))
    x, y = np.ones((64, 4), dtype="float32"), np.zeros((64, 3), dtype="float32")
    model.fit(x, y, epochs=1, batch_size=64, threads=2, verbose=False)
    programs: Any = model.engine.programs
    (program,) = programs._made.values()
    assert len(program.plan.calls) > 1
    assert {getattr(call, "parts", 1) for call in program.plan.calls} == {1}
