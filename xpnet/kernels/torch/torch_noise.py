"""Noise in given memory: the bits of `xpnet.random`, with PyTorch's int64 functions.

PyTorch has no arithmetic on unsigned numbers. The int64 product of two 32-bit numbers may overflow,
but its bits are those of the unsigned product. Its halves are views as int32, whose sign does not
matter to xor.
"""

from collections.abc import Iterator
from itertools import cycle
from sys import byteorder
from typing import Any

from xpnet import ops
from xpnet.kernels.out.dropout_blocks import add_normal, limits
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.stochastic import least_kept
from xpnet.philox import MASK, round_keys, rounds
from xpnet.typing import size_of

__all__: list[str] = []

_LOW, _HIGH = (0, 1) if byteorder == "little" else (1, 0)  # 32-bit halves of a 64-bit number

Pair = tuple[Any, Any]


def _halves(k: Recorder, x: Any, which: int) -> Any:
    """The low or the high halves of 64-bit numbers, as a view."""
    return x.view(k.raw.dtype("int32"))[..., which::2]


def _words(k: Recorder, step: Any, key: tuple[int, int], blocks: int) -> Iterator[tuple[int, Any]]:
    """Record `random.bits` in pieces; yield each piece's start and its four words, as int64."""
    size = min(k.backend.block or blocks, blocks)
    keys = [k.backend.asarray([[a], [b]], "int64") for a, b in round_keys(*key)]
    memory = [k.scratch(step, (2, size), "int64") for _ in range(3)]
    index = k.raw.arange(0, size)
    counter = k.scratch(step, (2,), "int64")
    k(k.raw.bitwise_and, step, MASK, out=counter[0])
    k(k.raw.copyto, _halves(k, counter[1:], _LOW), _halves(k, step.reshape(1), _HIGH))
    for start in range(0, blocks, max(size, 1)):
        n = min(size, blocks - start)
        x, *products = (array[:, :n] for array in memory)
        odd = products[1]
        k(k.raw.add, index[:n], start, out=x[0])
        k(k.raw.copyto, x[1], counter[0])
        k(k.raw.copyto, odd[0], 0)
        k(k.raw.copyto, odd[1], counter[1])
        yield start, _record_rounds(k, x, products, keys)


def _record_rounds(k: Recorder, x: Any, products: list[Any], keys: list[Any]) -> list[Any]:
    """Record all rounds; return the final four words.

    `x` holds (c0, c2), and the low halves of the second products hold (c1, c3). The high halves of
    a product go into the next `x`, and its low halves are the next (c1, c3).
    """
    turns, low = cycle(products), _halves(k, x, _LOW)

    def pair(product: Any, which: int) -> Pair:
        first, second = _halves(k, product, which)
        return first, second

    def multiply(even: Any, constants: tuple[int, int]) -> tuple[Pair, Pair]:
        product = next(turns)
        k(k.raw.multiply, even, k.backend.asarray([[m] for m in constants], "int64"), out=product)
        return pair(product, _HIGH), pair(product, _LOW)

    def mix(high: Pair, odd: Pair, key: Any) -> Any:
        for row in (0, 1):  # PyTorch has no view of rows in reverse
            k(k.raw.bitwise_xor, high[row], odd[row], out=low[row])
        k(k.raw.bitwise_xor, x, key, out=x)
        return x

    rounds(x, pair(products[1], _LOW), keys, multiply, mix)
    last = products[1]  # the number of rounds is even
    k(k.raw.bitwise_and, last, MASK, out=last)
    return [x[0], last[1], x[1], last[0]]


# The definition creates an array of random words, so no kernel can be derived from it. Run as it
# is, it would allocate, and make twice as many calls.
@kernel(ops.dropout, family="torch", inplace=(0,))
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
) -> None:
    _drop(k, (out, r, x), step, (seed, stream), (least_kept(rate), 1 / (1 - rate)))


@kernel(ops.scheduled_dropout, family="torch", inplace=(0,))
def scheduled_dropout(
    k: Recorder, out: Any, r: Any, x: Any, step: Any, rate: Any, *, seed: int, stream: int
) -> None:
    _drop(k, (out, r, x), step, (seed, stream), limits(k, rate, r))


def _drop(
    k: Recorder, arrays: tuple[Any, Any, Any], step: Any, key: tuple[int, int], kept: Any
) -> None:
    """Record dropout; `kept` are the least word that is kept, and the factor of what is kept."""
    (out, r, x), (least, scale) = arrays, kept
    count = size_of(r.shape)
    keep, blocks = k.scratch(r, (count,), "bool"), -(-count // 4)
    for start, words in _words(k, step, key, blocks):
        for i, word in enumerate(words):
            part = keep[i * blocks + start :][: word.shape[0]]
            k(k.raw.greater_equal, word[: part.shape[0]], least, out=part)
    keep = keep.reshape(r.shape)
    k(k.raw.copyto, r, keep)
    k(k.raw.multiply, r, scale, out=r)
    k(k.raw.multiply, x, r, out=out)
    k(k.raw.where, keep, out, k.backend.number(0, out.dtype), out=out)  # zero even if x is infinite


# As for dropout.
@kernel(ops.gaussian_noise, family="torch", inplace=(0,))
def gaussian_noise(
    k: Recorder, out: Any, x: Any, step: Any, *, std: Any, seed: int, stream: int
) -> None:
    blocks = -(-size_of(out.shape) // 4)
    z = k.scratch(out, (4 * blocks,), k.backend.widest)
    for start, words in _words(k, step, (seed, stream), blocks):
        for i, word in enumerate(words):
            k(k.raw.copyto, z[i * blocks + start :][: word.shape[0]], word)
    add_normal(k, out, x, z, std)


@kernel(ops.scheduled_gaussian_noise, family="torch", inplace=(0,))
def scheduled_gaussian_noise(
    k: Recorder, out: Any, x: Any, step: Any, std: Any, *, seed: int, stream: int
) -> None:
    gaussian_noise(k, out, x, step, std=std, seed=seed, stream=stream)
