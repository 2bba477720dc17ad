"""Names of the model server: those of its model's signature, and those of TensorFlow Serving's own metrics."""

from __future__ import annotations

INPUT, OUTPUT = "inputs", "scores"
REQUEST_COUNT = ":tensorflow:serving:request_count"
REQUEST_LATENCY = ":tensorflow:serving:request_latency"
"""In microseconds."""
