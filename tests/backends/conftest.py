"""Every test here begins with nothing probed, nothing warned of and nothing set."""

from support.standins import cupy, fresh, standin_modules

__all__ = ["cupy", "fresh", "standin_modules"]
