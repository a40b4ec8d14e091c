"""Counter-based random numbers: the same bits on every array library.

The generator is Philox4x32-10, see `xpnet.philox`. A number depends only on its key
``(seed, stream)`` and on its counter ``(index, step)``: there is no hidden state, any part can be
drawn again, and a laptop and a GPU draw the same bits.
"""

from collections.abc import Callable
from math import pi
from numbers import Integral
from operator import xor
from typing import Any, NamedTuple

from xpnet.arguments import count
from xpnet.errors import ArgumentError
from xpnet.philox import MASK, block, round_keys
from xpnet.typing import Namespace, Shape, size_of

__all__ = ["Draws", "Key", "bits", "normal", "permutation", "runs", "uniform", "words"]


class Draws(NamedTuple):
    """The blocks of random words from `start` to `stop`, and what is needed of them.

    ``pieces`` are (word, start, stop): the first, second, ... word of these blocks.
    """

    start: int
    stop: int
    pieces: list[tuple[int, int, int]]


def runs(first: int, size: int, total: int) -> list[Draws]:
    """The blocks that hold the numbers from `first` on of a draw of `total`, in order.

    The first number of each block comes first, then the second of each, ...
    """
    blocks, stop = -(-total // 4), first + size
    pieces = [
        (w, max(first - w * blocks, 0), min(stop - w * blocks, blocks))
        for w in range(first // max(blocks, 1), -(-stop // max(blocks, 1)))
    ]
    apart = len(pieces) == 2 and pieces[0][1] >= pieces[1][2]
    groups = [[piece] for piece in pieces] if apart else [pieces] if pieces else []
    return [Draws(min(p[1] for p in g), max(p[2] for p in g), g) for g in groups]


class Key:
    """The key of one draw of random numbers: ``(seed, stream, step)``.

    Parameters
    ----------
    seed : int
        The user's seed, in [0, 2**32).
    stream : int
        The purpose of the numbers (initial weights, shuffles, ...), in [0, 2**32).
    step : int, int64 array or uint32 array
        The draw within the stream, in [0, 2**64): the parameter's index, the epoch, ... An array
        for a training step, whose number only the device knows: int64 of shape (), or its low and
        high 32 bits as uint32 of shape (2,), for libraries without int64.
    """

    __slots__ = ("seed", "step", "stream")
    seed: int
    stream: int
    step: Any

    def __init__(self, seed: int, stream: int, step: Any = 0) -> None:
        self.seed = count("seed", seed, 0, 2**32)
        self.stream = count("stream", stream, 0, 2**32)
        self.step = step if _is_counter(step) else count("step", step, 0, 2**64)


def _is_counter(step: Any) -> bool:
    """Whether this is an int64 array, of any library, that holds one number, or its two halves."""
    kind = str(getattr(step, "dtype", "")).rpartition(".")[2]
    whole = kind == "int64" and step.shape == () and not isinstance(step, Integral)
    return whole or _in_halves(step)


def _in_halves(step: Any) -> bool:
    """Whether this is the two 32-bit halves of a number."""
    kind = str(getattr(step, "dtype", "")).rpartition(".")[2]
    return kind == "uint32" and tuple(step.shape) == (2,)


def _multiply_words(a: Any, constant: int) -> tuple[Any, Any]:
    """High and low 32 bits of the product of two unsigned 32-bit numbers, in uint32 arithmetic.

    Both factors are split into 16-bit halves, so that no product or sum overflows.
    """
    top, bottom = constant >> 16, constant & 0xFFFF
    low, high = a & 0xFFFF, a >> 16
    first = low * bottom
    second = high * bottom + (first >> 16)
    third = low * top + (second & 0xFFFF)
    return high * top + (second >> 16) + (third >> 16), (third << 16) | (first & 0xFFFF)


def _multiply(a: Any, constant: int) -> tuple[Any, Any]:
    """High and low 32 bits of the product of two unsigned 32-bit numbers held in int64.

    The constant is split into 16-bit halves, so that no partial product overflows int64.
    Libraries treat overflow differently, and several have no unsigned 64-bit type.
    """
    low = a * (constant & 0xFFFF)
    middle = a * (constant >> 16) + (low >> 16)
    return middle >> 16, ((middle & 0xFFFF) << 16) | (low & 0xFFFF)


def bits(
    xp: Namespace, key: Key, blocks: int, device: Any = None, first: int = 0
) -> tuple[Any, Any, Any, Any]:
    """Four arrays of `blocks` random numbers each, uniform on [0, 2**32), from block `first` on.

    They are int64, or uint32 if the key's step is in two halves.
    """
    if _in_halves(key.step):
        return _words_from_halves(xp, key, blocks, device, first)
    index = xp.arange(first, first + blocks, dtype=xp.int64, device=device)
    later = key.step & MASK, (key.step >> 32) & MASK
    counter = index & MASK, index >> 32, *(xp.zeros_like(index) + word for word in later)
    return block(counter, round_keys(key.seed, key.stream), _multiply, xor)


def _words_from_halves(
    xp: Namespace, key: Key, blocks: int, device: Any, first: int
) -> tuple[Any, Any, Any, Any]:
    """`bits` in uint32 arithmetic, for fewer than 2**32 blocks."""
    index = xp.arange(first, first + blocks, dtype=xp.uint32, device=device)
    zero = xp.zeros_like(index)
    counter = index, zero, zero + key.step[0], zero + key.step[1]
    # As an array: some libraries refuse Python integers above 2**31.
    keys = xp.asarray(round_keys(key.seed, key.stream), dtype=xp.uint32, device=device)
    # A compiler may need its own kind of loop: XLA takes 15 times as long for unrolled rounds.
    fold: Any = getattr(xp, "fold_rows", _fold_rows)
    return fold(_round, counter, keys)  # type: ignore[no-any-return]


def _round(counter: Any, key: Any) -> tuple[Any, Any, Any, Any]:
    return block(counter, [(key[0], key[1])], _multiply_words, xor)


def _fold_rows(function: Callable[[Any, Any], Any], start: Any, rows: Any) -> Any:
    """``start = function(start, row)`` for each row of an array."""
    for i in range(rows.shape[0]):
        start = function(start, rows[i, ...])
    return start


def words(
    xp: Namespace,
    key: Key,
    shape: Shape,
    device: Any = None,
    part: tuple[int, int] | None = None,
) -> Any:
    """Whole numbers, uniform on [0, 2**32), of the given shape: the four arrays of `bits`.

    With `part`, (first, total), they are the numbers from `first` on of a draw of `total`.
    """
    count = size_of(shape)
    if part is None:
        return xp.reshape(xp.concat(bits(xp, key, -(-count // 4), device))[:count], shape)
    found = []
    for start, stop, pieces in runs(part[0], count, part[1]):
        drawn = bits(xp, key, stop - start, device, start)
        found += [drawn[word][a - start : b - start] for word, a, b in pieces]
    return xp.reshape(xp.concat(found), shape)


def uniform(
    xp: Namespace,
    key: Key,
    shape: Shape,
    device: Any = None,
    part: tuple[int, int] | None = None,
) -> Any:
    """Float64 numbers, uniform on the open interval (0, 1), of the given shape; see `words`.

    Where ``xp.float64`` is float32, they are rounded to it.
    """
    return (xp.astype(words(xp, key, shape, device, part), xp.float64) + 0.5) * 2.0**-32


def normal(
    xp: Namespace,
    key: Key,
    shape: Shape,
    device: Any = None,
    part: tuple[int, int] | None = None,
) -> Any:
    """Float64 numbers from N(0, 1) by the Box-Muller transform; `part` is as for `words`.

    ``z = sqrt(-2 ln u1) cos(2 pi u2)``, and the same with the sine, for uniform u1 and u2.
    """
    count = size_of(shape)
    if part is not None:
        return xp.reshape(_part_of_normal(xp, key, count, device, part), shape)
    u = uniform(xp, key, (2, -(-count // 2)), device)
    radius, angle = xp.sqrt(-2.0 * xp.log(u[0, :])), 2.0 * pi * u[1, :]
    z = xp.concat([radius * xp.cos(angle), radius * xp.sin(angle)])
    return xp.reshape(z[:count], shape)


def _part_of_normal(xp: Namespace, key: Key, count: int, device: Any, part: tuple[int, int]) -> Any:
    """The numbers of `normal` from the first of `part` on: cosines, then sines."""
    (first, total), found = part, []
    pairs, stop = -(-total // 2), first + count
    halves = (xp.cos, first, min(stop, pairs)), (xp.sin, max(first - pairs, 0), stop - pairs)
    for wave, start, end in halves:
        if start < end:
            at = ((row * pairs + start, 2 * pairs) for row in (0, 1))
            u, v = (uniform(xp, key, (end - start,), device, place) for place in at)
            found.append(xp.sqrt(-2.0 * xp.log(u)) * wave(2.0 * pi * v))
    return xp.concat(found)


def permutation(xp: Namespace, key: Key, n: int, device: Any = None, drawn: Any = None) -> Any:
    """A random order of ``0 .. n-1``, int64, for n below 2**31.

    Each number is appended to 31 random bits, and the results are sorted. No two are equal, so
    every library sorts them alike. `drawn` are the `words`, if they are known.
    """
    if n >= 2**31:
        raise ArgumentError(f"cannot shuffle {n} rows: the limit is 2**31 - 1.")
    rows = xp.arange(n, dtype=xp.int64, device=device)
    drawn = words(xp, key, (n,), device) if drawn is None else xp.astype(drawn, xp.int64)
    return xp.sort(((drawn >> 1) << 32) | rows) & MASK
