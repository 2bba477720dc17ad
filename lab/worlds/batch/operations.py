"""What jobs may ask of the world, and what sets it: of the job that asks, or of who does it. It loads nothing heavy."""

from __future__ import annotations

from lab.registration.settings import Operation, Setting
from lab.worlds.batch.datasets import FEATURES, SCORES
from lab.worlds.batch.vocabulary import CUSTOMERS, FIRST_LIST, ORDERS, SEGMENT_LISTS, VISITS

FEWEST_KEPT, MOST_NULLS = 0.6, 0.05
"""The validation's limits: rows, of the customers on the list that is published; features without a country."""
WORSE = 0.015
"""By so much less accuracy on the frozen test set a version that was trained by schedule is not served."""
_CHECKS = (
    f"fails where there are fewer rows than {FEWEST_KEPT:.0%} of the customers on the published list, where more than "
    f"{MOST_NULLS:.0%} of the features have no country, or where a class has no customer"
)
_TRAINS = (
    "trains the next version on the features that are there, and serves it unless its accuracy on the frozen test set "
    f"is more than {100 * WORSE:g} points below that of the version before"
)
_WRITE_MODE = Setting(
    "how a night's rows are written: 0 in the place of those that are there, 1 after them", at_least=0, at_most=1,
    is_whole=True, default=0,
)  # fmt: skip
_LOCAL_DAY = Setting(
    "which day it takes: 0 the one that ended last by UTC, 1 by local time, where days end at three in the morning",
    at_least=0, at_most=1, is_whole=True, default=0,
)  # fmt: skip
_LIST = Setting(
    "the list of segments by which classes are named",
    at_least=1,
    at_most=len(SEGMENT_LISTS),
    is_whole=True,
    default=FIRST_LIST,
)
_RECENCY = Setting(
    "customers who ordered longer ago than so many days are not written to", at_least=1, at_most=365, default=365
)


def _rate(country: str, units_per_eur: float) -> Setting:
    doc = f"euros of a unit of the money of {country.upper()}; 1 where it is not known"
    return Setting(doc, above=0, at_most=100, default=1 / units_per_eur)


RATES = {f"rate_{country}": _rate(country, units) for country, units in (("pl", 4.3), ("cz", 25.0), ("hu", 400.0))}
OPERATIONS = {
    "read_customers": Operation("database", doc="takes all customers as they are", needed=True, tables=(CUSTOMERS,)),
    "read_orders": Operation(
        "database",
        doc="takes what was ordered on the day before and has landed; rows land 20 to 50 minutes after midnight, UTC",
        needed=True,
        tables=(ORDERS,),
    ),
    "read_visits": Operation(
        "database", doc="takes who visited on the day before, as far as it has landed", needed=True, tables=(VISITS,)
    ),
    "write_extract": Operation(
        "database",
        doc="writes what was taken, and loads the day into the four weeks of the warehouse",
        needed=True,
        after=("read_customers", "read_orders", "read_visits"),
        caller_settings={"write_mode": _WRITE_MODE, "local_day": _LOCAL_DAY},
    ),
    "read_extract": Operation("database", doc="notes which versions are there", needed=True),
    "write_features": Operation(
        "database",
        doc="makes features of four weeks for each customer whose key joins, and writes them",
        needed=True,
        after=("read_extract",),
        caller_settings={"write_mode": _WRITE_MODE, **RATES},
    ),
    "read_features": Operation("database", doc="takes the features that are there", needed=True),
    "score_customers": Operation(
        "model",
        doc="lets the version that is served put each customer into a class",
        needed=True,
        after=("read_features",),
    ),
    "write_scores": Operation("database", doc="writes the classes", needed=True, after=("score_customers",)),
    "check_scores": Operation(
        "database",
        doc=_CHECKS,
        checks=(FEATURES, SCORES),
    ),
    "publish_segments": Operation(
        "service",
        doc="names classes by a list of segments and replaces the list that campaigns are sent by",
        needed=True,
        caller_settings={"write_mode": _WRITE_MODE, "segment_list": _LIST},
    ),
    "send_campaigns": Operation(
        "service",
        doc="writes to those on the list who are due: each customer one day a week;"
        " a campaign of marketing, not [one of runs](../campaigns.md)",
        needed=True,
        settings={"max_recency_days": _RECENCY},
    ),
    "train_model": Operation(
        "model",
        doc=_TRAINS,
    ),
}
