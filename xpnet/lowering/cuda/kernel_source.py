"""The common parts of all CUDA kernels of loops: their beginning and end.

For reductions over the whole grid (sums over rows, totals), each block first combines its own
numbers. The last block to finish combines the blocks' numbers, in block order. So results do not
depend on which thread was faster. That block also writes the results that are computed once
(``pre`` and ``post``), when no other block reads the old contents any more.

Sizes are arguments, so that batches of any size share a kernel; strides are part of the code.
"""

from dataclasses import dataclass
from hashlib import sha256

from xpnet.lowering.cuda.body import Body, beginning, combined
from xpnet.lowering.cuda.cuda_functions import TYPES
from xpnet.lowering.ir import Loop, Statement

__all__ = ["BLOCK", "Kernel", "Source"]

BLOCK = 256  # threads of a block


@dataclass(frozen=True)
class Source:
    """A loop's kernel.

    Its arguments are: rows, columns, the address of each reference of `Loop.refs`, `numbers`, then
    memory for the blocks' numbers (float64) and for counters, which are 0 before and after.

    Attributes
    ----------
    name, code : str
        The function, without the device functions that it calls.
    kind : {"elements", "rows", "tiles"}
    team : int
        Threads that share a row (``rows``), or columns in a block (``tiles``).
    each : int
        Elements that a thread processes at a time; 0 if their number is unknown.
    numbers : tuple of int
        Whole numbers in the statements, such as a mean's divisor.
    sums : int
        How many numbers a block passes to the others; in ``tiles``, for each column.
    """

    name: str
    code: str
    kind: str
    team: int
    each: int
    numbers: tuple[int, ...]
    sums: int


class Kernel:
    """Base class of the three kinds: the start and end of a kernel."""

    kind = ""

    def __init__(self, loop: Loop) -> None:
        self._loop, self._statements = loop, loop.statements
        self._team, self._each = self._sizes()
        self._body = Body(loop, self._kept())
        self._totals = [s for s in loop.statements if s.level == "total"]

    def _sizes(self) -> tuple[int, int]:
        """See `Source.team` and `Source.each`."""
        raise NotImplementedError

    def _kept(self) -> set[Statement]:
        return set()

    def _print(self) -> None:
        raise NotImplementedError

    def source(self) -> Source:
        """The kernel."""
        self._begin()
        self._print()
        text = "\n".join(self._body.lines)
        name = "xpnet_" + sha256(f"{self._head('')}{text}".encode()).hexdigest()[:16]
        return Source(
            name,
            f"{self._head(name)} {{\n{text}\n}}\n",
            self.kind,
            self._team,
            self._each,
            tuple(self._body.numbers),
            sum(s.level in ("total", "column") for s in self._statements),
        )

    def _head(self, name: str) -> str:
        written = {s.ref for s in self._statements if s.stored}
        arguments = [
            "long long all_rows",
            "long long all_columns",
            *(
                f"{'' if p in written else 'const '}{TYPES[p.dtype]} *__restrict__ {pointer}"
                for p, pointer in self._body.pointers.items()
            ),
            *(f"long long n{i}" for i in range(len(self._body.numbers))),
            "volatile double *parts",
            "unsigned int *counters",
        ]
        listed = ",\n    ".join(arguments)
        return f'extern "C" __global__ void __launch_bounds__({BLOCK}) {name}(\n    {listed})'

    def _begin(self) -> None:
        """Sizes, and the statements that are computed once."""
        body = self._body
        body.put(f"typedef {self._index_type()} I;")
        body.put("const I rows = (I) all_rows, columns = (I) all_columns;")
        body.read(p for p in body.pointers if p in body.loads and p.level == "pre")
        for s in self._statements:
            if s.level == "pre":
                body.define(s, body.computed(s), stored=False)
        for s in self._totals:
            body.put(f"double {body.variable('t', s)} = {beginning(s, 'float64')};")

    def _index_type(self) -> str:
        """32 bits are enough for most arrays, and their division is several times as fast."""
        rows, columns = self._loop.rows, self._loop.columns
        steps = ((abs(p.row), abs(p.column)) for p in self._body.pointers)
        reach = max([rows * columns, *(rows * down + columns * along for down, along in steps)])
        return "int" if reach < 1 << 30 else "long long"  # with room for the grid's last step

    def _end(self) -> None:
        """Totals of all blocks, and the statements that are computed or written once."""
        body = self._body
        once = [s for s in self._statements if s.level == "post"]
        counted = [s for s in self._statements if s.level == "pre" and s.stored]
        if not (self._totals or once or counted):
            return
        for k, s in enumerate(self._totals):
            total = body.variable("t", s)
            body.put(f"{total} = reduce<{combined(s)}, BLOCK>({total});")
            body.put(f"if (threadIdx.x == 0) parts[{k} * gridDim.x + blockIdx.x] = {total};")
        body.put("if (!is_last(counters, gridDim.x)) return;")
        for k, s in enumerate(self._totals):
            self._put_together(k, s)
        body.put("if (threadIdx.x != 0) return;")
        for s in self._totals:
            body.define(s, f"({TYPES[s.dtype]}) {body.variable('t', s)}")
        for s in once:
            body.define(s, body.computed(s))
        for s in counted:
            body.store(s)

    def _put_together(self, k: int, s: Statement) -> None:
        """The k-th total, from the parts of the blocks."""
        total, op = self._body.variable("t", s), combined(s)
        self._body.put(
            f"{total} = {beginning(s, 'float64')};",
            "for (unsigned int b = threadIdx.x; b < gridDim.x; b += BLOCK)",
            f"    {total} = {op}::of({total}, (double) parts[{k} * gridDim.x + b]);",
            f"{total} = reduce<{op}, BLOCK>({total});",
        )
