"""Ports inside the stack's containers, where a service listens unless its environment says otherwise."""

from __future__ import annotations

LOAD = 8089
LINKS = 8474
COLLECTOR = 4318
MODEL_REST = 8501
DATABASE = 5432
CACHE = 6379
