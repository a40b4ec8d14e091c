"""Files: models and training checkpoints."""
