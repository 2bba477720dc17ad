"""What the shop registers. It loads nothing heavy, so that files are checked quickly."""

from __future__ import annotations

from lab.files.units import MAX_DURATION_S
from lab.registration.costs import Cost
from lab.registration.recorded import Column, Metric, Recorded
from lab.registration.settings import Operation, Setting
from lab.registration.signals import Signals, SignalSpec, Witness
from lab.registration.slis import Sli
from lab.registration.world import World
from lab.worlds.kit.catalogue import FEATURES, LIMITS, PREDICTIONS, WITNESSES
from lab.worlds.kit.catalogue import RULES as KIT_RULES
from lab.worlds.kit.tables import LOG_EVENTS, METRICS, features_table, predictions_table, reference_files

FEATURE_TABLE = "users"
SHOPPERS = 2000
USER = "user"
"""What keys of the cache are of."""
FIRST_VERSIONS = 2
"""Model versions that are there before anything happens, so that one can be rolled back."""
CLICK_WINDOW_INTERVALS = 6
LABEL_WINDOW_S = 30.0
"""How long after an item was shown a click on it still counts."""

_TTL = Setting("how long an entry lives after it was written", "s", at_least=0.001, at_most=MAX_DURATION_S)

_CLICKS = Signals(
    of="lab.worlds.shop.signals:series",
    catalogue={
        "click_through_ratio": SignalSpec(
            "ratio", "component", "shown items that were clicked, by time shown, closed label windows", level="usual"
        )
    },
)

_RECORDING = Recorded(
    tables=(
        features_table(Column("user_id", "int", "entity", level="usual")),
        predictions_table(
            Column("item_id", "int", "item shown", level="usual"),
            Column("position", "int", "place on the page, from 1", level="usual"),
            when="when the item was shown",
            score="predicted click probability",
            outcome="1 clicked, 0 not, null while the label window was open at the end",
            delay="time from showing to click",
        ),
    ),
    metrics=(
        *METRICS,
        Metric("recommendation.impression.count", "1", "items shown, at the time of showing"),
        Metric("recommendation.click.count", "1", "clicks, at the time of clicking"),
    ),
    log_events=LOG_EVENTS,
    files=reference_files("lab.worlds.kit.shapes:LINEAR_MODELS", "lab.worlds.kit.shapes:linear_models_fit"),
    label_window_s=LABEL_WINDOW_S,
)

_FEWER_CLICKS = Witness("click_through_ratio", "*", 0.004)
_ROWS_OF_OTHERS = Witness("entry_mismatch_ratio", "{target}", 0.05)
"""Its table of features names the shopper who was asked about, not the one whose row came."""

WORLD = World(
    name="shop",
    title="Users, items, a click model and the dynamics that make fresh features worth clicks",
    open="lab.worlds.shop.world:ShopWorld",
    levers="lab.worlds.shop.levers:LEVERS",
    operations={
        "read_entry": Operation("cache", needed=True, settings={"ttl_s": _TTL}),
        "write_entry": Operation("cache"),
        "refresh_entries": Operation("cache"),
        "read_row": Operation("database", needed=True, tables=(FEATURE_TABLE,)),
        "aggregate_events": Operation("database"),
        "predict": Operation("model", needed=True),
        "apply_rules": Operation("service"),
    },
    own_code=("assemble_features",),
    fallbacks=("default_features", "popular_items", "unfiltered_items"),
    settings={
        "visitors": Setting(
            "how many of the shoppers visit", at_least=1, at_most=SHOPPERS, is_whole=True, default=SHOPPERS
        )
    },
    tables={FEATURE_TABLE: "lab.worlds.shop.features:NAMES"},
    people="lab.worlds.shop.features:NAMES",
    model_versions=FIRST_VERSIONS,
    trainings=("next-window", "corrupted-labels"),
    slis=(
        Sli(
            name="click_through_ratio",
            unit="ratio",
            bad="falls",
            doc="clicks for each item shown, both at their own time",
            of="lab.worlds.shop.slis:click_through_ratio",
            window_intervals=CLICK_WINDOW_INTERVALS,
            needs="users",
        ),
    ),
    costs=(
        Cost(
            name="lost_clicks",
            unit="1",
            bad="falls",
            of="lab.worlds.shop.slis:clicks",
            doc="clicks on recommended items that did not come",
        ),
    ),
    models={"logistic-regression": "lab.worlds.kit.logistic:score"},
    signals=(FEATURES, PREDICTIONS, _CLICKS),
    witnesses=WITNESSES
    | {
        "cache-key-collision": (_ROWS_OF_OTHERS,),
        "model-regression": (*WITNESSES["model-regression"], _FEWER_CLICKS),
    },
    limits=LIMITS,
    rules=(KIT_RULES, "lab.worlds.shop:rules.yaml"),
    recording=_RECORDING,
    stack="lab.worlds.shop.stack:STACK",
)
