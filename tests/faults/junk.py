"""Give every public function junk: ``junk.py [PART OF A NAME [EVERY]]``.

Each argument in turn is each kind of junk (``junk_kinds.py``), while all others are valid. A call
may work, or raise an error of the package's that says something, or Python's own `TypeError` for
an unknown or missing argument, or what an object of the user's raises itself. After an error, what
the function could have changed has its old bits. All else is foreign: errors of NumPy or of Python
from within the package, warnings of other libraries, and calls that take more than 5 seconds.

The script prints the foreign outcomes by function and error. EVERY = 7 makes every seventh call.
"""

import io
import os
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing import Pipe, get_context
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from traceback import extract_tb
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.junk_call import CALLED, CONTRACT, Call, Target
from faults.junk_kinds import KINDS, Own

from xpnet.errors import XpnetError, XpnetWarning

__all__ = ["Outcome", "calls", "outcome"]

SECONDS = 5.0


@dataclass(frozen=True)
class Outcome:
    """What came of a call: "works", "refused", "own" or "foreign", and how."""

    kind: str
    how: str = ""


class Hang(BaseException):
    """A call takes too long."""


@contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hang

    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def outcome(target: Target, place: int | str, kind: str, folder: Path) -> Outcome:
    """Make one call with junk."""
    call = target.make(folder)
    run = call.with_junk(place, KINDS[kind]())
    before = None if call.state is None else call.state()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = _run(run, call)
    fine = (*call.allowed, "ConvergenceWarning", "DataConversionWarning")  # as scikit-learn's
    alien = [
        w
        for w in seen
        if not issubclass(w.category, XpnetWarning | DeprecationWarning)
        and w.category.__name__ not in fine
    ]
    if found.kind != "foreign" and alien:
        return Outcome("foreign", f"{alien[0].category.__name__}: {alien[0].message}")
    changed = before is not None and found.kind == "refused" and call.state() != before
    if changed:
        return Outcome("foreign", f"state changed by a call that was refused ({found.how})")
    return found


def _run(run: Callable[[], Any], call: Call) -> Outcome:
    try:
        with _limited(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            result = run()
            if call.use is not None:
                call.use(result)
    except Hang:
        return Outcome("foreign", f"takes more than {SECONDS:g} s")
    except BaseException as error:
        return _judged(error, call.allowed)
    return Outcome("works")


def _judged(error: BaseException, allowed: tuple[str, ...]) -> Outcome:
    """Whether an error is one that a user can be expected to see."""
    if isinstance(error, Own):
        return Outcome("own")
    if isinstance(error, TypeError) and "_no_arguments()" in str(error):
        return Outcome("own")
    try:
        text = str(error)
    except Own:
        return Outcome("own")
    frames = extract_tb(error.__traceback__)
    how = f"{type(error).__name__}: {text}"
    if isinstance(error, XpnetError):
        return Outcome("refused", how) if len(text) > 15 else Outcome("foreign", f"silent {how}")
    if type(error).__name__ in allowed or (CONTRACT in allowed and _validated(error)):
        return Outcome("refused", how)
    if isinstance(error, TypeError):
        at_call = frames[-1].filename == CALLED
        if at_call or "has no setting" in text:
            return Outcome("refused", how)
    last = frames[-1]
    inside = [f for f in frames if f"{os.sep}xpnet{os.sep}" in f.filename]
    where = inside[-1] if inside else last
    at = f"{where.filename.rpartition('xpnet' + os.sep)[2]}:{where.lineno}"
    return Outcome("foreign", f"{how} [{at}]")


def _validated(error: BaseException) -> bool:
    """Whether scikit-learn's own checks refuse an argument, as they do for its own estimators."""
    files = [frame.filename for frame in extract_tb(error.__traceback__)]
    own = max(i for i, name in enumerate(files) if f"{os.sep}xpnet{os.sep}" in name or i == 0)
    return any(f"{os.sep}sklearn{os.sep}" in name for name in files[own:])


def calls(targets: list[Target], folder: Path) -> Iterator[tuple[Target, int | str, str]]:
    """Every target, argument and kind of junk."""
    for target in targets:
        call = target.make(folder)
        for place in call.places():
            for kind in KINDS:
                if kind not in call.without:
                    yield target, place, kind


def _limit_memory(more: int = 6 << 30) -> None:
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + more, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _work(chosen: list[Target], start: int, every: int, results: Any) -> None:
    """In a process of its own: make the calls from number `start` on."""
    with TemporaryDirectory() as place:
        os.chdir(place)
        _limit_memory()
        for i, (target, argument, kind) in enumerate(calls(chosen, Path(place))):
            if i >= start and i % every == 0:
                results.send((i, None))
                results.send((i, outcome(target, argument, kind, Path(place))))
    results.close()


def outcomes(chosen: list[Target], every: int = 1) -> Iterator[tuple[int, Outcome]]:
    """The outcome of each call; a process that no longer answers is replaced."""
    start = 0
    while True:
        ours, theirs = Pipe(duplex=False)
        worker = get_context("fork").Process(target=_work, args=(chosen, start, every, theirs))
        worker.start()
        theirs.close()
        running = None
        try:
            while ours.poll(2 * SECONDS):
                running, found = ours.recv()
                if found is not None:
                    yield running, found
            how = f"takes more than {2 * SECONDS:g} s, uninterruptibly"
        except EOFError:
            worker.join()
            if worker.exitcode == 0:
                return
            how = f"ends the process with {worker.exitcode}"
        worker.kill()
        worker.join()
        if running is None:
            raise RuntimeError(f"no call was made: the process {how}")
        yield running, Outcome("foreign", how)
        start = running + 1


def main(part: str = "", every: str = "1") -> int:
    """Print what is foreign; return whether something is."""
    os.environ["XPNET_FAST"] = "0"
    from faults.junk_targets import TARGETS

    chosen = [target for target in TARGETS if part in target.name]
    made = list(calls(chosen, Path(gettempdir())))
    count: Counter[str] = Counter()
    foreign: Counter[str] = Counter()
    for i, found in outcomes(chosen, int(every)):
        target, argument, kind = made[i]
        count[found.kind] += 1
        if found.kind == "foreign":
            foreign[f"{target.name}: {found.how.partition(':')[0]}"] += 1
            print(ascii(f"{target.name}({argument}={kind}): {found.how[:300]}")[1:-1], flush=True)
    for name, number in foreign.most_common():
        print(f"{number:6} {name}")
    print(f"{count.total()} calls: {', '.join(f'{n} {kind}' for kind, n in count.items())}")
    return bool(foreign)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
