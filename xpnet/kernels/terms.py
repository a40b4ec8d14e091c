"""Stand-ins for arrays, the inputs of a definition whose steps are listed.

A term has a shape, a type and Python's operators, but no numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any, Never

from xpnet.typing import Shape, size_of

__all__ = ["Cast", "Filled", "Given", "Step", "Term", "Underivable", "View"]


class Underivable(Exception):
    """A definition does something that no recorded call can, such as branch on an element."""


def _operator(name: str, swapped: bool = False) -> Callable[..., Any]:
    def method(self: "Term", *other: Any) -> Any:
        return getattr(self.xp, name)(*((*other, self) if swapped else (self, *other)))

    return method


def _refuse(self: "Term", *_: Any) -> Never:
    raise Underivable("an array's elements are not known before it is computed")


class Term:
    """An array that is not computed yet. `xp` is the `Listing` of its steps.

    `dense` says whether its elements are contiguous, row by row, so that a reshape is a view.
    """

    dense = True

    def __init__(self, xp: Any, shape: Shape, dtype: Any) -> None:
        self.xp, self.shape, self.dtype = xp, shape, dtype

    @property
    def root(self) -> "Term":
        """The term whose memory this one views."""
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
        """The device of the backend's arrays."""
        return self.xp.backend.device

    @property
    def mT(self) -> Any:
        """The matrix transpose: the last two axes exchanged."""
        return self.xp.matrix_transpose(self)

    def __getitem__(self, key: Any) -> Any:
        return self.xp.index(self, key)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **settings: Any) -> Any:
        """Handle NumPy's own functions, which the operators of NumPy scalars call."""
        own = getattr(self.xp.backend.raw, ufunc.__name__, None) is ufunc
        if not own or method != "__call__" or settings:
            raise Underivable(f"NumPy's {ufunc.__name__}")
        return getattr(self.xp, ufunc.__name__)(*args)

    @classmethod
    def __torch_function__(cls, function: Any, *_: Any) -> Never:
        """Refuse PyTorch's own functions, which the operators of its tensors call."""
        raise Underivable(f"PyTorch's {getattr(function, '__name__', function)}")

    def __getattr__(self, name: str) -> Never:
        raise Underivable(f"an array's {name}")

    __add__, __radd__ = _operator("add"), _operator("add", True)
    __sub__, __rsub__ = _operator("subtract"), _operator("subtract", True)
    __mul__, __rmul__ = _operator("multiply"), _operator("multiply", True)
    __truediv__, __rtruediv__ = _operator("divide"), _operator("divide", True)
    __pow__, __rpow__ = _operator("pow"), _operator("pow", True)
    __mod__, __rmod__ = _operator("remainder"), _operator("remainder", True)
    __floordiv__, __rfloordiv__ = _operator("floor_divide"), _operator("floor_divide", True)
    __matmul__, __rmatmul__ = _operator("matmul"), _operator("matmul", True)
    __and__, __rand__ = _operator("bitwise_and"), _operator("bitwise_and", True)
    __or__, __ror__ = _operator("bitwise_or"), _operator("bitwise_or", True)
    __xor__, __rxor__ = _operator("bitwise_xor"), _operator("bitwise_xor", True)
    __lshift__, __rshift__ = map(_operator, ("bitwise_left_shift", "bitwise_right_shift"))
    __neg__, __pos__, __abs__ = map(_operator, ("negative", "positive", "abs"))
    __invert__ = _operator("bitwise_invert")
    __lt__, __le__ = _operator("less"), _operator("less_equal")
    __gt__, __ge__ = _operator("greater"), _operator("greater_equal")
    __eq__, __ne__ = _operator("equal"), _operator("not_equal")
    __hash__ = object.__hash__
    __bool__ = __int__ = __float__ = __index__ = __len__ = __iter__ = __array__ = _refuse
    __setitem__ = _refuse


class Given(Term):
    """An array that exists: an input, or a constant that the definition made."""

    def __init__(self, xp: Any, array: Any) -> None:
        super().__init__(xp, tuple(array.shape), array.dtype)
        self.array, self.dense = array, xp.backend.dense(array)


class Filled(Term):
    """An array filled with one number; passed on as the number where that is enough."""

    def __init__(self, xp: Any, shape: Shape, dtype: Any, number: float) -> None:
        super().__init__(xp, shape, dtype)
        self.number = number


class Cast(Term):
    """Booleans as the numbers 0 and 1; passed on as booleans where that is enough."""

    def __init__(self, mask: Term, dtype: Any) -> None:
        super().__init__(mask.xp, mask.shape, dtype)
        self.mask = mask


class View(Term):
    """A view of another term's memory; ``look(array)`` gives the view of an array."""

    def __init__(self, base: Term, shape: Shape, look: Callable[[Any], Any], dense: bool) -> None:
        super().__init__(base.xp, shape, base.dtype)
        self.base, self.look, self.dense = base, look, dense and base.dense

    @property
    def root(self) -> Term:
        """The term whose memory this one views."""
        return self.base.root


class Step(Term):
    """The output of a call.

    `derive` turns ``copyto`` of one argument and ``where`` of three into other calls; every
    other name is a function with ``out=``. An `elementwise` function may overwrite its
    arguments.
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
        """Arguments that the result may overwrite while it is computed.

        They are read directly, not through a view. ``where`` begins with a copy of its last
        argument, so only that one qualifies.
        """
        if not self.elementwise or self.name == "sign":  # NumPy's is many times slower in place
            return set()
        plain = {a for a in self.args if isinstance(a, Term) and a.root is a}
        others = [a for a in self.args if isinstance(a, Term) and a.root is not a]
        if self.name == "where":
            plain, others = plain & set(self.args[2:]), [*self.args[:2], *others]
        return plain - {a.root for a in others if isinstance(a, Term)}
