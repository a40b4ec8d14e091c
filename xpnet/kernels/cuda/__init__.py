"""Kernels by hand in CUDA, for what CuPy's functions would do in more launches."""

from xpnet.kernels.cuda import loss_scale_kernels

__all__ = ["loss_scale_kernels"]
