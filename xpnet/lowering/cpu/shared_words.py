"""Words in memory that several threads read and write, in LLVM's intermediate code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

__all__ = ["Builder"]

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_ORDER = "seq_cst"


class Builder(ir.IRBuilder):  # type: ignore[misc]
    """Builds code with loops, and with reads and writes of words that threads share."""

    def at(self, words: Any, index: Any) -> Any:
        """The address of a word."""
        return self.gep(words, [index if isinstance(index, ir.Value) else _I64(index)])

    def get(self, words: Any, index: Any) -> Any:
        """A word that other threads may write."""
        return self.load_atomic(self.at(words, index), _ORDER, 8)

    def put(self, words: Any, index: Any, value: Any) -> None:
        """Write a word that other threads may read."""
        self.store_atomic(value, self.at(words, index), _ORDER, 8)

    def increased(self, words: Any, index: int, by: int) -> Any:
        """Increase a word atomically; return its new value."""
        old = self.atomic_rmw("add", self.at(words, index), _I64(by), _ORDER)
        return self.add(old, _I64(by))

    def system(self, words: Any, function: int, *arguments: int) -> None:
        """Call a function of the operating system, with words as its arguments."""
        kind = ir.FunctionType(_I32, [_I64] * len(arguments)).as_pointer()
        address = self.inttoptr(self.load(self.at(words, function)), kind)
        self.call(address, [self.load(self.at(words, i)) for i in arguments])

    @contextmanager
    def forever(self) -> Iterator[tuple[Any, Any]]:
        """Repeat the body; it branches to the first block to repeat, to the second to leave."""
        body, after = self.append_basic_block(), self.append_basic_block()
        self.branch(body)
        self.position_at_end(body)
        yield body, after
        if not self.block.is_terminated:
            self.branch(body)
        self.position_at_end(after)

    @contextmanager
    def counted(self, count: Any) -> Iterator[Any]:
        """Run the body for every number from 0 to `count` - 1; `count` may be 0."""
        before = self.block
        test, body = self.append_basic_block(), self.append_basic_block()
        after = self.append_basic_block()
        self.branch(test)
        self.position_at_end(test)
        index = self.phi(_I64)
        index.add_incoming(_I64(0), before)
        self.cbranch(self.icmp_signed("<", index, count), body, after)
        self.position_at_end(body)
        yield index
        index.add_incoming(self.add(index, _I64(1)), self.block)
        self.branch(test)
        self.position_at_end(after)

    def leave_if(self, condition: Any, after: Any) -> None:
        """Branch to a block if a condition holds."""
        following = self.append_basic_block()
        self.cbranch(condition, after, following)
        self.position_at_end(following)
