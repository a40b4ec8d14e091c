"""One of several processes fails, asks to stop, or has other settings: all end together."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic

import pytest
from support import processes

SCRIPT = Path(__file__).with_name("one_of_several.py")


def found(done: processes.Done) -> list[dict]:
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return sorted(lines, key=lambda line: line["rank"])


def test_a_step_has_one_collective():
    rows = found(processes.run(2, SCRIPT, "plain"))
    assert [row["rank"] for row in rows] == [0, 1]
    assert [(row["steps"], row["sums"]) for row in rows] == [(40, 40)] * 2


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("exception", "ZeroDivisionError: of process 1"),
        ("nan", "DivergedError: the loss became"),
        ("moved", "DistributedError: process 1 holds other parameters"),
        ("kill", ""),
    ],
)
def test_the_error_of_one_process_ends_all_and_is_shown_once(case: str, words: str):
    started = monotonic()
    done = processes.run(2, SCRIPT, case)
    assert done.returncode != 0
    assert monotonic() - started < 60  # a process that waits for another would never end
    assert done.stderr.count("Traceback (most recent call last)") == bool(words)
    assert words in done.stderr
    assert not found(done)


def test_processes_that_disagree_are_told_what_differs_and_can_go_on():
    done = processes.run(2, SCRIPT, "refused")
    assert done.returncode == 0, done.stderr
    rows = found(done)
    errors = [row for row in rows if "error" in row]
    assert len(errors) == 16
    for row in errors:
        assert row["case"] in row["error"]
    kinds = {(row["rank"], row["kind"]) for row in errors if row["case"] == "NaN"}
    assert kinds == {(0, "DistributedError"), (1, "DataError")}
    assert [row["steps"] for row in rows if "steps" in row] == [40, 40]


def test_a_callback_of_one_process_stops_all_after_the_same_step():
    first, second = found(processes.run(2, SCRIPT, "stop"))
    assert first == {**second, "rank": 0}
    assert first["steps"] == 14  # asked for in step 13, known with the next


def test_a_signal_to_one_process_ends_all_with_one_checkpoint(tmp_path: Path):
    done = processes.run(2, SCRIPT, "term", str(tmp_path))
    assert done.returncode != 0  # process 1 ends as SIGTERM ends a process
    names = [path.name for path in tmp_path.iterdir()]
    assert f"checkpoint-{16:012d}.safetensors" in names
