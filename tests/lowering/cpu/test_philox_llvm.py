"""Random words that threads draw together."""

from itertools import product

import numpy as np
import pytest
from support.each import Each

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.stages import run_item, shared_items

from xpnet.kernels.loops import draw
from xpnet.lowering.cpu.jit import Program
from xpnet.lowering.cpu.philox_llvm import Draw
from xpnet.random import Key, bits


def test_random_words(each: Each) -> None:
    """Threads share blocks of four, whose words are far from each other."""
    for blocks, parts, first in product((1, 2, 7, 100), (2, 3, 5), (0, 11)):
        with each(blocks=blocks, parts=parts, first=first):
            out, step = np.zeros(4 * blocks, "uint32"), np.array(9)
            _, (item,) = shared_items(
                lambda k, step, out, first=first: k(draw, k.raw, step, (3, 4, first), out=out),
                (step, out),
                parts,
            )
            assert isinstance(item, Draw)
            Program([item.task()]).run()
            whole = out.copy()
            wanted = bits(np, Key(3, 4, 9), blocks, first=first)
            np.testing.assert_array_equal(whole, np.concatenate(wanted))
            out[:] = 0
            run_item(item, parts)
            np.testing.assert_array_equal(out, whole)
