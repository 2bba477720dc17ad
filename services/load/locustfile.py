"""The people as locust runs them: one user per worker, which replays that worker's share of the arrivals.

`locust -f services/load/locustfile.py [--processes N]`. Environment and endpoints: services/README.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
from flask import jsonify, request
from gevent.lock import Semaphore
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from lab.agreed.run import Run
from lab.registration.world import loaded
from services.common.control import REFUSED_HEADERS, REFUSED_STATUS, Guard
from services.common.settings import system, variable
from services.common.telemetry import Telemetry
from services.load.people import Population
from services.load.replay import Line, Replay
from services.load.settings import CHANGED_WITHIN_S, Setting, keep

SYSTEM = system()
STEP = SYSTEM.components[SYSTEM.users].steps[0]
KINDS = ("surge", "bots")
GUARD = Guard.of("/healthz")


class Worker:
    """What one worker process is doing."""

    def __init__(self) -> None:
        self.telemetry = Telemetry(SYSTEM.users, variable("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
        self.population: Population = loaded(variable("PEOPLE"))(SYSTEM)
        self.client: Any = None
        self.share = (0, 1)
        self.replay: Replay | None = None
        self._changing = Semaphore()

    def begin(self, document: dict[str, Any]) -> None:
        """Replays a run from now on, in place of any other."""
        with self._changing:
            self.end()
            while self.client is None:
                gevent.sleep(0.05)
            run = Run.from_json(document)
            people = self.population.of(run, SYSTEM.load_wobble_ratio)
            line = Line(self.client, self.telemetry, STEP.name, SYSTEM.entry, STEP.timeout_s)
            self.replay = Replay(people, line, *self.share)
            self.replay.start()

    def end(self) -> None:
        """Stops the replay."""
        if self.replay:
            self.replay.stop()
        self.replay = None

    def surge(self, kind: str, document: dict[str, Any]) -> float | None:
        """Changes the arrivals of a kind on top of the load, and returns their rate."""
        with self._changing:  # of the run that is just beginning, not of the one before
            return self.replay.surge(kind, document["rate_per_s"], document["at_s"]) if self.replay else None

    def change_tastes(self, fraction: float | None) -> float | None:
        """Changes what a share of the people are after, or changes it back (None); the share that is so now."""
        with self._changing:
            return self.replay.change_tastes(fraction) if self.replay else None


class Everybody(FastHttpUser):
    """All people of one worker: they share a client with as many connections as there are requests in flight."""

    host = variable("TARGET_URL")
    concurrency = 4000
    connection_timeout = STEP.timeout_s
    network_timeout = STEP.timeout_s
    max_redirects = 0

    @task
    def come(self) -> None:
        """Lends its client to the replay, which spawns a greenlet per arrival."""
        self.environment.worker.client = self.client
        gevent.sleep(3600)


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Registers messages on workers and endpoints where there is a web interface."""
    runner = environment.runner
    assert runner is not None
    if not isinstance(runner, MasterRunner):
        environment.worker = worker = Worker()

        def begin(environment: Environment, msg: Any, **_: Any) -> None:
            index = runner.worker_index if isinstance(runner, WorkerRunner) else 0
            worker.share = (index, msg.data["workers_count"])
            worker.begin(msg.data["run"])

        runner.register_message("run", begin, concurrent=True)
        runner.register_message("end", lambda environment, msg, **_: worker.end())
        keep(runner, "tastes", worker.change_tastes)
        for kind in KINDS:
            keep(runner, kind, partial(worker.surge, kind))
    if environment.web_ui:
        _add_routes(environment)


def _add_routes(environment: Environment) -> None:
    """GET /healthz, POST and DELETE /runs, and those of `_add_settings`.

    Without the token only health is answered, of locust's own pages too.
    """
    app, runner = environment.web_ui.app, environment.runner
    forget = _add_settings(environment)

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
        forget()
        runner.send_message("run", {"run": run.to_json(), "workers_count": workers})
        logging.info("run started: seed %s, %s workers", run.seed, workers)
        return jsonify(workers_count=workers)

    @app.delete("/runs")
    def end_run() -> Any:
        forget()
        runner.send_message("end", {})
        return jsonify(status="ok")


def _add_settings(environment: Environment) -> Callable[[], None]:
    """GET and POST /surges, GET and PUT /tastes. The result forgets what they were set to."""
    app, runner = environment.web_ui.app, environment.runner
    tastes, surges = Setting(runner, "tastes"), {kind: Setting(runner, kind) for kind in KINDS}

    def forget() -> None:
        for setting in (tastes, *surges.values()):
            setting.forget()

    def unanswered() -> Any:
        return jsonify(error=f"not every worker answered within {CHANGED_WITHIN_S:g} s"), 503

    @app.post("/surges")
    def surge() -> Any:
        body = request.get_json()
        try:
            kind, rate = body["kind"], body["rate_per_s"]
            message = {"rate_per_s": rate and float(rate), "at_s": float(body["at_s"])}
        except (KeyError, TypeError, ValueError) as error:
            return jsonify(error=f"expected kind, rate_per_s and at_s: {error}"), 400
        if kind not in KINDS:
            return jsonify(error=f"kind: expected one of {', '.join(KINDS)}"), 400
        return show_surges() if surges[kind].change(message) else unanswered()

    @app.get("/surges")
    def show_surges() -> Any:
        return jsonify({kind: setting.value for kind, setting in surges.items()})

    @app.get("/tastes")
    def show_tastes() -> Any:
        return jsonify(fraction=tastes.value)

    @app.put("/tastes")
    def change_tastes() -> Any:
        try:
            fraction, lease_s = taste_change(request.get_json())
        except ValueError as error:
            return jsonify(error=str(error)), 400
        return show_tastes() if tastes.change(fraction, lease_s) else unanswered()

    return forget


def taste_change(body: Any) -> tuple[float | None, float | None]:
    """(share, lease) of a request: `{"fraction": 0.3, "lease_s": 10}`, or null. ValueError for anything else."""
    if not isinstance(body, dict) or "fraction" not in body:
        raise ValueError("expected a JSON object with fraction")
    fraction, lease_s = body["fraction"], body.get("lease_s")
    if fraction is not None and not (isinstance(fraction, int | float) and 0 <= fraction <= 1):
        raise ValueError(f"fraction: expected null, or 0 to 1, got {fraction!r}")
    if lease_s is not None and not (isinstance(lease_s, int | float) and lease_s > 0):
        raise ValueError(f"lease_s: expected more than 0, got {lease_s!r}")
    return fraction, lease_s


@events.quitting.add_listener
def finish(environment: Environment, **_: Any) -> None:
    """Sends the telemetry that is left."""
    if worker := getattr(environment, "worker", None):
        worker.end()
        worker.telemetry.close()
