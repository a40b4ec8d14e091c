"""A loop as a CUDA kernel, of one of three kinds.

There are three, because a GPU's threads work on rows and columns at the same time:

``elements``
    each thread has its own elements;
``rows``
    a team of threads processes a row, phase by phase, and combines its numbers;
``tiles``
    sums over rows: a block has a few columns and some of their rows, and combines its rows.

Only one thread reads and writes each element, so phases need not wait for each other. Each row has
its own memory: unlike on a CPU, rows do not share a loop's buffers.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from xpnet.lowering.cuda.body import combined
from xpnet.lowering.cuda.cuda_functions import TYPES
from xpnet.lowering.cuda.kernel_source import BLOCK, Kernel, Source
from xpnet.lowering.ir import Loop, Statement

__all__ = ["printed"]

_MANY = 1 << 20  # from this many elements, a thread processes several at a time
_REGISTERS = 8  # most columns of a thread in registers at a time
_ROWS = 8  # rows that a thread reads at a time to add them up
_FEW = 2  # numbers of each column that later phases need; then twice as many columns


def printed(loop: Loop) -> Source:
    """The kernel of a loop."""
    if any(s.level == "column" for s in loop.statements):
        return _Tiles(loop).source()
    if any("row" in (s.level, s.reduces) for s in loop.statements):
        return _Rows(loop).source()
    return _Elements(loop).source()


class _Elements(Kernel):
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
                cells = body.cells(inner)
                body.at_a_time(inner, self._each_element)
                body.add_to_totals(cells)
        self._end()

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


class _Rows(Kernel):
    kind = "rows"

    def _sizes(self) -> tuple[int, int]:
        columns = self._loop.columns
        team = BLOCK if columns > 32 * _REGISTERS else _team(columns)
        each = -(-columns // team)
        most = 2 * _REGISTERS if len(self._needed_later()) <= _FEW else _REGISTERS
        return team, each if each <= most else 0

    def _kept(self) -> set[Statement]:
        """Elements that a later phase needs, if there are enough registers."""
        return self._needed_later() if self._each else set()

    def _needed_later(self) -> set[Statement]:
        pairs = ((a, s) for s in self._statements for a in s.args if isinstance(a, Statement))
        return {a for a, s in pairs if a.level == "full" and a.phase < s.phase}

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


class _Tiles(Kernel):
    kind = "tiles"

    def _sizes(self) -> tuple[int, int]:
        return _team(self._loop.columns), _ROWS

    def _print(self) -> None:
        body = self._body
        body.put(
            f"const int WIDE = {self._team}, DEEP = BLOCK / WIDE, EACH = {self._each};",
            "const int lane = threadIdx.x % WIDE, depth = threadIdx.x / WIDE;",
            "const I column = (I) blockIdx.x * WIDE + lane;",
            "const bool inside = column < columns;",
            "const I step = (I) gridDim.y * DEEP, end = inside ? rows : 0;",
        )
        cells = body.cells(self._statements)
        with body.block(
            "for (I first = (I) blockIdx.y * DEEP + depth; first < end; first += EACH * step)"
        ):
            body.at_a_time(self._statements, self._each_row)
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

    @contextmanager
    def _each_row(self) -> Iterator[None]:
        body = self._body
        body.put("#pragma unroll")
        with (
            body.block("for (int j = 0; j < EACH; ++j)"),
            body.block("if (const I row = first + j * step; row < end)"),
        ):
            body.put("const I start = row * columns;")
            yield


def _part(k: int, block: str) -> str:
    """A block's part of the k-th sum of a column."""
    return f"parts[({k} * gridDim.y + {block}) * all_columns + column]"


def _team(columns: int) -> int:
    """Threads of a warp for this many columns."""
    return min(32, 1 << (columns - 1).bit_length())
