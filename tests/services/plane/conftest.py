"""The stack's Python services on loopback with the real database, cache and model server.

Skipped without PostgreSQL or Redis binaries, or without the services' libraries (see LAB_PROTO_DIR in the tests of the
model server for the protocol's generated modules).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.services.plane import bench, servers

if servers.PROTO_DIR:
    sys.path.insert(0, servers.PROTO_DIR)
NEEDED = (
    "aiohttp",
    "fastapi",
    "grpc",
    "locust",
    "opentelemetry.exporter",
    "prometheus_client",
    "psycopg",
    "redis",
    "tenacity",
    "tensorflow.core.framework",
    "tensorflow_serving",
    "uvicorn",
    "uvloop",
)


def missing() -> str:
    """Why the tests cannot run, or nothing."""

    def absent(name: str) -> bool:
        try:
            return find_spec(name) is None
        except ModuleNotFoundError:  # a parent package is absent
            return True

    return ", ".join(filter(None, [servers.missing_parts(), *(name for name in NEEDED if absent(name))]))


class SkippedModule(pytest.Module):
    """A test module that is not even imported."""

    def collect(self) -> Any:
        pytest.skip(f"not installed: {missing()}", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Test modules here import what may be missing."""
    return SkippedModule.from_parent(parent, path=module_path) if missing() else None


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bench.Stack]:
    """Everything together, started once."""
    with bench.stack(tmp_path_factory.mktemp("plane")) as found:
        yield found


@pytest.fixture(scope="session")
def call() -> Any:
    """Makes HTTP calls: status and JSON body."""
    return bench.call


@pytest.fixture
def redis_client(stack: bench.Stack) -> Iterator[Any]:
    """A client of the cache, past the fault proxy."""
    import redis

    with redis.Redis(port=stack.cache_port, password=servers.PASSWORD) as client:
        yield client
