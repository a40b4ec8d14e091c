"""In-place and fused versions of ops, registered for the ops that they replace."""

from xpnet.kernels import cuda, out, torch
from xpnet.kernels.by_element import is_elementwise
from xpnet.kernels.choice import derived, find
from xpnet.kernels.recorder import KERNELS, Call, Kernel, Recorder, Scratch, kernel

__all__ = [
    "KERNELS",
    "Call",
    "Kernel",
    "Recorder",
    "Scratch",
    "cuda",
    "derived",
    "find",
    "is_elementwise",
    "kernel",
    "out",
    "torch",
]
