"""Whether there is room for more machine code.

LLVM does not raise an exception if memory cannot be mapped: it ends the process. Linux allows
65,530 maps per process, unless its administrator says otherwise.
"""

import mmap
import sys

__all__ = ["NoRoomError", "check"]

_MAPS, _BYTES = 32, 1 << 26  # more than compiling a function takes


class NoRoomError(MemoryError):
    """The process cannot map more memory."""


def check() -> None:
    """Raise `NoRoomError` unless some more memory can be mapped."""
    if sys.platform == "win32":
        return
    made = []
    try:
        made.append(mmap.mmap(-1, _BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        for i in range(_MAPS):  # the system would join neighbors with the same protection
            protection = mmap.PROT_READ | (mmap.PROT_WRITE if i % 2 else 0)
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            made.append(mmap.mmap(-1, mmap.PAGESIZE, flags=flags, prot=protection))
    except (OSError, MemoryError) as error:
        raise NoRoomError("no more memory can be mapped for machine code") from error
    finally:
        for each in made:
            each.close()
