"""What fraud decisions register. It loads nothing heavy, so that files are checked quickly."""

from __future__ import annotations

from lab.files.units import MAX_DURATION_S
from lab.registration.costs import Cost
from lab.registration.settings import Operation, Setting
from lab.registration.signals import Signals, SignalSpec, Witness
from lab.registration.slis import Sli
from lab.registration.world import World
from lab.worlds.decisions.recorded import RECORDED
from lab.worlds.kit.catalogue import FEATURES, LIMITS, PREDICTIONS, WITNESSES
from lab.worlds.kit.catalogue import RULES as KIT_RULES

CARD_TABLE, MERCHANT_TABLE = "cards", "merchants"
CARD, MERCHANT = "card", "merchant"
"""What keys of the cache are of."""
FAMILY = "gradient-boosted-trees"
FIRST_VERSIONS = 2
"""Model versions that are there before anything happens, so that one can be rolled back."""
HOUR_S, REPORT_MEDIAN_H, LABEL_WINDOW_H = 3600.0, 60.0, 336.0
"""Defaults: payers live in real time; a chargeback takes days, and payments are taken for genuine after two weeks."""

_TTL = Setting("how long an entry lives after it was written", "s", at_least=0.001, at_most=MAX_DURATION_S)
_MATURED = "by time of the payment, closed label windows, as many intervals as usually have twenty known frauds"
_IN = "lab.worlds.decisions.slis"

_PAYMENTS = Signals(
    of="lab.worlds.decisions.signals:series",
    catalogue={
        "decline_ratio": SignalSpec("ratio", "component", "payments declined, of all that were decided"),
        "review_ratio": SignalSpec("ratio", "component", "payments held for review, of all that were decided"),
        "default_row_ratio": SignalSpec(
            "ratio", "`features.` and a table", "rows served from it for which defaults stood in", level="usual"
        ),
        "matured_recall": SignalSpec(
            "ratio",
            "component",
            f"fraud that was declined or held, of all that became known, {_MATURED}",
            level="usual",
        ),
        "matured_precision": SignalSpec(
            "ratio", "component", f"known fraud among payments declined or held, {_MATURED}", level="usual"
        ),
        "chargeback_ratio": SignalSpec(
            "ratio",
            "component",
            f"of the amounts that were approved, those known to be fraud, {_MATURED}",
            level="usual",
        ),
        "limit_mismatch_ratio": SignalSpec(
            "ratio",
            "component",
            "scored payments that it decided otherwise than its limits in `system.json` say",
            level="usual",
        ),
        "held_score_min": SignalSpec(
            "ratio", "component", "lowest score of a payment that it held, 6 intervals", level="usual"
        ),
    },
)

WORLD = World(
    name="decisions",
    title="Payments by card of which a few are fraud: a model scores them, rules decide, analysts review, loss follows",
    open="lab.worlds.decisions.world:Decisions",
    levers="lab.worlds.decisions.levers:LEVERS",
    operations={
        "read_card": Operation("cache", needed=True, settings={"ttl_s": _TTL}),
        "read_merchant": Operation("cache", needed=True, settings={"ttl_s": _TTL}),
        "write_card": Operation("cache"),
        "write_merchant": Operation("cache"),
        "refresh_cards": Operation("cache"),
        "refresh_merchants": Operation("cache"),
        "read_card_row": Operation("database", needed=True, tables=(CARD_TABLE,)),
        "read_merchant_row": Operation("database", needed=True, tables=(MERCHANT_TABLE,)),
        "aggregate_payments": Operation("database"),
        "score_payment": Operation("model", needed=True),
        "apply_rules": Operation("service"),
        "review_payment": Operation("service"),
    },
    own_code=("assemble_features", "is_blocked", "decline", "hold", "is_held"),
    fallbacks=("default_features", "no_score", "approve_all"),
    settings={
        "hour_s": Setting(
            "seconds that an hour of the payers' lives takes", "s", at_least=0.1, at_most=HOUR_S, default=HOUR_S
        ),
        "report_median_h": Setting(
            "hours of the payers' lives from a fraud to its chargeback, the median", at_least=0.1, at_most=2000,
            default=REPORT_MEDIAN_H,
        ),
        "label_window_h": Setting(
            "hours after which a payment without a chargeback is taken for genuine", at_least=1, at_most=5000,
            default=LABEL_WINDOW_H,
        ),
    },
    tables={
        CARD_TABLE: "lab.worlds.decisions.features:CARD_NAMES",
        MERCHANT_TABLE: "lab.worlds.decisions.features:MERCHANT_NAMES",
    },
    value=Setting("predicted probability of fraud", at_least=0, at_most=1),
    people="lab.worlds.decisions.payments:PEOPLE",
    model_versions=FIRST_VERSIONS,
    trainings=("next-window", "corrupted-labels"),
    slis=(
        Sli(
            name="decline_ratio", unit="ratio", bad="rises", of=f"{_IN}:decline_ratio", window_intervals=6,
            doc="payments declined, of all that were decided",
        ),
        Sli(
            name="review_ratio", unit="ratio", bad="rises", of=f"{_IN}:review_ratio", window_intervals=6,
            doc="payments held for review, of all that were decided",
        ),
        Sli(
            name="review_backlog", unit="1", bad="rises", of=f"{_IN}:review_backlog", adds_up=True,
            doc="payments held that no analyst has decided yet, against those at the start",
        ),
        Sli(
            name="fraud_loss_eur", unit="EUR", bad="rises", of=f"{_IN}:fraud_loss_eur", window_intervals=12,
            doc="amounts charged back, at the time of the chargeback, per minute", adds_up=True,
        ),
        Sli(
            name="fraud_recall", unit="ratio", bad="falls", of=f"{_IN}:fraud_recall", window_intervals=24,
            doc="fraud that was declined or held, of all that became known, when it becomes known",
        ),
        Sli(
            name="fraud_precision", unit="ratio", bad="falls", of=f"{_IN}:fraud_precision", window_intervals=24,
            doc="fraud among payments declined or held, when their label window closes",
        ),
    ),
    costs=(
        Cost(
            name="fraud_eur", unit="EUR", of=f"{_IN}:charged_back_eur",
            doc="amounts charged back of payments that went through, at the chargeback",
        ),
        Cost(
            name="declined_payments", unit="1", of=f"{_IN}:declined_payments",
            doc="payments declined beyond those that are otherwise: customers who could not pay",
        ),
        Cost(
            name="held_payment_minutes", unit="min", of=f"{_IN}:held_payment_minutes",
            doc="minutes that held payments waited for an analyst, all together",
        ),
    ),
    models={FAMILY: "lab.worlds.kit.forest:score"},
    signals=(FEATURES, PREDICTIONS, _PAYMENTS),
    recording=RECORDED,
    witnesses={
        **WITNESSES,
        "threshold-change": (Witness("limit_mismatch_ratio", "{target}", 0.003),),
        # Nobody waits for a review, so a link that loses held payments shows in what piles up alone.
        "network-partition": (Witness("review_backlog", "*", 5),),
    },
    limits=LIMITS,
    rules=(KIT_RULES, "lab.worlds.decisions:rules.yaml"),
    stack="lab.worlds.decisions.stack:STACK",
)  # fmt: skip
