"""Values of options: what argparse calls types."""

import argparse

__all__ = ["count", "units"]


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def units(text: str) -> int:
    """One of the numbers of ``--hidden``, which also takes a data set that follows it."""
    try:
        return count(text)
    except argparse.ArgumentTypeError as error:
        if any(character.isalpha() for character in text):
            raise argparse.ArgumentTypeError(
                f"{error}. If that is the data set, put DATA before --hidden: "
                f"xpnet train {text} --hidden ..."
            ) from None
        raise
