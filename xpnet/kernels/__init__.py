"""In-place and fused versions of ops, registered onto the records that they replace."""

from xpnet.kernels import out
from xpnet.kernels.recorder import KERNELS, Kernel, Recorder, Scratch, find, kernel

__all__ = ["KERNELS", "Kernel", "Recorder", "Scratch", "find", "kernel", "out"]
