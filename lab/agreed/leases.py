"""Leases: how long a container keeps a lever that the lab does not renew (real seconds)."""

from __future__ import annotations

LEASE_S = 10.0
"""What the lab asks for: a fault goes back by itself so long after the lab has died."""
LEASE_MAX_S = 60.0
"""The longest lease that a container grants."""
