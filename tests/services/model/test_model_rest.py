"""The REST API, as documented for TF Serving."""

from __future__ import annotations

import http.client
import socket
import statistics
from typing import Any

import numpy as np
import pytest

from tests.waiting import PATIENCE_S, least_s, took_s

ROWS = np.random.default_rng(5).normal(0, 2, (6, 14)).tolist()


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"instances": ROWS}, "predictions"),
        ({"instances": [{"inputs": row} for row in ROWS]}, "predictions"),
        ({"inputs": ROWS}, "outputs"),
        ({"inputs": {"inputs": ROWS}, "signature_name": "serving_default"}, "outputs"),
    ],
    ids=["rows", "named rows", "columns", "named columns"],
)
def test_predict_in_all_formats(served: Any, make_model: Any, body: Any, key: str) -> None:
    status, answer = served.call("/v1/models/ctr:predict", body)
    assert status == 200
    assert list(answer) == [key]  # the only output goes without its name
    np.testing.assert_array_equal(np.round(answer[key], 6), make_model(4).score(np.array(ROWS)))


@pytest.mark.parametrize("which", ["versions/3", "labels/stable"])
def test_a_version_is_chosen_by_number_or_by_label(served: Any, make_model: Any, which: str) -> None:
    status, answer = served.call(f"/v1/models/ctr/{which}:predict", {"instances": ROWS})
    assert status == 200
    np.testing.assert_array_equal(np.round(answer["predictions"], 6), make_model(3).score(np.array(ROWS)))


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/models/nope:predict", 404, "Servable not found for request: Latest(nope)"),
        ("/v1/models/ctr/versions/9:predict", 404, "Servable not found for request: Specific(ctr, 9)"),
        ("/v1/models/ctr/labels/beta:predict", 400, "Unrecognized servable version label: beta"),
        ("/v1/models/ctr:guess", 400, "Malformed request: POST /v1/models/ctr:guess"),
        ("/other", 404, "Not found: /other"),
    ],
)
def test_what_is_not_there(served: Any, path: str, status: int, message: str) -> None:
    assert served.call(path, {"instances": ROWS}) == (status, {"error": message})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error"),
        (b"{", "JSON Parse error"),
        ([], "Is not object"),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"instances": ROWS, "inputs": ROWS}, "one of 'inputs' or 'instances' keys"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": 1}, "Excepting 'instances' to be an list/array"),
        ({"instances": ROWS, "signature_name": 1}, "'signature_name' key must be a string value."),
        ({"instances": ROWS, "signature_name": "x"}, 'Serving signature name: "x" not found in signature def'),
        ({"instances": [["a"] * 14]}, 'JSON Value: "a" Type: String is not of expected type: double'),
        ({"instances": [[True] * 14]}, "JSON Value: true Type: True is not of expected type: double"),
        ({"instances": [[10**400] * 14]}, "Cannot convert JSON value to double"),
        ({"instances": [ROWS[0], ROWS[1][:13]]}, "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting"),
        ({"instances": [ROWS[0], {"inputs": ROWS[1]}]}, "Expecting value/list but got object at item 1"),
        ({"instances": [{"x": ROWS[0]}]}, "keys must be equal to: inputs"),
        ({"inputs": {"x": ROWS}}, "Missing named input: inputs in 'inputs' object."),
        ({"inputs": [ROWS[0], 1.0]}, "JSON Value: 1.0 found at incorrect level: 2 in the JSON DOM"),
        ({"inputs": [ROWS[0], ROWS[1][:13]]}, "Encountered list at unexpected size: 13 at level: 1"),
        ({"instances": [row[:13] for row in ROWS]}, "Incompatible shapes: input inputs is [6, 13]"),
    ],
)
def test_a_bad_body_is_explained(served: Any, body: Any, message: str) -> None:
    status, answer = served.call("/v1/models/ctr:predict", body)
    assert status == 400
    assert list(answer) == ["error"]
    assert message in answer["error"]


def test_status(served: Any) -> None:
    available = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    three, four = {"version": "3", **available}, {"version": "4", **available}
    assert served.call("/v1/models/ctr") == (200, {"model_version_status": [four, three]})
    for which in ("versions/3", "labels/stable"):
        assert served.call(f"/v1/models/ctr/{which}") == (200, {"model_version_status": [three]})
    assert served.call("/v1/models/x") == (404, {"error": "Could not find any versions of model x"})
    assert served.call("/v1/models/ctr/versions/8") == (404, {"error": "Could not find version 8 of model ctr"})
    assert served.call("/v1/models") == (400, {"error": "Missing model name in request."})


def test_metadata(served: Any) -> None:
    status, answer = served.call("/v1/models/ctr/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "ctr", "signature_name": "", "version": "4"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["outputs"]["scores"] == {
        "dtype": "DT_DOUBLE",
        "name": "scores:0",
        "tensor_shape": {"dim": [{"name": "", "size": "-1"}], "unknown_rank": False},
    }


def test_connections_are_kept_and_answers_do_not_wait_for_acknowledgements(served: Any) -> None:
    connection = http.client.HTTPConnection(served.rest_url.removeprefix("http://"), timeout=PATIENCE_S)

    def ask() -> None:
        connection.request("GET", "/v1/models/ctr")
        assert connection.getresponse().read()

    # Half of fifty: the first segments of a connection are acknowledged at once in any case.
    least_s(lambda: statistics.median(took_s(ask) for _ in range(50)), below_s=0.02)  # Nagle's algorithm makes it 0.04
    connection.close()


@pytest.mark.parametrize(
    ("header", "status"),
    [("Transfer-Encoding: chunked", b"411"), ("Content-Length: 99999999999", b"413")],
)
def test_a_body_of_unknown_or_absurd_length_is_refused(served: Any, header: str, status: bytes) -> None:
    host, port = served.rest_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(f"POST /v1/models/ctr:predict HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        answer = b""
        while chunk := client.recv(4096):  # until the server closes
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 " + status)
