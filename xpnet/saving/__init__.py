"""Files: models, and checkpoints of their training."""
