"""A training of one exercise, recorded once, and somebody alone with it. Imported late: most tests need no server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.investigating import Client, Wall


@pytest.fixture(scope="session")
def incident(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A course of one exercise and its recording, made once."""
    from lab.investigation.recordings import record
    from tests.investigating import course

    top = tmp_path_factory.mktemp("incident")
    offered = course(top)
    return offered, record(offered.exercises[0], top / "runs").path


@pytest.fixture
def wall() -> Wall:
    from tests.investigating import Wall

    return Wall()


@pytest.fixture
def prepared(incident: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The course; what prepares its incident finds that recording, and asks no engine."""
    from lab.investigation import work

    monkeypatch.setattr(work, "prepared", lambda exercise, root, progress: incident[1])
    monkeypatch.setattr(work, "engines_asked", lambda incident, hidden, progress: None)
    monkeypatch.setattr(work, "recorded", lambda exercise, incident, top, progress: incident)
    return incident[0]


@pytest.fixture
def alone(prepared: Any, tmp_path: Path, wall: Wall) -> Client:
    from tests.investigating import client, training

    return client(training(tmp_path, [prepared], wall=wall))


@pytest.fixture
def session(alone: Client) -> str:
    """The path of a session that is ready."""
    return alone.begin()
