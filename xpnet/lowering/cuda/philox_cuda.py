"""Random words from one kernel: the same bits as `xpnet.random`, and so the same everywhere.

Each thread has one counter value of the generator and writes its four words.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from xpnet.backends.cuda import CupyBackend
from xpnet.kernels import Call
from xpnet.lowering.cuda.kernel_source import BLOCK
from xpnet.lowering.cuda.launch import Guarded, compiled, give_up
from xpnet.lowering.reading import Reader
from xpnet.philox import block, round_keys
from xpnet.random import Key

__all__ = ["NAME", "SOURCE", "draw_call", "words"]

NAME = "xpnet_draw"
_SOURCE = r"""
typedef unsigned int Word;
typedef unsigned long long Two;

// Philox4x32-10 of the counter (index, step) and the key (seed, stream).
extern "C" __global__ void __launch_bounds__(256) xpnet_draw(
    Word *out, const Two *step, Two blocks, Two seed, Two stream) {
    const Two index = (Two) blockIdx.x * BLOCK + threadIdx.x;
    if (index >= blocks) return;
    const Word c0 = (Word) index, c1 = (Word) (index >> 32);
    const Word c2 = (Word) *step, c3 = (Word) (*step >> 32);
    const Word k0 = (Word) seed, k1 = (Word) stream;
ROUNDS
}
"""


def _source() -> str:
    """The kernel's source, with its rounds and stores."""
    lines: list[str] = []

    def product(word: str, constant: int) -> tuple[str, str]:
        name = f"p{len(lines)}"
        lines.append(f"const Two {name} = (Two) {word} * {constant:#x}u;")
        return f"(Word) ({name} >> 32)", f"(Word) {name}"

    keys = [(f"(k0 + {a:#x}u)", f"(k1 + {b:#x}u)") for a, b in round_keys(0, 0)]
    words = block(("c0", "c1", "c2", "c3"), keys, product, lambda a, b: f"({a} ^ {b})")
    lines += [f"out[{i} * blocks + index] = {word};" for i, word in enumerate(words)]
    return _SOURCE.replace("ROUNDS", "\n".join(f"    {line}" for line in lines))


SOURCE = _source()


def draw_call(backend: CupyBackend, reader: Reader, call: Call) -> Callable[[], None] | None:
    """The kernel of a recorded `draw`; None for another call, or if none is possible."""
    if reader.name(call) != "draw":
        return None
    (_, step, (*key, first)), out = call.args, call.kwargs["out"]
    blocks = 0 if first else out.size // 4  # the kernel draws from the first block on
    if str(out.dtype) != "uint32" or not out.flags.c_contiguous or out.size % 4 or not blocks:
        return None
    launch = _launch(backend, out, step, tuple(key))
    return None if launch is None else Guarded(launch, lambda: [call.run])


def words(backend: CupyBackend, key: Key, count: int) -> Any:
    """The numbers of `random.words`, drawn by one kernel; None if it cannot be compiled."""
    out = backend.cupy.empty(-(-count // 4) * 4, "uint32")
    launch = _launch(backend, out, backend.counter(key.step), (key.seed, key.stream))
    if launch is None:
        return None
    try:
        launch()
    except Exception as error:
        give_up("launched", error)
        return None
    return out[:count]


def _launch(
    backend: CupyBackend, out: Any, step: Any, key: tuple[int, int]
) -> Callable[[], None] | None:
    """The kernel that fills `out`; None if it cannot be compiled."""
    blocks, cupy = out.size // 4, backend.cupy
    try:
        kernel = compiled(cupy, backend.index or 0, NAME, SOURCE)
    except Exception as error:
        give_up("compiled", error)
        return None
    arguments = (out, step, *map(cupy.int64, (blocks, *key)))
    return partial(kernel, (-(-blocks // BLOCK),), (BLOCK,), arguments)
