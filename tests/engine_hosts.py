"""An engine host, and a recording to ask it about, in a temporary directory that must end up empty."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from lab.contracts import Diagnosis, EngineFailure
from lab.engines.host import EngineHost
from lab.engines.options import EngineOptions
from tests.engine_plugins import install, write_observed
from tests.waiting import PATIENCE_S

SCENARIO = "partition-blamed-on-model"


@pytest.fixture
def observed(tmp_path, monkeypatch):
    install(made(tmp_path / "site"), monkeypatch)
    monkeypatch.setattr(tempfile, "tempdir", str(made(tmp_path / "tmp")))
    return write_observed(tmp_path / "runs" / SCENARIO / "7-0a1b2c")


@pytest.fixture
def host(observed, tmp_path):
    with EngineHost(EngineOptions(timeout_s=PATIENCE_S)) as opened:
        yield opened
    assert list((tmp_path / "tmp").iterdir()) == []


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def culprit(answer: Diagnosis | EngineFailure) -> str:
    assert isinstance(answer, Diagnosis), answer
    return answer.findings[0].culprit


def reason(answer: Diagnosis | EngineFailure) -> str:
    assert isinstance(answer, EngineFailure), answer
    return answer.reason
