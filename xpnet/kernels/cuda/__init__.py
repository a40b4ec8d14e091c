"""Handwritten CUDA kernels for work that would take CuPy's functions more launches."""

from xpnet.kernels.cuda import loss_scale_kernels

__all__ = ["loss_scale_kernels"]
