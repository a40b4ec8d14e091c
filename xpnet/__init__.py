"""Multilayer perceptrons written once against the Python Array API."""

__version__ = "0.1.0"
