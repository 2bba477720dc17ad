"""Loads a version from `saved_model.pb` alone and evaluates its signatures with numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from .errors import ServingError, invalid_argument
from .operations import OPERATIONS
from .tensors import Array, array_of, dtype_of, type_name, type_number

FILE_NAME = "saved_model.pb"
SERVE_TAG = "serve"
PREDICT_METHOD = "tensorflow/serving/predict"


@dataclass(frozen=True, slots=True)
class _Step:
    node: str
    inputs: tuple[str, ...]
    run: Callable[..., Array]


class Graph:
    """The signatures of one version, checked and ready to be evaluated. Safe to use from several threads."""

    def __init__(self, meta_graph: MetaGraphDef) -> None:
        """Raises ServingError (UNIMPLEMENTED, INVALID_ARGUMENT) for what cannot be evaluated here."""
        self.signatures: Mapping[str, SignatureDef] = dict(meta_graph.signature_def)
        self._nodes = {node.name: node for node in meta_graph.graph_def.node}
        self._constants: dict[str, Array] = {}
        self._steps = {name: self._compile(signature) for name, signature in self.signatures.items()}
        for name, signature in self.signatures.items():
            self._try_out(name, signature)

    def run(self, signature_name: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Evaluates the named outputs of a signature, all by their names in the signature.

        INVALID_ARGUMENT when the inputs are not those of the signature in type and shape.
        """
        signature = self.signatures[signature_name]
        values = dict(self._constants)
        for i, (name, info) in enumerate(signature.inputs.items()):
            _check_input(i, name, info, inputs[name])
            values[_node_of(info.name)] = inputs[name]
        try:
            with np.errstate(all="ignore"):  # overflow and division by zero give infinities, as in TensorFlow
                for step in self._steps[signature_name]:
                    values[step.node] = step.run(*(values[source] for source in step.inputs))
        except (TypeError, ValueError) as error:  # shapes or types that do not go together
            raise invalid_argument(str(error)) from error
        return {name: np.asarray(values[_node_of(signature.outputs[name].name)]) for name in outputs}

    def _compile(self, signature: SignatureDef) -> list[_Step]:
        """The operations behind a signature's outputs, each after what it needs."""
        steps: list[_Step] = []
        fed = {_node_of(info.name) for info in signature.inputs.values()}
        done, open_nodes = set(fed), set[str]()
        stack = [_node_of(info.name) for info in signature.outputs.values()]
        while stack:
            name = stack[-1]
            if name in done:
                stack.pop()
                continue
            node = self._node(name)
            # Control edges order side effects; the operations known here have none.
            sources = tuple(_node_of(source) for source in node.input if not source.startswith("^"))
            missing = [source for source in sources if source not in done]
            if missing and name in open_nodes:
                raise invalid_argument(f"Node '{name}' is part of a cycle")
            if missing:
                open_nodes.add(name)
                stack.extend(missing)
                continue
            if node.op == "Const":
                self._constants[name] = array_of(node.attr["value"].tensor, name)
            else:
                steps.append(_Step(name, sources, _function(node)))
            done.add(stack.pop())
        return steps

    def _node(self, name: str) -> NodeDef:
        if name not in self._nodes:
            raise invalid_argument(f"Node '{name}' is not in the graph")
        return self._nodes[name]

    def _try_out(self, name: str, signature: SignatureDef) -> None:
        """Evaluates a signature once, so that constants that do not go together fail the load and no request."""
        if any(info.tensor_shape.unknown_rank for info in signature.inputs.values()):
            return
        inputs = {
            key: np.ones([max(dim.size, 1) for dim in info.tensor_shape.dim], dtype_of(info.dtype))
            for key, info in signature.inputs.items()
        }
        for key, value in self.run(name, inputs, list(signature.outputs)).items():
            info = signature.outputs[key]
            if value.dtype != dtype_of(info.dtype) or not _fits(value, info.tensor_shape):
                raise invalid_argument(f"Output '{key}' of signature '{name}' is not what the signature says")


def load(folder: Path) -> Graph:
    """The version in this directory.

    ServingError: NOT_FOUND without a file or without a graph for serving, INVALID_ARGUMENT for a file that is no
    SavedModel or a graph that is not sound, UNIMPLEMENTED for operations and types that are not known here.
    """
    file = folder / FILE_NAME
    try:
        saved_model = SavedModel.FromString(file.read_bytes())
    except DecodeError:
        raise invalid_argument(f"Cannot parse {file} as a SavedModel") from None
    except OSError as error:
        message = f"Could not find SavedModel .pb at supplied export directory path: {folder} ({error.strerror})"
        raise ServingError("NOT_FOUND", message) from None
    for meta_graph in saved_model.meta_graphs:
        if SERVE_TAG in meta_graph.meta_info_def.tags:
            return Graph(meta_graph)
    message = f"Could not find meta graph def matching supplied tags: {{ {SERVE_TAG} }}"
    raise ServingError("NOT_FOUND", message)


def _function(node: NodeDef) -> Callable[..., Array]:
    if node.op == "Placeholder":
        raise invalid_argument(f"Placeholder '{node.name}' is not an input of the signature")
    if node.op not in OPERATIONS:
        raise ServingError("UNIMPLEMENTED", f"Op type {node.op} of node '{node.name}' is not supported")
    try:
        return OPERATIONS[node.op](node)
    except ValueError as error:
        raise ServingError("UNIMPLEMENTED", f"Node '{node.name}': {error}") from None


def _node_of(tensor_name: str) -> str:
    """All operations here have one output: `name` and `name:0` are the same tensor."""
    return tensor_name.removesuffix(":0")


def _fits(array: Array, shape: TensorShapeProto) -> bool:
    sizes = [dim.size for dim in shape.dim]
    return shape.unknown_rank or (
        array.ndim == len(sizes) and all(size in (-1, length) for size, length in zip(sizes, array.shape, strict=True))
    )


def _check_input(position: int, name: str, info: TensorInfo, array: Array) -> None:
    expected = dtype_of(info.dtype)
    if array.dtype != expected:
        given = type_name(type_number(array.dtype))
        raise invalid_argument(f"Expects arg[{position}] to be {type_name(info.dtype)} but {given} is provided")
    if not _fits(array, info.tensor_shape):
        shape = [dim.size for dim in info.tensor_shape.dim]
        raise invalid_argument(f"Incompatible shapes: input {name} is {list(array.shape)}, expected {shape}")
