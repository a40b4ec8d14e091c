"""A network on a device: its configuration, its state and its programs."""
