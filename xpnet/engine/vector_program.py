"""Graphs of rules on flat vectors, ready to run: the update and what precedes it."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import cached_property
from typing import Any

from xpnet.backends import Backend
from xpnet.engine.host_numbers import HostNumbers
from xpnet.graph import Graph, Plan, Value, interpret
from xpnet.typing import Array, Namespace

__all__ = ["VectorProgram", "changed_vectors"]

Vectors = MutableMapping[str, Array]


def changed_vectors(
    graph: Graph,
    xp: Namespace,
    vectors: Mapping[str, Array],
    inputs: Mapping[Value, Array],
    device: Any = None,
) -> dict[str, Array]:
    """The vectors after a graph's rules: a pure function of vectors and inputs."""
    feeds = {**inputs, **{value: vectors[name] for name, value in graph.vectors.items()}}
    found = interpret(graph, xp, feeds, [*graph.assignments.values()], device)
    return dict(zip(graph.assignments, found, strict=True))


class VectorProgram:
    """A graph whose rules change vectors, run by a plan where the backend has plans.

    Parameters
    ----------
    graph : Graph
        Its inputs are numbers.
    backend : Backend
    vectors : mutable mapping of str to array
        The vectors that the graph names. A plan changes them in place, else they are replaced. A
        missing one is the program's own, and keeps nothing from one run to the next.
    given : callable, optional
        Returns the parameters that the graph reads, by their values.
    spare : sequence of str
        Vectors whose content is not needed afterwards.
    threads : int
        Threads that share the rules, if these are compiled.

    Attributes
    ----------
    numbers : HostNumbers
        The inputs of the graph.
    """

    def __init__(
        self,
        graph: Graph,
        backend: Backend,
        vectors: Vectors,
        dtype: str,
        given: Callable[[], Mapping[Value, Array]] = dict,
        spare: Sequence[str] = (),
        threads: int = 1,
    ) -> None:
        self._graph, self._backend, self._vectors = graph, backend, vectors
        self._own = {
            name: backend.zeros(value.shape, dtype)
            for name, value in graph.vectors.items()
            if name not in vectors
        }
        self._given = given
        self.numbers = HostNumbers(backend, len(graph.inputs), dtype)
        self._plan = self._planned(spare, threads) if backend.planned else None
        self.run = self._interpret if self._plan is None else self._plan.run

    @property
    def definitions(self) -> list[str]:
        """Rules that are computed by their definitions, because no kernel could be made."""
        return [] if self._plan is None else self._plan.definitions

    @property
    def calls(self) -> list[Callable[[], Any]]:
        """The calls of a run."""
        return [] if self._plan is None else self._plan.calls

    def _inputs(self, numbers: Array) -> dict[Value, Array]:
        """Each number as a 0-d array."""
        reshape, values = self._backend.xp.reshape, self._graph.inputs
        return {v: reshape(numbers[i : i + 1], ()) for i, v in enumerate(values)}

    def _planned(self, spare: Sequence[str], threads: int) -> Plan:
        named = {**self._vectors, **self._own}
        vectors = {value: named[name] for name, value in self._graph.vectors.items()}
        given = {**vectors, **self._given(), **self._inputs(self.numbers.array)}
        free = [self._vectors[name] for name in spare]
        backend: Any = self._backend
        return Plan(self._graph, backend, given, spare=free, threads=threads)

    def _interpret(self) -> None:
        vectors, given = {**self._vectors, **self._own}, self._given()
        parameters = [given[value] for value in self._graph.parameters.values()]
        found = self._changed(vectors, self.numbers.array, parameters)
        self._vectors.update({name: v for name, v in found.items() if name not in self._own})

    @cached_property
    def _changed(self) -> Callable[..., dict[str, Array]]:
        return self._backend.compiled(self._computed)

    def _computed(
        self, vectors: Mapping[str, Array], numbers: Array, parameters: Sequence[Array]
    ) -> dict[str, Array]:
        """The vectors after all rules: a pure function."""
        xp, device = self._backend.xp, self._backend.device
        given = dict(zip(self._graph.parameters.values(), parameters, strict=True))
        inputs = {**given, **self._inputs(numbers)}
        return changed_vectors(self._graph, xp, vectors, inputs, device)
