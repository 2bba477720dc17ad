"""The REST API, and the metrics, on the standard library's threaded HTTP server."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec

from . import metrics, prediction
from .errors import HTTP_STATUS, ServingError, invalid_argument
from .json_tensors import parse_request, read_inputs, write_outputs
from .observer import Observer
from .versions import VersionManager

_BODY_MAX_BYTES = 1 << 26
_WHICH = r"(?:/versions/(?P<version>\d{1,18})|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(rf"/v1/models/(?P<name>[^/:]+){_WHICH}:predict", re.IGNORECASE | re.ASCII)
_STATUS = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_WHICH}(?P<metadata>/metadata)?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response before it is written."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Api:
    """Answers requests, independent of the transport."""

    def __init__(self, manager: VersionManager, observer: Observer) -> None:
        self._manager = manager
        self._observer = observer

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """The answer to one request; headers by lower-case name."""
        if (method, path) == ("GET", metrics.PATH):
            return Answer(200, self._observer.metrics.render().encode(), "text/plain; version=0.0.4; charset=utf-8")
        try:
            if method == "POST" and (found := _PREDICT.fullmatch(path)):
                return Answer(200, self._predict(_spec(found), headers, body))
            if method == "GET" and (found := _STATUS.fullmatch(path)):
                if not found["name"]:
                    raise invalid_argument("Missing model name in request.")
                return Answer(200, (self._metadata if found["metadata"] else self._status)(_spec(found)))
            if path.lower().startswith("/v1/"):
                raise invalid_argument(f"Malformed request: {method} {path}")
        except ServingError as error:
            return error_answer(HTTP_STATUS[error.code], str(error))
        return error_answer(404, f"Not found: {path}")

    def _predict(self, spec: ModelSpec, headers: dict[str, str], body: bytes) -> bytes:
        with self._observer.predict("REST", spec.name, headers, _describe) as call:
            request = parse_request(body)
            servable = prediction.servable_for(self._manager, spec)
            call.version = servable.version
            signature = servable.graph.signatures.get(request.signature_name)
            if signature is None:
                raise invalid_argument(f'Serving signature name: "{request.signature_name}" not found in signature def')
            inputs = read_inputs(request, signature)
            return write_outputs(request.format, prediction.evaluate(servable, request.signature_name, inputs))

    def _status(self, spec: ModelSpec) -> bytes:
        response = prediction.status(self._manager, GetModelStatusRequest(model_spec=spec))
        return _json(_document(response))

    def _metadata(self, spec: ModelSpec) -> bytes:
        servable = prediction.servable_for(self._manager, spec)
        found = ModelSpec(name=servable.model)
        found.version.value = servable.version
        signatures = _document(prediction.signatures_of(servable))
        return _json({"model_spec": _document(found), "metadata": {"signature_def": signatures}})


def error_answer(status: int, message: str) -> Answer:
    """An error in the API's form."""
    return Answer(status, _json({"error": message}))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "model", ""
    timeout = 75.0  # seconds a connection may be idle
    # A response leaves in one piece and at once: the standard library would send head and body apart, and Nagle's
    # algorithm would hold the body back for up to 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: RestServer

    def do_GET(self) -> None:
        """Status, metadata, metrics."""
        self._answer("GET")

    def do_POST(self) -> None:
        """Predict."""
        self._answer("POST")

    def log_message(self, format: str, *args: object) -> None:
        """Requests are logged by the observer."""

    def _answer(self, method: str) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.close_connection = True
            return self._write(error_answer(411, "Expected a Content-Length"))
        if int(length) > _BODY_MAX_BYTES:
            self.close_connection = True
            return self._write(error_answer(413, f"Body longer than {_BODY_MAX_BYTES} bytes"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(length))
        return self._write(self.server.api.answer(method, self.path.partition("?")[0], headers, body))

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


class RestServer(ThreadingHTTPServer):
    """Serves an Api; `serve_forever` and `shutdown` are the standard library's. OSError: address not to be had."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: Api) -> None:
        self.api = api
        super().__init__(address, _Handler)


def _spec(found: re.Match[str]) -> ModelSpec:
    spec = ModelSpec(name=unquote(found["name"]))
    if found["version"]:
        spec.version.value = int(found["version"])
    elif found["label"]:
        spec.version_label = unquote(found["label"])
    return spec


def _document(message: Message) -> dict[str, object]:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _json(document: object) -> bytes:
    return json.dumps(document, indent=1).encode() + b"\n"


def _describe(status: str) -> tuple[str, dict[str, str | int]]:
    code = 200 if status == "OK" else HTTP_STATUS[status]
    route = "/v1/models/{model}:predict"
    return f"POST {route}", {
        "http.request.method": "POST",
        "http.route": route,
        "http.response.status_code": code,
    }
