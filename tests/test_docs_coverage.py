"""docs/coverage.md: no empty cell, and everything that it names exists."""

import re
from functools import reduce
from pathlib import Path

import pytest

import xpnet

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "coverage.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="there are no docs beside the tests")
ROWS = (
    [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| it teaches")
    ]
    if PAGE.is_file()
    else []
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_row(row: list[str]) -> None:
    assert len(row) == 3
    assert all(row)
    shown = re.findall(r"`((?:docs|tests|benchmarks)/[^`]+)`", row[2])
    assert shown, "nothing shows it"
    for path in shown:
        assert (ROOT / path).is_file(), path
    for name in re.findall(r"`(?:xn|xpnet)\.([\w.]+)`", row[1]):
        reduce(getattr, name.split("."), xpnet)


def test_there_is_a_table_for_each_document() -> None:
    assert PAGE.read_text("utf-8").count("| it teaches | in xpnet | shown by |") == 5
    assert len(ROWS) > 50
