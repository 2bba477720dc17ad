"""The contract of content for nightly segments: nine days, in which a model is trained and first campaigns ripen."""

from __future__ import annotations

import pytest

from lab.scenario import LoadedScenario, load_scenario
from lab.world_suite import *  # noqa: F403

DURATION = "9d"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedScenario:
    path = tmp_path_factory.mktemp("scenarios") / "quiet.scenario.yaml"
    text = f"schema_version: 1\nname: quiet\nsystem: segmentation\nduration: {DURATION}\n"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path).seen_by("rich")
