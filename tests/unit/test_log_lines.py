"""Log lines that follow from calls: rendered at once, and as the shared texts say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lab.clock import NS
from lab.recording import texts
from lab.recording.arrow import texts_array
from lab.recording.logs import statements
from tests.recorded_runs import chain, made_up

pytestmark = pytest.mark.usefixtures("records_world")


@given(st.lists(st.integers(0, 600 * NS), min_size=1, max_size=20))
@example([1_234_500, 1_235_500, 500, 1_500, 2_500, 999_999_500, 0])
def test_statements_read_like_their_shared_text(durations_ns: list[int]) -> None:
    operations = ["select-orders", "read_row"]
    named = [operations[i % 2] for i in range(len(durations_ns))]
    rendered = statements(texts_array(named), np.array(durations_ns)).to_pylist()
    expected = [texts.statement(name, ns / NS) for name, ns in zip(named, durations_ns, strict=True)]
    assert rendered == expected


def test_failed_calls_read_like_their_shared_text_and_lie_in_order_of_time() -> None:
    recorder = chain()
    recorder.take(made_up(1, 0, 2_000, failing=0.2))
    logs = recorder.observed(600 * NS).frame("logs")
    assert logs["time_s"].is_monotonic_increasing
    bodies = set(logs.loc[logs["service.name"] == "front", "body"])
    assert texts.call_failed("orders_get", "orders", "error", 0, is_last=True, fallback=None) in bodies
    assert texts.call_failed("orders_get", "orders", "timeout", 0, is_last=False, fallback=None) in bodies
    assert set(logs.loc[logs["event.name"] == "call_failed", "severity_text"]) == {"WARN"}


def test_quick_statements_are_logged_where_the_level_shows_them() -> None:
    shown = {}
    for level in ("rich", "usual"):
        recorder = chain(observability=level)
        recorder.take(made_up(1, 0, 2_000))
        logs = recorder.observed(600 * NS).frame("logs")
        shown[level] = logs[logs["event.name"] == "statement"]
    assert len(shown["rich"]) == 2_000
    slow = shown["rich"][shown["rich"]["duration_s"] >= 0.1]
    assert 0 < len(slow) < 100
    assert shown["usual"]["body"].tolist() == slow["body"].tolist()
