"""Many steps in one call: the bits of steps one by one, whatever happens on the way."""

import gc
import weakref
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from support.each import Each
from support.fits import MANY, Again

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend
from xpnet.errors import ArgumentError, DivergedError
from xpnet.training.compiled_steps import CompiledSteps

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(75, 5)).astype("float32")
Y = (X @ RNG.normal(size=(5, 3))).argmax(axis=1)
ONES = 1  # step in a call

pytestmark = pytest.mark.usefixtures("small_work_is_shared")


def net(*more: Any) -> xn.Sequential:
    return xn.Sequential(xn.Dense(7, "tanh"), *more, xn.Dense(3))


def make(*more: Any, **settings: Any) -> xn.Model:
    settings = {"backend": NumpyBackend(compiles=True), "seed": 3, **settings}
    return xn.Model(net(*more), **settings)


def bits(model: xn.Model) -> dict[str, Any]:
    """Everything that training has changed, but what the next step overwrites."""
    state = model.engine.state
    found: dict[str, Any] = {n: np.asarray(v).tobytes() for n, v in state.vectors.items()}
    del found["gradient"]
    return {**found, "counts": (state.epoch, state.step, state.updates)}


def fit(model: xn.Model, steps: int | None, **settings: Any) -> dict[str, Any]:
    """What a fit of 75 samples in batches of 8 (9 of them, and one of 3) leaves."""
    given = {"epochs": 3, "batch_size": 8, "threads": 2, **settings}
    history = model.fit(X, Y, steps_per_execution=steps, **given)
    columns = {n: history[n] for n in history.columns if n != "seconds"}
    results = np.asarray(model.engine.state.results).tobytes()
    return {**bits(model), **columns, "results": results}


def check(model: xn.Model, **settings: Any) -> None:
    """Check that steps are the same in calls of any number of them."""
    again, wanted = Again(model, 5), dict[str, Any]()
    for steps in (ONES, 3, MANY):
        again.begin()
        found = fit(model, steps, **settings)
        wanted = wanted or found
        assert found.keys() == wanted.keys()
        assert [name for name in wanted if found[name] != wanted[name]] == []


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The calls of several steps: the first batch, and the number of steps."""
    monkeypatch.setattr("xpnet.training.compiled_steps._SECONDS", 1e9)
    made: list[tuple[int, int]] = []
    whole = CompiledSteps._several

    def several(self: CompiledSteps, i: int, steps: int) -> None:
        made.append((i, steps))
        whole(self, i, steps)

    monkeypatch.setattr(CompiledSteps, "_several", several)
    return made


# --- which steps ----------------------------------------------------------------------------------


def test_all_steps_but_the_first_and_a_smaller_last_one(calls: list[tuple[int, int]]) -> None:
    fit(make(), MANY, epochs=2)
    assert calls == [(1, 8), (1, 8)]
    del calls[:]
    fit(make(), MANY, epochs=1, batch_size=15)  # they are alike
    assert calls == [(1, 4)]


def test_as_many_as_asked_for(calls: list[tuple[int, int]]) -> None:
    fit(make(), 3, epochs=1)
    assert calls == [(1, 3), (4, 3), (7, 2)]
    del calls[:]
    fit(make(), ONES)
    fit(make(), 0)
    assert calls == []


def timed(monkeypatch: pytest.MonkeyPatch, seconds: float, worth: float) -> None:
    """Let a call take so long, and the compilation be worth it after so long."""
    monkeypatch.setattr("xpnet.training.compiled_steps._SECONDS", seconds)
    monkeypatch.setattr("xpnet.training.compiled_steps._WORTH", worth)


def test_as_many_as_take_some_milliseconds(
    calls: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    timed(monkeypatch, seconds=1e9, worth=0)
    fit(make(), None, epochs=1)
    assert calls == [(1, 8)]
    del calls[:]
    timed(monkeypatch, seconds=1e-9, worth=0)
    fit(make(), None)
    assert {steps for _, steps in calls} == {1}


def test_compiled_once_it_is_worth_it(
    calls: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some steps by themselves; a later fit has the program already."""
    timed(monkeypatch, seconds=1e9, worth=1e9)
    model = make()
    fit(model, None)
    assert calls == []
    fit(model, MANY, epochs=1)
    fit(model, None, epochs=1)
    assert calls == [(1, 8), (1, 8)]


def test_an_epoch_of_few_steps(calls: list[tuple[int, int]], each: Each) -> None:
    for size in (75, 74, 38, 37):
        with each(size=size):
            check(make(), batch_size=size)
    assert calls == []  # after the first there are not two alike


# --- the same bits --------------------------------------------------------------------------------

MODELS: dict[str, Callable[[], xn.Model]] = {
    "plain": make,
    "double": lambda: make(dtype="float64"),
    "momentum": lambda: make(optimizer=xn.SGD(0.1, momentum=0.9, weight_decay=0.01)),
    "norm": lambda: make(optimizer=xn.Adam(0.01, clip_global_norm=0.2)),
    "average": lambda: make(optimizer=xn.Adam(0.01, average_decay=0.9)),
    "warm-up": lambda: make(optimizer=xn.SGD(xn.Warmup(xn.CosineDecay(0.3, 3), 1.5))),
    "factors": lambda: make(xn.Dense(5, kernel_rate=3.0, bias_rate=0.1), optimizer=xn.AdamW(0.01)),
    "dropout": lambda: make(xn.Dropout(0.3)),
    "scheduled dropout": lambda: make(xn.Dropout(xn.FlatCosine(0.4, 3))),
    "scheduled dropouts": lambda: make(
        xn.Dropout(xn.CosLog(0.4, 3)), xn.Dense(6), xn.Dropout(xn.StepDecay(0.4, 0.5, every=1))
    ),
    "batch norm": lambda: make(xn.BatchNorm()),
    "noise, which is not compiled": lambda: make(xn.GaussianNoise(0.1)),
    "metrics": lambda: make(metrics=["accuracy", "top_2_accuracy"]),
}
FITS: dict[str, dict[str, Any]] = {
    "as they come": {"shuffle": False},
    "an order of one's own": {"shuffle": lambda n: np.arange(n, dtype="int32")[::-1]},
    "weighted": {"sample_weight": np.arange(75) % 4},
    "validated": {"validation_data": (X[:9], Y[:9])},
    "all alike": {"batch_size": 15},
    "one thread": {"threads": 1},
    "more threads than rows": {"threads": 9},
}


def test_every_model(each: Each) -> None:
    for name, make_one in MODELS.items():
        with each(name):
            check(make_one())


def test_however_long_steps_take(monkeypatch: pytest.MonkeyPatch, each: Each) -> None:
    """How many are made at once depends on the clock, and nothing else does."""
    wanted = fit(make(), ONES)
    for worth, seconds in ((0.0, 1e-4), (0.0, 1e9), (1e-3, 5e-3), (0.05, 5e-3)):
        with each(worth=worth, seconds=seconds):
            timed(monkeypatch, seconds, worth)
            assert fit(make(), None) == wanted


def test_every_fit(each: Each) -> None:
    model = make(xn.Dropout(0.1), metrics=["accuracy"])
    for name, settings in FITS.items():
        with each(name):
            check(model, **settings)


def test_numbers_that_are_almost_zero_are_flushed_after_the_same_steps(each: Each) -> None:
    """A velocity without gradient shrinks in every step, and becomes 0 after step 32."""
    for steps, updates in product((ONES, 5, MANY), (31, 32)):
        with each(steps=steps, updates=updates):
            model = make(optimizer=xn.SGD(0.1, momentum=0.9)).build(5)
            (velocity,) = model.engine.state.slots.values()
            velocity[:35] = 1e-29  # after 32 steps less than 1e-30
            x, y = np.zeros((4 * updates, 5), "float32"), np.zeros(4 * updates, int)
            model.fit(x, y, batch_size=4, epochs=1, threads=2, steps_per_execution=steps)
            if updates == 31:
                np.testing.assert_allclose(velocity[:35], 1e-29 * 0.9**31, rtol=1e-5)
            else:
                assert not velocity[:35].any()


def test_flushing_goes_on_from_one_fit_to_the_next(each: Each) -> None:
    for steps in (ONES, MANY):
        with each(steps=steps):
            model = make(optimizer=xn.SGD(0.1, momentum=0.9)).build(5)
            (velocity,) = model.engine.state.slots.values()
            velocity[:35] = 1e-29
            for updates, zero in ((20, False), (11, False), (9, True)):
                x, y = np.zeros((4 * updates, 5), "float32"), np.zeros(4 * updates, int)
                model.fit(x, y, batch_size=4, epochs=1, threads=2, steps_per_execution=steps)
                assert velocity[:35].any() != zero


# --- between the calls ----------------------------------------------------------------------------


class At(xn.Callback):
    """Does something at the safe point after a step, and notes where there were some."""

    def __init__(self, step: int, what: Callable[[Any, Any], object], stride: int = 4) -> None:
        self.step, self.what, self.every = step, what, stride
        self.seen: list[int] = []

    def stride(self) -> int:
        return self.every

    def on_safe_point(self, model: Any, context: Any) -> None:
        self.seen.append(context.state.step)
        if context.state.step == self.step and context.batch:
            self.what(model, context)


def nothing(model: Any, context: Any) -> None:
    pass


def test_a_call_ends_where_a_callback_needs_a_safe_point(calls: list[tuple[int, int]]) -> None:
    at, other = At(0, nothing, 4), At(0, nothing, 0)
    found = fit(make(), MANY, callbacks=[at, other], epochs=2)
    assert found == fit(make(), ONES, epochs=2)
    assert {4, 8, 12, 16, 20} <= set(at.seen)
    assert calls == [(1, 3), (4, 4), (1, 1), (2, 4), (6, 3)]
    assert at.seen == other.seen


CHANGES: dict[str, Callable[[Any, Any], object]] = {
    "learning rate": lambda model, _: setattr(model.optimizer, "learning_rate", 1e-9),
    "schedule": lambda model, _: setattr(
        model.optimizer, "learning_rate", xn.Warmup(xn.CosineDecay(0.3, 3), 2)
    ),
    "optimizer": lambda model, _: setattr(model, "optimizer", xn.SGD(0.3, momentum=0.5)),
    "optimizer with more numbers": lambda model, _: setattr(
        model, "optimizer", xn.Adam(clip_global_norm=0.1)
    ),
    "parameters": lambda model, _: model.load_state_dict(
        {name: value * 0.5 for name, value in model.state_dict().items()}
    ),
    "prediction of many": lambda model, _: model.predict(np.ones((500, 5), "float32")),
    "evaluation": lambda model, _: model.evaluate(X, Y),
    "step by hand": lambda model, _: model.train_on_batch(X[:8], Y[:8]),
}


def test_what_is_changed_at_a_safe_point_counts_from_the_next_step(each: Each) -> None:
    def model() -> xn.Model:
        return make(optimizer=xn.SGD(0.1, momentum=0.9))

    plain = fit(model(), ONES, epochs=2)
    for name, change in CHANGES.items():
        with each(name):
            found = [fit(model(), n, callbacks=[At(16, change)], epochs=2) for n in (ONES, MANY)]
            assert [k for k in found[0] if found[0][k] != found[1][k]] == []
            assert (found[1] == plain) == (name in ("prediction of many", "evaluation"))


def test_a_learning_rate_that_comes_back() -> None:
    """Steps by themselves read it again, although the last such step had the same."""

    def rate(value: float) -> Callable[[Any, Any], object]:
        return lambda model, _: setattr(model.optimizer, "learning_rate", value)

    found = []
    for steps in (ONES, MANY):
        model = make(optimizer=xn.SGD(0.1))
        found.append(fit(model, steps, callbacks=[At(4, rate(0.3)), At(8, rate(0.1))], epochs=1))
    assert found[0] == found[1]


def test_changes_between_epochs(each: Each) -> None:
    for name, change in CHANGES.items():
        with each(name):
            found = []
            for steps in (ONES, MANY):

                def at_end(model: Any, epoch: int, logs: Any, change: Any = change) -> None:
                    if epoch == 2:
                        change(model, None)

                found.append(fit(make(), steps, callbacks=[at_end]))
            assert [k for k in found[0] if found[0][k] != found[1][k]] == []


def test_a_checkpoint_within_an_epoch_is_resumed(tmp_path: Any, each: Each) -> None:
    wanted = fit(make(xn.Dropout(0.2)), ONES)
    for save_every, resume_every in product((ONES, MANY), repeat=2):
        with each(save=save_every, resume=resume_every):
            folder = tmp_path / f"{save_every} {resume_every}"
            save = xn.Checkpoint(folder, every=4, unit="step", keep=99)
            fit(make(xn.Dropout(0.2)), save_every, callbacks=[save])
            names = sorted(p.name for p in folder.iterdir())
            assert len(names) == 8
            for path in folder.iterdir():  # as if it had been killed after step 16
                if path.name > "checkpoint-000000000016.safetensors":
                    path.unlink()
            found = fit(make(xn.Dropout(0.2)), resume_every, callbacks=[save], resume_from=folder)
            assert found == wanted


def test_steps_by_hand_go_on(each: Each) -> None:
    models = make(), make()
    for model, steps in zip(models, (ONES, MANY), strict=True):
        fit(model, steps)
        model.train_on_batch(X[:8], Y[:8])
        fit(model, steps, batch_size=20)
    assert bits(models[0]) == bits(models[1])


def test_batch_loss_is_that_of_the_last_step() -> None:
    losses = []
    for steps in (ONES, MANY):
        model = make()
        fit(model, steps, batch_size=15)
        losses.append(float(model.batch_loss))
    assert losses[0] == losses[1]


# --- later fits -----------------------------------------------------------------------------------


def test_later_fits_on_other_data(each: Each) -> None:
    """A program is kept; one array may have been inputs and targets."""
    other = RNG.normal(size=(75, 5)).astype("float32")
    pairs = {
        "same": [(X, other), (X, other)],
        "targets were inputs": [(X, X), (X, other), (other, X), (other, other)],
        "in turn": [(X, other), (other, X), (X, other)],
        "more rows": [(X, other), (np.tile(X, (3, 1)), np.tile(other, (3, 1))), (X, other)],
    }
    for name, fits in pairs.items():
        with each(name):
            found = []
            for steps in (ONES, MANY):
                model = xn.Model(xn.Sequential(xn.Dense(7), xn.Dense(5)), "mse", seed=3,
                                 backend=NumpyBackend(compiles=True))  # fmt: skip
                for x, y in fits:
                    model.fit(x, y, epochs=2, batch_size=8, threads=2, steps_per_execution=steps)
                found.append(bits(model))
            assert found[0] == found[1]


def test_later_fits_of_other_kinds(each: Each) -> None:
    """With other batches, threads, weights, types of labels."""
    kinds: list[dict[str, Any]] = [
        {},
        {"batch_size": 20},
        {"threads": 3},
        {"threads": 1},
        {"sample_weight": np.ones(75)},
        {},
        {"sample_weight": np.arange(75) % 3},
    ]
    models = make(), make()
    for i, settings in enumerate(kinds):
        found = [fit(m, n, **settings) for m, n in zip(models, (ONES, MANY), strict=True)]
        with each(i, **dict.fromkeys(settings, "other")):
            assert found[0] == found[1]


def test_data_are_not_kept() -> None:
    model = make()
    x, y = X.copy(), Y.copy()
    model.fit(x, y, epochs=2, batch_size=8, threads=2, steps_per_execution=MANY)
    gone = [weakref.ref(x), weakref.ref(y)]
    del x, y
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    model.fit(X, Y, epochs=1, batch_size=8, threads=2, steps_per_execution=MANY)


# --- divergence -----------------------------------------------------------------------------------


class TestDivergence:
    def diverged(self, steps: int | None, model: xn.Model, **settings: Any) -> dict[str, Any]:
        with pytest.raises(DivergedError) as error:
            fit(model, steps, **settings)
        found = error.value
        return {"says": str(found), "at": (found.epoch, found.step), **bits(model)}

    def test_is_found_and_undone_as_in_steps_one_by_one(self, each: Each) -> None:
        """Whatever the step: its update is not made, nor any after it."""
        targets = np.eye(3, dtype="float32")[Y]
        for rate, dtype in product((1e30, 40.0), ("float32", "float64")):
            with each(dtype, rate=rate):
                found = []
                for steps in (ONES, 3, MANY):
                    model = make(loss="mean_squared_error", optimizer=xn.SGD(rate), dtype=dtype)
                    with pytest.raises(DivergedError) as error:
                        model.fit(X, targets, batch_size=8, epochs=60, threads=3,
                                  steps_per_execution=steps)  # fmt: skip
                    step = error.value.epoch, error.value.step
                    found.append((str(error.value), step, bits(model)))
                assert found[1] == found[0]
                assert found[2] == found[0]

    def test_at_any_step_of_an_epoch(self, each: Each) -> None:
        """A row of infinite weight in a loss of one's own."""
        for row, threads in product((8, 20, 63, 71, 74), (1, 2)):
            with each(row=row, threads=threads):
                bad = X.copy()
                bad[row] = 1e30
                found = []
                for steps in (ONES, MANY):
                    model = make(loss="mean_squared_error", optimizer=xn.SGD(0.01, momentum=0.9))
                    targets = np.zeros((75, 3), "float32")
                    targets[row] = 3e38
                    with pytest.raises(DivergedError) as error:
                        model.fit(bad, targets, batch_size=8, threads=threads, shuffle=False,
                                  steps_per_execution=steps)  # fmt: skip
                    found.append((str(error.value), bits(model)))
                    assert error.value.step == row // 8 + 1
                assert found[0] == found[1]

    def test_after_epochs_that_went_well(self, each: Each) -> None:
        """The start of the epoch is restored, and the next fit goes on."""

        def later(model: Any, epoch: int, logs: Any) -> None:
            if epoch == 2:
                model.optimizer.learning_rate = 1e30

        def model() -> xn.Model:
            return make(loss="mean_squared_error", optimizer=xn.SGD(0.01))

        targets, found = np.eye(3, dtype="float32")[Y], []
        for steps in (ONES, MANY):
            made = model()
            with pytest.raises(DivergedError, match="start of epoch 3") as error:
                made.fit(X, targets, batch_size=8, threads=2, callbacks=[later],
                         steps_per_execution=steps)  # fmt: skip
            after = bits(made)
            made.optimizer.learning_rate = 0.01
            made.fit(X, targets, batch_size=8, epochs=2, threads=2, steps_per_execution=steps)
            found.append((str(error.value), after, bits(made)))
        assert found[0] == found[1]


# --- where each step needs Python -----------------------------------------------------------------


class Steps(xn.Callback):
    def on_step_end(self, model: Any, step: int) -> None:
        pass


class Gradients(xn.Callback):
    def on_gradient(self, model: Any, step: int) -> None:
        pass


class Safe(xn.Callback):
    def on_safe_point(self, model: Any, context: Any) -> None:
        pass


class Own:
    """Your own schedule, called in every step."""

    varies = True

    def __call__(self, epoch: float) -> float:
        return 0.01 / (1 + epoch)

    def __repr__(self) -> str:
        return "Own()"


REFUSED: dict[str, Callable[[], tuple[xn.Model, dict[str, Any]]]] = {
    "Steps reads every step": lambda: (make(), {"callbacks": [Steps()]}),
    "Gradients reads every step": lambda: (make(), {"callbacks": [Gradients()]}),
    "Safe reads every step": lambda: (make(), {"callbacks": [Safe()]}),
    "a step adds up the gradients of 2 batches": lambda: (make(), {"accumulate": 2}),
    r"your own function \(Own\(\)\)": lambda: (make(optimizer=xn.Adam(Own())), {}),
    "its steps are not compiled": lambda: (make(backend=NumpyBackend(compiles=False)), {}),
}


def test_steps_that_need_python_are_made_one_by_one(
    calls: list[tuple[int, int]], each: Each
) -> None:
    for reason, what in REFUSED.items():
        with each(reason):
            model, settings = what()
            found = fit(model, None, **settings)
            model, settings = what()
            assert found == fit(model, ONES, **settings)
            model, settings = what()
            with pytest.raises(ArgumentError, match=f"=4 is not possible: .*{reason}"):
                fit(model, 4, **settings)
    assert calls == []
