"""The server in operation: versions pushed while it serves, and what it lets be observed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
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
        self.spans: list[dict[str, Any]] = []
        self.services: set[str] = set()


class CollectorHandler(BaseHTTPRequestHandler):
    """POST /v1/traces."""

    server: Collector

    def do_POST(self) -> None:
        assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/json")
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in document["resourceSpans"]:
            self.server.services |= {entry["value"]["stringValue"] for entry in resource["resource"]["attributes"]}
            self.server.spans += [span for scope in resource["scopeSpans"] for span in scope["spans"]]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    server = Collector()
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


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {entry["key"]: next(iter(entry["value"].values())) for entry in span["attributes"]}


def test_a_call_is_one_span_of_the_callers_trace(traced: Any, collector: Collector) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "nope"
    metadata = (("traceparent", TRACEPARENT), ("x-request-id", "r-17"))
    with grpc.insecure_channel(traced.grpc_address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError):
            stub.Predict(request, 5, metadata=metadata)
    traced.call("/v1/models/ctr:predict", BODY, {"traceparent": TRACEPARENT})
    eventually(lambda: len([span for span in collector.spans if span["traceId"] == TRACE_ID]) == 2)
    rpc, rest = (span for span in collector.spans if span["traceId"] == TRACE_ID)
    assert collector.services == {"model"}
    assert rpc["name"] == "tensorflow.serving.PredictionService/Predict"
    assert (rpc["parentSpanId"], rpc["kind"]) == (PARENT_ID, 2)
    assert int(rpc["startTimeUnixNano"]) < int(rpc["endTimeUnixNano"])
    assert rpc["status"] == {"code": 2, "message": "Servable not found for request: Latest(nope)"}
    assert attributes(rpc) == {
        "rpc.system": "grpc",
        "rpc.service": "tensorflow.serving.PredictionService",
        "rpc.method": "Predict",
        "rpc.grpc.status_code": "5",
        "model.name": "nope",
    }
    assert rest["status"] == {"code": 0}
    assert attributes(rest)["model.version"] == "1"
    assert attributes(rest)["http.response.status_code"] == "200"

    logged = eventually(lambda: [line for line in traced.lines if line.get("span_id") == rpc["spanId"]])[0]
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
    assert "parentSpanId" not in span
    assert span["traceId"] != TRACE_ID


def test_a_collector_that_is_away_delays_nothing(tmp_path: Path, push: Any, start_server: Any) -> None:
    push(tmp_path, "ctr", 1)
    server = start_server(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    for _ in range(20):
        assert server.call("/v1/models/ctr:predict", BODY)[0] == 200
    dropped = eventually(lambda: [line for line in server.lines if line["event"] == "spans_dropped"])
    assert dropped[0]["dropped_count"] >= 1
    assert server.call("/v1/models/ctr:predict", BODY)[0] == 200


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
