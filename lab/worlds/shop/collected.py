"""The shop's tables from log events of its services: features served, and predictions with their outcomes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lab.agreed.run import Run
from lab.recording.collected import Columns, Events
from lab.worlds.kit.collected import served
from lab.worlds.shop.features import INPUT_NAMES, NAMES
from lab.worlds.shop.registration import LABEL_WINDOW_S


def features(events: Events, run: Run) -> Columns:
    """The served-feature log."""
    return served(events, run, ("user_id",), {"": NAMES})


def predictions(events: Events, run: Run, component: str) -> Columns:
    """The prediction log: items as shoppers saw them, the service's scores, and which were clicked."""
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
