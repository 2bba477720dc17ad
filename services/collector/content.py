"""Tables of the content: features served, predictions with their outcomes, log lines; from log events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lab.clock import NS
from lab.recording.schema import LABEL_WINDOW_S
from lab.worlds.shop.features import INPUT_NAMES, NAMES
from services.common.run import Run

Columns = dict[str, Any]
Events = dict[str, list[dict[str, Any]]]
LOGGED = ("call_failed", "feature_contract_violation", "job_run", "version_loaded")


def by_event(records: list[dict[str, Any]], run: Run) -> Events:
    """Log events by name, within the run, in order of time; `time_s` is added to each."""
    events: Events = {}
    for record in records:
        time_s = run.scenario_s(record["time_ns"] / NS)
        if 0 <= time_s <= run.duration_s:
            events.setdefault(record["event"], []).append(record | {"time_s": time_s})
    for found in events.values():
        found.sort(key=lambda record: record["time_ns"])
    return events


def features(events: Events, run: Run) -> Columns:
    """The served-feature log; ages in scenario seconds."""
    rows = events.get("feature_row_served", [])
    facts = [row["attributes"] for row in rows]

    def age(name: str) -> list[float]:
        ages = [fact[name] for fact in facts]
        return [np.nan if value is None else round(value * run.time_scale, 3) for value in ages]

    values = np.array([fact["values"] for fact in facts], float).reshape(len(facts), len(NAMES))
    return {
        "time_s": [row["time_s"] for row in rows],
        "trace_id": [row["trace_id"] for row in rows],
        "user_id": [fact["user_id"] for fact in facts],
        "source": [fact["source"] for fact in facts],
        "row_age_s": np.array(age("row_age_s"), float),
        "entry_age_s": np.array(age("entry_age_s"), float),
        **{f"feature.{name}": values[:, i] for i, name in enumerate(NAMES)},
    }


def predictions(events: Events, run: Run, component: str) -> Columns:
    """The prediction log: items as shoppers saw them, what the service says of them, and what became of them."""
    made = {event["trace_id"]: event["attributes"] for event in events.get("prediction_shown", [])}
    clicked = {
        (event["trace_id"], event["attributes"]["item_id"]): event["attributes"]["delay_s"]
        for event in events.get("item_clicked", [])
    }
    rows: list[tuple[Any, ...]] = []
    inputs: list[list[float]] = []
    for page in events.get("page_shown", []):
        trace_id, time_s = page["trace_id"], page["time_s"]
        if (prediction := made.get(trace_id)) is None:
            continue
        version, logged = prediction["model_version"], prediction["inputs"]
        is_closed = time_s + LABEL_WINDOW_S <= run.duration_s
        for i, (item, score) in enumerate(zip(prediction["item_ids"], prediction["scores"], strict=True)):
            delay_s = clicked.get((trace_id, item))
            outcome = float(delay_s is not None) if is_closed else np.nan
            delay_s = round(delay_s, 3) if is_closed and delay_s is not None else np.nan
            rows.append((time_s, trace_id, item, i + 1, version, score if version else np.nan, outcome, delay_s))
            width = len(INPUT_NAMES)
            inputs.append(logged[i * width : (i + 1) * width] or [np.nan] * width)
    names = ["time_s", "trace_id", "item_id", "position", "model_version", "score", "outcome", "label_delay_s"]
    frame = pd.DataFrame(rows, columns=names)
    matrix = np.array(inputs, np.float32).reshape(len(rows), len(INPUT_NAMES))
    return {
        **{name: frame[name].to_numpy() for name in names[:2]},
        "service.name": [component] * len(frame),
        **{name: frame[name].to_numpy() for name in names[2:]},
        **{f"input.{name}": matrix[:, i] for i, name in enumerate(INPUT_NAMES)},
    }


def logs(events: Events, statements: pd.DataFrame, run: Run, database: str) -> Columns:
    """The log table in time order: what components wrote, and the database's statements."""
    lines: list[tuple[Any, ...]] = []
    for name in LOGGED:
        for event in events.get(name, []):
            facts = event["attributes"]
            about = (event["trace_id"] or None, facts.get("subject"), facts.get("duration_s", np.nan), event["body"])
            lines.append((event["time_s"], event["service"], event["severity"], name, *about))
    for row in statements.itertuples():
        time_s, seconds = run.scenario_s(row.end_ns / NS), (row.end_ns - row.start_ns) / NS
        if 0 <= time_s <= run.duration_s:
            body = f"duration: {seconds * 1e3:.3f} ms  statement: {row.operation}"
            lines.append((time_s, database, "INFO", "statement", row.trace_id, row.application, seconds, body))
    lines.sort(key=lambda line: (line[0], line[4] or "", line[1], line[3]))
    names = ("time_s", "service.name", "severity_text", "event.name", "trace_id", "subject", "duration_s", "body")
    columns = list(zip(*lines, strict=True)) if lines else [()] * len(names)
    return {name: list(values) for name, values in zip(names, columns, strict=True)} | {
        "time_s": np.array(columns[0], float),
        "duration_s": np.array(columns[6], float),
    }
