"""A loop executed one number at a time, as its docstrings say and nothing else.

What is in no register is read from memory when it is used, so a loop that reads what has been
overwritten, or what was not stored, gives something else here than the calls that it was made of.
"""

import ctypes

import numpy as np

from xpnet.lowering.ir import Load, Statement

FUNCTIONS = {
    "copy": lambda x: x,
    "where": lambda mask, x, y: x if mask else y,
    "bitwise_invert": np.invert,
    "pow": np.power,
}


def interpret(loop):
    """Execute a loop on the memory of its references."""
    with np.errstate(all="ignore"):
        _Run(loop).rows()


class _Run:
    def __init__(self, loop):
        self.loop = loop
        self.memory = {ref: self.view(ref) for ref in loop.refs}
        self.registers = {}
        self.cells = {}

    def view(self, ref):
        """The elements of a reference, as rows and columns."""
        loop, size = self.loop, np.dtype(ref.dtype).itemsize
        down = 0 if ref in loop.buffers else ref.row
        last = (loop.rows - 1) * down + (loop.columns - 1) * ref.column + 1
        raw = (ctypes.c_char * (last * size)).from_address(ref.address)
        shape, strides = (loop.rows, loop.columns), (down * size, ref.column * size)
        return np.ndarray(shape, ref.dtype, raw, strides=strides)

    # --- the walk -----------------------------------------------------------------------------

    def rows(self):
        self.preload("pre", 0)
        self.at("pre")
        self.cells = {s: _start(s) for s in self.loop.statements if s.level == "total"}
        for s in self.loop.statements:
            if s.level == "column":
                self.memory[s.ref][0] = 0
        for row in range(self.loop.rows):
            self.row(row)
        for s, found in self.cells.items():
            if s.level == "total":
                self.give(s, found)
        self.at("post")

    def row(self, row):
        before = dict(self.registers)
        self.preload("row", row)
        for phase in self.loop.phases:
            self.at("row", phase, row)
            self.columns(phase, row)
        self.registers = before

    def columns(self, phase, row):
        """The inner loop of a phase, and the results of its reductions."""
        inner = [*self.loop.at("full", phase)]
        self.cells |= {s: _start(s) for s in inner if s.level == "row"}
        for column in range(self.loop.columns):
            before = dict(self.registers)
            for s in inner:
                self.execute(s, row, column)
            self.registers = before
        for s in inner:
            if s.level == "row":
                self.give(s, self.cells.pop(s), row)

    def at(self, level, phase=0, row=0):
        for s in self.loop.at(level, phase):
            self.execute(s, row, 0)

    def preload(self, level, row):
        """Before a row, or before all, what is there is read: statements may then write over it."""
        for ref, memory in self.memory.items():
            if ref.level == level:
                self.registers[ref] = memory[row, 0]

    # --- one statement ------------------------------------------------------------------------

    def execute(self, s, row, column):
        args = [self.number(a, row, column) for a in s.args]
        if s.reduces:
            self.reduce(s, args, row, column)
        else:
            function = FUNCTIONS.get(s.name) or getattr(np, s.name)
            first = s.name == "where"
            self.give(s, function(*args[:first], *self.typed(s, args[first:])), row, column)

    def typed(self, s, args):
        """Arguments in the type in which a statement is computed."""
        return [np.asarray(a).astype(s.dtype)[()] for a in args]

    def reduce(self, s, args, row, column):
        x, *others = self.typed(s, args)
        if s.level == "column":
            self.memory[s.ref][0, column] += x
        elif s.name == "first_equal":
            found = x == others[0] or x != x
            self.cells[s] = min(self.cells[s], column) if found else self.cells[s]
        elif s.name == "sum":
            self.cells[s] += float(x)  # a total is summed up in float64, and the rest is exact
        else:
            largest = np.maximum if s.name == "max" else np.minimum
            self.cells[s] = x if self.cells[s] is None else largest(self.cells[s], x)

    def number(self, x, row, column):
        """A number, the content of a register, or the content of memory."""
        if not isinstance(x, Load | Statement):
            return x
        key = x if isinstance(x, Statement) else x.ref
        if key in self.registers:
            return self.registers[key]
        assert isinstance(x, Load) or x.stored or x.level == "column", "it was never stored"
        return self.memory[x.ref][row, column]

    def give(self, s, value, row=0, column=0):
        """Keep what a statement computed, and write it to memory if needed."""
        self.registers[s] = np.asarray(value).astype(s.ref.dtype)[()]
        if s.stored:
            self.memory[s.ref][row, column] = self.registers[s]


def _start(s):
    if s.name == "first_equal":
        return np.iinfo("int64").max
    return 0.0 if s.name == "sum" else None
