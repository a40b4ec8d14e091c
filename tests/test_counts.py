"""The counts that the design is held to: measured by running, and read off the source."""

import json
import sys
from importlib.util import find_spec

import pytest

pytest.importorskip("anatomy", reason="there are no benchmarks beside the tests")

import counts
from anatomy import calls
from counts import CALLS, CLASSIFIER_FRAMES, FIT_FRAMES, Count, main

from xpnet.lowering.cpu.pool import numpys

COMPILED = "training/compiled_steps.py:CompiledSteps.epoch"


def test_from_fit_to_the_numbers() -> None:
    found = calls.fit_frames(compiles=False)
    assert "model.py:Model.fit" in found[:3]
    assert found[-1].startswith("graph/")
    assert len(found) <= FIT_FRAMES


def test_compiled_steps_are_no_further_away() -> None:
    pytest.importorskip("llvmlite")
    found, plain = calls.fit_frames(compiles=True), calls.fit_frames(compiles=False)
    assert [name for name in found if name not in plain] == [COMPILED]
    assert len(found) <= FIT_FRAMES


def test_from_an_estimators_fit_to_the_numbers() -> None:
    pytest.importorskip("sklearn", minversion="1.9")
    found = calls.classifier_frames()
    assert found[0].startswith("estimators/")
    compiles = find_spec("llvmlite") is not None
    assert found[-len(calls.fit_frames(compiles)) :] == calls.fit_frames(compiles)
    assert len(found) <= CLASSIFIER_FRAMES


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_python_calls_of_a_step(optimizer: str) -> None:
    if numpys().count > 1:
        pytest.skip("a step that takes turns with others' threads makes three calls more")
    assert calls.calls_a_step(optimizer, compiles=False).total() / calls.STEPS < CALLS + 0.5


def test_calls_of_a_step_are_those_of_steps_alone() -> None:
    found = calls.calls_a_step("sgd", compiles=False)
    assert all(n >= calls.STEPS // 32 for n in found.values()), "nothing of an epoch"
    assert found["graph/plan.py:in_turn.<locals>.run"] >= 2 * calls.STEPS


def test_every_python_function_is_counted() -> None:
    def inner() -> int:
        return abs(-1)

    def outer() -> None:
        inner()
        inner()

    found = calls.calls_of(outer)
    assert sum(n for name, n in found.items() if name.endswith("inner")) == 2
    assert found.total() == 3 + sum(n for name, n in found.items() if "anatomy" in name)


def test_a_count_says_whether_it_meets_its_target() -> None:
    assert Count("x", 3, 3).met
    assert Count("x", 3).met
    missed = Count("x", 3, 2)
    assert not missed.met
    assert "NOT MET" in str(missed)


def test_what_is_read_off_the_source() -> None:
    found = {count.name: count.found for count in counts.reading()}
    assert found["files"] > 200
    assert found["circles between files"] == found["circles between rooms"] == 0
    assert found["rooms"] > 20


def test_the_exit_code_says_whether_all_targets_are_met(monkeypatch, tmp_path, capsys) -> None:
    file = tmp_path / "counts.json"
    monkeypatch.setattr(sys, "argv", ["counts.py", "--json", str(file), "--calls"])
    monkeypatch.setattr(counts, "running", lambda: iter([Count("a", 1, 2, ("part",))]))
    monkeypatch.setattr(counts, "reading", lambda: iter([]))
    assert main() == 0
    assert "part" in capsys.readouterr().out
    assert json.loads(file.read_text("utf-8"))[0]["found"] == 1
    monkeypatch.setattr(counts, "running", lambda: iter([Count("a", 3, 2)]))
    assert main() == 1
