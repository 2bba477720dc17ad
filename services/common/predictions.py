"""Predictions of the model server, by TF Serving's gRPC protocol."""

from __future__ import annotations

import asyncio
import time

import grpc
import numpy as np
import numpy.typing as npt
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from services.common.calls import CallFailedError, connection_status
from services.common.serving import INPUT, OUTPUT
from services.common.trace import TraceContext

Array = npt.NDArray[np.float64]
RENEW_EVERY_S = 1.0
_OPTIONS = (
    # Else a channel that could not connect waits up to two minutes before it tries again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Else a new channel would share the old one's connection.
    ("grpc.use_local_subchannel_pool", 1),
)


class ModelScores:
    """Predictions of one model. After a timeout the channel is replaced: its connection may lead nowhere."""

    def __init__(self, address: str, model_name: str) -> None:
        self._address = address
        self._model_name = model_name
        self._closing: set[asyncio.Task[None]] = set()
        self._open()

    def _open(self) -> None:
        self._channel = grpc.aio.insecure_channel(self._address, options=_OPTIONS)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._opened_s = time.monotonic()

    async def predict(self, inputs: npt.NDArray[np.floating], span: TraceContext, baggage: str) -> tuple[Array, int]:
        """Scores of inputs (n, inputs), one each, and the version that gave them; as long as the caller waits."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model_name
        tensor = request.inputs[INPUT]
        tensor.dtype = types_pb2.DT_DOUBLE
        for size in inputs.shape:
            tensor.tensor_shape.dim.add(size=size)
        tensor.tensor_content = inputs.astype("<f8").tobytes()
        try:
            answer = await self._stub.Predict(request, metadata=_metadata(span, baggage))
        except grpc.aio.AioRpcError as error:
            raise CallFailedError(status_of(error)) from error
        except asyncio.CancelledError:
            self._renew()
            raise
        return _scores(answer.outputs[OUTPUT], len(inputs)), int(answer.model_spec.version.value)

    def _renew(self) -> None:
        if time.monotonic() - self._opened_s < RENEW_EVERY_S:
            return
        old = self._channel
        self._open()
        closing = asyncio.create_task(old.close(grace=RENEW_EVERY_S))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()


def _metadata(span: TraceContext, baggage: str) -> tuple[tuple[str, str], ...]:
    carried = (("baggage", baggage),) if baggage else ()
    return (("traceparent", span.traceparent), ("x-request-id", span.trace_id), *carried)


def _scores(tensor: tensor_pb2.TensorProto, count: int) -> Array:
    """One score for each row, however the server packs them; anything else is an error of its."""
    if tensor.tensor_content:
        values = np.frombuffer(tensor.tensor_content, "<f8" if tensor.dtype == types_pb2.DT_DOUBLE else "<f4")
    else:
        values = np.array(tensor.double_val or tensor.float_val)
    if len(values) != count or not np.isfinite(values).all():
        raise CallFailedError("error")
    return values.astype(float)


def status_of(error: grpc.aio.AioRpcError) -> str:
    """The status of a failed call."""
    match error.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return "timeout"
        case grpc.StatusCode.UNAVAILABLE:
            status = connection_status(Exception(error.details() or ""))
            return status if status != "error" else "unavailable"
        case grpc.StatusCode.NOT_FOUND:
            # The model, or a version of it, is not loaded.
            return "unavailable"
        case _:
            return "error"
