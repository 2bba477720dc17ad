"""Fraud decisions on the stack: ports and secrets of its services, and how its content is read and changed there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from lab.agreed.run import Run
from lab.content.stack import Control, Counted, Shift, StackPart, View
from lab.injection.levers import Recipe
from lab.systems.topology import System
from lab.worlds.decisions.registration import CARD, CARD_TABLE, MERCHANT, MERCHANT_TABLE, WORLD

if TYPE_CHECKING:
    from lab.content.stack import Edges
    from lab.recording.collected import Columns, Events
    from lab.worlds.decisions.population import Population
    from lab.worlds.decisions.training import Model

PAYMENTS, PAYMENTS_CONFIG, FEATURES, FEATURES_CONFIG, ANALYSTS, AGGREGATOR = 8080, 8081, 8080, 8081, 8080, 8082
"""Ports."""
THRESHOLDS = "/config/thresholds.json"
"""Where the rules service has its thresholds."""


class DecisionsStack(StackPart):
    """The services of `fraud`."""

    system = "fraud"
    secrets = (
        *(f"LAB_{store}_{role}_PASSWORD" for store in ("DB", "CACHE") for role in ("FEATURES", "AGGREGATOR")),
        "LAB_DB_LOAD_PASSWORD", "LAB_PAYMENTS_TOKEN", "LAB_FEATURES_TOKEN", "LAB_AGGREGATOR_TOKEN",
    )  # fmt: skip
    controls: ClassVar = {
        "payments": Control(PAYMENTS_CONFIG, ("steps.",)),
        "features": Control(FEATURES_CONFIG, ("steps.",)),
        "aggregator": Control(AGGREGATOR, ("steps.", "period_s")),
    }
    counted: ClassVar = {
        "decided": Counted("payment.count", "payment_answered"),
        "declined": Counted("payment.declined.count", "payment_answered", where=("decision", "decline")),
        "held": Counted("payment.held.count", "payment_answered", where=("decision", "review")),
    }
    ratios: ClassVar = {"decline_ratio": ("declined", "decided"), "review_ratio": ("held", "decided")}
    # As measured for docs/stack.md (Calibration).
    cpu_s_per_request: ClassVar = {
        "payments": 0.0037, "features": 0.0027, "model": 0.0015, "db": 0.0015, "cache": 0.0004, "rules": 0.0008,
        "analysts": 0.0001,
    }  # fmt: skip
    max_rate_per_s = 200.0
    limited_by = "its payment service and its feature service are one Python process each"
    # 100 rows of each table in 15 s for drift.
    least_rates_per_s: ClassVar = {"feature_drift_psi": 7.0}

    @property
    def views(self) -> Mapping[str, View]:
        keys = {CARD_TABLE: "card_id", MERCHANT_TABLE: "merchant_id"}
        return {
            table: View(f"{table}_base", key, WORLD.columns(table), ("features", "aggregator"))
            for table, key in keys.items()
        }

    def train(self, system: System, version: int, recipe: Recipe) -> Model:
        from lab.worlds.decisions.training import train

        return train(_population(system), _seed(system), version, recipe)

    def keys_counts(self, system: System, time_scale: float) -> Mapping[str, int]:
        from lab.worlds.decisions.population import CARDS, MERCHANTS, active_count

        return {CARD: active_count(CARDS, time_scale), MERCHANT: active_count(MERCHANTS, time_scale)}

    def cannot_shift(self, feature: str) -> str:
        return f"what share of the payments is {feature} only its load knows, which cannot change that while it runs"

    def shift(self, system: System, feature: str, factor: float) -> Shift:
        raise NotImplementedError(self.cannot_shift(feature))

    def files(self, system: System) -> Mapping[str, Mapping[str, str]]:
        from lab.worlds.decisions.rules import thresholds_of

        of = thresholds_of(system, _population(system))
        values = {"review_micro": of.review_micro, "decline_micro": of.decline_micro, "blocked": sorted(of.blocked)}
        return {system.performers["apply_rules"]: {THRESHOLDS: json.dumps(values)}}

    def tables(self, events: Events, run: Run, system: System) -> Mapping[str, Columns]:
        from lab.worlds.decisions import collected

        book = collected.book(events, run, system)
        return {
            "features": collected.features(events, run),
            "predictions": collected.predictions(book, run, system, system.performers["score_payment"]),
        }

    def counts(self, events: Events, run: Run, system: System, edges_s: Edges) -> Mapping[str, Edges]:
        from lab.worlds.decisions import collected

        return collected.counts(collected.book(events, run, system), system, edges_s)

    def reference(self, versions: Sequence[Model], system: System) -> Mapping[str, Any]:
        from lab.worlds.decisions import collected
        from lab.worlds.decisions.reference import files

        return files(list(versions), system.performers["read_card_row"], collected.label_window_s(system))


def _seed(system: System) -> int:
    assert system.world is not None
    return system.world.seed


def _population(system: System) -> Population:
    from lab.worlds.decisions.population import make_population

    return make_population(_seed(system))


STACK = DecisionsStack()
