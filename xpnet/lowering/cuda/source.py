"""A loop as a CUDA kernel.

There are three kinds of kernels, because a GPU's threads process rows and columns at the same time:

``elements``
    each thread has its own elements;
``rows``
    a team of threads processes a row, phase by phase, and combines its numbers;
``tiles``
    sums over rows: a block has a few columns and some of their rows, and combines its rows.

For sums over the whole grid (sums over rows, totals), each block first combines its own numbers.
The last block to finish adds the blocks' numbers in order. So results do not depend on which thread
was faster. That block also writes what is computed once (``pre`` and ``post``), when nobody reads
the old content any more.

Only one thread reads and writes each element, so phases need not wait for each other. Each row has
its own memory: a loop's buffers are not shared, unlike on a CPU.

Sizes are arguments, so that batches of any size share a kernel. Strides are part of the code.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from xpnet.lowering.cuda.body import Body, beginning, combined
from xpnet.lowering.cuda.functions import TYPES
from xpnet.lowering.loop import Load, Loop, Statement

__all__ = ["BLOCK", "Source", "printed"]

BLOCK = 256  # threads in a block
_MANY = 1 << 20  # from this many elements, a thread has several at a time
_REGISTERS = 8  # most columns of a thread in registers at a time


@dataclass(frozen=True)
class Source:
    """A loop's kernel.

    Its arguments are: rows, columns, the address of each reference in `Loop.refs`, `numbers`, then
    memory for the blocks' numbers (float64) and for counters, which are 0 before and after.

    Attributes
    ----------
    name, code : str
        The function, without the device functions that it calls.
    kind : {"elements", "rows", "tiles"}
    team : int
        Threads that share a row (``rows``), or columns in a block (``tiles``).
    each : int
        Elements that a thread has at a time; 0 if their number is unknown.
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


def printed(loop: Loop) -> Source:
    """The kernel of a loop."""
    if any(s.level == "column" for s in loop.statements):
        return _Tiles(loop).source()
    if any("row" in (s.level, s.reduces) for s in loop.statements):
        return _Rows(loop).source()
    return _Elements(loop).source()


class _Kernel:
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
        """Sizes, and what is computed once."""
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
        """Totals of all blocks, and what is computed or written once."""
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
        """The k-th total, from the blocks' parts."""
        total, op = self._body.variable("t", s), combined(s)
        self._body.put(
            f"{total} = {beginning(s, 'float64')};",
            "for (unsigned int b = threadIdx.x; b < gridDim.x; b += BLOCK)",
            f"    {total} = {op}::of({total}, (double) parts[{k} * gridDim.x + b]);",
            f"{total} = reduce<{op}, BLOCK>({total});",
        )


class _Elements(_Kernel):
    kind = "elements"

    def _sizes(self) -> tuple[int, int]:
        return 1, 4 if self._loop.rows * self._loop.columns >= _MANY else 1

    def _print(self) -> None:
        body = self._body
        inner = [s for s in self._statements if "full" in (s.level, s.reduces)]
        if inner:
            body.put(f"const int EACH = {self._each};")
            body.put("const I size = rows * columns, threads = gridDim.x * BLOCK;")
            with body.block(
                "for (I first = (I) blockIdx.x * BLOCK + threadIdx.x; first < size; "
                "first += EACH * threads)"
            ):
                self._several(inner)
        self._end()

    def _several(self, inner: list[Statement]) -> None:
        """A thread's elements; it reads all before it writes the first."""
        body, outer = self._body, dict(self._body.names)
        cells = body.cells(inner)
        read = dict.fromkeys(v.ref for s in inner for v in s.args if isinstance(v, Load))
        fresh = {ref: f"m{body.pointers[ref][1:]}" for ref in read if ref not in outer}
        for ref, name in fresh.items():
            body.put(f"{TYPES[ref.dtype]} {name}[EACH];")
        with self._each_element():
            for ref, name in fresh.items():
                body.put(f"{name}[j] = {body.at(ref)};")
                body.names[ref] = f"{name}[j]"
        with self._each_element():
            body.execute(inner)
        body.add_to_totals(cells)
        body.names = outer

    @contextmanager
    def _each_element(self) -> Iterator[None]:
        body = self._body
        body.put("#pragma unroll")
        with (
            body.block("for (int j = 0; j < EACH; ++j)"),
            body.block("if (const I i = first + j * threads; i < size)"),
        ):
            if self._loop.rows == 1:
                body.put("const I column = i;")
            else:
                body.put("const I row = i / columns, start = row * columns, column = i - start;")
            yield


class _Rows(_Kernel):
    kind = "rows"

    def _sizes(self) -> tuple[int, int]:
        columns = self._loop.columns
        team = BLOCK if columns > 1024 else _team(columns)
        each = -(-columns // team)
        return team, each if each <= _REGISTERS else 0

    def _kept(self) -> set[Statement]:
        """Elements that a later phase needs, if there are enough registers."""
        pairs = ((a, s) for s in self._statements for a in s.args if isinstance(a, Statement))
        return {a for a, s in pairs if self._each and a.level == "full" and a.phase < s.phase}

    def _print(self) -> None:
        body = self._body
        body.put(f"const int TEAM = {self._team};")
        if self._each:
            body.put(f"const int EACH = {self._each};")
        body.put("const int lane = threadIdx.x % TEAM;")
        body.put("const I teams = gridDim.x * (BLOCK / TEAM);")
        with body.block(
            "for (I row = ((I) blockIdx.x * BLOCK + threadIdx.x) / TEAM; row < rows; row += teams)"
        ):
            body.put("const I start = row * columns;")
            outer = dict(body.names)
            body.read(p for p in body.pointers if p in body.loads and not p.column)
            for s in self._statements:
                if s in body.kept:
                    body.put(f"{TYPES[s.ref.dtype]} {body.variable('v', s)}[EACH];")
            for phase in self._loop.phases:
                body.execute(self._loop.at("row", phase))
                self._phase([*self._loop.at("full", phase)])
            body.names = outer
        self._end()

    def _phase(self, inner: list[Statement]) -> None:
        """An inner loop, then the results of its reductions."""
        if not inner:
            return
        body, row = self._body, dict(self._body.names)
        cells = body.cells(inner)
        with self._each_column():
            body.execute(inner)
        body.names = {**row, **{s: f"{body.variable('v', s)}[j]" for s in inner if s in body.kept}}
        for s in inner:
            if s.level == "row":
                body.define(s, f"reduce<{combined(s)}, TEAM>({cells[s]})")
        body.add_to_totals(cells)

    @contextmanager
    def _each_column(self) -> Iterator[None]:
        body = self._body
        if not self._each:
            with body.block("for (I column = lane; column < columns; column += TEAM)"):
                yield
            return
        body.put("#pragma unroll")
        with (
            body.block("for (int j = 0; j < EACH; ++j)"),
            body.block("if (const I column = lane + j * TEAM; column < columns)"),
        ):
            yield


class _Tiles(_Kernel):
    kind = "tiles"

    def _sizes(self) -> tuple[int, int]:
        return _team(self._loop.columns), 0

    def _print(self) -> None:
        body = self._body
        body.put(
            f"const int WIDE = {self._team}, DEEP = BLOCK / WIDE;",
            "const int lane = threadIdx.x % WIDE, depth = threadIdx.x / WIDE;",
            "const I column = (I) blockIdx.x * WIDE + lane;",
            "const bool inside = column < columns;",
        )
        outer, cells = dict(body.names), body.cells(self._statements)
        with body.block(
            "for (I row = (I) blockIdx.y * DEEP + depth; inside && row < rows; "
            "row += gridDim.y * DEEP)"
        ):
            body.put("const I start = row * columns;")
            body.execute(self._statements)
        body.names = outer
        for k, cell in enumerate(cells.values()):
            body.put(f"{cell} = sum_down<WIDE>({cell});")
            body.put(f"if (inside && depth == 0) {_part(k, 'blockIdx.y')} = {cell};")
        body.put("if (!is_last(counters + blockIdx.x, gridDim.y)) return;")
        for k, (s, cell) in enumerate(cells.items()):
            body.put(
                f"{cell} = 0;",
                "for (unsigned int b = depth; inside && b < gridDim.y; b += DEEP)",
                f"    {cell} += {_part(k, 'b')};",
                f"{cell} = sum_down<WIDE>({cell});",
                f"if (inside && depth == 0) {body.at(s.ref)} = {cell};",
            )


def _part(k: int, block: str) -> str:
    """A block's part of the k-th sum of a column."""
    return f"parts[({k} * gridDim.y + {block}) * all_columns + column]"


def _team(columns: int) -> int:
    """Threads of a warp for this many columns."""
    return min(32, 1 << (columns - 1).bit_length())
