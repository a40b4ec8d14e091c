"""Lowering on a CPU: LLVM compiles loops, BLAS computes products, a whole step is one call."""
