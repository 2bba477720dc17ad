"""TensorFlow operations in numpy: those that exports of linear models, trees and small networks use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tensorflow.core.framework.node_def_pb2 import NodeDef

from .tensors import Array, dtype_of

Operation = Callable[..., Array]


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _relu(x: Array) -> Array:
    return np.maximum(x, x.dtype.type(0))


def _plain(function: Callable[..., Any]) -> Callable[[NodeDef], Operation]:
    return lambda node: function


def _matmul(node: NodeDef) -> Operation:
    transpose_a, transpose_b = node.attr["transpose_a"].b, node.attr["transpose_b"].b
    return lambda a, b: np.matmul(a.T if transpose_a else a, b.T if transpose_b else b)


def _bias_add(node: NodeDef) -> Operation:
    if node.attr["data_format"].s == b"NCHW":
        raise ValueError("data_format NCHW is not supported")
    return np.add


def _squeeze(node: NodeDef) -> Operation:
    axes = tuple(node.attr["squeeze_dims"].list.i) or None
    return lambda x: np.squeeze(x, axes)


def _cast(node: NodeDef) -> Operation:
    dtype = dtype_of(node.attr["DstT"].type)
    return lambda x: x.astype(dtype)


def _reshape(node: NodeDef) -> Operation:
    return lambda x, shape: np.reshape(x, tuple(shape))


def _gather(node: NodeDef) -> Operation:
    if node.attr["batch_dims"].i:
        raise ValueError("batch_dims is not supported")

    def gather(x: Array, indices: Array, axis: Array) -> Array:
        size = x.shape[int(axis)]
        if indices.size and not 0 <= indices.min() <= indices.max() < size:
            raise ValueError(f"indices are not in [0, {size})")
        return np.take(x, indices, int(axis))

    return gather


# By name, what makes a function of the inputs from the node's attributes. ValueError or UNIMPLEMENTED: not supported.
OPERATIONS: dict[str, Callable[[NodeDef], Operation]] = {
    "Identity": _plain(lambda x: x),
    "Sub": _plain(np.subtract),
    "Mul": _plain(np.multiply),
    "RealDiv": _plain(np.true_divide),
    "Add": _plain(np.add),
    "AddV2": _plain(np.add),
    "Less": _plain(np.less),
    "LessEqual": _plain(np.less_equal),
    "Greater": _plain(np.greater),
    "GreaterEqual": _plain(np.greater_equal),
    "Equal": _plain(np.equal),
    "GatherV2": _gather,
    "Sigmoid": _plain(_sigmoid),
    "Tanh": _plain(np.tanh),
    "Relu": _plain(_relu),
    "MatMul": _matmul,
    "BiasAdd": _bias_add,
    "Squeeze": _squeeze,
    "Cast": _cast,
    "Reshape": _reshape,
}
