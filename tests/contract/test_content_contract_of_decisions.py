"""The contract of content for fraud decisions."""

from __future__ import annotations

import pytest

from lab.scenario import LoadedScenario
from lab.world_suite import *  # noqa: F403
from tests.content_contract import quiet


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedScenario:
    return quiet(tmp_path_factory.mktemp("scenarios"), "fraud")
