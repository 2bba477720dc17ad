"""Names of the world that several of its modules share: segments, countries, columns. It loads nothing heavy."""

from __future__ import annotations

SEGMENTS = ("loyal", "bargain", "lapsing", "new", "premium")
"""What customers are like, by the number of a type; also what the first list of segments calls its classes."""
LAPSING, NEW = SEGMENTS.index("lapsing"), SEGMENTS.index("new")
SEGMENT_LISTS = (SEGMENTS, tuple(sorted(SEGMENTS)), ("premium", "bargain", "lapsing", "new", "loyal"))
"""Lists of segments, version 1 first: the same names in another order, so that a class's number means another.
The last one differs from the first in two names alone."""
FIRST_LIST = 1
"""The list by which jobs name classes where nothing else is set."""
TRAININGS = USUAL, LEAKED, OTHER_LIST = "next-window", "leaked-columns", "other-list"
"""Recipes by which a version of the model is trained, see `lab.worlds.batch.training`."""
COUNTRIES = ("DE", "FR", "NL", "PL", "IT", "ES", "CZ", "HU")
"""By the number of a country."""
MARKETS = ("CZ", "HU")
"""Countries of which nobody is until their market opens."""
UNITS_PER_EUR = (1.0, 1.0, 1.0, 4.3, 1.0, 1.0, 25.0, 400.0)
"""What a euro is in the money of each country."""
CUSTOMERS, ORDERS, VISITS = "customers", "orders", "visits"
"""Tables of the sources."""
TABLE_COLUMNS = {
    CUSTOMERS: ("customer_id", "country", "since_days"),
    ORDERS: ("customer_id", "orders", "amount", "discounted"),
    VISITS: ("customer_id", "visits"),
}
CUSTOMER_COLUMNS, ORDER_COLUMNS, VISIT_COLUMNS = (TABLE_COLUMNS[table] for table in (CUSTOMERS, ORDERS, VISITS))
KEY, COUNTRY, SEGMENT = "customer_id", "country", "segment"
NO_KEY = -1
"""What is read where there is no key: it joins with nothing."""
TEXT_KEYS = NO_KEY - 1
"""Keys from here on downwards are texts, which join with no number: that of customer 0, of customer 1, …"""
WINDOW_DAYS = 28
"""So many days of partitions make a customer's features."""
RETURN_INTERVALS = 7
"""What campaigns bring in is told of so many intervals: a customer is written to once in them."""
