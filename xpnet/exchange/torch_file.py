"""A table model as an exported program of PyTorch, in a file."""

import io

from xpnet.exchange.table_predictor import TablePredictor
from xpnet.exchange.torch_writer import to_torch
from xpnet.optional import require
from xpnet.saving.whole_file import writing
from xpnet.tabular.table_model import TableModel
from xpnet.typing import FilePath

__all__ = ["save_exported"]


def save_exported(model: TableModel, path: FilePath) -> None:
    """Write a file that ``torch.export.load`` reads without xpnet.

    The program takes a float64 matrix of encoded columns. The file's extra files ``columns``,
    ``target`` and ``classes`` say in JSON what they are.

    Raises
    ------
    FormatError
        If the file cannot be written.
    MissingDependencyError
        If torch cannot be imported.
    """
    torch = require("torch", None, "xpnet export --to torch of a model that reads tables")
    source = TablePredictor.of(model)
    rows = torch.zeros((2, model.prepared.layer.width), dtype=torch.float64)
    shapes = ({0: torch.export.Dim("rows")},)
    program = torch.export.export(to_torch(model), (rows,), dynamic_shapes=shapes)
    content = io.BytesIO()
    torch.export.save(program, content, extra_files=source.encoded_metadata)
    with writing(path) as temporary:
        temporary.write_bytes(content.getvalue())
