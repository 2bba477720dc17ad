"""One component as a process: it works for a while, calls what its steps say, answers, and writes spans.

python -m chaos_lab_processes.component FD CONFIG: serves the listening socket FD; CONFIG is JSON (see `Config`).
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypedDict

HOST = "127.0.0.1"


class Step(TypedDict):
    """A call that a component makes for each request; `port` is the callee's."""

    name: str
    call: str
    port: int
    timeout_s: float
    retries: int


class Config(TypedDict):
    """What a component is: `spans` is the file that its spans are appended to, a JSON object a line."""

    name: str
    steps: list[Step]
    service_time_s: float
    spans: str


class Spans:
    """Appends spans to a file, whole lines at once, so that a reader sees no half of one for long."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", buffering=1, encoding="utf-8")  # noqa: SIM115  # open as long as the process lives
        self._lock = threading.Lock()

    def write(self, **span: Any) -> None:
        with self._lock:
            self._file.write(json.dumps(span) + "\n")


def call(step: Step, caller: str, trace: str, parent: str | None, spans: Spans) -> str:
    """Calls another component, again where it may; the last attempt's status, as spans name it."""
    status = "error"
    for attempt in range(step["retries"] + 1):
        span = new_id()
        began_s = time.time()
        status = _attempt(step, trace, span, caller)
        spans.write(
            start=began_s, end=time.time(), trace=trace, span=span, parent=parent, service=caller, peer=step["call"],
            kind="client", name=step["name"], status=status, attempt=attempt,
        )  # fmt: skip
        if status == "ok":
            break
    return status


def _attempt(step: Step, trace: str, span: str, caller: str) -> str:
    connection = http.client.HTTPConnection(HOST, step["port"], timeout=step["timeout_s"])
    headers = {"X-Trace": trace, "X-Span": span, "X-Caller": caller, "X-Step": step["name"]}
    try:
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return "ok" if answer.status == 200 else "error"
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except (OSError, http.client.HTTPException):
        return "reset"
    finally:
        connection.close()


def new_id() -> str:
    return f"{random.getrandbits(64):016x}"


def serve(listening: socket.socket, config: Config) -> None:
    """Serves until the process is ended."""
    spans = Spans(config["spans"])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            began_s, span, trace = time.time(), new_id(), self.headers["X-Trace"]
            time.sleep(random.expovariate(1 / config["service_time_s"]) if config["service_time_s"] else 0)
            answers = (call(step, config["name"], trace, span, spans) for step in config["steps"])
            failed = any(status != "ok" for status in answers)
            try:
                self.send_response(502 if failed else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                pass  # the caller has given up
            spans.write(
                start=began_s, end=time.time(), trace=trace, span=span, parent=self.headers["X-Span"],
                service=config["name"], peer=self.headers["X-Caller"], kind="server", name=self.headers["X-Step"],
                status="dependency_failed" if failed else "ok", attempt=0,
            )  # fmt: skip

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.serve_forever()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2]))
