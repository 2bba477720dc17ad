"""What the services' image has to hold: nothing that only recordings, the simulator or training need."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_IN_THE_IMAGE = ("pandas", "pyarrow", "scipy", "sklearn", "simpy", "rich", "ruamel", "docker")
MODULES = ("shop.features.__main__", "shop.feed.__main__", "load.locustfile", "shop.load.population",
           "decisions.payments.__main__", "decisions.features.__main__", "decisions.analysts.__main__",
           "decisions.aggregator.__main__", "decisions.load.population",
           "collector.__main__", "model.__main__", "model.savedmodel", "links.__main__")  # fmt: skip
BLOCKED = """
import importlib, sys
for name in sys.argv[2:]:
    sys.modules[name] = None
importlib.import_module(sys.argv[1])
"""


@pytest.mark.parametrize("module", MODULES)
def test_a_service_starts_without_the_libraries_of_the_lab(module: str) -> None:
    if find_spec("locust") is None or "LAB_PROTO_DIR" not in os.environ:
        pytest.skip("the services' requirements are not installed: make test-services")
    path = os.pathsep.join([str(ROOT), str(Path(os.environ["LAB_PROTO_DIR"]).resolve())])
    command = [sys.executable, "-c", BLOCKED, f"services.{module}", *NOT_IN_THE_IMAGE]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ
        | {"PYTHONPATH": path, "CONTROL_TOKEN": "x", "SYSTEM": "recommender", "TARGET_URL": "http://127.0.0.1:9"},
    )
    assert done.returncode == 0, done.stderr
