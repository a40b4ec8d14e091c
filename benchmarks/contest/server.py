"""A process with one library, which makes its players and times them on request.

    python -m contest.server LIBRARY THREADS [PLAYER ...]

Requests and answers are JSON, one per line. ``["steps", size]`` and ``["predictions", size, rows]``
make players; the answer names those that are ready, and says why others are absent.
``["time", name]`` takes one measurement (seconds per step, busy cores). So libraries that must not
share a process still take turns. `peers.py --backends` sends the requests.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from common import SIZES, Size, products
from timing import Run, Timer, timer

from contest import by_hand, rules
from contest.environment import confine
from contest.libraries import FIT, Library, libraries
from contest.rules import BATCHES, CHECKED, FLOOR, Wrong, batches_of_epoch, task_of
from contest.task import Absent
from contest.worker import REST, versions

LEAST = 0.02  # seconds of a measurement of single steps; a fit is long enough


class Server:
    """The players of a library.

    Parameters
    ----------
    name : str
    library : Library
    only : list of str
        Prefixes of the players' names; an empty list means all.
    pause : float
        Seconds of rest before each measurement.
    """

    def __init__(self, name: str, library: Library, only: list[str], pause: float) -> None:
        self._name, self._library, self._only, self._pause = name, library, only, pause
        self._timers: dict[str, Timer] = {}

    def steps(self, size: Size) -> dict[str, Any]:
        """Make the players that train."""
        many = batches_of_epoch(size)
        longest = task_of(size, max(many, BATCHES))
        task, epoch = longest.first(BATCHES), longest.first(many)
        expected = by_hand.ByHand(task).mean_loss(CHECKED)

        def make(name: str, maker: Any) -> Run:
            player = maker(epoch if name.endswith(FIT) else task)
            rules.check_loss(player.mean_loss(CHECKED), expected)
            return Run(player.run, player.finish, player.steps)

        return self._ready(self._library.trains, make, lambda: products(size))

    def predictions(self, size: Size, rows: int) -> dict[str, Any]:
        """Make the players that predict."""
        task, X = task_of(size, 1), size.data(rows)[0]
        expected = by_hand.predictor(task, X)()

        def make(_: str, maker: Any) -> Run:
            predict = maker(task, X)
            rules.check_logits(np.asarray(predict()), expected)
            return Run(predict)

        return self._ready(self._library.predicts, make, lambda: by_hand.bare_products(task, X))

    def _ready(
        self,
        makers: Mapping[str, Any],
        make: Callable[[str, Any], Run],
        floor: Callable[[], Callable[[], Any]],
    ) -> dict[str, Any]:
        """Make all players; the error that a player raises is the reason for its absence."""
        self._timers, absent = {}, {}
        if self._name == "numpy":
            self._timers[FLOOR] = timer(Run(floor()), LEAST, self._pause)
        for name in rules.chosen(makers, self._only):
            try:
                run = make(name, makers[name])
                self._timers[name] = timer(run, LEAST if run.steps == 1 else 0.0, self._pause)
            except Exception as error:
                if isinstance(error, Wrong) and name.startswith("xpnet"):
                    raise
                absent[name] = _reason(error)
        return {"ready": list(self._timers), "absent": absent}

    def time(self, name: str) -> tuple[float, float]:
        """Seconds per step, and busy cores."""
        return self._timers[name]()

    def answer(self, request: list[Any]) -> Any:
        """The answer to a request."""
        what, *given = request
        if what == "time":
            return self.time(*given)
        size = next(size for size in SIZES if size.name == given[0])
        return getattr(self, what)(size, *given[1:])


def _reason(error: Exception) -> str:
    """An error on one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, Absent | Wrong) else f"{type(error).__name__}: {text}"


def main() -> None:
    name, threads, *only = sys.argv[1:]
    confined = confine(int(threads))
    if "torch" in name.split():
        _limit_torch(int(threads))
    # Libraries that print must not disturb the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    library = libraries()[name]
    server = Server(name, library, only, REST if int(threads) > 1 else 0.0)
    print(json.dumps({**versions(), "confined to as many cores": confined}), file=answers)
    for line in sys.stdin:
        print(json.dumps(server.answer(json.loads(line))), file=answers)


def _limit_torch(threads: int) -> None:
    """Limit PyTorch's own threads, if it is installed."""
    if "torch" in versions():
        import torch

        torch.set_num_threads(threads)


if __name__ == "__main__":
    main()
