"""Several processes train what one trains, to rounding, and all of them the same bits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import processes

SCRIPT = Path(__file__).with_name("equal_to_one.py")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_processes_train_what_one_trains(count: int) -> None:
    done = processes.run(count, SCRIPT)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 6
    for case in found:
        name = case["case"]
        same = [case[key] for key in ("one state", "one history", "again", "as one")]
        assert same == [True] * 4, name
        most = 0.0 if count == 1 else 1e-12
        assert case["gap"] <= most, name
        assert case["history"] <= 1e-12, name
    assert found[0]["steps"] >= 50
