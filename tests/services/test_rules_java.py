"""The Java rules service: built and unit-tested with the JDK, then asked over HTTP as the feature service asks it."""

from __future__ import annotations

import http.client
import json
import os
import queue
import shutil
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab.worlds.decisions import rules
from tests.waiting import PATIENCE_S, eventually, least_s, took_s

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "rules.json"
RULES = "/v1/rules/apply"
ITEM = {"item_id": 17, "score": 0.5, "category": 3, "stock_count": 4, "min_age_years": 0, "margin_ratio": 0.2}
REQUEST = {"user": {"age_years": 34}, "items": [ITEM], "limit": 5}
TRACE, UNSAMPLED, SPAN = "0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

pytestmark = pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK 17 (javac is not on the PATH)")


class Collector(BaseHTTPRequestHandler):
    """Takes OTLP over HTTP and keeps it."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.put((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the test's output clean."""


class Service:
    """The service's process: its port, its log lines, its configuration file."""

    def __init__(self, jar: Path, config: Path, collector_port: int, world: str = "shop") -> None:
        self.config = config
        environment = {
            **os.environ,
            "WORLD": world,
            "RULES_PORT": "0",
            "RULES_CONFIG": str(config),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector_port}",
        }
        command = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", str(jar)]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.port = self.log_line(message="ready")["port"]

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(json.loads(line))

    def log_line(self, **fields: Any) -> dict[str, Any]:
        """The next log line with these fields; queue.Empty when none comes."""
        while True:
            line = self._lines.get(timeout=PATIENCE_S)
            if fields.items() <= line.items():
                return line

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """One request on a connection of its own: status, JSON or text, headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(text) if is_json else text, dict(answer.headers)

    def apply(self, body: Any, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Asks for a ranking."""
        return self.call("POST", RULES, body, **headers)

    def configure(self, thresholds: str) -> None:
        """Replaces the configuration file as a deployment does: written aside, then renamed."""
        aside = self.config.with_suffix(".new")
        aside.write_text(thresholds, encoding="utf-8")
        aside.rename(self.config)
        time.sleep(0.25)  # a request finds it that comes 200 ms after the last look

    def metrics(self) -> dict[str, float]:
        """Samples by name and labels."""
        lines = self.call("GET", "/metrics")[1].splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the service and runs its unit tests."""
    out = tmp_path_factory.mktemp("rules")
    command = [str(ROOT / "services" / "rules" / "build.sh"), str(out), str(GOLDEN)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("ok: ")
    return out / "rules.jar"


@pytest.fixture(scope="module")
def collector() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        server.received = queue.Queue()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def running(jar: Path, collector: ThreadingHTTPServer) -> Iterator[Service]:
    config = jar.parent / "thresholds.json"
    config.write_text("{}", encoding="utf-8")
    service = Service(jar, config, collector.server_port)
    yield service
    service.process.terminate()
    service.process.wait(timeout=PATIENCE_S)


@pytest.fixture
def service(running: Service) -> Iterator[Service]:
    """The service with default thresholds."""
    yield running
    if running.config.read_text(encoding="utf-8") != "{}":
        running.configure("{}")


def test_golden_vectors_over_http(service: Service) -> None:
    vectors = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
    by_thresholds: dict[str, list[dict[str, Any]]] = {}
    for vector in vectors:
        by_thresholds.setdefault(json.dumps(vector["thresholds"]), []).append(vector)
    versions = set()
    for thresholds, group in by_thresholds.items():
        service.configure(thresholds)
        for vector in group:
            status, answer, _ = service.apply(vector["request"])
            assert status == 200, vector["name"]
            versions.add(answer.pop("rules_version"))
            assert answer == vector["expected"], vector["name"]
    assert len(versions) == len(by_thresholds)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON parse error: unexpected end at character 0"),
        (b'{"user": {', "JSON parse error: expected a string at character 10"),
        (b'"\xff"', "JSON parse error: not UTF-8"),
        ([], "Validation failed: body: expected an object, got []"),
        ({**REQUEST, "limit": 0}, "Validation failed: limit: expected an integer from 1 to 100, got 0"),
        ({"user": {}, "items": [], "limit": 1}, "Validation failed: user.age_years: missing"),
        ({**REQUEST, "debug": True}, "Validation failed: debug: unknown field"),
        (
            {**REQUEST, "items": [{**ITEM, "stock_count": "4"}]},
            'Validation failed: items[0].stock_count: expected an integer from -2147483648 to 2147483647, got "4"',
        ),
        (
            {**REQUEST, "items": [{**ITEM, "margin_ratio": None}]},
            "Validation failed: items[0].margin_ratio: expected a number from -1000000.0 to 1000000.0, got null",
        ),
    ],
)
def test_bad_input_is_answered_with_a_java_style_error(service: Service, body: Any, message: str) -> None:
    status, answer, _ = service.apply(body)
    assert status == 400
    assert list(answer) == ["timestamp", "status", "error", "message", "path"]
    assert (answer["status"], answer["error"], answer["path"]) == (400, "Bad Request", RULES)
    assert answer["message"] == message


def test_other_methods_paths_and_types_have_their_status(service: Service) -> None:
    status, _, headers = service.call("GET", RULES)
    assert (status, headers["Allow"]) == (405, "POST")
    assert service.call("POST", "/v1/rules/apply/more", {})[0] == 404
    assert service.call("GET", "/nothing")[1]["path"] == "/nothing"
    assert service.apply(REQUEST, **{"Content-Type": "text/plain"})[0] == 415
    assert service.apply(b" " * 1_050_000)[0] == 413
    assert service.call("GET", "/healthz")[:2] == (200, {"status": "ok"})


def test_the_trace_goes_on_in_the_log_and_in_the_exported_span(service: Service, collector: Any) -> None:
    assert service.apply(REQUEST, traceparent=f"00-{UNSAMPLED}-{SPAN}-00")[0] == 200
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": "req-1"}
    status, _, answered = service.apply(REQUEST, **headers)
    assert status == 200
    assert answered["X-request-id"] == "req-1"
    line = service.log_line(request_id="req-1")
    assert (line["component"], line["trace_id"], line["status"]) == ("rules", TRACE, 200)
    assert line["duration_s"] > 0
    assert answered["Traceresponse"] == f"00-{TRACE}-{line['span_id']}-01"

    span = None
    while span is None or span["spanId"] != line["span_id"]:
        path, document = collector.received.get(timeout=PATIENCE_S)
        assert path == "/v1/traces"
        (resource,) = document["resourceSpans"]
        (attribute,) = resource["resource"]["attributes"]
        assert attribute == {"key": "service.name", "value": {"stringValue": "rules"}}
        spans = {span["spanId"]: span for span in resource["scopeSpans"][0]["spans"]}
        assert UNSAMPLED not in {span["traceId"] for span in spans.values()}
        span = spans.get(line["span_id"])
    assert (span["traceId"], span["parentSpanId"], span["kind"]) == (TRACE, SPAN, 2)
    assert span["name"] == f"POST {RULES}"
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == pytest.approx(line["duration_s"] * 1e9)
    assert {"key": "http.response.status_code", "value": {"intValue": "200"}} in span["attributes"]


def test_a_failed_request_is_logged_with_its_reason(service: Service) -> None:
    assert service.apply({**REQUEST, "limit": 0}, **{"X-Request-Id": "req-2"})[0] == 400
    line = service.log_line(request_id="req-2")
    assert (line["level"], line["status"]) == ("ERROR", 400)
    assert "limit: expected an integer" in line["error"]
    assert len(line["trace_id"]) == 32


def test_changed_thresholds_are_read_again(service: Service) -> None:
    before = service.apply(REQUEST)[1]
    assert before["items"] == [17]
    service.configure('{"min_stock": 5}')
    after = service.apply(REQUEST)[1]
    assert (after["items"], after["removed"]) == ([], {"stock": 1, "age": 0})
    assert after["rules_version"] != before["rules_version"]
    service.configure('{"min_stock": ')
    assert service.apply(REQUEST)[1] == after
    while "thresholds not reloaded" not in service.log_line(level="ERROR", component="rules").get("message", ""):
        pass  # a line of an earlier request that failed
    service.configure("{}")
    assert service.apply(REQUEST)[1] == before


def test_metrics_count_requests_errors_and_durations(service: Service) -> None:
    labels = f'route="{RULES}"'
    before, began_s = service.metrics(), time.monotonic()
    assert service.apply(REQUEST)[0] == 200
    assert service.apply({})[0] == 400
    count = f"http_server_request_duration_seconds_count{{{labels}}}"
    # A request is counted once it is answered.
    eventually(lambda: service.metrics().get(count, 0.0) - before.get(count, 0.0) == 2)
    waited_s = time.monotonic() - began_s
    after = service.metrics()

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0.0)

    assert grown(f'http_server_request_count{{{labels},status="200"}}') == 1
    assert grown(f'http_server_request_count{{{labels},status="400"}}') == 1
    assert grown(f"http_server_request_errors{{{labels}}}") == 1
    assert grown(count) == 2
    assert grown(f'http_server_request_duration_seconds_bucket{{{labels},le="+Inf"}}') == 2
    assert 0 < grown(f"http_server_request_duration_seconds_sum{{{labels}}}") < waited_s
    assert after["process_cpu_seconds_total"] > 0


def test_answers_on_a_kept_connection_do_not_wait_for_nagle(service: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
    body = json.dumps({**REQUEST, "items": [{**ITEM, "item_id": n} for n in range(20)]})

    def ask() -> None:
        connection.request("POST", RULES, body, {"Content-Type": "application/json"})
        connection.getresponse().read()

    # Half of sixty: the first segments of a connection are acknowledged at once in any case.
    least_s(lambda: statistics.median(took_s(ask) for _ in range(60)), below_s=0.02)  # 40 ms with it
    connection.close()


def test_an_unusable_configuration_ends_with_code_2_and_the_reason(jar: Path) -> None:
    missing = str(jar.parent / "missing.json")
    environment = {**os.environ, "WORLD": "shop", "RULES_CONFIG": missing, "RULES_PORT": "0"}
    command = ["java", "-jar", str(jar)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert result.returncode == 2
    assert missing in result.stderr


def test_payments_are_decided_as_by_the_python_twin(jar: Path, collector: ThreadingHTTPServer, tmp_path: Path) -> None:
    config = tmp_path / "thresholds.json"
    config.write_text(json.dumps({"review_micro": 80_000, "decline_micro": 400_000, "blocked": [7, 12]}))
    thresholds = rules.Thresholds(blocked=(7, 12))
    service = Service(jar, config, collector.server_port, "decisions")
    try:
        decided = Counter[str]()
        for score in (-1, 0, 79_999, 80_000, 80_001, 399_999, 400_000, 400_001, 1_000_000):
            for merchant in (0, 7, 11, 12):
                status, answer, _ = service.call(
                    "POST", "/v1/rules/decide", {"score_micro": score, "merchant": merchant}
                )
                assert status == 200
                assert answer["decision"] == rules.DECISIONS[rules.decide(score, merchant, thresholds)]
                decided[answer["decision"]] += 1
        assert decided.keys() == set(rules.DECISIONS)
        # A request is counted once it is answered.
        eventually(lambda: {r: service.metrics().get(f'rules_count{{reason="{r}"}}') for r in decided} == decided)
        assert service.call("POST", RULES, REQUEST)[0] == 404
    finally:
        service.process.terminate()
        service.process.wait(timeout=PATIENCE_S)


def test_rules_of_no_world_end_with_code_2_and_the_reason(jar: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "WORLD"}
    ended = subprocess.run(
        ["java", "-jar", str(jar)], env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert ended.returncode == 2
    assert "WORLD: expected shop or decisions, got ''" in ended.stderr
