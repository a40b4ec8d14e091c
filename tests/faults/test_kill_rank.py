"""The short form of `kill_rank.py`: one kill."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support import processes


def test_a_killed_process_costs_no_bit() -> None:
    processes.needed()
    script = Path(__file__).with_name("kill_rank.py")
    line = [sys.executable, str(script), "--kills", "1"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"kills": 1, "different": 0}
