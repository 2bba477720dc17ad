"""Fraud's services, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.plane.decisions import decisions_bench


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[decisions_bench.Bank]:
    """Everything together, started once."""
    with decisions_bench.bank(tmp_path_factory.mktemp("bank")) as found:
        yield found
