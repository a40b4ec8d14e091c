"""Noise in given memory: the bits of `xpnet.random`, in pieces that stay in cache."""

from collections.abc import Iterator
from itertools import cycle
from math import pi
from sys import byteorder
from typing import Any

from xpnet import ops, random
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.stochastic import Part, least_kept
from xpnet.philox import round_keys, rounds
from xpnet.random import runs
from xpnet.typing import Namespace, size_of

__all__ = ["add_normal", "add_part_of_normal", "limits"]

_LOW, _HIGH = (0, 1) if byteorder == "little" else (1, 0)  # 32-bit halves of a 64-bit number


def _halves(x: Any, which: int) -> Any:
    """The low or the high halves of 64-bit numbers, as a view."""
    return x.view("uint32")[..., which::2]


def _words(
    k: Recorder, step: Any, key: tuple[int, int], blocks: int, first: int = 0
) -> Iterator[tuple[int, Any]]:
    """Record `random.bits` in pieces; yield each piece's start and its four words."""
    size = min(k.backend.block or blocks, blocks)
    keys = [k.backend.asarray([[a], [b]], "uint64") for a, b in round_keys(*key)]
    memory = [k.scratch(step, (2, size), "uint64") for _ in range(3)]
    index, counter = k.raw.arange(0, size, dtype="uint64"), k.scratch(step, (1,), "int64")
    k(k.raw.copyto, counter, step)
    for start in range(0, blocks, max(size, 1)):
        n = min(size, blocks - start)
        x, *products = (array[:, :n] for array in memory)
        odd = _halves(products[1], _LOW)
        k(k.raw.add, index[:n], first + start, out=x[0])
        k(k.raw.copyto, x[1], _halves(counter, _LOW))
        k(k.raw.copyto, odd[0], 0)
        k(k.raw.copyto, odd[1], _halves(counter, _HIGH))
        yield start, _record_rounds(k, x, products, odd, keys)


def _record_rounds(
    k: Recorder, x: Any, products: list[Any], odd: Any, keys: list[Any]
) -> list[Any]:
    """Record all rounds; return the final four words.

    `x` holds (c0, c2) in 64 bits. Products keep their memory: the high halves go into the next
    `x`, and the low halves are the next (c1, c3) until the round after next overwrites them. At
    first (c1, c3) are in `odd`, within the second products.
    """
    turns = cycle(products)

    def multiply(even: Any, constants: tuple[int, int]) -> tuple[Any, Any]:
        product = next(turns)
        k(k.raw.multiply, even, k.backend.asarray([[m] for m in constants], "uint64"), out=product)
        return _halves(product, _HIGH), _halves(product, _LOW)

    def mix(high: Any, odd: Any, key: Any) -> Any:
        k(k.backend.xp.bitwise_xor, high, odd, out=_halves(x, _LOW))
        k(k.backend.xp.bitwise_xor, x, key, out=x)
        return x

    (c0, c2), (c1, c3) = rounds(x, odd, keys, multiply, mix)
    return [c0, c1, c2, c3]


# The definition creates an array of random words, so no kernel is derived from it. It would
# allocate them, twice as wide, and take 4 to 6 times as long.
@kernel(ops.dropout, inplace=(0,))
def dropout(
    k: Recorder,
    out: Any,
    r: Any,
    x: Any,
    step: Any,
    *,
    rate: float,
    seed: int,
    stream: int,
    part: Part = None,
) -> None:
    _drop(k, (out, r, x), step, (seed, stream), (least_kept(rate), 1 / (1 - rate)), part)


@kernel(ops.scheduled_dropout, inplace=(0,))
def scheduled_dropout(
    k: Recorder,
    out: Any,
    r: Any,
    x: Any,
    step: Any,
    rate: Any,
    *,
    seed: int,
    stream: int,
    part: Part = None,
) -> None:
    _drop(k, (out, r, x), step, (seed, stream), limits(k, rate, r), part)


def limits(k: Recorder, rate: Any, r: Any) -> tuple[Any, Any]:
    """Record the least word that is kept, rate 2**32, and 1 / (1 - rate) in the type of `r`."""
    least, share, scale = k.scratch(rate), k.scratch(rate), k.scratch(r, ())
    k(k.raw.multiply, rate, 2.0**32, out=least)
    k(k.raw.subtract, 1, rate, out=share)
    k(k.raw.divide, 1, share, out=share)
    k(k.raw.copyto, scale, share)
    return least, scale


def _drop(
    k: Recorder,
    arrays: tuple[Any, Any, Any],
    step: Any,
    key: tuple[int, int],
    kept: Any,
    part: Part,
) -> None:
    """Record dropout; `kept` are the least word that is kept, and the factor of what is kept."""
    (out, r, x), (least, scale) = arrays, kept
    keep, rest = k.scratch(r, (r.size,), "bool"), slice(0, None)
    for draws in runs(0 if part is None else part[0], r.size, r.size if part is None else part[1]):
        own = {}
        for which, start, stop in draws.pieces:  # neighbors in `keep`
            own[which] = keep[rest][: stop - start], start - draws.start
            rest = slice(rest.start + stop - start, None)
        blocks = draws.stop - draws.start
        for start, words in _words(k, step, key, blocks, draws.start):
            for which, (piece, offset) in own.items():
                lo, hi = max(start, offset), min(start + words[0].shape[0], offset + len(piece))
                if lo < hi:
                    out_of_word = words[which][lo - start : hi - start]
                    k(k.raw.greater_equal, out_of_word, least, out=piece[lo - offset : hi - offset])
    k(k.raw.copyto, r, keep.reshape(r.shape))
    k(k.raw.multiply, r, scale, out=r)
    k(k.raw.multiply, x, r, out=out)
    _clear(k, out.reshape(-1), keep)


def _clear(k: Recorder, out: Any, keep: Any) -> None:
    """Record a call that clears all bits where `keep` is False, also of NaN (0 NaN would stay NaN).

    A masked copy does the same, but is several times slower for a random mask.
    """
    kind = "int32" if out.dtype.itemsize == 4 else "int64"
    mask, whole = k.scratch(out, dtype=kind), out.view(kind)
    k(k.raw.copyto, mask, keep)
    k(k.raw.negative, mask, out=mask)
    k(k.backend.xp.bitwise_and, whole, mask, out=whole)


# As for dropout; the definition takes 3 times as long.
@kernel(ops.gaussian_noise, inplace=(0,))
def gaussian_noise(
    k: Recorder,
    out: Any,
    x: Any,
    step: Any,
    *,
    std: Any,
    seed: int,
    stream: int,
    part: Part = None,
) -> None:
    if part is not None:
        add_part_of_normal(k, out, x, step, std, (seed, stream), part)
        return
    pairs = -(-out.size // 2)
    blocks = -(-pairs // 2)
    z = k.scratch(out, (4 * blocks,), "float64")
    for start, words in _words(k, step, (seed, stream), blocks):
        for i, word in enumerate(words):
            k(k.raw.copyto, z[i * blocks + start :][: word.shape[0]], word)
    add_normal(k, out, x, z, std)


@kernel(ops.scheduled_gaussian_noise, inplace=(0,))
def scheduled_gaussian_noise(
    k: Recorder, out: Any, x: Any, step: Any, std: Any, **static: Any
) -> None:
    gaussian_noise(k, out, x, step, std=std, **static)


def add_normal(k: Recorder, out: Any, x: Any, z: Any, std: Any) -> None:
    """Record the sum of `x` and normal numbers, made from the random words in `z` as floats."""
    count = size_of(out.shape)
    pairs = -(-count // 2)
    k(k.raw.add, z, 0.5, out=z)
    k(k.raw.multiply, z, 2.0**-32, out=z)
    _record_box_muller(k, z[:pairs], z[pairs : 2 * pairs])
    noise = k.scratch(out)
    k(k.raw.multiply, z, std, out=z)
    k(k.raw.copyto, noise, z[:count].reshape(out.shape))
    k(k.raw.add, x, noise, out=out)


def draw_normal(
    xp: Namespace, step: Any, key: tuple[int, int], part: tuple[int, int], out: Any
) -> None:
    """Write a part of the numbers of `random.normal` into `out`."""
    out[...] = random.normal(xp, random.Key(*key, step), out.shape, part=part)


def add_part_of_normal(
    k: Recorder,
    out: Any,
    x: Any,
    step: Any,
    std: Any,
    key: tuple[int, int],
    part: tuple[int, int],
) -> None:
    """Record the sum of `x` and a part of the normal numbers of a larger draw."""
    z, noise = k.scratch(out, dtype="float64"), k.scratch(out)
    k(draw_normal, k.backend.xp, step, key, part, out=z)
    k(k.raw.multiply, z, std, out=z)
    k(k.raw.copyto, noise, z)
    k(k.raw.add, x, noise, out=out)


def _record_box_muller(k: Recorder, a: Any, b: Any) -> None:
    """sqrt(-2 ln a) cos(2 pi b) over a, and the same with the sine over b."""
    cosine = k.scratch(b)
    k(k.raw.log, a, out=a)
    k(k.raw.multiply, a, -2.0, out=a)
    k(k.raw.sqrt, a, out=a)
    k(k.raw.multiply, b, 2.0 * pi, out=b)
    k(k.backend.xp.cos, b, out=cosine)
    k(k.backend.xp.sin, b, out=b)
    k(k.raw.multiply, b, a, out=b)
    k(k.raw.multiply, a, cosine, out=a)
