"""Several processes on sparse and stored data; a fit goes on with another number of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import processes

SCRIPT = Path(__file__).with_name("other_data.py")


def results(count: int, case: str, folder: Path) -> list[dict[str, Any]]:
    done = processes.run(count, SCRIPT, case, str(folder))
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(rows) == count
    return rows


def parameters(count: int, case: str, folder: Path) -> np.ndarray:
    """Those of all processes, which are the same."""
    first, *others = (row["parameters"] for row in results(count, case, folder))
    assert all(other == first for other in others)
    return np.asarray(first)


def test_sparse_data(tmp_path: Path):
    pytest.importorskip("scipy")
    dense = parameters(1, "dense", tmp_path)
    # Dropout on the hidden layer alone: the first layer is a product.
    np.testing.assert_allclose(parameters(2, "sparse", tmp_path), dense, rtol=0, atol=1e-12)


def test_each_process_reads_a_file_of_its_own(tmp_path: Path):
    assert np.isfinite(parameters(2, "sharded", tmp_path)).all()


@pytest.mark.parametrize(
    ("case", "words"),
    [("replicated", "give each process rows of its own"), ("stream", "batches from a function")],
)
def test_what_cannot_be_shared_says_what_to_do(tmp_path: Path, case: str, words: str):
    errors = [row["error"] for row in results(2, case, tmp_path)]
    assert all(words in error for error in errors)


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_fit_resumes_with_another_number_of_processes(tmp_path: Path, before: int, after: int):
    whole = parameters(1, "dense", tmp_path)
    parameters(before, "broken off", tmp_path)
    found = parameters(after, "resumed", tmp_path)
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-12)
