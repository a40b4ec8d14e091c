"""What a text cell means apart from numbers and dates: nothing, yes or no."""

from xpnet.errors import in_brief

__all__ = ["BOOLEANS", "BOOLEAN_PAIRS", "MISSING", "cell_of", "shown"]

# Empty, what pandas takes as missing in any case of NaN, and the question mark of old files.
MISSING = frozenset(
    "|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|NAN|Nan|None"
    "|n/a|nan|null|?".split("|")
)

# The words of one column come from one pair, in any case.
BOOLEAN_PAIRS = ("false true", "no yes", "f t", "n y", "off on")
BOOLEANS = {word: bool(i) for pair in BOOLEAN_PAIRS for i, word in enumerate(pair.split())}

_LONGEST = 60  # characters


def cell_of(text: str) -> str | None:
    """A cell without the blanks around it; None if it is missing."""
    text = text.strip()
    return None if text in MISSING else text


def shown(value: object) -> str:
    """A name or a cell as messages quote it, cut off if it is long."""
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")
    if isinstance(value, int) and value.bit_length() > 4 * _LONGEST:
        return f"a whole number of more than {_LONGEST} digits"
    text = in_brief(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
