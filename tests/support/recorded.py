"""Random lists of calls on one piece of memory: whatever a plan could record, and worse.

The arrays lie where they like: on, beside and partly over one another, transposed, with gaps,
backwards, repeated. Numbers are whole and small, so that results are exact in any order.
"""

from functools import cache

import numpy as np
from hypothesis import strategies as st

from xpnet.backends.cpu import NumpyBackend
from xpnet.kernels import Call

SIZES = [1, 2, 3, 7, 8, 9, 33]
DTYPES = ["float32", "float64", "int64", "bool"]
FLOATS = DTYPES[:2]
MIXTURES = [["float32"], ["float64"], ["float32", "float32", "bool"], DTYPES]
LAYOUTS = ["C", "C", "C", "C", "transposed", "gaps", "padded", "backwards", "repeated"]
LARGEST = 2**12

UNARY = ["negative", "abs", "sign", "isfinite", "isinf", "isnan", "logical_not"]
BINARY = """add subtract multiply maximum minimum equal not_equal less less_equal greater
    greater_equal logical_and logical_or logical_xor""".split()
ARITHMETIC = ["negative", "abs", "sign", *BINARY[:5]]  # not of booleans, and into their own type
REDUCTIONS = ["sum", "sum", "max", "min", "argmax"]


class Program:
    """Calls, the memory that they work on, and what is in it before and after them.

    `owner` says for each byte of whose type the number is that was written there last.
    """

    def __init__(self, memory):
        self.backend, self.memory = NumpyBackend(), memory
        self.owner = np.zeros(memory.size, "uint8")
        self.views, self.written, self.calls, self.text = [], [], [], []
        self.before = self.after = memory.copy()
        self._bytes = {}

    def __repr__(self):
        return "\n".join(["Program:", *self.text])

    def bytes_of(self, array):
        """Positions in memory of an array's bytes."""
        start = array.__array_interface__["data"][0] - self.memory.__array_interface__["data"][0]
        key = start, array.shape, array.strides, array.itemsize
        if key not in self._bytes:
            self._bytes[key] = self._positions(start, array)
        return self._bytes[key]

    @staticmethod
    def _positions(start, array):
        at = np.full(array.shape, start)
        for axis, stride in enumerate(array.strides):
            steps = stride * np.arange(array.shape[axis])
            at = at + steps.reshape([-1 if i == axis else 1 for i in range(array.ndim)])
        return (at[..., None] + np.arange(array.itemsize)).ravel()

    def holds_numbers(self, array):
        """Whether what is there was written as numbers of the array's own type."""
        return bool((self.owner[self.bytes_of(array)] == _code(array.dtype)).all())

    def readable(self):
        return [v for v in self.views if self.holds_numbers(v)]

    def writable(self):
        return [v for v in self.views if v.flags.writeable]

    def function(self, name):
        return getattr(self.backend.raw, name, None) or getattr(self.backend.xp, name)

    def claim(self, array):
        self.owner[self.bytes_of(array)] = _code(array.dtype)

    def latest(self, rng, arrays):
        """One of these, often one that has just been written."""
        fresh = [v for v in self.written[-3:] if any(v is a for a in arrays)]
        return _pick(rng, fresh if fresh and rng.random() < 0.5 else arrays)

    def record(self, target, fn, *args, **kwargs):
        """Run a call; record it if the library allows it and its result is not too large."""
        memory, owner = self.memory.copy(), self.owner.copy()
        call = Call(self.backend, fn, args, kwargs)
        try:
            with np.errstate(all="ignore"):
                call.run()
        except (TypeError, ValueError):
            self.memory[...] = memory
            return
        self.claim(target)
        if _largest(target) > LARGEST:
            self.memory[...], self.owner = memory, owner
            return
        self.calls.append(call)
        self.written.append(target)
        self.text.append(_described(self, fn, args, kwargs))

    def begin(self):
        """Restore the memory from before the calls."""
        self.memory[...] = self.before

    def check(self, live):
        """Check that needed memory is as the calls left it."""
        for dtype in DTYPES:
            size = np.dtype(dtype).itemsize
            told = (self.owner == _code(np.dtype(dtype))).reshape(-1, size).all(axis=1)
            told &= live.reshape(-1, size).all(axis=1)
            got, wanted = (m.view(dtype)[told] for m in (self.memory, self.after))
            where = np.flatnonzero(told) * size
            wrong = ~((got == wanted) | ((got != got) & (wanted != wanted)))
            some = [x[wrong][:9] for x in (where, got, wanted)]
            assert not wrong.any(), "{} at bytes {}: {}, not {}\n{}".format(dtype, *some, self)


@cache
def _code(dtype):
    return 1 + DTYPES.index(str(dtype))


def _largest(array):
    return np.abs(array[np.isfinite(array)].astype("float64")).max(initial=0)


def _described(program, fn, args, kwargs):
    def name(x):
        found = [i for i, v in enumerate(program.views) if v is x]
        return f"v{found[0]}" if found else repr(x)

    named = [f"{k}={name(v)}" for k, v in kwargs.items()]
    return f"{getattr(fn, '__name__', fn)}({', '.join([*map(name, args), *named])})"


# --- arrays -----------------------------------------------------------------------------------


def _view(memory, dtype, offset, shape, layout):
    """An array of this layout that begins at (or, backwards, ends at) an offset."""
    size = np.dtype(dtype).itemsize
    strides = [size * int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    if layout == "transposed":
        strides = [size * int(np.prod(shape[:i])) for i in range(len(shape))]
    elif layout == "gaps":
        strides = [2 * s for s in strides]
    elif layout == "padded":
        strides = [s if i == len(shape) - 1 else s + 2 * size for i, s in enumerate(strides)]
    elif layout == "repeated":
        strides = [0 if i == len(shape) - 1 else s for i, s in enumerate(strides)]
    array = np.ndarray(shape, dtype, memory, offset, strides)
    if layout == "backwards" and array.ndim:
        array = array[..., ::-1]
    return array


def _shapes(rows, columns):
    """Shapes that meet in a loop over rows and columns: of all, of one number a row, and so on."""
    both = (rows, columns)
    return [
        [both, both, both, both, (1, *both), (rows * columns,), (columns, rows)],
        [(rows,), (rows, 1)],
        [(columns,), (1, columns)],
        [(), (1,), (1, 1)],
    ]


seeds = st.integers(0, 2**20)
sides = st.sampled_from(SIZES)


@st.composite
def programs(draw):
    """A `Program` that has run, memory whose content need not be kept, and parts that must."""
    rows = draw(sides)
    columns = rows if draw(st.booleans()) else draw(sides)
    program = Program(np.zeros(12 * rows * columns + 32, "int64").view("uint8"))
    kinds = draw(st.sampled_from(MIXTURES))
    wild = draw(st.integers(0, 2)) == 2
    rng = np.random.default_rng(draw(seeds))
    for _ in range(draw(st.integers(2, 16))):
        _add_view(program, rng, rows, columns, kinds, wild)
    program.before = program.memory.copy()
    for _ in range(draw(st.integers(1, 25))):
        _add_call(program, rng)
    program.after = program.memory.copy()
    program.begin()
    words = program.memory.size // 8
    places, all_of_it = st.integers(0, words), st.just([(0, words)])
    spare = draw(all_of_it | st.lists(st.tuples(places, places), max_size=3))
    kept = draw(st.lists(st.sampled_from(program.views), max_size=2))
    return program, [program.memory[8 * a : 8 * (a + n)] for a, n in spare], kept


def _add_view(program, rng, rows, columns, kinds, wild):
    """An array in one of a few places or, if `wild`, anywhere."""
    dtype = _pick(rng, kinds)
    which, block = _pick(rng, [0, 0, 0, 0, 1, 1, 2, 3]), _pick(rng, range(3))
    shape = _pick(rng, _shapes(rows, columns)[which])
    offset, layout = 8 * rows * columns * (block + 3 * which), "C"
    if wild:
        offset = 8 * rows * columns * block
        offset += np.dtype(dtype).itemsize * _pick(rng, [0, 0, 1, columns])
        layout = _pick(rng, LAYOUTS)
    program.views.append(_view(program.memory, dtype, offset, shape, layout))
    _fill(program, rng)


def _fill(program, rng):
    """Random numbers for the array made last, some of them special."""
    array = program.views[-1]
    name, place = f"v{len(program.views) - 1}", program.bytes_of(array).min()
    kind = f"{array.dtype}{[*array.shape]} strides {array.strides}"
    program.text.append(f"{name}: {kind} from byte {place}")
    low, high = (0, 2) if array.dtype == bool else (-3, 4)
    array[...] = rng.integers(low, high, array.shape)
    if array.dtype.kind == "f" and rng.random() < 0.2:
        array[rng.random(array.shape) < 0.1] = rng.choice([np.nan, np.inf, -np.inf])
    array.flags.writeable = all(array.strides) or array.size == 1
    program.claim(array)


# --- calls ------------------------------------------------------------------------------------


def _add_call(program, rng):
    """Try until a call is legal, but not forever."""
    before = len(program.calls)
    for _ in range(20):
        _pick(rng, KINDS)(program, rng)
        if len(program.calls) > before:
            return


def _pick(rng, things):
    return things[int(rng.integers(len(things)))]


def _fits(shape, other):
    """Whether an array of a shape is broadcast to another."""
    try:
        return np.broadcast_shapes(shape, other) == other
    except ValueError:
        return False


def _operands(program, rng):
    """Where to write, and two arrays that can be broadcast to it; the first often a fresh one."""
    readable = program.readable()
    x = program.latest(rng, readable) if readable else None
    outs = [v for v in program.writable() if readable and _fits(x.shape, v.shape)]
    if not outs:
        return None
    out = _pick(rng, outs)
    return out, x, _pick(rng, [v for v in readable if _fits(v.shape, out.shape)])


def _unary(program, rng):
    if found := _operands(program, rng):
        out, x, _ = found
        _elementwise(program, _pick(rng, UNARY), out, [x])


def _binary(program, rng):
    if found := _operands(program, rng):
        out, *args = found
        _elementwise(program, _pick(rng, BINARY), out, args)


def _with_number(program, rng):
    if found := _operands(program, rng):
        out, x, _ = found
        args = [x, _pick(rng, [0, 1, -2, 3])]
        if x.dtype != bool:
            _elementwise(program, _pick(rng, BINARY), out, _pick(rng, [args, args[::-1]]))


def _elementwise(program, name, out, args):
    """Record a function of the standard on the types that it is for."""
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    whole = all(a.dtype == bool for a in arrays)
    if name in ARITHMETIC and (whole or out.dtype != np.result_type(*arrays)):
        return
    if name.startswith("logical") and not whole:
        return
    if name.startswith("is") and not out.flags.c_contiguous:
        return  # NumPy 2.4 is wrong where a result of isnan and the like has gaps
    program.record(out, program.function(name), *args, out=out)


def _copy(program, rng):
    if found := _operands(program, rng):
        out, x, _ = found
        source = _pick(rng, [x, x, x, x, 0, 1, -2])
        how = {"casting": "unsafe"} if np.isfinite(x).all() and rng.random() < 0.3 else {}
        program.record(out, program.function("copyto"), out, source, **how)


def _masked_copy(program, rng):
    if found := _operands(program, rng):
        out, x, _ = found
        masks = [v for v in program.readable() if v.dtype == bool and _fits(v.shape, out.shape)]
        if masks and program.holds_numbers(out):
            program.record(out, program.function("copyto"), out, x, where=_pick(rng, masks))


def _reduction(program, rng):
    sources = [v for v in program.readable() if v.ndim]
    if not sources:
        return
    name, x = _pick(rng, REDUCTIONS), program.latest(rng, sources)
    axes = [-1, -1, 0, *([None, (0, 1)] if name != "argmax" and x.ndim > 1 else [])]
    how = {"axis": _pick(rng, axes), **_pick(rng, [{}, {"keepdims": True}])}
    dtypes = {"argmax": ["int64"], "sum": FLOATS if x.dtype == bool else [x.dtype]}
    with np.errstate(all="ignore"):
        shape = np.max(x, **how).shape
    fitting = [v for v in program.writable() if v.dtype in dtypes.get(name, [x.dtype])]
    outs = [v for v in fitting if v.shape == shape]
    if outs:
        out = _pick(rng, outs)
        program.record(out, program.function(name), x, out=out, **how)


def _centered(program, rng):
    """Something of each row, which is then computed with: where loops have phases."""
    full = [v for v in program.writable() if v.ndim > 1 and v.dtype.kind == "f"]
    x = _pick(rng, full) if full else None
    columns = [v for v in full if v.shape == (*x.shape[:-1], 1) and v.dtype == x.dtype]
    if not columns:
        return
    alike = [v for v in full if v.shape == x.shape and v.dtype == x.dtype]
    others = [v for v in alike if v.ctypes.data != x.ctypes.data] or alike
    source, out, column = _pick(rng, others), _pick(rng, others), _pick(rng, columns)
    if program.holds_numbers(source) and rng.random() < 0.8:
        program.record(x, program.function("negative"), source, out=x)
    if program.holds_numbers(x):
        reduce = program.function(_pick(rng, ["max", "sum"]))
        program.record(column, reduce, x, axis=-1, out=column, keepdims=True)
    if program.holds_numbers(column) and program.holds_numbers(x):
        program.record(out, program.function("subtract"), x, column, out=out)


def _product(program, rng):
    xs = [v for v in program.readable() if v.dtype.kind == "f" and v.ndim == 2]
    pairs = [(x, y) for x in xs for y in xs if x.shape[1] == y.shape[0]]
    if not pairs:
        return
    x, y = _pick(rng, pairs)
    shape = (x.shape[0], y.shape[1])
    outs = [v for v in program.writable() if v.shape == shape and v.dtype.kind == "f"]
    if outs:
        out = _pick(rng, outs)
        program.record(out, program.function("matmul"), x, y, out=out)


def _unknown(program, rng):
    """A call that no loop can do."""
    if found := _operands(program, rng):
        out, x, _ = found
        if out.dtype == x.dtype != bool:
            program.record(out, np.square, x, out=out)


KINDS = [
    *[_unary] * 2,
    *[_binary] * 8,
    *[_with_number] * 3,
    *[_copy] * 2,
    *[_masked_copy] * 3,
    *[_reduction] * 5,
    *[_centered] * 3,
    _product,
    _unknown,
]
