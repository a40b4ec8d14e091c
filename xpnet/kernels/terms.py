"""Stand-ins for arrays: what a definition is given while its steps are written down.

A term knows its shape and type, and Python's operators; it holds no numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any, Never

from xpnet.typing import Shape, size_of

__all__ = ["Cast", "Filled", "Given", "Step", "Term", "Underivable", "View"]


class Underivable(Exception):
    """A definition does what no recorded call can do, such as branching on an element."""


def _operator(name: str, swapped: bool = False) -> Callable[..., Any]:
    def method(self: "Term", *other: Any) -> Any:
        return getattr(self.xp, name)(*((*other, self) if swapped else (self, *other)))

    return method


def _refuse(self: "Term", *_: Any) -> Never:
    raise Underivable("an array's elements are not known before it is computed")


class Term:
    """An array yet to be computed. `xp` is the `Listing` that writes down its steps.

    `dense` says whether its elements follow one another in memory, so that it can be reshaped.
    """

    dense = True
    __array_ufunc__ = None  # NumPy's arrays leave the operators to a term

    def __init__(self, xp: Any, shape: Shape, dtype: Any) -> None:
        self.xp, self.shape, self.dtype = xp, shape, dtype

    @property
    def root(self) -> "Term":
        """The term whose memory this one looks at."""
        return self

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return size_of(self.shape)

    @property
    def device(self) -> Any:
        """Where the backend's arrays live."""
        return self.xp.backend.device

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return self.xp.matrix_transpose(self)

    def __getitem__(self, key: Any) -> Any:
        return self.xp.index(self, key)

    def __getattr__(self, name: str) -> Never:
        raise Underivable(f"an array's {name}")

    __add__, __radd__ = _operator("add"), _operator("add", True)
    __sub__, __rsub__ = _operator("subtract"), _operator("subtract", True)
    __mul__, __rmul__ = _operator("multiply"), _operator("multiply", True)
    __truediv__, __rtruediv__ = _operator("divide"), _operator("divide", True)
    __pow__, __rpow__ = _operator("pow"), _operator("pow", True)
    __mod__, __floordiv__ = _operator("remainder"), _operator("floor_divide")
    __matmul__, __neg__, __abs__ = _operator("matmul"), _operator("negative"), _operator("abs")
    __and__, __or__, __xor__ = map(_operator, ("bitwise_and", "bitwise_or", "bitwise_xor"))
    __invert__ = _operator("bitwise_invert")
    __lt__, __le__ = _operator("less"), _operator("less_equal")
    __gt__, __ge__ = _operator("greater"), _operator("greater_equal")
    __eq__, __ne__ = _operator("equal"), _operator("not_equal")
    __hash__ = object.__hash__
    __bool__ = __int__ = __float__ = __index__ = __len__ = __iter__ = __array__ = _refuse


class Given(Term):
    """An array that exists: an input, or a constant that the definition made."""

    def __init__(self, xp: Any, array: Any) -> None:
        super().__init__(xp, tuple(array.shape), array.dtype)
        self.array = array


class Filled(Term):
    """One number in every place; it is handed on as the number wherever that will do."""

    def __init__(self, xp: Any, shape: Shape, dtype: Any, number: float) -> None:
        super().__init__(xp, shape, dtype)
        self.number = number


class Cast(Term):
    """Booleans as numbers 0 and 1; they are handed on as booleans wherever that will do."""

    def __init__(self, mask: Term, dtype: Any) -> None:
        super().__init__(mask.xp, mask.shape, dtype)
        self.mask = mask


class View(Term):
    """The memory of another term seen in another shape: ``look(array)`` gives the view."""

    def __init__(self, base: Term, shape: Shape, look: Callable[[Any], Any], dense: bool) -> None:
        super().__init__(base.xp, shape, base.dtype)
        self.base, self.look, self.dense = base, look, dense and base.dense

    @property
    def root(self) -> Term:
        """The term whose memory this one looks at."""
        return self.base.root


class Step(Term):
    """What a call will compute.

    ``copyto`` of one argument and ``where`` of three stand for calls that `derive` makes of
    them; every other name is that of a function with ``out=``. An `elementwise` function may
    write over its arguments.
    """

    def __init__(
        self,
        xp: Any,
        name: str,
        args: Sequence[Any],
        shape: Shape,
        dtype: Any,
        elementwise: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(xp, shape, dtype)
        self.name, self.args, self.settings = name, args, settings
        self.elementwise = elementwise

    @property
    def roots(self) -> set[Term]:
        """The terms whose memory it reads."""
        return {a.root for a in self.args if isinstance(a, Term)}

    @property
    def overwritable(self) -> set[Term]:
        """Arguments over which the result may be written while it is computed.

        They are those that it sees as they are, not through a view. ``where`` begins with a copy
        of its last argument, so that one alone may be there already.
        """
        if not self.elementwise:
            return set()
        plain = {a for a in self.args if isinstance(a, Term) and a.root is a}
        others = [a for a in self.args if isinstance(a, Term) and a.root is not a]
        if self.name == "where":
            plain, others = plain & set(self.args[2:]), [*self.args[:2], *others]
        return plain - {a.root for a in others if isinstance(a, Term)}
