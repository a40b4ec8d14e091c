"""Recorded calls on an NVIDIA GPU: cuBLASLt for matrix products, fused kernels between them."""
