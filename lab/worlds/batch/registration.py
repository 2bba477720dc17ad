"""What nightly segments register. It loads nothing heavy, so that files are checked quickly."""

from __future__ import annotations

from lab.registration.costs import Cost
from lab.registration.settings import Setting
from lab.registration.signals import Signals, SignalSpec
from lab.registration.slis import Sli
from lab.registration.world import World
from lab.worlds.batch.datasets import DATASETS
from lab.worlds.batch.limits import LIMITS
from lab.worlds.batch.operations import OPERATIONS
from lab.worlds.batch.recorded import LABEL_DAYS, RECORDED
from lab.worlds.batch.vocabulary import CUSTOMERS, ORDERS, RETURN_INTERVALS, TRAININGS, VISITS
from lab.worlds.batch.witnessing import WITNESSES

FIRST_VERSIONS = 2
"""Model versions that are there before anything happens, so that one can be rolled back."""
CUSTOMERS_COUNT = 12_000
SEND_H = 8.0
"""The hour of a day at which campaigns were sent before a run."""
_IN, _SIGNALS = "lab.worlds.batch.slis", "lab.worlds.batch.signals"

_SEGMENTS = Signals(
    of=f"{_SIGNALS}:series",
    catalogue={
        "segment_share": SignalSpec(
            "ratio", "`segment.` and its name", "its rows, of all that are published", stacks=True
        ),
        "campaign_return": SignalSpec(
            "ratio",
            "`campaign.` and its name",
            f"revenue of {LABEL_DAYS} days after contacts over their cost, of {RETURN_INTERVALS} intervals, by when it "
            "is known",
            window_intervals=RETURN_INTERVALS,
        ),
        "contacts_ratio": SignalSpec(
            "ratio",
            "component",
            "customers who were written to, of those on the list who were due; also of each `campaign.` and its name",
        ),
        "list_mismatch_ratio": SignalSpec(
            "ratio",
            "dataset",
            "how far the shares of segments are from what the model meant, where they were published",
        ),
        "order_value_ratio": SignalSpec(
            "ratio",
            "`country.` and its code",
            "what an order is worth in euros, as features have it, over the median of all countries",
        ),
        "order_value_spread": SignalSpec(
            "1",
            "job",
            "the same of the country in which an order is worth most; `order_value_ratio` tells which it is",
        ),
        "customers_count": SignalSpec("1", "component", "customers who have signed up"),
        "model_version": SignalSpec(
            "1", "component", "version that it serves, by its number", level="usual", names=True
        ),
    },
    only_of={
        "contacts_ratio": "send_campaigns",
        "list_mismatch_ratio": "publish_segments",
        "order_value_spread": "write_features",
        "model_version": "score_customers",
    },
)

WORLD = World(
    name="batch",
    title="Customers sorted into segments every night by jobs and a model; segments steer campaigns, people respond",
    open="lab.worlds.batch.world:Batch",
    levers="lab.worlds.batch.levers:LEVERS",
    operations=OPERATIONS,
    settings={
        "customers": Setting(
            "customers at the start", at_least=2000, at_most=100_000, is_whole=True, default=CUSTOMERS_COUNT
        )
    },
    tables={
        CUSTOMERS: "lab.worlds.batch.vocabulary:CUSTOMER_COLUMNS",
        ORDERS: "lab.worlds.batch.vocabulary:ORDER_COLUMNS",
        VISITS: "lab.worlds.batch.vocabulary:VISIT_COLUMNS",
    },
    datasets=DATASETS,
    model_versions=FIRST_VERSIONS,
    trainings=TRAININGS,
    slis=(
        Sli(
            name="published_age_s", unit="s", bad="rises", of=f"{_IN}:published_age_s",
            doc="time since segments were published last",
        ),
        Sli(
            name="published_rows_ratio", unit="ratio", bad="falls", of=f"{_IN}:published_rows_ratio",
            doc="rows of the published segments, of all customers",
        ),
        Sli(
            name="segment_share_shift", unit="1", bad="rises", of=f"{_IN}:segment_share_shift",
            doc="population stability index of the shares of segments against those at the start",
        ),
        Sli(
            name="campaign_return_ratio", unit="1", bad="falls", of=f"{_IN}:campaign_return_ratio",
            window_intervals=RETURN_INTERVALS,
            doc=f"revenue of the {LABEL_DAYS} days after contacts over their cost, by when it is known",
        ),
        Sli(
            name="offline_accuracy", unit="ratio", bad="falls", of=f"{_IN}:offline_accuracy",
            doc="customers of the frozen test set that the serving version names rightly",
        ),
    ),
    costs=(
        Cost(
            name="campaign_margin_eur", unit="EUR", bad="falls", of=f"{_IN}:campaign_margin_eur",
            doc="what campaigns bring in beyond what they cost, when people buy",
        ),
        Cost(
            name="unanswered_contacts", unit="1", of=f"{_IN}:unanswered_contacts",
            doc=f"contacts to which nobody responded within {LABEL_DAYS} days, when that is known",
        ),
    ),
    recording=RECORDED,
    signals=(_SEGMENTS,),
    rules=("lab.worlds.batch:rules.yaml",),
    limits=LIMITS,
    witnesses=WITNESSES,
    stack_needs=(
        "its jobs as containers with a scheduler, a warehouse and a campaign tool, and weeks of real time: a night"
        " takes a day, and people respond for two weeks"
    ),
)  # fmt: skip
"""The world. Its runs take weeks, so that only the simulator has it."""
