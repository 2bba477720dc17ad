"""Fraud's services on loopback: payments and features behind links, analysts, aggregator, the rules' Python twin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.services.plane.bench import Stack, call, start_common, start_links
from tests.services.plane.servers import DECISIONS, cache, database, decision_rules, free_port, rules, wait_until

WORLD_SEED = 23  # of the system fraud
LINKS = {
    "payments->features": "features", "payments->model": "model", "payments->rules": "rules",
    "payments->analysts": "analysts", "features->cache": "cache", "features->db": "db", "aggregator->db": "db",
    "aggregator->cache": "cache",
}  # fmt: skip


@dataclass
class Bank(Stack):
    """Fraud's stack."""

    system: str = "fraud"
    people: str = "services.decisions.load.population:DecisionsPopulation"
    entry: str = "payments"
    numbers: count[int] = field(default_factory=count)

    def pay(self, headers: Mapping[str, str] | None = None, **fields: Any) -> tuple[int, Any]:
        """Asks for a payment that differs from a usual one in these fields."""
        usual = {
            "payment_id": f"test/{next(self.numbers)}", "card_id": 5, "merchant_id": 7, "amount_cents": 1999,
            "hour": 13, "device": 1, "country": 0,
        }  # fmt: skip
        return call("POST", self.url("payments", "/v1/payments"), usual | fields, headers)

    def features(self, card_id: int, merchant_id: int = 7) -> tuple[int, Any]:
        """Asks for features."""
        return call("POST", self.url("features", "/v1/features"), {"card_id": card_id, "merchant_id": merchant_id})


@contextmanager
def bank(directory: Path) -> Iterator[Bank]:
    """Everything of fraud but the load."""
    from lab.worlds.decisions.population import make_population
    from lab.worlds.decisions.training import train
    from services.model.savedmodel import encode, push

    model = train(make_population(WORLD_SEED), WORLD_SEED, 1, {"training": "next-window"})
    push(directory / "models", "model", 1, encode(model.registry_entry(1)))
    with database(DECISIONS) as db, cache(DECISIONS) as cache_port, rules(decision_rules) as rules_server:
        found = Bank(db, cache_port, rules_server, directory)
        try:
            _start_services(found)
            yield found
        finally:
            for process in reversed(found.services.values()):
                process.stop()


def _start_services(found: Bank) -> None:
    start_common(found, "lab.worlds.decisions.stack:STACK")
    ports = found.ports
    ports |= {"features": free_port(), "analysts": free_port()}
    start_links(found, LINKS)
    aggregator = found.start(
        "aggregator", ["-m", "services.decisions.aggregator"], AGGREGATOR_PORT="0",
        DB_PORT=str(ports["aggregator->db"]), REDIS_PORT=str(ports["aggregator->cache"]),
    )  # fmt: skip
    ports["aggregator"] = aggregator.wait_for("ready")["port"]
    analysts = found.start("analysts", ["-m", "services.decisions.analysts"], ANALYSTS_PORT=str(ports["analysts"]))
    analysts.wait_for("ready")
    features = found.start(
        "features", ["-m", "services.decisions.features"], FEATURES_PORT=str(ports["features"]), CONFIG_PORT="0",
        DB_PORT=str(ports["features->db"]), REDIS_PORT=str(ports["features->cache"]),
    )  # fmt: skip
    ports["config"] = features.wait_for("ready")["ports"][1]

    def url(link: str) -> str:
        return f"http://127.0.0.1:{ports[link]}"

    payments = found.start(
        "payments", ["-m", "services.decisions.payments"], PAYMENTS_PORT="0", CONFIG_PORT="0",
        FEATURES_URL=url("payments->features"), MODEL_ADDRESS=f"127.0.0.1:{ports['payments->model']}",
        RULES_URL=url("payments->rules"), ANALYSTS_URL=url("payments->analysts"),
    )  # fmt: skip
    ports["payments"], ports["payments-config"] = payments.wait_for("ready")["ports"]
    # The aggregator fills the database as soon as it runs.
    wait_until(lambda: found.features(1)[1]["cards"]["source"] != "default", aggregator)
