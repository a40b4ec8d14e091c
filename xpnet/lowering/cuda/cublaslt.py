"""cuBLASLt, through nvmath-python: products with an epilogue that a CUDA graph can capture.

CuPy does not use its cuBLAS handle during a capture. A separate cuBLASLt handle belongs to no
stream. It gets its workspace with every call, and selects its algorithm once, in advance. A call
then only launches kernels.
"""

import ctypes
import logging
import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from xpnet.lowering.cuda.matrices import Stored

__all__ = ["WORKSPACE", "Lt", "Pointers", "Problem"]

WORKSPACE = 32 << 20  # bytes: what NVIDIA advises for Hopper
_MARGIN = 16  # bytes that nvmath-python leaves after an epilogue's workspace, for cuBLASLt
_ALIGNED = 256  # bytes: no algorithm needs more

_TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}  # cudaDataType


@dataclass(frozen=True)
class Problem:
    """Everything that the choice of an algorithm depends on.

    Attributes
    ----------
    a, b, d : Stored
        D = A B, column by column.
    compute : str
        A member of cuBLAS's ``ComputeType``, such as ``"COMPUTE_32F"``.
    epilogue : str
        A member of cuBLASLt's ``Epilogue``.
    alignments : tuple of int
        Alignments of the pointers, in bytes.
    bias_step, auxiliary : int
        Elements between the bias vectors of a batch, and leading dimension of the auxiliary
        matrix.
    """

    a: Stored
    b: Stored
    d: Stored
    compute: str
    epilogue: str
    alignments: tuple[int, ...]
    bias_step: int = 0
    auxiliary: int = 0

    @property
    def inner(self) -> int:
        """The dimension over which products are added up."""
        return self.a.rows if self.a.transposed else self.a.columns


@dataclass(frozen=True)
class Pointers:
    """Addresses of the operands; 0 for none."""

    a: int
    b: int
    d: int
    bias: int = 0
    auxiliary: int = 0

    @property
    def alignments(self) -> tuple[int, ...]:
        """The alignment of each in bytes, at most 256."""
        every = (self.a, self.b, self.d, self.bias, self.auxiliary)
        return tuple(min(p & -p, _ALIGNED) if p else _ALIGNED for p in every)


class _Descriptors:
    """cuBLASLt's descriptors of one product, destroyed with this object."""

    def __init__(self, api: Any, compute: int, problem: Problem, pointers: Pointers) -> None:
        self._api = api
        number = ctypes.c_double if problem.d.dtype == "float64" else ctypes.c_float
        self.one, self.zero = number(1.0), number(0.0)
        self.product = api.matmul_desc_create(
            compute, _TYPES["float64" if problem.d.dtype == "float64" else "float32"]
        )
        weakref.finalize(self, api.matmul_desc_destroy, self.product).atexit = False
        self._describe(problem, pointers)
        self.a, self.b, self.d = (self._layout(m) for m in (problem.a, problem.b, problem.d))

    def _describe(self, problem: Problem, pointers: Pointers) -> None:
        values = {
            "TRANSA": int(problem.a.transposed),
            "TRANSB": int(problem.b.transposed),
            "EPILOGUE": int(self._api.Epilogue[problem.epilogue]),
        }
        if pointers.bias:
            values |= {"BIAS_POINTER": pointers.bias, "BIAS_BATCH_STRIDE": problem.bias_step}
        if pointers.auxiliary:
            values |= {
                "EPILOGUE_AUX_POINTER": pointers.auxiliary,
                "EPILOGUE_AUX_LD": problem.auxiliary,
                "EPILOGUE_AUX_BATCH_STRIDE": problem.auxiliary * problem.d.columns,
            }
        for name, value in values.items():
            attribute = self._api.MatmulDescAttribute[name]
            kind = self._api.get_matmul_desc_attribute_dtype(attribute)
            set_attribute(self._api.matmul_desc_set_attribute, self.product, attribute, kind, value)

    def _layout(self, matrix: Stored) -> int:
        api = self._api
        made = api.matrix_layout_create(
            _TYPES[matrix.dtype], matrix.rows, matrix.columns, matrix.leading
        )
        weakref.finalize(self, api.matrix_layout_destroy, made).atexit = False
        for name, value in (("BATCH_COUNT", matrix.batch), ("STRIDED_BATCH_OFFSET", matrix.step)):
            attribute = api.MatrixLayoutAttribute[name]
            kind = api.get_matrix_layout_attribute_dtype(attribute)
            set_attribute(api.matrix_layout_set_attribute, made, attribute, kind, value)
        return int(made)


def set_attribute(
    function: Callable[..., Any], handle: int, attribute: Any, kind: Any, value: int
) -> None:
    """Set one attribute of a descriptor to a value of its NumPy type."""
    data = kind(value).tobytes()
    box = ctypes.create_string_buffer(data, len(data))
    function(handle, int(attribute), ctypes.addressof(box), len(data))


class Lt:
    """A cuBLASLt handle for the current device, with its workspace and chosen algorithms.

    Parameters
    ----------
    cupy : module

    Attributes
    ----------
    epilogues : frozenset of str
        The epilogues that are correct on this device; see `gemm.usable`.

    Raises
    ------
    ImportError
        If nvmath-python is not installed or does not find cuBLASLt.
    """

    def __init__(self, cupy: Any) -> None:
        from nvmath.bindings import cublas, cublasLt

        self._cupy, self._api, self._compute = cupy, cublasLt, cublas.ComputeType
        self._handle = cublasLt.create()
        self.epilogues: frozenset[str] = frozenset()
        self._algorithms: dict[Problem, Any] = {}
        self._workspaces: dict[int, Any] = {}

    def bind(
        self, problem: Problem, pointers: Pointers, arrays: tuple[Any, ...]
    ) -> Callable[[], None] | None:
        """The product as a call without arguments, or None if there is none.

        It keeps these arrays alive and runs on CuPy's current stream.
        """
        compute = int(self._compute[problem.compute])
        made = _Descriptors(self._api, compute, problem, pointers)
        if problem not in self._algorithms:
            self._algorithms[problem] = self._choose(problem, made)
        found = self._algorithms[problem]
        if found is None:
            return None
        one, zero = ctypes.addressof(made.one), ctypes.addressof(made.zero)
        a, b, d = (pointers.a, made.a), (pointers.b, made.b), (pointers.d, made.d)
        before = (self._handle, made.product, one, *a, *b, zero, *d, *d, found.ptr)
        matmul, stream = self._api.matmul, self._cupy.cuda.get_current_stream

        def run(kept: Any = (arrays, made, found)) -> None:
            now = stream().ptr
            matmul(*before, self._workspace(now), WORKSPACE, now)

        return run

    def _workspace(self, stream: int) -> int:
        """A stream's own workspace, because products on two streams may run at the same time."""
        if stream not in self._workspaces:
            self._workspaces[stream] = self._cupy.empty(WORKSPACE, dtype="uint8")
        return int(self._workspaces[stream].data.ptr)

    def forget(self, stream: int) -> None:
        """Release the workspace of a stream that is idle and will not be used again."""
        self._workspaces.pop(stream, None)

    def _choose(self, problem: Problem, made: _Descriptors) -> Any:
        """The algorithm that cuBLASLt considers best; None if it has none.

        An algorithm may split the inner dimension and add up the parts. Versions 12.8 and 13.1 are
        reported to drop the end of a dimension that is no multiple of the algorithm's steps, on
        Hopper and Blackwell (github.com/facebookexperimental/triton/pull/2767). Then cuBLASLt is
        asked again for an algorithm that adds in sequence.
        """
        found = self._asked(problem, made)
        if found is not None and self._may_drop(problem, found):
            found = self._asked(problem, made, {"REDUCTION_SCHEME_MASK": 0})
            if found is not None and self._may_drop(problem, found):
                return None
        return found

    def _may_drop(self, problem: Problem, found: Any) -> bool:
        """Whether an algorithm splits an inner dimension that its steps may not divide."""
        if self._setting(found, "SPLITK_NUM") in (0, 1):
            return False
        stages = self._api.MatmulStages
        names = {int(member): member.name for member in stages}  # such as STAGES_64x4
        name = names.get(self._setting(found, "STAGES_ID"), "")
        step = name.removeprefix("STAGES_").partition("x")[0]
        return not step.isdigit() or problem.inner % int(step) != 0

    def _setting(self, found: Any, name: str) -> int:
        """A number of an algorithm's configuration."""
        attribute = self._api.MatmulAlgoConfigAttribute[name]
        kind = self._api.get_matmul_algo_config_attribute_dtype(attribute)
        size, written = kind(0).nbytes, ctypes.c_size_t(0)
        box = ctypes.create_string_buffer(size)
        self._api.matmul_algo_config_get_attribute(
            found.ptr, int(attribute), ctypes.addressof(box), size, ctypes.addressof(written)
        )
        return int.from_bytes(box.raw, sys.byteorder, signed=True)

    def _asked(
        self, problem: Problem, made: _Descriptors, wishes: Mapping[str, int] = MappingProxyType({})
    ) -> Any:
        """cuBLASLt's first choice among algorithms with these preferences; None if it has none."""
        api = self._api
        preference = api.matmul_preference_create()
        found, count = api.MatmulHeuristicResult(), ctypes.c_int32(0)
        try:
            self._prefer(preference, problem, wishes)
            api.matmul_algo_get_heuristic(
                self._handle,
                made.product,
                made.a,
                made.b,
                made.d,
                made.d,
                preference,
                1,
                found.ptr,
                ctypes.addressof(count),
            )
        except api.cuBLASLtError as error:
            plain = problem.epilogue == "DEFAULT" and "NOT_SUPPORTED" not in str(error)
            level = logging.WARNING if plain else logging.DEBUG  # others have a fall-back
            logging.getLogger("xpnet").log(level, "cuBLASLt refuses %s: %s", problem, error)
            return None
        finally:
            api.matmul_preference_destroy(preference)
        return found if count.value else None

    def _prefer(self, preference: int, problem: Problem, wishes: Mapping[str, int]) -> None:
        a, b, d = problem.alignments[:3]
        values = {
            "MAX_WORKSPACE_BYTES": WORKSPACE - _MARGIN,
            "MIN_ALIGNMENT_A_BYTES": a,
            "MIN_ALIGNMENT_B_BYTES": b,
            "MIN_ALIGNMENT_C_BYTES": d,
            "MIN_ALIGNMENT_D_BYTES": d,
            **wishes,
        }
        for name, value in values.items():
            attribute = self._api.MatmulPreferenceAttribute[name]
            kind = self._api.get_matmul_preference_attribute_dtype(attribute)
            setter = self._api.matmul_preference_set_attribute
            set_attribute(setter, preference, attribute, kind, value)
