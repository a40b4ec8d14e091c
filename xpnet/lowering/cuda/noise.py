"""Random words by one kernel: the bits of `xpnet.random`, and so of every other library.

A thread has one number of the generator's counter, and writes its four words.
"""

from collections.abc import Callable
from functools import partial

from xpnet.backends.cuda import CupyBackend
from xpnet.kernels import Call
from xpnet.lowering.cuda.launch import Guarded, compiled, give_up
from xpnet.lowering.cuda.source import BLOCK
from xpnet.lowering.reading import Reader

__all__ = ["NAME", "SOURCE", "draw_call"]

NAME = "xpnet_draw"
SOURCE = r"""
typedef unsigned int Word;
typedef unsigned long long Two;

// Philox4x32-10 of the counter (index, step) and the key (seed, stream).
extern "C" __global__ void __launch_bounds__(256) xpnet_draw(
    Word *out, const Two *step, Two blocks, Two seed, Two stream) {
    const Two index = (Two) blockIdx.x * BLOCK + threadIdx.x;
    if (index >= blocks) return;
    Word c0 = (Word) index, c1 = (Word) (index >> 32);
    Word c2 = (Word) *step, c3 = (Word) (*step >> 32);
    Word k0 = (Word) seed, k1 = (Word) stream;
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        const Two a = (Two) c0 * 0xD2511F53u, b = (Two) c2 * 0xCD9E8D57u;
        c0 = (Word) (b >> 32) ^ c1 ^ k0;
        c1 = (Word) b;
        c2 = (Word) (a >> 32) ^ c3 ^ k1;
        c3 = (Word) a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[index] = c0;
    out[blocks + index] = c1;
    out[2 * blocks + index] = c2;
    out[3 * blocks + index] = c3;
}
"""


def draw_call(backend: CupyBackend, reader: Reader, call: Call) -> Callable[[], None] | None:
    """The kernel of a recorded `draw`; None for another call, or where there can be none."""
    if reader.name(call) != "draw":
        return None
    (_, step, key), out, cupy = call.args, call.kwargs["out"], backend.cupy
    blocks = out.size // 4
    if str(out.dtype) != "uint32" or not out.flags.c_contiguous or out.size % 4 or not blocks:
        return None
    try:
        kernel = compiled(cupy, backend.index or 0, NAME, SOURCE)
    except Exception as error:
        give_up("compiled", error)
        return None
    arguments = (out, step, *map(cupy.int64, (blocks, *key)))
    return Guarded(partial(kernel, (-(-blocks // BLOCK),), (BLOCK,), arguments), lambda: [call.run])
