"""The contract of content for a world of the tests' own whose jobs write datasets, and which gets no requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.content.datasets import DatasetLog
from lab.errors import UserError
from lab.scenario import LoadedScenario
from lab.world_suite import *  # noqa: F403
from lab.world_suite import whole
from tests.distributions import world_installed
from tests.ledgers import hours


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedScenario]:
    with world_installed(tmp_path_factory.mktemp("site"), "ledgers", "tests.ledgers:WORLD"):
        yield hours(tmp_path_factory.mktemp("scenarios"), 12)


def test_the_suite_looks_at_a_world_that_writes_datasets(once: dict[str, str], tmp_path: Path) -> None:
    assert {"observed/dataset_versions.parquet", "observed/lineage.jsonl"} <= once.keys()


@pytest.mark.parametrize("change", [{"time_ns": -1}, {"request": 1}])
def test_a_run_writes_for_itself_and_now(
    loaded: LoadedScenario, monkeypatch: pytest.MonkeyPatch, change: dict[str, int]
) -> None:
    """What a recording tells of a version is whose it is and since when."""
    write = DatasetLog.write

    def other(self: DatasetLog, time_ns: int, request: int, *rest: Any) -> str:
        by = {"time_ns": 0, "request": 0, **change}
        return write(self, time_ns + by["time_ns"], request + by["request"], *rest)

    monkeypatch.setattr(DatasetLog, "write", other)
    with pytest.raises(UserError, match="writes a dataset for another run"):
        whole(loaded)
