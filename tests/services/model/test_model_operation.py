"""The server in operation: versions pushed while it serves, and what it lets be observed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.waiting import PATIENCE_S, eventually

BODY = {"instances": [[0.5] * 14]}
TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"


def test_pushed_versions(tmp_path: Path, push: Any, make_model: Any, start_server: Any) -> None:
    push(tmp_path, "ctr", 1)
    server = start_server(tmp_path)

    def score() -> float:
        status, answer = server.call("/v1/models/ctr:predict", BODY)
        assert status == 200
        return round(answer["predictions"][0], 6)

    def states() -> dict[str, str]:
        statuses = server.call("/v1/models/ctr")[1]["model_version_status"]
        return {status["version"]: status["state"] for status in statuses}

    expected = {version: make_model(version).score(np.full((1, 14), 0.5))[0] for version in (1, 3)}
    assert score() == expected[1]

    corrupt = tmp_path / "ctr" / "2"
    corrupt.mkdir()
    (corrupt / "saved_model.pb").write_bytes(b"\xff" * 100)
    eventually(lambda: "2" in states())
    assert states() == {"2": "LOADING", "1": "AVAILABLE"}
    failed = server.call("/v1/models/ctr/versions/2")[1]["model_version_status"][0]["status"]
    assert failed["error_code"] == "INVALID_ARGUMENT"
    assert "Cannot parse" in failed["error_message"]
    assert score() == expected[1]

    push(tmp_path, "ctr", 3)
    eventually(lambda: score() == expected[3])
    eventually(lambda: states() == {"3": "AVAILABLE", "2": "END", "1": "END"})
    events = [(line["event"], line["version"]) for line in server.lines if line["event"].startswith("version_")]
    assert events == [
        ("version_available", 1),
        ("version_load_failed", 2),
        ("version_available", 3),
        ("version_unloaded", 1),
    ]


def test_a_server_without_versions_waits_for_them(tmp_path: Path, push: Any, start_server: Any) -> None:
    server = start_server(tmp_path)
    assert server.call("/v1/models/ctr:predict", BODY)[0] == 404
    push(tmp_path, "ctr", 1)
    eventually(lambda: server.call("/v1/models/ctr:predict", BODY)[0] == 200)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text("model_config_list { config { name: 'a' base_path: 'relative' } }")
    command = [sys.executable, "-m", "services.model", "--port=0", "--rest_api_port=0", f"--model_config_file={config}"]
    folders = (os.environ.get("LAB_PROTO_DIR", ""), str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", ""))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2
    line = json.loads(done.stdout)
    assert line["event"] == "start_failed"
    assert "absolute path" in line["error"]


class Collector(HTTPServer):
    """Takes OTLP/HTTP and keeps the spans."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), CollectorHandler)
        self.status, self.refused_count = 200, 0
        self.spans: list[OtlpSpan] = []
        self.services: set[str] = set()


class CollectorHandler(BaseHTTPRequestHandler):
    """POST /v1/traces."""

    server: Collector

    def do_POST(self) -> None:
        assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.status
        if status != 200:
            self.server.refused_count += 1
        for resource in request.resource_spans if status == 200 else ():
            self.server.services |= {entry.value.string_value for entry in resource.resource.attributes}
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with serving(Collector()) as server:
        yield server


@contextmanager
def serving(server: Collector) -> Iterator[Collector]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def traced(collector: Collector, tmp_path_factory: Any, push: Any, start_server: Any) -> Any:
    base = tmp_path_factory.mktemp("traced")
    push(base, "ctr", 1)
    return start_server(base, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}")


def attributes(span: OtlpSpan) -> dict[str, str | int]:
    values = {entry.key: entry.value for entry in span.attributes}
    return {key: getattr(value, str(value.WhichOneof("value"))) for key, value in values.items()}


def test_a_call_is_one_span_of_the_callers_trace(traced: Any, collector: Collector) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "nope"
    metadata = (("traceparent", TRACEPARENT), ("x-request-id", "r-17"))
    with grpc.insecure_channel(traced.grpc_address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError):
            stub.Predict(request, 5, metadata=metadata)
    traced.call("/v1/models/ctr:predict", BODY, {"traceparent": TRACEPARENT})
    eventually(lambda: len([span for span in collector.spans if span.trace_id.hex() == TRACE_ID]) == 2)
    rpc, rest = (span for span in collector.spans if span.trace_id.hex() == TRACE_ID)
    assert collector.services == {"model"}
    assert rpc.name == "tensorflow.serving.PredictionService/Predict"
    assert (rpc.parent_span_id.hex(), rpc.kind) == (PARENT_ID, OtlpSpan.SPAN_KIND_SERVER)
    assert rpc.start_time_unix_nano < rpc.end_time_unix_nano
    assert rpc.status == Status(code=Status.STATUS_CODE_ERROR, message="Servable not found for request: Latest(nope)")
    assert attributes(rpc) == {
        "rpc.system": "grpc",
        "rpc.service": "tensorflow.serving.PredictionService",
        "rpc.method": "Predict",
        "rpc.grpc.status_code": 5,
        "model.name": "nope",
    }
    assert rest.status == Status()
    assert attributes(rest)["model.version"] == 1
    assert attributes(rest)["http.response.status_code"] == 200

    logged = eventually(lambda: [line for line in traced.lines if line.get("span_id") == rpc.span_id.hex()])[0]
    assert {key: logged[key] for key in ("component", "level", "event", "trace_id", "request_id", "status")} == {
        "component": "model",
        "level": "ERROR",
        "event": "predict",
        "trace_id": TRACE_ID,
        "request_id": "r-17",
        "status": "NOT_FOUND",
    }


def test_a_trace_starts_here_without_a_valid_parent_and_ends_here_if_not_sampled(
    traced: Any, collector: Collector
) -> None:
    before = len(collector.spans)
    traced.call("/v1/models/ctr:predict", BODY, {"traceparent": TRACEPARENT[:-1] + "0"})
    traced.call("/v1/models/ctr:predict", BODY, {"traceparent": "00-zz-zz-01"})
    eventually(lambda: len(collector.spans) > before)
    (span,) = collector.spans[before:]
    assert span.parent_span_id == b""
    assert span.trace_id.hex() != TRACE_ID


@pytest.mark.parametrize("status", [503, 400])
def test_a_collector_that_takes_nothing_delays_nothing_and_has_each_span_once_it_does(
    status: int, tmp_path: Path, push: Any, start_server: Any
) -> None:
    push(tmp_path, "ctr", 1)
    with serving(Collector()) as busy:
        busy.status = status
        server = start_server(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{busy.server_port}")
        for _ in range(20):
            assert server.call("/v1/models/ctr:predict", BODY)[0] == 200
        eventually(lambda: busy.refused_count)
        assert server.call("/v1/models/ctr:predict", BODY)[0] == 200
        busy.status = 200
        eventually(lambda: len(busy.spans) >= 21)
    assert len({span.span_id for span in busy.spans}) == len(busy.spans) == 21


def test_metrics_have_tf_servings_names(tmp_path: Path, push: Any, start_server: Any) -> None:
    push(tmp_path, "ctr", 1)
    server = start_server(tmp_path)
    for _ in range(3):
        server.call("/v1/models/ctr:predict", BODY)
    server.call("/v1/models/nope:predict", BODY)
    with urllib.request.urlopen(server.rest_url + "/monitoring/prometheus/metrics", timeout=PATIENCE_S) as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        lines = response.read().decode().splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert samples[':tensorflow:serving:request_count{model_name="ctr",status="OK"}'] == "3"
    assert samples[':tensorflow:serving:request_count{model_name="nope",status="NOT_FOUND"}'] == "1"
    labels = 'model_name="ctr",API="Predict",entrypoint="REST"'
    buckets = [value for name, value in samples.items() if name.startswith(":tensorflow:serving:request_latency_b")]
    assert samples[f':tensorflow:serving:request_latency_bucket{{{labels},le="+Inf"}}'] == "3"
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="10"}}' in samples
    assert buckets == sorted(buckets, key=int)
    assert len(buckets) == 34
    assert samples[f":tensorflow:serving:request_latency_count{{{labels}}}"] == "3"
    assert 0 < float(samples[f":tensorflow:serving:request_latency_sum{{{labels}}}"]) < 3e6
