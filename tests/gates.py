"""An engine that answers some questions at once and holds the others until it is let go: a test chooses the moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.waiting import PATIENCE_S

HEALTHY = b'{"schema_version": 1, "verdict": "healthy"}'


class Gate:
    """The state of such an engine. `free`: how many questions it still answers at once; `engine` is its spec."""

    def __init__(self) -> None:
        self.free = 0
        self.engine = ""
        self.asked = self.waiting = 0
        """How many questions came, and how many of them are held."""
        self._changed = threading.Condition()

    def pass_or_wait(self) -> None:
        """Returns when a question is to be answered."""
        with self._changed:
            self.asked += 1
            if self.free > 0:
                self.free -= 1
                return
            self.waiting += 1
            self._changed.wait_for(lambda: self.free > 0, PATIENCE_S)
            self.waiting -= 1

    def open(self) -> None:
        """From now on every question is answered at once, also those that are held."""
        with self._changed:
            self.free = 1_000_000
            self._changed.notify_all()


@contextmanager
def gated_engine() -> Iterator[Gate]:
    """A gate in front of an engine that calls everything healthy, as a service on loopback."""
    gate = Gate()

    class Engine(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            gate.pass_or_wait()
            self.send_response(200)
            self.send_header("Content-Length", str(len(HEALTHY)))
            self.end_headers()
            self.wfile.write(HEALTHY)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # who asked was killed
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    gate.engine = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield gate
    finally:
        gate.open()
        server.shutdown()
        server.server_close()
