"""Files: models, and checkpoints of their training."""

from xpnet.saving.snapshots import (
    Snapshot,
    checkpoints,
    read_snapshot,
    step_of,
    write_snapshot,
)

__all__ = ["Snapshot", "checkpoints", "read_snapshot", "step_of", "write_snapshot"]
