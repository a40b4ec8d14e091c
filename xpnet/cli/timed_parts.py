"""Steps compiled for several threads; one thread runs and times every part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.cli.exchanged_bytes import exchanged
from xpnet.data.arrays import Data
from xpnet.engine.engine import Engine
from xpnet.engine.update import FLUSH_EVERY
from xpnet.errors import ArgumentError
from xpnet.kernels import Call
from xpnet.lowering import lower, step_program
from xpnet.lowering.cpu.pool import numpys

if TYPE_CHECKING:
    from xpnet.lowering.cpu.jit import Program
    from xpnet.lowering.cpu.tasks import Layout

__all__ = ["ROUNDS", "TimedStep", "compiled_step", "measure", "meeting_seconds"]

ROUNDS = 7
_LENGTH = 8192  # elements whose square roots take about 2 us
_REPEATS = 1000


@dataclass
class TimedStep:
    """A step compiled for a number of threads.

    Attributes
    ----------
    threads, chosen : int
        Its threads, and how many a fit would choose at most that many.
    exchanged : int
        Bytes; see `exchanged_bytes`.
    places : list of list of Program or None
        As in a `Schedule`: odd places hold each thread's part, even places hold what one thread
        does.
    checked : int
        The place where the loss is checked.
    empty : Program
        A program that takes no time.
    held : tuple
        The objects that the programs point to.
    times : list of list of list of float
        Seconds of each part in each round.
    """

    threads: int
    chosen: int
    exchanged: int
    places: "list[list[Program | None]]"
    checked: int
    empty: "Program"
    held: tuple[Any, ...]
    times: list[list[list[float]]] = field(default_factory=list)

    def run(self) -> list[list[float]]:
        """Run the step; return the seconds of each part."""
        return [[self._seconds(part) for part in place] for place in self.places]

    def _seconds(self, part: "Program | None") -> float:
        """The seconds of a part, minus those of a call from Python."""
        if part is None:
            return 0.0
        self.empty()  # after large products, Python itself is not in the cache
        call = _timed(self.empty)
        return max(0.0, _timed(part) - call)

    @property
    def medians(self) -> list[list[float]]:
        """The seconds of each part, at each place."""
        places = zip(*self.times, strict=True)
        return [[median(rounds) for rounds in zip(*place, strict=True)] for place in places]

    @property
    def meetings(self) -> int:
        """How often the threads meet: after every stage."""
        return len(self.places) // 2 if self.threads > 1 else 0


def _timed(run: Callable[[], None]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def compiled_step(engine: Engine, data: Data, batch: int, threads: int) -> TimedStep:
    """The step of a fit in `threads` parts, even where a fit would choose fewer."""
    from xpnet.lowering.cpu.fetching import check
    from xpnet.lowering.cpu.jit import Program

    usual = engine.batch_spec("train", batch, data, threads)
    program: Any = engine.programs.get(replace(usual, threads=threads))
    engine.update.share(threads)
    made = _step_program(engine, data, program, batch)
    stopped = np.zeros(1, np.int64)
    task = check(program.results[:1], stopped).task()
    places, checked = _places(made.schedule.layout, task.address)
    shared = exchanged(made.schedule.places, threads)
    held = made, program, engine.update.rules, stopped
    return TimedStep(threads, usual.threads, shared, places, checked, Program([task]), held)


def _step_program(engine: Engine, data: Data, program: Any, batch: int) -> Any:
    """The step as one program on random rows of the data; it can run twice per round."""
    backend: Any = engine.backend
    update, rules, runs = engine.update, engine.update.rules, 2 * ROUNDS
    rates = np.array(update.ahead([engine.learning_rate()] * runs), engine.network.dtype)
    tables, inputs = [(rates, rules.numbers.array)], engine.programs.step_inputs
    if inputs.kinds:
        numbers = [inputs.at(0, 0.0)] * runs
        tables.append((np.array(numbers, backend.widest), inputs.scheduled.array))
    made = step_program(
        backend,
        program.plan.calls,
        rules.calls,
        (FLUSH_EVERY, [] if update.flush is None else update.flush.calls),
        moves=[*zip(data.arrays, program.inputs, strict=True)],
        copies=program.staged,
        results=program.results,
        log=np.zeros((runs, len(program.results)), program.results.dtype),
        tables=tables,
        order=np.random.default_rng(0).integers(0, data.rows, runs * batch),
        number=inputs.number,
    )
    if made is None:
        raise ArgumentError("this step is not compiled as a whole, so threads cannot share it.")
    return made


def _places(layout: "Layout", check: int) -> "tuple[list[list[Program | None]], int]":
    """The tasks at each place as programs, and the place of the task with this address."""
    from xpnet.lowering.cpu.jit import Program

    tasks = [[layout.head]]
    for stage in layout.stages:
        tasks += [stage.parts, [stage.tail]]
    places = [[Program(part) if part else None for part in place] for place in tasks]
    (checked,) = (i for i, (one, *_) in enumerate(tasks) if check in {t.address for t in one})
    return places, checked


def measure(steps: Sequence[TimedStep]) -> None:
    """Time every part in turn. Each round begins with a different step."""
    with numpys().limited(1):
        for turn in range(ROUNDS):
            first = turn % len(steps)
            for step in [*steps[first:], *steps[:first]]:
                step.run()  # so that the caches are as they are after a step
                step.times.append(step.run())


def meeting_seconds(backend: Any) -> float:
    """The seconds that two threads need to meet, in a program where each computes for about 2 us.

    If other processes leave them only one core, one thread runs both parts. So the result is at
    most 2 us.
    """
    from xpnet.lowering.cpu.jit import Program

    x = np.ones(2 * _LENGTH, "float32")
    calls = [Call(backend, np.sqrt, (x,), {"out": x})]
    shared: Any
    (shared,) = lower(backend, calls, [], threads=2)
    alone = [Program(_REPEATS * part).run for part in shared.layout.stages[0].parts]
    both, one = [], []
    for _ in range(ROUNDS):
        both.append(_timed(lambda: shared.repeat(_REPEATS)))
        one.append(max(map(_timed, alone)))
    return max(0.0, min(both) - min(one)) / _REPEATS
