"""The datasets that the jobs of a night write, as they are meant to be."""

from __future__ import annotations

from lab.registration.datasets import Dataset, DatasetColumn
from lab.worlds.batch.vocabulary import COUNTRY, KEY, SEGMENT, WINDOW_DAYS

SNAPSHOT, ORDERS, VISITS = "customers_snapshot", "orders_daily", "visits_daily"
FEATURES, SCORES, LIST = "features", "scores", "segments"

_KEY = DatasetColumn("int", doc="the customer")
_WEEKS = f"of the last {WINDOW_DAYS} days"
DATASETS = {
    SNAPSHOT: Dataset(
        doc="all customers as they are that night",
        key=KEY,
        of="write_extract",
        source="read_customers",
        columns={
            KEY: _KEY,
            COUNTRY: DatasetColumn("text", doc="where they live"),
            "since_days": DatasetColumn("int", "d", "since they signed up"),
        },
    ),
    ORDERS: Dataset(
        doc="what each customer ordered on the day before",
        key=KEY,
        of="write_extract",
        source="read_orders",
        columns={
            KEY: _KEY,
            "orders": DatasetColumn("int", "1", "how many"),
            "amount": DatasetColumn("float", "1", "what they paid, in the money of their country"),
            "discounted": DatasetColumn("int", "1", "how many of the orders had a discount"),
        },
    ),
    VISITS: Dataset(
        doc="how often each customer visited the shop on the day before",
        key=KEY,
        of="write_extract",
        source="read_visits",
        columns={KEY: _KEY, "visits": DatasetColumn("int", "1", "how often")},
    ),
    FEATURES: Dataset(
        doc="a row of features for each customer whose key joins",
        key=KEY,
        of="write_features",
        inputs=(SNAPSHOT, ORDERS, VISITS),
        columns={
            KEY: _KEY,
            COUNTRY: DatasetColumn("text", doc="where they live"),
            "recency_days": DatasetColumn("int", "d", "since the last order, 90 where it is longer ago"),
            "orders_28d": DatasetColumn("int", "1", f"orders {_WEEKS}"),
            "spend_28d_eur": DatasetColumn("float", "EUR", f"what they paid {_WEEKS}"),
            "discount_share_28d": DatasetColumn("float", "ratio", f"orders with a discount, of those {_WEEKS}"),
            "visits_28d": DatasetColumn("int", "1", f"visits {_WEEKS}"),
            "tenure_days": DatasetColumn("int", "d", "since they signed up, 720 where it is longer ago"),
            "survey_segment": DatasetColumn("int", "", "what the survey found a customer to be, 0 for all others"),
        },
    ),
    SCORES: Dataset(
        doc="the class that the model puts each customer into",
        key=KEY,
        of="write_scores",
        inputs=(FEATURES,),
        columns={
            KEY: _KEY,
            "class": DatasetColumn("int", doc="its number, as in the labels of the version that scored"),
            "confidence": DatasetColumn("float", "ratio", "how probable it is"),
        },
    ),
    LIST: Dataset(
        doc="the list by which campaigns are sent: the segment of each customer by name",
        key=KEY,
        of="publish_segments",
        inputs=(SCORES,),
        columns={KEY: _KEY, SEGMENT: DatasetColumn("text", doc="its name")},
    ),
}
