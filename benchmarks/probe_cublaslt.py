"""Can a CUDA graph contain a product of a private cuBLASLt handle? Run this on a GPU to find out.

    python benchmarks/probe_cublaslt.py

It uses only CuPy and nvmath-python, nothing from xpnet: a fixed workspace, an algorithm that is
chosen once, and a product that is captured on a non-blocking stream and replayed on changed
inputs.
"""

import cupy
import numpy as np
from nvmath.bindings import cublas, cublasLt

WORKSPACE, N, F32 = 32 << 20, 256, 0  # bytes; rows and columns; CUDA_R_32F


def main() -> None:
    """Compute the product, capture it, replay it, compare."""
    handle = cublasLt.create()
    product = cublasLt.matmul_desc_create(cublas.ComputeType.COMPUTE_32F, F32)
    layout = cublasLt.matrix_layout_create(F32, N, N, N)
    preference, limit = cublasLt.matmul_preference_create(), np.array([WORKSPACE], np.uint64)
    attribute = cublasLt.MatmulPreferenceAttribute.MAX_WORKSPACE_BYTES
    cublasLt.matmul_preference_set_attribute(preference, attribute, limit.ctypes.data, 8)
    found, count = cublasLt.MatmulHeuristicResult(), np.zeros(1, np.int32)
    layouts = (layout, layout, layout, layout)
    asked = (preference, 1, found.ptr, count.ctypes.data)
    cublasLt.matmul_algo_get_heuristic(handle, product, *layouts, *asked)
    print("cuBLASLt", cublasLt.get_version(), "CuPy", cupy.__version__, "algorithms:", count[0])
    if count[0] < 1:
        raise SystemExit("no algorithm")

    a, b, c = (cupy.random.random((N, N), dtype="float32") for _ in range(3))
    workspace = cupy.empty(WORKSPACE, "uint8")
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)

    def multiply(stream: cupy.cuda.Stream) -> None:  # c = a b: columns are rows, so b comes first
        left, right = (b.data.ptr, layout), (a.data.ptr, layout)
        out = (c.data.ptr, layout)
        operands = (one.ctypes.data, *left, *right, zero.ctypes.data, *out, *out)
        room = (workspace.data.ptr, WORKSPACE)
        cublasLt.matmul(handle, product, *operands, found.ptr, *room, stream.ptr)

    cupy.cuda.Device().synchronize()
    with cupy.cuda.Stream(non_blocking=True) as stream:
        multiply(stream)
        print("eager:", float(abs(c - a @ b).max()), "largest difference from CuPy's product")
        stream.begin_capture()
        multiply(stream)
        graph = stream.end_capture()
        a *= 2
        graph.launch(stream)
        print("replayed on changed inputs:", float(abs(c - a @ b).max()))
        worst = float(abs(c - a @ b).max() / abs(c).max())
        stream.synchronize()
    if not worst < 1e-5:  # NaN is wrong too
        raise SystemExit(f"WRONG by {worst}")
    print("works")


if __name__ == "__main__":
    main()
