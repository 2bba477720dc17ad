"""The table `features` of a recording, from the log events of feature services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np

from lab.agreed.run import Run
from lab.recording.collected import Columns, Events

SERVED = "feature_row_served"


def served(events: Events, run: Run, about: Sequence[str], tables: Mapping[str, Sequence[str]]) -> Columns:
    """A row for each row of features that was served since the run began.

    about: attributes of the event that say whose row it is. tables: names of the features, by the table that an event
    names in its attribute `table`; "" for events that name none. Ages are in scenario seconds; features of other
    tables are NaN.
    """
    rows = [row for row in events.get(SERVED, []) if row["time_s"] >= 0]
    facts = [row["attributes"] for row in rows]
    ages_s = {
        name: [np.nan if fact[name] is None else round(fact[name] * run.time_scale, 3) for fact in facts]
        for name in ("row_age_s", "entry_age_s")
    }
    names = [name for of_table in tables.values() for name in of_table]
    firsts = dict(zip(tables, accumulate(map(len, tables.values()), initial=0), strict=False))
    values = np.full((len(facts), len(names)), np.nan)
    for i, fact in enumerate(facts):
        first = firsts[fact.get("table", "")]
        values[i, first : first + len(fact["values"])] = np.array(fact["values"], float)
    return {
        "time_s": [row["time_s"] for row in rows],
        "trace_id": [row["trace_id"] for row in rows],
        **{name: [fact[name] for fact in facts] for name in (*about, "source")},
        **{name: np.array(ages, float) for name, ages in ages_s.items()},
        **{f"feature.{name}": values[:, i] for i, name in enumerate(names)},
    }
