"""`xpnet export`: a saved model for another library."""

import argparse
from pathlib import Path

from xpnet import exchange, load
from xpnet.cli.own_files import check_own
from xpnet.errors import ArgumentError
from xpnet.exchange.torch_file import save_exported
from xpnet.model import Model
from xpnet.saving.tensor_file import write_arrays
from xpnet.saving.whole_file import check_place
from xpnet.tabular.table_model import TableModel
from xpnet.typing import FilePath

__all__ = ["export"]


def export(arguments: argparse.Namespace) -> None:
    """Write the model with all that a prediction needs.

    For PyTorch, a model that reads tables becomes a program that ``torch.export.load`` reads. Any
    other model's file has its arrays alone, which ``safetensors.torch.load_file`` reads.

    Raises
    ------
    XpnetError
        For a model that cannot be loaded, or not written for that library.
    """
    given, to = Path(arguments.model), arguments.to
    if arguments.out is not None:
        check_place(arguments.out)
    if arguments.probabilities and to != "onnx":
        raise ArgumentError("--probabilities works only with --to onnx.")
    model = load(given)
    out = given.with_suffix(_ending(to, model)) if arguments.out is None else arguments.out
    check_own("--out", check_place(out), given, "the model itself")
    if to == "onnx":
        exchange.to_onnx(model, out, probabilities=arguments.probabilities)
    elif isinstance(model, TableModel):
        save_exported(model, out)
    else:
        _save_arrays(model, out)
    print(f"{to}: {check_place(out)}")


def _ending(to: str, model: Model | TableModel) -> str:
    if to == "onnx":
        return ".onnx"
    return ".pt2" if isinstance(model, TableModel) else ".torch.safetensors"


def _save_arrays(model: Model, out: FilePath) -> None:
    """The arrays under torch's names."""
    arrays = exchange.to_torch_state_dict(model, tensors=False)
    write_arrays(out, arrays)
