"""The official model server's overlay, with a stand-in: an image of its environment, flags and ports, without Python.

tensorflow/serving itself is a public image that tests do without. What it loads is tested on TensorFlow
(tests/services/model/test_tensorflow.py), how its metrics are read in tests/services/plane/test_serving_metrics.py, and
what the overlay changes in test_compose_file.py. So what takes the image is run before a release.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.contracts import Outcome
from lab.injection.levers import ModelDeploy
from lab.recording.observed import load_observed
from lab.recording.opening import open_run
from lab.recording.rundir import RunDirectory
from lab.signals import load_signals
from lab.testbeds.stack.session import SERVING_IMAGE, Session
from tests.stack import stand_ins
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
TIME_SCALE = "6"


def lab(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab", *words], cwd=ROOT, check=False, capture_output=True, text=True, env=os.environ,
        timeout=10 * PATIENCE_S,
    )  # fmt: skip


def status() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lab("stack", "status", "--json").stdout)
    return found


@pytest.fixture(scope="module")
def stand_in(stack: Session) -> Iterator[str]:
    """The stand-in's image, named to the overlay."""
    name = stand_ins.build(stack.compose)
    before = os.environ.get(SERVING_IMAGE)
    os.environ[SERVING_IMAGE] = name
    yield name
    os.environ.pop(SERVING_IMAGE)
    if before is not None:
        os.environ[SERVING_IMAGE] = before
    stand_ins.remove(stack.compose)


@pytest.fixture(scope="module")
def official(stack: Session, stand_in: str) -> Iterator[Session]:
    """The stack with the stand-in as its model server; the last test that asks for it brings the lab's own back."""
    came_up = lab("stack", "up", "--model-server", "tensorflow")
    try:
        assert came_up.returncode == 0, came_up.stderr
        yield stack
    finally:
        with stack.lock.held():
            stack.up(build=False, model_server="lab")


@pytest.mark.slow
def test_versions_go_through_the_publisher_and_the_model_has_no_python(official: Session) -> None:
    document = status()
    assert document["model_server"] == "tensorflow"
    assert document["services"]["publisher"] == "healthy"
    model = official.compose.container("model")
    for name in ("python", "python3", "/usr/bin/python3", "/opt/venv/bin/python"):
        code, output = model.exec_run([name, "-c", "0"])
        assert code in (126, 127), output
    assert model.image.tags[0].startswith(f"{official.compose.project}-tensorflow-serving:")
    assert official.compose.publisher() == "publisher"
    with official.lock.held():
        official.reset_versions()
        before = official.levers.versions.served()
        bad = ModelDeploy(training="corrupted-labels", corrupted=0.9)
        with official.testbed.pull("model", bad):
            assert official.levers.versions.served() == before + 1
        assert official.levers.versions.served() == before
        assert official.journal.open_undos() == []
    left = official.compose.execute("model", ["ls", "/models/model"]).split()
    assert left == [str(version) for version in range(1, before + 1)]


@pytest.mark.slow
def test_the_collector_reads_the_servers_own_metrics(official: Session) -> None:
    program = (
        "import aiohttp, asyncio, json, os\n"
        "from services.collector.serving_metrics import ServingMetrics\n"
        "async def main():\n"
        "    metrics = ServingMetrics('model', os.environ['MODEL_METRICS_URL'])\n"
        "    async with aiohttp.ClientSession() as session:\n"
        "        await metrics.sample(session, 1)\n"
        "        body = {'instances': [[0.0] * 14] * 2}\n"
        "        for _ in range(3):\n"
        "            await session.post('http://model:8501/v1/models/model:predict', json=body)\n"
        "        await session.post('http://model:8501/v1/models/model:predict', json={'instances': [[0.0]]})\n"
        "        print(json.dumps(await metrics.sample(session, 2)))\n"
        "asyncio.run(main())\n"
    )
    document = json.loads(official.compose.execute("collector", ["python", "-c", program]))
    found = {metric: value for _, metric, value in document}
    assert found["server.request.count"] == 4
    assert found["server.error.count"] == 1
    assert 0 < found["server.request.duration.p50"] <= found["server.request.duration.p95"] < 1


@pytest.mark.slow
def test_the_labs_own_server_comes_back_with_the_same_versions(official: Session, stack: Session) -> None:
    with stack.lock.held():
        served = stack.levers.versions.served()
    came_up = lab("stack", "up", "--no-build")
    assert came_up.returncode == 0, came_up.stderr
    assert "the model server is tensorflow; lab takes its place" in came_up.stderr
    document = status()
    assert document["model_server"] == "lab"
    assert "publisher" not in document["services"]
    assert "publisher" not in stack.compose.containers()
    assert stack.compose.publisher() == "model"
    assert stack.levers.versions.served() == served
    stack.compose.execute("model", ["python", "-c", "0"])


def test_where_the_image_cannot_be_had_it_says_what_to_do(stack: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVING_IMAGE, "127.0.0.1:1/no-such-image:0")
    failed = lab("stack", "up", "--model-server", "tensorflow")
    assert failed.returncode == 3
    assert "Traceback" not in failed.stderr
    assert "LAB_TENSORFLOW_SERVING_IMAGE" in failed.stderr
    assert status()["model_server"] == "lab"


@pytest.mark.slow
def test_a_deploy_is_recorded_blamed_and_reverted_and_the_labs_own_server_is_back(
    stack: Session, stand_in: str, tmp_path: Path
) -> None:
    words = ("run", "recommender/deploy-regression", "--seed", "21", "--testbed", "stack", "--time-scale", TIME_SCALE)
    run = None
    for _ in range(2):  # once more where the machine disturbed it
        done = lab(*words, "--model-server", "tensorflow", "--runs-dir", str(tmp_path), "--fresh", "--json")
        run = next(iter(runs_in(tmp_path)), None)
        assert run is not None, done.stderr
        if not run.inconclusive_because:
            break
    assert run is not None
    assert status()["model_server"] == "lab"
    assert "publisher" not in stack.compose.containers()
    assert run.meta["model_server"] == "tensorflow"
    if run.inconclusive_because:
        pytest.skip(run.inconclusive_because)
    shows_sums_and_no_spans(run)
    (grades,) = [grades for engine, grades in run.grades().items() if engine == "rules"]
    assert {grade.outcome for grade in grades} <= {Outcome.PASS}, grades
    assert done.returncode == 0, done.stderr


def runs_in(root: Path) -> list[RunDirectory]:
    return [open_run(path.parent) for path in root.rglob("run.json")]


def shows_sums_and_no_spans(run: RunDirectory) -> None:
    observed = load_observed(run.observed)
    assert observed.system["components"]["model"]["telemetry"] == "metrics"
    spans = observed.frame("spans")
    assert not ((spans["service.name"] == "model") & (spans["span.kind"] == "server")).any()
    signals = load_signals(run.observed)
    assert signals.get("own_error_ratio", "model") is None
    arrived = signals.get("arrival_ratio", "model")
    assert arrived is not None
    assert 0.9 < np.nanmean(arrived.values) < 1.1
    for name in ("server_duration_p50_s", "server_error_ratio", "request_rate_per_s"):
        series = signals.get(name, "model")
        assert series is not None
        assert np.isfinite(series.values).mean() > 0.8, name
