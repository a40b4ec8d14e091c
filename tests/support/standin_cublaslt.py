"""A stand-in for ``nvmath.bindings.cublasLt`` 1.0: its functions, computed by NumPy from memory.

Enumerations, signatures and the types of attributes are those of the wheel. Everything goes by
handle and address, as there, so that a wrong leading dimension or a wrong stride reads wrong
numbers. What cuBLASLt refuses, or does otherwise than one might think, a test can ask for.
"""

import ctypes
import itertools
from enum import IntEnum
from types import ModuleType
from typing import Any

import numpy as np

ComputeType = IntEnum(
    "ComputeType",
    {"COMPUTE_32F": 68, "COMPUTE_32F_FAST_TF32": 77, "COMPUTE_64F": 70},
)
Epilogue = IntEnum(
    "Epilogue",
    {
        "DEFAULT": 1,
        "RELU": 2,
        "BIAS": 4,
        "RELU_BIAS": 6,
        "RELU_AUX": 130,
        "RELU_AUX_BIAS": 134,
        "DRELU": 136,
        "DRELU_BGRAD": 152,
    },
)
_DESC = {
    "TRANSA": (3, np.int32),
    "TRANSB": (4, np.int32),
    "EPILOGUE": (7, np.uint32),
    "BIAS_POINTER": (8, np.int64),
    "BIAS_BATCH_STRIDE": (10, np.int64),
    "EPILOGUE_AUX_POINTER": (11, np.int64),
    "EPILOGUE_AUX_LD": (12, np.int64),
    "EPILOGUE_AUX_BATCH_STRIDE": (13, np.int64),
}
_LAYOUT = {"BATCH_COUNT": (5, np.int32), "STRIDED_BATCH_OFFSET": (6, np.int64)}
_PREFERENCE = {
    "MAX_WORKSPACE_BYTES": (1, np.uint64),
    "REDUCTION_SCHEME_MASK": (3, np.uint32),
    "MIN_ALIGNMENT_A_BYTES": (5, np.uint32),
    "MIN_ALIGNMENT_B_BYTES": (6, np.uint32),
    "MIN_ALIGNMENT_C_BYTES": (7, np.uint32),
    "MIN_ALIGNMENT_D_BYTES": (8, np.uint32),
}
_CONFIG = {"SPLITK_NUM": (2, np.int32), "STAGES_ID": (6, np.uint32)}
_TYPES = {0: np.float32, 1: np.float64, 2: np.float16, 14: np.uint16}


def _enumeration(name: str, members: dict[str, tuple[int, Any]]) -> Any:
    return IntEnum(name, {key: number for key, (number, _) in members.items()})


MatmulDescAttribute = _enumeration("MatmulDescAttribute", _DESC)
MatrixLayoutAttribute = _enumeration("MatrixLayoutAttribute", _LAYOUT)
MatmulPreferenceAttribute = _enumeration("MatmulPreferenceAttribute", _PREFERENCE)
MatmulAlgoConfigAttribute = _enumeration("MatmulAlgoConfigAttribute", _CONFIG)
MatmulStages = IntEnum(
    "MatmulStages",
    {"STAGES_UNDEFINED": 0, "STAGES_16x3": 3, "STAGES_64x4": 16, "STAGES_128xAUTO": 36},
)


def get_matmul_desc_attribute_dtype(attr: int) -> Any:
    return _DESC[MatmulDescAttribute(attr).name][1]


def get_matrix_layout_attribute_dtype(attr: int) -> Any:
    return _LAYOUT[MatrixLayoutAttribute(attr).name][1]


def get_matmul_preference_attribute_dtype(attr: int) -> Any:
    return _PREFERENCE[MatmulPreferenceAttribute(attr).name][1]


def get_matmul_algo_config_attribute_dtype(attr: int) -> Any:
    return _CONFIG[MatmulAlgoConfigAttribute(attr).name][1]


class cuBLASLtError(Exception):
    pass


CUPY: Any = None  # whose streams do the work
SETTINGS: dict[str, Any] = {}
_USUAL = {
    "refused": set(),  # epilogues, or types of operands, that there is no algorithm for
    "nan_hidden": True,  # by ReLU's epilogues, as cuBLASLt 12 did
    "gradient_hidden": False,  # by the backward epilogues, where the gate is closed
    "zero_positive": False,
    "rounded": False,  # float32 operands, as for TF32
    "split": None,  # how algorithms split the inner dimension: parts, and stages
    "wrong": False,  # or where: "TRANSA", "TRANSB", "unaligned"
    "stale": False,  # a captured product goes on with the numbers of its capture
}
HEURISTICS: list[Any] = []  # what was asked
PRODUCTS: list[dict[str, Any]] = []  # what was run
_alive: dict[int, dict[str, Any]] = {}
_handles = itertools.count(100)


def reset() -> None:
    SETTINGS.clear()
    SETTINGS.update({k: set() if isinstance(v, set) else v for k, v in _USUAL.items()})
    HEURISTICS.clear()
    PRODUCTS.clear()


def alive(kind: str) -> int:
    """How many descriptors of a kind were made and not destroyed."""
    return sum(d["kind"] == kind for d in _alive.values())


def _made(kind: str, **values: Any) -> int:
    handle = next(_handles)
    _alive[handle] = {"kind": kind, **values}
    return handle


def _set(handle: int, kind: str, members: Any, types: Any, attr: int, buf: int, size: int) -> None:
    thing, name = _alive[handle], members(attr).name
    dtype = np.dtype(types[name][1])
    assert thing["kind"] == kind
    assert size == dtype.itemsize, f"CUBLAS_STATUS_INVALID_VALUE: {name} has {dtype.itemsize} bytes"
    thing[name] = int(np.frombuffer(ctypes.string_at(buf, size), dtype)[0])


def create() -> int:
    return _made("handle", device=CUPY.cuda.Device().id)


def matmul_desc_create(compute_type: int, scale_type: int) -> int:
    assert (scale_type == 1) == (compute_type == 70)
    return _made("desc", compute=ComputeType(compute_type), TRANSA=0, TRANSB=0, EPILOGUE=1)


def matmul_desc_destroy(matmul_desc: int) -> None:
    del _alive[matmul_desc]


def matmul_desc_set_attribute(matmul_desc: int, attr: int, buf: int, size_in_bytes: int) -> None:
    _set(matmul_desc, "desc", MatmulDescAttribute, _DESC, attr, buf, size_in_bytes)


def matrix_layout_create(type: int, rows: int, cols: int, ld: int) -> int:
    assert ld >= rows > 0
    assert cols > 0
    return _made("layout", type=type, rows=rows, cols=cols, ld=ld)


def matrix_layout_destroy(mat_layout: int) -> None:
    del _alive[mat_layout]


def matrix_layout_set_attribute(mat_layout: int, attr: int, buf: int, size_in_bytes: int) -> None:
    _set(mat_layout, "layout", MatrixLayoutAttribute, _LAYOUT, attr, buf, size_in_bytes)


def matmul_preference_create() -> int:
    return _made("preference")


def matmul_preference_destroy(pref: int) -> None:
    del _alive[pref]


def matmul_preference_set_attribute(pref: int, attr: int, buf: int, size_in_bytes: int) -> None:
    _set(pref, "preference", MatmulPreferenceAttribute, _PREFERENCE, attr, buf, size_in_bytes)


class MatmulHeuristicResult:
    """One result: its address stands for that of the algorithm, its first member."""

    _made: dict[int, Any] = {}  # noqa: RUF012 - by address, for `matmul`

    def __init__(self, size: int = 1) -> None:
        assert size == 1
        self._box = ctypes.create_string_buffer(96)
        self.ptr = ctypes.addressof(self._box)
        self._made[self.ptr] = None


def matmul_algo_get_heuristic(
    light_handle: int,
    operation_desc: int,
    adesc: int,
    bdesc: int,
    cdesc: int,
    ddesc: int,
    preference: int,
    requested_algo_count: int,
    heuristic_results_array: int,
    return_algo_count: int,
) -> None:
    desc, a, b, d = (_alive[h] for h in (operation_desc, adesc, bdesc, ddesc))
    assert _alive[light_handle]["kind"] == "handle"
    assert cdesc == ddesc
    assert requested_algo_count == 1
    _check_shapes(desc, a, b, d)
    epilogue = Epilogue(desc["EPILOGUE"])
    HEURISTICS.append(epilogue.name)
    kinds = {epilogue.name, _TYPES[a["type"]].__name__}
    inner = a["rows"] if desc["TRANSA"] else a["cols"]
    if kinds & SETTINGS["refused"] or (epilogue.name.startswith("DRELU") and inner == 1):
        raise cuBLASLtError("CUBLAS_STATUS_NOT_SUPPORTED (15): ...")
    found = dict(_alive[preference])
    sequential = found.get("REDUCTION_SCHEME_MASK") == 0
    split, stages = (1, 36) if sequential or not SETTINGS["split"] else SETTINGS["split"]
    found |= {"SPLITK_NUM": split, "STAGES_ID": stages}
    MatmulHeuristicResult._made[heuristic_results_array] = found
    ctypes.c_int32.from_address(return_algo_count).value = 1


def matmul_algo_config_get_attribute(
    algo: int, attr: int, buf: int, size_in_bytes: int, size_written: int
) -> None:
    name = MatmulAlgoConfigAttribute(attr).name
    data = np.array(MatmulHeuristicResult._made[algo][name], _CONFIG[name][1]).tobytes()
    assert size_in_bytes == len(data)
    ctypes.memmove(buf, data, len(data))
    ctypes.c_size_t.from_address(size_written).value = len(data)


def _check_shapes(desc: Any, a: Any, b: Any, d: Any) -> None:
    m, k = (a["cols"], a["rows"]) if desc["TRANSA"] else (a["rows"], a["cols"])
    k2, n = (b["cols"], b["rows"]) if desc["TRANSB"] else (b["rows"], b["cols"])
    assert (m, n, k) == (d["rows"], d["cols"], k2)
    assert a["BATCH_COUNT"] == b["BATCH_COUNT"] == d["BATCH_COUNT"]


def matmul(
    light_handle: int,
    compute_desc: int,
    alpha: int,
    a: int,
    adesc: int,
    b: int,
    bdesc: int,
    beta: int,
    c: int,
    cdesc: int,
    d: int,
    ddesc: int,
    algo: int,
    workspace: int,
    workspace_size_in_bytes: int,
    stream: int,
) -> None:
    current = CUPY.cuda.get_current_stream()
    assert stream == current.ptr
    assert _alive[light_handle]["device"] == CUPY.cuda.Device().id
    desc, layouts = _alive[compute_desc], [_alive[h] for h in (adesc, bdesc, ddesc)]
    _check_epilogue(desc)
    number = ctypes.c_double if desc["compute"].name == "COMPUTE_64F" else ctypes.c_float
    assert (number.from_address(alpha).value, number.from_address(beta).value) == (1.0, 0.0)
    assert (c, cdesc) == (d, ddesc)
    _check_pointers(MatmulHeuristicResult._made[algo], a, b, d, workspace, workspace_size_in_bytes)
    PRODUCTS.append({"epilogue": Epilogue(desc["EPILOGUE"]).name, "compute": desc["compute"].name})
    PRODUCTS[-1] |= {"type": layouts[0]["type"], "stream": stream, "workspace": workspace}
    frozen = [_read(p, x) for p, x in zip((a, b), layouts, strict=False)]
    stale = SETTINGS["stale"] and current.is_capturing()
    values = desc | {"algorithm": MatmulHeuristicResult._made[algo]}
    CUPY._do(lambda: _compute(values, (a, b, d), layouts, frozen if stale else None))


def _check_epilogue(desc: Any) -> None:
    """What a GPU answers to bias or bits off 16 bytes, which ends its context for good."""
    size = 8 if desc["compute"].name == "COMPUTE_64F" else 4
    places = [desc.get("BIAS_POINTER", 0), desc.get("BIAS_BATCH_STRIDE", 0) * size]
    places.append(desc.get("EPILOGUE_AUX_POINTER", 0))
    assert not any(place % 16 for place in places), "CUDA error 716: misaligned address"


def _check_pointers(wanted: Any, a: int, b: int, d: int, workspace: int, size: int) -> None:
    for pointer, name in ((a, "A"), (b, "B"), (d, "C"), (d, "D")):
        assert pointer % wanted[f"MIN_ALIGNMENT_{name}_BYTES"] == 0
    assert workspace
    assert wanted["MAX_WORKSPACE_BYTES"] <= size


# --- the arithmetic ----------------------------------------------------------------------------


def memory(address: int, count: int, dtype: Any) -> Any:
    """Elements at an address, as an array that can be written."""
    dtype = np.dtype(dtype)
    buffer = (ctypes.c_char * (count * dtype.itemsize)).from_address(address)
    return np.frombuffer(buffer, dtype)


def _columns(address: int, layout: Any, i: int) -> Any:
    """The i-th matrix of a batch, as it is stored column by column."""
    dtype = np.dtype(_TYPES[layout["type"]])
    rows, cols, ld = layout["rows"], layout["cols"], layout["ld"]
    start = address + i * layout["STRIDED_BATCH_OFFSET"] * dtype.itemsize
    flat = memory(start, (cols - 1) * ld + rows, dtype)
    return np.lib.stride_tricks.as_strided(
        flat, (rows, cols), (dtype.itemsize, ld * dtype.itemsize), writeable=True
    )


def _read(address: int, layout: Any) -> list[Any]:
    found = [_columns(address, layout, i) for i in range(layout["BATCH_COUNT"])]
    if layout["type"] == 14:  # bfloat16
        return [(x.astype(np.uint32) << 16).view(np.float32) for x in found]
    wide = np.float64 if layout["type"] == 1 else np.float32
    return [x.astype(wide) for x in found]


def _tf32(x: Any) -> Any:
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = (bits + 0xFFF + (bits >> 13 & 1)) & ~np.uint32(0x1FFF)
    return np.where(np.isnan(x), x, rounded.view(np.float32))


def _compute(desc: Any, pointers: Any, layouts: Any, operands: Any) -> None:
    a_s, b_s = operands or [_read(p, x) for p, x in zip(pointers, layouts[:2], strict=False)]
    d_layout = layouts[2]
    for i, (a, b) in enumerate(zip(a_s, b_s, strict=True)):
        a, b = (a.T if desc["TRANSA"] else a), (b.T if desc["TRANSB"] else b)
        if desc["compute"].name == "COMPUTE_32F_FAST_TF32" or SETTINGS["rounded"]:
            a, b = _tf32(a), _tf32(b)
        summed = _summed(desc["algorithm"], a.shape[1])
        product = a[:, :summed] @ b[:summed] + _error(desc, pointers)
        d = _columns(pointers[2], d_layout, i)
        d[...] = _epilogue(Epilogue(desc["EPILOGUE"]).name, desc, product, i, d)


def _summed(algorithm: Any, inner: int) -> int:
    """How many elements are summed: some versions drop a tail where they split the dimension."""
    step = {0: 32, 3: 16, 16: 64, 36: 128, 99: 48}[algorithm["STAGES_ID"]]
    return inner if algorithm["SPLITK_NUM"] == 1 else inner - inner % step


def _error(desc: Any, pointers: Any) -> int:
    where = SETTINGS["wrong"]
    if where == "unaligned":
        return int(any(pointer % 16 for pointer in pointers))
    return int(desc[where]) if isinstance(where, str) else int(where)


def _epilogue(name: str, desc: Any, x: Any, i: int, d: Any) -> Any:
    m, n = x.shape
    bias = None
    if "BIAS_POINTER" in desc:
        start = desc["BIAS_POINTER"] + i * desc["BIAS_BATCH_STRIDE"] * d.itemsize
        bias = memory(start, m, d.dtype)
    if name.endswith("BIAS"):
        x = x + bias[:, None]
    if name in ("RELU_AUX_BIAS", "DRELU", "DRELU_BGRAD"):
        bits = _bits(desc, m, n, i)
        if name.startswith("D"):
            gate = np.unpackbits(bits, axis=0, bitorder="little")[:m]
            x = np.where(gate, x, 0) if SETTINGS["gradient_hidden"] else x * gate.astype(x.dtype)
        else:
            gate = x >= 0 if SETTINGS["zero_positive"] else x > 0
            padded = np.zeros((bits.shape[0] * 8, n), bool)
            padded[:m] = gate
            bits[...] = np.packbits(padded, axis=0, bitorder="little")
    if name.endswith("BGRAD"):
        bias[...] = x.sum(axis=1)
    if name.startswith("RELU"):
        x = np.fmax(x, 0) if SETTINGS["nan_hidden"] else np.maximum(x, 0)
    return x


def _bits(desc: Any, m: int, n: int, i: int) -> Any:
    ld = desc["EPILOGUE_AUX_LD"]
    assert ld % 128 == 0
    assert ld >= m
    start = desc["EPILOGUE_AUX_POINTER"] + i * desc["EPILOGUE_AUX_BATCH_STRIDE"] // 8
    return memory(start, n * ld // 8, np.uint8).reshape(n, ld // 8).T


def modules(this: ModuleType) -> dict[str, ModuleType]:
    """What ``sys.modules`` holds once nvmath-python is imported."""
    package, bindings, cublas = map(
        ModuleType, ("nvmath", "nvmath.bindings", "nvmath.bindings.cublas")
    )
    cublas.ComputeType = ComputeType
    package.bindings, bindings.cublas, bindings.cublasLt = bindings, cublas, this
    return {
        "nvmath": package,
        "nvmath.bindings": bindings,
        "nvmath.bindings.cublas": cublas,
        "nvmath.bindings.cublasLt": this,
    }
