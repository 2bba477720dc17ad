"""Raw metrics as they were at a time: which there are, and their series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lab.investigation.queries.asking import Array, QueryError, UnknownError, plain, within
from lab.investigation.view import View
from lab.recording.arrow import Coded, numbers, texts_of

MOST_SERIES = 12
_NAMES = ("metric", "service.name", "peer.service", "attribute")


def catalogue(view: View, at_s: float) -> list[dict[str, Any]]:
    """Every metric that was measured by now, with whose it is."""
    if "metrics" not in view.tables:
        return []
    table, specs = view.table("metrics", at_s), view.whole.schema.metrics
    codes = [texts_of(table, name) for name in _NAMES]
    found: dict[str, list[dict[str, Any]]] = {}
    for row in np.unique(np.stack([one.codes for one in codes]), axis=1).T.tolist():
        metric, component, peer, attribute = (_text(one, code) for one, code in zip(codes, row, strict=True))
        of = {"component": component, "peer": peer, "attribute": attribute}
        found.setdefault(str(metric), []).append({**of, "of": _joined(metric, component, peer, attribute)})
    return [
        {
            "metric": name,
            "unit": specs[name].unit if name in specs else "1",
            "doc": specs[name].doc if name in specs else "",
            "series": found[name],
        }
        for name in sorted(found)
    ]


def _text(one: Coded, code: int) -> str | None:
    return None if code < 0 else one.texts[code]


def _joined(*names: str | None) -> str:
    return "|".join(name or "" for name in names)


def series(
    view: View, at_s: float, of: Sequence[str], since_s: float | None = None, until_s: float | None = None
) -> list[dict[str, Any]]:
    """Some metrics over time, each named `METRIC|COMPONENT|PEER|ATTRIBUTE`; the last two may be empty or left out."""
    if len(of) > MOST_SERIES:
        raise QueryError("too many series at once", seen=str(len(of)), expected=f"at most {MOST_SERIES}")
    if "metrics" not in view.tables:
        raise UnknownError("no metrics are recorded")
    table, specs = view.table("metrics", at_s), view.whole.schema.metrics
    times_s, values = numbers(table["time_s"]), numbers(table["value"])
    in_time = within(times_s, since_s, until_s)
    found = []
    for name in of:
        parts = [*name.split("|"), "", "", ""][:4]
        if not parts[0] or not parts[1] or name.count("|") > 3:
            raise QueryError(
                "not the name of a metric's series", seen=name[:100], expected="METRIC|COMPONENT|PEER|ATTRIBUTE"
            )
        mask = in_time & _is(table, parts)
        unit = specs[parts[0]].unit if parts[0] in specs else "1"
        entry = {"metric": parts[0], "component": parts[1], "peer": parts[2] or None, "attribute": parts[3] or None}
        found.append({**entry, "unit": unit, "times_s": plain(times_s[mask]), "values": plain(values[mask])})
    return found


def _is(table: pa.Table, parts: Sequence[str]) -> Array:
    mask = np.ones(len(table), bool)
    for column, text in zip(_NAMES, parts, strict=True):
        one = texts_of(table, column)
        mask &= one.is_any([text]) if text else one.codes < 0
    return mask
