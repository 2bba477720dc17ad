"""Click models on disk, and the model server as a process of its own.

The tests need grpcio, protobuf and TensorFlow Serving's generated modules, and are skipped without them. The modules
come from the directory LAB_PROTO_DIR, filled by `python -m services.model.protos $LAB_PROTO_DIR`, or from an installed
`stack` extra.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.worlds.shop.features import INPUT_NAMES
from lab.worlds.shop.training import Model
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
PROTO_DIR = os.environ.get("LAB_PROTO_DIR", "")
sys.path[:0] = [PROTO_DIR] if PROTO_DIR else []
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))
NEEDED = ("grpc", "google.protobuf", "opentelemetry.exporter", "tensorflow", "tensorflow_serving")


def missing_modules() -> str:
    """Why the tests cannot run, or nothing."""

    def absent(name: str) -> bool:
        try:
            return find_spec(name) is None
        except ModuleNotFoundError:  # a parent package is absent
            return True

    names = [name for name in NEEDED if absent(name)]
    hint = "see LAB_PROTO_DIR in tests/services/model/conftest.py"
    return f"not installed: {', '.join(names)}; {hint}" if names else ""


class SkippedModule(pytest.Module):
    """A test module that is not even imported."""

    def collect(self) -> Any:
        if os.environ.get("LAB_TENSORFLOW_PYTHON"):  # asked for: make test-tensorflow
            pytest.fail(missing_modules())
        pytest.skip(missing_modules(), allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Test modules here import what may be missing."""
    return SkippedModule.from_parent(parent, path=module_path) if missing_modules() else None


def click_model(seed: int) -> Model:
    """An untrained model with numbers of the usual sizes."""
    draw = np.random.default_rng(seed)
    width = len(INPUT_NAMES)
    return Model(
        mean=np.round(draw.normal(0, 2, width), 9),
        scale=np.round(draw.uniform(0.1, 3, width), 9),
        weights=np.round(draw.normal(0, 0.5, width), 9),
        intercept=float(np.round(draw.normal(-2, 0.5), 9)),
        metrics={},
        window=seed,
        rows_count=0,
        sample_vectors=np.empty((0, 0)),
        sample_inputs=np.empty((0, width)),
        sample_clicked=np.empty(0),
    )


@pytest.fixture(scope="session")
def make_model() -> Callable[[int], Model]:
    """Models by seed."""
    return click_model


@pytest.fixture(scope="session")
def push() -> Callable[[Path, str, int], Path]:
    """Pushes click_model(version) below a base path, as BASE/NAME/VERSION."""
    from services.model import savedmodel

    def push_version(base: Path, name: str, version: int) -> Path:
        return savedmodel.push(base, name, version, savedmodel.encode(click_model(version).registry_entry(version)))

    return push_version


class ModelServer:
    """The server's process; `lines` are what it logged."""

    def __init__(self, base: Path, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "services.model", "--port=0", "--rest_api_port=0", *arguments]
        variables = {**os.environ, "MODEL_BASE_PATH": str(base), "MODEL_NAME": "ctr", **environment}
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, (PROTO_DIR, str(ROOT), os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)
        self.lines: list[dict[str, Any]] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(PATIENCE_S), self.lines
        ready = next(line for line in self.lines if line["event"] == "ready")
        self.grpc_address = f"127.0.0.1:{ready['grpc_port']}"
        self.rest_url = f"http://127.0.0.1:{ready['rest_port']}"

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == "ready":
                self._ready.set()

    def call(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """GET, or POST with a body; returns the status and the parsed answer."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.rest_url + path, data, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def close(self) -> int:
        """Ends the process as Docker would, and returns its exit code."""
        self.process.terminate()
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code


@pytest.fixture(scope="session")
def start_server() -> Iterator[Callable[..., ModelServer]]:
    """Starts servers, and ends them after all tests."""
    servers: list[ModelServer] = []

    def start(base: Path, *arguments: str, **environment: str) -> ModelServer:
        servers.append(ModelServer(base, *arguments, **environment))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.close()


@pytest.fixture(scope="session")
def served(
    tmp_path_factory: pytest.TempPathFactory,
    push: Callable[[Path, str, int], Path],
    start_server: Callable[..., ModelServer],
) -> ModelServer:
    """A server with versions 3 and 4 of `ctr`, that no test changes; label `stable` is 3."""
    base = tmp_path_factory.mktemp("served")
    for version in (3, 4):
        push(base, "ctr", version)
    config = base / "models.config"
    config.write_text(
        f"""model_config_list {{ config {{
        name: "ctr" base_path: "{base}/ctr" model_platform: "tensorflow"
        model_version_policy {{ specific {{ versions: 3 versions: 4 }} }}
        version_labels {{ key: "stable" value: 3 }} }} }}"""
    )
    return start_server(base, f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models")
