"""What the API's methods mean, for gRPC and REST alike. All raise ServingError with TF Serving's codes and messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorflow.core.protobuf import error_codes_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, GetModelStatusResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from .errors import ServingError, invalid_argument
from .tensors import Array, array_of, tensor_of
from .versions import Servable, VersionManager

DEFAULT_SIGNATURE = "serving_default"
_SIGNATURES_FIELD = "signature_def"


def servable_for(manager: VersionManager, spec: ModelSpec) -> Servable:
    """The version that a model spec asks for, by number, by label or the latest."""
    if not spec.name:
        raise invalid_argument("ModelSpec has no name specified.")
    return manager.find(spec.name, version_of(manager, spec))


def version_of(manager: VersionManager, spec: ModelSpec) -> int | None:
    """The number in a model spec, or the one its label stands for; None for the latest."""
    match spec.WhichOneof("version_choice"):
        case "version":
            return int(spec.version.value)
        case "version_label":
            return manager.labelled(spec.name, spec.version_label)
        case _:
            return None


def predict(servable: Servable, request: PredictRequest) -> PredictResponse:
    """Evaluates the request's signature on a version."""
    signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = servable.graph.signatures.get(signature_name)
    if signature is None:
        raise ServingError("FAILED_PRECONDITION", f'Serving signature key "{signature_name}" not found.')
    _check_names(signature, request)
    inputs = {name: array_of(tensor, name) for name, tensor in request.inputs.items()}
    outputs = evaluate(servable, signature_name, inputs, list(request.output_filter))
    response = PredictResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.signature_name = signature_name
    response.model_spec.version.value = servable.version
    for name, array in outputs.items():
        response.outputs[name].CopyFrom(tensor_of(array))
    return response


def evaluate(
    servable: Servable, signature_name: str, inputs: Mapping[str, Array], output_filter: Sequence[str] = ()
) -> dict[str, Array]:
    """The outputs named by the filter, or all, from the inputs, all of which must be there."""
    names = list(servable.graph.signatures[signature_name].outputs)
    for alias in output_filter:
        if alias not in names:
            raise invalid_argument(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {{{','.join(sorted(names))}}}."
            )
        if output_filter.count(alias) > 1:
            raise invalid_argument(f"duplicate output tensor alias: {alias}")
    return servable.graph.run(signature_name, inputs, output_filter or names)


def metadata(manager: VersionManager, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
    """The signatures of a version."""
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != _SIGNATURES_FIELD:
            raise invalid_argument(f"Metadata field {field} is not supported")
    servable = servable_for(manager, request.model_spec)
    response = GetModelMetadataResponse()
    response.model_spec.name = servable.model
    response.model_spec.version.value = servable.version
    response.metadata[_SIGNATURES_FIELD].Pack(signatures_of(servable))
    return response


def signatures_of(servable: Servable) -> SignatureDefMap:
    """All signatures of a version."""
    signatures = SignatureDefMap()
    for name, signature in servable.graph.signatures.items():
        signatures.signature_def[name].CopyFrom(signature)
    return signatures


def status(manager: VersionManager, request: GetModelStatusRequest) -> GetModelStatusResponse:
    """The states of a model's versions, or of the one that is asked for."""
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    response = GetModelStatusResponse()
    for version in manager.status(request.model_spec.name, version_of(manager, request.model_spec)):
        entry = response.model_version_status.add(version=version.number, state=int(version.state))
        entry.status.error_code = error_codes_pb2.Code.Value(version.code)
        entry.status.error_message = version.message
    return response


def _check_names(signature: SignatureDef, request: PredictRequest) -> None:
    given, expected = set(request.inputs), set(signature.inputs)
    if len(given) != len(expected):
        extra, missing = sorted(given - expected), sorted(expected - given)
        raise invalid_argument(
            f"input size does not match signature: {len(given)}!={len(expected)} "
            f"len({{{','.join(sorted(given))}}}) != len({{{','.join(sorted(expected))}}}). "
            f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
        )
    for alias in sorted(expected - given):
        feed = signature.inputs[alias].name
        raise invalid_argument(
            f"Signature input alias: {alias}(feed name: {feed}) not found in request and no default value provided. "
            f"Inputs expected to be in the request {{{','.join(sorted(given))}}}, or default input alias set: "
        )
