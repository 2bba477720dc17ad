"""Control endpoints of fraud's services want the token of their own service; payments, health and metrics want none."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest

from tests.services.plane import bench
from tests.services.plane.decisions.decisions_bench import Bank
from tests.waiting import PATIENCE_S

CONTROLS = [
    ("payments-config", "GET", "/config", None),
    ("payments-config", "PUT", "/config/steps/score/retries", {"value": 5}),
    ("config", "PUT", "/config/steps/card_db/retries", {"value": 5}),
    ("aggregator", "PUT", "/control/freeze", {"frozen": True, "lease_s": 600}),
    ("aggregator", "POST", "/runs", {}),
]


@pytest.mark.parametrize(("name", "method", "path", "body"), CONTROLS)
def test_control_wants_the_services_own_token(bank: Bank, name: str, method: str, path: str, body: Any) -> None:
    others = [token for owner, token in bench.TOKEN_OF.items() if token != bench.TOKEN_OF[name]]
    for authorization in (None, *(f"Bearer {token}" for token in others)):
        headers = {} if authorization is None else {"Authorization": authorization}
        status, answer = bench.call(method, bank.url(name, path), body, headers)
        assert (status, set(answer)) == (401, {"error"}), authorization
    assert bank.control("GET", "aggregator", "/control")[1]["frozen"] is False


@pytest.mark.parametrize("name", ["payments", "features", "analysts", "aggregator"])
@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_health_and_metrics_need_none(bank: Bank, name: str, path: str) -> None:
    with urllib.request.urlopen(bank.url(name, path), timeout=PATIENCE_S) as answer:
        assert answer.status == 200
