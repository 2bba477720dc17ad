"""The contract of content for the shop."""

from __future__ import annotations

import pytest

from lab.scenario import LoadedScenario
from tests.content_contract import ContentContract, quiet


class TestShop(ContentContract):
    """Each check of the contract."""

    @pytest.fixture(scope="class")
    @classmethod
    def loaded(cls, tmp_path_factory: pytest.TempPathFactory) -> LoadedScenario:
        return quiet(tmp_path_factory.mktemp("scenarios"), "recommender")
