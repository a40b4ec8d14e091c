"""Every test here starts without probes, warnings and settings."""

from support.standins import cupy, fresh, standin_modules

__all__ = ["cupy", "fresh", "standin_modules"]
