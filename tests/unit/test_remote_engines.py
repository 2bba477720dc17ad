"""Engines behind a URL: what they are sent, and what an answer that is none says."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lab.engines.host import EngineHost
from lab.engines.options import EngineOptions
from tests.engine_hosts import culprit, reason
from tests.engine_plugins import ANSWER
from tests.waiting import PATIENCE_S


class Remote(BaseHTTPRequestHandler):
    """Answers with what it was sent, or badly, by path."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/slow":
            time.sleep(2)
        if self.path == "/moved":
            self.send_response(307)
            self.send_header("Location", "/diagnose")
            self.end_headers()
            return
        if self.path == "/full":
            self.send_error(503, "queue full")
            return
        if self.path == "/truncated":
            whole = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(whole) + 3))
            self.end_headers()
            self.wfile.write(whole)
            return
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            received = {
                "type": self.headers["Content-Type"],
                "names": sorted(archive.getnames()),
                "mtimes": sorted({entry.mtime for entry in archive}),
            }
        finding = {**ANSWER["findings"][0], "culprit": json.dumps(received)}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>" if self.path == "/page" else json.dumps({**ANSWER, "findings": [finding]}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def remote(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Remote)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_http_engine_gets_observed_as_an_archive(host, observed, remote):
    received = json.loads(culprit(host.diagnose(f"{remote}/diagnose", observed)))
    assert received["type"] == "application/gzip"
    assert received["names"][0] == "observed"
    assert "observed/system.json" in received["names"]
    assert received["mtimes"] == [0]


def test_an_http_engine_that_breaks_says_why(observed, remote):
    with EngineHost(EngineOptions(timeout_s=PATIENCE_S)) as host:
        assert "answered HTTP 503: " in reason(host.diagnose(f"{remote}/full", observed))
        moved = "answered HTTP 307: redirects to /diagnose, which is not followed; name that URL"
        assert reason(host.diagnose(f"{remote}/moved", observed)) == moved
        assert reason(host.diagnose(f"{remote}/page", observed)).startswith("answered nonsense: not JSON")
        cut_off = "broke off: the answer is cut off, 3 bytes are missing"
        assert reason(host.diagnose(f"{remote}/truncated", observed)) == cut_off
        assert host.isolation(f"{remote}/truncated").by == "remote"
        assert reason(host.diagnose("http://127.0.0.1:1/", observed)).startswith("cannot be reached")
    with EngineHost(EngineOptions(timeout_s=0.5)) as host:
        assert reason(host.diagnose(f"{remote}/slow", observed)) == "timed out after 0.5 s"
