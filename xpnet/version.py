"""The version of xpnet, which saved files state too."""

__all__ = ["__version__"]

__version__ = "0.2.0"
