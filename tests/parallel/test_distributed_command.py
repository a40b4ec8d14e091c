"""`xpnet train --distributed`: the first process prints and writes."""

from __future__ import annotations

from pathlib import Path

from support import processes

SCRIPT = """\
import sys
from xpnet.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_first_process_prints_and_writes(tmp_path: Path) -> None:
    script, folder, model = (
        tmp_path / name for name in ("main.py", "checkpoints", "m.safetensors")
    )
    script.write_text(SCRIPT)
    line = ["train", "digits", "--epochs", "2", "--distributed", "--checkpoint", str(folder)]
    done = processes.run(2, script, *line, "--save", str(model))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained for 2 epochs") == 1
    assert model.is_file()
    assert len([*folder.iterdir()]) == 2
    refused = processes.run(2, script, *line)
    assert refused.returncode != 0
    assert refused.stderr.count("xpnet: error: --checkpoint") == 1
