"""Where things are done: in order where that matters, and in as few stages as possible."""

from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.each import Each
from support.fits import Again, near, same

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.stages import interleaved, run_layout

from xpnet.lowering.cpu import step_program
from xpnet.lowering.cpu.product_task import Product
from xpnet.lowering.cpu.schedule import Schedule
from xpnet.lowering.cpu.shared_loops import Vector
from xpnet.lowering.cpu.shared_program import SharedProgram
from xpnet.lowering.cpu.sharing import Access, Item, Lone, bounds

COMPILED = NumpyBackend(compiles=True)

SIZE = 24  # bytes of memory


# --- items that only say what they access ---------------------------------------------------------


class Step(Item):
    """Writes to each unit's bytes a number that depends on those that it reads."""

    def __init__(self, number: int, count: int, accesses: list[Access], alone: bool) -> None:
        self.number, self.count, self.accesses = number, count, accesses
        self.shared = None if alone or not self._can_be_shared() else accesses

    def _can_be_shared(self) -> bool:
        pairs = product(self.accesses, repeat=2)
        return all(a.fits(b) for a, b in pairs if a.meets(b)) and all(
            a.unit for a in self.accesses if a.writes
        )

    def whole(self) -> list[Access]:
        return [Access(a.low, a.high, 0, 0, a.writes) for a in self.accesses]

    def unit(self, n: int, memory: list[int]) -> None:
        """Do what is to be done for one unit."""
        places = [self._places(a, n) for a in self.accesses]
        read = [memory[i] for p, a in zip(places, self.accesses, strict=True) for i in p]
        found = hash((self.number, n, *read))
        for p, a in zip(places, self.accesses, strict=True):
            for i in p if a.writes else ():
                memory[i] = found

    def _places(self, a: Access, n: int) -> range:
        if not a.unit:
            return range(a.low, a.high)
        width = a.high - a.low - (a.count - 1) * a.unit
        return range(a.low + n * a.unit, a.low + n * a.unit + width)


@st.composite
def steps(draw: Any) -> list[Step]:
    """Some items on a few bytes, many of them on the same units."""
    counts = draw(st.lists(st.integers(1, 6), min_size=1, max_size=2))
    units = draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
    choices: list[tuple[int, Access]] = []
    for _ in range(draw(st.integers(1, 6))):
        count, unit = draw(st.sampled_from(counts)), draw(st.sampled_from([0, *units, *units]))
        size = draw(st.integers(1, unit or 4)) + (count - 1) * unit
        low = draw(st.integers(0, max(0, SIZE - size)))
        access = Access(low, low + size, unit, count if unit else 0, draw(st.booleans()))
        choices.append((count, access))
    found = []
    for number in range(draw(st.integers(1, 12))):
        count, first = draw(st.sampled_from(choices))
        others = [a for n, a in choices if n == count or not a.unit]
        accesses = [first, *draw(st.lists(st.sampled_from(others), max_size=2))] if others else []
        found.append(Step(number, count, accesses, draw(st.integers(0, 4)) == 0))
    return found


def alone(step: Step, memory: list[int]) -> None:
    for n in range(step.count):
        step.unit(n, memory)


def placed(items: list[Step], parts: int, checked: int = -1) -> Schedule:
    schedule = Schedule(parts)
    for i, item in enumerate(items):
        schedule.check(item) if i == checked else schedule.add(item)
    return schedule


@settings(deadline=None, max_examples=60)
@given(steps(), st.integers(2, 4), st.integers(0, 9))
def test_what_meets_is_in_order(items: list[Step], parts: int, checked: int) -> None:
    """In other places, unless each thread finds only its own."""
    schedule = placed(items, parts, checked)
    place = {id(x): (n, i) for n, there in enumerate(schedule.places) for i, x in enumerate(there)}
    assert len(place) == len(items)
    assert checked >= len(items) or not place[id(items[checked])][0] % 2
    for j, later in enumerate(items):
        for i, item in enumerate(items[:j]):
            first, second = place[id(item)], place[id(later)]
            assert first[0] < second[0] or i != checked
            pairs = [(a, b) for a in item.accesses for b in later.accesses if a.meets(b)]
            if pairs:
                assert first < second
                fit = all(a.fits(b) for a, b in pairs)
                assert first[0] < second[0] or not first[0] % 2 or fit


@settings(deadline=None, max_examples=60)
@given(steps(), st.integers(2, 4), st.integers(0, 2**20))
def test_any_order_of_the_threads_gives_the_same(items: list[Step], parts: int, seed: int) -> None:
    wanted, got, rng = [0] * SIZE, [0] * SIZE, np.random.default_rng(seed)
    for item in items:
        alone(item, wanted)
    for n, there in enumerate(placed(items, parts).places):
        found: list[Any] = [*there]
        if not n % 2:
            for item in found:
                alone(item, got)
            continue
        shares: list[list[tuple[Any, int]]] = [[] for _ in range(parts)]
        for item in found:
            assert item.shared is not None
            for own, (start, stop) in zip(shares, pairwise(bounds(item.count, parts)), strict=True):
                own += [(item, unit) for unit in range(start, stop)]
        for item, unit in interleaved(shares, rng):
            item.unit(unit, got)
    assert got == wanted


def test_one_thread_keeps_the_order() -> None:
    """All in one stage; after a check, in another."""
    items = [Step(i, 3, [Access(0, 6, 2, 3, True)], alone=False) for i in range(4)]
    assert placed(items, 1).places == [[], items]
    assert placed(items, 1, checked=2).places == [[], items[:2], items[2:3], items[3:]]


def test_what_is_read_early_and_late_is_overwritten_late() -> None:
    reads, other = Access(0, 4, 0, 0, False), Access(8, 16, 2, 4, True)
    rows = Step(0, 4, [other], False)
    late = Step(1, 1, [reads, Access(8, 16, 0, 0, False)], True)
    early = Step(2, 1, [reads, Access(20, 21, 0, 0, True)], True)
    change = Step(3, 1, [Access(0, 4, 0, 0, True)], True)
    assert placed([rows, late, early, change], 2).places == [[early], [rows], [late, change]]


def test_a_program_can_stop_only_after_a_stage() -> None:
    check = Step(0, 1, [Access(0, 8, 0, 0, True)], True)
    rows = Step(1, 4, [Access(8, 16, 2, 4, True)], False)
    assert placed([check, rows], 2, checked=0).places == [[check], [], [], [rows]]


def test_what_one_thread_does_comes_before_the_first_stage_or_after_one() -> None:
    first, last = (Step(i, 1, [Access(8 * i, 8 * i + 8, 0, 0, True)], True) for i in range(2))
    rows = Step(2, 4, [Access(0, 8, 0, 0, False), Access(8, 16, 2, 4, True)], False)
    again = Step(3, 4, [Access(8, 16, 2, 4, True)], False)
    assert placed([first, rows, last, again], 2).places == [[first], [rows], [last], [again]]


# --- the steps of models --------------------------------------------------------------------------


@pytest.fixture
def schedules(monkeypatch: pytest.MonkeyPatch, small_work_is_shared: None) -> Callable[..., Any]:
    """``schedules(model, ...)``: the schedule of a fit's whole steps."""
    made: list[Schedule] = []

    class Noted(Schedule):
        def __init__(self, parts: int) -> None:
            super().__init__(parts)
            made.append(self)

    monkeypatch.setattr(step_program, "Schedule", Noted)

    def fit(model: xn.Model, threads: int = 2, **settings: Any) -> Schedule:
        made.clear()
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(75, 20)).astype("float32"), rng.integers(0, 3, 75)
        given = {"epochs": 1, "batch_size": 17, "steps_per_execution": 99, **settings}
        model.fit(X, y, threads=threads, **given)
        (schedule,) = made
        return schedule

    return fit


def kinds(items: list[Item]) -> set[type[Item]]:
    return {type(item) for item in items}


def test_a_step_of_an_mlp_takes_two_stages(schedules: Callable[..., Any], each: Each) -> None:
    """One for the rows of the batch, one for the weights' gradients and their update."""
    optimizers = xn.SGD(0.1), xn.SGD(0.1, momentum=0.9, weight_decay=0.01), xn.Adam()
    for optimizer, threads in product(optimizers, (2, 3)):
        with each(optimizer, threads=threads):
            schedule = schedules(
                xn.MLP([20, 16, 16, 3], optimizer=optimizer, backend=COMPILED), threads
            )
            assert len(schedule.layout.stages) == 2
            _, first, between, second, *last = schedule.places
            forward_and_backward = [item for item in first if isinstance(item, Product)]
            assert len(forward_and_backward) == 5  # three layers, and two gradients of activations
            assert kinds(between) == {Lone}
            gradients = [item for item in second if isinstance(item, Product)]
            assert len(gradients) == 3
            assert any(isinstance(item, Vector) for item in second)
            assert [kinds(items) for items in last] == [{Lone}]


def test_more_meetings_where_they_are_needed(schedules: Callable[..., Any], each: Each) -> None:
    """For a sum of weights, for the norm of all gradients, for a batch's statistics."""
    mlp = [20, 16, 3]
    with each("weights"):
        schedule = schedules(xn.MLP(mlp, backend=COMPILED), sample_weight=np.ones(75))
        assert len(schedule.layout.stages) == 3
    with each("norm"):
        schedule = schedules(xn.MLP(mlp, optimizer=xn.SGD(clip_global_norm=1.0), backend=COMPILED))
        assert len(schedule.layout.stages) == 3
        assert kinds(schedule.places[4]) == {Lone}  # the norm
        assert kinds(schedule.places[5]) == {Vector}
    with each("statistics"):
        net = xn.Sequential(xn.Dense(16), xn.BatchNorm(), xn.Dense(3))
        assert len(schedules(xn.Model(net, backend=COMPILED)).layout.stages) > 3


def test_a_schedule_needs_no_more_meetings(schedules: Callable[..., Any]) -> None:
    """What it gives is fetched with the batch, before the first stage."""
    rates = 0.3, xn.FlatCosine(0.3, 4)
    stages = [
        len(schedules(xn.MLP([20, 16, 3], dropout=rate, backend=COMPILED)).layout.stages)
        for rate in rates
    ]
    assert stages[0] == stages[1]


def nets() -> dict[str, Any]:
    def net(*middle: Any, **settings: Any) -> xn.Sequential:
        return xn.Sequential(xn.Dense(16, "tanh", **settings), *middle, xn.Dense(3))

    return {
        "plain": (net(), xn.Adam(0.01), {}),
        "weights": (net(), xn.SGD(0.1), {"sample_weight": np.arange(68) % 4 / 2}),
        "batch norm": (net(xn.BatchNorm()), xn.SGD(0.1, momentum=0.9), {}),
        "global norm": (net(), xn.SGD(0.1, clip_global_norm=0.1), {}),
        "norm of each": (net(), xn.Adam(clip_norm=0.01), {}),
        "penalties": (net(kernel_penalty=xn.L1(0.01), bias_penalty=xn.L2(0.1)), xn.SGD(0.1), {}),
        "dropout": (net(xn.Dropout(0.3)), xn.SGD(0.1), {}),
        "scheduled dropout": (net(xn.Dropout(xn.FlatCosine(0.3, 4))), xn.SGD(0.1), {}),
    }


def in_any_order(rng: np.random.Generator) -> Callable[[Any, int], None]:
    """A `SharedProgram.repeat` in one thread that runs each stage's tasks in random order."""

    def repeat(self: Any, steps: int) -> None:
        self._stopped[0] = 0
        for _ in range(steps):
            run_layout(self.layout, rng, self._stopped)

    return repeat


def test_any_order_of_a_stage_gives_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, small_work_is_shared: None, each: Each
) -> None:
    """What a thread does in a stage does not depend on what the others have done of it."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(68, 20)), rng.integers(0, 3, 68)
    for name, (net, optimizer, more) in nets().items():
        fit = Again(
            xn.Model(net, optimizer=optimizer, seed=1, dtype="float64", backend=COMPILED), 20
        )
        wanted = fit(*data, batch_size=17, threads=3, **more)
        with each(name), monkeypatch.context() as patch:
            patch.setattr(SharedProgram, "repeat", in_any_order(rng))
            same(fit(*data, batch_size=17, threads=3, **more), wanted)
        with each(name, "one thread"):
            near(fit(*data, batch_size=17, threads=1, **more), wanted, 1e-9)
