"""Values of options: what argparse calls types."""

import argparse

__all__ = ["count", "share", "share_or_file", "units"]


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


def share(text: str) -> float:
    """A fraction between 0 and 1."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1:
        raise argparse.ArgumentTypeError(f"expected a fraction between 0 and 1, got {text!r}")
    return found


def share_or_file(text: str) -> float | str:
    """A fraction of the rows, or the name of a file."""
    try:
        float(text)
    except ValueError:
        return text
    return share(text)
