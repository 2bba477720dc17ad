"""TF Serving's JSON: `instances` (rows) or `inputs` (columns) to arrays, and arrays to `predictions` or `outputs`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from .errors import ServingError, invalid_argument
from .prediction import DEFAULT_SIGNATURE
from .tensors import Array, dtype_of, type_name

Format = Literal["row", "column"]


@dataclass(frozen=True, slots=True)
class JsonRequest:
    """A parsed body, before its values are known to fit a signature."""

    signature_name: str
    format: Format
    values: Any


def parse_request(body: bytes) -> JsonRequest:
    """Reads the frame of a predict request. INVALID_ARGUMENT for what is not one."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid_argument(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid_argument(f"JSON Value: {_shown(document)} Is not object")
    signature_name = document.get("signature_name", "")
    if not isinstance(signature_name, str):
        raise invalid_argument(
            f"JSON Value: {_shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    if "instances" in document and "inputs" in document:
        raise invalid_argument(
            f"JSON Value: {_shown(document)} Not formatted correctly expecting only"
            " one of 'inputs' or 'instances' keys to exist "
        )
    signature_name = signature_name or DEFAULT_SIGNATURE
    if "inputs" in document:
        return JsonRequest(signature_name, "column", document["inputs"])
    if "instances" not in document:
        raise invalid_argument("Missing 'inputs' or 'instances' key")
    instances = document["instances"]
    if not isinstance(instances, list):
        raise invalid_argument(f"JSON Value: {_shown(document)} Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid_argument(f"JSON Value: {_shown(document)} No values in 'instances' array")
    return JsonRequest(signature_name, "row", instances)


def read_inputs(request: JsonRequest, signature: SignatureDef) -> dict[str, Array]:
    """The signature's inputs from the request's values. INVALID_ARGUMENT where they do not fit."""
    if request.format == "row":
        return _from_rows(request.values, signature.inputs)
    return _from_columns(request.values, signature.inputs)


def write_outputs(format: Format, outputs: Mapping[str, Array]) -> bytes:
    """The response body; a single output goes without its name."""
    if format == "column":
        columns = {name: array.tolist() for name, array in sorted(outputs.items())}
        return json.dumps({"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}).encode()
    sizes = {name: array.shape[0] if array.ndim else -1 for name, array in sorted(outputs.items())}
    first = next(iter(sizes.values()))
    for name, size in sizes.items():
        if size < 0:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if size != first:
            raise invalid_argument(f"Tensor name: {name} has inconsistent batch size: {size} expecting: {first}")
    if len(outputs) == 1:
        rows = next(iter(outputs.values())).tolist()
    else:
        rows = [{name: outputs[name][i].tolist() for name in sizes} for i in range(first)]
    return json.dumps({"predictions": rows}).encode()


def _from_rows(rows: list[Any], infos: Mapping[str, TensorInfo]) -> dict[str, Array]:
    named = isinstance(rows[0], dict)
    if not named and len(infos) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    columns: dict[str, list[Array]] = {name: [] for name in infos}
    for i, row in enumerate(rows):
        if isinstance(row, dict) != named:
            kinds = ("object", "list") if named else ("value/list", "object")
            raise invalid_argument(f"Expecting {kinds[0]} but got {kinds[1]} at item {i} of input list")
        if named and row.keys() != infos.keys():
            raise invalid_argument(
                f"Failed to process element: {i} of 'instances' list. JSON object: {_shown(row)} "
                f"keys must be equal to: {','.join(sorted(infos))}"
            )
        for name, value in row.items() if named else ((next(iter(infos)), row),):
            try:
                columns[name].append(_checked_shape(_array(value, infos[name].dtype), columns[name]))
            except ServingError as error:
                key = f" key: {name}" if named else ""
                message = f"Failed to process element: {i}{key} of 'instances' list. Error: {error.code}: {error}"
                raise ServingError(error.code, message) from None
    return {name: np.stack(arrays) for name, arrays in columns.items()}


def _checked_shape(array: Array, earlier: list[Array]) -> Array:
    if earlier and earlier[0].size != array.size:
        raise invalid_argument(f"Expecting tensor size: {earlier[0].size} but got: {array.size}")
    if earlier and earlier[0].shape != array.shape:
        raise invalid_argument(f"Expecting shape {list(earlier[0].shape)} but got: {list(array.shape)}")
    return array


def _from_columns(value: Any, infos: Mapping[str, TensorInfo]) -> dict[str, Array]:
    if isinstance(value, dict):
        for name in sorted(infos):
            if name not in value:
                raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
        return {name: _array(value[name], info.dtype) for name, info in infos.items()}
    if len(infos) > 1:
        raise invalid_argument(
            "inputs is a plain value/list, but expecting an object as multiple "
            "input tensors required as per tensorinfo_map"
        )
    return {name: _array(value, info.dtype) for name, info in infos.items()}


def _array(value: Any, type_number: int) -> Array:
    """An array from nested lists, whose first elements give its shape."""
    dtype = dtype_of(type_number)
    shape: list[int] = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
    flat: list[Any] = []
    _flatten(value, shape, 0, flat)
    accepts = {"f": (int, float), "i": (int,), "b": (bool,)}[dtype.kind]
    for element in flat:
        # A bool is an int to Python, and is not to JSON.
        if not isinstance(element, accepts) or (isinstance(element, bool) and dtype.kind != "b"):
            raise invalid_argument(
                f"JSON Value: {_shown(element)} Type: {_kind(element)} "
                f"is not of expected type: {type_name(type_number)}"
            )
    try:
        return np.array(flat, dtype).reshape(shape)
    except OverflowError:
        raise invalid_argument(f"Cannot convert JSON value to {type_name(type_number)}") from None


def _flatten(value: Any, shape: list[int], level: int, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid_argument(
                f"JSON Value: {_shown(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        flat.append(value)
        return
    if level >= len(shape):
        raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for element in value:
        _flatten(element, shape, level + 1, flat)


def _shown(value: Any) -> str:
    """A value for a message, cut where it would fill a log."""
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "…"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    return {dict: "Object", list: "Array", str: "String", type(None): "Null"}.get(type(value), "Number")
