"""Writes a click model as a SavedModel in the official layout, with protobufs alone.

`python -m services.model.savedmodel BASE NAME VERSION < entry.json` pushes a registry entry as BASE/NAME/VERSION.

Inputs, constants and scores are DT_DOUBLE: with DT_FLOAT, rounding leaves errors of some 1e-8 in a score, and two or
three scores in a hundred would differ from the simulator's in the sixth decimal, the last that both rank by.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.types_pb2 import DT_DOUBLE
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from services.common.serving import INPUT, OUTPUT

from .graph import FILE_NAME, PREDICT_METHOD, SERVE_TAG
from .tensors import tensor_of

# What a TensorFlow of this version writes; GraphDef producers and consumers are TensorFlow's own count.
_TENSORFLOW_VERSION, _PRODUCER, _MIN_CONSUMER = "2.21.0", 1882, 12


def encode(entry: Mapping[str, Any]) -> bytes:
    """The SavedModel of a registry entry: `inputs` (-1, n) standardised, weighted, through a sigmoid to `scores` (-1).

    entry: inputs (names), standardize_mean, standardize_scale, weights, all of one length (else ValueError), intercept.
    """
    width = len(entry["inputs"])
    for key in ("standardize_mean", "standardize_scale", "weights"):
        if len(entry[key]) != width:
            raise ValueError(f"{key} has {len(entry[key])} values for {width} inputs")
    model = SavedModel(saved_model_schema_version=1)
    meta_graph = model.meta_graphs.add()
    meta_graph.meta_info_def.tags.append(SERVE_TAG)
    meta_graph.meta_info_def.tensorflow_version = _TENSORFLOW_VERSION
    graph = meta_graph.graph_def
    graph.versions.producer, graph.versions.min_consumer = _PRODUCER, _MIN_CONSUMER
    _placeholder(graph, INPUT, (-1, width))
    _constant(graph, "mean", entry["standardize_mean"])
    _constant(graph, "scale", entry["standardize_scale"])
    _constant(graph, "weights", [[weight] for weight in entry["weights"]])
    _constant(graph, "intercept", entry["intercept"])
    _operation(graph, "centered", "Sub", INPUT, "mean")
    _operation(graph, "standardized", "RealDiv", "centered", "scale")
    _operation(graph, "weighted", "MatMul", "standardized", "weights", transpose_a=False, transpose_b=False)
    _operation(graph, "logits", "AddV2", "weighted", "intercept")
    _operation(graph, "probabilities", "Sigmoid", "logits")
    _operation(graph, OUTPUT, "Squeeze", "probabilities", squeeze_dims=[1])
    signature = meta_graph.signature_def["serving_default"]
    signature.method_name = PREDICT_METHOD
    for info, name, shape in (
        (signature.inputs[INPUT], INPUT, (-1, width)),
        (signature.outputs[OUTPUT], OUTPUT, (-1,)),
    ):
        info.name, info.dtype = f"{name}:0", DT_DOUBLE
        for size in shape:
            info.tensor_shape.dim.add(size=size)
    return bytes(model.SerializeToString(deterministic=True))


def push(base: Path, name: str, version: int, saved_model: bytes) -> Path:
    """Makes BASE/NAME/VERSION appear at once and whole, as the server polls. FileExistsError if it is there already."""
    folder = base / name / str(version)
    if folder.exists():
        raise FileExistsError(f"version {version} of {name} exists")
    staged = folder.with_name(f"{version}.tmp")
    (staged / "variables").mkdir(parents=True)
    with open(staged / FILE_NAME, "wb") as file:
        file.write(saved_model)
        file.flush()
        os.fsync(file.fileno())
    staged.rename(folder)
    return folder


def main(arguments: Sequence[str]) -> int:
    """Pushes the registry entry on stdin. Exit code 2 on wrong usage."""
    if len(arguments) != 3 or not arguments[2].isdecimal():
        print("usage: python -m services.model.savedmodel BASE NAME VERSION < entry.json", file=sys.stderr)
        return 2
    base, name, version = arguments
    print(push(Path(base), name, int(version), encode(json.load(sys.stdin))))
    return 0


def _node(graph: GraphDef, name: str, operation: str) -> Any:
    return graph.node.add(name=name, op=operation)


def _placeholder(graph: GraphDef, name: str, shape: Sequence[int]) -> None:
    node = _node(graph, name, "Placeholder")
    node.attr["dtype"].type = DT_DOUBLE
    for size in shape:
        node.attr["shape"].shape.dim.add(size=size)


def _constant(graph: GraphDef, name: str, value: Any) -> None:
    node = _node(graph, name, "Const")
    node.attr["dtype"].type = DT_DOUBLE
    node.attr["value"].tensor.CopyFrom(tensor_of(np.array(value, np.float64), packed=True))


def _operation(graph: GraphDef, name: str, operation: str, *inputs: str, **attributes: bool | list[int]) -> None:
    node = _node(graph, name, operation)
    node.input.extend(inputs)
    node.attr["T"].type = DT_DOUBLE
    for key, value in attributes.items():
        if isinstance(value, bool):
            node.attr[key].b = value
        else:
            node.attr[key].list.i.extend(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
