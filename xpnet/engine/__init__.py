"""A network on a device: what it was asked to be, its state, its programs."""
