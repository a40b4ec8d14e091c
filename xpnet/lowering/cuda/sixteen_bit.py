"""Products of 16-bit numbers: copies of operands, and the scale that float16's gradients need.

``precision`` sets how the operands of matrix products are rounded, and nothing else:

============  ==================================================================================
``float32``   not at all: true float32, never TF32
``tf32``      to 10 bits after the point, by the tensor cores as they read float32 memory
``bfloat16``  to 7 bits, with float32's range
``float16``   to 10 bits, with a range from 6e-8 to 65504
============  ==================================================================================

Sums are float32, and so are the results of products, every other op, the parameters, the gradients
and the optimizer's state. One kernel (`Casts`) copies an operand to 16 bits. The copy is valid
until something writes to the operand's memory. So weights are copied once per step, and an
activation once for its forward and backward products.

float16 alone needs more: a gradient below 6e-8 would become 0. So the loss is multiplied by a
scale before it is differentiated, which multiplies every gradient, and the finished gradient
vector is divided by it. If the result is not finite, a copy has overflowed. Then that step changes
neither the parameters nor the optimizer's vectors, and the scale is halved. After 2000 good steps
it is doubled. These are rules in the graphs of the batch and of the update
(`xpnet.ops.loss_scale`), and all of this stays on the device. In a good step, the update costs only
the launches: kernels save the vectors before the update and restore them after it, but return at
once if there was no overflow. The optimizer's step count, which Adam's bias correction uses, is on
the host and includes skipped steps.

Source: Micikevicius et al., "Mixed precision training", ICLR 2018, arXiv:1710.03740.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from xpnet.backends.cuda import load
from xpnet.kernels.cuda.elements import LOOP, launch_of
from xpnet.lowering.intervals import Range
from xpnet.lowering.reading import Operand

__all__ = ["SOURCE", "Casts"]

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

"""
# Four numbers at a time where they are aligned, then the others. The copy is always aligned.
_CAST = r"""
extern "C" __global__ void cast_DTYPE(
    const float *__restrict__ x, unsigned short *__restrict__ y, long long size) {
    const long long quads = (unsigned long long) x % 16 == 0 ? size / 4 : 0, n = size - 3 * quads;
    LOOP {
        if (i < quads) {
            const float4 v = ((const float4 *) x)[i];
            ushort4 w;
            w.x = to_DTYPE(v.x);
            w.y = to_DTYPE(v.y);
            w.z = to_DTYPE(v.z);
            w.w = to_DTYPE(v.w);
            ((ushort4 *) y)[i] = w;
        } else {
            y[i + 3 * quads] = to_DTYPE(x[i + 3 * quads]);
        }
    }
}
"""
for _dtype in ("bfloat16", "float16"):
    SOURCE += _CAST.replace("DTYPE", _dtype).replace("LOOP", LOOP)


def _launch(name: str, n: int, *args: Any) -> Callable[[], None]:
    """A launch over n elements, four to a thread, as a call without arguments."""
    kernel, *given = launch_of(load(), SOURCE, name, -(-n // 4), *args)
    return partial(kernel, *given)


class Casts:
    """16-bit copies of the operands of a list of calls, by their source memory.

    Parameters
    ----------
    dtype : {"bfloat16", "float16"}
    """

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype
        self._copies: dict[Range, Any] = {}
        self._fresh: set[Range] = set()

    def operand(self, x: Operand) -> tuple[Operand, list[Callable[[], None]]]:
        """An operand in 16 bits, and the launches that update its copy.

        Calls are bound in the order in which they run; `wrote` reports their writes in between.
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
        """Note memory that a call writes: its copies are outdated."""
        for low, high in written:
            self._fresh = {r for r in self._fresh if r[1] <= low or high <= r[0]}
