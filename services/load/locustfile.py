"""The shoppers as locust runs them: one user per worker, which replays that worker's share of the arrivals.

`locust -f services/load/locustfile.py [--processes N]`. Environment and endpoints: services/README.md.
"""

from __future__ import annotations

import logging
from typing import Any

import gevent
from flask import jsonify, request
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from services.common.control import REFUSED_HEADERS, REFUSED_STATUS, Guard
from services.common.past import shoppers_of
from services.common.run import Run
from services.common.settings import conninfo, system, variable
from services.common.telemetry import Telemetry
from services.load.events import EventWriter
from services.load.replay import Line, Replay
from services.load.shoppers import Crowd

SYSTEM = system()
STEP = SYSTEM.components[SYSTEM.users].steps[0]
KINDS = ("surge", "bots")
GUARD = Guard.of("/healthz")


class Worker:
    """What one worker process is doing."""

    def __init__(self) -> None:
        self.telemetry = Telemetry(SYSTEM.users, variable("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
        self.events = EventWriter(conninfo())
        self.client: Any = None
        self.share = (0, 1)
        self.replay: Replay | None = None
        gevent.spawn(self.events.run)

    def begin(self, document: dict[str, Any]) -> None:
        """Replays a run from now on, in place of any other."""
        self.end()
        while self.client is None:
            gevent.sleep(0.05)
        run = Run.from_json(document)
        assert SYSTEM.world is not None
        crowd = Crowd(shoppers_of(run, SYSTEM.world.seed), run, SYSTEM.load_wobble_ratio)
        line = Line(self.client, self.telemetry, self.events, STEP.name, SYSTEM.entry, STEP.timeout_s)
        self.replay = Replay(crowd, line, *self.share)
        self.replay.start()

    def end(self) -> None:
        """Stops the replay."""
        if self.replay:
            self.replay.stop()

    def surge(self, document: dict[str, Any]) -> None:
        """Changes the arrivals on top of the load."""
        if self.replay:
            self.replay.surge(document["kind"], document["rate_per_s"], document["at_s"])


class Shoppers(FastHttpUser):
    """All shoppers of one worker: they share a client with as many connections as there are requests in flight."""

    host = variable("TARGET_URL", "http://features:8080")
    concurrency = 4000
    connection_timeout = STEP.timeout_s
    network_timeout = STEP.timeout_s
    max_redirects = 0

    @task
    def shop(self) -> None:
        """Lends its client to the replay, which spawns a greenlet per arrival."""
        self.environment.shoppers.client = self.client
        gevent.sleep(3600)


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Registers messages on workers and endpoints where there is a web interface."""
    runner = environment.runner
    assert runner is not None
    if not isinstance(runner, MasterRunner):
        environment.shoppers = worker = Worker()

        def begin(environment: Environment, msg: Any, **_: Any) -> None:
            index = runner.worker_index if isinstance(runner, WorkerRunner) else 0
            worker.share = (index, msg.data["workers_count"])
            worker.begin(msg.data["run"])

        runner.register_message("run", begin, concurrent=True)
        runner.register_message("end", lambda environment, msg, **_: worker.end())
        runner.register_message("surge", lambda environment, msg, **_: worker.surge(msg.data))
    if environment.web_ui:
        _add_routes(environment)


def _add_routes(environment: Environment) -> None:
    """GET /healthz, POST and DELETE /runs, POST /surges. Without the token only health is answered, of locust's too."""
    app, runner = environment.web_ui.app, environment.runner

    @app.before_request
    def admit() -> Any:
        refusal = GUARD.refusal(request.path, request.headers.get("Authorization"))
        return None if refusal is None else (jsonify(refusal), REFUSED_STATUS, REFUSED_HEADERS)

    @app.get("/healthz")
    def health() -> Any:
        workers = runner.worker_count
        return jsonify(status="ok", workers_count=workers), 200 if workers else 503

    @app.post("/runs")
    def start_run() -> Any:
        try:
            run = Run.from_json(request.get_json())
        except (ValueError, TypeError) as error:
            return jsonify(error=str(error)), 400
        workers = runner.worker_count
        if not workers:
            return jsonify(error="no worker is connected"), 503
        if runner.user_count != workers:
            gevent.spawn(runner.start, workers, workers)
        runner.send_message("run", {"run": run.to_json(), "workers_count": workers})
        logging.info("run started: seed %s, %s workers", run.seed, workers)
        return jsonify(workers_count=workers)

    @app.delete("/runs")
    def end_run() -> Any:
        runner.send_message("end", {})
        return jsonify(status="ok")

    @app.post("/surges")
    def surge() -> Any:
        body = request.get_json()
        try:
            rate = body["rate_per_s"]
            message = {"kind": body["kind"], "rate_per_s": rate and float(rate), "at_s": float(body["at_s"])}
        except (KeyError, TypeError, ValueError) as error:
            return jsonify(error=f"expected kind, rate_per_s and at_s: {error}"), 400
        if message["kind"] not in KINDS:
            return jsonify(error=f"kind: expected one of {', '.join(KINDS)}"), 400
        runner.send_message("surge", message)
        return jsonify(message)


@events.quitting.add_listener
def finish(environment: Environment, **_: Any) -> None:
    """Sends the telemetry that is left."""
    if worker := getattr(environment, "shoppers", None):
        worker.end()
        worker.telemetry.close()
