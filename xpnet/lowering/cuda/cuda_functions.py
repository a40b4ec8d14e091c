"""Scalar functions as CUDA C, and the device functions at the start of every kernel.

They are CUDA's functions in the precision of their arguments (`expf` for float32), never the fast
ones (`__expf`). Maximum and minimum are NaN if an argument is.
"""

from collections.abc import Sequence

__all__ = ["PRELUDE", "TYPES", "expression", "limit", "literal"]

TYPES = {
    "float32": "float",
    "float64": "double",
    "bool": "bool",
    "uint8": "unsigned char",
    "int32": "int",
    "uint32": "unsigned int",
    "int64": "long long",
    "uint64": "unsigned long long",
}

# {0}, {1}, {2} are arguments, {f} is the suffix of single precision.
_TEMPLATES = {
    "copy": "{0}",
    "where": "{0} ? {1} : {2}",
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "abs": "{0} < 0 ? -{0} : {0}",
    "maximum": "maximum({0}, {1})",
    "minimum": "minimum({0}, {1})",
    "sign": "sign({0})",
    "isfinite": "{0} - {0} == 0",
    "isinf": "{0} == {0} && {0} - {0} != 0",
    "isnan": "{0} != {0}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
    "bitwise_invert": "~{0}",
    "logical_and": "{0} && {1}",
    "logical_or": "{0} || {1}",
    "logical_xor": "!{0} != !{1}",
    "logical_not": "!{0}",
    **{
        name: name + "{f}({0})"
        for name in ("cos", "exp", "expm1", "log", "log1p", "sin", "sqrt", "tanh")
    },
    "pow": "pow{f}({0}, {1})",
}
_REAL = {"abs": "fabs{f}({0})"}
_WHOLE = {"pow": "power({0}, {1})"}
_BOOL = {"bitwise_invert": "!{0}"}


def expression(name: str, dtype: str, args: Sequence[str]) -> str:
    """A function of the Array API standard for arguments of one type."""
    if name == "pow" and args[1] == literal(2, dtype):
        return f"{args[0]} * {args[0]}"
    special = _REAL if _is_real(dtype) else _BOOL if dtype == "bool" else _WHOLE
    template = special.get(name) or _TEMPLATES[name]
    return template.format(*args, f="f" if dtype == "float32" else "")


def literal(value: float, dtype: str) -> str:
    """A number as a literal of a type."""
    if dtype == "bool":
        return "true" if value else "false"
    if not _is_real(dtype):
        return f"({TYPES[dtype]}) {int(value)}"
    text = repr(float(value)).replace("inf", "INFINITE").replace("nan", "(INFINITE - INFINITE)")
    return f"({TYPES[dtype]}) {text}"


def limit(dtype: str, largest: bool) -> str:
    """The largest or the smallest number of a type."""
    kind = TYPES[dtype]
    if _is_real(dtype):
        return literal(float("inf" if largest else "-inf"), dtype)
    if dtype not in ("int32", "int64"):
        return f"({kind}) {-1 if largest else 0}"
    most = f"({kind}) (~0ULL >> {33 if dtype == 'int32' else 1})"
    return most if largest else f"~({most})"


def _is_real(dtype: str) -> bool:
    return dtype.startswith("float")


PRELUDE = r"""
#define INFINITE __longlong_as_double(0x7ff0000000000000LL)
const int BLOCK = 256;

template <class T> __device__ __forceinline__ T maximum(T x, T y) {
    return x > y || x != x ? x : y;
}

template <class T> __device__ __forceinline__ T minimum(T x, T y) {
    return x < y || x != x ? x : y;
}

template <class T> __device__ __forceinline__ T sign(T x) {
    return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x;
}

template <class T> __device__ T power(T x, T n) {
    T found = 1;
    for (; n > 0; n /= 2, x *= x)
        if (n % 2) found *= x;
    return found;
}

struct Sum {
    template <class T> __device__ static T of(T x, T y) { return x + y; }
};

struct Max {
    template <class T> __device__ static T of(T x, T y) { return maximum(x, y); }
};

struct Min {
    template <class T> __device__ static T of(T x, T y) { return minimum(x, y); }
};

// A team is a power of two of neighboring threads within a warp, or the whole block.
template <int TEAM> __device__ __forceinline__ unsigned int team_mask() {
    return TEAM >= 32 ? 0xffffffffu : ((1u << TEAM) - 1) << (threadIdx.x % 32 / TEAM * TEAM);
}

// Wait for the team, and make the writes of its threads visible.
template <int TEAM> __device__ __forceinline__ void team_wait() {
    if (TEAM > 32) __syncthreads();
    else __syncwarp(team_mask<TEAM>());
}

// Combine the values of all threads of the team, always in the same order.
template <class Op, int TEAM, class T> __device__ __forceinline__ T reduce(T x) {
    for (int k = (TEAM < 32 ? TEAM : 32) / 2; k > 0; k /= 2)
        x = Op::of(x, __shfl_xor_sync(team_mask<TEAM>(), x, k));
    if (TEAM <= 32) return x;
    __shared__ T warps[BLOCK / 32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = x;
    __syncthreads();
    x = warps[0];
    for (int k = 1; k < BLOCK / 32; ++k) x = Op::of(x, warps[k]);
    return x;
}

// The sum over threads that are WIDE apart, in the first WIDE threads.
template <int WIDE, class T> __device__ __forceinline__ T sum_down(T x) {
    __shared__ T cells[BLOCK];
    __syncthreads();
    cells[threadIdx.x] = x;
    __syncthreads();
    for (int k = BLOCK / WIDE / 2; k > 0; k /= 2) {
        if (threadIdx.x < k * WIDE) cells[threadIdx.x] += cells[threadIdx.x + k * WIDE];
        __syncthreads();
    }
    return cells[threadIdx.x];
}

// Whether all other blocks have already arrived: their earlier writes can then be read.
// The counter is 0 again afterwards.
__device__ __forceinline__ bool is_last(unsigned int *counter, unsigned int blocks) {
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicInc(counter, blocks - 1) == blocks - 1;
    __syncthreads();
    __threadfence();
    return last;
}
"""
