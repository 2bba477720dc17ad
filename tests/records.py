"""A world of the tests' own that has nothing but a table in its recordings: what recorders do with content's rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.registration.recorded import Column, LogEvent, Recorded, Table, sample_weight
from lab.registration.world import World
from tests.distributions import world_installed

ANSWERS = Table(
    "answers",
    (
        Column("time_s", "float", "when the answer was given"),
        Column("trace_id", "category", "request"),
        Column("service.name", "category", "component that gave it"),
        Column("subject", "int", "what it is about"),
        Column("rank", "int", "its place among the answers to a request", null=True),
        Column("version", "int", "by which version", null=True),
        Column("score", "float", "its score", null=True),
        Column("input.*", "float", "what it was made of", null=True),
        sample_weight("usual"),
    ),
)
WORLD = World(
    name="records",
    title="Answers with scores",
    open="tests.records:nothing",
    recording=Recorded(tables=(ANSWERS,), log_events=(LogEvent("version_loaded", "another version answers"),)),
)


@pytest.fixture(scope="module")
def records_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The world as if its distribution was installed; the folder that a process of its own needs on its path."""
    site = tmp_path_factory.mktemp("site")
    with world_installed(site, "records", "tests.records:WORLD"):
        yield site
