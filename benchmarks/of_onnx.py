"""ONNX Runtime's part: inference with its own LSTM, GRU and RNN operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .work import GATES, Work, cell_weights, sequence, threads

Run = Callable[[], Sequence[Any]]

OPERATORS: dict[str, tuple[str, tuple[int, ...], dict[str, int]]] = {  # its blocks, by their place in PyTorch's order
    "lstm": ("LSTM", (0, 3, 1, 2), {}),
    "gru": ("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    "rnn": ("RNN", (0,), {}),
}


def model(work: Work) -> Any:
    """A graph of one node: x [time, batch, input] -> outputs [time, 1, batch, hidden]."""
    batch, time, features, hidden = work.shape
    operator, order, options = OPERATORS[work.name]
    weights = cell_weights(work.name, features, hidden)

    def reordered(array: np.ndarray) -> np.ndarray:
        return np.concatenate([np.split(array, GATES[work.name])[i] for i in order])[np.newaxis]

    recurrent_bias = np.zeros_like(weights["bias"])
    if "bias_hn" in weights:
        recurrent_bias[-hidden:] = weights["bias_hn"]
    constants = {
        "W": reordered(weights["weight_ih"]),
        "R": reordered(weights["weight_hh"]),
        "B": np.concatenate([reordered(weights["bias"]), reordered(recurrent_bias)], axis=1),
    }
    node = helper.make_node(operator, ["x", *constants], ["y"], hidden_size=hidden, **options)
    graph = helper.make_graph(
        [node],
        operator,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [time, batch, features])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [time, 1, batch, hidden])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def inference(work: Work) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    session = onnxruntime.InferenceSession(model(work).SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = np.ascontiguousarray(sequence(work).swapaxes(0, 1))
    return lambda: session.run(None, {"x": x})


MAKERS: dict[str, Callable[[Work], Run]] = {"inference": inference}
