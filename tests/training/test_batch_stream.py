"""Batches from functions and loaders."""

from collections.abc import Callable, Iterator
from itertools import count, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.each import Each
from support.fits import same

import xpnet as xn
from xpnet.errors import ArgumentError, DataError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(230, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
Batches = Iterator[tuple[Any, ...]]


def generator(size: int = 50) -> Batches:
    for i in range(0, len(X), size):
        yield X[i : i + size], Y[i : i + size]


class Sequence:
    """A sequence as Keras has them, whose elements never end by themselves."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        return X[50 * i : 50 * (i + 1)], Y[50 * i : 50 * (i + 1)]


def model(**settings: Any) -> xn.Model:
    return xn.MLP([5, 8, 2], seed=3, **settings)


def fitted(data: Any, **settings: Any) -> xn.Model:
    made = model()
    made.fit(data, epochs=2, verbose=False, **settings)
    return made


@pytest.fixture(scope="module")
def wanted() -> dict[str, Any]:
    made = model()
    made.fit(X, Y, epochs=2, batch_size=50, shuffle=False, verbose=False, steps_per_execution=1)
    return made.state_dict()


@pytest.mark.smoke
def test_all_kinds_of_batches_train_alike(each: Each, wanted: dict[str, Any]) -> None:
    whole = [*generator()]
    kinds: dict[str, Any] = {
        "a generator function": generator,
        "with steps": (generator, 5),
        "a list": whole,
        "a function that returns a list": lambda: whole,
        "a sequence": Sequence(),
        "a function that returns a sequence": Sequence,
        "an endless iterator": (lambda: (Sequence()[i % 5] for i in count()), 5),
    }
    for name, given in kinds.items():
        arguments = given if isinstance(given, tuple) else (given,)
        with each(name):
            same(fitted(xn.data.batches(*arguments)).state_dict(), wanted)


def test_a_data_loader(wanted: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=50)
    made = model(backend="numpy")
    made.fit(xn.data.batches(loader), epochs=2, verbose=False)
    same(made.state_dict(), wanted)


def test_evaluations_predictions_and_validation() -> None:
    made = fitted(xn.data.batches(generator), validation_data=xn.data.batches(generator))
    stream = xn.data.batches(generator)
    found, there = made.evaluate(stream), made.evaluate(X, Y, batch_size=50)
    assert found == there
    np.testing.assert_array_equal(made.predict(stream), made.predict(X, 50))
    np.testing.assert_array_equal(
        made.predict(xn.data.batches(lambda: iter([X[:7], X[7:]]))), made.predict(X, 115)
    )
    history = made.fit(X, Y, epochs=1, validation_data=stream, verbose=False)
    assert history["val_loss"][-1] == made.evaluate(stream)["loss"]


def test_weights_and_accumulation() -> None:
    weight = RNG.random(230)

    def weighted() -> Batches:
        return ((x, y, weight[50 * i : 50 * i + 50]) for i, (x, y) in enumerate(generator()))

    made, other = model(), model()
    made.fit(xn.data.batches(weighted), epochs=2, accumulate=2, verbose=False)
    settings: dict[str, Any] = {
        "sample_weight": weight,
        "batch_size": 50,
        "shuffle": False,
        "accumulate": 2,
    }
    other.fit(X, Y, epochs=2, verbose=False, **settings)
    same(made.state_dict(), other.state_dict())


class Stop(xn.Callback):
    """End a fit after some steps."""

    def stride(self) -> int:
        return 1

    def on_safe_point(self, model: Any, context: Any) -> None:
        context.stopping |= context.state.step == 7


def test_a_resumed_fit(tmp_path: Path) -> None:
    save = xn.Checkpoint(tmp_path, every=1, unit="step")
    stream = xn.data.batches(generator)
    model().fit(stream, epochs=3, callbacks=[save, Stop()], verbose=False)
    again, whole = model(), model()
    again.fit(xn.data.batches(generator), epochs=3, resume_from=tmp_path, verbose=False)
    whole.fit(xn.data.batches(generator), epochs=3, verbose=False)
    same(again.state_dict(), whole.state_dict())


def test_a_fit_begins_each_epoch_once() -> None:
    calls: list[int] = []

    def noted() -> Batches:
        calls.append(len(calls))
        return generator()

    model().fit(xn.data.batches(noted, 5), epochs=3, verbose=False)
    assert len(calls) == 3


def _once(batches: list[Any]) -> Callable[[], Any]:
    """A function that returns these batches in the first epoch, and fewer afterwards."""
    turns = count()
    return lambda: iter(batches if next(turns) == 0 else batches[:2])


def test_errors_name_the_batch(each: Each) -> None:
    spent, good = generator(), [*generator()]
    wide = [*good[:2], (np.zeros((9, 4), "float32"), np.zeros(9, "int64"))]
    nan = [*good[:3], (np.full((9, 5), np.nan, "float32"), np.zeros(9, "int64"))]
    cases: dict[str, tuple[Any, ...]] = {
        "no batch 1 of the next epoch: .* same generator": (lambda: spent, 5),
        "there is no batch 1: the iterator is empty": (lambda: iter([]), 3),
        "no batch 1: the function returned no batches": (list,),
        "no batch 1: the function returned no batches at all": (lambda: iter([]),),
        "no batch 6: the iterator ended after 5 of 9": (generator, 9),
        "no batch 3: the iterator ended after 2 of 5": (_once(good), 5),
        r"batch 3's X has shape \(9, 4\)": (wide,),
        "batch 4's X contains NaN": (nan,),
        "batch 2 must be": ([good[0], X[:3]],),
        "batch 2 has 3 arrays, the first has 2": ([good[0], (*good[1], np.ones(50))],),
        "batch 1's X has 50 samples, but batch 1's y has 9": ([(X[:50], Y[:9])],),
        "labels .batch 2's y. must be": ([good[0], (X[:9], Y[:9] + 5)],),
    }
    for message, arguments in cases.items():
        with each(message), pytest.raises((DataError, ShapeError), match=message):
            model().fit(xn.data.batches(*arguments), epochs=2, verbose=False)


def test_what_does_not_work_says_what_to_do(each: Each) -> None:
    stream = xn.data.batches(generator)
    three: Any = lambda: 3  # noqa: E731
    cases: dict[str, Callable[[], Any]] = {
        "used up after one epoch: give the function": lambda: xn.data.batches(generator()),
        "expects a function that returns an iterator": lambda: xn.data.batches(3),  # type: ignore[arg-type]
        "must return an iterator over batches": lambda: model().fit(
            xn.data.batches(three), verbose=False
        ),
        "leave out y and weights": lambda: model().fit(stream, Y),
        "class_weight needs all targets": lambda: model().fit(stream, class_weight="balanced"),
        "shuffle has no effect": lambda: model().fit(stream, shuffle=xn.data.Blocks()),
        "L-BFGS needs all samples": lambda: model(optimizer="lbfgs").fit(stream),
        "one batch in memory": lambda: model().train_on_batch(stream, None),  # type: ignore[arg-type]
        "steps_per_execution=3 is not possible: (the batches|numpy)": lambda: model().fit(
            stream, steps_per_execution=3
        ),
    }
    for message, call in cases.items():
        with each(message), pytest.raises(ArgumentError, match=message):
            call()
    with pytest.raises(DataError, match=r"xpnet\.data\.batches\(X\)"):
        model().fit(Sequence(), Y)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"xpnet\.data\.batches\(function\)"):
        model().fit(generator(), Y)  # type: ignore[arg-type]


def test_endless_batches_end_with_the_epoch() -> None:
    made = model()
    history = made.fit(xn.data.batches(lambda: repeat((X, Y)), 3), epochs=2, verbose=False)
    assert len(history) == 2
    assert made.engine.state.step == 6
