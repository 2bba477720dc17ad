"""Writes a graph as a SavedModel in the official layout, with protobufs alone.

Inputs, constants and scores are DT_DOUBLE: with DT_FLOAT, rounding leaves errors of some 1e-8 in a score, and two or
three scores in a hundred would differ from the simulator's in the sixth decimal, the last that both rank by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.types_pb2 import DT_BOOL, DT_DOUBLE, DT_INT32
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from .graph import PREDICT_METHOD, SERVE_TAG
from .tensors import Array, tensor_of

# What a TensorFlow of this version writes; GraphDef producers and consumers are TensorFlow's own count.
_TENSORFLOW_VERSION, _PRODUCER, _MIN_CONSUMER = "2.21.0", 1882, 12
SIGNATURE = "serving_default"


class Writing:
    """A SavedModel of one signature while it is written. Methods that add a node return its name."""

    def __init__(self) -> None:
        self._model = SavedModel(saved_model_schema_version=1)
        meta_graph = self._model.meta_graphs.add()
        meta_graph.meta_info_def.tags.append(SERVE_TAG)
        meta_graph.meta_info_def.tensorflow_version = _TENSORFLOW_VERSION
        self._graph = meta_graph.graph_def
        self._graph.versions.producer, self._graph.versions.min_consumer = _PRODUCER, _MIN_CONSUMER
        self._signature = meta_graph.signature_def[SIGNATURE]
        self._signature.method_name = PREDICT_METHOD

    def input(self, name: str, shape: Sequence[int]) -> str:
        """An input of the signature; -1 is a size that requests choose."""
        node = self._node(name, "Placeholder")
        node.attr["dtype"].type = DT_DOUBLE
        for size in shape:
            node.attr["shape"].shape.dim.add(size=size)
        self._sign(self._signature.inputs[name], name, shape)
        return name

    def output(self, name: str, shape: Sequence[int]) -> None:
        """Makes the node of this name an output of the signature."""
        self._sign(self._signature.outputs[name], name, shape)

    def constant(self, name: str, value: Any) -> str:
        """A constant; integers stay so (DT_INT32), all else is DT_DOUBLE."""
        array: Array = np.asarray(value)
        array = array.astype(np.int32 if array.dtype.kind == "i" else np.float64)
        node, tensor = self._node(name, "Const"), tensor_of(array, packed=True)
        node.attr["dtype"].type = tensor.dtype
        node.attr["value"].tensor.CopyFrom(tensor)
        return name

    def operation(self, name: str, kind: str, *inputs: str, **attributes: bool | list[int]) -> str:
        """An operation on doubles."""
        node = self._node(name, kind, *inputs)
        node.attr["T"].type = DT_DOUBLE
        for key, value in attributes.items():
            if isinstance(value, bool):
                node.attr[key].b = value
            else:
                node.attr[key].list.i.extend(value)
        return name

    def columns(self, name: str, source: str, which: str) -> str:
        """Columns of a matrix, by a constant of their numbers."""
        node = self._node(name, "GatherV2", source, which, self.constant(f"{name}_axis", 1))
        node.attr["Tparams"].type = DT_DOUBLE
        node.attr["Tindices"].type = node.attr["Taxis"].type = DT_INT32
        return name

    def numbers(self, name: str, source: str) -> str:
        """1 where a comparison holds, else 0."""
        node = self._node(name, "Cast", source)
        node.attr["SrcT"].type, node.attr["DstT"].type = DT_BOOL, DT_DOUBLE
        return name

    def to_bytes(self) -> bytes:
        """The file's content; the same graph always gives the same bytes."""
        return bytes(self._model.SerializeToString(deterministic=True))

    def _node(self, name: str, kind: str, *inputs: str) -> NodeDef:
        return self._graph.node.add(name=name, op=kind, input=inputs)

    @staticmethod
    def _sign(info: Any, name: str, shape: Sequence[int]) -> None:
        info.name, info.dtype = f"{name}:0", DT_DOUBLE
        for size in shape:
            info.tensor_shape.dim.add(size=size)
