"""Lowering on a CPU: loops by LLVM, products by BLAS, a whole step as one call."""
