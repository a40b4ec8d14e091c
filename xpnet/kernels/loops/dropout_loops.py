"""Noise for fused loops: one call draws the random words, loops do the rest."""

from typing import Any

from xpnet import ops, random
from xpnet.kernels.out.dropout_blocks import add_normal, add_part_of_normal, limits
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.stochastic import Part, least_kept
from xpnet.typing import Namespace

__all__ = ["draw"]


def draw(xp: Namespace, step: Any, key: tuple[int, int, int], out: Any) -> None:
    """Write `random.bits` into `out`; `key` are the seed, the stream and the first block.

    This is the specification; `xpnet.lowering` has faster code.
    """
    seed, stream, first = key
    out[...] = xp.concat(
        random.bits(xp, random.Key(seed, stream, step), out.size // 4, first=first)
    )


def _words(k: Recorder, count: int, step: Any, seed: int, stream: int, part: Part = None) -> Any:
    """Record calls that draw at least `count` words."""
    if part is None:
        return _drawn(k, step, (seed, stream), 0, -(-count // 4))
    words, at = k.scratch(step, (count,), "uint32"), 0
    for start, stop, pieces in random.runs(part[0], count, part[1]):
        drawn = _drawn(k, step, (seed, stream), start, stop)
        for which, a, b in pieces:
            found = drawn[which * (stop - start) :][a - start : b - start]
            k(k.raw.copyto, words[at : at + b - a], found)
            at += b - a
    return words


def _drawn(k: Recorder, step: Any, key: tuple[int, int], start: int, stop: int) -> Any:
    """Record a call that draws these blocks: the first words of all, the second, ..."""
    words = k.scratch(step, (4 * (stop - start),), "uint32")
    k(draw, k.backend.xp, step, (*key, start), out=words)
    return words


@kernel(ops.dropout, family="loops", inplace=(0,))
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
    words = _words(k, r.size, step, seed, stream, part)
    _drop(k, (out, r, x), words, (least_kept(rate), 1 / (1 - rate)))


@kernel(ops.scheduled_dropout, family="loops", inplace=(0,))
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
    words = _words(k, r.size, step, seed, stream, part)  # first: it ends a loop
    _drop(k, (out, r, x), words, limits(k, rate, r))


def _drop(k: Recorder, arrays: tuple[Any, Any, Any], words: Any, kept: tuple[Any, Any]) -> None:
    """Record dropout; `kept` are the least word that is kept, and the factor of what is kept."""
    (out, r, x), (least, scale) = arrays, kept
    keep, drop = k.scratch(r, dtype="bool"), k.scratch(r, dtype="bool")
    k(k.raw.greater_equal, words[: r.size].reshape(r.shape), least, out=keep)
    k(k.backend.xp.logical_not, keep, out=drop)
    k(k.raw.copyto, r, keep)
    k(k.raw.multiply, r, scale, out=r)
    k(k.raw.multiply, x, r, out=out)
    k(k.raw.copyto, out, 0, where=drop)


@kernel(ops.gaussian_noise, family="loops", inplace=(0,))
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
    words = _words(k, 2 * pairs, step, seed, stream)[: 2 * pairs]
    z = k.scratch(out, words.shape, "float64")
    k(k.raw.copyto, z, words)
    add_normal(k, out, x, z, std)


@kernel(ops.scheduled_gaussian_noise, family="loops", inplace=(0,))
def scheduled_gaussian_noise(
    k: Recorder, out: Any, x: Any, step: Any, std: Any, **static: Any
) -> None:
    gaussian_noise(k, out, x, step, std=std, **static)
