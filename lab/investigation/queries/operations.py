"""What runs and what is served, as it could be seen at a time: jobs, versions, files of reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from lab.investigation.queries import metrics
from lab.investigation.queries.asking import UnknownError, without_nan
from lab.investigation.queries.logs import Wanted, logs
from lab.investigation.view import View
from lab.recording.arrow import numbers_array

MOST_RUNS = 100
MOST_ROWS = 200
JOB_RUN = "job_run"
NOTICES = ("job_skipped", "job_timeout", "job_retry")
VERSION = "version"
"""In the names of metrics and log events that tell of versions, and the field that entries of a registry have."""


def jobs(view: View, at_s: float) -> list[dict[str, Any]]:
    """Every job with its schedule, its last runs as logged, what its scheduler noted, and when it last succeeded."""
    described, signals = view.system(at_s), view.signals(at_s)
    found = []
    for name, part in described["components"].items():
        if part["kind"] != "job":
            continue
        age = signals.get("job_last_success_age_s", name)
        known = age.values[~np.isnan(age.values)] if age is not None else np.empty(0)
        runs, _ = logs(view, at_s, Wanted(service=name, event=JOB_RUN, limit=MOST_RUNS))
        notices = [
            line
            for event in NOTICES
            for line in logs(view, at_s, Wanted(service=name, event=event, limit=MOST_RUNS))[0]
        ]
        found.append(
            {
                "name": name,
                "period_s": part["period_s"],
                "starts_s": part.get("starts_s", 0.0),
                "needs": part.get("needs", []),
                "calls": [step["call"] for step in part["steps"] if step.get("call")],
                "last_success_age_s": float(known[-1]) if len(known) else None,
                "runs": runs,
                "notices": sorted(notices, key=lambda line: -line["time_s"])[:MOST_RUNS],
            }
        )
    return found


def versions(view: View, at_s: float) -> dict[str, Any]:
    """Versions that were published, that were served over time, and what logs and the change log say of them."""
    registered = {
        name: without_nan(view.reference(name, at_s)) for name in view.whole.reference if name.endswith(".json")
    }
    registries = {name: content for name, content in registered.items() if _is_registry(content)}
    names = [one["of"] for entry in metrics.catalogue(view, at_s) if _tells(entry["metric"]) for one in entry["series"]]
    served = metrics.series(view, at_s, names[: metrics.MOST_SERIES]) if names else []
    known = view.whole.schema.log_events
    lines = [line for event in known if _tells(event) for line in logs(view, at_s, Wanted(event=event, limit=100))[0]]
    return {
        "registered": [
            {"file": name, "version": entry[VERSION], "entry": entry}
            for name, entries in registries.items()
            for entry in entries
        ],
        "served": served,
        "logged": sorted(lines, key=lambda line: -line["time_s"]),
        "changes": [without_nan(entry) for entry in view.changes(at_s)],
    }


def _is_registry(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(entry, dict) and VERSION in entry for entry in content)


def _tells(name: str) -> bool:
    return VERSION in name.replace("_", ".").split(".")


def references(view: View) -> list[dict[str, Any]]:
    """Files of reference that a team has at hand, and what they are."""
    files = view.whole.schema.files
    return [{"name": name, "doc": files[f"reference/{name}"].doc} for name in view.whole.reference]


def reference(view: View, at_s: float, name: str) -> dict[str, Any]:
    """One of them as it was: its JSON content, or of a table the columns and the first rows."""
    if name not in view.whole.reference:
        raise UnknownError("unknown file of reference", expected="a name from the list of them")
    content = view.reference(name, at_s)
    if not isinstance(content, pa.Table):
        return {"name": name, "content": without_nan(content), "columns": None, "rows": None, "rows_count": None}
    shown = content.take(numbers_array(np.arange(min(MOST_ROWS, len(content)))))
    rows = [without_nan(row) for row in shown.to_pylist()]
    return {
        "name": name,
        "content": None,
        "columns": content.column_names,
        "rows": rows,
        "rows_count": len(content),
    }
