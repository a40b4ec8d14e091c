"""Convert networks to and from PyTorch, scikit-learn and ONNX.

Each function imports its library when it is called: ``pip install torch``,
``pip install 'xpnet[sklearn]'`` or ``pip install 'xpnet[onnx]'``.
"""

from xpnet.exchange.skl2onnx_converter import register_skl2onnx
from xpnet.exchange.torch_writer import to_torch, to_torch_state_dict
from xpnet.exchange.with_onnx import from_onnx, to_onnx
from xpnet.exchange.with_sklearn import from_sklearn, to_sklearn
from xpnet.exchange.with_torch import from_torch

__all__ = [
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "register_skl2onnx",
    "to_onnx",
    "to_sklearn",
    "to_torch",
    "to_torch_state_dict",
]
