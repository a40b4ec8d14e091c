"""Files: models, and checkpoints of their training."""

from xpnet.train.saving.snapshots import checkpoints, read_snapshot, write_snapshot

__all__ = ["checkpoints", "read_snapshot", "write_snapshot"]
