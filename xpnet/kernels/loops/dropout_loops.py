"""Noise for fused loops: one call draws the random words, loops do the rest."""

from typing import Any

from xpnet import ops, random
from xpnet.kernels.out.dropout_blocks import add_normal, limits
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.stochastic import least_kept
from xpnet.typing import Namespace

__all__ = ["draw"]


def draw(xp: Namespace, step: Any, key: tuple[int, int], out: Any) -> None:
    """Write `random.words` of (seed, stream, step) into `out`, four numbers per block.

    This is the specification; `xpnet.lowering` has faster code.
    """
    out[...] = random.words(xp, random.Key(*key, step), out.shape)


def _words(k: Recorder, count: int, step: Any, seed: int, stream: int) -> Any:
    """Record a call that draws at least `count` words, in whole blocks."""
    words = k.scratch(step, (-(-count // 4) * 4,), "uint32")
    k(draw, k.backend.xp, step, (seed, stream), out=words)
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
) -> None:
    words = _words(k, r.size, step, seed, stream)
    _drop(k, (out, r, x), words, (least_kept(rate), 1 / (1 - rate)))


@kernel(ops.scheduled_dropout, family="loops", inplace=(0,))
def scheduled_dropout(
    k: Recorder, out: Any, r: Any, x: Any, step: Any, rate: Any, *, seed: int, stream: int
) -> None:
    words = _words(k, r.size, step, seed, stream)  # first: it ends a loop
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
    k: Recorder, out: Any, x: Any, step: Any, *, std: Any, seed: int, stream: int
) -> None:
    pairs = -(-out.size // 2)
    words = _words(k, 2 * pairs, step, seed, stream)[: 2 * pairs]
    z = k.scratch(out, words.shape, "float64")
    k(k.raw.copyto, z, words)
    add_normal(k, out, x, z, std)


@kernel(ops.scheduled_gaussian_noise, family="loops", inplace=(0,))
def scheduled_gaussian_noise(
    k: Recorder, out: Any, x: Any, step: Any, std: Any, *, seed: int, stream: int
) -> None:
    gaussian_noise(k, out, x, step, std=std, seed=seed, stream=stream)
