"""docs/testing.md: its examples run."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_examples_run() -> None:
    if not PAGE.is_file():
        pytest.skip("there are no docs beside the tests")
    blocks = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) == 4
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)
    assert {"check_op", "check_layer", "check_kernel", "check_backend"} <= names.keys()
