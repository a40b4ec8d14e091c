"""What a text cell means apart from numbers and dates: nothing, yes or no."""

__all__ = ["BOOLEANS", "BOOLEAN_PAIRS", "MISSING", "cell_of"]

# Empty, what pandas takes as missing in any case of NaN, and the question mark of old files.
MISSING = frozenset(
    "|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|NAN|Nan|None"
    "|n/a|nan|null|?".split("|")
)

# The words of one column come from one pair, in any case.
BOOLEAN_PAIRS = ("false true", "no yes", "f t", "n y", "off on")
BOOLEANS = {word: bool(i) for pair in BOOLEAN_PAIRS for i, word in enumerate(pair.split())}


def cell_of(text: str) -> str | None:
    """A cell without the blanks around it; None if it is missing."""
    text = text.strip()
    return None if text in MISSING else text
