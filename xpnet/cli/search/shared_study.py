"""One study for many processes: who takes which trial, and what becomes of trials of the dead.

Optuna's journal has no sign of life of its processes. So each one writes a number into the trial
that it runs, every few seconds. A trial whose number has not changed for a minute, by the clock of
the process that looks, is taken to be lost: it fails, and another with its settings waits for
whichever process is free. Clocks of different machines are never compared.
"""

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from xpnet.cli.search.search_identity import differences
from xpnet.cli.search.search_storage import sampler
from xpnet.errors import DataError
from xpnet.optional import require

__all__ = ["SharedStudy"]

BEAT, LOST = 10.0, 60.0  # seconds between signs of life, and without one
_RETRIES = 2  # of a trial whose process died: its settings may be the cause
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_WORKER = "process "  # of a study's user attributes; their order is that of the journal


class SharedStudy:
    """A study as one of its processes sees it.

    Parameters
    ----------
    study : optuna.Study
    wanted : int
        Trials of all processes together.
    identity : dict
        What must be the same in all processes.
    seed : int
        Of the sampler. Each further process draws other numbers.
    file : str or None
        The name of the journal, for messages.

    Attributes
    ----------
    number : int
        How many processes have joined before.

    Raises
    ------
    DataError
        If the study is of other data or settings.
    """

    def __init__(
        self, study: Any, wanted: int, identity: Mapping[str, Any], seed: int, file: str | None
    ) -> None:
        self.study, self.wanted = study, wanted
        self._seen: dict[int, tuple[Any, float]] = {}  # sign of life of a trial, and when it came
        self._states = require("optuna.trial", "search", "xpnet search").TrialState
        self.number = self._join(identity, file)
        study.sampler = sampler(seed + self.number)

    def _join(self, identity: Mapping[str, Any], file: str | None) -> int:
        """Enter this process after the others, whose first one says what the search is for."""
        _check(self._processes(), identity, file)
        me = f"{_WORKER}{uuid4().hex}"
        self.study.set_user_attr(me, dict(identity))
        others = self._processes()
        _check(others, identity, file)  # another may have been first
        return list(others).index(me)

    def _processes(self) -> dict[str, Any]:
        attributes = self.study.user_attrs.items()
        return {name: found for name, found in attributes if name.startswith(_WORKER)}

    # --- trials -------------------------------------------------------------------------------

    def next(self) -> Any:
        """A trial to run; None if none is left, though some may still be running elsewhere."""
        self._give_back_lost()
        trials = self._trials()
        waiting = any(t.state is self._states.WAITING for t in trials)
        if not waiting and sum(map(_counts, trials)) >= self.wanted:
            return None
        trial = self.study.ask()
        found = self._trials()[trial.number]
        before = sum(_counts(t) for t in self._trials()[: trial.number])
        if _counts(found) and before >= self.wanted:  # two processes took the last one
            trial.set_user_attr("surplus", True)
            self.study.tell(trial, state=self._states.FAIL)
            return None
        return trial

    def running(self) -> list[int]:
        """Numbers of the trials that any process runs now."""
        return [t.number for t in self._trials() if t.state is self._states.RUNNING]

    def neighbours(self, trial: Any) -> int:
        """How many other trials run on this machine."""
        return sum(
            t.state is self._states.RUNNING
            and t.number != trial.number
            and t.user_attrs.get("host") == platform.node()
            for t in self._trials()
        )

    def owns(self, trial: Any) -> bool:
        """Whether a trial is still running for all, not taken to be lost."""
        return bool(self._trials()[trial.number].state is self._states.RUNNING)

    def tell(
        self, trial: Any, value: float | None, state: Any, attributes: Mapping[str, Any] = _NOTHING
    ) -> bool:
        """Enter a result; False if the trial has been taken to be lost meanwhile."""
        try:
            for name, found in attributes.items():
                trial.set_user_attr(name, found)
            self.study.tell(trial, value, state=state)
        except (ValueError, RuntimeError):
            if self.owns(trial):
                raise
            return False
        return True

    def give_back(self, number: int, *, died: bool = False) -> bool:
        """End a trial without a result, and let its settings wait for a process; True if so."""
        trial = self._trials()[number]
        try:
            self.study.tell(number, state=self._states.FAIL)
        except (ValueError, RuntimeError):  # another process was faster
            return False
        deaths = trial.user_attrs.get("deaths", 0) + died
        if deaths > _RETRIES:
            return False
        again = require("optuna.trial", "search", "xpnet search").create_trial(
            state=self._states.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={"retry of": number, "deaths": deaths},
        )
        self.study.add_trial(again)
        return True

    def _give_back_lost(self) -> None:
        for trial in self._trials():
            if trial.state is not self._states.RUNNING:
                continue
            beat, now = trial.user_attrs.get("beat"), monotonic()
            last, since = self._seen.setdefault(trial.number, (beat, now))
            if beat != last:
                self._seen[trial.number] = beat, now
            elif now - since > LOST:
                self.give_back(trial.number, died=True)

    def _trials(self) -> list[Any]:
        found: list[Any] = self.study.get_trials(deepcopy=False)
        return found

    # --- signs of life ------------------------------------------------------------------------

    @contextmanager
    def alive(self, trial: Any) -> Iterator[None]:
        """Write signs of life into a trial during the body."""
        trial.set_user_attr("host", platform.node())
        trial.set_user_attr("process", f"{self.number} (pid {os.getpid()})")
        over = Event()

        def beat() -> None:
            count = 0
            while not over.wait(BEAT):
                count += 1
                with suppress(Exception):  # the next one may succeed
                    trial.set_user_attr("beat", count)

        thread = Thread(target=beat, name="xpnet-search-beat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _counts(trial: Any) -> bool:
    """Whether a trial is one of those wanted, not a second attempt or one too many."""
    return not {"retry of", "surplus"} & trial.user_attrs.keys()


def _check(processes: Mapping[str, Any], identity: Mapping[str, Any], file: str | None) -> None:
    first = next(iter(processes.values()), identity)
    difference = next(differences(first, identity), None)
    if difference is not None:
        raise DataError(
            f"{file} holds another search: {difference}. Use the same data and options, or name "
            "another file with --storage."
        )
