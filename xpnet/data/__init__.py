"""Data from users: arrays converted, checked and cut into batches; sources that are not in memory.

`open` makes a `Source` of a file, or of an object with slices. `Blocks` shuffles rows that are read
in blocks. `batches` takes batches from a function.
"""

from xpnet.data.batch_stream import BatchStream, batches
from xpnet.data.block_order import Blocks
from xpnet.data.opening import open
from xpnet.data.row_source import Source

__all__ = ["BatchStream", "Blocks", "Source", "batches", "open"]
