"""docs/exchange.md: every block runs, and what it prints is True."""

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "exchange.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="there are no docs beside the tests")
LIBRARIES = {
    "PyTorch": ["torch"],
    "scikit-learn": ["sklearn"],
    "ONNX": ["onnx", "onnxruntime", "sklearn"],  # the last one for its data
    "Estimators": ["onnx", "onnxruntime", "sklearn", "torch"],
    "Pipelines": ["onnxruntime", "skl2onnx"],
    "Tables": ["onnx", "onnxruntime", "torch"],
}


@pytest.mark.parametrize("section", LIBRARIES)
def test_blocks_run(
    section: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for library in LIBRARIES[section]:
        pytest.importorskip(library, reason=f"{library} is not installed")
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    names: dict[str, Any] = {"__name__": "docs"}
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for block in blocks:
        exec(compile(block, "exchange.md", "exec"), names)
    assert blocks
    assert set(capsys.readouterr().out.split()) == {"True"}
