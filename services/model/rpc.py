"""The gRPC API: PredictionService (Predict, GetModelMetadata) and ModelService."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, GetModelMetadataResponse
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, GetModelStatusResponse
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest, ReloadConfigResponse
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from . import prediction
from .config import read_config
from .errors import ServingError
from .observer import Observer
from .versions import VersionManager

_SERVICE, _METHOD = "tensorflow.serving.PredictionService", "Predict"


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Scores; the methods for tf.Example (Classify, Regress, MultiInference) answer UNIMPLEMENTED."""

    def __init__(self, manager: VersionManager, observer: Observer) -> None:
        self._manager = manager
        self._observer = observer

    def Predict(self, request: PredictRequest, context: grpc.ServicerContext) -> PredictResponse:
        """Evaluates a signature of a version."""
        headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        with (
            _aborting(context),
            self._observer.predict("GRPC", request.model_spec.name, headers, _describe) as call,
        ):
            if not request.HasField("model_spec"):
                raise ServingError("INVALID_ARGUMENT", "Missing ModelSpec")
            servable = prediction.servable_for(self._manager, request.model_spec)
            call.version = servable.version
            return prediction.predict(servable, request)

    def GetModelMetadata(
        self, request: GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> GetModelMetadataResponse:
        """The signatures of a version."""
        with _aborting(context):
            return prediction.metadata(self._manager, request)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """States of versions, and a new configuration."""

    def __init__(self, manager: VersionManager, log: Callable[..., None]) -> None:
        self._manager = manager
        self._log = log

    def GetModelStatus(self, request: GetModelStatusRequest, context: grpc.ServicerContext) -> GetModelStatusResponse:
        """The states of a model's versions."""
        with _aborting(context):
            return prediction.status(self._manager, request)

    def HandleReloadConfigRequest(
        self, request: ReloadConfigRequest, context: grpc.ServicerContext
    ) -> ReloadConfigResponse:
        """Replaces the whole configuration."""
        with _aborting(context):
            models = read_config(request.config)
            self._log("config_reload", model_names=[model.name for model in models])
            self._manager.configure(models)
            response = ReloadConfigResponse()
            response.status.error_code = error_codes_pb2.OK
            return response


def serve(
    manager: VersionManager, observer: Observer, log: Callable[..., None], address: str, threads_max: int
) -> tuple[grpc.Server, int]:
    """Starts the server. Returns it with its port. Raises RuntimeError when the address cannot be bound."""
    # Without so_reuseport=0 a second server would share the port in silence. Sizes are unlimited, as in TF Serving.
    options = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1))
    server = grpc.server(ThreadPoolExecutor(threads_max, thread_name_prefix="grpc"), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(manager, observer), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(manager, log), server)
    port = server.add_insecure_port(address)
    server.start()
    return server, port


@contextmanager
def _aborting(context: grpc.ServicerContext) -> Iterator[None]:
    """Ends the call with the status of a ServingError."""
    try:
        yield
    except ServingError as error:
        context.abort(grpc.StatusCode[error.code], str(error))


def _describe(status: str) -> tuple[str, dict[str, str | int]]:
    code = grpc.StatusCode[status].value[0]
    return f"{_SERVICE}/{_METHOD}", {
        "rpc.system": "grpc",
        "rpc.service": _SERVICE,
        "rpc.method": _METHOD,
        "rpc.grpc.status_code": code,
    }
