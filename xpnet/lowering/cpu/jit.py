"""Compile code with LLVM, and combine many calls of machine code into one call from Python.

A *task* is the address of a function with one argument, and that argument: the address of a row of
64-bit numbers. A program is a list of tasks, which `run` executes without Python.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache as once
from functools import partial
from typing import Any

import numpy as np
from llvmlite import binding, ir
from llvmlite.binding import ffi

from xpnet.locks import COMPILING, reentrant
from xpnet.lowering.cpu import cache, printer, room
from xpnet.lowering.cpu.loop_numbers import any_width, bits, is_passed, numbers_of, passed
from xpnet.lowering.cpu.tasks import Layout, Stage, Task
from xpnet.lowering.ir import Argument, Loop, Statement

__all__ = ["Program", "compiled", "loop_task", "table"]

_I64 = ir.IntType(64)
_POINTER = _I64.as_pointer()
_TASK = ir.FunctionType(ir.VoidType(), [_POINTER])


def _new_machine() -> Any:
    """This computer's processor, as LLVM knows it. The caller owns it."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=_features(), opt=3, jit=True
    )


@once
def _machine() -> Any:
    """The machine for which code is compiled."""
    return _new_machine()


@once
def _features() -> str:
    return str(binding.get_host_cpu_features().flatten())


@once
def _processor() -> str:
    """What the machine code depends on besides its source."""
    return f"{binding.get_default_triple()} {binding.get_host_cpu_name()} {_features()}"


_ENGINES: dict[str, Any] = {}  # of the few modules that all programs share; they are never freed
_LOCK = reentrant(COMPILING)  # llvmlite has a lock, too, which a fork must not find held


def compiled(code: str, name: str) -> int:
    """The address of a function in a module of LLVM's intermediate code."""
    with _LOCK:
        return _compiled(code, name)


def _compiled(code: str, name: str) -> int:
    key = _key(code)
    if key not in _ENGINES:
        _ENGINES[key] = _loaded(key, code)
    return int(_ENGINES[key].get_function_address(name))


def _key(code: str) -> str:
    return cache.key(code, ".".join(map(str, binding.llvm_version_info)), _processor())


def _loaded(key: str, code: str) -> Any:
    """The engine that holds the machine code, which is freed with it."""
    while _UNUSED:
        _CODE.pop(_UNUSED.pop(), None)
    room.check()
    made = cache.load(key)
    if made is None:
        made = _machine_code(code)
        cache.save(key, made)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _new_machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(made))
    engine.finalize_object()
    return engine


def _machine_code(code: str) -> bytes:
    """The machine code, with vectorized loops."""
    machine, module = _machine(), binding.parse_assembly(code)
    module.verify()
    passes = _passes()
    manager = passes.getModulePassManager()
    try:
        manager.run(module, passes)
    finally:
        if type(manager)._dispose is ffi.ObjectRef._dispose:  # llvmlite forgets its 50 kB
            ffi.lib.LLVMPY_DisposeNewModulePassManger(manager)
            manager.detach()
    return bytes(machine.emit_object(module))


def _passes() -> Any:
    """A new set of LLVM's optimizations: one that is used again takes longer each time."""
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    return binding.create_pass_builder(_machine(), options)


_CODE: dict[int, Any] = {}  # engines, by the addresses of their functions
_UNUSED: list[int] = []  # functions that nothing calls; the next compilation frees them


class _Address(int):
    """The address of a function in `_CODE`, which tasks have as long as they live.

    The last task may end in any thread, and freeing takes llvmlite's lock. A fork in another thread
    must not find that held, so it is left to `_loaded`, whose lock a fork waits for.
    """

    def __del__(self, unused: list[int] = _UNUSED) -> None:
        unused.append(int(self))


_KEPT = 128  # functions of loops that are kept though no task may call them any more
_LOOPS: dict[tuple[Any, ...], _Address] = {}  # the most recently used last


def _structure(loop: Loop) -> tuple[Any, ...]:
    """What a loop's code depends on. Comparing printed code would take ten times as long."""
    refs = {ref: i for i, ref in enumerate(loop.refs)}
    found: dict[Argument, int] = {}
    numbers = {(type(n), n): i for i, n in enumerate(numbers_of(loop))}

    def argument(s: Statement, v: Argument) -> Any:
        if is_passed(v, s):
            number = passed(v, s)
            return "number", numbers[type(number), number]
        if isinstance(v, int | float):
            return type(v), repr(v)
        return found[v] if isinstance(v, Statement) else ("load", refs[v.ref])

    statements = []
    for s in loop.statements:
        what = s.name, s.dtype, s.level, s.phase, s.reduces, s.stored, s.ref.dtype
        statements.append((*what, refs.get(s.ref), *(argument(s, v) for v in s.args)))
        found[s] = len(found)
    columns = None if any_width(loop) else loop.columns
    whole = loop.columns if columns is None else -1
    rows: list[Any] = [None if p.row == whole else p.row for p in refs]
    if loop.rows == 1:
        rows = [bool(p.row) for p in refs]
    layout = [(p.dtype, r, p.column, p in loop.buffers) for p, r in zip(refs, rows, strict=True)]
    return loop.rows > 1, columns, *layout, *statements


def loop_task(loop: Loop) -> Task:
    """A loop as a task."""
    structure = _structure(loop)
    with _LOCK:
        address = _LOOPS.pop(structure, None) or _compiled_loop(loop)
        _LOOPS[structure] = address
        if len(_LOOPS) > _KEPT:
            del _LOOPS[next(iter(_LOOPS))]
    numbers = [loop.rows, loop.columns, *bits(numbers_of(loop))]
    return Task.of(address, numbers, [ref.address for ref in loop.refs], loop.arrays)


def _compiled_loop(loop: Loop) -> _Address:
    code = printer.printed(loop)
    engine = _loaded(_key(code), code)
    address = _Address(engine.get_function_address(printer.NAME))
    _CODE[int(address)] = engine
    return address


@once
def _runner() -> Callable[..., None]:
    """``run(table, count)``: call the function in each row of a table of (address, argument).

    Other Python threads run meanwhile.
    """
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(_run_table())


@once
def _brief_runner() -> Callable[..., None]:
    """The same, while other Python threads wait.

    For a few microseconds that is faster: who gives up Python's lock waits for it afterwards.
    """
    return ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(_run_table())


@once
def _run_table() -> int:
    """The address of the code of `_runner`."""
    module = ir.Module(name="xpnet")
    run = ir.Function(module, ir.FunctionType(ir.VoidType(), [_POINTER, _I64]), "run")
    table, count = run.args
    before = run.append_basic_block()
    body, after = run.append_basic_block(), run.append_basic_block()
    b = ir.IRBuilder(before)
    b.branch(body)
    b.position_at_end(body)
    index = b.phi(_I64)
    index.add_incoming(_I64(0), before)
    entry = b.mul(index, _I64(2))
    function = b.inttoptr(b.load(b.gep(table, [entry])), _TASK.as_pointer())
    argument = b.inttoptr(b.load(b.gep(table, [b.add(entry, _I64(1))])), _POINTER)
    b.call(function, [argument])
    following = b.add(index, _I64(1))
    index.add_incoming(following, body)
    b.cbranch(b.icmp_signed("<", following, count), body, after)
    b.position_at_end(after)
    b.ret_void()
    return compiled(str(module), "run")


class Program:
    """A sequence of tasks as one call.

    Attributes
    ----------
    tasks : sequence of Task
    items : sequence of Loop or Call
        What the tasks compute.
    blas_threads : int or None
        BLAS threads of an unshared product; None for all of them.
    parts : int
        Threads that share it.
    """

    items: Sequence[Any] = ()
    blas_threads: int | None = 1
    parts = 1

    def __init__(self, tasks: Sequence[Task], brief: bool = False) -> None:
        self.tasks = tasks
        self._table = table(tasks)
        pointer, count = ctypes.c_void_p(self._table.ctypes.data), ctypes.c_int64(len(tasks))
        run = partial(_brief_runner() if brief else _runner(), pointer, count)
        # Addresses keep nothing alive, so `run` must keep the memory alive.
        vars(run)["memory"] = self._table, tasks
        self.run: Callable[[], None] = run

    def __call__(self) -> None:
        self.run()

    @property
    def layout(self) -> Layout:
        """The tasks in one stage."""
        return Layout(1, [], [Stage([[*self.tasks]])])

    def pointing_into(self, start: int, stop: int) -> list[tuple[Any, int, int]]:
        """The numbers that point into these bytes: (numbers, position, offset from `start`)."""
        return [
            (task.pointers, i, int(address) - start)
            for task in self.tasks
            for i, address in enumerate(task.pointers)
            if start <= address < stop
        ]


def table(tasks: Sequence[Task]) -> Any:
    """A row of (function, argument) for each task; the tasks must outlive it."""
    rows = [[task.address, task.numbers.ctypes.data] for task in tasks]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)
