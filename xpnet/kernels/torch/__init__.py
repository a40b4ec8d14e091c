"""Handwritten kernels of PyTorch's functions, where these are better than those in `out`.

A call takes about 2 us, longer than the arrays of a small network need, so fewer calls are faster.
PyTorch has functions for several steps: a product with a sum, a multiple added, a softmax.
"""

from xpnet.kernels.torch import torch_losses, torch_noise, torch_products, torch_updates

__all__ = ["torch_losses", "torch_noise", "torch_products", "torch_updates"]
