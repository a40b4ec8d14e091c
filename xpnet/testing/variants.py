"""Array libraries, and ways of running a graph on them, that expose errors in an op.

Each variant catches errors that others miss:

- ``"numpy"`` interprets the graph: the specification;
- ``"numpy-readonly"`` makes every array read-only as soon as it exists, so that a definition
  that writes into its input raises;
- ``"numpy-poisoned"`` runs the plan, with kernels, in memory that was full of NaN;
- ``"array-api-strict"`` has only what the standard guarantees;
- ``"torch"`` and ``"cupy"`` run the plan, with kernels, on libraries that users have;
- ``"torch-interpreted"`` runs the definitions on a library whose arrays are not NumPy's;
- ``"jax"`` compiles the whole graph, on immutable arrays, with 64-bit types.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from xpnet.arguments import choice
from xpnet.backends import Backend, dtype_name, get, jax_devices, status
from xpnet.backends.generic import GenericBackend
from xpnet.errors import BackendUnavailableError, MissingDependencyError
from xpnet.graph import Graph, Plan, Value, interpret
from xpnet.graph.interpret import constant, evaluate
from xpnet.optional import require
from xpnet.testing.poison import PoisonedBackend
from xpnet.typing import Array, ArrayLike

__all__ = ["VARIANTS", "Variant", "usable_variants", "variant"]

VARIANTS = (
    "numpy",
    "numpy-readonly",
    "numpy-poisoned",
    "array-api-strict",
    "torch",
    "torch-interpreted",
    "jax",
    "cupy",
)


@dataclass(frozen=True)
class Variant:
    """One array library, and one way of running a graph on it.

    Attributes
    ----------
    name : str
        One of `VARIANTS`.
    backend : Backend
        The backend whose arrays it uses.
    planned : bool
        Whether it runs a graph's plan; otherwise it interprets the graph.
    readonly : bool
        Whether every array is read-only: a write into an input, or into a result that a later
        op reads, raises.
    poisoned : bool
        Whether the backend's memory is filled with NaN before a plan runs in it.
    """

    name: str
    backend: Backend
    planned: bool = False
    readonly: bool = False
    poisoned: bool = False

    @property
    def xp(self) -> Any:
        """The library's namespace."""
        return self.backend.xp

    def asarray(self, array: ArrayLike) -> Any:
        """An array of this library, in memory of its own, with the values of a NumPy array."""
        result = self.backend.asarray(np.array(array))
        if self.readonly:
            result.flags.writeable = False
        return result

    def to_numpy(self, array: Array) -> np.ndarray:
        """The values of this library's array."""
        return np.asarray(self.backend.to_numpy(array))

    def compute(
        self, graph: Graph, feeds: Mapping[Value, Any], outputs: Sequence[Value]
    ) -> list[Any]:
        """Arrays of this library for `outputs`, from NumPy arrays for inputs and parameters.

        Raises
        ------
        AssertionError
            If an input changes, or if a result's shape or type is not that of the graph.
        """
        steps = _steps(graph)
        arrays = {
            value: self.backend.counter(int(array)) if value in steps else self.asarray(array)
            for value, array in feeds.items()
        }
        before = {value: self.to_numpy(array).copy() for value, array in arrays.items()}
        results = self._run(graph, arrays, outputs)
        for value, array in arrays.items():
            np.testing.assert_array_equal(self.to_numpy(array), before[value], "input changed")
        for value, result in zip(outputs, results, strict=True):
            alike = result.dtype == self.backend.dtype(value.dtype)  # JAX's int64 may be int32
            if tuple(result.shape) != value.shape or not alike:
                got, said = (
                    (tuple(result.shape), dtype_name(result.dtype)),
                    (value.shape, value.dtype),
                )
                raise AssertionError(f"{value.name} is {got} on {self.name}, the graph says {said}")
        return results

    def _run(
        self, graph: Graph, arrays: Mapping[Value, Any], outputs: Sequence[Value]
    ) -> list[Any]:
        if self.planned and self.backend.planned:
            return self._plan(self.backend, graph, arrays, outputs)
        if self.readonly:
            return self._interpret_readonly(graph, arrays, outputs)

        def interpreted(given: list[Any]) -> list[Any]:
            feeds = dict(zip(arrays, given, strict=True))
            return interpret(graph, self.xp, feeds, outputs, self.backend.device)

        found: list[Any] = self.backend.compiled(interpreted)([*arrays.values()])
        return found

    def _interpret_readonly(
        self, graph: Graph, arrays: Mapping[Value, Any], outputs: Sequence[Value]
    ) -> list[Any]:
        """Interpret with every array made read-only as soon as it exists."""
        known = {**arrays, **{value: constant(self.xp, value) for value in graph.constants}}
        for node in graph.nodes:
            evaluate(self.xp, node, known)
            for value in node.outputs:
                if isinstance(known[value], np.ndarray):
                    known[value].flags.writeable = False
        return [known[value] for value in outputs]

    def _plan(
        self,
        backend: Any,
        graph: Graph,
        arrays: Mapping[Value, Any],
        outputs: Sequence[Value],
    ) -> list[Any]:
        given = {value: array for value, array in arrays.items() if value not in graph.inputs}
        plan = Plan(graph, backend, given, outputs)
        if self.poisoned:
            backend.poison()
        for value in graph.inputs:
            backend.write(plan.array(value), arrays[value])
        plan.run()
        return [backend.copy(plan.array(value)) for value in outputs]


def _steps(graph: Graph) -> set[Value]:
    """The step numbers from which a graph draws; each backend has a form of its own for them."""
    drawn = (node for node in graph.nodes if getattr(node.record, "integers", ()) == ("step",))
    return {node.inputs[1] for node in drawn}


@contextmanager
def variant(name: str) -> Iterator[Variant]:
    """A context in which this variant can be used.

    Parameters
    ----------
    name : str
        One of `VARIANTS`.

    Yields
    ------
    Variant

    Raises
    ------
    MissingDependencyError, BackendUnavailableError
        If its library is not installed, or cannot run here.
    UnknownNameError
        For any other name.

    Examples
    --------
    >>> with variant("numpy-readonly") as library:
    ...     library.asarray([1.0, 2.0]).flags.writeable
    False
    """
    choice("variant", name, VARIANTS)
    if name == "array-api-strict":
        with _strict() as strict:
            yield Variant(name, get(strict))
    elif name == "jax":
        backend = get("jax")
        with jax_devices.wide():
            yield Variant(name, backend)
    else:
        yield _MAKE[name](name)


def _cupy(name: str) -> Variant:
    found = next(s for s in status() if s.name == "cupy")
    if not found.usable:  # `get` might fall back on NumPy
        raise BackendUnavailableError(found.reason)
    return Variant(name, get("cupy"), planned=True)


_MAKE: dict[str, Callable[[str], Variant]] = {
    "numpy": lambda name: Variant(name, get("numpy")),
    "numpy-readonly": lambda name: Variant(name, get("numpy"), readonly=True),
    "numpy-poisoned": lambda name: Variant(name, PoisonedBackend(), planned=True, poisoned=True),
    "torch": lambda name: Variant(name, get("torch:cpu"), planned=True),
    "torch-interpreted": lambda name: Variant(name, GenericBackend(get("torch:cpu").xp)),
    "cupy": _cupy,
}


@contextmanager
def _strict() -> Iterator[Any]:
    """array-api-strict without the optional parts of the standard."""
    strict = require("array_api_strict", "test", "the variant 'array-api-strict'")
    with strict.ArrayAPIStrictFlags(
        api_version=strict.__array_api_version__,  # by default its latest version
        boolean_indexing=False,
        data_dependent_shapes=False,
        enabled_extensions=(),
    ):
        yield strict


def usable_variants() -> list[str]:
    """Names of the variants whose libraries are installed and can run here.

    Examples
    --------
    >>> usable_variants()[:3]
    ['numpy', 'numpy-readonly', 'numpy-poisoned']
    """
    found = []
    for name in VARIANTS:
        try:
            with variant(name):
                found.append(name)
        except (MissingDependencyError, BackendUnavailableError):
            continue
    return found
