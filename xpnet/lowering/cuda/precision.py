"""Products of 16-bit numbers: copies of operands, and the scale that float16's gradients need.

``precision`` says how the operands of matrix products are rounded, and nothing else:

============  ==================================================================================
``float32``   not at all: true float32, never TF32
``tf32``      by the tensor cores, to 10 bits behind the point, as they read float32 memory
``bfloat16``  to 7 bits, with float32's range
``float16``   to 10 bits, with a range from 6e-8 to 65504
============  ==================================================================================

Sums are float32, and so is what a product leaves, every other op, the parameters, the gradients
and the optimizer's state. An operand is copied to 16 bits by one kernel (`Casts`): once as long as
nobody writes to its memory, so weights once a step, and an activation once for its forward and
backward products.

float16 alone needs more: a gradient below 6e-8 would become 0. So the loss is multiplied by a
scale before it is differentiated, which multiplies every gradient, and the finished gradient
vector is divided by it (`unscaled`). Where that finds a number that is not finite, a copy has
overflowed: then that step changes neither the parameters nor the optimizer's vectors, and the
scale is halved; after 2000 good steps it is doubled. All of this stays on the device. The guard
costs nothing but two launches in a good step: what an overflow would spoil is copied before the
update, and put back behind it, by kernels that return at once where there was none. The
optimizer's count of steps, which Adam's bias correction goes by, is the host's and counts a step
that was left out.

Source: Micikevicius et al., "Mixed precision training", ICLR 2018, arXiv:1710.03740.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any

from xpnet.backends.cuda import load
from xpnet.lowering.memory import Range
from xpnet.lowering.reading import Operand

__all__ = ["SOURCE", "Casts", "guarded", "loss_scale", "unscaled"]

FIRST, SMALLEST, LARGEST, PATIENCE = 2.0**16, 2.0**-24, 2.0**24, 2000

_LOOP = "for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;"
_LOOP += " i += (long long)gridDim.x * blockDim.x)"

SOURCE = r"""
union Bits { float number; unsigned int bits; };

// Round to nearest, ties to even, by integer arithmetic; NaN stays NaN.
static __device__ unsigned short to_bfloat16(float x) {
    union Bits v;
    v.number = x;
    if ((v.bits & 0x7fffffffu) > 0x7f800000u) return (unsigned short)(v.bits >> 16 | 0x40u);
    return (unsigned short)((v.bits + 0x7fffu + (v.bits >> 16 & 1u)) >> 16);
}

static __device__ unsigned short to_float16(float x) {
    union Bits v, half;
    v.number = x;
    unsigned int sign = v.bits >> 16 & 0x8000u;
    v.bits &= 0x7fffffffu;
    if (v.bits >= 0x47800000u)  // 65536 and more, infinity, NaN
        return (unsigned short)(sign | (v.bits > 0x7f800000u ? 0x7e00u : 0x7c00u));
    if (v.bits < 0x38800000u) {  // below the smallest normal number: the addition rounds
        half.bits = 0x3f000000u;
        v.number += half.number;
        return (unsigned short)(sign | (v.bits - half.bits));
    }
    return (unsigned short)(sign | (v.bits + 0xc8000fffu + (v.bits >> 13 & 1u)) >> 13);
}

extern "C" __global__ void cast_bfloat16(const float *x, unsigned short *y, long long n) {
    LOOP y[i] = to_bfloat16(x[i]);
}

extern "C" __global__ void cast_float16(const float *x, unsigned short *y, long long n) {
    LOOP y[i] = to_float16(x[i]);
}

// state: the scale, good steps since it changed, whether this step overflowed, steps left out.
extern "C" __global__ void unscale(float *gradient, float *state, long long n) {
    float scale = state[0];
    LOOP {
        float g = gradient[i] / scale;
        gradient[i] = g;
        if (!(g - g == 0.0f)) state[2] = 1.0f;
    }
}

extern "C" __global__ void copy_if_overflow(
    const float *from, float *to, const float *state, long long n) {
    if (state[2] == 0.0f) return;
    LOOP to[i] = from[i];
}

extern "C" __global__ void next_scale(float *state) {
    if (state[2] != 0.0f) {
        state[0] = state[0] > SMALLEST ? state[0] / 2.0f : SMALLEST;
        state[1] = 0.0f;
        state[3] += 1.0f;
    } else if ((state[1] += 1.0f) == PATIENCE) {
        state[0] = state[0] < LARGEST ? state[0] * 2.0f : LARGEST;
        state[1] = 0.0f;
    }
    state[2] = 0.0f;
}
"""
for _name, _text in {
    "LOOP": _LOOP,
    "PATIENCE": f"{PATIENCE:.1f}f",
    "SMALLEST": f"{SMALLEST!r}f",
    "LARGEST": f"{LARGEST!r}f",
}.items():
    SOURCE = SOURCE.replace(_name, _text)

_THREADS, _BLOCKS = 256, 4096


@cache
def _kernel(cupy: Any, name: str, device: int) -> Any:
    return cupy.RawKernel(SOURCE, name)


def _launch(name: str, n: int, *args: Any) -> Callable[[], None]:
    """A launch over n elements, as a call without arguments."""
    cupy = load()
    kernel = _kernel(cupy, name, cupy.cuda.Device().id)
    blocks = min(-(-n // _THREADS), _BLOCKS)
    return partial(kernel, (blocks,), (_THREADS if n > 1 else 1,), args)


class Casts:
    """16-bit copies of the operands of a list of calls, by the memory that they are copied from.

    Parameters
    ----------
    dtype : {"bfloat16", "float16"}
    """

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype
        self._copies: dict[Range, Any] = {}
        self._fresh: set[Range] = set()

    def operand(self, x: Operand) -> tuple[Operand, list[Callable[[], None]]]:
        """An operand in 16 bits, and the launches that bring its copy up to date.

        Calls are bound in the order in which they run; `wrote` says what they write in between.
        """
        found = x.range
        n = (found[1] - found[0]) // x.itemsize
        if found not in self._copies:
            self._copies[found] = load().empty(n, dtype="uint16")
        copy = self._copies[found]
        start = int(copy.data.ptr) + (x.address - found[0]) // 2
        strides = tuple(s // 2 for s in x.strides)
        launches = []
        if found not in self._fresh:
            launches.append(_launch(f"cast_{self._dtype}", n, found[0], copy, n))
            self._fresh.add(found)
        kept = (x.array, copy)
        return Operand(kept, start, x.shape, strides, self._dtype, 2), launches

    def wrote(self, written: Iterable[Range]) -> None:
        """Take notice of memory that a call writes: its copies are old."""
        for low, high in written:
            self._fresh = {r for r in self._fresh if r[1] <= low or high <= r[0]}


def loss_scale() -> Any:
    """The state of a float16 model's loss scale, on the device; see the module.

    Four float32: the scale, good steps since it changed, whether this step overflowed, and how
    many steps were left out.
    """
    return load().asarray([FIRST, 0.0, 0.0, 0.0], dtype="float32")


def unscaled(state: Any, gradient: Any) -> Callable[[], None]:
    """What divides a gradient vector by the scale and notices an overflow."""
    return _launch("unscale", gradient.size, gradient, state, gradient.size)


def guarded(
    state: Any, calls: Sequence[Callable[[], Any]], vectors: Iterable[Any]
) -> list[Callable[[], Any]]:
    """An update that changes these vectors, which an overflow leaves as they are."""
    cupy = load()
    before: list[Callable[[], Any]] = []
    after: list[Callable[[], Any]] = []
    for vector in vectors:
        kept, n = cupy.empty(vector.shape, dtype="float32"), vector.size
        before.append(_launch("copy_if_overflow", n, vector, kept, state, n))
        after.append(_launch("copy_if_overflow", n, kept, vector, state, n))
    return [*before, *calls, *after, _launch("next_scale", 1, state)]
