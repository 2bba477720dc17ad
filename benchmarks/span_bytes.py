"""Bytes on disk of a recorded span, random 8-byte ids included: `spans.parquet` of shipped scenarios, unsampled.

python benchmarks/span_bytes.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from measuring import LAB, Figure, cpu_s, reported

SCENARIOS = ("recommender/feed-stall", "fraud/aggregates-stall")
GOAL = 28.0


def measure() -> list[Figure]:
    """The bytes of one recording of each system: they are the same in each."""
    return [_measured(scenario) for scenario in SCENARIOS]


def _measured(scenario: str) -> Figure:
    with tempfile.TemporaryDirectory() as directory:
        words = ["run", scenario, "--engine", "chance", "--no-report", "--quiet", "--runs-dir", directory]
        cpu_s([*LAB, *words], codes=(0, 1, 4))
        (path,) = Path(directory).glob("*/*/observed/spans.parquet")
        rows = pq.read_metadata(path).num_rows
        found = path.stat().st_size / rows
    name = f"{scenario.partition('/')[0]}: bytes a span on disk"
    return Figure(name, (found,), GOAL, digits=1, detail=f"{rows} spans of {scenario}")


if __name__ == "__main__":
    sys.exit(reported(measure()))
