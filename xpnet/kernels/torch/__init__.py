"""Handwritten kernels of PyTorch's functions, where these are better than those in `out`.

A call takes about 2 us, longer than the arithmetic on a small network's arrays, so fewer calls are
faster. Some PyTorch functions do several steps: a product and a sum, a scaled sum, a softmax.
"""

from xpnet.kernels.torch import torch_losses, torch_noise, torch_products, torch_updates

__all__ = ["torch_losses", "torch_noise", "torch_products", "torch_updates"]
