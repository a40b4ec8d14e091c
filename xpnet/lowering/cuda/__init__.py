"""Recorded calls on an NVIDIA GPU: matrix products by cuBLASLt, what stands between them fused."""
