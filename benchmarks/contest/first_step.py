"""How long a library takes to make its first step in a new process: tracing and compiling.

    python -m contest.first_step LIBRARY PLAYER FILE

First, the library is started, the data of the task in FILE are converted to its arrays, and the
network is created. Then a fit of one step is timed, in milliseconds. For a player written by hand,
it is the first call of the step.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

from contest.libraries import libraries
from contest.task import Absent, Task

PLAYERS = {"xpnet jax: fit": "jax", "by hand in jax": "jax", "keras jax: fit": "keras jax"}


def seconds(library: str, player: str, task: Task) -> float:
    """The seconds of a player's first step."""
    made = libraries()[library].trains[player](task)
    start = perf_counter()
    made.mean_loss(1)
    return perf_counter() - start


def main() -> None:
    library, player, file = sys.argv[1:]
    try:
        print(1e3 * seconds(library, player, Task.load(Path(file))))
    except Absent as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()
