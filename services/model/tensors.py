"""TensorProto and numpy: the types that models need."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto

from .errors import ServingError, invalid_argument

Array = npt.NDArray[Any]

# Type by type: numpy's, and the repeated field that holds the values when `tensor_content` does not.
_TYPES: dict[int, tuple[np.dtype[Any], str]] = {
    types_pb2.DT_FLOAT: (np.dtype(np.float32), "float_val"),
    types_pb2.DT_DOUBLE: (np.dtype(np.float64), "double_val"),
    types_pb2.DT_INT32: (np.dtype(np.int32), "int_val"),
    types_pb2.DT_INT64: (np.dtype(np.int64), "int64_val"),
    types_pb2.DT_BOOL: (np.dtype(np.bool_), "bool_val"),
}
_NUMBERS = {dtype: number for number, (dtype, _) in _TYPES.items()}
# A few bytes can announce a tensor of any size, since a single value fills it.
_ELEMENTS_MAX = 1 << 24


def dtype_of(number: int) -> np.dtype[Any]:
    """numpy's type for one of TensorFlow's. UNIMPLEMENTED for one that is not served."""
    if number not in _TYPES:
        raise ServingError("UNIMPLEMENTED", f"Tensors of type {type_name(number)} are not supported")
    return _TYPES[number][0]


def type_name(number: int) -> str:
    """As TensorFlow writes it in messages: `double`."""
    return types_pb2.DataType.Name(number).removeprefix("DT_").lower()


def type_number(dtype: np.dtype[Any]) -> int:
    """TensorFlow's number for one of the types in `dtype_of`."""
    return _NUMBERS[dtype]


def array_of(tensor: TensorProto, name: str) -> Array:
    """The tensor's values. INVALID_ARGUMENT where they do not fit its shape, UNIMPLEMENTED for its type."""
    dtype, field = dtype_of(tensor.dtype), _TYPES[tensor.dtype][1]
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    size = math.prod(shape)
    broken = invalid_argument(f"tensor parsing error: {name}")
    if tensor.tensor_shape.unknown_rank or any(length < 0 for length in shape) or size > _ELEMENTS_MAX:
        raise broken
    if tensor.tensor_content:
        if len(tensor.tensor_content) != size * dtype.itemsize:
            raise broken
        return np.frombuffer(tensor.tensor_content, dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)
    values = np.array(getattr(tensor, field), dtype)
    if len(values) > size:
        raise broken
    if len(values) < size:  # the last value stands for those that follow, none for zeros
        values = np.pad(values, (0, size - len(values)), "edge") if len(values) else np.zeros(size, dtype)
    return values.reshape(shape)


def tensor_of(array: Array, *, packed: bool = False) -> TensorProto:
    """The array as a tensor, its values in the typed field, where clients look for them, or packed."""
    tensor = TensorProto(dtype=type_number(array.dtype))
    for length in array.shape:
        tensor.tensor_shape.dim.add(size=length)
    if packed:
        tensor.tensor_content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    else:
        getattr(tensor, _TYPES[tensor.dtype][1]).extend(array.ravel().tolist())
    return tensor
