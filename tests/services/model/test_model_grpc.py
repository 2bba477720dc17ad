"""The gRPC API, through the stubs of tensorflow-serving-api, as any client of TF Serving uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from lab.agreed import trees
from services.model import savedmodel
from tests import boosted_trees
from tests.waiting import PATIENCE_S

ROWS = np.random.default_rng(3).normal(0, 2, (20, 14))


def tensor(array: Any, dtype: int = types_pb2.DT_DOUBLE) -> tensor_pb2.TensorProto:
    """As tf.make_tensor_proto packs an array."""
    array = np.asarray(array)
    sizes = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in array.shape]
    shape = tensor_shape_pb2.TensorShapeProto(dim=sizes)
    return tensor_pb2.TensorProto(dtype=dtype, tensor_shape=shape, tensor_content=array.tobytes())


def predict_request(rows: Any = ROWS, name: str = "ctr", **inputs: Any) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    for key, value in (inputs or {"inputs": tensor(rows)}).items():
        request.inputs[key].CopyFrom(value)
    return request


@pytest.fixture(scope="module")
def channel(served: Any) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(served.grpc_address) as channel:
        yield channel


@pytest.fixture(scope="module")
def prediction(channel: grpc.Channel) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel: grpc.Channel) -> Any:
    return model_service_pb2_grpc.ModelServiceStub(channel)


def refused(call: Any, request: Any) -> tuple[str, str]:
    """The status code and message of a call that fails."""
    with pytest.raises(grpc.RpcError) as failure:
        call(request, PATIENCE_S)
    return failure.value.code().name, failure.value.details()


def test_the_latest_version_scores_as_the_simulator_does(prediction: Any, make_model: Any) -> None:
    response = prediction.Predict(predict_request(), PATIENCE_S)
    assert response.model_spec.name == "ctr"
    assert response.model_spec.signature_name == "serving_default"
    assert response.model_spec.version.value == 4
    assert list(response.outputs) == ["scores"]
    scores = response.outputs["scores"]
    assert [dim.size for dim in scores.tensor_shape.dim] == [20]
    np.testing.assert_array_equal(np.round(scores.double_val, 6), make_model(4).score(ROWS))


def test_trees_score_as_the_registry_says_by_grpc_and_rest(tmp_path: Path, start_server: Any) -> None:
    entry, _, rows = boosted_trees.fitted(trees=20, depth=3)
    savedmodel.push(tmp_path, "ctr", 1, savedmodel.encode(entry))
    server, expected = start_server(tmp_path), trees.score(entry, rows[:50])
    with grpc.insecure_channel(server.grpc_address) as own:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(own)
        answer = stub.Predict(predict_request(rows[:50]), PATIENCE_S)
    np.testing.assert_array_equal(np.round(answer.outputs["scores"].double_val, 6), expected)
    status, document = server.call("/v1/models/ctr:predict", {"instances": rows[:50].tolist()})
    assert status == 200
    np.testing.assert_array_equal(np.round(document["predictions"], 6), expected)
    assert np.ptp(expected) > 0.3


def test_a_version_is_chosen_by_number_or_by_label(prediction: Any, make_model: Any) -> None:
    by_number, by_label = predict_request(), predict_request()
    by_number.model_spec.version.value = 3
    by_label.model_spec.version_label = "stable"
    for request in (by_number, by_label):
        response = prediction.Predict(request, PATIENCE_S)
        assert response.model_spec.version.value == 3
        np.testing.assert_array_equal(np.round(response.outputs["scores"].double_val, 6), make_model(3).score(ROWS))


def test_outputs_can_be_filtered(prediction: Any) -> None:
    request = predict_request()
    request.output_filter.append("scores")
    assert list(prediction.Predict(request, PATIENCE_S).outputs) == ["scores"]
    request.output_filter.append("logits")
    assert refused(prediction.Predict, request) == (
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: logits Outputs expected to be in the set {scores}.",
    )


def test_what_is_not_served_is_not_found(prediction: Any) -> None:
    request = predict_request(name="nope")
    assert refused(prediction.Predict, request) == ("NOT_FOUND", "Servable not found for request: Latest(nope)")
    request = predict_request()
    request.model_spec.version.value = 9
    assert refused(prediction.Predict, request) == ("NOT_FOUND", "Servable not found for request: Specific(ctr, 9)")


def test_a_bad_label_or_signature(prediction: Any) -> None:
    request = predict_request()
    request.model_spec.version_label = "beta"
    expected = ("INVALID_ARGUMENT", "Unrecognized servable version label: beta")
    assert refused(prediction.Predict, request) == expected
    request = predict_request()
    request.model_spec.signature_name = "classify"
    expected = ("FAILED_PRECONDITION", 'Serving signature key "classify" not found.')
    assert refused(prediction.Predict, request) == expected


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (predict_pb2.PredictRequest(), "Missing ModelSpec"),
        (predict_request(name=""), "ModelSpec has no name specified."),
        (predict_request(x=tensor(ROWS)), "Signature input alias: inputs(feed name: inputs:0) not found in request"),
        (
            predict_request(inputs=tensor(ROWS), x=tensor(ROWS)),
            "input size does not match signature: 2!=1 len({inputs,x}) != len({inputs}). Sent extra: {x}. Missing but ",
        ),
        (
            predict_request(inputs=tensor(ROWS.astype(np.float32), types_pb2.DT_FLOAT)),
            "Expects arg[0] to be double but float is provided",
        ),
        (predict_request(ROWS[:, :13]), "Incompatible shapes: input inputs is [20, 13], expected [-1, 14]"),
        (predict_request(ROWS[0]), "Incompatible shapes: input inputs is [14], expected [-1, 14]"),
        (predict_request(inputs=tensor(ROWS[:3, :3], types_pb2.DT_INT32)), "tensor parsing error: inputs"),
    ],
    ids=["no spec", "no name", "other name", "extra input", "type", "columns", "rank", "content"],
)
def test_a_request_that_does_not_fit_the_signature(prediction: Any, request_: Any, message: str) -> None:
    code, details = refused(prediction.Predict, request_)
    assert code == "INVALID_ARGUMENT"
    assert details.startswith(message)


def test_metadata_shows_the_signature(prediction: Any) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "ctr"
    response = prediction.GetModelMetadata(request, PATIENCE_S)
    assert (response.model_spec.name, response.model_spec.version.value) == ("ctr", 4)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    info = signatures.signature_def["serving_default"].inputs["inputs"]
    assert (info.dtype, [dim.size for dim in info.tensor_shape.dim]) == (types_pb2.DT_DOUBLE, [-1, 14])
    request.metadata_field[:] = ["assets"]
    assert refused(prediction.GetModelMetadata, request)[0] == "INVALID_ARGUMENT"
    request.metadata_field[:] = []
    assert refused(prediction.GetModelMetadata, request)[1].endswith("must specify at least one metadata_field")


def test_status_lists_versions_or_one_of_them(models: Any) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "ctr"
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    statuses = models.GetModelStatus(request, PATIENCE_S).model_version_status
    assert [(status.version, status.state, status.status.error_code) for status in statuses] == [
        (4, available, 0),
        (3, available, 0),
    ]
    request.model_spec.version.value = 3
    assert [status.version for status in models.GetModelStatus(request, PATIENCE_S).model_version_status] == [3]
    request.model_spec.version.value = 8
    assert refused(models.GetModelStatus, request) == ("NOT_FOUND", "Could not find version 8 of model ctr")


def test_methods_for_examples_are_not_implemented(channel: grpc.Channel) -> None:
    from tensorflow_serving.apis import classification_pb2

    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    assert refused(stub.Classify, classification_pb2.ClassificationRequest())[0] == "UNIMPLEMENTED"


def test_reload_replaces_the_whole_configuration(tmp_path: Path, push: Any, start_server: Any) -> None:
    for name, version in (("ctr", 1), ("ctr", 2), ("cvr", 5)):
        push(tmp_path, name, version)
    server = start_server(tmp_path)
    with grpc.insecure_channel(server.grpc_address) as channel:
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = model_management_pb2.ReloadConfigRequest()
        assert refused(models.HandleReloadConfigRequest, request)[0] == "INVALID_ARGUMENT"

        listed = request.config.model_config_list.config
        ctr = listed.add(name="ctr", base_path=str(tmp_path / "ctr"), model_platform="tensorflow")
        ctr.model_version_policy.specific.versions.extend([1, 2])
        assert models.HandleReloadConfigRequest(request, PATIENCE_S).status.error_code == 0
        ctr.version_labels["canary"] = 2
        ctr.version_labels["stable"] = 1
        models.HandleReloadConfigRequest(request, PATIENCE_S)
        by_label = predict_request()
        by_label.model_spec.version_label = "stable"
        assert prediction.Predict(by_label, PATIENCE_S).model_spec.version.value == 1

        del listed[:]
        listed.add(name="cvr", base_path=str(tmp_path / "cvr"), model_platform="tensorflow")
        models.HandleReloadConfigRequest(request, PATIENCE_S)
        assert prediction.Predict(predict_request(name="cvr"), PATIENCE_S).model_spec.version.value == 5
        assert refused(prediction.Predict, predict_request())[1] == "Servable not found for request: Latest(ctr)"
    assert server.close() == 0
