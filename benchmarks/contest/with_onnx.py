"""ONNX Runtime: the same network, exported; only predictions."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from contest.task import Task, need


def predictor(task: Task, X: Any) -> Callable[[], Any]:
    """Logits from a session with as many threads as the others have."""
    onnx, runtime = need("onnx"), need("onnxruntime")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    nodes, stored, x = [], [], "x"
    for i, (w, b) in enumerate(task.layers):
        stored += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [x, f"w{i}", f"b{i}"], [f"z{i}"]))
        x = f"z{i}"
        if i + 1 < len(task.layers):
            nodes.append(helper.make_node("Relu", [x], [f"x{i}"]))
            x = f"x{i}"
    kind = onnx.TensorProto.FLOAT
    ends = [
        helper.make_tensor_value_info(name, kind, ["rows", units])
        for name, units in (("x", task.units[0]), (x, task.units[-1]))
    ]
    graph = helper.make_graph(nodes, "mlp", ends[:1], ends[1:], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    options = runtime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    session = runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"x": X})[0]
