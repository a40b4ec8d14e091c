"""The package from outside: its rooms, imports and sizes, and the calls of a training step."""
