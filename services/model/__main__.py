"""Runs the model server: `python -m services.model`, with TF Serving's flags, and its image's environment.

MODEL_NAME                    the model to serve (default model)
MODEL_BASE_PATH               where MODEL_NAME/VERSION/saved_model.pb is (default /models)
MODEL_HOST                    address to listen on (default 127.0.0.1)
OTEL_EXPORTER_OTLP_ENDPOINT   the collector's base URL for spans (default: none are sent)
OTEL_SERVICE_NAME             the service's name in spans (default model)
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from services.common.telemetry import Telemetry

from .config import ModelConfig, read_config_file
from .errors import ServingError
from .logs import COMPONENT, log
from .observer import Observer
from .rest import Api, RestServer
from .rpc import serve
from .versions import Options, VersionManager


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """TF Serving's flags, as far as they mean something here; a port of 0 is any free one."""
    name = os.environ.get("MODEL_NAME", "model")
    parser = argparse.ArgumentParser(prog="python -m services.model", allow_abbrev=False)
    parser.add_argument("--host", default=os.environ.get("MODEL_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=8500, help="gRPC")
    parser.add_argument("--rest_api_port", type=int, default=8501)
    parser.add_argument("--grpc_max_threads", type=int, default=8)
    parser.add_argument("--model_name", default=name)
    parser.add_argument("--model_base_path", type=Path, help="default $MODEL_BASE_PATH/$MODEL_NAME")
    parser.add_argument("--model_config_file", type=Path, help="text proto; overrides the two before")
    parser.add_argument("--file_system_poll_wait_seconds", type=float, default=1.0)
    parser.add_argument("--max_num_load_retries", type=int, default=5)
    parser.add_argument("--load_retry_interval_micros", type=int, default=60_000_000)
    parser.add_argument("--allow_version_labels_for_unavailable_models", action="store_true")
    found = parser.parse_args(arguments)
    if found.model_base_path is None:
        found.model_base_path = Path(os.environ.get("MODEL_BASE_PATH", "/models"), name)
    return found


def main() -> int:
    """Serves until SIGTERM or SIGINT: exit code 0. 2 when the configuration or an address cannot be used."""
    arguments = parse_arguments()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    service_name = os.environ.get("OTEL_SERVICE_NAME", COMPONENT)
    telemetry = Telemetry(service_name, os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    observer = Observer(log, telemetry)
    options = Options(
        poll_s=arguments.file_system_poll_wait_seconds,
        load_retries_max=arguments.max_num_load_retries,
        load_retry_s=arguments.load_retry_interval_micros / 1e6,
        labels_may_be_early=arguments.allow_version_labels_for_unavailable_models,
    )
    manager = VersionManager(log, options)
    try:
        _configure(manager, arguments)
        rest = RestServer((arguments.host, arguments.rest_api_port), Api(manager, observer))
        address = f"{arguments.host}:{arguments.port}"
        grpc_server, grpc_port = serve(manager, observer, log, address, arguments.grpc_max_threads)
    except (OSError, RuntimeError, ServingError, ValueError) as error:
        log("start_failed", level="ERROR", error=str(error))
        return 2
    manager.start()
    threading.Thread(target=rest.serve_forever, name="rest", daemon=True).start()
    log("ready", grpc_port=grpc_port, rest_port=rest.server_address[1])
    stop.wait()
    log("stopping")
    grpc_server.stop(grace=1.0).wait()
    rest.shutdown()
    manager.stop()
    telemetry.close()
    return 0


def _configure(manager: VersionManager, arguments: argparse.Namespace) -> None:
    if arguments.model_config_file:
        models = read_config_file(arguments.model_config_file)
    else:
        models = [ModelConfig(arguments.model_name, arguments.model_base_path)]
    try:
        manager.configure(models)
    except ServingError as error:
        if error.code != "UNKNOWN":
            raise
        log("waiting_for_versions", level="WARNING", error=str(error))  # pushed before or after, all the same


if __name__ == "__main__":
    sys.exit(main())
