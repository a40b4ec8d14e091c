"""`xpnet export`: a saved model for another library."""

import argparse
from pathlib import Path

from xpnet import exchange, load
from xpnet.errors import ArgumentError
from xpnet.saving.whole_file import check_place

__all__ = ["export"]

_ENDINGS = {"onnx": ".onnx", "torch": ".torch.safetensors"}


def export(arguments: argparse.Namespace) -> None:
    """Write the model; for PyTorch, only its arrays, which ``safetensors.torch.load_file`` reads.

    Raises
    ------
    XpnetError
        For a model that cannot be loaded, or not written for that library.
    """
    given, to = Path(arguments.model), arguments.to
    out = check_place(arguments.out or given.with_suffix(_ENDINGS[to]))
    if out == given.resolve():
        raise ArgumentError(f"{out} is the model itself: choose another name with --out.")
    if arguments.probabilities and to != "onnx":
        raise ArgumentError("--probabilities works only with --to onnx.")
    model = load(given)
    if to == "onnx":
        exchange.to_onnx(model, out, probabilities=arguments.probabilities)
    else:
        from safetensors.numpy import save_file

        arrays = exchange.to_torch_state_dict(model, tensors=False)
        save_file({name: array.copy() for name, array in arrays.items()}, out)
    print(f"{to}: {out}")
