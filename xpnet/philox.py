"""Philox4x32-10: the rounds, written once for every library and compiler.

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. A round
takes the counter's four 32-bit words as two pairs, (c0, c2) and (c1, c3). It multiplies the first
and mixes the second into the product. Each array library, compiler and language that draws random
words supplies its product and its xor, and gets the ten rounds from here.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

__all__ = ["MASK", "block", "round_keys", "rounds"]

MASK = 0xFFFFFFFF
_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)

Pair = Any  # two of anything; pair[::-1] swaps them


def round_keys(seed: int, stream: int) -> list[tuple[int, int]]:
    """The two words of the key (seed, stream) in each round."""
    first, second = _WEYL
    return [((seed + i * first) & MASK, (stream + i * second) & MASK) for i in range(_ROUNDS)]


def rounds(
    even: Pair,
    odd: Pair,
    keys: Iterable[Pair],
    multiply: Callable[[Pair, tuple[int, int]], tuple[Pair, Pair]],
    mix: Callable[[Pair, Pair, Pair], Pair],
) -> tuple[Pair, Pair]:
    """The words (c0, c2) and (c1, c3) after all rounds.

    ``multiply(pair, constants)`` gives the high and the low halves of two products, and
    ``mix(a, b, c)`` is a xor b xor c.
    """
    for key in keys:
        high, low = multiply(even, _MULTIPLIERS)
        even, odd = mix(high[::-1], odd, key), low[::-1]
    return even, odd


def block(
    counter: Sequence[Any],
    keys: Iterable[Pair],
    multiply: Callable[[Any, int], tuple[Any, Any]],
    xor: Callable[[Any, Any], Any],
) -> tuple[Any, Any, Any, Any]:
    """The four words of a block, for code that multiplies one word at a time.

    ``multiply(word, constant)`` gives the high and the low half of the product.
    """

    def products(pair: Pair, constants: tuple[int, int]) -> tuple[Pair, Pair]:
        found = [multiply(word, constant) for word, constant in zip(pair, constants, strict=True)]
        return tuple(high for high, _ in found), tuple(low for _, low in found)

    def mix(*pairs: Pair) -> Pair:
        return tuple(reduce(xor, words) for words in zip(*pairs, strict=True))

    c0, c1, c2, c3 = counter
    (c0, c2), (c1, c3) = rounds((c0, c2), (c1, c3), keys, products, mix)
    return c0, c1, c2, c3
