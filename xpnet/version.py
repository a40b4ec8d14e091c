"""The version of this xpnet, which files say too."""

__all__ = ["__version__"]

__version__ = "0.2.0"
