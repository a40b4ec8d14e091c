"""Every example of every docstring runs and prints what it says."""

import doctest
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import xpnet

ROOT = Path(xpnet.__file__).parent


def _modules() -> list[str]:
    """Names of the modules with examples."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        if ">>> " in path.read_text("utf-8"):
            parts = path.relative_to(ROOT.parent).with_suffix("").parts
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


class Runner(doctest.DocTestRunner):
    """One that passes on what is raised where a package is not installed."""

    def report_unexpected_exception(
        self,
        out: Any,
        test: doctest.DocTest,
        example: doctest.Example,
        exc_info: tuple[type[BaseException], BaseException, TracebackType],
    ) -> None:
        if _missing(exc_info[1]):
            raise exc_info[1]
        super().report_unexpected_exception(out, test, example, exc_info)


def _missing(error: BaseException) -> bool:
    """Whether an error says that some package, other than xpnet, is not installed."""
    cause = error.__cause__ if isinstance(error, xpnet.errors.MissingDependencyError) else error
    return isinstance(cause, ModuleNotFoundError) and not str(cause.name).startswith("xpnet")


def _run(name: str) -> doctest.TestResults:
    module, runner = import_module(name), Runner()
    for test in doctest.DocTestFinder().find(module):
        runner.run(test)
    return runner.summarize(verbose=False)


@pytest.mark.filterwarnings("ignore:.*converge")  # examples train for as long as they need
@pytest.mark.parametrize("name", _modules())
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        results = _run(name)
    except ImportError as error:
        if not _missing(error):
            raise
        pytest.skip(str(error))
    assert results.attempted > 0
    assert results.failed == 0


def test_there_are_examples() -> None:
    assert len(_modules()) >= 25


def test_a_wrong_example_and_a_missing_package_are_told_apart() -> None:
    parser, runner = doctest.DocTestParser(), Runner(verbose=False)
    wrong = parser.get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert runner.run(wrong, out=lambda text: None).failed == 1
    missing = parser.get_doctest(">>> import no_such_package\n", {}, "missing", None, 0)
    with pytest.raises(ModuleNotFoundError):
        runner.run(missing)
